/* SPDX-License-Identifier: Apache-2.0
 *
 * The clocks: that they run, that tests can hold them, and how a time is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"

static void test_they_are_the_kernels(void **state)
{
	/* Proves that both clocks lie between two readings of the kernel's own. */
	static const struct {
		clockid_t id;
		uint64_t (*read)(void);
	} clocks[] = { { CLOCK_REALTIME, clock_realtime }, { CLOCK_BOOTTIME, clock_boottime } };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(clocks); i++) {
		struct timespec before, after;
		uint64_t now;

		assert_int_equal(clock_gettime(clocks[i].id, &before), 0);
		now = clocks[i].read();
		assert_int_equal(clock_gettime(clocks[i].id, &after), 0);
		assert_in_range(now,
				(uint64_t)before.tv_sec * NS_PER_SECOND + (uint64_t)before.tv_nsec,
				(uint64_t)after.tv_sec * NS_PER_SECOND + (uint64_t)after.tv_nsec);
	}
}

static void test_held(void **state)
{
	/* Proves that held clocks stand where they were put, and run again once released. */
	(void)state;
	clock_hold(5 * NS_PER_SECOND, 7);
	assert_int_equal(clock_realtime(), 5 * NS_PER_SECOND);
	assert_int_equal(clock_boottime(), 7);
	clock_hold(0, 0);
	assert_int_equal(clock_realtime(), 0);
	clock_release();
	assert_true(clock_realtime() > 1600000000 * NS_PER_SECOND);
	assert_true(clock_boottime() > 0);
}

static void test_from_boottime(void **state)
{
	/* Proves that moments on the boot clock keep their distance from now, past and future. */
	(void)state;
	clock_hold(1000 * NS_PER_SECOND, 10 * NS_PER_SECOND);
	assert_int_equal(clock_from_boottime(10 * NS_PER_SECOND), 1000 * NS_PER_SECOND);
	assert_int_equal(clock_from_boottime(0), 990 * NS_PER_SECOND);
	assert_int_equal(clock_from_boottime(12 * NS_PER_SECOND), 1002 * NS_PER_SECOND);
	clock_release();
}

static void test_format(void **state)
{
	/* Proves the form of RFC 3339 in UTC, cut (not rounded) to microseconds, whatever the zone.
	 */
	static const struct {
		uint64_t time;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ 999, "1970-01-01T00:00:00.000000Z" },
		{ NS_PER_SECOND - 1, "1970-01-01T00:00:00.999999Z" },
		{ 1795227845 * NS_PER_SECOND + 123456789, "2026-11-21T02:24:05.123456Z" },
		{ 1709251199 * NS_PER_SECOND, "2024-02-29T23:59:59.000000Z" },
		{ UINT64_MAX, "2554-07-21T23:34:33.709551Z" },
	};

	(void)state;
	assert_int_equal(setenv("TZ", "XXX-05:30", 1), 0);
	tzset();
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char text[CLOCK_TEXT_SIZE];

		clock_format(cases[i].time, text);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_they_are_the_kernels),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_from_boottime),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
