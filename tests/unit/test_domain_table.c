/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that a walk over the kernel's table gives the same word as a comparison of strings, over
 * tens of thousands of random entries and names; that no entry is lost at any size; and that a
 * table that lies is refused or read within its bounds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "intel/domain_table.h"
#include "intel/domain_table_build.h"

#define ENTRIES 50000
#define NAMES	200000

/* A small generator, so that a failure can be repeated. */
static uint64_t random_state = 0x9e3779b97f4a7c15ULL;

static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 33) % below);
}

/* Labels of all lengths that the hash treats differently, from few letters: names share suffixes,
 * and one is often part of another. */
static void random_name(char *out, size_t size, unsigned labels)
{
	static const char *const tops[] = { "com", "org", "x", "example" };
	size_t used = 0;

	for (unsigned i = 1; i < labels; i++) {
		unsigned length = pick(12) ? 1 + pick(3) : 1 + pick(40);

		for (unsigned k = 0; k < length && used + 12 < size; k++)
			out[used++] = (char)('a' + pick(3));
		out[used++] = '.';
	}
	(void)snprintf(out + used, size - used, "%s", tops[pick(4)]);
}

/* The reference: entries as text in a hash table of their own. */
struct reference {
	char *names[1 << 17];
	uint64_t flags[1 << 17];
};

static size_t reference_slot(const struct reference *reference, const char *name)
{
	size_t at = 5381;

	for (const char *c = name; *c; c++)
		at = at * 33 + (unsigned char)*c;
	for (at &= (1 << 17) - 1; reference->names[at]; at = (at + 1) & ((1 << 17) - 1))
		if (strcmp(reference->names[at], name) == 0)
			break;
	return at;
}

static void reference_add(struct reference *reference, const char *name, uint64_t flag)
{
	size_t at = reference_slot(reference, name);

	if (!reference->names[at])
		reference->names[at] = strdup(name);
	assert_non_null(reference->names[at]);
	reference->flags[at] |= flag;
}

/* The flags of the longest suffix that is an entry. */
static uint64_t reference_walk(const struct reference *reference, const char *name)
{
	for (const char *suffix = name; suffix; suffix = strchr(suffix, '.')) {
		size_t at;

		suffix += *suffix == '.';
		at = reference_slot(reference, suffix);
		if (reference->names[at])
			return reference->flags[at];
	}
	return 0;
}

static void reference_free(struct reference *reference)
{
	for (size_t i = 0; i < ELEMENTS(reference->names); i++)
		free(reference->names[i]);
	free(reference);
}

static void entry_add(struct entry_set *set, struct reference *reference, const char *text,
		      bool allow)
{
	struct list_attributes attributes = { .action = allow ? INDICATOR_ALLOW : INDICATOR_BLOCK };
	struct list_entry entry = { .attributes = &attributes, .path = "", .line = 1 };
	struct domain_hashes hashes;

	assert_int_equal(domain_name_parse(text, &entry.indicator.name), 0);
	domain_hashes_compute(&entry.indicator.name, &set->key, &hashes);
	assert_int_equal(entry_set_add(set, &entry, &hashes), 0);
	if (reference)
		reference_add(reference, text, allow ? TABLE_ALLOWED : TABLE_LISTED);
}

static void *table_of(struct entry_set *set, size_t *ret_bytes)
{
	struct entry_counts counts;
	void *table;

	assert_int_equal(entry_set_finish(set, &counts), 0);
	assert_int_equal(domain_table_build(set, &table, ret_bytes), 0);
	return table;
}

static void walk_check(const void *table, size_t bytes, const struct reference *reference,
		       const char *text)
{
	uint64_t flags, expected = reference_walk(reference, text);
	char upper[512];
	struct domain_name name;

	(void)snprintf(upper, sizeof(upper), "%s", text);
	for (char *c = upper; *c; c++)
		*c = (char)(*c >= 'a' && pick(2) ? *c - 32 : *c);
	assert_int_equal(domain_name_parse(upper, &name), 0);
	flags = domain_table_walk(table, bytes, &name, NULL) & (TABLE_LISTED | TABLE_ALLOWED);
	if (flags != expected)
		fail_msg("%s: expected %u, got %u", text, (unsigned)expected, (unsigned)flags);
}

static void compare(bool single_labels)
{
	struct reference *reference = calloc(1, sizeof(*reference));
	CLEANUP(entry_set_clear) struct entry_set set;
	CLEANUP(free_cleanup) void *table = NULL;
	char text[512];
	size_t bytes, hits = 0;

	assert_non_null(reference);
	assert_int_equal(entry_set_init(&set), 0);
	for (int i = 0; i < ENTRIES; i++) {
		random_name(text, 200, 2 + pick(pick(8) ? 3 : 14));
		entry_add(&set, reference, text, pick(10) == 0);
	}
	if (single_labels)
		entry_add(&set, reference, "example", false);
	table = table_of(&set, &bytes);
	for (int i = 0; i < NAMES; i++) {
		random_name(text, 200, 1 + pick(pick(8) ? 5 : 16));
		walk_check(table, bytes, reference, text);
		hits += reference_walk(reference, text) != 0;
	}
	/* Neither all nor none of them, or the comparison would say little. */
	assert_in_range(hits, NAMES / 20, NAMES - NAMES / 20);
	for (size_t i = 0; i < ELEMENTS(reference->names); i++) {
		if (!reference->names[i])
			continue;
		walk_check(table, bytes, reference, reference->names[i]);
		(void)snprintf(text, sizeof(text), "a.%s", reference->names[i]);
		walk_check(table, bytes, reference, text);
		(void)snprintf(text, sizeof(text), "a%s", reference->names[i]);
		walk_check(table, bytes, reference, text);
	}
	reference_free(reference);
}

/* The walk and a comparison of strings agree on every name. */
static void test_reference(void **state)
{
	(void)state;
	compare(false);
}

/* The same with a listed top level domain. */
static void test_reference_single_label(void **state)
{
	(void)state;
	compare(true);
}

/* Tables of all small sizes hold all of their entries (the builder walks to each). */
static void test_sizes(void **state)
{
	(void)state;
	for (unsigned size = 0; size < 600; size += size < 40 ? 1 : 37) {
		CLEANUP(entry_set_clear) struct entry_set set;
		CLEANUP(free_cleanup) void *table = NULL;
		const struct table_header *header;
		char text[64];
		size_t bytes;

		assert_int_equal(entry_set_init(&set), 0);
		for (unsigned i = 0; i < size; i++) {
			(void)snprintf(text, sizeof(text), "n%u.com", i);
			entry_add(&set, NULL, text, false);
		}
		table = table_of(&set, &bytes);
		header = table;
		assert_int_equal(header->nodes, size);
		assert_int_equal(bytes % TABLE_ELEMENT_SIZE, 0);
		assert_int_equal(domain_table_check(header, bytes), 0);
		assert_int_equal(domain_table_check(header, bytes - 64), -EBADMSG);
	}
}

/* Marks go to a name's own slot, and no further. */
static void test_mark(void **state)
{
	CLEANUP(entry_set_clear) struct entry_set set;
	CLEANUP(free_cleanup) void *table = NULL;
	struct domain_name evil, below, other;
	size_t bytes, labels;

	(void)state;
	assert_int_equal(entry_set_init(&set), 0);
	entry_add(&set, NULL, "evil.com", false);
	entry_add(&set, NULL, "x.y.evil.com", false);
	table = table_of(&set, &bytes);
	assert_int_equal(domain_name_parse("evil.com", &evil), 0);
	assert_int_equal(domain_name_parse("a.x.y.evil.com", &below), 0);
	assert_int_equal(domain_name_parse("other.com", &other), 0);
	assert_int_equal(domain_table_mark(table, bytes, &evil, TABLE_KEEP), 1);
	assert_int_equal(domain_table_mark(table, bytes, &below, TABLE_KEEP), 0);
	assert_int_equal(domain_table_mark(table, bytes, &other, TABLE_KEEP), 0);
	assert_int_equal(domain_table_walk(table, bytes, &evil, &labels),
			 TABLE_LISTED | TABLE_KEEP | TABLE_CHILDREN);
	assert_int_equal(labels, 2);
	assert_int_equal(domain_table_walk(table, bytes, &below, &labels), TABLE_LISTED);
	assert_int_equal(labels, 4);
	assert_int_equal(domain_table_walk(table, bytes, &other, &labels), 0);
	assert_int_equal(labels, 0);
	assert_int_equal(domain_table_change(table, bytes, &evil, 0, TABLE_LISTED | TABLE_KEEP), 1);
	assert_int_equal(domain_table_walk(table, bytes, &evil, &labels), 0);
	assert_int_equal(domain_table_walk(table, bytes, &below, &labels), TABLE_LISTED);
}

/* Any word of the header may lie: the walk then finds nothing, or stays within the table. */
static void test_lying_header(void **state)
{
	static const uint64_t lies[] = { 0,
					 1,
					 6,
					 7,
					 8,
					 63,
					 UINT64_MAX,
					 UINT64_MAX - 1,
					 1ULL << 63,
					 (1ULL << 61) - 1,
					 (1ULL << 58) - 1 };
	CLEANUP(entry_set_clear) struct entry_set set;
	CLEANUP(free_cleanup) void *table = NULL;
	struct domain_name name;
	uint64_t *words;
	size_t bytes;

	(void)state;
	assert_int_equal(entry_set_init(&set), 0);
	entry_add(&set, NULL, "evil.com", false);
	table = table_of(&set, &bytes);
	words = table;
	assert_int_equal(domain_name_parse("a.evil.com", &name), 0);
	for (size_t i = 0; i < TABLE_WORDS; i++) {
		uint64_t was = words[i];

		for (size_t k = 0; k < ELEMENTS(lies); k++) {
			words[i] = lies[k];
			(void)domain_table_walk(table, bytes, &name, NULL);
			(void)domain_table_mark(table, bytes, &name, TABLE_KEEP);
		}
		words[i] = was;
	}
	assert_int_equal(domain_table_walk(table, 0, &name, NULL), 0);
	assert_int_equal(domain_table_walk(table, 63, &name, NULL), 0);
	assert_int_not_equal(domain_table_walk(table, bytes, &name, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),    cmocka_unit_test(test_reference_single_label),
		cmocka_unit_test(test_sizes),	     cmocka_unit_test(test_mark),
		cmocka_unit_test(test_lying_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
