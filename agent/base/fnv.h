/* SPDX-License-Identifier: Apache-2.0
 *
 * FNV-1a: for tables and for telling states apart, where nobody gains by a collision, or where the
 * start is random. (siphash.h is for keys that others choose.)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)

/* Takes one more value in: a byte, for the hash that has the name. */
static inline uint64_t fnv_step(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * UINT64_C(0x100000001b3);
}

static inline uint64_t fnv_add(uint64_t hash, const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++)
		hash = fnv_step(hash, byte[i]);
	return hash;
}
