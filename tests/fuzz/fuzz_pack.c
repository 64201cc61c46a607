/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a pack. The input is opened as it is, which the digest mostly ends, and once more
 * with a size and a digest that fit, so that its lies are believed: every question then has to stay
 * within its bounds.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/fd.h"
#include "intel/address_table.h"
#include "intel/domain_table.h"
#include "intel/pack.h"
#include "intel/pack_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

CLEANUP_DEFINE(struct pack *, pack_close)

/* A table larger than this is not copied. */
#define TABLE_MAX (1U << 20)

static void match_check(const struct pack_match *match)
{
	assert(match->count <= PACK_MATCHES_MAX);
	assert(!match->blocked || match->count > 0);
	for (size_t i = 0; i < match->count; i++) {
		assert(match->matches[i].severity <= 5);
		assert(strlen(match->matches[i].feed) + strlen(match->matches[i].tags) <
		       SIZE_MAX / 2);
		assert(strlen(match->matches[i].text) < INDICATOR_TEXT_SIZE);
	}
}

static int visit(const struct domain_name *name, const struct indicator *indicator, void *data)
{
	const struct pack *pack = data;
	struct pack_match match;

	(void)pack_lookup_domain(pack, name, 0, &match);
	match_check(&match);
	assert(strlen(indicator->text) < INDICATOR_TEXT_SIZE);
	return 0;
}

static int visit_address(const struct address *address, unsigned prefix,
			 const struct indicator *indicator, void *data)
{
	struct pack_match match;

	(void)pack_lookup_prefix(data, address, prefix, 0, &match);
	match_check(&match);
	assert(strlen(indicator->text) < INDICATOR_TEXT_SIZE);
	return 0;
}

static void ask_addresses(const struct pack *pack)
{
	static const char *const asked[] = { "192.0.2.1", "10.0.0.1", "2001:db8::1", "::" };
	struct pack_match match;
	struct address address;

	for (size_t i = 0; i < ELEMENTS(asked); i++) {
		assert(address_parse(asked[i], &address) == 0);
		(void)pack_lookup_address(pack, &address, 1, &match);
		match_check(&match);
	}
}

static void ask_table(const struct pack *pack)
{
	CLEANUP(free_cleanup) void *table = NULL;
	struct address address;
	struct domain_name name;
	uint64_t offset, next;
	int fd;
	size_t bytes = pack_table(pack, &fd, &offset);

	if (bytes > TABLE_MAX)
		return;
	table = malloc(bytes);
	if (!table || pread(fd, table, bytes, (off_t)offset) != (ssize_t)bytes)
		abort();
	assert(domain_name_parse("a.b.evil.com", &name) == 0);
	(void)domain_table_walk(table, bytes, &name, NULL);
	(void)domain_table_mark(table, bytes, &name, TABLE_KEEP);
	assert(address_parse("192.0.2.1", &address) == 0);
	(void)address_table_walk(table, bytes, &address, NULL);
	(void)address_table_change(table, bytes, &address, 104, TABLE_KEEP, 0);
	assert(address_parse("2001:db8::1", &address) == 0);
	(void)address_table_walk(table, bytes, &address, NULL);
	(void)pack_table_expire(pack, table, bytes, UINT64_C(4000000000), &next);
}

static void open_and_ask(const uint8_t *data, size_t size)
{
	CLEANUP(close_cleanup) int fd = memfd_create("pack", MFD_CLOEXEC);
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	uint8_t hash[SHA256_SIZE] = { 0xd4, 0x1d, 0x8c };
	struct pack_match match;
	struct pack_info info;
	struct pack_feed feed;
	const char *why = NULL;
	char path[64];

	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (pack_open(path, &pack, &why) < 0) {
		assert(why && *why);
		return;
	}
	pack_info(pack, &info);
	for (size_t i = 0; i < info.feeds && i < 100; i++)
		pack_feed(pack, i, &feed);
	(void)pack_each_domain(pack, visit, pack);
	(void)pack_each_address(pack, visit_address, pack);
	ask_addresses(pack);
	(void)pack_lookup_hash(pack, hash, 16, 0, &match);
	match_check(&match);
	ask_table(pack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(free_cleanup) uint8_t *copy = NULL;
	uint64_t file_size = size;

	open_and_ask(data, size);
	if (size < sizeof(struct pack_header) + SHA256_SIZE)
		return 0;
	copy = malloc(size);
	if (!copy)
		abort();
	memcpy(copy, data, size);
	memcpy(copy + offsetof(struct pack_header, file_size), &file_size, sizeof(file_size));
	if (digest_sha256(copy, size - SHA256_SIZE, copy + size - SHA256_SIZE) < 0)
		abort();
	open_and_ask(copy, size);
	return 0;
}
