/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that each special range ends where its RFC says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/address_scope.h"
#include "base/cleanup.h"

static void test_scopes(void **state)
{
	static const struct {
		const char *text;
		enum address_scope scope;
	} cases[] = {
		{ "0.0.0.0", ADDRESS_NOWHERE },
		{ "0.255.255.255", ADDRESS_NOWHERE },
		{ "1.0.0.0", ADDRESS_GLOBAL },
		{ "9.255.255.255", ADDRESS_GLOBAL },
		{ "10.0.0.0", ADDRESS_PRIVATE },
		{ "10.255.255.255", ADDRESS_PRIVATE },
		{ "11.0.0.0", ADDRESS_GLOBAL },
		{ "100.63.255.255", ADDRESS_GLOBAL },
		{ "100.64.0.0", ADDRESS_PRIVATE },
		{ "100.127.255.255", ADDRESS_PRIVATE },
		{ "100.128.0.0", ADDRESS_GLOBAL },
		{ "126.255.255.255", ADDRESS_GLOBAL },
		{ "127.0.0.0", ADDRESS_LOOPBACK },
		{ "127.255.255.255", ADDRESS_LOOPBACK },
		{ "128.0.0.0", ADDRESS_GLOBAL },
		{ "169.253.255.255", ADDRESS_GLOBAL },
		{ "169.254.0.0", ADDRESS_LINK_LOCAL },
		{ "169.254.169.253", ADDRESS_LINK_LOCAL },
		{ "169.254.169.254", ADDRESS_METADATA },
		{ "169.254.170.2", ADDRESS_METADATA },
		{ "169.254.170.23", ADDRESS_METADATA },
		{ "169.255.0.0", ADDRESS_GLOBAL },
		{ "172.15.255.255", ADDRESS_GLOBAL },
		{ "172.16.0.0", ADDRESS_PRIVATE },
		{ "172.31.255.255", ADDRESS_PRIVATE },
		{ "172.32.0.0", ADDRESS_GLOBAL },
		{ "192.168.0.0", ADDRESS_PRIVATE },
		{ "192.169.0.0", ADDRESS_GLOBAL },
		{ "223.255.255.255", ADDRESS_GLOBAL },
		{ "224.0.0.0", ADDRESS_NOWHERE },
		{ "255.255.255.255", ADDRESS_NOWHERE },
		{ "::", ADDRESS_NOWHERE },
		{ "::1", ADDRESS_LOOPBACK },
		{ "::2", ADDRESS_GLOBAL },
		{ "2600::1", ADDRESS_GLOBAL },
		{ "fbff::1", ADDRESS_GLOBAL },
		{ "fc00::", ADDRESS_PRIVATE },
		{ "fdff::1", ADDRESS_PRIVATE },
		{ "fd00:ec2::253", ADDRESS_LINK_LOCAL },
		{ "fd00:ec2::254", ADDRESS_METADATA },
		{ "fd00:ec2::23", ADDRESS_METADATA },
		{ "fe00::1", ADDRESS_GLOBAL },
		{ "fe80::1", ADDRESS_LINK_LOCAL },
		{ "febf::1", ADDRESS_LINK_LOCAL },
		{ "fec0::1", ADDRESS_GLOBAL },
		{ "ff02::1", ADDRESS_NOWHERE },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct address address;

		assert_int_equal(address_parse(cases[i].text, &address), 0);
		if (address_scope(&address) != cases[i].scope)
			fail_msg("%s", cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scopes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
