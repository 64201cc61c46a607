/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a stream, at once, and in segments that the first byte chooses, scattered and sent
 * twice: both must give the same facts.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/flow_reader.h"
#include "sensor/flow_facts.h"

#define FACTS_MAX 64 /* that are compared; a stream may hold more requests */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
	struct flow_facts facts[FACTS_MAX];
	size_t count;
};

static int facts_collect(struct flow_reader *reader, int r, struct found *found)
{
	while (r == FLOW_READER_DONE) {
		const struct flow_facts *facts = flow_reader_facts(reader);

		assert((size_t)facts->protocol < FLOW_PROTOCOLS);
		assert((size_t)facts->outcome < FLOW_OUTCOMES);
		assert((facts->outcome == FLOW_READ) == (facts->reason[0] == '\0'));
		if (found->count < FACTS_MAX)
			found->facts[found->count] = *facts;
		found->count++;
		r = flow_reader_next(reader);
	}
	return r;
}

static int take_copy(struct flow_reader *reader, size_t offset, const uint8_t *bytes, size_t size,
		     bool last)
{
	CLEANUP(free_cleanup) uint8_t *copy = malloc(size + 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy + 1, bytes, size);
	return flow_reader_take(reader, (uint32_t)offset, copy + 1, size, last);
}

static void whole_read(const uint8_t *data, size_t size, struct found *found)
{
	struct flow_reader *reader;

	if (flow_reader_new(FLOW_STREAM, &reader) < 0)
		return;
	(void)facts_collect(reader, take_copy(reader, 0, data, size, true), found);
	flow_reader_free(reader);
}

static void segments_read(const uint8_t *data, size_t size, unsigned seed, struct found *found)
{
	size_t segment = seed / 4 + 1, count = (size + segment - 1) / segment;
	size_t stride = seed & 1 && count % 7919 != 0 ? 7919 : 1;
	struct flow_reader *reader;
	int r = 0;

	if (flow_reader_new(FLOW_STREAM, &reader) < 0)
		return;
	for (size_t i = 0; i < count && r >= 0; i++) {
		size_t at = i * stride % count * segment;
		size_t length = size - at < segment ? size - at : segment;

		r = facts_collect(reader, take_copy(reader, at, data + at, length, false), found);
		if (r == 0 && seed & 2)
			r = facts_collect(reader,
					  take_copy(reader, at / 2, data + at / 2, length, false),
					  found);
	}
	if (r == 0)
		(void)facts_collect(reader, flow_reader_take(reader, 0, NULL, 0, true), found);
	flow_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct found whole, parts;

	if (size < 2 || size > FLOW_READER_BYTES_MAX)
		return 0;
	memset(&whole, 0, sizeof(whole));
	memset(&parts, 0, sizeof(parts));
	whole_read(data + 1, size - 1, &whole);
	/* A duplicate of half the offset may bring bytes before their time, but the same ones. */
	segments_read(data + 1, size - 1, data[0], &parts);
	assert(whole.count == parts.count);
	for (size_t i = 0; i < whole.count && i < FACTS_MAX; i++) {
		const struct flow_facts *a = &whole.facts[i], *b = &parts.facts[i];

		assert(a->protocol == b->protocol && a->outcome == b->outcome);
		assert(strcmp(a->name, b->name) == 0 && strcmp(a->ja4, b->ja4) == 0);
		assert(strcmp(a->reason, b->reason) == 0 && a->http_port == b->http_port);
	}
	return 0;
}
