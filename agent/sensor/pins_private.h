/* SPDX-License-Identifier: Apache-2.0
 *
 * What pins.c (the order), pin_maps.c (which maps are used again), pin_links.c (links) and
 * pin_unload.c share.
 */
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "sensor/pin_state.h"
#include "sensor/pins.h"

#define PIN_NAME_SIZE 64
#define PIN_MAPS_MAX  64
#define PIN_LINKS_MAX 64

struct pins {
	char folder[PATH_MAX];
	int lock_fd;
	uint64_t current;    /* generation that was in force; 0: none */
	uint64_t generation; /* ours */
	int state_fd;
	struct pin_state *state; /* mapped */
	bool state_kept;
	/* Names of the object's maps in a generation, in its order: taken before it is loaded,
	 * which changes what is known of their types. */
	char names[PIN_MAPS_MAX][PIN_NAME_SIZE];
	/* Maps used again, by name; and those that are to be copied from, by descriptor. */
	char kept[PIN_MAPS_MAX][PIN_NAME_SIZE];
	size_t kept_count;
	struct {
		char name[PIN_NAME_SIZE];
		int fd;
	} copies[PIN_MAPS_MAX];
	size_t copies_count;
	/* Links that are ours. */
	char links[PIN_LINKS_MAX][PIN_NAME_SIZE];
	size_t links_count;
};

/* The map of a generation whose own name is this, whatever its layout; *ret_name (NULL: not asked)
 * is its pin's. A descriptor, or -ENOENT. */
int pin_map_find(const char *folder, uint64_t generation, const char *name,
		 char ret_name[PIN_NAME_SIZE]);
/* The map's id, or 0. */
uint32_t pin_map_id(int fd);
int pin_map_info(int fd, struct bpf_map_info *ret);

/* Removes links that are not ours. */
int pin_links_prune(struct pins *pins);
/* Detaches what is pinned at links/NAME, and removes the pin. */
int pin_link_remove(const char *folder, const char *name);
