/* SPDX-License-Identifier: Apache-2.0
 *
 * HPACK: the examples of RFC 7541, and blocks that are cut or lie.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scan/hpack.h"
#include "scan/hpack_huffman.h"

struct told {
	char text[512];
};

static void field_told(enum hpack_field field, const char *value, size_t size, void *context)
{
	struct told *told = context;
	size_t used = strlen(told->text);

	(void)snprintf(told->text + used, sizeof(told->text) - used, "%d=%.*s ", field, (int)size,
		       value);
}

static void assert_block(struct hpack *hpack, const uint8_t *block, size_t size,
			 const char *expected)
{
	struct told told = { "" };

	assert_int_equal(hpack_read(hpack, block, size, field_told, &told), 0);
	assert_string_equal(told.text, expected);
}

static void test_huffman_examples(void **state)
{
	/* Proves the code on the strings of RFC 7541, appendix C, and on padding that is wrong. */
	static const uint8_t name[] = { 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a,
					0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff };
	static const uint8_t value[] = { 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf };
	static const uint8_t end[] = { 0xff, 0xff, 0xff, 0xff }, zeros[] = { 0xf8 };
	char out[64];

	(void)state;
	assert_int_equal(hpack_huffman_read(name, sizeof(name), out, sizeof(out)), 15);
	assert_memory_equal(out, "www.example.com", 15);
	assert_int_equal(hpack_huffman_read(name, sizeof(name), out, 3), 15);
	assert_int_equal(hpack_huffman_read(value, sizeof(value), out, sizeof(out)), 12);
	assert_memory_equal(out, "custom-value", 12);
	assert_int_equal(hpack_huffman_read(end, sizeof(end), out, sizeof(out)), -EBADMSG);
	assert_int_equal(hpack_huffman_read(zeros, sizeof(zeros), out, sizeof(out)), 1);
	assert_int_equal(hpack_huffman_read(name, sizeof(name) - 1, out, sizeof(out)), -EBADMSG);
}

static void test_requests_share_a_table(void **state)
{
	/* Proves RFC 7541, C.4: three requests, the later ones by what the first put in the table.
	 */
	static const uint8_t first[] = { 0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5,
					 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff };
	static const uint8_t second[] = { 0x82, 0x86, 0x84, 0xbe, 0x58, 0x86,
					  0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf };
	static const uint8_t third[] = { 0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8,
					 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f, 0x89, 0x25,
					 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf };
	struct hpack hpack = { 0 };

	(void)state;
	assert_block(&hpack, first, sizeof(first), "3=GET 1=www.example.com ");
	assert_block(&hpack, second, sizeof(second), "3=GET 1=www.example.com ");
	assert_block(&hpack, third, sizeof(third), "3=GET 1=www.example.com ");
	assert_int_equal(hpack.count, 3);
	hpack_clear(&hpack);
}

static void test_bad_blocks_are_refused(void **state)
{
	/* Proves that a reference to nothing, endless numbers and cut strings are told. */
	static const struct {
		uint8_t bytes[8];
		size_t size;
	} blocks[] = {
		{ { 0x80 }, 1 },
		{ { 0xbe }, 1 },
		{ { 0x41 }, 1 },
		{ { 0x41, 5, 'a' }, 3 },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 8 },
		{ { 0x40, 0x81, 0xff }, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct hpack hpack = { 0 };
		struct told told = { "" };

		assert_true(hpack_read(&hpack, blocks[i].bytes, blocks[i].size, field_told, &told) <
			    0);
		hpack_clear(&hpack);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_huffman_examples),
		cmocka_unit_test(test_requests_share_a_table),
		cmocka_unit_test(test_bad_blocks_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
