/* SPDX-License-Identifier: Apache-2.0
 *
 * HPACK (RFC 7541), as far as it takes to know whom an HTTP/2 request is for: header blocks in, and
 * ":authority", "host" and ":method" out. Other fields are read over, but keep their places in the
 * dynamic table. The client controls the blocks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Entries of the dynamic table. Nothing is evicted: an encoder never refers to what it knows to be
 * gone, and the bytes that are read of a flow hold less than this. */
#define HPACK_ENTRIES_MAX 8192
#define HPACK_VALUE_MAX	  256 /* what is longer is cut; no name is */

enum hpack_field { HPACK_OTHER, HPACK_AUTHORITY, HPACK_HOST, HPACK_METHOD };

struct hpack_entry {
	enum hpack_field field;
	char *value; /* NULL for HPACK_OTHER */
	size_t size;
};

struct hpack {
	struct hpack_entry *entries; /* oldest first */
	unsigned count, capacity;
};

typedef void (*hpack_told)(enum hpack_field field, const char *value, size_t size, void *context);

/* Reads a whole header block; tells of each field but HPACK_OTHER. 0, -EBADMSG when it cannot be
 * read (the dynamic table is then of no use any more), -ENOMEM. */
int hpack_read(struct hpack *hpack, const uint8_t *block, size_t size, hpack_told told,
	       void *context);
void hpack_clear(struct hpack *hpack);
