/* SPDX-License-Identifier: Apache-2.0
 *
 * The second half of an entry set: entries in the order of the pack, and without duplicates.
 */
#include "intel/entry_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What ordering has to know of one kind of entries. */
struct entry_kind {
	size_t size;
	int (*compare_keys)(const struct entry_set *set, const void *a, const void *b);
	uint32_t (*attribute)(const struct entry_set *set, const void *entry);
	uint32_t (*line)(const void *entry);
};

struct ordering {
	const struct entry_set *set;
	const struct entry_kind *kind;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int domain_compare(const struct entry_set *set, const void *left, const void *right)
{
	const struct entry_domain *a = left, *b = right;
	struct entry_name name_a, name_b;

	if (a->hash != b->hash)
		return compare_numbers(a->hash, b->hash);
	name_a = entry_set_name(set, a);
	name_b = entry_set_name(set, b);
	if (name_a.length != name_b.length)
		return compare_numbers(name_a.length, name_b.length);
	return memcmp(name_a.wire, name_b.wire, name_a.length);
}

static uint32_t domain_attribute(const struct entry_set *set, const void *entry)
{
	return entry_set_name(set, entry).attribute;
}

static uint32_t domain_line(const void *entry)
{
	return ((const struct entry_domain *)entry)->line;
}

static int address_compare(const struct entry_set *set, const void *left, const void *right)
{
	const struct entry_address *a = left, *b = right;

	(void)set;
	if (a->prefix != b->prefix)
		return compare_numbers(a->prefix, b->prefix);
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static uint32_t address_attribute(const struct entry_set *set, const void *entry)
{
	(void)set;
	return ((const struct entry_address *)entry)->attribute;
}

static uint32_t address_line(const void *entry)
{
	return ((const struct entry_address *)entry)->line;
}

static int hash_compare(const struct entry_set *set, const void *left, const void *right)
{
	const struct entry_hash *a = left, *b = right;

	(void)set;
	if (a->kind != b->kind)
		return compare_numbers(a->kind, b->kind);
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static uint32_t hash_attribute(const struct entry_set *set, const void *entry)
{
	(void)set;
	return ((const struct entry_hash *)entry)->attribute;
}

static uint32_t hash_line(const void *entry)
{
	return ((const struct entry_hash *)entry)->line;
}

static const struct entry_kind domain_kind = { sizeof(struct entry_domain), domain_compare,
					       domain_attribute, domain_line };
static const struct entry_kind address_kind = { sizeof(struct entry_address), address_compare,
						address_attribute, address_line };
static const struct entry_kind hash_kind = { sizeof(struct entry_hash), hash_compare,
					     hash_attribute, hash_line };

/* What decides comes first: never-block, allow, high severity, the later expiry. */
static int attributes_compare(const struct entry_set *set, uint32_t number_a, uint32_t number_b)
{
	const struct pack_attribute *a = entry_set_attribute(set, number_a);
	const struct pack_attribute *b = entry_set_attribute(set, number_b);

	if (number_a == number_b)
		return 0;
	if (a->never_block != b->never_block)
		return compare_numbers(b->never_block, a->never_block);
	if (a->action != b->action)
		return a->action == INDICATOR_ALLOW ? -1 : 1;
	if (a->severity != b->severity)
		return compare_numbers(b->severity, a->severity);
	/* 0, never, wraps round to the latest. */
	return compare_numbers(b->expiry - 1, a->expiry - 1);
}

static int entry_compare(const void *a, const void *b, void *data)
{
	const struct ordering *ordering = data;
	const struct entry_kind *kind = ordering->kind;
	int r = kind->compare_keys(ordering->set, a, b);

	if (r == 0)
		r = attributes_compare(ordering->set, kind->attribute(ordering->set, a),
				       kind->attribute(ordering->set, b));
	return r ? r : compare_numbers(kind->line(a), kind->line(b));
}

/* The same thing said twice: by the same feed, to the same end. */
static bool same_word(const struct entry_set *set, uint32_t number_a, uint32_t number_b)
{
	const struct pack_attribute *a = entry_set_attribute(set, number_a);
	const struct pack_attribute *b = entry_set_attribute(set, number_b);

	return number_a == number_b ||
	       (a->feed == b->feed && a->action == b->action && a->never_block == b->never_block);
}

static void entry_count(struct entry_set *set, uint32_t attribute, uint64_t *count,
			struct entry_counts *counts)
{
	const struct pack_attribute *of = entry_set_attribute(set, attribute);

	set->feed_entries[of->feed]++;
	if (of->never_block) {
		counts->never_block++;
		return;
	}
	(*count)++;
	counts->allows += of->action == INDICATOR_ALLOW;
}

/* Takes duplicates out of sorted entries, in place; returns how many are left. */
static size_t entries_unique(struct entry_set *set, const struct entry_kind *kind, void *entries,
			     size_t count, uint64_t *ret_count, struct entry_counts *counts)
{
	char *first = entries, *kept = entries, *group = entries;

	for (char *entry = first; entry < first + count * kind->size; entry += kind->size) {
		uint32_t attribute = kind->attribute(set, entry);
		const char *same = group;

		if (kept > first && kind->compare_keys(set, kept - kind->size, entry) != 0)
			same = group = kept;
		while (same < kept && !same_word(set, kind->attribute(set, same), attribute))
			same += kind->size;
		if (same < kept) {
			counts->duplicates++;
			continue;
		}
		memmove(kept, entry, kind->size);
		kept += kind->size;
		entry_count(set, attribute, ret_count, counts);
	}
	return (size_t)(kept - first) / kind->size;
}

static size_t entries_order(struct entry_set *set, const struct entry_kind *kind, void *entries,
			    size_t count, uint64_t *ret_count, struct entry_counts *counts)
{
	struct ordering ordering = { set, kind };

	if (count == 0)
		return 0;
	qsort_r(entries, count, kind->size, entry_compare, &ordering);
	return entries_unique(set, kind, entries, count, ret_count, counts);
}

/* Names into the order of their entries: all that comes after goes through them in that order, and
 * would miss the cache at every one. */
static int names_order(struct entry_set *set)
{
	uint8_t *names = malloc(set->names_used + 1);
	size_t used = 0;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < set->domain_count; i++) {
		struct entry_domain *domain = &set->domains[i];
		size_t size = ENTRY_NAME_HEAD + entry_set_name(set, domain).length;

		memcpy(names + used, set->names + domain->offset, size);
		domain->offset = (uint32_t)used;
		used += size;
	}
	free(set->names);
	set->names = names;
	set->names_used = set->names_room = used;
	return 0;
}

int entry_set_finish(struct entry_set *set, struct entry_counts *ret)
{
	struct entry_counts counts = { 0 };

	set->feed_entries = calloc(set->feeds.count + 1, sizeof(*set->feed_entries));
	if (!set->feed_entries)
		return -ENOMEM;
	set->domain_count = entries_order(set, &domain_kind, set->domains, set->domain_count,
					  &counts.domains, &counts);
	set->address_count = entries_order(set, &address_kind, set->addresses, set->address_count,
					   &counts.addresses, &counts);
	set->hash_count = entries_order(set, &hash_kind, set->hashes, set->hash_count,
					&counts.hashes, &counts);
	*ret = counts;
	return names_order(set);
}
