/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a process has memory, from its /proc/PID/maps (proc_pid_maps(5)). The process chooses
 * the names of files in it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct memory_region {
	uint64_t start, end;
};

struct memory_map {
	struct memory_region *regions;
	size_t count;
};

/* Readable regions, without the kernel's own. -E2BIG: more of them than any process has. */
int memory_map_read(int fd, struct memory_map *ret);
int memory_map_parse(const char *text, size_t size, struct memory_map *ret);
void memory_map_clear(struct memory_map *map);
