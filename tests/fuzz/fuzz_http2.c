/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: HTTP/2 frames, all at once and byte by byte.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/flow_names.h"
#include "scan/http2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sum over all that was told, to compare two ways of reading. */
static uint64_t frames_read(const uint8_t *bytes, size_t size, size_t step)
{
	struct http2 http2 = { 0 };
	uint64_t sum = 0;
	int r = 0;

	for (size_t there = step; r >= 0; there += step) {
		if (there > size)
			there = size;
		do {
			struct flow_facts facts = { 0 };
			struct flow_names names = { 0 };

			r = http2_take(&http2, bytes, there, &facts, &names);
			assert(strlen(facts.name) <= FLOW_NAME_MAX);
			for (const char *at = facts.name; r > 0 && *at; at++)
				sum = sum * 31 + (unsigned char)*at;
			sum += r > 0;
		} while (r > 0);
		if (there == size)
			break;
	}
	http2_clear(&http2);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(free_cleanup) uint8_t *copy = malloc(size + 1);

	if (!copy || size > 16384)
		return 0;
	memcpy(copy + 1, data, size);
	if (size > 0 && http2_look(copy + 1, size) > 0)
		assert(frames_read(copy + 1, size, size) == frames_read(copy + 1, size, 1));
	return 0;
}
