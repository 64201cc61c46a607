/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the head of an HTTP/1 request, and the same bytes as a chunked body and as an
 * authority.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/flow_names.h"
#include "scan/http_authority.h"
#include "scan/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_head(const char *text, size_t size)
{
	struct flow_facts facts = { .protocol = FLOW_HTTP };
	struct flow_names names = { 0 };
	struct http_request request;
	size_t searched = 0, again = 0, head = http_head_size(text, size, &searched), steps = 0;

	assert(head <= size && searched <= size);
	/* The end is found at the same place when the bytes come one by one. */
	while (steps < size && http_head_size(text, steps, &again) == 0)
		steps++;
	assert(head == 0 || steps <= size);
	assert(http_head_size(text, steps, &again) == (head > 0 ? head : 0) || head == 0);
	http_request_read(text, head > 0 ? head : size, &request, &facts, &names);
	assert(strlen(facts.name) <= FLOW_NAME_MAX && strlen(facts.method) <= FLOW_METHOD_MAX);
	assert((facts.outcome == FLOW_READ) == (facts.reason[0] == '\0'));
	while (flow_names_next(&names, &facts))
		assert(facts.name[0] != '\0' && strlen(facts.name) <= FLOW_NAME_MAX);
}

static void check_authority(const char *text, size_t size)
{
	struct http_authority authority;

	http_authority_read(text, size, &authority);
	assert(authority.host >= text && authority.host + authority.size <= text + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(free_cleanup) char *copy = malloc(size + 1);
	const char *text;
	size_t body;

	if (!copy || size > 16384)
		return 0;
	memcpy(copy + 1, data, size);
	text = copy + 1;
	if (http_request_look(text, size) > 0)
		check_head(text, size);
	check_authority(text, size);
	if (http_chunks_skip(text, size, &body) > 0)
		assert(body > 0 && body <= size);
	return 0;
}
