/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/assembly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for most first flights, so that growing is rare. */
#define CAPACITY_FIRST 2048

void assembly_clear(struct assembly *assembly)
{
	free(assembly->bytes);
	free(assembly->held);
	*assembly = (struct assembly){ 0 };
}

static int capacity_grow(struct assembly *assembly, size_t needed)
{
	size_t capacity = assembly->capacity ? assembly->capacity : CAPACITY_FIRST;
	uint8_t *bytes;

	if (needed <= assembly->capacity)
		return 0;
	while (capacity < needed)
		capacity *= 2;
	bytes = realloc(assembly->bytes, capacity);
	if (!bytes)
		return -ENOMEM;
	assembly->bytes = bytes;
	assembly->capacity = capacity;
	return 0;
}

static bool byte_held(const struct assembly *assembly, size_t at)
{
	return assembly->held[at / 8] >> at % 8 & 1;
}

/* The slow way, byte by byte: there is a gap before these bytes, or there are bytes behind one. */
static void bytes_fill(struct assembly *assembly, size_t offset, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		size_t at = offset + i;

		if (byte_held(assembly, at))
			continue;
		assembly->bytes[at] = bytes[i];
		assembly->held[at / 8] |= (uint8_t)(1u << at % 8);
	}
	if (offset + size > assembly->end)
		assembly->end = offset + size;
	while (assembly->ready < assembly->end && byte_held(assembly, assembly->ready))
		assembly->ready++;
}

int assembly_add(struct assembly *assembly, uint64_t offset, const uint8_t *bytes, size_t size)
{
	size_t known;
	int r;

	if (size > 0 && (offset >= ASSEMBLY_MAX || size > ASSEMBLY_MAX - offset)) {
		assembly->cut = true;
		size = offset < ASSEMBLY_MAX ? (size_t)(ASSEMBLY_MAX - offset) : 0;
	}
	if (size == 0 || offset + size <= assembly->ready)
		return 0;
	known = offset < assembly->ready ? assembly->ready - (size_t)offset : 0;
	offset += known;
	bytes += known;
	size -= known;
	r = capacity_grow(assembly, (size_t)offset + size);
	if (r < 0)
		return r;
	if (offset == assembly->ready && assembly->ready == assembly->end) {
		memcpy(assembly->bytes + offset, bytes, size);
		assembly->ready = assembly->end = (size_t)offset + size;
		return 0;
	}
	if (!assembly->held)
		assembly->held = calloc(1, ASSEMBLY_MAX / 8);
	if (!assembly->held)
		return -ENOMEM;
	bytes_fill(assembly, (size_t)offset, bytes, size);
	return 0;
}
