/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The address table: what the kernel side matches addresses against. It lies in the same map as the
 * domain table (table.h), so that both are replaced in one step. Built by agent/intel, read by the
 * probes; both sides include this file.
 *
 * Every prefix of a list is a slot: a keyed fingerprint of its bits and its length, with the flags
 * of table.h, in buckets as those of names. Two indexes say which lengths are worth a look, so that
 * an innocent address mostly ends at one word:
 *
 *	IPv4	a word for each value of the first bits, up to 16 of them and fewer in a small
 *		table: the lengths beyond those bits that there are below it, and the flags of the
 *		longest shorter prefix that covers it
 *	IPv6	words found by a keyed hash of the first 32 bits: which lengths from 32 on there may
 *		be below it. Shorter prefixes are looked for at every address.
 *
 * The longest prefix that is listed or allowed decides. Elements after the domain table's: the
 * index of IPv4, the lengths of IPv6, the index of IPv6, the buckets. A family without a prefix has
 * no index.
 *
 * IPv4 is the IPv4-mapped part of IPv6, so lengths count from the start of 128 bits: 10.0.0.0/8 has
 * 104. A shorter prefix that holds that part says nothing about IPv4.
 */
#pragma once

#include "table.h"

/* Element 1. All zeroes: there are no addresses. */
struct address_header {
	__u64 seed;	    /* where hashing starts: random, another than the names' */
	__u64 multiplier;   /* random and odd */
	__u64 bucket_first; /* element number of bucket 0 */
	__u64 bucket_mask;  /* buckets - 1; a power of two */
	__u64 ipv4_first;   /* element number of the index; 0: no IPv4 */
	__u64 ipv6_first;   /* of the lengths, after which comes the index; 0: no IPv6 */
	__u64 ipv6_mask;    /* words of the index - 1; a power of two of at least 16 words */
	__u8 ipv4_bits;	    /* that the index has a word for each value of: 4 to 16 */
	__u8 ipv6_lengths;  /* how many different ones */
	__u8 ipv6_long;	    /* how many of them are 32 or more: they stand first */
	__u8 zero;
	__u32 nodes; /* prefixes */
};

#define ADDRESS_INDEX_WORDS 16 /* of 32 bits in an element */

#define ADDRESS_IPV4_BITS_MIN	 4
#define ADDRESS_IPV4_BITS_MAX	 16
/* Bits 0 to 27 of a word are lengths from this one to 128; above them are flags, as in a slot. */
#define ADDRESS_IPV4_LENGTH	 (96 + ADDRESS_IPV4_BITS_MIN + 1)
#define ADDRESS_IPV4_FLAGS_SHIFT 28

/* Lengths of IPv6, a byte each, from the longest to the shortest. The index has a bit for each
 * place in that order; should there be more, the last bit stands for all that are left. */
#define ADDRESS_IPV6_LENGTHS	   129
#define ADDRESS_IPV6_LENGTHS_ROOM  3 /* elements */
#define ADDRESS_IPV6_LENGTHS_FIRST 32
#define ADDRESS_IPV6_BITS	   32

/* An address as two numbers, the first bit in the highest one. */
struct address_words {
	__u64 high, low;
};

#define ADDRESS_MAPPED 0xffffULL	     /* low >> 32 of IPv4, where high is 0 */
#define ADDRESS_NAT64  0x0064ff9b00000000ULL /* high of 64:ff9b::/96 (RFC 6052) */

static inline __attribute__((always_inline)) int address_words_ipv4(const struct address_words *at)
{
	return at->high == 0 && at->low >> 32 == ADDRESS_MAPPED;
}

/* IPv4 behind a translator: low >> 32 is 0 then. */
static inline __attribute__((always_inline)) int address_words_nat64(const struct address_words *at)
{
	return at->high == ADDRESS_NAT64 && at->low >> 32 == 0;
}

/* The first so many bits: at most 128. Without branches, each of which the verifier would follow.
 */
static inline __attribute__((always_inline)) struct address_words address_words_mask(
	const struct address_words *at, __u64 length)
{
	__u64 all = 0 - (length >> 7), half = 0 - (length >> 6 & 1);
	__u64 part = ~(~0ULL >> (length & 63));
	struct address_words masked = { at->high & (part | half | all),
					at->low & ((part & half) | all) };

	return masked;
}

/* masked: see above, for that length. */
static inline __attribute__((always_inline)) __u64 address_hash(const struct address_words *masked,
								__u64 length, __u64 seed,
								__u64 multiplier)
{
	__u64 hash = table_blend(seed, masked->high, multiplier);

	return table_end(table_blend(hash, masked->low, multiplier), length, multiplier);
}

/* Which word of the IPv4 index belongs to an address. bits: masked here, for the verifier. */
static inline __attribute__((always_inline)) __u64 address_ipv4_word(const struct address_words *at,
								     __u64 bits)
{
	return (at->low & 0xffffffff) >> ((32 - bits) & 31);
}

/* Which word of the IPv6 index belongs to an address. */
static inline __attribute__((always_inline)) __u64 address_ipv6_word(const struct address_words *at,
								     __u64 seed, __u64 multiplier,
								     __u64 mask)
{
	return table_end(table_blend(seed, at->high >> 32, multiplier), 0, multiplier) & mask;
}
