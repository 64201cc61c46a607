/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that sets of addresses and hashes, datasets and tables with named columns give the entries
 * that they mean, that a list that is said to be of a format gives nothing else, that gzip changes
 * nothing, and that damaged, truncated and endless gzip is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/clock.h"
#include "intel/list_source.h"
#include "list_result.h"

#define MD5    "44d88612fea8a8f36de82e1278abb02f"
#define SHA1   "3395856ce81f2b7382dee72602f798b642f14140"
#define SHA256 "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"

static const struct list_case sets[] = {
	{ "create bad hash:net family inet hashsize 1024 maxelem 65536\n"
	  "add bad 192.0.2.0/24\nadd bad 198.51.100.1 comment \"x timeout y\"\n"
	  "add bad 192.0.2.7 nomatch\nadd bad 192.0.2.8 packets 0 bytes 0\n",
	  "2 block 192.0.2.0/24\n3 block 198.51.100.1\n4 allow 192.0.2.7\n5 block 192.0.2.8\n" },
	{ "add bad 192.0.2.1,tcp:80\nadd bad 192.0.2.1-192.0.2.9\nadd bad evil.com\n"
	  "add bad 192.0.2.1 timeout\nadd bad 192.0.2.1 timeout x\n",
	  "1 !unsupported-rule\n2 !unsupported-rule\n3 !other-type\n4 !unsupported-rule\n"
	  "5 !unsupported-rule\n" },
	{ "# firehol netset\n192.0.2.0/24\n198.51.100.7\n",
	  "2 block 192.0.2.0/24\n3 block 198.51.100.7\n" },
	{ "; Spamhaus DROP List\n192.0.2.0/24 ; SBL256894\n", "2 block 192.0.2.0/24\n" },
	{ MD5 "\n" SHA1 "  a file.exe\n" SHA256 " *bin\n\\" SHA256 "  new\\nline\n",
	  "1 block " MD5 "\n2 block " SHA1 "\n3 block " SHA256 "\n4 block " SHA256 "\n" },
	{ "SHA256 (a = b) = " SHA256 "\nMD5 (x) = " MD5 "\nMD5 (x) = evil.com\n",
	  "1 block " SHA256 "\n2 block " MD5 "\n3 !unsupported-rule\n" },
	{ MD5 ":1024:Win.Trojan-1\n" SHA256 ",10\n", "1 block " MD5 "\n2 block " SHA256 "\n" },
	/* base64 of evil.com, sub.evil.com and 192.0.2.1; padding or not. */
	{ "ZXZpbC5jb20=\nc3ViLmV2aWwuY29t\nMTkyLjAuMi4x\nZXZpbC5jb20=,5\n",
	  "1 block evil.com\n2 block sub.evil.com\n3 block 192.0.2.1\n4 block evil.com\n" },
	/* A word that only looks like it; base64 of bytes; of a name of one label. */
	{ "host\nqrvM3Q==\nbG9jYWxob3N0\n", "1 !single-label\n2 !not-a-name\n3 !single-label\n" },
};

static void test_sets(void **state)
{
	(void)state;
	cases_check(sets, ELEMENTS(sets), false);
}

static void test_set_timeout(void **state)
{
	struct result result = { .attributes = true };
	char expected[128];

	(void)state;
	clock_hold(UINT64_C(1000000) * NS_PER_SECOND, NS_PER_SECOND);
	assert_int_equal(
		read_bytes("add s 192.0.2.1 timeout 300\nadd s 192.0.2.2 timeout 0\n", 54, &result),
		0);
	clock_release();
	(void)snprintf(expected, sizeof(expected),
		       "1 block 192.0.2.1 f 0 [] 1000300\n2 block 192.0.2.2 f 0 [] 0\n");
	assert_string_equal(result.text, expected);
}

static const struct list_case tables[] = {
	{ "type\tindicator\ttags\ndomain\ta.com\tx,y\n\tb.com\t\n\"domain\"\t\"c.com\"\t\"z\"\n"
	  "domain\t\tq\nyara\td.com\t\n",
	  "2 block a.com f 0 [x,y] 0\n3 block b.com f 0 [] 0\n4 block c.com f 0 [z] 0\n"
	  "5 !bad-csv\n6 !unsupported-type\n" },
	{ "ioc;severity\na.com;high\n", "2 block a.com f 4 [] 0\n" },
	{ "# \"first_seen\",\"ioc_value\",\"ioc_type\"\n\"2020\",\"a.com\",\"domain\"\n",
	  "2 block a.com f 0 [] 0\n" },
};

static void test_tables(void **state)
{
	(void)state;
	cases_check(tables, ELEMENTS(tables), true);
}

struct format_case {
	enum list_format format;
	const char *list, *expected;
};

static const struct format_case formats[] = {
	{ LIST_FORMAT_HOSTS, "0.0.0.0 a.com\nb.com\n||c.com^\n",
	  "1 block a.com\n2 !other-format\n"
	  "3 !other-format\n" },
	{ LIST_FORMAT_PLAIN, "a.com\n0.0.0.0 b.com\nZXZpbC5jb20=\n{\"ioc\":\"c.com\"}\n",
	  "1 block a.com\n2 !not-a-name\n3 !not-a-name\n4 !not-a-name\n" },
	{ LIST_FORMAT_RPZ, "a.com CNAME .\nb.com\n", "1 block a.com\n2 !other-format\n" },
	{ LIST_FORMAT_DNSMASQ, "address=/a.com/\na.com\n", "1 block a.com\n2 !other-format\n" },
	{ LIST_FORMAT_UNBOUND, "local-zone: \"a.com\" always_null\na.com\n",
	  "1 block a.com\n2 !other-format\n" },
	{ LIST_FORMAT_ADBLOCK, "||a.com^\n0.0.0.0 b.com\n", "1 block a.com\n2 !not-a-name\n" },
	{ LIST_FORMAT_CSV, "a.com\nioc,tag\nb.com,x\nc.com\n",
	  "1 !other-format\n3 block b.com\n4 !other-format\n" },
	{ LIST_FORMAT_HASHES, MD5 "  x\na.com\n", "1 block " MD5 "\n2 !other-format\n" },
	{ LIST_FORMAT_DATASET, "ZXZpbC5jb20=\n192.0.2.1\n" MD5 "\n",
	  "1 block evil.com\n2 block 192.0.2.1\n3 block " MD5 "\n" },
	{ LIST_FORMAT_STIX, "<html>\n", "1 !other-format\n" },
};

static void test_formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(formats); i++) {
		struct result result = { 0 };

		assert_int_equal(read_bytes_as(formats[i].format, formats[i].list,
					       strlen(formats[i].list), &result),
				 0);
		if (strcmp(result.text, formats[i].expected) != 0)
			fail_msg("%s:\n%s\nexpected:\n%s\ngot:\n%s",
				 list_format_name(formats[i].format), formats[i].list,
				 formats[i].expected, result.text);
	}
}

static void test_format_names(void **state)
{
	enum list_format format;

	(void)state;
	for (unsigned i = 0; i < LIST_FORMATS; i++) {
		assert_int_equal(list_format_find(list_format_name((enum list_format)i), &format),
				 0);
		assert_int_equal(format, i);
	}
	assert_int_equal(list_format_find("tsv", &format), 0);
	assert_int_equal(format, LIST_FORMAT_CSV);
	assert_int_equal(list_format_find("xml", &format), -ENOENT);
}

/* One member of gzip at out; its size. */
static size_t gzip_pack(const void *bytes, size_t size, unsigned char *out, size_t out_size)
{
	z_stream stream = { 0 };

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	stream.next_in = (unsigned char *)(uintptr_t)bytes;
	stream.avail_in = (uInt)size;
	stream.next_out = out;
	stream.avail_out = (uInt)out_size;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	(void)deflateEnd(&stream);
	return stream.total_out;
}

static void test_gzip(void **state)
{
	unsigned char packed[1024];
	size_t first = gzip_pack("a.com\nb.", 8, packed, sizeof(packed));
	size_t size = first + gzip_pack("com\n", 4, packed + first, sizeof(packed) - first);
	struct result result = { 0 };

	(void)state;
	/* Members follow each other; an entry may go on in the next one. */
	assert_int_equal(read_bytes(packed, size, &result), 0);
	assert_string_equal(result.text, "1 block a.com\n2 block b.com\n");
	for (size_t cut = 2; cut < size; cut++) {
		struct result short_result = { 0 };

		if (cut != first)
			assert_int_equal(read_bytes(packed, cut, &short_result), -EBADMSG);
	}
	for (size_t at = 0; at < 4; at++) {
		struct result bad_result = { 0 };

		packed[first - 8 + at] ^= 1; /* the checksum of the first */
		assert_int_equal(read_bytes(packed, size, &bad_result), -EBADMSG);
		packed[first - 8 + at] ^= 1;
	}
	packed[size] = 'x';
	result = (struct result){ 0 };
	assert_int_equal(read_bytes(packed, size + 1, &result), -EBADMSG);
}

/* A JSON document in one line and in gzip. */
static void test_gzip_document(void **state)
{
	static const char text[] = "{\"list\":[\"a.com\"]}";
	unsigned char packed[256];
	size_t size = gzip_pack(text, sizeof(text) - 1, packed, sizeof(packed));
	struct result result = { 0 };

	(void)state;
	assert_int_equal(read_bytes(packed, size, &result), 0);
	assert_string_equal(result.text, "1 allow a.com\n");
}

/* A few kilobytes that become more than a gigabyte: refused at the bound, in bounded memory. */
static void test_gzip_bomb(void **state)
{
	enum { PIECE = 1 << 20 };
	char *zeroes = calloc(1, PIECE);
	unsigned char *member = malloc(65536), *packed;
	size_t size, count = LIST_BYTES_MAX / PIECE + 1;
	struct result result = { 0 };

	(void)state;
	assert_non_null(zeroes);
	assert_non_null(member);
	memset(zeroes, '#', PIECE);
	size = gzip_pack(zeroes, PIECE, member, 65536);
	packed = malloc(size * count);
	assert_non_null(packed);
	for (size_t i = 0; i < count; i++)
		memcpy(packed + i * size, member, size);
	assert_int_equal(read_bytes(packed, size * count, &result), -EFBIG);
	free(packed);
	free(member);
	free(zeroes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),	      cmocka_unit_test(test_set_timeout),
		cmocka_unit_test(test_tables),	      cmocka_unit_test(test_formats),
		cmocka_unit_test(test_format_names),  cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_gzip_document), cmocka_unit_test(test_gzip_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
