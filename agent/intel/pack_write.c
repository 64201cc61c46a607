/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/pack_write.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define BUFFER_SIZE  65536
#define PACK_MODE    0640
/* Records of names in a bucket: a bucket is a cache line or two. */
#define BUCKET_NAMES 4

CLEANUP_DEFINE(struct digest *, digest_free)

/* A file that is written once from start to end, and digested on the way. The first error stays. */
struct writer {
	int fd;
	int error;
	struct digest *digest;
	uint64_t offset;
	size_t used;
	uint8_t buffer[BUFFER_SIZE];
};

static void writer_flush(struct writer *writer)
{
	if (writer->error == 0)
		writer->error = digest_add(writer->digest, writer->buffer, writer->used);
	if (writer->error == 0)
		writer->error = fd_write_all(writer->fd, writer->buffer, writer->used);
	writer->used = 0;
}

static void writer_put(struct writer *writer, const void *data, size_t size)
{
	const uint8_t *at = data;

	writer->offset += size;
	while (size > 0) {
		size_t part = BUFFER_SIZE - writer->used;

		if (part > size)
			part = size;
		memcpy(writer->buffer + writer->used, at, part);
		writer->used += part;
		at += part;
		size -= part;
		if (writer->used == BUFFER_SIZE)
			writer_flush(writer);
	}
}

/* Zeroes up to where a section starts. */
static void writer_fill(struct writer *writer, uint64_t offset)
{
	static const uint8_t zeroes[PACK_PAGE];

	while (writer->offset < offset) {
		uint64_t gap = offset - writer->offset;

		writer_put(writer, zeroes, gap < sizeof(zeroes) ? (size_t)gap : sizeof(zeroes));
	}
}

static uint64_t bucket_bits(const struct entry_set *set)
{
	uint64_t bits = PACK_BUCKET_BITS_MIN;

	while (bits < PACK_BUCKET_BITS_MAX && set->domain_count >> bits > BUCKET_NAMES)
		bits++;
	return bits;
}

static uint64_t domains_size(const struct entry_set *set)
{
	uint64_t size = 0;

	for (size_t i = 0; i < set->domain_count; i++)
		size += sizeof(struct pack_domain) + entry_set_name(set, &set->domains[i]).length;
	return size;
}

static uint64_t header_flags(const struct entry_set *set, const struct entry_counts *counts)
{
	uint64_t flags = counts->never_block ? PACK_HAS_NEVER_BLOCK : 0;

	for (uint32_t i = 0; i < set->attributes.count; i++)
		if (entry_set_attribute(set, i)->expiry)
			flags |= PACK_HAS_EXPIRY;
	for (size_t i = 0; i < set->domain_count; i++) {
		struct entry_name name = entry_set_name(set, &set->domains[i]);

		if (name.length == name.wire[0] + 1)
			flags |= PACK_HAS_SINGLE_LABEL;
	}
	return flags;
}

/* Sizes of all sections are known before the first byte is written, so where they stand is, too. */
static void header_layout(struct pack_header *header, const struct entry_set *set,
			  size_t table_bytes)
{
	const uint64_t sizes[PACK_SECTIONS] = {
		[PACK_TABLE] = table_bytes,
		[PACK_STRINGS] = set->strings.used,
		[PACK_FEEDS] = set->feeds.count * sizeof(struct pack_feed_record),
		[PACK_ATTRIBUTES] = set->attributes.used,
		[PACK_ADDRESS_STARTS] = (PACK_PREFIXES + 1) * sizeof(uint32_t),
		[PACK_ADDRESSES] = set->address_count * sizeof(struct pack_address),
		[PACK_HASH_STARTS] = (PACK_HASH_KINDS + 1) * sizeof(uint32_t),
		[PACK_HASHES] = set->hash_count * sizeof(struct pack_hash),
		[PACK_DOMAIN_STARTS] = ((1ULL << header->bucket_bits) + 1) * sizeof(uint32_t),
		[PACK_DOMAINS] = domains_size(set),
	};
	uint64_t offset = PACK_PAGE;

	for (size_t i = 0; i < PACK_SECTIONS; i++) {
		header->sections[i] = (struct pack_section){ offset, sizes[i] };
		offset = (offset + sizes[i] + 7) & ~7ULL;
	}
	header->file_size = offset + SHA256_SIZE;
}

static void header_make(struct pack_header *header, const struct entry_set *set,
			const struct entry_counts *counts, size_t table_bytes, uint64_t created)
{
	*header = (struct pack_header){
		.version = PACK_VERSION,
		.size = sizeof(*header),
		.created = created,
		.flags = header_flags(set, counts),
		.seed = set->key.seed,
		.multiplier = set->key.multiplier,
		.domains = counts->domains,
		.addresses = counts->addresses,
		.hashes = counts->hashes,
		.allows = counts->allows,
		.bucket_bits = bucket_bits(set),
	};
	memcpy(header->magic, PACK_MAGIC, sizeof(header->magic));
	header_layout(header, set, table_bytes);
}

static void feeds_put(struct writer *writer, const struct entry_set *set)
{
	for (size_t i = 0; i < set->feeds.count; i++) {
		struct pack_feed_record record = { .entries = set->feed_entries[i] };

		memcpy(&record.name, set->feeds.bytes + i * sizeof(record.name),
		       sizeof(record.name));
		writer_put(writer, &record, sizeof(record));
	}
}

static void addresses_put(struct writer *writer, const struct entry_set *set,
			  const struct pack_section *sections)
{
	uint32_t at = 0;

	writer_fill(writer, sections[PACK_ADDRESS_STARTS].offset);
	for (uint32_t prefix = 0; prefix <= PACK_PREFIXES; prefix++) {
		while (at < set->address_count && set->addresses[at].prefix < prefix)
			at++;
		writer_put(writer, &at, sizeof(at));
	}
	writer_fill(writer, sections[PACK_ADDRESSES].offset);
	for (size_t i = 0; i < set->address_count; i++) {
		const struct entry_address *from = &set->addresses[i];
		struct pack_address record = { .attribute = from->attribute, .line = from->line };

		memcpy(record.bytes, from->bytes, sizeof(record.bytes));
		writer_put(writer, &record, sizeof(record));
	}
}

static void hashes_put(struct writer *writer, const struct entry_set *set,
		       const struct pack_section *sections)
{
	uint32_t at = 0;

	writer_fill(writer, sections[PACK_HASH_STARTS].offset);
	for (uint32_t kind = 0; kind <= PACK_HASH_KINDS; kind++) {
		while (at < set->hash_count && set->hashes[at].kind < kind)
			at++;
		writer_put(writer, &at, sizeof(at));
	}
	writer_fill(writer, sections[PACK_HASHES].offset);
	for (size_t i = 0; i < set->hash_count; i++) {
		const struct entry_hash *from = &set->hashes[i];
		struct pack_hash record = { .attribute = from->attribute, .line = from->line };

		memcpy(record.bytes, from->bytes, sizeof(record.bytes));
		writer_put(writer, &record, sizeof(record));
	}
}

static void domain_starts_put(struct writer *writer, const struct entry_set *set, uint64_t bits)
{
	uint32_t offset = 0;
	size_t at = 0;

	for (uint64_t bucket = 0; bucket <= 1ULL << bits; bucket++) {
		while (at < set->domain_count && set->domains[at].hash >> (64 - bits) < bucket)
			offset += (uint32_t)sizeof(struct pack_domain) +
				  entry_set_name(set, &set->domains[at++]).length;
		writer_put(writer, &offset, sizeof(offset));
	}
}

static void domains_put(struct writer *writer, const struct entry_set *set,
			const struct pack_header *header)
{
	writer_fill(writer, header->sections[PACK_DOMAIN_STARTS].offset);
	domain_starts_put(writer, set, header->bucket_bits);
	writer_fill(writer, header->sections[PACK_DOMAINS].offset);
	for (size_t i = 0; i < set->domain_count; i++) {
		struct entry_name name = entry_set_name(set, &set->domains[i]);
		struct pack_domain record = { name.attribute, set->domains[i].line, name.length };

		writer_put(writer, &record, sizeof(record));
		writer_put(writer, name.wire, name.length);
	}
}

/* The digest of all before it ends the file. */
static int trailer_put(struct writer *writer, const struct pack_header *header,
		       struct pack_written *ret)
{
	uint8_t digest[SHA256_SIZE];
	int r;

	writer_fill(writer, header->file_size - SHA256_SIZE);
	writer_flush(writer);
	if (writer->error < 0)
		return writer->error;
	r = digest_peek(writer->digest, digest);
	if (r < 0)
		return r;
	writer_put(writer, digest, sizeof(digest));
	writer_flush(writer);
	r = writer->error < 0 ? writer->error : digest_finish(writer->digest, digest);
	if (r < 0)
		return r;
	ret->bytes = writer->offset;
	digest_text(digest, sizeof(digest), ret->sha256);
	return 0;
}

static int contents_put(int fd, const struct pack_header *header, const struct entry_set *set,
			const void *table, struct pack_written *ret)
{
	CLEANUP(digest_free_cleanup) struct digest *digest = digest_new();
	CLEANUP(free_cleanup) struct writer *writer = calloc(1, sizeof(*writer));
	const struct pack_section *sections = header->sections;

	if (!digest || !writer)
		return -ENOMEM;
	writer->fd = fd;
	writer->digest = digest;
	writer_put(writer, header, sizeof(*header));
	writer_fill(writer, sections[PACK_TABLE].offset);
	writer_put(writer, table, sections[PACK_TABLE].size);
	writer_fill(writer, sections[PACK_STRINGS].offset);
	writer_put(writer, set->strings.bytes, set->strings.used);
	writer_fill(writer, sections[PACK_FEEDS].offset);
	feeds_put(writer, set);
	writer_fill(writer, sections[PACK_ATTRIBUTES].offset);
	writer_put(writer, set->attributes.bytes, set->attributes.used);
	addresses_put(writer, set, sections);
	hashes_put(writer, set, sections);
	domains_put(writer, set, header);
	return trailer_put(writer, header, ret);
}

int pack_write_fd(int fd, const struct entry_set *set, const struct entry_counts *counts,
		  const void *table, size_t table_bytes, uint64_t created, struct pack_written *ret)
{
	struct pack_header header;

	header_make(&header, set, counts, table_bytes, created);
	if (header.sections[PACK_DOMAINS].size > UINT32_MAX)
		return -E2BIG;
	return contents_put(fd, &header, set, table, ret);
}

int pack_write(const char *path, const struct entry_set *set, const struct entry_counts *counts,
	       const void *table, size_t table_bytes, uint64_t created, struct pack_written *ret)
{
	CLEANUP(free_cleanup) char *temporary = NULL;
	CLEANUP(close_cleanup) int fd = -1;
	struct pack_written written;
	int r;

	fd = fd_open_temporary(path, PACK_MODE, &temporary);
	if (fd < 0)
		return fd;
	r = pack_write_fd(fd, set, counts, table, table_bytes, created, &written);
	if (r == 0)
		r = fd_replace(fd, temporary, path);
	if (r < 0) {
		(void)unlink(temporary);
		return r;
	}
	*ret = written;
	return 0;
}
