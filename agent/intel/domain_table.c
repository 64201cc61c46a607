/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/domain_table.h"

#include <errno.h>
#include <stdbool.h>

#include "intel/domain_hash.h"

/* An image whose header was checked. */
struct table_view {
	const struct table_header *header;
	const uint64_t *bloom;
	const uint64_t *buckets;
};

static bool is_mask(uint64_t mask)
{
	return (mask & (mask + 1)) == 0;
}

uint64_t domain_table_end(const struct table_header *header)
{
	return header->bucket_first + header->bucket_mask + 1;
}

int domain_table_check(const struct table_header *header, uint64_t bytes)
{
	uint64_t elements = bytes / TABLE_ELEMENT_SIZE;

	if (bytes % TABLE_ELEMENT_SIZE || header->magic != TABLE_MAGIC ||
	    !(header->multiplier & 1) || !is_mask(header->bloom_mask) ||
	    !is_mask(header->bucket_mask) || header->bloom_mask < TABLE_WORDS - 1)
		return -EBADMSG;
	/* Compared without sums of foreign numbers, so nothing wraps round. */
	if (header->bloom_mask / TABLE_WORDS >= elements || header->bucket_mask >= elements ||
	    header->bucket_first != header->bloom_mask / TABLE_WORDS + 1 + TABLE_HEADERS ||
	    domain_table_end(header) > elements)
		return -EBADMSG;
	return 0;
}

static int table_view(const void *table, size_t bytes, struct table_view *ret)
{
	const uint64_t *words = table;

	if (bytes < TABLE_ELEMENT_SIZE || domain_table_check(table, bytes) < 0)
		return -EBADMSG;
	ret->header = table;
	ret->bloom = words + TABLE_HEADERS * TABLE_WORDS;
	ret->buckets = words + ret->header->bucket_first * TABLE_WORDS;
	return 0;
}

/* The node's slot, or NULL. */
static const uint64_t *slot_find(const struct table_view *view, uint64_t hash)
{
	return cuckoo_find(view->buckets, view->header->bucket_mask, hash);
}

static bool bloom_may_have(const struct table_view *view, uint64_t hash)
{
	uint64_t bits = table_bloom_bits(hash);

	return (view->bloom[table_bloom_word(hash, view->header->bloom_mask)] & bits) == bits;
}

static struct table_key view_key(const struct table_view *view)
{
	return (struct table_key){ view->header->seed, view->header->multiplier };
}

uint64_t domain_table_walk(const void *table, size_t bytes, const struct domain_name *name,
			   size_t *ret_labels)
{
	struct domain_hashes hashes;
	struct table_key key;
	struct table_view view;
	uint64_t deciding = 0;
	size_t depth = 0;

	if (table_view(table, bytes, &view) < 0)
		return 0;
	key = view_key(&view);
	domain_hashes_compute(name, &key, &hashes);
	for (size_t labels = 1; labels <= hashes.walked; labels++) {
		const uint64_t *slot;

		if (labels == 1 && !view.header->single_label)
			continue;
		if (labels == 2 && !bloom_may_have(&view, hashes.of[labels]))
			break;
		slot = slot_find(&view, hashes.of[labels]);
		if (slot && (*slot & (TABLE_LISTED | TABLE_ALLOWED))) {
			deciding = *slot & TABLE_FLAGS;
			depth = labels;
		}
		if (labels >= 2 && !(slot && (*slot & TABLE_CHILDREN)))
			break;
	}
	if (ret_labels)
		*ret_labels = depth;
	return deciding;
}

int domain_table_change(void *table, size_t bytes, const struct domain_name *name, uint64_t set,
			uint64_t clear)
{
	struct domain_hashes hashes;
	struct table_key key;
	struct table_view view;
	const uint64_t *slot;
	uint64_t *words = table;

	if (table_view(table, bytes, &view) < 0)
		return 0;
	key = view_key(&view);
	domain_hashes_compute(name, &key, &hashes);
	if (hashes.labels == 0 || hashes.labels > hashes.walked)
		return 0;
	slot = slot_find(&view, hashes.of[hashes.labels]);
	if (!slot)
		return 0;
	words[slot - words] = (*slot & ~(clear & TABLE_FLAGS)) | (set & TABLE_FLAGS);
	return 1;
}

int domain_table_mark(void *table, size_t bytes, const struct domain_name *name, uint64_t set_flags)
{
	return domain_table_change(table, bytes, name, set_flags, 0);
}
