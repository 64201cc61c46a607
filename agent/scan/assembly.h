/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream put together from pieces that come in any order, twice, or overlapping: TCP segments,
 * CRYPTO frames. Bounded. Of bytes that come twice the first stand, as on most receivers; whoever
 * sends two versions of the same bytes controls which one the server takes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASSEMBLY_MAX 16384 /* bytes; what lies beyond is left out, and cut says so */

struct assembly {
	uint8_t *bytes; /* from offset 0; the first ready ones are there without a gap */
	size_t ready;
	bool cut;
	/* its own */
	size_t end, capacity; /* end: behind the last byte that is held */
	uint8_t *held; /* a bit a byte beyond ready; NULL as long as none came out of order */
};

/* A zeroed one is empty. 0 or -ENOMEM. */
int assembly_add(struct assembly *assembly, uint64_t offset, const uint8_t *bytes, size_t size);
/* Frees what it holds; it is then empty. */
void assembly_clear(struct assembly *assembly);
