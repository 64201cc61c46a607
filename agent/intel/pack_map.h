/* SPDX-License-Identifier: Apache-2.0
 *
 * The mapped file of a pack: every access is checked against the sections' bounds, so that a file
 * that lies about its content answers wrongly at worst. Shared by the files that read packs.
 *
 * Pages that were read stay mapped and would count as the daemon's memory, up to the whole file.
 * They are the page cache's anyhow: beyond PACK_RESIDENT_MAX all are given back, and those that are
 * needed come back at the cost of a minor fault.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "intel/pack.h"
#include "intel/pack_format.h"

#define PACK_RESIDENT_MAX (6U << 20)

struct pack_resident;

struct pack {
	int fd;
	uint8_t *map;
	size_t size;
	size_t behind;		   /* bytes of the file behind the pack: its signature */
	struct pack_header header; /* a checked copy */
	struct pack_resident *resident;
	char sha256[SHA256_TEXT_SIZE];
};

int pack_map_open(struct pack *pack);
void pack_map_close(struct pack *pack);

/* size bytes at offset of a section; NULL when they do not lie within it. */
const void *pack_map_bytes(const struct pack *pack, enum pack_section_id section, uint64_t offset,
			   size_t size);
/* To be called when a lookup is done, while nothing but strings of the pack is in use. */
void pack_map_trim(const struct pack *pack);

/* The two numbers at index of a STARTS section: where a group starts and ends. false when they are
 * out of bounds or of order. */
bool pack_map_range(const struct pack *pack, enum pack_section_id section, uint64_t index,
		    uint32_t *ret_start, uint32_t *ret_end);
/* "" when the offset lies. */
const char *pack_map_string(const struct pack *pack, uint32_t offset);
/* false when the number lies. */
bool pack_map_attribute(const struct pack *pack, uint32_t number, struct pack_attribute *ret);
static inline bool pack_map_expired(const struct pack_attribute *attribute, uint64_t now)
{
	return attribute->expiry && attribute->expiry <= now;
}
/* Everything of the indicator but its kind and text. */
void pack_map_indicator(const struct pack *pack, const struct pack_attribute *attribute,
			uint32_t line, struct indicator *ret);

/* A record of DOMAINS, checked. */
struct pack_map_domain {
	uint32_t attribute, line;
	struct domain_name name;
};

/* The record at *offset, which is moved to the next one. 1, 0 at end, -EBADMSG. */
int pack_map_domain_next(const struct pack *pack, uint32_t *offset, uint32_t end,
			 struct pack_map_domain *ret);

/* pack_table_expire() for addresses (pack_address.c). *next: the next expiry that is known of; made
 * earlier when need be. */
int pack_addresses_expire(const struct pack *pack, void *table, size_t bytes, uint64_t now,
			  uint64_t *next);
