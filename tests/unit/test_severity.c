/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that severities are named, and found again by their names.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "detect/finding.h"

/* Each name leads back to its severity, whatever its case; "info" is taken for informational. */
static void test_round_trip(void **state)
{
	enum severity severity = SEVERITY_NONE;

	(void)state;
	for (unsigned i = SEVERITY_INFORMATIONAL; i <= SEVERITY_CRITICAL; i++) {
		assert_int_equal(severity_parse(severity_name((enum severity)i), &severity), 0);
		assert_int_equal(severity, i);
	}
	assert_int_equal(severity_parse("HIGH", &severity), 0);
	assert_int_equal(severity, SEVERITY_HIGH);
	assert_int_equal(severity_parse("info", &severity), 0);
	assert_int_equal(severity, SEVERITY_INFORMATIONAL);
}

/* What is no severity has no number, and a number that is none is unknown. */
static void test_unknown(void **state)
{
	enum severity severity = SEVERITY_LOW;

	(void)state;
	assert_int_equal(severity_parse("", &severity), -EINVAL);
	assert_int_equal(severity_parse("unknown", &severity), -EINVAL);
	assert_int_equal(severity_parse("highest", &severity), -EINVAL);
	assert_int_equal(severity, SEVERITY_LOW);
	assert_string_equal(severity_name(SEVERITY_NONE), "unknown");
	assert_string_equal(severity_name((enum severity)6), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
