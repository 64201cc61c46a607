/* SPDX-License-Identifier: Apache-2.0
 *
 * Escaping: nothing that is shown moves the cursor, forges a line or hides what stands beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/escape.h"

struct shown {
	const char *text, *shown;
};

static const struct shown texts[] = {
	{ "", "" },
	{ "plain text, \"quoted\"", "plain text, \"quoted\"" },
	{ "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "a\nb\r\t", "a\\x0ab\\x0d\\x09" },
	{ "\x1b[2J\x7f", "\\x1b[2J\\x7f" },
	{ "\\x0a", "\\x5cx0a" },
	{ "\xc2\x9b"
	  "2J",
	  "\\xc2\\x9b2J" },		       /* CSI in one character */
	{ "\xc2\xa0", "\xc2\xa0" },	       /* the first one after the C1 controls */
	{ "\xc2\xad", "\\xc2\\xad" },	       /* soft hyphen */
	{ "\xd8\x9c", "\\xd8\\x9c" },	       /* Arabic letter mark */
	{ "\xe2\x80\x8a", "\xe2\x80\x8a" },    /* hair space */
	{ "\xe2\x80\x8b", "\\xe2\\x80\\x8b" }, /* zero width space */
	{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" }, /* line separator */
	{ "\xe2\x80\xae"
	  "txt",
	  "\\xe2\\x80\\xaetxt" },			/* right-to-left override */
	{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },		/* left-to-right isolate */
	{ "\xe1\xa0\x8e", "\\xe1\\xa0\\x8e" },		/* Mongolian vowel separator */
	{ "\xe3\x85\xa4", "\\xe3\\x85\\xa4" },		/* Hangul filler */
	{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },		/* byte order mark */
	{ "\xef\xb8\x8f", "\\xef\\xb8\\x8f" },		/* variation selector */
	{ "\xf3\xa0\x81\xa1", "\\xf3\\xa0\\x81\\xa1" }, /* tag character: an unseen "a" */
	{ "\xff\xfe", "\\xff\\xfe" },
	{ "\xc0\xaf", "\\xc0\\xaf" },	       /* overlong "/" */
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" }, /* surrogate */
	{ "a\xe2\x82", "a\\xe2\\x82" },	       /* a character that was cut */
};

static void test_texts(void **state)
{
	/* Proves that what is harmless stays as it is, and the rest becomes \xHH, byte by byte. */
	(void)state;
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		CLEANUP(free_cleanup)
		char *copy = escape_text_dup(texts[i].text, strlen(texts[i].text));
		char out[128];
		size_t length = escape_text(texts[i].text, strlen(texts[i].text), out, sizeof(out));

		print_message("%s\n", texts[i].shown);
		assert_string_equal(out, texts[i].shown);
		assert_int_equal(length, strlen(out));
		assert_non_null(copy);
		assert_string_equal(copy, out);
	}
}

static void test_zero_bytes(void **state)
{
	/* Proves that a zero byte does not end the text: size does. */
	char out[32];

	(void)state;
	assert_int_equal(escape_text("a\0b", 3, out, sizeof(out)), 6);
	assert_string_equal(out, "a\\x00b");
	assert_int_equal(escape_text("abc", 2, out, sizeof(out)), 2);
	assert_string_equal(out, "ab");
}

static void test_no_unsafe_byte_comes_out(void **state)
{
	/* Proves that all pairs of bytes come out as printable ASCII or whole characters of UTF-8.
	 */
	(void)state;
	for (unsigned pair = 0; pair < 65536; pair++) {
		const char text[2] = { (char)(pair >> 8), (char)pair };
		char out[16];
		size_t length = escape_text(text, sizeof(text), out, sizeof(out));

		for (size_t at = 0; at < length;) {
			size_t character = utf8_character(out + at, length - at);

			assert_true(character > 0);
			assert_true(character > 1 || (out[at] >= 0x20 && out[at] < 0x7f));
			at += character;
		}
	}
}

static void test_cut(void **state)
{
	/* Proves that in any room the text is whole, or cut at a whole character and marked so. */
	static const char text[] = "ab\nc\xe2\x82\xac"
				   "def\xff";
	static const char whole[] = "ab\\x0ac\xe2\x82\xac"
				    "def\\xff";

	(void)state;
	for (size_t room = 1; room <= sizeof(whole) + 1; room++) {
		char out[sizeof(whole) + 2];
		size_t length;

		memset(out, '#', sizeof(out));
		length = escape_text(text, sizeof(text) - 1, out, room);
		assert_int_equal(length, strlen(out));
		assert_true(length < room);
		for (size_t i = room; i < sizeof(out); i++)
			assert_int_equal(out[i], '#');
		if (room >= sizeof(whole)) {
			assert_string_equal(out, whole);
			continue;
		}
		if (room >= 4) {
			assert_string_equal(out + length - 3, "...");
			length -= 3;
		}
		assert_memory_equal(out, whole, length);
		/* Not within the escape, nor within the euro sign. */
		assert_false(length > 2 && length < 6);
		assert_false(length > 7 && length < 10);
	}
}

static void test_cut_keeps_what_fits(void **state)
{
	/* Proves that as much is kept as the mark leaves room for. */
	static const struct {
		size_t room;
		const char *shown;
	} cases[] = {
		{ 1, "" },
		{ 2, "a" },
		{ 3, "ab" },
		{ 4, "..." },
		{ 5, "a..." },
		{ 6, "ab..." },
		{ 9, "ab..." },
		{ 10, "ab\\x0a..." },
		{ 11, "ab\\x0ac..." },
		{ 12, "ab\\x0acd..." },
		{ 13, "ab\\x0acde..." },
		{ 14, "ab\\x0acdefghi" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char out[16];

		(void)escape_text("ab\ncdefghi", 10, out, cases[i].room);
		assert_string_equal(out, cases[i].shown);
	}
}

static void test_utf8(void **state)
{
	/* Proves the bounds of well-formed UTF-8 (RFC 3629, 4). */
	static const struct {
		const char *text;
		size_t size, length;
	} cases[] = {
		{ "", 0, 0 },
		{ "\0", 1, 1 },
		{ "\x7f", 1, 1 },
		{ "\x80", 1, 0 },
		{ "\xc1\xbf", 2, 0 },
		{ "\xc2\x80", 2, 2 },
		{ "\xc2", 1, 0 },
		{ "\xc2\x7f", 2, 0 },
		{ "\xc2\xc0", 2, 0 },
		{ "\xdf\xbf", 2, 2 },
		{ "\xe0\x9f\xbf", 3, 0 },
		{ "\xe0\xa0\x80", 3, 3 },
		{ "\xe0\xa0", 2, 0 },
		{ "\xe0\xa0\x7f", 3, 0 },
		{ "\xed\x9f\xbf", 3, 3 },
		{ "\xed\xa0\x80", 3, 0 },
		{ "\xef\xbf\xbf", 3, 3 },
		{ "\xf0\x8f\xbf\xbf", 4, 0 },
		{ "\xf0\x90\x80\x80", 4, 4 },
		{ "\xf4\x8f\xbf\xbf", 4, 4 },
		{ "\xf4\x8f\xbf\xbf", 3, 0 },
		{ "\xf4\x8f\xbf\xc0", 4, 0 },
		{ "\xf4\x90\x80\x80", 4, 0 },
		{ "\xf5\x80\x80\x80", 4, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		print_message("case %zu\n", i);
		assert_int_equal(utf8_character(cases[i].text, cases[i].size), cases[i].length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_zero_bytes),
		cmocka_unit_test(test_no_unsafe_byte_comes_out),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_keeps_what_fits),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
