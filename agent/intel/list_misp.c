/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of MISP events (MISP core format, 2.4): which of their types we match, and which part
 * of a composite value ("evil.com|192.0.2.1") is meant.
 */
#include "intel/list_document.h"

#include "base/cleanup.h"

enum part {
	PART_WHOLE,
	PART_FIRST,
	PART_SECOND,
	PART_BOTH,
	PART_URL,
};

struct misp_type {
	const char *name;
	enum part part;
	unsigned first, second; /* kinds that the parts may be of; whole and URL: first */
};

#define NAMES	  LIST_KIND(INDICATOR_DOMAIN)
#define ADDRESSES LIST_KIND(INDICATOR_ADDRESS)
#define HASHES	  LIST_KIND(INDICATOR_HASH)

static const struct misp_type types[] = {
	{ "domain", PART_WHOLE, NAMES, 0 },
	{ "hostname", PART_WHOLE, NAMES, 0 },
	{ "ip-dst", PART_WHOLE, ADDRESSES, 0 },
	{ "ip-src", PART_WHOLE, ADDRESSES, 0 },
	{ "domain|ip", PART_BOTH, NAMES, ADDRESSES },
	{ "hostname|port", PART_FIRST, NAMES, 0 },
	{ "ip-dst|port", PART_FIRST, ADDRESSES, 0 },
	{ "ip-src|port", PART_FIRST, ADDRESSES, 0 },
	{ "url", PART_URL, NAMES | ADDRESSES, 0 },
	{ "uri", PART_URL, NAMES | ADDRESSES, 0 },
	{ "md5", PART_WHOLE, HASHES, 0 },
	{ "sha1", PART_WHOLE, HASHES, 0 },
	{ "sha256", PART_WHOLE, HASHES, 0 },
	{ "filename|md5", PART_SECOND, 0, HASHES },
	{ "filename|sha1", PART_SECOND, 0, HASHES },
	{ "filename|sha256", PART_SECOND, 0, HASHES },
	{ "malware-sample", PART_SECOND, 0, HASHES },
};

static const struct misp_type *type_find(struct span name)
{
	for (size_t i = 0; i < ELEMENTS(types); i++)
		if (span_is(name, types[i].name))
			return &types[i];
	return NULL;
}

void list_misp_attribute(struct list_reader *reader, struct span type, struct span value,
			 const struct list_attributes *attributes)
{
	const struct misp_type *row = type_find(type);
	struct span first = value, second = span_from(value, value.size);
	size_t bar = span_find(value, '|');

	if (!row) {
		list_reader_reject(reader, LIST_UNSUPPORTED_TYPE, value);
		return;
	}
	if (row->part == PART_URL) {
		list_reader_url(reader, value, attributes);
		return;
	}
	if (row->part != PART_WHOLE) {
		first.size = bar;
		if (bar < value.size)
			second = span_from(value, bar + 1);
	}
	if (row->first)
		list_reader_typed(reader, span_trim(first), row->first, attributes);
	if (row->second)
		list_reader_typed(reader, span_trim(second), row->second, attributes);
}
