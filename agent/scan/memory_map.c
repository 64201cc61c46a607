/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/memory_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The kernel allows 65,530 by default (vm.max_map_count), with names of up to a page. */
#define TEXT_MAX    ((size_t)32 << 20)
#define TEXT_FIRST  ((size_t)64 * 1024)
#define REGIONS_MAX 131072

void memory_map_clear(struct memory_map *map)
{
	free(map->regions);
	*map = (struct memory_map){ 0 };
}

static bool hex_read(const char **at, const char *end, uint64_t *ret)
{
	uint64_t value = 0;
	const char *start = *at;

	for (; *at < end && *at - start < 16; ++*at) {
		char c = **at;

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	*ret = value;
	return *at > start;
}

/* "START-END rwxp ... NAME". False: not to be read. */
static bool line_read(const char *line, const char *end, struct memory_region *ret)
{
	static const char vsyscall[] = "[vsyscall]", vvar[] = "[vvar";
	const char *at = line;

	if (!hex_read(&at, end, &ret->start) || at == end || *at++ != '-' ||
	    !hex_read(&at, end, &ret->end) || end - at < 2 || at[0] != ' ' || at[1] != 'r')
		return false;
	/* The kernel's own have no path; a file may be called anything. */
	if (!memchr(at, '/', (size_t)(end - at)) &&
	    (memmem(at, (size_t)(end - at), vsyscall, sizeof(vsyscall) - 1) ||
	     memmem(at, (size_t)(end - at), vvar, sizeof(vvar) - 1)))
		return false;
	return ret->end > ret->start && ret->end <= INT64_MAX;
}

int memory_map_parse(const char *text, size_t size, struct memory_map *ret)
{
	struct memory_map map = { 0 };
	size_t room = 0;

	for (const char *line = text, *stop = text + size; line < stop;) {
		const char *end = memchr(line, '\n', (size_t)(stop - line));
		struct memory_region region;

		if (!end)
			end = stop;
		if (line_read(line, end, &region)) {
			if (map.count == room) {
				struct memory_region *regions;

				room = room ? room * 2 : 64;
				regions = room <= REGIONS_MAX ? reallocarray(map.regions, room,
									     sizeof(*regions))
							      : NULL;
				if (!regions) {
					memory_map_clear(&map);
					return room <= REGIONS_MAX ? -ENOMEM : -E2BIG;
				}
				map.regions = regions;
			}
			map.regions[map.count++] = region;
		}
		line = end + (end < stop);
	}
	*ret = map;
	return 0;
}

int memory_map_read(int fd, struct memory_map *ret)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size = 0, room = 0;

	for (;;) {
		ssize_t n;

		if (size == room) {
			char *larger;

			room = room ? room * 2 : TEXT_FIRST;
			if (room > TEXT_MAX)
				return -E2BIG;
			larger = realloc(text, room);
			if (!larger)
				return -ENOMEM;
			text = larger;
		}
		n = pread(fd, text + size, room - size, (off_t)size);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	return memory_map_parse(text, size, ret);
}
