/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder of pins, on a bpf file system:
 *
 *	links/NAME           what is attached, by hook: "egress_packet"
 *	gen-N/MAP-LAYOUT     the maps of one load, those that it took over among them
 *	gen-N/state          pin_state.h
 *	current              a symbolic link to the generation in force
 *
 * Everything that is replaced is replaced by a rename. Names ending in "-new" are of a step that
 * was not finished. Owns paths, mounting and the lock; what is in the pins is pins.c's. Only root
 * may write there.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define PIN_LINKS      "links"
#define PIN_CURRENT    "current"
#define PIN_STATE      "state"
#define PIN_GENERATION "gen-"
#define PIN_UNFINISHED "-new"

/* Makes the folder, and mounts a bpf file system below it (at /sys/fs/bpf, or at the folder) when
 * there is none; logs that. -EPERM: others may write to it. */
int pin_folder_make(const char *folder);

/* Locks it for as long as the descriptor is open. -EBUSY: somebody has it; -ENOENT. */
int pin_folder_lock(const char *folder, int *ret_fd);

/* "FOLDER/NAME", or with name NULL "FOLDER"; 0 or -ENAMETOOLONG. */
int pin_path(char out[static PATH_MAX], const char *folder, const char *middle, const char *name);

/* Calls each for every entry of FOLDER/MIDDLE (middle: NULL for the folder itself), which may
 * remove it. Stops at a negative value. A folder that is not there has no entries. */
int pin_folder_each(const char *folder, const char *middle,
		    int (*each)(const char *name, void *userdata), void *userdata);

/* The generation that "current" points at; 0: none. */
uint64_t pin_folder_current(const char *folder);
int pin_folder_set_current(const char *folder, uint64_t generation);

/* The number in "gen-N"; 0: another name. */
uint64_t pin_generation(const char *name);
#define PIN_GENERATION_SIZE 32
void pin_generation_name(uint64_t generation, char out[static PIN_GENERATION_SIZE]);

/* Pins the object at FOLDER/MIDDLE/NAME in the place of what is there. */
int pin_replace(int object_fd, const char *folder, const char *middle, const char *name);
/* A descriptor of what is pinned there, or a negative errno. */
int pin_open(const char *folder, const char *middle, const char *name);

/* Removes the pins in a folder, and the folder. */
int pin_folder_remove(const char *folder, const char *middle);
