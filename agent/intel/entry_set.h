/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries of a pack to be: collected as lists are read, then ordered as they will lie in the
 * file, with duplicates taken out. A million names take some 45 MB here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "intel/domain_hash.h"
#include "intel/intern.h"
#include "intel/list.h"
#include "intel/pack_format.h"

/* Feeds in one pack. A bound on what a list that names thousands of them can cost. */
#define ENTRY_SET_FEEDS_MAX 4096

/* Before a name in names: u32 attribute, u8 length. The name has no zero byte at its end. */
#define ENTRY_NAME_HEAD (sizeof(uint32_t) + 1)

struct entry_domain {
	uint64_t hash;	 /* under entry_set.key */
	uint32_t offset; /* in names */
	uint32_t line;
};

struct entry_address {
	uint8_t bytes[16];
	uint32_t attribute;
	uint32_t line;
	uint32_t prefix;
};

struct entry_hash {
	uint8_t bytes[32];
	uint32_t attribute;
	uint32_t line;
	uint32_t kind; /* index into pack_hash_sizes */
};

struct entry_counts {
	uint64_t domains, addresses, hashes, allows; /* without the never-block list's */
	uint64_t never_block;
	uint64_t duplicates;
};

struct entry_set {
	struct table_key key; /* random */
	struct intern strings, attributes, feeds;
	struct list_attributes last; /* what last_attribute stands for */
	uint32_t last_attribute;
	bool has_last;
	uint8_t *names;
	struct entry_domain *domains;
	struct entry_address *addresses;
	struct entry_hash *hashes;
	uint64_t *feed_entries; /* by feed, when finished */
	size_t names_used, names_room, domain_count, domain_room, address_count, address_room,
		hash_count, hash_room;
};

/* An entry's name in the set. */
struct entry_name {
	uint32_t attribute;
	uint8_t length; /* without the zero byte */
	const uint8_t *wire;
};

int entry_set_init(struct entry_set *set);
void entry_set_clear(struct entry_set *set);

/* -ENOMEM, or -E2BIG: more than the format can hold. hashes: of a domain's name, under the set's
 * key; not read for other kinds. */
int entry_set_add(struct entry_set *set, const struct list_entry *entry,
		  const struct domain_hashes *hashes);

/* Orders all, takes duplicates out (the same thing from the same feed with the same action; the
 * one of higher severity stays) and counts. To be called once. */
int entry_set_finish(struct entry_set *set, struct entry_counts *ret);

const struct pack_attribute *entry_set_attribute(const struct entry_set *set, uint32_t number);
struct entry_name entry_set_name(const struct entry_set *set, const struct entry_domain *domain);
