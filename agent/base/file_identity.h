/* SPDX-License-Identifier: Apache-2.0
 *
 * Which file a descriptor is of, and in which state: two descriptors with the same identity have
 * the same content, as far as the kernel tells. The time of change (ctime) is the kernel's own,
 * nobody can set it; it stands for the generation of an inode, too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_identity {
	uint64_t device, inode;
	uint64_t changed; /* ctime, ns since the epoch */
	uint64_t size;
};

void file_identity_take(const struct stat *status, struct file_identity *ret);
/* 0 or a negative errno; ret_status may be NULL. */
int file_identity_read(int fd, struct file_identity *ret, struct stat *ret_status);
bool file_identity_equal(const struct file_identity *a, const struct file_identity *b);
/* The same inode, whatever happened to it. */
bool file_identity_same_file(const struct file_identity *a, const struct file_identity *b);
