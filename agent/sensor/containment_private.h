/* SPDX-License-Identifier: Apache-2.0
 *
 * What containment.c (the whole, and what is in force), containment_links.c (the cgroup tree),
 * containment_interfaces.c, containment_left.c (what is left on them), containment_cgroups.c (who
 * is exempt) and containment_open.c (what stays open) share.
 */
#pragma once

#include <limits.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "sensor/containment.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "probes/contain.skel.h"
#pragma GCC diagnostic pop

/* Below the folder of pins. */
#define CONTAINMENT_FOLDER "contain"
#define CONTAINMENT_PIN	   "control"

#define CONTAINMENT_LINKS      7
#define CONTAINMENT_SIDES      2 /* out, in */
/* Another kind of filter may have the first; what has an earlier one may let a packet by. */
#define CONTAINMENT_PRIORITIES 8

/* Sorted. */
struct cgroup_ids {
	uint64_t *ids;
	size_t count, room;
};

struct containment_interface {
	unsigned index;
	int fds[CONTAINMENT_SIDES];	      /* links (tcx), or -1 */
	unsigned priority[CONTAINMENT_SIDES]; /* of a filter (clsact), or 0 */
	bool seen;
};

struct containment {
	struct contain_probes *probes;
	char folder[PATH_MAX]; /* of its pins; "": none */
	char root[PATH_MAX];   /* of the cgroup hierarchy */
	char tree[PATH_MAX];   /* that is cut */
	int cgroup_fd;
	bool whole; /* the tree is the hierarchy */
	bool wants_interfaces;
	char **exempt, **resolving;
	size_t exempt_count, resolving_count;
	int links[CONTAINMENT_LINKS];
	struct containment_interface *interfaces;
	size_t interfaces_count;
	size_t exempt_found;
	struct cgroup_ids snapshot_exempt, snapshot_tree;
	char cgroups_problem[200], interfaces_problem[200];
	char problem[512];
};

/* containment_open.c */
void containment_open_free(struct containment *containment);

/* containment_links.c */
int containment_links_take(struct containment *containment);
int containment_links_attach(struct containment *containment);
void containment_links_detach(struct containment *containment);
bool containment_links_hold(const struct containment *containment);
void containment_links_close(struct containment *containment);

/* containment_interfaces.c */
/* Has the kernel load what it needs for filters: that would take its time when they are wanted. */
void containment_interfaces_prepare(const struct containment *containment);
void containment_interfaces_detach(struct containment *containment);
bool containment_interfaces_hold(const struct containment *containment);
void containment_interfaces_close(struct containment *containment);
/* The id of the program of our filter (clsact) there; 0: none. */
uint32_t containment_filter_find(unsigned index, size_t side, unsigned priority);
void containment_filter_remove(unsigned index, size_t side, unsigned priority);

/* containment_cgroups.c */
int containment_ids_collect(const char *path, struct cgroup_ids *ids);
bool containment_ids_have(const struct cgroup_ids *ids, uint64_t id);
void containment_ids_free(struct cgroup_ids *ids);
