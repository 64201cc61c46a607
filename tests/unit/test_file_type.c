/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "scan/file_type.h"

static void types_are_known(void **state)
{
	/* Proves: names by first bytes, none for what is too short or unknown. */
	static const struct {
		const char *bytes;
		size_t size;
		const char *name;
		int archive;
	} cases[] = {
		{ "\x7f"
		  "ELF\2\1",
		  6, "ELF", 0 },
		{ "MZ\x90", 3, "EXE", 0 },
		{ "PK\3\4", 4, "ZIP", 1 },
		{ "\x1f\x8b\x08", 3, "GZIP", 1 },
		{ "%PDF-1.7", 8, "PDF", 0 },
		{ "\x7f"
		  "EL",
		  3, "", 0 },
		{ "", 0, "", 0 },
		{ "hello", 5, "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *bytes = (const uint8_t *)cases[i].bytes;

		assert_string_equal(file_type_name(bytes, cases[i].size), cases[i].name);
		assert_int_equal(file_type_archive(bytes, cases[i].size), cases[i].archive);
	}
}

static void old_tar_is_known(void **state)
{
	/* Proves: a tar header without a mark is known by its sum, and only by a right one. */
	uint8_t block[512] = "name";
	unsigned sum = 8 * ' ';

	(void)state;
	memcpy(block + 100, "0000644", 8);
	memcpy(block + 124, "00000000001", 12);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += i >= 148 && i < 156 ? 0 : block[i];
	(void)snprintf((char *)block + 148, 8, "%06o", sum);
	assert_string_equal(file_type_name(block, sizeof(block)), "TAR");
	assert_true(file_type_archive(block, sizeof(block)));
	block[0]++;
	assert_string_equal(file_type_name(block, sizeof(block)), "");
	assert_string_equal(file_type_name(block, 511), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_known),
		cmocka_unit_test(old_tar_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
