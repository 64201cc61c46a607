/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that a pack answers as its lists mean: label boundaries, the longest entry, allow over
 * block, never-block over all, expiry; that duplicates and rejections are counted; that a damaged
 * or truncated pack is refused, and a lying one harms nobody.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "intel/domain_table.h"
#include "intel/never_block.h"
#include "intel_folder.h"

CLEANUP_DEFINE(struct pack *, pack_close)

#define NOW UINT64_C(1780272000) /* 2026-06-01 */

static struct pack *compile_and_open(struct intel_folder *folder, const char *a, const char *b,
				     const char *never)
{
	struct compile_report report;
	struct pack *pack = NULL;
	const char *why = "";

	clock_hold(NOW * NS_PER_SECOND, 0);
	assert_int_equal(intel_folder_compile(folder, a, b, never, &report), 0);
	clock_release();
	if (pack_open(folder->pack, &pack, &why) < 0)
		fail_msg("%s", why);
	return pack;
}

static int lookup(const struct pack *pack, const char *text, uint64_t now, struct pack_match *ret)
{
	struct domain_name name;
	struct address address;

	if (address_parse(text, &address) == 0)
		return pack_lookup_address(pack, &address, now, ret);
	assert_int_equal(domain_name_parse(text, &name), 0);
	return pack_lookup_domain(pack, &name, now, ret);
}

struct lookup_case {
	const char *asked;
	const char *answer; /* "block ENTRY", "allow ENTRY", "never ENTRY" or "" */
	size_t count;	    /* of matches */
};

static void cases_check(const struct pack *pack, const struct lookup_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct pack_match match;
		const struct indicator *first = &match.matches[0];
		char got[INDICATOR_TEXT_SIZE + 16] = "";
		int r = lookup(pack, cases[i].asked, NOW, &match);

		assert_int_equal(r, match.count > 0);
		if (r > 0)
			(void)snprintf(got, sizeof(got), "%s %s",
				       first->never_block		  ? "never"
				       : first->action == INDICATOR_ALLOW ? "allow"
									  : "block",
				       first->text);
		if (strcmp(got, cases[i].answer) != 0 || match.count != cases[i].count ||
		    match.blocked != (strncmp(got, "block", 5) == 0))
			fail_msg("%s: expected \"%s\" of %zu, got \"%s\" of %zu", cases[i].asked,
				 cases[i].answer, cases[i].count, got, match.count);
	}
}

/* The longest entry at a label boundary decides; allow beats block at equal length only. */
static void test_domains(void **state)
{
	static const struct lookup_case cases[] = {
		{ "evil.com", "block evil.com", 1 },
		{ "EVIL.com", "block evil.com", 1 },
		{ "a.b.evil.com", "block evil.com", 1 },
		{ "notevil.com", "", 0 },
		{ "vil.com", "", 0 },
		{ "com", "", 0 },
		{ ".", "", 0 },
		{ "good.evil.com", "allow good.evil.com", 2 },
		{ "x.good.evil.com", "allow good.evil.com", 2 },
		{ "bad.good.evil.com", "block bad.good.evil.com", 3 },
		{ "both.com", "allow both.com", 2 },
		{ "sub.both.com", "block sub.both.com", 3 },
		{ "a.b.c.d.e.f.g.h.i.j.k.l.m.n.deep.com",
		  "block a.b.c.d.e.f.g.h.i.j.k.l.m.n.deep.com", 1 },
		{ "x.y.z.a.b.c.d.e.f.g.h.i.j.k.l.m.n.deep.com",
		  "block a.b.c.d.e.f.g.h.i.j.k.l.m.n.deep.com", 1 },
		{ "b.c.d.e.f.g.h.i.j.k.l.m.n.deep.com", "", 0 },
		{ "xn--bcher-kva.example", "block xn--bcher-kva.example", 1 },
	};
	CLEANUP(pack_close_cleanup)
	struct pack *pack =
		compile_and_open(*state,
				 "evil.com\nbad.good.evil.com\nboth.com\nsub.both.com\n"
				 "a.b.c.d.e.f.g.h.i.j.k.l.m.n.deep.com\nb\xc3\xbc"
				 "cher.example\n",
				 "# cordon: action=allow\ngood.evil.com\nboth.com\n", NULL);

	cases_check(pack, cases, ELEMENTS(cases));
}

/* Names of one label match only when they were forced into the pack. */
static void test_single_labels(void **state)
{
	static const struct lookup_case cases[] = {
		{ "zip", "block zip", 1 },
		{ "a.zip", "block zip", 1 },
		{ "a.b.zip", "block b.zip", 2 },
		{ "good.zip", "allow good.zip", 2 },
		{ "zipp", "", 0 },
	};
	CLEANUP(pack_close_cleanup)
	struct pack *pack = compile_and_open(*state, "# cordon: force-suffix\nzip\nb.zip\n",
					     "# cordon: action=allow\ngood.zip\n", NULL);

	cases_check(pack, cases, ELEMENTS(cases));
}

/* The longest prefix decides; IPv6 prefixes say nothing about IPv4. */
static void test_addresses(void **state)
{
	static const struct lookup_case cases[] = {
		{ "192.0.2.1", "block 192.0.2.1", 2 },
		{ "192.0.2.2", "block 192.0.2.0/24", 1 },
		{ "192.0.2.130", "allow 192.0.2.128/25", 2 },
		{ "192.0.3.0", "", 0 },
		{ "10.255.255.255", "block 10.0.0.0/8", 1 },
		{ "2001:db8::1", "block 2001:db8::/32", 1 },
		{ "2001:db9::1", "", 0 },
		{ "8.8.8.8", "", 0 },
		{ "::1:2", "block ::/16", 1 },
	};
	CLEANUP(pack_close_cleanup)
	struct pack *pack = compile_and_open(
		*state, "192.0.2.1\n192.0.2.0/24\n10.1.2.3/8\n2001:DB8::/32\n::/16\n",
		"# cordon: action=allow\n192.0.2.128/25\n", NULL);

	cases_check(pack, cases, ELEMENTS(cases));
}

/* Hashes of all three kinds are found by their bytes and size. */
static void test_hashes(void **state)
{
	static const char list[] =
		"d41d8cd98f00b204e9800998ecf8427e\nda39a3ee5e6b4b0d3255bfef95601890afd80709\n"
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
	CLEANUP(pack_close_cleanup) struct pack *pack = compile_and_open(*state, list, NULL, NULL);
	uint8_t hash[SHA256_SIZE];
	struct pack_match match;

	assert_int_equal(digest_sha256("", 0, hash), 0);
	assert_int_equal(pack_lookup_hash(pack, hash, 32, NOW, &match), 1);
	assert_true(match.blocked);
	assert_int_equal(match.matches[0].kind, INDICATOR_HASH);
	assert_int_equal(match.matches[0].line, 3);
	assert_int_equal(pack_lookup_hash(pack, hash, 20, NOW, &match), 0);
	assert_int_equal(pack_lookup_hash(pack, hash, 31, NOW, &match), 0);
	assert_int_equal(pack_lookup_hash(pack,
					  (const uint8_t *)"\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04"
							   "\xe9\x80\x09\x98\xec\xf8\x42\x7e",
					  16, NOW, &match),
			 1);
	assert_string_equal(match.matches[0].text, "d41d8cd98f00b204e9800998ecf8427e");
	assert_false(pack_lookup_hash(pack, hash, 0, NOW, &match));
}

/* Nothing of a never-block list, or below it, can be blocked; what is above can, but not through
 * it; "scope=name" protects one name. */
static void test_never_block(void **state)
{
	static const char never[] = "api.aws.example\nstore.aws.example # scope=name\n"
				    "169.254.169.254\n127.0.0.0/8\n";
	static const char list[] = "api.aws.example\nx.api.aws.example\naws.example\n"
				   "store.aws.example\nevil.store.aws.example\n169.254.0.0/16\n"
				   "169.254.169.254\n127.0.0.1\nother.example\n";
	static const struct lookup_case cases[] = {
		{ "api.aws.example", "never api.aws.example", 2 },
		{ "y.x.api.aws.example", "never api.aws.example", 2 },
		{ "aws.example", "block aws.example", 1 },
		{ "www.aws.example", "block aws.example", 1 },
		{ "store.aws.example", "never store.aws.example", 2 },
		{ "evil.store.aws.example", "block evil.store.aws.example", 3 },
		{ "fine.store.aws.example", "never store.aws.example", 2 },
		{ "169.254.169.254", "never 169.254.169.254", 2 },
		{ "169.254.1.1", "block 169.254.0.0/16", 1 },
		{ "127.1.2.3", "never 127.0.0.0/8", 1 },
	};
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	struct compile_report report;
	const char *why;
	struct pack_info info;
	char indicator[INDICATOR_TEXT_SIZE];
	char path[128];

	assert_int_equal(intel_folder_compile(*state, list, NULL, never, &report), 0);
	assert_int_equal(report.rejected[LIST_NEVER_BLOCK], 5);
	assert_int_equal(report.domains, 3);
	assert_int_equal(report.addresses, 1);
	assert_int_equal(report.never_block, 4);
	assert_int_equal(pack_open(((struct intel_folder *)*state)->pack, &pack, &why), 0);
	cases_check(pack, cases, ELEMENTS(cases));
	pack_info(pack, &info);
	assert_true(info.never_block);
	assert_int_equal(info.domains, 3);

	(void)snprintf(path, sizeof(path), "%s/never.list", ((struct intel_folder *)*state)->path);
	assert_int_equal(pack_check_never_block(pack, path, indicator), 0);
}

/* A pack that was compiled without a never-block list is found out. */
static void test_check_never_block(void **state)
{
	CLEANUP(pack_close_cleanup)
	struct pack *pack = compile_and_open(*state, "aws.example\n10.0.0.0/8\n", NULL, NULL);
	char indicator[INDICATOR_TEXT_SIZE] = "", path[128];

	intel_folder_write(*state, "never.list", "a.example\n", 10, path);
	assert_int_equal(pack_check_never_block(pack, path, indicator), 0);
	intel_folder_write(*state, "never.list", "a.example\nx.aws.example\n", 24, path);
	assert_int_equal(pack_check_never_block(pack, path, indicator), 1);
	assert_string_equal(indicator, "x.aws.example");
	intel_folder_write(*state, "never.list", "10.1.2.3\n", 9, path);
	assert_int_equal(pack_check_never_block(pack, path, indicator), 1);
	assert_string_equal(indicator, "10.1.2.3");
	intel_folder_write(*state, "never.list", "a..b\n", 5, path);
	assert_int_equal(pack_check_never_block(pack, path, indicator), -EINVAL);
	/* The list that is part of the program is well formed, too. */
	assert_int_equal(pack_check_never_block(pack, NULL, indicator), 0);
}

/* So is one that blocks only what stands below or within an entry of the list. */
static void test_check_below(void **state)
{
	static const struct {
		const char *never, *blocked; /* NULL: nothing */
	} cases[] = {
		{ "aws.example\n", "x.y.aws.example" },
		{ "y.aws.example # scope=name\n", NULL },
		{ "x.y.aws.example # scope=name\n", "x.y.aws.example" },
		{ "example\n", "x.y.aws.example" },
		{ "ws.example\nz.x.aws.example\ngood.test\n", NULL },
		{ "10.0.0.0/8\n", "10.1.2.0/24" },
		{ "10.1.2.0/25\n", "10.1.2.0/25" },
		{ "10.1.3.0/24\n", NULL },
		{ "2001:db8::/32\n", "2001:db8:1::5" },
	};
	CLEANUP(pack_close_cleanup)
	struct pack *pack = compile_and_open(
		*state, "x.y.aws.example\n10.1.2.0/24\n2001:db8:1::5\n@@||good.test^\n", NULL,
		NULL);

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char indicator[INDICATOR_TEXT_SIZE] = "", path[128];
		const char *blocked = cases[i].blocked;

		intel_folder_write(*state, "never.list", cases[i].never, strlen(cases[i].never),
				   path);
		assert_int_equal(pack_check_never_block(pack, path, indicator), blocked != NULL);
		assert_string_equal(indicator, blocked ? blocked : "");
	}
}

/* A never-block list with a line that is not valid is no list: nothing is compiled. */
static void test_never_block_broken(void **state)
{
	struct compile_report report;

	assert_int_equal(intel_folder_compile(*state, "evil.com\n", NULL, "a..b\n", &report),
			 -EINVAL);
	assert_non_null(strstr(report.failed_path, "never.list"));
	assert_int_equal(access(((struct intel_folder *)*state)->pack, F_OK), -1);
}

static uint64_t table_flags(const void *table, size_t bytes, const char *text)
{
	struct domain_name name;

	assert_int_equal(domain_name_parse(text, &name), 0);
	return domain_table_walk(table, bytes, &name, NULL);
}

/* Entries end with their time: at compiling, at looking up, and in the kernel's table. */
static void test_expiry(void **state)
{
	static const char list[] = "past.com # expires=2026-05-31\nsoon.com # expires=2026-06-02\n"
				   "later.com # expires=2026-06-03\nalways.com\n";
	static const char allows[] = "# cordon: action=allow\nalways.com # expires=2026-06-02\n";
	CLEANUP(pack_close_cleanup)
	struct pack *pack = compile_and_open(*state, list, allows, NULL);
	const uint64_t second_june = NOW + 86400;
	CLEANUP(free_cleanup) char *table = NULL;
	struct pack_match match;
	uint64_t offset, next;
	size_t bytes;
	int fd;

	assert_int_equal(lookup(pack, "past.com", NOW, &match), 0);
	assert_int_equal(lookup(pack, "soon.com", NOW, &match), 1);
	assert_int_equal(match.matches[0].expiry, second_june);
	assert_int_equal(lookup(pack, "soon.com", second_june - 1, &match), 1);
	assert_int_equal(lookup(pack, "soon.com", second_june, &match), 0);
	assert_int_equal(lookup(pack, "always.com", NOW, &match), 1);
	assert_false(match.blocked);
	assert_int_equal(lookup(pack, "always.com", second_june, &match), 1);
	assert_true(match.blocked);

	bytes = pack_table(pack, &fd, &offset);
	table = malloc(bytes);
	assert_non_null(table);
	assert_int_equal(pread(fd, table, bytes, (off_t)offset), bytes);
	assert_int_equal(pack_table_expire(pack, table, bytes, NOW, &next), 0);
	assert_int_equal(next, second_june);
	assert_int_equal(table_flags(table, bytes, "a.soon.com"), TABLE_LISTED);
	assert_int_equal(table_flags(table, bytes, "always.com"), TABLE_LISTED | TABLE_ALLOWED);
	assert_int_equal(pack_table_expire(pack, table, bytes, second_june, &next), 2);
	assert_int_equal(next, second_june + 86400);
	assert_int_equal(table_flags(table, bytes, "a.soon.com"), 0);
	assert_int_equal(table_flags(table, bytes, "always.com"), TABLE_LISTED);
	assert_int_equal(table_flags(table, bytes, "later.com"), TABLE_LISTED);
}

/* One feed counts a thing once, with its highest severity; what several feeds say all stays, the
 * highest severity first. */
static void test_duplicates(void **state)
{
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	struct compile_report report;
	struct pack_match match;
	struct pack_feed feed;
	const char *why;

	assert_int_equal(intel_folder_compile(
				 *state,
				 "evil.com # severity=low\n*.evil.com # severity=high\n"
				 "EVIL.com\n192.0.2.1\n192.0.2.1/32\n",
				 "evil.com # severity=critical tags=x\n192.0.2.1\n", NULL, &report),
			 0);
	assert_int_equal(report.lines, 7);
	assert_int_equal(report.domains, 2);
	assert_int_equal(report.addresses, 2);
	assert_int_equal(report.duplicates, 3);
	assert_int_equal(pack_open(((struct intel_folder *)*state)->pack, &pack, &why), 0);
	assert_int_equal(lookup(pack, "www.evil.com", NOW, &match), 1);
	assert_int_equal(match.count, 2);
	assert_string_equal(match.matches[0].feed, "b");
	assert_int_equal(match.matches[0].severity, 5);
	assert_string_equal(match.matches[0].tags, "x");
	assert_string_equal(match.matches[1].feed, "a");
	assert_int_equal(match.matches[1].severity, 4);
	assert_int_equal(match.matches[1].line, 2);
	pack_feed(pack, 0, &feed);
	assert_string_equal(feed.name, "a");
	assert_int_equal(feed.entries, 2);
}

/* More matches than there is room for: the deciding ones are kept. */
static void test_many_matches(void **state)
{
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	char list[4096] = "";

	for (int i = 0; i < 40; i++)
		(void)snprintf(list + strlen(list), sizeof(list) - strlen(list),
			       "# cordon: feed=f%d\nevil.com\nx.evil.com%s\n", i,
			       i == 39 ? " # severity=critical" : "");
	pack = compile_and_open(*state, list, NULL, NULL);
	{
		struct pack_match match;

		assert_int_equal(lookup(pack, "x.evil.com", NOW, &match), 1);
		assert_int_equal(match.count, PACK_MATCHES_MAX);
		assert_string_equal(match.matches[0].feed, "f39");
		assert_string_equal(match.matches[15].text, "x.evil.com");
	}
}

/* Lists without a single entry make no pack, and leave an old one alone. */
static void test_nothing_usable(void **state)
{
	struct intel_folder *folder = *state;
	struct compile_report report;
	struct stat before, after;

	assert_int_equal(intel_folder_compile(folder, "evil.com\n", NULL, NULL, &report), 0);
	assert_int_equal(stat(folder->pack, &before), 0);
	assert_int_equal(before.st_mode & 07777, 0640);
	assert_int_equal(intel_folder_compile(folder, "# nothing\ncom\n", NULL, NULL, &report),
			 -ENODATA);
	assert_int_equal(report.rejected[LIST_SINGLE_LABEL], 1);
	assert_int_equal(stat(folder->pack, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static int count_name(const struct domain_name *name, const struct indicator *indicator, void *data)
{
	char text[DOMAIN_NAME_TEXT_SIZE];
	unsigned *counts = data;

	domain_name_format(name, text);
	assert_string_equal(text, indicator->text);
	counts[indicator->action]++;
	return counts[INDICATOR_BLOCK] == 1000;
}

/* Every domain entry is visited once, until the visitor has enough. */
static void test_each_domain(void **state)
{
	CLEANUP(pack_close_cleanup)
	struct pack *pack = compile_and_open(*state, "a.example\nb.example\nc.b.example\n",
					     "||d.example^\n@@||e.example^\n", NULL);
	unsigned counts[2] = { 0 };

	assert_int_equal(pack_each_domain(pack, count_name, counts), 0);
	assert_int_equal(counts[INDICATOR_BLOCK], 4);
	assert_int_equal(counts[INDICATOR_ALLOW], 1);
	counts[INDICATOR_BLOCK] = 998;
	assert_int_equal(pack_each_domain(pack, count_name, counts), 1);
	assert_int_equal(counts[INDICATOR_BLOCK], 1000);
}

/* A private copy goes on answering when the file is destroyed in place. */
static void test_private_copy(void **state)
{
	struct intel_folder *folder = *state;
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	struct compile_report report;
	struct pack_match match;
	const char *why = "";

	assert_int_equal(intel_folder_compile(folder, "evil.com\n", NULL, NULL, &report), 0);
	assert_int_equal(pack_open_private(folder->pack, folder->path, &pack, &why), 0);
	assert_int_equal(truncate(folder->pack, 0), 0);
	assert_int_equal(lookup(pack, "evil.com", NOW, &match), 1);
	assert_int_equal(pack_open_private(folder->pack, folder->path, &pack, &why), -EBADMSG);
	assert_int_equal(pack_open_private("/nowhere/x", folder->path, &pack, &why), -ENOENT);
	assert_int_equal(pack_open_private("/dev/null", folder->path, &pack, &why), -EBADMSG);
}

static const char small_list[] = "evil.com\nx.evil.com # severity=high tags=a\n192.0.2.0/24\n"
				 "2001:db8::1\nd41d8cd98f00b204e9800998ecf8427e\n";

/* Asks all that there is to ask; answers may be wrong, but no more. */
static void ask_everything(const struct pack *pack)
{
	static const char *const asked[] = { "x.evil.com", "evil.com", "com", "192.0.2.1",
					     "2001:db8::1" };
	unsigned counts[2] = { 0 };
	uint8_t hash[SHA256_SIZE] = { 0xd4, 0x1d };
	struct pack_match match;
	struct pack_info info;
	struct pack_feed feed;

	for (size_t i = 0; i < ELEMENTS(asked); i++)
		(void)lookup(pack, asked[i], NOW, &match);
	(void)pack_lookup_hash(pack, hash, 16, NOW, &match);
	(void)pack_each_domain(pack, count_name, counts);
	pack_info(pack, &info);
	for (size_t i = 0; i < info.feeds; i++)
		pack_feed(pack, i, &feed);
}

/* Every truncation, and every flipped byte, is refused and told. */
static void test_damage(void **state)
{
	struct intel_folder *folder = *state;
	CLEANUP(free_cleanup) char *data = NULL;
	struct compile_report report;
	struct pack *pack;
	char path[128];
	const char *why;
	size_t size;

	assert_int_equal(intel_folder_compile(folder, small_list, NULL, NULL, &report), 0);
	assert_int_equal(fd_read_file(folder->pack, 1 << 20, &data, &size), 0);
	/* The zeroes up to the first section are told by their first and last bytes. */
	for (size_t i = 0; i < size; i = i == 300 ? 4000 : i + 1) {
		why = NULL;
		intel_folder_write(folder, "test.pack", data, i, path);
		assert_int_equal(pack_open(path, &pack, &why), -EBADMSG);
		assert_non_null(why);
		data[i] = (char)~data[i];
		why = NULL;
		intel_folder_write(folder, "test.pack", data, size, path);
		if (pack_open(path, &pack, &why) !=
		    (i >= 8 && i < 16 ? -EPROTONOSUPPORT : -EBADMSG))
			fail_msg("byte %zu: %s", i, why);
		assert_non_null(why);
		data[i] = (char)~data[i];
	}
	intel_folder_write(folder, "test.pack", data, size, path);
	assert_int_equal(pack_open(path, &pack, &why), 0);
	pack_close(pack);
}

/* Every byte changed under a digest that fits is refused, or answers within bounds (which the
 * sanitizers watch). */
static void test_lies(void **state)
{
	struct intel_folder *folder = *state;
	CLEANUP(free_cleanup) char *data = NULL;
	struct compile_report report;
	size_t size, opened = 0;
	char path[128];

	assert_int_equal(intel_folder_compile(folder, small_list, NULL, NULL, &report), 0);
	assert_int_equal(fd_read_file(folder->pack, 1 << 20, &data, &size), 0);
	for (size_t i = 0; i < size - SHA256_SIZE; i = i == 300 ? 4000 : i + 1) {
		static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0xff };
		char was = data[i];

		for (size_t k = 0; k < ELEMENTS(values); k++) {
			struct pack *pack = NULL;
			const char *why;

			data[i] = (char)values[k];
			assert_int_equal(digest_sha256(data, size - SHA256_SIZE,
						       (uint8_t *)data + size - SHA256_SIZE),
					 0);
			intel_folder_write(folder, "test.pack", data, size, path);
			if (pack_open(path, &pack, &why) < 0)
				continue;
			opened++;
			ask_everything(pack);
			pack_close(pack);
		}
		data[i] = was;
	}
	assert_true(opened > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, intel_folder_make, intel_folder_remove)
	static const struct CMUnitTest tests[] = {
		TEST(test_domains),	TEST(test_single_labels),      TEST(test_addresses),
		TEST(test_hashes),	TEST(test_never_block),	       TEST(test_check_never_block),
		TEST(test_check_below), TEST(test_never_block_broken), TEST(test_expiry),
		TEST(test_duplicates),	TEST(test_many_matches),       TEST(test_nothing_usable),
		TEST(test_each_domain), TEST(test_private_copy),       TEST(test_damage),
		TEST(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
