/* SPDX-License-Identifier: Apache-2.0
 *
 * Room in an array that grows by doubling.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

/* The array (NULL at first), moved if need be, with room for wanted items (at least one); *room is
 * how many it holds. NULL when memory is short: the array is then as it was. */
static inline void *array_reserve(void *array, size_t *room, size_t wanted, size_t item_size)
{
	size_t larger = *room ? *room : 64;

	if (wanted <= *room)
		return array;
	while (larger < wanted)
		larger *= 2;
	array = reallocarray(array, larger, item_size);
	if (array)
		*room = larger;
	return array;
}
