/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups in a pack. Each goes from the longest key to the shortest, twice: first for entries of
 * the never-block list, over which nothing stands, then for the rest; the records of one key lie
 * in the order in which they decide.
 */
#include "intel/pack.h"

#include <errno.h>
#include <string.h>

#include "intel/domain_hash.h"
#include "intel/domain_table.h"
#include "intel/pack_map.h"

struct lookup {
	const struct pack *pack;
	uint64_t now;
	bool never_block; /* this round is about those entries */
	struct pack_match *match;
};

/* A place for an entry that counts in this round, or NULL. whole: the key is all of what is looked
 * up, not something above it. */
static struct indicator *lookup_take(struct lookup *lookup, uint32_t number, uint32_t line,
				     bool whole)
{
	struct pack_match *match = lookup->match;
	struct pack_attribute attribute;
	struct indicator *indicator;

	if (match->count == PACK_MATCHES_MAX ||
	    !pack_map_attribute(lookup->pack, number, &attribute) ||
	    pack_map_expired(&attribute, lookup->now) ||
	    (attribute.never_block && (!attribute.name_only || whole)) != lookup->never_block)
		return NULL;
	indicator = &match->matches[match->count++];
	pack_map_indicator(lookup->pack, &attribute, line, indicator);
	return indicator;
}

static int lookup_end(struct lookup *lookup)
{
	struct pack_match *match = lookup->match;

	match->blocked = match->count > 0 && match->matches[0].action == INDICATOR_BLOCK;
	pack_map_trim(lookup->pack);
	return match->count > 0;
}

static struct lookup lookup_begin(const struct pack *pack, uint64_t now, struct pack_match *match)
{
	match->count = 0;
	match->blocked = false;
	return (struct lookup){ .pack = pack, .now = now, .match = match };
}

/* The bounds in DOMAINS of the bucket of a hash. */
static bool domain_bucket(const struct pack *pack, uint64_t hash, uint32_t *ret_start,
			  uint32_t *ret_end)
{
	return pack_map_range(pack, PACK_DOMAIN_STARTS, hash >> (64 - pack->header.bucket_bits),
			      ret_start, ret_end);
}

/* The record at *at, which is moved on, unless its name is another one: NULL then, or at the end.
 * Unlike pack_map_domain_next() it copies nothing. */
static const struct pack_domain *domain_match(const struct pack *pack, uint32_t *at, uint32_t end,
					      const uint8_t *name, size_t length)
{
	while (*at < end) {
		const struct pack_domain *record =
			pack_map_bytes(pack, PACK_DOMAINS, *at, sizeof(*record));
		const void *wire;

		if (!record)
			return NULL;
		wire = pack_map_bytes(pack, PACK_DOMAINS, (uint64_t)*at + sizeof(*record),
				      record->length);
		if (!wire)
			return NULL;
		*at += (uint32_t)sizeof(*record) + record->length;
		if (record->length == length && memcmp(wire, name, length) == 0)
			return record;
	}
	return NULL;
}

/* Entries that are the last so many labels of the name. */
static void domain_suffix(struct lookup *lookup, const struct domain_name *name,
			  const struct domain_hashes *hashes, size_t labels)
{
	size_t start = domain_hashes_start(hashes, labels);
	const uint8_t *wire = name->wire + start;
	size_t length = (size_t)name->length - 1 - start;
	const struct pack_domain *record;
	uint32_t at, end;

	if (!domain_bucket(lookup->pack, hashes->of[labels], &at, &end))
		return;
	while ((record = domain_match(lookup->pack, &at, end, wire, length))) {
		struct indicator *indicator = lookup_take(lookup, record->attribute, record->line,
							  labels == hashes->labels);
		struct domain_name entry = { .length = (uint8_t)(length + 1) };

		if (!indicator)
			continue;
		indicator->kind = INDICATOR_DOMAIN;
		memcpy(entry.wire, wire, length + 1);
		domain_name_format(&entry, indicator->text);
	}
}

static struct table_key pack_key(const struct pack *pack)
{
	return (struct table_key){ pack->header.seed, pack->header.multiplier };
}

static void domain_round(struct lookup *lookup, const struct domain_name *name,
			 const struct domain_hashes *hashes)
{
	bool single = lookup->pack->header.flags & PACK_HAS_SINGLE_LABEL;

	for (size_t labels = hashes->walked; labels >= (single ? 1 : 2); labels--)
		domain_suffix(lookup, name, hashes, labels);
}

int pack_lookup_domain(const struct pack *pack, const struct domain_name *name, uint64_t now,
		       struct pack_match *ret)
{
	struct lookup lookup = lookup_begin(pack, now, ret);
	struct table_key key = pack_key(pack);
	struct domain_name lower = *name;
	struct domain_hashes hashes;

	domain_name_lower(&lower);
	domain_hashes_compute(&lower, &key, &hashes);
	if (pack->header.flags & PACK_HAS_NEVER_BLOCK) {
		lookup.never_block = true;
		domain_round(&lookup, &lower, &hashes);
	}
	lookup.never_block = false;
	domain_round(&lookup, &lower, &hashes);
	return lookup_end(&lookup);
}

/* Sections of records of one size that start with their key, and end with their attribute and
 * line. */
struct sorted {
	enum pack_section_id starts, records;
	size_t record_size, key_size;
};

static const struct sorted addresses = { PACK_ADDRESS_STARTS, PACK_ADDRESSES,
					 sizeof(struct pack_address), 16 };
static const struct sorted hashes_by_kind = { PACK_HASH_STARTS, PACK_HASHES,
					      sizeof(struct pack_hash), 32 };

static const uint8_t *sorted_record(const struct pack *pack, const struct sorted *sorted,
				    uint32_t number)
{
	return pack_map_bytes(pack, sorted->records, (uint64_t)number * sorted->record_size,
			      sorted->record_size);
}

/* The first record of a group that is not before the key. *ret_end: the group's end. */
static uint32_t sorted_find(const struct pack *pack, const struct sorted *sorted, uint64_t group,
			    const uint8_t *key, uint32_t *ret_end)
{
	uint32_t low, high;

	*ret_end = 0;
	if (!pack_map_range(pack, sorted->starts, group, &low, &high))
		return 0;
	*ret_end = high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const uint8_t *record = sorted_record(pack, sorted, middle);

		if (!record || memcmp(record, key, sorted->key_size) >= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* The next record of the key that counts in this round: its place, for kind and text. */
static struct indicator *sorted_take(struct lookup *lookup, const struct sorted *sorted,
				     const uint8_t *key, bool whole, uint32_t *at, uint32_t end)
{
	while (*at < end) {
		const uint8_t *record = sorted_record(lookup->pack, sorted, (*at)++);
		struct indicator *indicator;
		uint32_t attribute, line;

		if (!record || memcmp(record, key, sorted->key_size) != 0)
			break;
		memcpy(&attribute, record + sorted->key_size, sizeof(attribute));
		memcpy(&line, record + sorted->key_size + sizeof(attribute), sizeof(line));
		indicator = lookup_take(lookup, attribute, line, whole);
		if (indicator)
			return indicator;
	}
	*at = end;
	return NULL;
}

/* Entries of this very prefix. */
static void address_prefix(struct lookup *lookup, const struct address *address, unsigned prefix)
{
	struct address masked = *address;
	struct indicator *indicator;
	uint32_t at, end;

	address_mask(&masked, prefix);
	at = sorted_find(lookup->pack, &addresses, prefix, masked.bytes, &end);
	while ((indicator = sorted_take(lookup, &addresses, masked.bytes, true, &at, end))) {
		indicator->kind = INDICATOR_ADDRESS;
		address_format_prefix(&masked, prefix, indicator->text);
	}
}

static void address_round(struct lookup *lookup, const struct address *address)
{
	/* An IPv6 prefix that happens to hold the mapped addresses says nothing about IPv4. */
	unsigned shortest = address_is_ipv4(address) ? 96 : 0;

	for (unsigned prefix = 128;; prefix--) {
		address_prefix(lookup, address, prefix);
		if (prefix == shortest)
			break;
	}
}

int pack_lookup_prefix(const struct pack *pack, const struct address *address, unsigned prefix,
		       uint64_t now, struct pack_match *ret)
{
	struct lookup lookup = lookup_begin(pack, now, ret);

	lookup.never_block = true;
	address_prefix(&lookup, address, prefix);
	lookup.never_block = false;
	address_prefix(&lookup, address, prefix);
	return lookup_end(&lookup);
}

int pack_lookup_address(const struct pack *pack, const struct address *address, uint64_t now,
			struct pack_match *ret)
{
	struct lookup lookup = lookup_begin(pack, now, ret);
	struct address asked = *address;

	/* As the kernel side's table has it: the IPv4 address behind a translator first. */
	if (address_is_nat64(address))
		asked = address_from_ipv4(address->bytes + 12);
	for (;;) {
		lookup.never_block = true;
		address_round(&lookup, &asked);
		lookup.never_block = false;
		address_round(&lookup, &asked);
		if (ret->count > 0 || address_equal(&asked, address))
			return lookup_end(&lookup);
		asked = *address;
	}
}

void pack_hash_format(const uint8_t *hash, size_t size, char out[static INDICATOR_TEXT_SIZE])
{
	if (size == FINGERPRINT_SIZE)
		fingerprint_format(hash, out);
	else
		digest_text(hash, size, out);
}

static void hash_round(struct lookup *lookup, const uint8_t key[static 32], size_t size,
		       uint32_t kind)
{
	struct indicator *indicator;
	uint32_t at, end;

	at = sorted_find(lookup->pack, &hashes_by_kind, kind, key, &end);
	while ((indicator = sorted_take(lookup, &hashes_by_kind, key, true, &at, end))) {
		indicator->kind = size == FINGERPRINT_SIZE ? INDICATOR_JA4 : INDICATOR_HASH;
		pack_hash_format(key, size, indicator->text);
	}
}

int pack_lookup_hash(const struct pack *pack, const uint8_t *hash, size_t size, uint64_t now,
		     struct pack_match *ret)
{
	struct lookup lookup = lookup_begin(pack, now, ret);
	uint8_t key[32] = { 0 };
	uint32_t kind = 0;

	while (kind < PACK_HASH_KINDS && pack_hash_sizes[kind] != size)
		kind++;
	if (kind == PACK_HASH_KINDS)
		return 0;
	memcpy(key, hash, size);
	lookup.never_block = true;
	hash_round(&lookup, key, size, kind);
	lookup.never_block = false;
	hash_round(&lookup, key, size, kind);
	return lookup_end(&lookup);
}

bool pack_has_hashes(const struct pack *pack, size_t size)
{
	uint32_t low, high;

	for (uint32_t kind = 0; kind < PACK_HASH_KINDS; kind++)
		if (pack_hash_sizes[kind] == size)
			return pack_map_range(pack, PACK_HASH_STARTS, kind, &low, &high) &&
			       high > low;
	return false;
}

bool pack_has_fingerprints(const struct pack *pack)
{
	return pack_has_hashes(pack, FINGERPRINT_SIZE);
}

int pack_each_domain(const struct pack *pack,
		     int (*each)(const struct domain_name *name, const struct indicator *indicator,
				 void *data),
		     void *data)
{
	uint32_t end = (uint32_t)pack->header.sections[PACK_DOMAINS].size, at = 0;
	struct pack_map_domain record;
	int r;

	while ((r = pack_map_domain_next(pack, &at, end, &record)) > 0) {
		struct indicator indicator = { .kind = INDICATOR_DOMAIN };
		struct pack_attribute attribute;

		if (!pack_map_attribute(pack, record.attribute, &attribute))
			return -EBADMSG;
		pack_map_indicator(pack, &attribute, record.line, &indicator);
		domain_name_format(&record.name, indicator.text);
		r = each(&record.name, &indicator, data);
		pack_map_trim(pack);
		if (r != 0)
			return r;
	}
	return r;
}

/* What entries of this very name, those past their expiry left out, make of its node. */
static uint64_t node_flags(const struct pack *pack, const struct domain_name *name, uint64_t now)
{
	struct table_key key = pack_key(pack);
	const struct pack_domain *record;
	struct pack_attribute attribute;
	struct domain_hashes hashes;
	uint64_t flags = 0;
	uint32_t at, end;

	domain_hashes_compute(name, &key, &hashes);
	if (hashes.labels == 0 || hashes.labels > hashes.walked ||
	    !domain_bucket(pack, hashes.of[hashes.labels], &at, &end))
		return 0;
	while ((record = domain_match(pack, &at, end, name->wire, (size_t)name->length - 1)))
		if (pack_map_attribute(pack, record->attribute, &attribute) &&
		    !pack_map_expired(&attribute, now))
			flags |= attribute.action == INDICATOR_ALLOW ? TABLE_ALLOWED : TABLE_LISTED;
	return flags;
}

int pack_table_expire(const struct pack *pack, void *table, size_t bytes, uint64_t now,
		      uint64_t *ret_next)
{
	uint32_t end = (uint32_t)pack->header.sections[PACK_DOMAINS].size, at = 0;
	struct pack_map_domain record;
	int r = 0, changed = 0;

	*ret_next = 0;
	if (!(pack->header.flags & PACK_HAS_EXPIRY))
		return 0;
	while ((r = pack_map_domain_next(pack, &at, end, &record)) > 0) {
		struct pack_attribute attribute;
		uint64_t flags;

		if (!pack_map_attribute(pack, record.attribute, &attribute))
			return -EBADMSG;
		if (attribute.expiry > now && (!*ret_next || attribute.expiry < *ret_next))
			*ret_next = attribute.expiry;
		if (!pack_map_expired(&attribute, now))
			continue;
		flags = node_flags(pack, &record.name, now);
		changed += domain_table_change(table, bytes, &record.name, flags,
					       (TABLE_LISTED | TABLE_ALLOWED) & ~flags);
		pack_map_trim(pack);
	}
	if (r == 0)
		r = pack_addresses_expire(pack, table, bytes, now, ret_next);
	return r < 0 ? r : changed + r;
}
