/* SPDX-License-Identifier: Apache-2.0
 *
 * What says at the next boot that the host was contained: it comes back as it was written, what is
 * no record is refused, and no clock makes a provisional one longer.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "response/contain_record.h"

#define NOW  (1000 * NS_PER_SECOND)
#define BOOT (50 * NS_PER_SECOND)

struct fixture {
	char folder[40], path[64];
};

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ .folder = "/tmp/test_contain_record.XXXXXX" };
	assert_non_null(mkdtemp(fixture.folder));
	(void)snprintf(fixture.path, sizeof(fixture.path), "%s/contained", fixture.folder);
	clock_hold(NOW, BOOT);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	clock_release();
	(void)unlink(fixture->path);
	/* Nothing temporary is left. */
	return rmdir(fixture->folder);
}

static void what_is_written_comes_back(void **state)
{
	/* Proves: every member, the longest texts and characters that JSON escapes; a second one
	 * takes the place of the first. */
	struct fixture *fixture = *state;
	struct contain_record record = { .since = 5, .until = 7, .lasts = 2, .provisional = true };
	struct contain_record back;

	assert_int_equal(contain_record_read(fixture->path, &back), -ENOENT);
	memset(record.reason, '"', sizeof(record.reason) - 1);
	memset(record.finding, 'f', sizeof(record.finding) - 1);
	assert_int_equal(contain_record_write(fixture->path, &record), 0);
	assert_int_equal(contain_record_read(fixture->path, &back), 0);
	assert_memory_equal(&back, &record, sizeof(record));
	record = (struct contain_record){ .since = UINT64_C(1795274000) * NS_PER_SECOND };
	(void)snprintf(record.reason, sizeof(record.reason), "\xc3\xa4 \n\\");
	assert_int_equal(contain_record_write(fixture->path, &record), 0);
	assert_int_equal(contain_record_read(fixture->path, &back), 0);
	assert_memory_equal(&back, &record, sizeof(record));
	assert_int_equal(contain_record_remove(fixture->path), 0);
	assert_int_equal(contain_record_remove(fixture->path), 0);
	assert_int_equal(contain_record_read(fixture->path, &back), -ENOENT);
}

static void what_is_no_record_is_refused(void **state)
{
	/* Proves: damage is told apart from "there is none", and nothing is returned of it. */
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"version\":1}",
		"{\"version\":2,\"since\":1,\"until\":0,\"lasts\":0,\"provisional\":false,"
		"\"reason\":\"\",\"finding\":\"\"}",
		"{\"version\":1,\"since\":-1,\"until\":0,\"lasts\":0,\"provisional\":false,"
		"\"reason\":\"\",\"finding\":\"\"}",
		"{\"version\":1,\"since\":1,\"until\":0,\"lasts\":0,\"provisional\":1,"
		"\"reason\":\"\",\"finding\":\"\"}",
		"{\"version\":1,\"since\":1,\"until\":0,\"lasts\":0,\"provisional\":false,"
		"\"reason\":\"\xff\",\"finding\":\"\"}",
	};
	struct fixture *fixture = *state;
	struct contain_record back = { .since = 77 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *file = fopen(fixture->path, "w");

		assert_non_null(file);
		(void)fputs(texts[i], file);
		(void)fclose(file);
		assert_int_equal(contain_record_read(fixture->path, &back), -EBADMSG);
		assert_int_equal(back.since, 77);
	}
}

static void its_end_is_never_put_off(void **state)
{
	/* Proves: on the next boot's clock; with the clock set back it lasts no longer than it was
	 * to last when it was written. */
	struct contain_record record = { .until = NOW + 30 * NS_PER_SECOND,
					 .lasts = 60 * NS_PER_SECOND };

	(void)state;
	assert_int_equal(contain_record_deadline(&record), BOOT + 30 * NS_PER_SECOND);
	clock_hold(NOW - 500 * NS_PER_SECOND, BOOT);
	assert_int_equal(contain_record_deadline(&record), BOOT + 60 * NS_PER_SECOND);
	clock_hold(record.until, BOOT);
	assert_int_equal(contain_record_deadline(&record), 1);
	record.until = 0;
	assert_int_equal(contain_record_deadline(&record), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_record_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(its_end_is_never_put_off, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
