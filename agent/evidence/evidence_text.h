/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts of the host that evidence is read from: what stands in /proc, dpkg's status, users. All of
 * it was written by other programs, and names in it were chosen by them. Pure; what is found lies
 * within the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct evidence_span {
	const char *at;
	size_t size;
};

/* The next line, without its line feed; false: there is none. */
bool evidence_line_next(struct evidence_span *rest, struct evidence_span *ret);

/* /proc/PID/stat. */
struct evidence_stat {
	struct evidence_span comm;
	char state;
	pid_t parent;
	uint64_t start; /* clock ticks since boot */
};
int evidence_stat_read(struct evidence_span text, struct evidence_stat *ret);

/* A line of /proc/PID/maps. -EBADMSG. */
struct evidence_mapping {
	uint64_t start, end;
	bool readable, writable, executable, shared;
	uint64_t inode;
	struct evidence_span name; /* size 0: none */
};
int evidence_mapping_read(struct evidence_span line, struct evidence_mapping *ret);

/* dpkg's status: what it knows of one package. Fields that are missing have size 0. */
struct evidence_package {
	struct evidence_span name, version, architecture, status;
};
/* The next paragraph that names a package; false: there is none. */
bool evidence_package_next(struct evidence_span *rest, struct evidence_package *ret);

/* A line of /etc/passwd: its home. -EBADMSG: it has none, or none that is absolute. */
int evidence_home_read(struct evidence_span line, struct evidence_span *ret);
