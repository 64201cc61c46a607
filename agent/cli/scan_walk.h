/* SPDX-License-Identifier: Apache-2.0
 *
 * The files to scan, one after the other: below the paths that were given, without following links
 * out of them, without opening what is no regular file, and without file systems that the kernel
 * makes up. Whoever owns the folders controls all names in them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct scan_walk;

struct scan_walk_options {
	char **paths;
	size_t paths_count;
	const char *const *excludes; /* globs of a path or of its last part */
	size_t excludes_count;
	uint64_t since; /* ns since the epoch: changed since then; 0: whenever */
	bool recursive;
	/* A file that need not be opened. May be NULL. */
	bool (*known)(const char *path, const struct stat *status, void *userdata);
	/* What cannot be read. text: raw path, and why. */
	void (*trouble)(const char *path, int error, void *userdata);
	void *userdata;
};

struct scan_walk_counters {
	uint64_t excluded, unchanged, special; /* special: pipes, sockets, devices, links */
};

struct scan_walk_file {
	int fd;		  /* the caller's; -1 where only counting */
	const char *path; /* raw; borrowed until the next call */
	struct stat status;
};

int scan_walk_new(const struct scan_walk_options *options, struct scan_walk **ret);
void scan_walk_free(struct scan_walk *walk);
/* 1, 0 at the end, -ENOMEM. opened false: files are only counted, and nothing is told. */
int scan_walk_next(struct scan_walk *walk, bool opened, struct scan_walk_file *ret);
const struct scan_walk_counters *scan_walk_counters(const struct scan_walk *walk);
