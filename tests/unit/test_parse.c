/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers, durations, sizes, times and near misses in text: all of it counts, and nothing wraps.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

#define UNTOUCHED UINT64_C(0x5a5a)

struct number {
	const char *text;
	int r;
	uint64_t value;
};

/* Asks for each row, and that a failure leaves the value alone. */
static void assert_rows(const struct number *rows, size_t count,
			int (*parse)(const char *text, uint64_t *ret))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = UNTOUCHED;

		print_message("\"%s\"\n", rows[i].text);
		assert_int_equal(parse(rows[i].text, &value), rows[i].r);
		assert_true(value == (rows[i].r < 0 ? UNTOUCHED : rows[i].value));
	}
}

static int parse_any(const char *text, uint64_t *ret)
{
	return parse_u64(text, UINT64_MAX, ret);
}

static int parse_port(const char *text, uint64_t *ret)
{
	return parse_u64(text, 65535, ret);
}

static void test_u64(void **state)
{
	/* Proves that only digits are a number, and that none over 64 bits wraps. */
	static const struct number rows[] = {
		{ "0", 0, 0 },
		{ "00012", 0, 12 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "000000000000000000000000000018446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551620", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "\xd9\xa1", -EINVAL, 0 }, /* an Arabic digit */
	};
	static const struct number ports[] = {
		{ "65535", 0, 65535 },
		{ "65536", -ERANGE, 0 },
		{ "18446744073709551617", -ERANGE, 0 },
	};

	(void)state;
	assert_rows(rows, ELEMENTS(rows), parse_any);
	assert_rows(ports, ELEMENTS(ports), parse_port);
}

static void test_duration(void **state)
{
	/* Proves every unit, and that a duration too long for 64 bits of nanoseconds is refused. */
	static const struct number rows[] = {
		{ "0", 0, 0 },
		{ "90", 0, 90 * NS_PER_SECOND },
		{ "90s", 0, 90 * NS_PER_SECOND },
		{ "500ms", 0, 500 * NS_PER_MILLISECOND },
		{ "2m", 0, 120 * NS_PER_SECOND },
		{ "15min", 0, 900 * NS_PER_SECOND },
		{ "24h", 0, 86400 * NS_PER_SECOND },
		{ "7d", 0, 7 * 86400 * NS_PER_SECOND },
		{ "2w", 0, 14 * 86400 * NS_PER_SECOND },
		{ "18446744073s", 0, 18446744073 * NS_PER_SECOND },
		{ "18446744074s", -ERANGE, 0 },
		{ "30501w", -ERANGE, 0 },
		{ "18446744073709551616ms", -ERANGE, 0 },
		{ "1234567890123456789012345678901234567890s", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },
		{ "1S", -EINVAL, 0 },
		{ "1.5h", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "1h30m", -EINVAL, 0 },
		{ "1sec", -EINVAL, 0 },
	};

	(void)state;
	assert_rows(rows, ELEMENTS(rows), parse_duration);
}

static void test_size(void **state)
{
	/* Proves every unit, and that a size over 64 bits is refused. */
	static const struct number rows[] = {
		{ "65536", 0, 65536 },
		{ "12B", 0, 12 },
		{ "64K", 0, 65536 },
		{ "1M", 0, 1 << 20 },
		{ "2G", 0, UINT64_C(2) << 30 },
		{ "17179869183G", 0, UINT64_C(17179869183) << 30 },
		{ "17179869184G", -ERANGE, 0 },
		{ "1T", -EINVAL, 0 },
		{ "1k", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	(void)state;
	assert_rows(rows, ELEMENTS(rows), parse_size);
}

static void test_time(void **state)
{
	/* Proves dates, moments and durations before now, and that days that are not there, and
	 * years beyond 64 bits of nanoseconds, are refused. */
	static const uint64_t now = 1800000000 * NS_PER_SECOND;
	static const struct number rows[] = {
		{ "1970-01-01", 0, 0 },
		{ "2026-11-21", 0, 1795219200 * NS_PER_SECOND },
		{ "2026-11-21T02:24:05Z", 0, 1795227845 * NS_PER_SECOND },
		{ "2026-11-21T02:24:05", 0, 1795227845 * NS_PER_SECOND },
		{ "2026-11-21 02:24:05", 0, 1795227845 * NS_PER_SECOND },
		{ "2026-11-21T02:24:05.5Z", 0, 1795227845 * NS_PER_SECOND + 500000000 },
		{ "2026-11-21T02:24:05.000000001Z", 0, 1795227845 * NS_PER_SECOND + 1 },
		{ "2024-02-29", 0, 1709164800 * NS_PER_SECOND },
		{ "1h", 0, now - 3600 * NS_PER_SECOND },
		{ "0", 0, now },
		{ "1800000000s", 0, 0 },
		{ "1800000001s", -ERANGE, 0 },
		{ "99999999999999999999d", -ERANGE, 0 },
		{ "2554-07-21", 0, UINT64_C(18446659200) * NS_PER_SECOND },
		{ "2554-07-22", -ERANGE, 0 },
		{ "9999-12-31", -ERANGE, 0 },
		{ "1969-12-31", -ERANGE, 0 },
		{ "26-11-21", -ERANGE, 0 },
		{ "2026-02-29", -EINVAL, 0 },
		{ "2026-02-30T00:00:00Z", -EINVAL, 0 },
		{ "2026-04-31", -EINVAL, 0 },
		{ "2026-13-01", -EINVAL, 0 },
		{ "2026-00-01", -EINVAL, 0 },
		{ "2026-01-00", -EINVAL, 0 },
		{ "2026-01-32", -EINVAL, 0 },
		{ "2026-11-21T24:00:00Z", -EINVAL, 0 },
		{ "2026-11-21T02:60:00Z", -EINVAL, 0 },
		{ "2026-11-21T02:24:05.Z", -EINVAL, 0 },
		{ "2026-11-21T02:24:05.0000000001Z", -EINVAL, 0 },
		{ "2026-11-21T02:24:05ZZ", -EINVAL, 0 },
		{ "2026-11-21T02:24:05+01:00", -EINVAL, 0 },
		{ "2026-11-21T02:24", -EINVAL, 0 },
		{ "2026-11-21Z", -EINVAL, 0 },
		{ "2026-11-21 ", -EINVAL, 0 },
		{ "2026-11", -EINVAL, 0 },
		{ "yesterday", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	(void)state;
	clock_hold(now, 1);
	assert_rows(rows, ELEMENTS(rows), parse_time);
	clock_release();
}

static void test_time_as_shown(void **state)
{
	/* Proves that a time as findings show it is read back. */
	uint64_t time = 1795227845 * NS_PER_SECOND + 123456000, again = 0;
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	clock_format(time, text);
	assert_int_equal(parse_time(text, &again), 0);
	assert_true(again == time);
}

static void test_boolean(void **state)
{
	/* Proves which words are yes, which no, and that no other is either. */
	static const struct {
		const char *text;
		int r;
	} rows[] = {
		{ "yes", 1 },	   { "True", 1 },    { "ON", 1 },	  { "1", 1 },
		{ "no", 0 },	   { "False", 0 },   { "oFF", 0 },	  { "0", 0 },
		{ "", -EINVAL },   { "y", -EINVAL }, { "yes ", -EINVAL }, { "2", -EINVAL },
		{ "00", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(parse_boolean(rows[i].text), rows[i].r);
}

static void test_nearest(void **state)
{
	/* Proves that a mistyped word finds the right one, and nonsense and overlong ones nothing.
	 */
	static const char *const candidates[] = { "mode", "state_dir", "runtime_dir", "sensor",
						  "intel" };
	static const struct {
		const char *text, *nearest;
	} rows[] = {
		{ "mode", "mode" },
		{ "mod", "mode" },
		{ "mdoe", "mode" },
		{ "state-dir", "state_dir" },
		{ "runtimedir", "runtime_dir" },
		{ "sensors", "sensor" },
		{ "itnel", "intel" },
		{ "telemetry", NULL },
		{ "", NULL },
		{ "sensorsensorsensorsensorsensorsensorsensorsensorsensorsensorsensor", NULL },
	};
	static const char *const overlong[] = {
		"sensorsensorsensorsensorsensorsensorsensorsensorsensorsensorsensor",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *nearest = parse_nearest(rows[i].text, candidates, ELEMENTS(candidates));

		print_message("%s\n", rows[i].text);
		if (rows[i].nearest)
			assert_string_equal(nearest, rows[i].nearest);
		else
			assert_null(nearest);
	}
	assert_null(parse_nearest("sensor", overlong, 1));
	assert_null(parse_nearest("mode", candidates, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),	      cmocka_unit_test(test_duration),
		cmocka_unit_test(test_size),	      cmocka_unit_test(test_time),
		cmocka_unit_test(test_time_as_shown), cmocka_unit_test(test_boolean),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
