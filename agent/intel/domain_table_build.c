/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/domain_table_build.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/array.h"
#include "intel/domain_table.h"

/* Fill above which no key is tried, in 1/128: three quarters. Slots would find their places up to
 * more than nine tenths, but the fuller the buckets, the more innocent names that pass the filter
 * need a second one. */
#define FILL_MAX    96
/* Names of two labels in a word of the Bloom filter: with 64,000 words (512 KiB) for a million, one
 * innocent name in seven or fewer goes on to the buckets; larger filters lose to the cache. */
#define BLOOM_LOAD  16
#define NODES_AHEAD 16 /* names that are fetched before they are needed */

struct node {
	uint64_t hash;	 /* the set's at first, then the table's */
	uint32_t offset; /* of its wire form in the set's names */
	uint8_t length;	 /* of its wire form, without the zero byte */
	uint8_t labels;
	uint8_t flags;
};

struct nodes {
	struct node *items;
	size_t count, room;
};

struct build {
	const struct entry_set *set;
	struct nodes nodes;
	size_t two_labels;
	bool single_label;
	uint64_t bloom_words;
	struct cuckoo cuckoo;
};

static void build_clear(struct build *build)
{
	free(build->nodes.items);
	cuckoo_clear(&build->cuckoo);
}

static int node_add(struct nodes *nodes, const struct node *node)
{
	struct node *items =
		array_reserve(nodes->items, &nodes->room, nodes->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	nodes->items = items;
	items[nodes->count++] = *node;
	return 0;
}

static void name_of_entry(const struct entry_set *set, const struct entry_domain *domain,
			  struct domain_name *ret)
{
	struct entry_name name = entry_set_name(set, domain);

	ret->length = (uint8_t)(name.length + 1);
	memcpy(ret->wire, name.wire, name.length);
	ret->wire[name.length] = 0;
}

static uint8_t entry_flags(const struct entry_set *set, const struct entry_domain *domain)
{
	uint32_t attribute = entry_set_name(set, domain).attribute;

	return entry_set_attribute(set, attribute)->action == INDICATOR_ALLOW ? TABLE_ALLOWED
									      : TABLE_LISTED;
}

/* The name's own node, then those of its ancestors. */
static int nodes_of_name(struct build *build, const struct entry_domain *domain)
{
	uint32_t wire = (uint32_t)(entry_set_name(build->set, domain).wire - build->set->names);
	struct domain_hashes hashes;
	struct domain_name name;
	int r = 0;

	name_of_entry(build->set, domain, &name);
	domain_hashes_compute(&name, &build->set->key, &hashes);
	for (size_t labels = hashes.labels; labels > 0 && r == 0; labels--) {
		size_t start = domain_hashes_start(&hashes, labels);
		struct node node = {
			.hash = hashes.of[labels],
			.offset = wire + (uint32_t)start,
			.length = (uint8_t)((size_t)name.length - 1 - start),
			.labels = (uint8_t)labels,
			.flags = labels < hashes.labels ? (uint8_t)TABLE_CHILDREN
							: entry_flags(build->set, domain),
		};

		if (labels >= 2 || hashes.labels == 1)
			r = node_add(&build->nodes, &node);
	}
	return r;
}

static int node_compare(const void *left, const void *right)
{
	const struct node *a = left, *b = right;

	return (a->hash > b->hash) - (a->hash < b->hash);
}

static void nodes_unite(struct nodes *nodes)
{
	size_t kept = 0;

	qsort(nodes->items, nodes->count, sizeof(*nodes->items), node_compare);
	for (size_t i = 0; i < nodes->count; i++) {
		if (kept > 0 && nodes->items[kept - 1].hash == nodes->items[i].hash)
			nodes->items[kept - 1].flags |= nodes->items[i].flags;
		else
			nodes->items[kept++] = nodes->items[i];
	}
	nodes->count = kept;
}

static int nodes_collect(struct build *build)
{
	const struct entry_set *set = build->set;

	for (size_t i = 0; i < set->domain_count; i++) {
		int r;

		/* Entries of one name stand together: the later ones only add their flag. */
		r = nodes_of_name(build, &set->domains[i]);
		if (r < 0)
			return r;
	}
	if (build->nodes.count > 0)
		nodes_unite(&build->nodes);
	for (size_t i = 0; i < build->nodes.count; i++) {
		build->two_labels += build->nodes.items[i].labels == 2;
		build->single_label |= build->nodes.items[i].labels == 1;
	}
	return 0;
}

/* A node's hash under the table's key. */
static uint64_t node_hash(const struct build *build, const struct node *node,
			  const struct table_key *key)
{
	const uint8_t *wire = build->set->names + node->offset;
	uint8_t starts[TABLE_LABELS_MAX];
	size_t end = node->length, at = 0;
	uint64_t hash = key->seed;

	for (size_t i = 0; i < node->labels; i++) {
		starts[i] = (uint8_t)at;
		at += (size_t)wire[at] + 1;
	}
	for (size_t i = node->labels > 1 ? node->labels - 1 : 1; i-- > 0;) {
		hash = domain_hash_run(hash, wire + starts[i], end - starts[i], key->multiplier);
		end = starts[i];
	}
	return hash;
}

static uint64_t node_place(void *data, size_t i, const struct table_key *key, uint64_t *ret_hash)
{
	struct build *build = data;
	struct node *node = &build->nodes.items[i];

	/* Nodes are ordered by hash, so their names are anywhere. */
	if (i + NODES_AHEAD < build->nodes.count)
		__builtin_prefetch(build->set->names + node[NODES_AHEAD].offset);
	*ret_hash = node->hash = node_hash(build, node, key);
	return node->flags;
}

static void bloom_fill(const struct build *build, uint64_t *words)
{
	for (size_t i = 0; i < build->nodes.count; i++) {
		const struct node *node = &build->nodes.items[i];

		if (node->labels == 2)
			words[table_bloom_word(node->hash, build->bloom_words - 1)] |=
				table_bloom_bits(node->hash);
	}
}

static int image_make(struct build *build, void **ret_table, size_t *ret_bytes)
{
	size_t words = TABLE_HEADERS * TABLE_WORDS + build->bloom_words +
		       build->cuckoo.buckets * TABLE_WORDS;
	uint64_t *table = calloc(words, sizeof(*table));
	struct table_header header = {
		.magic = TABLE_MAGIC,
		.seed = build->cuckoo.key.seed,
		.multiplier = build->cuckoo.key.multiplier,
		.bloom_mask = build->bloom_words - 1,
		.bucket_first = TABLE_HEADERS + build->bloom_words / TABLE_WORDS,
		.bucket_mask = build->cuckoo.buckets - 1,
		.single_label = build->single_label,
		.nodes = build->nodes.count,
	};

	if (!table)
		return -ENOMEM;
	memcpy(table, &header, sizeof(header));
	bloom_fill(build, table + TABLE_HEADERS * TABLE_WORDS);
	memcpy(table + header.bucket_first * TABLE_WORDS, build->cuckoo.slots,
	       build->cuckoo.buckets * TABLE_WORDS * sizeof(*table));
	*ret_table = table;
	*ret_bytes = words * sizeof(*table);
	return 0;
}

/* Walks to every entry. Two nodes of one fingerprint would show here, as would any error above. */
static int image_verify(const struct entry_set *set, const void *table, size_t bytes)
{
	for (size_t i = 0; i < set->domain_count; i++) {
		uint8_t starts[DOMAIN_NAME_LABELS];
		struct domain_name name;
		uint64_t flags;
		size_t labels;

		name_of_entry(set, &set->domains[i], &name);
		flags = domain_table_walk(table, bytes, &name, &labels);
		if (!(flags & entry_flags(set, &set->domains[i])) ||
		    labels != domain_name_labels(&name, starts))
			return -EIO;
	}
	return 0;
}

int domain_table_build(const struct entry_set *set, void **ret_table, size_t *ret_bytes)
{
	CLEANUP(build_clear) struct build build = { .set = set, .bloom_words = TABLE_WORDS };
	CLEANUP(free_cleanup) void *table = NULL;
	size_t bytes = 0;
	int r = nodes_collect(&build);

	if (r < 0)
		return r;
	while (build.two_labels > build.bloom_words * BLOOM_LOAD)
		build.bloom_words *= 2;
	r = cuckoo_build(&build.cuckoo, build.nodes.count, FILL_MAX, node_place, &build);
	if (r == 0)
		r = image_make(&build, &table, &bytes);
	if (r == 0)
		r = image_verify(set, table, bytes);
	if (r < 0)
		return r;
	*ret_table = take_ptr(table);
	*ret_bytes = bytes;
	return 0;
}
