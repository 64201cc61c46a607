/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that a walk over the kernel's address table gives the same word as a plain list of
 * prefixes, over thousands of random prefixes and addresses of both families; that changes reach
 * what they should, at any size; and that a table that lies is refused or read within its bounds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "intel/address_table.h"
#include "intel/address_table_build.h"
#include "intel/domain_table_build.h"
#include "prefix_reference.h"

#define ADDRESSES 20000
#define DECIDING  (TABLE_LISTED | TABLE_ALLOWED)

/* A small generator, so that a failure can be repeated. */
static uint64_t random_state = 0x9e3779b97f4a7c15ULL;

static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 33) % below);
}

static void entry_add(struct entry_set *set, const struct prefix_entry *from)
{
	struct list_attributes attributes = { .action = from->allow ? INDICATOR_ALLOW
								    : INDICATOR_BLOCK };
	struct list_entry entry = { .attributes = &attributes, .path = "", .line = 1 };

	entry.indicator.kind = INDICATOR_ADDRESS;
	entry.indicator.address = from->address;
	entry.indicator.prefix = from->prefix;
	assert_int_equal(entry_set_add(set, &entry, NULL), 0);
}

static void *table_of(const struct prefix_entry *entries, size_t count, size_t *ret_bytes)
{
	CLEANUP(entry_set_clear) struct entry_set set;
	struct entry_counts counts;
	void *table;

	assert_int_equal(entry_set_init(&set), 0);
	for (size_t i = 0; i < count; i++)
		entry_add(&set, &entries[i]);
	assert_int_equal(entry_set_finish(&set, &counts), 0);
	assert_int_equal(domain_table_build(&set, &table, ret_bytes), 0);
	assert_int_equal(address_table_add(&set, &table, ret_bytes), 0);
	return table;
}

static struct prefix_entry entry_of(const char *text, bool allow)
{
	struct prefix_entry entry = { .allow = allow };

	assert_int_equal(address_parse_prefix(text, &entry.address, &entry.prefix), 0);
	return entry;
}

static enum prefix_word word_of(uint64_t flags)
{
	return flags & TABLE_ALLOWED  ? PREFIX_ALLOWED
	       : flags & TABLE_LISTED ? PREFIX_LISTED
				      : PREFIX_NONE;
}

static enum prefix_word walk_check(const void *table, size_t bytes,
				   const struct prefix_reference *reference,
				   const struct address *address)
{
	unsigned expected_prefix, prefix;
	enum prefix_word expected = prefix_reference_find(reference, address, &expected_prefix),
			 word = word_of(address_table_walk(table, bytes, address, &prefix));
	char text[ADDRESS_TEXT_SIZE];

	address_format(address, text);
	if (word != expected || prefix != expected_prefix)
		fail_msg("%s: expected %d by /%u, got %d by /%u", text, expected, expected_prefix,
			 word, prefix);
	return word;
}

static void reference_check(const void *table, size_t bytes,
			    const struct prefix_reference *reference)
{
	size_t words[3] = { 0 };

	for (int i = 0; i < ADDRESSES; i++) {
		struct address address = prefix_random_address(pick);

		words[walk_check(table, bytes, reference, &address)]++;
	}
	/* Some of each, or the comparison would say little. */
	for (size_t i = 0; i < ELEMENTS(words); i++)
		assert_in_range(words[i], 20, ADDRESSES);
	/* The first and the last address of each prefix, and those beside it. */
	for (size_t i = 0; i < reference->count; i++) {
		struct address at = reference->entries[i].address;
		unsigned prefix = reference->entries[i].prefix;

		(void)walk_check(table, bytes, reference, &at);
		for (unsigned bit = prefix; bit < 128; bit++)
			at.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		(void)walk_check(table, bytes, reference, &at);
		if (prefix == 0)
			continue;
		at.bytes[(prefix - 1) / 8] ^= (uint8_t)(0x80 >> (prefix - 1) % 8);
		(void)walk_check(table, bytes, reference, &at);
	}
}

/* The walk and the list agree on every address. */
static void test_reference(void **state)
{
	static const size_t sizes[] = { 120, 600, 3000 };
	CLEANUP(free_cleanup) struct prefix_reference *reference = calloc(1, sizeof(*reference));

	(void)state;
	assert_non_null(reference);
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		CLEANUP(free_cleanup) void *table = NULL;
		size_t bytes;

		reference->count = sizes[i];
		for (size_t k = 0; k < reference->count; k++)
			reference->entries[k] = prefix_random_entry(pick);
		table = table_of(reference->entries, reference->count, &bytes);
		reference_check(table, bytes, reference);
	}
}

/* Prefixes of one family only, and none at all; and where families touch. */
static void test_families(void **state)
{
	static const struct {
		const char *entries[4], *listed[3], *innocent[4];
	} cases[] = {
		{ { NULL }, { NULL }, { "192.0.2.1", "2001:db8::1", "::", "64:ff9b::1" } },
		{ { "192.0.2.0/24" },
		  { "192.0.2.1", "64:ff9b::192.0.2.255" },
		  { "192.0.3.1", "2001:db8::1", "::192.0.2.1", "64:ff9b:1::192.0.2.1" } },
		{ { "2001:db8::/33", "::/8" },
		  { "2001:db8:7fff::1", "::1", "64:ff9b::192.0.2.1" },
		  { "2001:db8:8000::1", "192.0.2.1" } },
		/* Whole families. */
		{ { "0.0.0.0/0" }, { "192.0.2.1", "64:ff9b::1" }, { "2001:db8::1", "::" } },
		{ { "::/0" }, { "2001:db8::1", "::", "64:ff9b::1" }, { "192.0.2.1" } },
		/* By its own form, when IPv4 says nothing. */
		{ { "64:ff9b::c000:201/128" }, { "64:ff9b::192.0.2.1" }, { "192.0.2.1" } },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct prefix_entry entries[4];
		CLEANUP(free_cleanup) void *table = NULL;
		struct address address;
		size_t count = 0, bytes;

		for (; count < 4 && cases[i].entries[count]; count++)
			entries[count] = entry_of(cases[i].entries[count], false);
		table = table_of(entries, count, &bytes);
		assert_int_equal(address_table_check(table, bytes), 0);
		for (size_t k = 0; k < 3 && cases[i].listed[k]; k++) {
			assert_int_equal(address_parse(cases[i].listed[k], &address), 0);
			assert_int_equal(address_table_walk(table, bytes, &address, NULL),
					 TABLE_LISTED);
		}
		for (size_t k = 0; k < 4 && cases[i].innocent[k]; k++) {
			assert_int_equal(address_parse(cases[i].innocent[k], &address), 0);
			assert_int_equal(address_table_walk(table, bytes, &address, NULL), 0);
		}
	}
}

/* A changed prefix counts at once, whether it is in the index or not, and what it covered or hid
 * comes out. */
static void test_change(void **state)
{
	static const struct {
		const char *prefix, *within;
	} chain[] = {
		{ "10.0.0.0/8", "10.9.9.9" },	       { "10.1.0.0/16", "10.1.9.9" },
		{ "10.1.2.0/24", "10.1.2.9" },	       { "10.1.2.3/32", "10.1.2.3" },
		{ "2001::/20", "2001:db9::" },	       { "2001:db8::/32", "2001:db8:9::" },
		{ "2001:db8:1::/48", "2001:db8:1::" },
	};
	struct prefix_entry entries[ELEMENTS(chain)];
	CLEANUP(free_cleanup) void *table = NULL;
	struct address other = entry_of("10.1.2.3/32", false).address;
	size_t bytes;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(chain); i++)
		entries[i] = entry_of(chain[i].prefix, false);
	table = table_of(entries, ELEMENTS(chain), &bytes);
	assert_int_equal(address_table_change(table, bytes, &other, 127, TABLE_KEEP, 0), 0);
	for (size_t i = 0; i < ELEMENTS(chain); i++) {
		struct address within = entry_of(chain[i].within, false).address;
		const struct prefix_entry *entry = &entries[i];
		unsigned prefix, above = i && i != 4 ? entries[i - 1].prefix : 0;

		assert_int_equal(address_table_change(table, bytes, &entry->address, entry->prefix,
						      TABLE_KEEP, 0),
				 1);
		assert_int_equal(address_table_walk(table, bytes, &within, &prefix),
				 TABLE_LISTED | TABLE_KEEP);
		assert_int_equal(prefix, entry->prefix);
		/* As when it expires: the one above it decides. */
		assert_int_equal(address_table_change(table, bytes, &entry->address, entry->prefix,
						      0, DECIDING),
				 1);
		assert_int_equal(!!address_table_walk(table, bytes, &within, &prefix), above != 0);
		assert_int_equal(prefix, above);
		assert_int_equal(address_table_change(table, bytes, &entry->address, entry->prefix,
						      TABLE_LISTED, TABLE_KEEP),
				 1);
		assert_int_equal(address_table_walk(table, bytes, &within, NULL), TABLE_LISTED);
	}
}

/* Buckets nearly full: each prefix is found (the builder looks for each), none beside it is. */
static void test_full(void **state)
{
	const size_t count = 126000; /* of 131,072 slots */
	CLEANUP(free_cleanup) struct prefix_entry *entries = calloc(count, sizeof(*entries));
	CLEANUP(free_cleanup) void *table = NULL;
	size_t bytes;

	(void)state;
	assert_non_null(entries);
	for (size_t i = 0; i < count; i++) {
		uint8_t ipv4[4] = { 11, (uint8_t)(i >> 15), (uint8_t)(i >> 7), (uint8_t)(i << 1) };

		entries[i] = (struct prefix_entry){ address_from_ipv4(ipv4), 128, false };
	}
	table = table_of(entries, count, &bytes);
	assert_in_range(bytes, 0, (1 << 20) + (256 << 10) + 8192);
	for (size_t i = 0; i < count; i++) {
		struct address beside = entries[i].address;

		beside.bytes[15] |= 1;
		assert_int_equal(address_table_walk(table, bytes, &entries[i].address, NULL),
				 TABLE_LISTED);
		assert_int_equal(address_table_walk(table, bytes, &beside, NULL), 0);
	}
}

/* More lengths than the index of IPv6 has bits. */
static void test_lengths(void **state)
{
	CLEANUP(free_cleanup) struct prefix_reference *reference = calloc(1, sizeof(*reference));
	CLEANUP(free_cleanup) void *table = NULL;
	size_t bytes;

	(void)state;
	assert_non_null(reference);
	for (unsigned prefix = 0; prefix <= 128; prefix++) {
		struct prefix_entry *entry = &reference->entries[reference->count++];

		*entry = entry_of("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", prefix % 3 == 0);
		address_mask(&entry->address, prefix);
		entry->prefix = prefix;
	}
	table = table_of(reference->entries, reference->count, &bytes);
	for (unsigned bit = 0; bit < 128; bit++) {
		struct address address = reference->entries[128].address;

		(void)walk_check(table, bytes, reference, &address);
		address.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		(void)walk_check(table, bytes, reference, &address);
	}
}

/* Any word of either header may lie: the walk then finds nothing, or stays within the table. */
static void test_lying_header(void **state)
{
	static const uint64_t lies[] = { 0,
					 1,
					 2,
					 7,
					 15,
					 0x00000001ff818110,
					 UINT64_MAX,
					 UINT64_MAX - 1,
					 1ULL << 63,
					 (1ULL << 61) - 1,
					 (1ULL << 58) - 1 };
	const struct prefix_entry entries[] = { entry_of("192.0.0.0/15", false),
						entry_of("192.0.2.0/24", false),
						entry_of("2001:db8::/32", false),
						entry_of("2001:db8::/48", false) };
	const struct address asked[] = { entry_of("192.0.2.1", false).address,
					 entry_of("192.1.2.1", false).address,
					 entry_of("2001:db8::1", false).address };
	CLEANUP(free_cleanup) void *table = NULL;
	uint64_t *words;
	size_t bytes;

	(void)state;
	table = table_of(entries, ELEMENTS(entries), &bytes);
	words = table;
	for (size_t i = 0; i < TABLE_HEADERS * TABLE_WORDS; i++) {
		uint64_t was = words[i];

		for (size_t k = 0; k < ELEMENTS(lies) * ELEMENTS(asked); k++) {
			const struct address *address = &asked[k % ELEMENTS(asked)];

			words[i] = lies[k / ELEMENTS(asked)];
			(void)address_table_walk(table, bytes, address, NULL);
			(void)address_table_change(table, bytes, address, 112, TABLE_KEEP, 0);
		}
		words[i] = was;
	}
	assert_int_equal(address_table_check(table, bytes), 0);
	assert_int_equal(address_table_check(table, bytes - TABLE_ELEMENT_SIZE), -EBADMSG);
	assert_int_equal(address_table_check(table, bytes + TABLE_ELEMENT_SIZE), -EBADMSG);
	assert_int_equal(address_table_walk(table, TABLE_ELEMENT_SIZE, &asked[0], NULL), 0);
	assert_int_not_equal(address_table_walk(table, bytes, &asked[0], NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference), cmocka_unit_test(test_families),
		cmocka_unit_test(test_change),	  cmocka_unit_test(test_full),
		cmocka_unit_test(test_lengths),	  cmocka_unit_test(test_lying_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
