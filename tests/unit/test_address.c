/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses and prefixes: what is taken, what is refused, and how they are shown.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/cleanup.h"

struct parsed {
	const char *text;
	const char *shown; /* NULL: refused */
};

static const struct parsed addresses[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "10.1.2.3", "10.1.2.3" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, /* RFC 5952, 4.2.3 */
	{ "::ffff:10.0.0.1", "10.0.0.1" },
	{ "::ffff:a00:1", "10.0.0.1" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "", NULL },
	{ " 10.0.0.1", NULL },
	{ "10.0.0.1 ", NULL },
	{ "10.0.0", NULL },
	{ "10.0.0.256", NULL },
	{ "10.0.0.1.2", NULL },
	{ "010.0.0.1", NULL }, /* octal to some, decimal to others */
	{ "0x0a.0.0.1", NULL },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1::2::3", NULL },
	{ "fe80::1%eth0", NULL },
	{ "[::1]", NULL },
	{ "12345::", NULL },
	{ "example.com", NULL },
};

static void test_parse(void **state)
{
	/* Proves that addresses of both families are read and shown in one form, and nothing else.
	 */
	(void)state;
	for (size_t i = 0; i < ELEMENTS(addresses); i++) {
		const struct address before = { { 1, 2, 3 } };
		struct address address = before;
		char text[ADDRESS_TEXT_SIZE];
		int r = address_parse(addresses[i].text, &address);

		print_message("%s\n", addresses[i].text);
		if (!addresses[i].shown) {
			assert_int_equal(r, -EINVAL);
			assert_true(address_equal(&address, &before));
			continue;
		}
		assert_int_equal(r, 0);
		address_format(&address, text);
		assert_string_equal(text, addresses[i].shown);
	}
}

struct prefix {
	const char *text;
	int r;
	const char *shown;
	unsigned length;
};

static const struct prefix prefixes[] = {
	{ "10.0.0.0/8", 0, "10.0.0.0/8", 104 },
	{ "0.0.0.0/0", 0, "0.0.0.0/0", 96 },
	{ "10.1.2.3", 0, "10.1.2.3", 128 },
	{ "10.1.2.3/32", 0, "10.1.2.3", 128 },
	{ "::/0", 0, "::/0", 0 },
	{ "::1/128", 0, "::1", 128 },
	{ "2001:db8::/32", 0, "2001:db8::/32", 32 },
	{ "::ffff:0:0/96", 0, "0.0.0.0/0", 96 },
	{ "::ffff:10.0.0.0/104", 0, "10.0.0.0/8", 104 },
	{ "10.1.2.3/8", -EDOM, "10.0.0.0/8", 104 },
	{ "10.1.2.3/31", -EDOM, "10.1.2.2/31", 127 },
	{ "10.1.2.3/0", -EDOM, "0.0.0.0/0", 96 },
	{ "2001:db8::1/32", -EDOM, "2001:db8::/32", 32 },
	{ "::ffff:10.0.0.0/8", -EDOM, "::/8", 8 },
	{ "10.0.0.0/33", -ERANGE, NULL, 0 },
	{ "10.0.0.0/129", -ERANGE, NULL, 0 },
	{ "::/129", -ERANGE, NULL, 0 },
	{ "::/18446744073709551617", -ERANGE, NULL, 0 },
	{ "10.0.0.0/", -EINVAL, NULL, 0 },
	{ "10.0.0.0/-1", -EINVAL, NULL, 0 },
	{ "10.0.0.0/8/8", -EINVAL, NULL, 0 },
	{ "10.0.0.0/ 8", -EINVAL, NULL, 0 },
	{ "10.0.0.0/255.0.0.0", -EINVAL, NULL, 0 },
	{ "/8", -EINVAL, NULL, 0 },
	{ "", -EINVAL, NULL, 0 },
	{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8", -EINVAL, NULL,
	  0 },
};

static void test_parse_prefix(void **state)
{
	/* Proves that lengths count in the written family's terms, and what is said of wrong ones.
	 */
	(void)state;
	for (size_t i = 0; i < ELEMENTS(prefixes); i++) {
		const struct address before = { { 1, 2, 3 } };
		struct address address = before;
		char text[ADDRESS_TEXT_SIZE];
		unsigned length = 77;

		print_message("%s\n", prefixes[i].text);
		assert_int_equal(address_parse_prefix(prefixes[i].text, &address, &length),
				 prefixes[i].r);
		if (!prefixes[i].shown) {
			assert_true(address_equal(&address, &before));
			assert_int_equal(length, 77);
			continue;
		}
		assert_int_equal(length, prefixes[i].length);
		address_format_prefix(&address, length, text);
		assert_string_equal(text, prefixes[i].shown);
	}
}

static void test_prefix_wider_than_ipv4(void **state)
{
	/* Proves that an IPv4 address in a prefix wider than all of IPv4 is shown in IPv6 form. */
	static const uint8_t bytes[4] = { 10, 0, 0, 1 };
	const struct address address = address_from_ipv4(bytes);
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	address_format_prefix(&address, 95, text);
	assert_string_equal(text, "::ffff:10.0.0.1/95");
	address_format_prefix(&address, 96, text);
	assert_string_equal(text, "10.0.0.1/0");
}

static void test_mask_every_length(void **state)
{
	/* Proves that masking keeps exactly the first bits, for every length there is. */
	(void)state;
	for (unsigned length = 0; length <= 130; length++) {
		struct address address;

		memset(&address, 0xff, sizeof(address));
		address_mask(&address, length);
		for (unsigned bit = 0; bit < 128; bit++)
			assert_int_equal(address.bytes[bit / 8] >> (7 - bit % 8) & 1, bit < length);
	}
}

static void test_families(void **state)
{
	/* Proves which addresses are loopback, and which are IPv4. */
	static const struct {
		const char *text;
		bool loopback, ipv4;
	} cases[] = {
		{ "127.0.0.1", true, true },
		{ "127.0.0.53", true, true },
		{ "127.255.255.255", true, true },
		{ "128.0.0.1", false, true },
		{ "126.255.255.255", false, true },
		{ "::1", true, false },
		{ "::", false, false },
		{ "::127.0.0.1", false, false },
		{ "::2", false, false },
		{ "7f00::1", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct address address;

		print_message("%s\n", cases[i].text);
		assert_int_equal(address_parse(cases[i].text, &address), 0);
		assert_int_equal(address_is_loopback(&address), cases[i].loopback);
		assert_int_equal(address_is_ipv4(&address), cases[i].ipv4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_prefix),
		cmocka_unit_test(test_prefix_wider_than_ipv4),
		cmocka_unit_test(test_mask_every_length),
		cmocka_unit_test(test_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
