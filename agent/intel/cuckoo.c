/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/cuckoo.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

/* Moves after which a key is given up: even in buckets that are nearly full a slot needs a few tens
 * at most. */
#define MOVES_MAX   500
/* Keys tried before the table is doubled. */
#define KEYS_MAX    4
#define BUCKETS_MAX (1ULL << 26) /* 4 GiB: no kernel would take it */

static int key_choose(struct cuckoo *cuckoo)
{
	if (getrandom(&cuckoo->key, sizeof(cuckoo->key), 0) != (ssize_t)sizeof(cuckoo->key))
		return -EIO;
	cuckoo->key.multiplier |= 1;
	cuckoo->chance = cuckoo->key.multiplier;
	return 0;
}

static bool bucket_take(const struct cuckoo *cuckoo, uint64_t bucket, uint64_t slot)
{
	uint64_t *slots = cuckoo->slots + bucket * TABLE_WORDS;

	for (size_t i = 0; i < TABLE_WORDS; i++) {
		if (slots[i] != 0)
			continue;
		slots[i] = slot;
		return true;
	}
	return false;
}

/* Puts a slot into its bucket, or into its other one when that is full; when both are, one that is
 * there makes room and goes to its own other bucket, and so on. A bucket that is full stays full,
 * so whatever is not in its first bucket finds that one full, as the walk expects. false: no place
 * was found. */
static bool slot_place(struct cuckoo *cuckoo, uint64_t bucket, uint64_t slot)
{
	uint64_t mask = cuckoo->buckets - 1;

	if (bucket_take(cuckoo, bucket, slot))
		return true;
	for (int i = 0; i < MOVES_MAX; i++) {
		uint64_t *victim, moved;

		bucket = table_other(bucket, slot, mask);
		if (bucket_take(cuckoo, bucket, slot))
			return true;
		cuckoo->chance = cuckoo->chance * 6364136223846793005u + 1442695040888963407u;
		victim = cuckoo->slots + bucket * TABLE_WORDS + (cuckoo->chance >> 61);
		moved = *victim;
		*victim = slot;
		slot = moved;
	}
	return false;
}

static bool slots_place(struct cuckoo *cuckoo, size_t count, cuckoo_node node, void *data)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t hash, flags = node(data, i, &cuckoo->key, &hash);

		if (!slot_place(cuckoo, table_bucket(hash, cuckoo->buckets - 1),
				table_slot(hash) | flags))
			return false;
	}
	return true;
}

int cuckoo_build(struct cuckoo *cuckoo, size_t count, unsigned fill, cuckoo_node node, void *data)
{
	uint64_t buckets = 1;

	while (count * 128 > buckets * TABLE_WORDS * fill)
		buckets *= 2;
	for (; buckets <= BUCKETS_MAX; buckets *= 2) {
		int r = 0;

		cuckoo->buckets = buckets;
		for (int i = 0; i < KEYS_MAX && r == 0; i++) {
			free(cuckoo->slots);
			cuckoo->slots = calloc(buckets * TABLE_WORDS, sizeof(*cuckoo->slots));
			r = cuckoo->slots ? key_choose(cuckoo) : -ENOMEM;
			if (r == 0 && slots_place(cuckoo, count, node, data))
				return 0;
		}
		if (r < 0)
			return r;
	}
	return -E2BIG;
}

void cuckoo_clear(struct cuckoo *cuckoo)
{
	free(cuckoo->slots);
	cuckoo->slots = NULL;
}

const uint64_t *cuckoo_find(const uint64_t *slots, uint64_t mask, uint64_t hash)
{
	uint64_t bucket = table_bucket(hash, mask);

	for (int i = 0; i < 2; i++, bucket = table_other(bucket, hash, mask)) {
		const uint64_t *at = slots + bucket * TABLE_WORDS;

		for (size_t k = 0; k < TABLE_WORDS; k++)
			if (at[k] && table_slot(at[k]) == table_slot(hash))
				return &at[k];
		if (!at[TABLE_WORDS - 1])
			break;
	}
	return NULL;
}
