/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/entry_set.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "intel/array.h"

int entry_set_init(struct entry_set *set)
{
	int r;

	memset(set, 0, sizeof(*set));
	if (getrandom(&set->key, sizeof(set->key), 0) != (ssize_t)sizeof(set->key))
		return -EIO;
	set->key.multiplier |= 1;
	r = intern_init(&set->strings);
	if (r == 0)
		r = intern_init(&set->attributes);
	if (r == 0)
		r = intern_init(&set->feeds);
	return r;
}

void entry_set_clear(struct entry_set *set)
{
	intern_clear(&set->strings);
	intern_clear(&set->attributes);
	intern_clear(&set->feeds);
	free(set->names);
	free(set->domains);
	free(set->addresses);
	free(set->hashes);
	free(set->feed_entries);
	memset(set, 0, sizeof(*set));
}

const struct pack_attribute *entry_set_attribute(const struct entry_set *set, uint32_t number)
{
	return (const struct pack_attribute *)(const void *)set->attributes.bytes + number;
}

struct entry_name entry_set_name(const struct entry_set *set, const struct entry_domain *domain)
{
	const uint8_t *at = set->names + domain->offset;
	struct entry_name name = { .length = at[sizeof(uint32_t)], .wire = at + ENTRY_NAME_HEAD };

	memcpy(&name.attribute, at, sizeof(name.attribute));
	return name;
}

static int string_add(struct entry_set *set, const char *text, uint32_t *ret)
{
	return intern_add(&set->strings, text, strlen(text) + 1, ret);
}

static int attribute_add(struct entry_set *set, const struct list_attributes *from, uint32_t *ret)
{
	struct pack_attribute attribute;
	uint32_t name, offset;
	int r;

	memset(&attribute, 0, sizeof(attribute));
	attribute.expiry = from->expiry;
	attribute.severity = from->severity;
	attribute.action = from->action;
	attribute.never_block = from->never_block;
	attribute.name_only = from->name_only;
	r = string_add(set, from->feed, &name);
	if (r == 0)
		r = string_add(set, from->tags, &attribute.tags);
	if (r == 0)
		r = intern_add(&set->feeds, &name, sizeof(name), &offset);
	if (r < 0)
		return r;
	if (set->feeds.count > ENTRY_SET_FEEDS_MAX)
		return -E2BIG;
	attribute.feed = offset / (uint32_t)sizeof(name);
	r = intern_add(&set->attributes, &attribute, sizeof(attribute), &offset);
	if (r == 0)
		*ret = offset / (uint32_t)sizeof(attribute);
	return r;
}

/* Most entries have the attributes of the one before. */
static int attribute_of(struct entry_set *set, const struct list_attributes *attributes,
			uint32_t *ret)
{
	int r;

	if (!set->has_last || memcmp(&set->last, attributes, sizeof(set->last)) != 0) {
		set->has_last = false;
		r = attribute_add(set, attributes, &set->last_attribute);
		if (r < 0)
			return r;
		memcpy(&set->last, attributes, sizeof(set->last));
		set->has_last = true;
	}
	*ret = set->last_attribute;
	return 0;
}

static int domain_add(struct entry_set *set, const struct domain_name *name, uint32_t attribute,
		      uint32_t line, const struct domain_hashes *hashes)
{
	size_t size = ENTRY_NAME_HEAD + name->length - 1, offset = set->names_used;
	struct entry_domain *domains;
	uint8_t *names;

	/* The file's records are a little larger; all their offsets are to fit 32 bits. */
	if (offset + (set->domain_count + 1) * sizeof(uint32_t) + size > UINT32_MAX)
		return -E2BIG;
	names = array_reserve(set->names, &set->names_room, offset + size, 1);
	if (!names)
		return -ENOMEM;
	set->names = names;
	domains = array_reserve(set->domains, &set->domain_room, set->domain_count + 1,
				sizeof(*domains));
	if (!domains)
		return -ENOMEM;
	set->domains = domains;
	memcpy(names + offset, &attribute, sizeof(attribute));
	names[offset + sizeof(attribute)] = (uint8_t)(name->length - 1);
	memcpy(names + offset + ENTRY_NAME_HEAD, name->wire, (size_t)name->length - 1);
	set->names_used += size;
	domains[set->domain_count++] =
		(struct entry_domain){ hashes->of[hashes->labels], (uint32_t)offset, line };
	return 0;
}

static int address_add(struct entry_set *set, const struct list_indicator *indicator,
		       uint32_t attribute, uint32_t line)
{
	struct entry_address *addresses = array_reserve(set->addresses, &set->address_room,
							set->address_count + 1, sizeof(*addresses));
	struct entry_address entry = { .attribute = attribute,
				       .line = line,
				       .prefix = indicator->prefix };

	if (!addresses)
		return -ENOMEM;
	set->addresses = addresses;
	if (set->address_count == UINT32_MAX)
		return -E2BIG;
	memcpy(entry.bytes, indicator->address.bytes, sizeof(entry.bytes));
	addresses[set->address_count++] = entry;
	return 0;
}

static int hash_add(struct entry_set *set, const struct list_indicator *indicator,
		    uint32_t attribute, uint32_t line)
{
	struct entry_hash *hashes =
		array_reserve(set->hashes, &set->hash_room, set->hash_count + 1, sizeof(*hashes));
	struct entry_hash entry = { .attribute = attribute, .line = line };

	if (!hashes)
		return -ENOMEM;
	set->hashes = hashes;
	if (set->hash_count == UINT32_MAX)
		return -E2BIG;
	while (pack_hash_sizes[entry.kind] != indicator->hash_size)
		entry.kind++;
	memcpy(entry.bytes, indicator->hash, indicator->hash_size);
	hashes[set->hash_count++] = entry;
	return 0;
}

int entry_set_add(struct entry_set *set, const struct list_entry *entry,
		  const struct domain_hashes *hashes)
{
	uint32_t line = entry->line > UINT32_MAX ? UINT32_MAX : (uint32_t)entry->line;
	uint32_t attribute;
	int r = attribute_of(set, entry->attributes, &attribute);

	if (r < 0)
		return r;
	switch (entry->indicator.kind) {
	case INDICATOR_DOMAIN:
		return domain_add(set, &entry->indicator.name, attribute, line, hashes);
	case INDICATOR_ADDRESS:
		return address_add(set, &entry->indicator, attribute, line);
	default:
		return hash_add(set, &entry->indicator, attribute, line);
	}
}
