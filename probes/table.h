/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The domain table: what the kernel side matches names against. Built in user space (agent/intel),
 * stored in the pack, copied into an array map, read by the probes. Both sides include this file.
 *
 * The table is an array of 64-byte elements: two headers (the second is that of the addresses, see
 * address_table.h), then a Bloom filter, then buckets of eight slots; what comes after them is the
 * addresses'. A slot is a keyed 60-bit fingerprint of a name and four flags; 0 is an empty slot.
 *
 * Every entry is a node, and so is every ancestor of an entry down to two labels. A walk starts at
 * a name's last two labels and goes on to the left while it finds nodes that have children: an
 * innocent name ends at its first step, mostly in the Bloom filter, which holds the nodes of two
 * labels. The deepest node that is listed or allowed decides. Nodes of one label (a listed top
 * level domain) are looked for only when the header says that there are any.
 *
 * Names are hashed without regard to case by setting bit 5 of every byte, length bytes included.
 * That makes a few names that nobody can register equal to others; user space confirms the exact
 * name of each hit. Words are little-endian, as on all machines that we run on.
 */
#pragma once

#ifndef __bpf__
#include <linux/types.h>
#endif

#define TABLE_MAGIC 0x32306c6261746463ULL /* "cdtabl02" */

#define TABLE_ELEMENT_SIZE 64
#define TABLE_WORDS	   8 /* of 64 bits in an element; slots in a bucket */

#define TABLE_HEADERS 2 /* elements before the Bloom filter */

/* Flags in the low bits of a slot. */
#define TABLE_CHILDREN 1ULL /* longer entries end in this name */
#define TABLE_LISTED   2ULL /* a block entry */
#define TABLE_ALLOWED  4ULL /* an allow entry: stands over LISTED in the same slot */
#define TABLE_KEEP     8ULL /* listed, but policy wants the lookup seen, not dropped */
#define TABLE_FLAGS    15ULL

/* Deepest entry: labels beyond these, from the right, are not walked. A longer entry is refused
 * when the pack is compiled. */
#define TABLE_LABELS_MAX 16

/* Element 0. */
struct table_header {
	__u64 magic;
	__u64 seed;	    /* where hashing starts: random */
	__u64 multiplier;   /* random and odd */
	__u64 bloom_mask;   /* words of the Bloom filter - 1; a power of two of at least 8 words */
	__u64 bucket_first; /* element number of bucket 0: 2 + bloom words / 8 */
	__u64 bucket_mask;  /* buckets - 1; a power of two */
	__u64 single_label; /* 1: there are nodes of one label */
	__u64 nodes;
};

#define TABLE_FOLD 0x2020202020202020ULL

/* Takes a word into the hash as it is. */
static inline __attribute__((always_inline)) __u64 table_blend(__u64 hash, __u64 word,
							       __u64 multiplier)
{
	hash = (hash ^ word) * multiplier;
	return hash ^ (hash >> 32);
}

/* Takes eight bytes of a run of labels into the hash. */
static inline __attribute__((always_inline)) __u64 table_mix(__u64 hash, __u64 word,
							     __u64 multiplier)
{
	return table_blend(hash, word | TABLE_FOLD, multiplier);
}

/* Ends a run of length bytes. A run is the wire form of one label, or of the last two together
 * (the first step of a walk), without the final zero byte. Its whole words are mixed from its
 * start, then, when bytes are left over, the eight bytes that end where the run ends: they overlap
 * the word before; in a run of less than eight bytes they are shifted down, so that what stands
 * before the run does not count. */
static inline __attribute__((always_inline)) __u64 table_end(__u64 hash, __u64 length,
							     __u64 multiplier)
{
	hash = (hash ^ length) * multiplier;
	return hash ^ (hash >> 29);
}

/* The hash of a name is the chain over its runs from the right: seed, last two labels, the third
 * from the right, and so on; a node of one label has the chain seed, last label. */

static inline __attribute__((always_inline)) __u64 table_slot(__u64 hash)
{
	return hash & ~TABLE_FLAGS;
}

static inline __attribute__((always_inline)) __u64 table_bucket(__u64 hash, __u64 bucket_mask)
{
	/* The low four bits are not in the fingerprint, so they count here. */
	return hash & bucket_mask;
}

/* The other bucket that a slot may be in; the other one of that is this one again. slot: with or
 * without its flags. */
static inline __attribute__((always_inline)) __u64 table_other(__u64 bucket, __u64 slot,
							       __u64 bucket_mask)
{
	return (bucket ^ (slot >> 32 | 1)) & bucket_mask;
}

static inline __attribute__((always_inline)) __u64 table_bloom_word(__u64 hash, __u64 bloom_mask)
{
	return (hash >> 20) & bloom_mask;
}

static inline __attribute__((always_inline)) __u64 table_bloom_bits(__u64 hash)
{
	return 1ULL << (hash >> 40 & 63) | 1ULL << (hash >> 46 & 63) | 1ULL << (hash >> 52 & 63);
}

/* A slot belongs in its bucket or, when that is full, in its other one (cuckoo hashing); buckets
 * are filled from slot 0 on. So a bucket whose last slot is empty ends the search. */
