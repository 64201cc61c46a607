/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the memory map of a process, which chose the names in it. Whatever comes: each
 * region has a beginning before its end, and ends in the half of memory that is a program's.
 */
#include <assert.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "scan/memory_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory_map map;

	if (memory_map_parse((const char *)data, size, &map) < 0)
		return 0;
	for (size_t i = 0; i < map.count; i++)
		assert(map.regions[i].start < map.regions[i].end &&
		       map.regions[i].end <= INT64_MAX);
	memory_map_clear(&map);
	return 0;
}
