/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/pack_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What one fault maps at most: the kernel maps cached neighbours with a page. */
#define CHUNK_SIZE 65536

struct pack_resident {
	size_t touched; /* chunks */
	size_t chunks;
	uint8_t bits[];
};

int pack_map_open(struct pack *pack)
{
	size_t chunks = pack->size / CHUNK_SIZE + 1;
	void *map;

	pack->resident = calloc(1, sizeof(*pack->resident) + chunks / 8 + 1);
	if (!pack->resident)
		return -ENOMEM;
	pack->resident->chunks = chunks;
	map = mmap(NULL, pack->size, PROT_READ, MAP_SHARED, pack->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	pack->map = map;
	/* Lookups are scattered; and a huge page would count whole. Both are only advice. */
	(void)madvise(map, pack->size, MADV_RANDOM);
	(void)madvise(map, pack->size, MADV_NOHUGEPAGE);
	return 0;
}

void pack_map_close(struct pack *pack)
{
	if (pack->map)
		(void)munmap(pack->map, pack->size);
	pack->map = NULL;
	free(pack->resident);
	pack->resident = NULL;
}

static void chunk_touch(struct pack_resident *resident, size_t chunk)
{
	uint8_t bit = (uint8_t)(1U << (chunk & 7));

	if (resident->bits[chunk / 8] & bit)
		return;
	resident->bits[chunk / 8] |= bit;
	resident->touched++;
}

const void *pack_map_bytes(const struct pack *pack, enum pack_section_id section, uint64_t offset,
			   size_t size)
{
	const struct pack_section *bounds = &pack->header.sections[section];
	uint64_t start;

	if (offset > bounds->size || size > bounds->size - offset)
		return NULL;
	/* A piece is small: it lies in one chunk, or ends in the next. */
	start = bounds->offset + offset;
	chunk_touch(pack->resident, start / CHUNK_SIZE);
	chunk_touch(pack->resident, (start + size) / CHUNK_SIZE);
	return pack->map + start;
}

void pack_map_trim(const struct pack *pack)
{
	struct pack_resident *resident = pack->resident;

	if (resident->touched <= PACK_RESIDENT_MAX / CHUNK_SIZE)
		return;
	(void)madvise(pack->map, pack->size, MADV_DONTNEED);
	memset(resident->bits, 0, resident->chunks / 8 + 1);
	resident->touched = 0;
}

bool pack_map_range(const struct pack *pack, enum pack_section_id section, uint64_t index,
		    uint32_t *ret_start, uint32_t *ret_end)
{
	const uint8_t *at =
		pack_map_bytes(pack, section, index * sizeof(uint32_t), 2 * sizeof(uint32_t));

	if (!at)
		return false;
	memcpy(ret_start, at, sizeof(*ret_start));
	memcpy(ret_end, at + sizeof(*ret_start), sizeof(*ret_end));
	return *ret_start <= *ret_end;
}

const char *pack_map_string(const struct pack *pack, uint32_t offset)
{
	/* The section's last byte was seen to be a NUL when the pack was opened. */
	const char *string = pack_map_bytes(pack, PACK_STRINGS, offset, 1);

	return string ? string : "";
}

bool pack_map_attribute(const struct pack *pack, uint32_t number, struct pack_attribute *ret)
{
	const void *at = pack_map_bytes(pack, PACK_ATTRIBUTES, (uint64_t)number * sizeof(*ret),
					sizeof(*ret));

	if (!at)
		return false;
	memcpy(ret, at, sizeof(*ret));
	return true;
}

void pack_map_indicator(const struct pack *pack, const struct pack_attribute *attribute,
			uint32_t line, struct indicator *ret)
{
	const struct pack_feed_record *feed = pack_map_bytes(
		pack, PACK_FEEDS, (uint64_t)attribute->feed * sizeof(*feed), sizeof(*feed));

	ret->action = attribute->action == INDICATOR_ALLOW ? INDICATOR_ALLOW : INDICATOR_BLOCK;
	ret->never_block = attribute->never_block;
	ret->severity = attribute->severity <= 5 ? attribute->severity : 0;
	ret->expiry = attribute->expiry;
	ret->feed = feed ? pack_map_string(pack, feed->name) : "";
	ret->tags = pack_map_string(pack, attribute->tags);
	ret->line = line;
}

int pack_map_domain_next(const struct pack *pack, uint32_t *offset, uint32_t end,
			 struct pack_map_domain *ret)
{
	const struct pack_domain *record;
	uint8_t wire[DOMAIN_NAME_WIRE_MAX + 1] = { 0 };
	const void *name;

	if (*offset >= end)
		return 0;
	record = pack_map_bytes(pack, PACK_DOMAINS, *offset, sizeof(*record));
	if (!record || record->length >= DOMAIN_NAME_WIRE_MAX)
		return -EBADMSG;
	name = pack_map_bytes(pack, PACK_DOMAINS, (uint64_t)*offset + sizeof(*record),
			      record->length);
	if (!name)
		return -EBADMSG;
	memcpy(wire, name, record->length);
	if (domain_name_read(wire, (size_t)record->length + 1, &ret->name) < 0 ||
	    ret->name.length != record->length + 1)
		return -EBADMSG;
	ret->attribute = record->attribute;
	ret->line = record->line;
	*offset += (uint32_t)sizeof(*record) + record->length;
	return 1;
}
