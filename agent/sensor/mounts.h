/* SPDX-License-Identifier: Apache-2.0
 *
 * The mounts of our mount namespace (/proc/self/mountinfo, proc(5)), and which file systems are
 * worth watching: neither those that the kernel makes up, nor those that answer over a network.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mount {
	dev_t device;
	const char *path, *type; /* unescaped; borrowed for the call */
};

/* A line of mountinfo, which is written to; ret's texts are in it. False: it is none. */
bool mounts_line(char *line, struct mount *ret);

/* Looked at at most; a host with more of them is told of the rest. */
#define MOUNTS_MAX 16384

/* Calls visit for each, in the order of the file. Returns how many, or a negative errno. */
int mounts_each(void (*visit)(const struct mount *mount, void *userdata), void *userdata);

enum mount_kind {
	MOUNT_LOCAL,
	MOUNT_LAYERED, /* overlay: what containers see */
	MOUNT_PSEUDO,
	MOUNT_REMOTE, /* network, FUSE: may answer late, or never */
};
enum mount_kind mount_kind(const char *type);

/* A descriptor that poll(2) says POLLPRI of when the mounts have changed, or a negative errno. */
int mounts_watch(void);
/* Makes it ready for the next change. */
void mounts_seen(int fd);

/* Whether path is folder or below it. */
bool path_below(const char *path, const char *folder);
