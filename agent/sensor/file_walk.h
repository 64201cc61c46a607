/* SPDX-License-Identifier: Apache-2.0
 *
 * A walk over folders, in small steps, which can be given up and taken up again: the place is the
 * folder that it has come to. Folders are visited in the order of their names, files in any. It
 * stays on local file systems, and follows no symbolic link.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct file_walk;

struct file_walk_options {
	const char *const *roots, *const *exclude;
	size_t roots_count, exclude_count;
	uint64_t since;	   /* files that changed (ctime) at this time or later, ns; 0: all */
	const char *place; /* where an earlier walk came to; NULL: from the beginning */
};

/* Copies what it needs. */
int file_walk_new(const struct file_walk_options *options, struct file_walk **ret);
void file_walk_free(struct file_walk *walk);

enum file_walk_step {
	FILE_WALK_FILE,	 /* *ret_path: a file, borrowed until the next step */
	FILE_WALK_PAUSE, /* so many entries were looked at */
	FILE_WALK_END,
};
enum file_walk_step file_walk_next(struct file_walk *walk, unsigned entries, const char **ret_path);

/* Borrowed until the next step; "" at the beginning. */
const char *file_walk_place(const struct file_walk *walk);
/* Folders that could not be read, or whose subfolders were too many. */
uint64_t file_walk_unread(const struct file_walk *walk);
