/* SPDX-License-Identifier: Apache-2.0
 *
 * Random prefixes and addresses of both families, and a plain list of prefixes to hold the address
 * table against. For tests of the table, and of the probes that read it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/address.h"

#define PREFIX_ENTRIES_MAX 4000

struct prefix_entry {
	struct address address; /* masked */
	unsigned prefix;
	bool allow;
};

struct prefix_reference {
	struct prefix_entry entries[PREFIX_ENTRIES_MAX];
	size_t count;
};

enum prefix_word {
	PREFIX_NONE,
	PREFIX_LISTED,
	PREFIX_ALLOWED,
};

static inline bool prefix_holds(const struct prefix_entry *entry, const struct address *address)
{
	/* By single bits: nothing in common with how the table masks. */
	for (unsigned bit = 0; bit < entry->prefix; bit++)
		if ((entry->address.bytes[bit / 8] ^ address->bytes[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static inline enum prefix_word prefix_longest(const struct prefix_reference *reference,
					      const struct address *address, unsigned *ret_prefix)
{
	enum prefix_word word = PREFIX_NONE;
	unsigned longest = 0;

	for (size_t i = 0; i < reference->count; i++) {
		const struct prefix_entry *entry = &reference->entries[i];

		/* A prefix of IPv6 says nothing about IPv4. */
		if ((address_is_ipv4(address) && entry->prefix < 96) ||
		    (word != PREFIX_NONE && entry->prefix < longest) ||
		    !prefix_holds(entry, address))
			continue;
		if (word == PREFIX_NONE || entry->prefix > longest || entry->allow)
			word = entry->allow ? PREFIX_ALLOWED : PREFIX_LISTED;
		longest = entry->prefix;
	}
	*ret_prefix = word == PREFIX_NONE ? 0 : longest;
	return word;
}

/* What the list says of an address. */
static inline enum prefix_word prefix_reference_find(const struct prefix_reference *reference,
						     const struct address *address,
						     unsigned *ret_prefix)
{
	static const uint8_t translator[12] = { 0, 0x64, 0xff, 0x9b };
	enum prefix_word word = PREFIX_NONE;

	if (memcmp(address->bytes, translator, sizeof(translator)) == 0) {
		struct address within = address_from_ipv4(address->bytes + 12);

		word = prefix_longest(reference, &within, ret_prefix);
	}
	return word != PREFIX_NONE ? word : prefix_longest(reference, address, ret_prefix);
}

/* pick(n): a random number below n. Addresses are alike, so that prefixes lie within others. */
static inline struct address prefix_random_address(unsigned (*pick)(unsigned below))
{
	static const uint8_t heads[][12] = {
		{ [10] = 0xff, 0xff },
		{ [10] = 0xff, 0xff },
		{ 0x20, 0x01, 0x0d, 0xb8 },
		{ 0x20, 0x01, 0x0d, 0xb8 },
		{ 0x00, 0x64, 0xff, 0x9b },
		{ 0xfe, 0x80 },
		{ 0 },
	};
	unsigned head = pick(sizeof(heads) / sizeof(heads[0]));
	struct address address = { { 0 } };

	memcpy(address.bytes, heads[head], sizeof(heads[head]));
	for (size_t i = 12; i < 16; i++)
		address.bytes[i] = (uint8_t)(pick(3) ? pick(3) : pick(256));
	if (head >= 2 && head != 4)
		for (size_t i = 2; i < 12; i++)
			if (pick(4) == 0)
				address.bytes[i] = (uint8_t)pick(4);
	return address;
}

static inline struct prefix_entry prefix_random_entry(unsigned (*pick)(unsigned below))
{
	struct prefix_entry entry = { .address = prefix_random_address(pick) };
	bool ipv4 = address_is_ipv4(&entry.address);

	/* Few that hold nearly everything, or there is nothing left to tell apart. */
	entry.prefix = ipv4 ? 106 + pick(23) : 24 + pick(105);
	if (pick(3) == 0)
		entry.prefix = 128;
	if (pick(3000) == 0)
		entry.prefix = ipv4 ? 96 + pick(33) : pick(129);
	entry.allow = pick(4) == 0;
	address_mask(&entry.address, entry.prefix);
	return entry;
}
