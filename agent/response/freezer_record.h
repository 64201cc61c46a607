/* SPDX-License-Identifier: Apache-2.0
 *
 * What is frozen, on disk before it is: so that it can be thawed by who comes after. One line each
 * in a file of the state folder:
 *
 *   boot 01234567-...            what is below is of this boot, and of no other
 *   cgroup INODE PATH            below the cgroup mount
 *   process PID START            ns on the boot clock
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FREEZER_ENTRIES_MAX 64

struct freezer_entry {
	char cgroup[PATH_MAX]; /* "": a process */
	uint64_t inode;
	pid_t pid;
	uint64_t start;
};

struct freezer_record {
	struct freezer_entry entries[FREEZER_ENTRIES_MAX];
	size_t count;
};

/* What is of another boot is not in it. A file that is not there is an empty record. -EBADMSG: it
 * is not of the form. */
int freezer_record_load(const char *path, struct freezer_record *ret);
/* Durable when it returns 0; an empty one removes the file. */
int freezer_record_save(const char *path, const struct freezer_record *record);
