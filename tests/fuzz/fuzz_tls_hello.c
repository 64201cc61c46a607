/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a ClientHello message, whole, and cut at a position that its last byte chooses.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/flow_names.h"
#include "scan/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_cut(const uint8_t *data, size_t size, struct flow_facts *facts)
{
	/* A copy of its own, so that the sanitizer sees each read beyond what is at hand. */
	CLEANUP(free_cleanup) uint8_t *copy = malloc(size + 1);
	struct flow_names names = { 0 };

	*facts = (struct flow_facts){ .protocol = FLOW_TLS };
	if (!copy)
		return;
	memcpy(copy + 1, data, size);
	tls_hello_read(copy + 1, size, TLS_QUIC, facts, &names);
	assert(strlen(facts->name) <= FLOW_NAME_MAX && strlen(facts->alpn) <= FLOW_ALPN_MAX);
	assert(facts->ja4[0] == '\0' || strlen(facts->ja4) == FLOW_JA4_SIZE - 1);
	assert((facts->outcome == FLOW_READ) == (facts->reason[0] == '\0'));
	assert(facts->outcome != FLOW_READ || facts->ja4[0] != '\0');
	assert(names.count == 0 || facts->outcome == FLOW_MALFORMED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow_facts whole, cut;

	if (size == 0 || size > 16384)
		return 0;
	read_cut(data, size, &whole);
	read_cut(data, data[size - 1] * size / 256, &cut);
	/* What is missing can't make another name of it. */
	assert(cut.name[0] == '\0' || strcmp(cut.name, whole.name) == 0);
	(void)tls_hello_v2_look(data, size);
	return 0;
}
