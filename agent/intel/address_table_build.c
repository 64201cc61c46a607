/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/address_table_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/address_table.h"
#include "intel/domain_table.h"

/* Fill up to which no larger table is taken, in 1/128. The indexes keep most innocent addresses
 * away from the buckets, so these may be fuller than those of names: half a million prefixes fit in
 * 4 MiB. */
#define FILL_MAX    124
/* Bits of the index of IPv4 at least: with a word for each of few values only, innocent addresses
 * would share theirs with a listed one. */
#define IPV4_BITS   10
/* Words of it for each of its prefixes, until there are as many as there can be. */
#define IPV4_SPREAD 8

struct node {
	struct address_words words;
	uint8_t prefix, flags;
};

struct build {
	struct node *nodes; /* in the set's order: by length */
	size_t count;
	struct cuckoo cuckoo;
	uint32_t *ipv4; /* NULL: no IPv4 */
	uint8_t ipv4_bits;
	uint32_t *ipv6; /* NULL: no IPv6 */
	uint64_t ipv6_words;
	uint8_t lengths[ADDRESS_IPV6_LENGTHS_ROOM * TABLE_ELEMENT_SIZE];
	uint8_t lengths_count, lengths_long;
	uint8_t places[ADDRESS_IPV6_LENGTHS]; /* of a length in lengths */
};

static void build_clear(struct build *build)
{
	free(build->nodes);
	cuckoo_clear(&build->cuckoo);
	free(build->ipv4);
	free(build->ipv6);
}

static bool node_ipv4(const struct node *node)
{
	return address_words_is_ipv4(&node->words, node->prefix);
}

/* A node for each prefix; entries of one prefix stand together in the set. */
static int nodes_collect(struct build *build, const struct entry_set *set)
{
	build->nodes = calloc(set->address_count, sizeof(*build->nodes));
	if (!build->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < set->address_count; i++) {
		const struct entry_address *entry = &set->addresses[i];
		struct node *last = build->count ? &build->nodes[build->count - 1] : NULL;
		struct address address;
		struct node node = { .prefix = (uint8_t)entry->prefix };

		memcpy(address.bytes, entry->bytes, sizeof(address.bytes));
		node.words = address_words_of(&address);
		node.flags = entry_set_attribute(set, entry->attribute)->action == INDICATOR_ALLOW
				     ? TABLE_ALLOWED
				     : TABLE_LISTED;
		if (last && last->prefix == node.prefix && last->words.high == node.words.high &&
		    last->words.low == node.words.low)
			last->flags |= node.flags;
		else
			build->nodes[build->count++] = node;
	}
	return 0;
}

static uint64_t node_place(void *data, size_t i, const struct table_key *key, uint64_t *ret_hash)
{
	const struct node *node = &((const struct build *)data)->nodes[i];

	*ret_hash = address_hash(&node->words, node->prefix, key->seed, key->multiplier);
	return node->flags;
}

static void ipv4_note(struct build *build, const struct node *node)
{
	uint64_t first = address_ipv4_word(&node->words, build->ipv4_bits);
	unsigned end = 96U + build->ipv4_bits;

	if (node->prefix > end) {
		build->ipv4[first] |= 1U << (node->prefix - ADDRESS_IPV4_LENGTH);
		return;
	}
	/* The longer ones come later. */
	for (uint64_t i = first; i < first + (1ULL << (end - node->prefix)); i++) {
		build->ipv4[i] &= (1U << ADDRESS_IPV4_FLAGS_SHIFT) - 1;
		build->ipv4[i] |= (uint32_t)node->flags << ADDRESS_IPV4_FLAGS_SHIFT;
	}
}

static int ipv4_index(struct build *build)
{
	size_t count = 0;

	for (size_t i = 0; i < build->count; i++)
		count += node_ipv4(&build->nodes[i]);
	if (count == 0)
		return 0;
	build->ipv4_bits = IPV4_BITS;
	while (build->ipv4_bits < ADDRESS_IPV4_BITS_MAX &&
	       1ULL << build->ipv4_bits < count * IPV4_SPREAD)
		build->ipv4_bits++;
	build->ipv4 = calloc(1ULL << build->ipv4_bits, sizeof(*build->ipv4));
	if (!build->ipv4)
		return -ENOMEM;
	for (size_t i = 0; i < build->count; i++)
		if (node_ipv4(&build->nodes[i]))
			ipv4_note(build, &build->nodes[i]);
	return 0;
}

/* Which lengths there are, from the longest on; returns how many different values the first 32 bits
 * have, counting one twice at most for each length that it has. */
static uint64_t ipv6_lengths(struct build *build)
{
	const struct node *before = NULL;
	uint64_t starts = 0;

	for (size_t i = build->count; i-- > 0; before = &build->nodes[i]) {
		const struct node *node = &build->nodes[i];

		if (node_ipv4(node))
			continue;
		if (build->lengths_count == 0 ||
		    build->lengths[build->lengths_count - 1] != node->prefix) {
			build->places[node->prefix] = build->lengths_count;
			build->lengths[build->lengths_count++] = node->prefix;
			if (node->prefix >= ADDRESS_IPV6_LENGTHS_FIRST)
				build->lengths_long++;
		}
		starts += !before || before->words.high >> 32 != node->words.high >> 32;
	}
	return starts;
}

/* The index is keyed as the buckets are, so those come first. */
static int ipv6_index(struct build *build)
{
	uint64_t starts = ipv6_lengths(build);

	if (build->lengths_count == 0)
		return 0;
	build->ipv6_words = ADDRESS_INDEX_WORDS;
	while (build->ipv6_words < starts)
		build->ipv6_words *= 2;
	build->ipv6 = calloc(build->ipv6_words, sizeof(*build->ipv6));
	if (!build->ipv6)
		return -ENOMEM;
	for (size_t i = 0; i < build->count; i++) {
		const struct node *node = &build->nodes[i];
		unsigned bit = build->places[node->prefix];

		if (node_ipv4(node) || node->prefix < ADDRESS_IPV6_LENGTHS_FIRST)
			continue;
		if (bit >= ADDRESS_IPV6_BITS)
			bit = ADDRESS_IPV6_BITS - 1;
		build->ipv6[address_ipv6_word(&node->words, build->cuckoo.key.seed,
					      build->cuckoo.key.multiplier,
					      build->ipv6_words - 1)] |= 1U << bit;
	}
	return 0;
}

/* Where the parts stand, behind element at. Returns the end. */
static uint64_t header_layout(const struct build *build, uint64_t at, struct address_header *ret)
{
	*ret = (struct address_header){
		.seed = build->cuckoo.key.seed,
		.multiplier = build->cuckoo.key.multiplier,
		.bucket_mask = build->cuckoo.buckets - 1,
		.ipv4_bits = build->ipv4_bits,
		.ipv6_lengths = build->lengths_count,
		.ipv6_long = build->lengths_long,
		.nodes = (uint32_t)build->count,
	};
	if (build->ipv4) {
		ret->ipv4_first = at;
		at += (1ULL << build->ipv4_bits) / ADDRESS_INDEX_WORDS;
	}
	if (build->ipv6) {
		ret->ipv6_first = at;
		ret->ipv6_mask = build->ipv6_words - 1;
		at += ADDRESS_IPV6_LENGTHS_ROOM + build->ipv6_words / ADDRESS_INDEX_WORDS;
	}
	ret->bucket_first = at;
	return at + build->cuckoo.buckets;
}

static int image_make(const struct build *build, const void *names, size_t names_bytes,
		      void **ret_table, size_t *ret_bytes)
{
	struct address_header header;
	uint64_t elements = header_layout(build, names_bytes / TABLE_ELEMENT_SIZE, &header);
	uint8_t *table = calloc(elements, TABLE_ELEMENT_SIZE), *ipv6;

	if (!table)
		return -ENOMEM;
	memcpy(table, names, names_bytes);
	memcpy(table + TABLE_ELEMENT_SIZE, &header, sizeof(header));
	if (build->ipv4)
		memcpy(table + header.ipv4_first * TABLE_ELEMENT_SIZE, build->ipv4,
		       (1ULL << build->ipv4_bits) * sizeof(*build->ipv4));
	ipv6 = table + header.ipv6_first * TABLE_ELEMENT_SIZE;
	if (build->ipv6) {
		memcpy(ipv6, build->lengths, sizeof(build->lengths));
		memcpy(ipv6 + sizeof(build->lengths), build->ipv6,
		       build->ipv6_words * sizeof(*build->ipv6));
	}
	memcpy(table + header.bucket_first * TABLE_ELEMENT_SIZE, build->cuckoo.slots,
	       build->cuckoo.buckets * TABLE_ELEMENT_SIZE);
	*ret_table = table;
	*ret_bytes = elements * TABLE_ELEMENT_SIZE;
	return 0;
}

/* Two prefixes of one fingerprint would show here, as would any error above. */
static int image_verify(struct build *build, const struct entry_set *set, const void *table,
			size_t bytes)
{
	const struct address_header *header =
		(const void *)((const uint8_t *)table + TABLE_ELEMENT_SIZE);
	const uint64_t *slots = (const uint64_t *)table + header->bucket_first * TABLE_WORDS;

	for (size_t i = 0; i < build->count; i++) {
		uint64_t hash, flags = node_place(build, i, &build->cuckoo.key, &hash);
		const uint64_t *slot = cuckoo_find(slots, header->bucket_mask, hash);

		if (!slot || (*slot & TABLE_FLAGS) != flags)
			return -EIO;
	}
	for (size_t i = 0; i < set->address_count; i++) {
		struct address address;
		unsigned prefix;

		memcpy(address.bytes, set->addresses[i].bytes, sizeof(address.bytes));
		if (address_table_walk(table, bytes, &address, &prefix) == 0)
			return -EIO;
	}
	return 0;
}

int address_table_add(const struct entry_set *set, void **table, size_t *bytes)
{
	CLEANUP(build_clear) struct build build = { 0 };
	CLEANUP(free_cleanup) void *image = NULL;
	size_t image_bytes = 0;
	int r;

	if (set->address_count == 0)
		return 0;
	r = nodes_collect(&build, set);
	if (r == 0)
		r = cuckoo_build(&build.cuckoo, build.count, FILL_MAX, node_place, &build);
	if (r == 0)
		r = ipv4_index(&build);
	if (r == 0)
		r = ipv6_index(&build);
	if (r == 0)
		r = image_make(&build, *table, *bytes, &image, &image_bytes);
	if (r == 0)
		r = image_verify(&build, set, image, image_bytes);
	if (r < 0)
		return r;
	free(*table);
	*table = take_ptr(image);
	*bytes = image_bytes;
	return 0;
}
