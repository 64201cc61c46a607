/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/2 in the clear with prior knowledge (RFC 9113, 3.3): the servers that its requests name.
 * Given the bytes of a stream as they come. The client controls every byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan/assembly.h"
#include "scan/hpack.h"

struct flow_facts;
struct flow_names;

struct http2 {
	size_t at;	       /* what was read */
	struct assembly block; /* a header block that goes on in CONTINUATION frames */
	struct hpack hpack;
	bool open;   /* such a block was begun */
	bool broken; /* nothing more can be read */
};

/* Whether a stream that starts like this is HTTP/2: 1 yes, 0 no, -ENODATA: too short to say. */
int http2_look(const uint8_t *bytes, size_t size);

/* Reads on in bytes, whose first size are there, up to the next request; http2 must have been
 * zeroed, and be given the same bytes in each call. 1: facts and names have it; facts are malformed
 * when it, or the frame that it stands in, cannot be read. 0: more is wanted. -ENODATA: nothing can
 * follow. -ENOMEM. */
int http2_take(struct http2 *http2, const uint8_t *bytes, size_t size, struct flow_facts *facts,
	       struct flow_names *names);
void http2_clear(struct http2 *http2);
