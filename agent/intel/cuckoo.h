/* SPDX-License-Identifier: Apache-2.0
 *
 * The buckets of the kernel side's tables (probes/table.h): where slots are put when a table is
 * built, and found again. Each slot lies in one of two buckets that its hash names; to make room,
 * slots are moved from one to the other (cuckoo hashing).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "probes/table.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "table words are little-endian");

/* Random for each table. */
struct table_key {
	uint64_t seed;
	uint64_t multiplier; /* odd */
};

struct cuckoo {
	struct table_key key;
	uint64_t buckets; /* a power of two */
	uint64_t *slots;  /* of the buckets, in order */
	uint64_t chance;  /* state of the choice of which slot makes room */
};

/* Says the hash of node i under this key; returns its flags. */
typedef uint64_t (*cuckoo_node)(void *data, size_t i, const struct table_key *key,
				uint64_t *ret_hash);

/* Finds a key and a size with which every node has a place. fill: up to how many 128ths of the
 * slots are used. 0, -ENOMEM, -EIO (no random numbers), -E2BIG: more nodes than a table can have.
 */
int cuckoo_build(struct cuckoo *cuckoo, size_t count, unsigned fill, cuckoo_node node, void *data);
void cuckoo_clear(struct cuckoo *cuckoo);

/* The slot with this hash, or NULL. mask: buckets - 1. */
const uint64_t *cuckoo_find(const uint64_t *slots, uint64_t mask, uint64_t hash);
