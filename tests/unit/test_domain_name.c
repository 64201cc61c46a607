/* SPDX-License-Identifier: Apache-2.0
 *
 * Domain names in text and in wire form: the limits of RFC 1035, escapes, and label boundaries.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/domain_name.h"

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

#define LABEL_50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_61 LABEL_50 "bbbbbbbbbbb"
#define LABEL_63 LABEL_61 "cc"
#define NAME_253 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61

struct written {
	const char *text;
	int r;
	const char *shown; /* NULL: as text */
};

static const struct written names[] = {
	{ "example.com", 0, NULL },
	{ "Example.COM", 0, NULL },
	{ "example.com.", 0, "example.com" },
	{ ".", 0, NULL },
	{ "com", 0, NULL },
	{ "_dmarc.example-1.test", 0, NULL },
	{ "*.example.com", 0, NULL },
	{ "a\\.b.c", 0, NULL },
	{ "a\\046b.c", 0, "a\\.b.c" },
	{ "a\\\\b", 0, NULL },
	{ "\\097\\bc", 0, "abc" },
	{ "\\000", 0, NULL },
	{ "\\255", 0, NULL },
	{ "a b", 0, "a\\032b" },
	{ "\x1b[2J", 0, "\\027[2J" },
	{ "\xc3\xa4", 0, "\\195\\164" },
	{ LABEL_63, 0, NULL },
	{ LABEL_63 ".", 0, LABEL_63 },
	{ LABEL_63 "d", -ENAMETOOLONG, NULL },
	{ LABEL_63 "\\100", -ENAMETOOLONG, NULL },
	{ NAME_253, 0, NULL },
	{ NAME_253 ".", 0, NAME_253 },
	{ NAME_253 "e", -ENAMETOOLONG, NULL },
	{ NAME_253 ".e", -ENAMETOOLONG, NULL },
	{ NAME_253 "..", -EINVAL, NULL },
	{ "", -EINVAL, NULL },
	{ "..", -EINVAL, NULL },
	{ ".com", -EINVAL, NULL },
	{ "a..b", -EINVAL, NULL },
	{ "a..", -EINVAL, NULL },
	{ "\\", -EINVAL, NULL },
	{ "a\\", -EINVAL, NULL },
	{ "\\1", -EINVAL, NULL },
	{ "\\12", -EINVAL, NULL },
	{ "\\12a", -EINVAL, NULL },
	{ "\\256", -EINVAL, NULL },
	{ "\\999", -EINVAL, NULL },
};

static void test_text(void **state)
{
	/* Proves that text is read and shown again up to the limits, and refused beyond them. */
	(void)state;
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		struct domain_name name = { .length = 99 };
		char text[DOMAIN_NAME_TEXT_SIZE];

		print_message("%s\n", names[i].text);
		assert_int_equal(domain_name_parse(names[i].text, &name), names[i].r);
		if (names[i].r < 0) {
			assert_int_equal(name.length, 99);
			continue;
		}
		domain_name_format(&name, text);
		assert_string_equal(text, names[i].shown ? names[i].shown : names[i].text);
	}
}

static void test_wire_form(void **state)
{
	/* Proves how a name stands in wire form, and that the longest takes all 255 bytes. */
	static const uint8_t expected[] = { 3, 'a', '.', 0, 1, 'B', 0 };
	struct domain_name name;

	(void)state;
	assert_int_equal(domain_name_parse("a\\.\\000.B", &name), 0);
	assert_int_equal(name.length, sizeof(expected));
	assert_memory_equal(name.wire, expected, sizeof(expected));
	assert_int_equal(domain_name_parse(".", &name), 0);
	assert_int_equal(name.length, 1);
	assert_int_equal(name.wire[0], 0);
	assert_int_equal(domain_name_parse(NAME_253, &name), 0);
	assert_int_equal(name.length, DOMAIN_NAME_WIRE_MAX);
}

static void test_every_byte(void **state)
{
	/* Proves that any byte in a label is shown in safe characters that read back as that byte.
	 */
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		struct domain_name name = { .length = 5,
					    .wire = { 3, 'a', (uint8_t)byte, 'b', 0 } };
		struct domain_name again;
		char text[DOMAIN_NAME_TEXT_SIZE];

		domain_name_format(&name, text);
		for (const char *at = text; *at; at++)
			assert_in_range(*at, 0x21, 0x7e);
		assert_int_equal(domain_name_parse(text, &again), 0);
		assert_int_equal(again.length, name.length);
		assert_memory_equal(again.wire, name.wire, name.length);
	}
}

static void test_longest_text(void **state)
{
	/* Proves that the text of the longest name with every byte escaped fits. */
	struct domain_name name = { .length = DOMAIN_NAME_WIRE_MAX }, again;
	char text[DOMAIN_NAME_TEXT_SIZE];

	(void)state;
	memset(name.wire, 0xff, sizeof(name.wire));
	name.wire[0] = name.wire[64] = name.wire[128] = 63;
	name.wire[192] = 61;
	name.wire[254] = 0;
	domain_name_format(&name, text);
	assert_int_equal(strlen(text), 250 * 4 + 3);
	assert_int_equal(domain_name_parse(text, &again), 0);
	assert_int_equal(again.length, DOMAIN_NAME_WIRE_MAX);
	assert_memory_equal(again.wire, name.wire, DOMAIN_NAME_WIRE_MAX);
}

struct received {
	const uint8_t *bytes;
	size_t size;
	unsigned length; /* 0: refused */
};

static const struct received wires[] = {
	{ BYTES(0), 1 },
	{ BYTES(0, 1, 2), 1 },
	{ BYTES(1, 'a', 0), 3 },
	{ BYTES(1, 'a', 0, 9, 9), 3 },
	{ BYTES(1, 'a'), 0 },	  /* no end */
	{ BYTES(2, 'a'), 0 },	  /* a label that runs past the end */
	{ BYTES(63, 'a', 0), 0 }, /* far past */
	{ BYTES(0xc0, 0), 0 },	  /* a compression pointer */
	{ BYTES(1, 'a', 0xc0, 0), 0 },
	{ BYTES(64, 0), 0 }, /* the types that RFC 6891 gave up and RFC 1035 kept back */
	{ BYTES(0x80, 0), 0 },
};

static void test_read(void **state)
{
	/* Proves that wire form is taken only when it is whole, uncompressed, and within limits. */
	uint8_t longest[256] = { 0 };
	struct domain_name name = { .length = 99 };

	(void)state;
	assert_int_equal(domain_name_read(longest, 0, &name), -EBADMSG);
	for (size_t i = 0; i < ELEMENTS(wires); i++) {
		name.length = 99;
		assert_int_equal(domain_name_read(wires[i].bytes, wires[i].size, &name),
				 wires[i].length ? 0 : -EBADMSG);
		assert_int_equal(name.length, wires[i].length ? wires[i].length : 99);
	}
	/* 127 labels of one byte: 255 bytes in all. One byte more in a label, and it is too long.
	 */
	for (size_t i = 0; i < 254; i += 2) {
		longest[i] = 1;
		longest[i + 1] = 'x';
	}
	longest[254] = longest[255] = 0;
	assert_int_equal(domain_name_read(longest, sizeof(longest), &name), 0);
	assert_int_equal(name.length, DOMAIN_NAME_WIRE_MAX);
	longest[252] = 2;
	longest[254] = 'x';
	assert_int_equal(domain_name_read(longest, sizeof(longest), &name), -EBADMSG);
}

static void test_labels(void **state)
{
	/* Proves that labels are found from left to right, and that 127 of them fit. */
	uint8_t starts[DOMAIN_NAME_LABELS];
	struct domain_name name;

	(void)state;
	assert_int_equal(domain_name_parse("www.Example.com", &name), 0);
	assert_int_equal(domain_name_labels(&name, starts), 3);
	assert_int_equal(starts[0], 0);
	assert_int_equal(starts[1], 4);
	assert_int_equal(starts[2], 12);
	assert_int_equal(domain_name_parse(".", &name), 0);
	assert_int_equal(domain_name_labels(&name, starts), 0);
	name = (struct domain_name){ .length = DOMAIN_NAME_WIRE_MAX };
	memset(name.wire, 1, DOMAIN_NAME_WIRE_MAX - 1);
	assert_int_equal(domain_name_labels(&name, starts), DOMAIN_NAME_LABELS);
	assert_int_equal(starts[DOMAIN_NAME_LABELS - 1], 252);
}

static void test_lower(void **state)
{
	/* Proves that A to Z become small, and neither lengths nor any other byte change. */
	struct domain_name name = { .length = 65, .wire = { 63 } };

	(void)state;
	for (size_t i = 1; i < 64; i++)
		name.wire[i] = (uint8_t)(0x3f + i);
	domain_name_lower(&name);
	assert_int_equal(name.wire[0], 63);
	for (size_t i = 1; i < 64; i++) {
		uint8_t byte = (uint8_t)(0x3f + i);

		assert_int_equal(name.wire[i], byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
	}
}

static void test_within(void **state)
{
	/* Proves that a name is within another only at a label boundary, and regardless of case. */
	static const struct {
		const char *name, *ancestor;
		bool within;
	} cases[] = {
		{ "evil.com", "evil.com", true },
		{ "a.evil.com", "evil.com", true },
		{ "A.b.EVIL.Com", "evil.cOM", true },
		{ "notevil.com", "evil.com", false },
		{ "evil.com", "a.evil.com", false },
		{ "evil.com", "evil.net", false },
		{ "evil.com.net", "evil.com", false },
		{ "a\\.evil.com", "evil.com", false },
		{ "\\004evil.com", "evil.com", false }, /* what looks like a length is none */
		{ "anything.test", ".", true },
		{ ".", ".", true },
		{ ".", "com", false },
		{ "a.[", "a.{",
		  false }, /* they differ in the bit of the case, but are no letters */
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct domain_name name, ancestor;

		print_message("%s in %s\n", cases[i].name, cases[i].ancestor);
		assert_int_equal(domain_name_parse(cases[i].name, &name), 0);
		assert_int_equal(domain_name_parse(cases[i].ancestor, &ancestor), 0);
		assert_int_equal(domain_name_within(&name, &ancestor), cases[i].within);
	}
}

static void test_no_name(void **state)
{
	/* Proves that no name at all is within nothing, and nothing is within it. */
	const struct domain_name none = { 0 };
	struct domain_name root;

	(void)state;
	assert_int_equal(domain_name_parse(".", &root), 0);
	assert_false(domain_name_within(&none, &root));
	assert_false(domain_name_within(&root, &none));
	assert_false(domain_name_within(&none, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	   cmocka_unit_test(test_wire_form),
		cmocka_unit_test(test_every_byte), cmocka_unit_test(test_longest_text),
		cmocka_unit_test(test_read),	   cmocka_unit_test(test_labels),
		cmocka_unit_test(test_lower),	   cmocka_unit_test(test_within),
		cmocka_unit_test(test_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
