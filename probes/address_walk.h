/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Looking an address up in the table in force (address_table.h says how).
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "address_table.h"
#include "verifier.h"
#include "walk.h"

#define ADDRESS_DECIDING (TABLE_LISTED | TABLE_ALLOWED)

/* Flags of the slot of the first so many bits; 0: there is none. */
static __always_inline __u64 prefix_find(void *table, const struct address_header *header,
					 const struct address_words *masked, __u64 length)
{
	__u64 hash = address_hash(masked, length, header->seed, header->multiplier);
	__u64 bucket = table_bucket(hash, header->bucket_mask), wanted = table_slot(hash), flags;
	bool full;

	flags = bucket_find(table, header->bucket_first + bucket, wanted, &full);
	if (flags || !full)
		return flags;
	bucket = table_other(bucket, wanted, header->bucket_mask);
	return bucket_find(table, header->bucket_first + bucket, wanted, &full);
}

/* Word number at of an index that starts at element first. */
static __always_inline __u32 index_word(void *table, __u64 first, __u64 at)
{
	__u32 element = (__u32)(first + at / ADDRESS_INDEX_WORDS);
	__u32 *words = bpf_map_lookup_elem(table, &element);

	OPAQUE(at);
	return words ? words[at & (ADDRESS_INDEX_WORDS - 1)] : 0;
}

static __always_inline __u64 ipv4_match(void *table, const struct address_header *header,
					const struct address_words *at)
{
	__u64 bits = header->ipv4_bits, decided;
	__u32 word;

	if (!header->ipv4_first)
		return 0;
	word = index_word(table, header->ipv4_first, address_ipv4_word(at, bits));
	decided = word >> ADDRESS_IPV4_FLAGS_SHIFT;
	word &= (1U << ADDRESS_IPV4_FLAGS_SHIFT) - 1;
	if (!word)
		return decided;
	word ^= (__u32)verifier_zero;
	for (int i = ADDRESS_IPV4_FLAGS_SHIFT - 1; i >= 0; i--) {
		__u64 length = ADDRESS_IPV4_LENGTH + (__u64)i, flags;
		struct address_words masked = { at->high, at->low & ~0ULL << (128 - length) };

		if (!(word >> i & 1))
			continue;
		flags = prefix_find(table, header, &masked, length) ^ verifier_zero;
		word ^= (__u32)verifier_zero;
		if (!(flags & ADDRESS_DECIDING))
			continue;
		decided = flags;
		break;
	}
	return decided ^ verifier_zero;
}

static __always_inline __u64 ipv6_match(void *table, const struct address_header *header,
					const struct address_words *at)
{
	__u64 count = header->ipv6_lengths, beyond = header->ipv6_long, decided = 0;
	__u32 word;

	if (!header->ipv6_first)
		return 0;
	word = index_word(
		table, header->ipv6_first + ADDRESS_IPV6_LENGTHS_ROOM,
		address_ipv6_word(at, header->seed, header->multiplier, header->ipv6_mask));
	if (!word && count == beyond)
		return 0;
	/* Or the turns would be followed once for 0 and once for others. */
	word ^= (__u32)verifier_zero;
	for (__u64 i = 0; i < ADDRESS_IPV6_LENGTHS; i++) {
		__u64 bit = i < ADDRESS_IPV6_BITS ? i : ADDRESS_IPV6_BITS - 1, length, flags;
		__u32 element = (__u32)(header->ipv6_first + i / TABLE_ELEMENT_SIZE);
		struct address_words masked;
		__u8 *lengths;

		if (i >= (count ^ verifier_zero))
			break;
		if (i < (beyond ^ verifier_zero) && !(word >> bit & 1))
			continue;
		lengths = bpf_map_lookup_elem(table, &element);
		if (!lengths)
			break;
		length = lengths[i & (TABLE_ELEMENT_SIZE - 1)];
		masked = address_words_mask(at, length);
		flags = prefix_find(table, header, &masked, length) ^ verifier_zero;
		word ^= (__u32)verifier_zero;
		if (!(flags & ADDRESS_DECIDING))
			continue;
		decided = flags;
		break;
	}
	return decided ^ verifier_zero;
}

/* The longest prefix's flags: LISTED, ALLOWED, KEEP; 0 when there is none. ipv4: the address is
 * IPv4 for certain, where that is known at compile time. What is asked of the address is forgotten
 * before each family's turns, or they would be followed once for every answer. */
static __always_inline __u64 address_match(void *table, struct address_words *at, bool ipv4)
{
	__u32 one = 1;
	const struct address_header *header = bpf_map_lookup_elem(table, &one);
	struct address_words within = *at;
	__u64 flags = 0;

	if (!header || !header->nodes)
		return 0;
	if (ipv4)
		return ipv4_match(table, header, at);
	if (address_words_nat64(at)) {
		within.high = 0;
		within.low = ADDRESS_MAPPED << 32 | at->low;
	}
	if (address_words_ipv4(&within)) {
		FORGET(within.high);
		FORGET(within.low);
		FORGET(at->high);
		FORGET(at->low);
		flags = ipv4_match(table, header, &within);
	}
	if (flags || address_words_ipv4(at))
		return flags;
	FORGET(at->high);
	FORGET(at->low);
	return ipv6_match(table, header, at);
}
