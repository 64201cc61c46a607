/* SPDX-License-Identifier: Apache-2.0
 *
 * A pack's prefixes one after the other, and what expiry does to them in the kernel side's table.
 */
#include <errno.h>
#include <string.h>

#include "intel/address_table.h"
#include "intel/pack_map.h"

/* Calls each with every record, by length, then address, until it returns something else than 0.
 */
static int records_each(const struct pack *pack,
			int (*each)(const struct pack *pack, const struct pack_address *record,
				    const struct pack_attribute *attribute, unsigned prefix,
				    void *data),
			void *data)
{
	for (unsigned prefix = 0; prefix < PACK_PREFIXES; prefix++) {
		uint32_t at, end;

		if (!pack_map_range(pack, PACK_ADDRESS_STARTS, prefix, &at, &end))
			return -EBADMSG;
		for (; at < end; at++) {
			const void *bytes = pack_map_bytes(
				pack, PACK_ADDRESSES, (uint64_t)at * sizeof(struct pack_address),
				sizeof(struct pack_address));
			struct pack_attribute attribute;
			struct pack_address record;
			int r;

			if (!bytes)
				return -EBADMSG;
			memcpy(&record, bytes, sizeof(record));
			if (!pack_map_attribute(pack, record.attribute, &attribute))
				return -EBADMSG;
			r = each(pack, &record, &attribute, prefix, data);
			if (r != 0)
				return r;
			pack_map_trim(pack);
		}
	}
	return 0;
}

struct visit {
	int (*each)(const struct address *address, unsigned prefix,
		    const struct indicator *indicator, void *data);
	void *data;
};

static int record_visit(const struct pack *pack, const struct pack_address *record,
			const struct pack_attribute *attribute, unsigned prefix, void *data)
{
	const struct visit *visit = data;
	struct indicator indicator = { .kind = INDICATOR_ADDRESS };
	struct address address;

	memcpy(address.bytes, record->bytes, sizeof(address.bytes));
	pack_map_indicator(pack, attribute, record->line, &indicator);
	address_format_prefix(&address, prefix, indicator.text);
	return visit->each(&address, prefix, &indicator, visit->data);
}

int pack_each_address(const struct pack *pack,
		      int (*each)(const struct address *address, unsigned prefix,
				  const struct indicator *indicator, void *data),
		      void *data)
{
	struct visit visit = { each, data };

	return records_each(pack, record_visit, &visit);
}

/* The entries of one prefix stand together: what those make of it that are not past their expiry.
 */
struct expire {
	void *table;
	size_t bytes;
	uint64_t now, next;
	bool open, expired; /* there is a prefix; an entry of it is past its expiry */
	struct address address;
	unsigned prefix;
	uint64_t flags;
	int changed;
};

static void expire_close(struct expire *expire)
{
	if (expire->open && expire->expired)
		expire->changed += address_table_change(
			expire->table, expire->bytes, &expire->address, expire->prefix,
			expire->flags, (TABLE_LISTED | TABLE_ALLOWED) & ~expire->flags);
	expire->open = expire->expired = false;
	expire->flags = 0;
}

static int record_expire(const struct pack *pack, const struct pack_address *record,
			 const struct pack_attribute *attribute, unsigned prefix, void *data)
{
	struct expire *expire = data;

	(void)pack;
	if (!expire->open || prefix != expire->prefix ||
	    memcmp(expire->address.bytes, record->bytes, sizeof(record->bytes)) != 0)
		expire_close(expire);
	expire->open = true;
	expire->prefix = prefix;
	memcpy(expire->address.bytes, record->bytes, sizeof(record->bytes));
	if (attribute->expiry > expire->now && (!expire->next || attribute->expiry < expire->next))
		expire->next = attribute->expiry;
	if (pack_map_expired(attribute, expire->now))
		expire->expired = true;
	else
		expire->flags |=
			attribute->action == INDICATOR_ALLOW ? TABLE_ALLOWED : TABLE_LISTED;
	return 0;
}

int pack_addresses_expire(const struct pack *pack, void *table, size_t bytes, uint64_t now,
			  uint64_t *next)
{
	struct expire expire = { .table = table, .bytes = bytes, .now = now, .next = *next };
	int r = records_each(pack, record_expire, &expire);

	if (r < 0)
		return r;
	expire_close(&expire);
	*next = expire.next;
	return expire.changed;
}
