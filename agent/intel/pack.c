/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening packs, and what they say about themselves.
 */
#include "intel/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/signature.h"
#include "intel/address_table.h"
#include "intel/pack_map.h"

#define READ_SIZE 65536

CLEANUP_DEFINE(struct pack *, pack_close)
CLEANUP_DEFINE(struct digest *, digest_free)

/* What a section's size must be a multiple of, and how much there must be. */
struct section_rule {
	size_t item;
	uint64_t minimum;
	const char *why;
};

static const struct section_rule section_rules[PACK_SECTIONS] = {
	[PACK_TABLE] = { TABLE_ELEMENT_SIZE, (uint64_t)TABLE_HEADERS *TABLE_ELEMENT_SIZE,
			 "the table's place is not valid" },
	[PACK_STRINGS] = { 1, 1, "the strings' place is not valid" },
	[PACK_FEEDS] = { sizeof(struct pack_feed_record), 0, "the feeds' place is not valid" },
	[PACK_ATTRIBUTES] = { sizeof(struct pack_attribute), 0,
			      "the attributes' place is not valid" },
	[PACK_ADDRESS_STARTS] = { (PACK_PREFIXES + 1) * sizeof(uint32_t), 1,
				  "the address index's place is not valid" },
	[PACK_ADDRESSES] = { sizeof(struct pack_address), 0, "the addresses' place is not valid" },
	[PACK_HASH_STARTS] = { (PACK_HASH_KINDS + 1) * sizeof(uint32_t), 1,
			       "the hash index's place is not valid" },
	[PACK_HASHES] = { sizeof(struct pack_hash), 0, "the hashes' place is not valid" },
	[PACK_DOMAIN_STARTS] = { sizeof(uint32_t), 2 * sizeof(uint32_t),
				 "the domain index's place is not valid" },
	[PACK_DOMAINS] = { 1, 0, "the domains' place is not valid" },
};

void pack_close(struct pack *pack)
{
	if (!pack)
		return;
	pack_map_close(pack);
	close_cleanup(&pack->fd);
	free(pack);
}

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EBADMSG;
}

static int read_at(int fd, void *data, size_t size, uint64_t offset)
{
	uint8_t *at = data;

	while (size > 0) {
		ssize_t n = pread(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		at += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static int sections_check(const struct pack_header *header, const char **ret_why)
{
	uint64_t end = header->file_size - SHA256_SIZE;

	for (size_t i = 0; i < PACK_SECTIONS; i++) {
		const struct pack_section *section = &header->sections[i];
		const struct section_rule *rule = &section_rules[i];

		if (section->offset % 8 || section->offset < sizeof(*header) ||
		    section->offset > end || section->size > end - section->offset ||
		    section->size % rule->item || section->size < rule->minimum)
			return refuse(ret_why, rule->why);
	}
	if (header->bucket_bits < PACK_BUCKET_BITS_MIN ||
	    header->bucket_bits > PACK_BUCKET_BITS_MAX ||
	    header->sections[PACK_DOMAIN_STARTS].size !=
		    ((1ULL << header->bucket_bits) + 1) * sizeof(uint32_t) ||
	    header->sections[PACK_DOMAINS].size > UINT32_MAX)
		return refuse(ret_why, "the domain index's size is not valid");
	return 0;
}

static int header_read(struct pack *pack, const char **ret_why)
{
	struct pack_header *header = &pack->header;
	struct signature signature;
	struct stat status;
	int r;

	if (fstat(pack->fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return refuse(ret_why, "not a regular file");
	if ((uint64_t)status.st_size < sizeof(*header) + SHA256_SIZE)
		return refuse(ret_why, "shorter than a pack's header: not a pack, or truncated");
	pack->size = (size_t)status.st_size;
	r = read_at(pack->fd, header, sizeof(*header), 0);
	if (r < 0)
		return r;
	if (memcmp(header->magic, PACK_MAGIC, sizeof(header->magic)) != 0)
		return refuse(ret_why, "not a pack: its first bytes are not a pack's");
	if (header->version != PACK_VERSION || header->size != sizeof(*header)) {
		*ret_why = "another version of the pack format: compile the lists again";
		return -EPROTONOSUPPORT;
	}
	if (header->file_size > pack->size)
		return refuse(ret_why, "truncated: shorter than its header says");
	if (header->file_size < pack->size) {
		/* A signature may stand behind it; whether it holds is for those with the keys. */
		if (signature_find(pack->fd, &signature) <= 0 ||
		    signature.content != header->file_size)
			return refuse(ret_why, "longer than its header says");
		pack->behind = pack->size - (size_t)header->file_size;
		pack->size = (size_t)header->file_size;
	}
	return sections_check(header, ret_why);
}

/* Reads all of the file, but does not map it, so that none of it stays in the process. */
static int digest_check(struct pack *pack, const char **ret_why)
{
	CLEANUP(digest_free_cleanup) struct digest *digest = digest_new();
	CLEANUP(free_cleanup) uint8_t *buffer = malloc(READ_SIZE);
	uint8_t content[SHA256_SIZE], trailer[SHA256_SIZE], file[SHA256_SIZE];
	uint64_t end = pack->size - SHA256_SIZE;
	int r = digest && buffer ? 0 : -ENOMEM;

	(void)posix_fadvise(pack->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	for (uint64_t at = 0; at < end && r == 0; at += READ_SIZE) {
		size_t part = end - at < READ_SIZE ? (size_t)(end - at) : READ_SIZE;

		r = read_at(pack->fd, buffer, part, at);
		if (r == 0)
			r = digest_add(digest, buffer, part);
	}
	if (r == 0)
		r = digest_peek(digest, content);
	if (r == 0)
		r = read_at(pack->fd, trailer, sizeof(trailer), end);
	if (r == 0)
		r = digest_add(digest, trailer, sizeof(trailer));
	/* A signature's line: the file's own digest is told. */
	if (r == 0)
		r = read_at(pack->fd, buffer, pack->behind, pack->size);
	if (r == 0)
		r = digest_add(digest, buffer, pack->behind);
	if (r == 0)
		r = digest_finish(digest, file);
	if (r < 0)
		return r;
	digest_text(file, sizeof(file), pack->sha256);
	if (memcmp(content, trailer, sizeof(content)) != 0)
		return refuse(ret_why, "damaged: its content does not match its SHA-256");
	return 0;
}

static bool starts_ordered(const struct pack *pack, enum pack_section_id section, uint64_t groups,
			   uint64_t records)
{
	uint32_t start, end = 0, before = 0;

	for (uint64_t i = 0; i < groups; i++) {
		if (!pack_map_range(pack, section, i, &start, &end) || start != before)
			return false;
		before = end;
	}
	return end == records;
}

/* What a look at a few pages can tell. Everything else is checked at each access. */
static int content_check(const struct pack *pack, const char **ret_why)
{
	const struct pack_section *sections = pack->header.sections;
	const void *table =
		pack_map_bytes(pack, PACK_TABLE, 0, (size_t)TABLE_HEADERS * TABLE_ELEMENT_SIZE);
	const char *end = pack_map_bytes(pack, PACK_STRINGS, sections[PACK_STRINGS].size - 1, 1);

	if (!table || address_table_check(table, sections[PACK_TABLE].size) < 0)
		return refuse(ret_why, "the table's header is not valid");
	if (!end || *end != '\0')
		return refuse(ret_why, "the strings have no end");
	if (!starts_ordered(pack, PACK_ADDRESS_STARTS, PACK_PREFIXES,
			    sections[PACK_ADDRESSES].size / sizeof(struct pack_address)))
		return refuse(ret_why, "the address index is not in order");
	if (!starts_ordered(pack, PACK_HASH_STARTS, PACK_HASH_KINDS,
			    sections[PACK_HASHES].size / sizeof(struct pack_hash)))
		return refuse(ret_why, "the hash index is not in order");
	return 0;
}

int pack_open_fd(int fd, struct pack **ret, const char **ret_why)
{
	CLEANUP(close_cleanup) int owned = fd;
	CLEANUP(pack_close_cleanup) struct pack *pack = calloc(1, sizeof(*pack));
	int r;

	if (!pack) {
		*ret_why = "out of memory";
		return -ENOMEM;
	}
	pack->fd = take_fd(&owned);
	r = header_read(pack, ret_why);
	if (r == 0)
		r = digest_check(pack, ret_why);
	if (r == 0)
		r = pack_map_open(pack);
	if (r == 0)
		r = content_check(pack, ret_why);
	if (r < 0)
		return r;
	*ret = take_ptr(pack);
	return 0;
}

static int file_open(const char *path, const char **ret_why)
{
	/* Not to wait for a writer where somebody put a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	*ret_why = "cannot be read";
	if (fd < 0) {
		*ret_why = "cannot be opened";
		return -errno;
	}
	return fd;
}

int pack_open(const char *path, struct pack **ret, const char **ret_why)
{
	int fd = file_open(path, ret_why);

	return fd < 0 ? fd : pack_open_fd(fd, ret, ret_why);
}

static int file_copy(int from, int to)
{
	CLEANUP(free_cleanup) char *buffer = NULL;
	ssize_t n;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	buffer = malloc(READ_SIZE);
	if (!buffer)
		return -ENOMEM;
	while ((n = read(from, buffer, READ_SIZE)) != 0) {
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : fd_write_all(to, buffer, (size_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

int pack_open_private(const char *path, const char *folder, struct pack **ret, const char **ret_why)
{
	CLEANUP(close_cleanup) int from = file_open(path, ret_why);
	CLEANUP(close_cleanup) int copy = -1;
	CLEANUP(free_cleanup) char *place = NULL;
	CLEANUP(free_cleanup) char *temporary = NULL;
	struct stat status;
	int r;

	if (from < 0)
		return from;
	if (fstat(from, &status) < 0 || !S_ISREG(status.st_mode))
		return refuse(ret_why, "not a regular file");
	*ret_why = "no private copy can be made of it";
	if (asprintf(&place, "%s/.pack", folder) < 0) {
		place = NULL;
		return -ENOMEM;
	}
	copy = fd_open_temporary(place, 0600, &temporary);
	if (copy < 0)
		return copy;
	/* Without a name it is nobody else's, and gone with the last descriptor. */
	(void)unlink(temporary);
	r = file_copy(from, copy);
	return r < 0 ? r : pack_open_fd(take_fd(&copy), ret, ret_why);
}

void pack_info(const struct pack *pack, struct pack_info *ret)
{
	const struct pack_header *header = &pack->header;

	*ret = (struct pack_info){
		.domains = header->domains,
		.addresses = header->addresses,
		.hashes = header->hashes,
		.allows = header->allows,
		.created = header->created,
		.bytes = header->file_size,
		.table_bytes = header->sections[PACK_TABLE].size,
		.feeds = header->sections[PACK_FEEDS].size / sizeof(struct pack_feed_record),
		.never_block = header->flags & PACK_HAS_NEVER_BLOCK,
	};
	memcpy(ret->sha256, pack->sha256, sizeof(ret->sha256));
}

void pack_feed(const struct pack *pack, size_t i, struct pack_feed *ret)
{
	const struct pack_feed_record *record =
		pack_map_bytes(pack, PACK_FEEDS, i * sizeof(*record), sizeof(*record));

	*ret = (struct pack_feed){ "", 0 };
	if (record)
		*ret = (struct pack_feed){ pack_map_string(pack, record->name), record->entries };
}

size_t pack_table(const struct pack *pack, int *ret_fd, uint64_t *ret_offset)
{
	*ret_fd = pack->fd;
	*ret_offset = pack->header.sections[PACK_TABLE].offset;
	return pack->header.sections[PACK_TABLE].size;
}
