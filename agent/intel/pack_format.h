/* SPDX-License-Identifier: Apache-2.0
 *
 * The pack as it lies in its file: a header, sections, and the SHA-256 of all that stands before
 * it. Written by pack_write.c, read by pack.c; nobody else includes this. Little-endian words; a
 * section starts at a multiple of 8, the kernel's table at a page.
 *
 *   TABLE		the kernel's table of names and addresses, probes/table.h, address_table.h
 *   STRINGS		names of feeds, and tags, each with its NUL
 *   FEEDS		struct pack_feed_record
 *   ATTRIBUTES		struct pack_attribute: each set once
 *   ADDRESS_STARTS	u32 for each prefix length, and one: where its records start in ADDRESSES
 *   ADDRESSES		struct pack_address, by length, then address
 *   HASH_STARTS	u32 for each kind of hash, and one: where its records start in HASHES
 *   HASHES		struct pack_hash, by kind, then hash
 *   DOMAIN_STARTS	u32 for each bucket, and one: where its records start in DOMAINS
 *   DOMAINS		struct pack_domain and its name, by hash: the hash's upper bits are the
 * bucket
 *
 * Records of one key stand together, those that decide first: never-block, allow, then block by
 * falling severity. A lookup by name costs two pages, whatever the size of the pack.
 */
#pragma once

#include <stdint.h>

#include "base/digest.h"
#include "intel/fingerprint.h"

#define PACK_MAGIC   "cordonPK"
#define PACK_VERSION 2
#define PACK_PAGE    4096

enum pack_section_id {
	PACK_TABLE,
	PACK_STRINGS,
	PACK_FEEDS,
	PACK_ATTRIBUTES,
	PACK_ADDRESS_STARTS,
	PACK_ADDRESSES,
	PACK_HASH_STARTS,
	PACK_HASHES,
	PACK_DOMAIN_STARTS,
	PACK_DOMAINS,
	PACK_SECTIONS,
};

struct pack_section {
	uint64_t offset;
	uint64_t size;
};

#define PACK_HAS_NEVER_BLOCK  1ULL
#define PACK_HAS_EXPIRY	      2ULL /* some entry has one */
#define PACK_HAS_SINGLE_LABEL 4ULL

struct pack_header {
	char magic[8];
	uint32_t version;
	uint32_t size; /* of this header */
	uint64_t file_size;
	uint64_t created; /* seconds since the epoch */
	uint64_t flags;
	uint64_t seed, multiplier; /* of the hash that DOMAINS are ordered by */
	uint64_t domains, addresses, hashes, allows;
	uint64_t bucket_bits; /* DOMAIN_STARTS has 2^bits buckets */
	struct pack_section sections[PACK_SECTIONS];
};

#define PACK_BUCKET_BITS_MIN 1
#define PACK_BUCKET_BITS_MAX 30

struct pack_feed_record {
	uint32_t name; /* in STRINGS */
	uint32_t unused;
	uint64_t entries;
};

struct pack_attribute {
	uint64_t expiry;
	uint32_t feed; /* number in FEEDS */
	uint32_t tags; /* in STRINGS */
	uint8_t severity;
	uint8_t action;
	uint8_t never_block;
	uint8_t name_only; /* never_block holds for the name, not for what stands below it */
	uint32_t unused;
};

#define PACK_PREFIXES 129 /* lengths 0 to 128 */

struct pack_address {
	uint8_t bytes[16]; /* masked */
	uint32_t attribute;
	uint32_t line;
};

/* Kinds of hashes: MD5, SHA-1, SHA-256, JA4. */
#define PACK_HASH_KINDS 4
static const uint8_t pack_hash_sizes[PACK_HASH_KINDS] = { 16, 20, 32, FINGERPRINT_SIZE };

struct pack_hash {
	uint8_t bytes[32]; /* zeroes behind a shorter one */
	uint32_t attribute;
	uint32_t line;
};

/* Not aligned; the name follows in wire form, lower case, without its zero byte. */
struct pack_domain {
	uint32_t attribute;
	uint32_t line;
	uint8_t length; /* of the name */
} __attribute__((packed));

_Static_assert(sizeof(struct pack_header) == 96 + PACK_SECTIONS * 16, "no padding");
_Static_assert(sizeof(struct pack_attribute) == 24, "no padding");
_Static_assert(sizeof(struct pack_address) == 24, "no padding");
_Static_assert(sizeof(struct pack_hash) == 40, "no padding");
_Static_assert(sizeof(struct pack_domain) == 9, "packed");
