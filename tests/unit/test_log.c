/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines on stderr: which are shown, and that nobody else writes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"

#define SHOWN_SIZE 8192
#define LONG_SIZE  5000

struct capture {
	int file, stderr_before;
	char text[SHOWN_SIZE];
};

/* What is written to stderr from here on goes to a file. */
static void capture_begin(struct capture *capture)
{
	capture->file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(capture->file >= 0);
	(void)fflush(stderr);
	capture->stderr_before = dup(STDERR_FILENO);
	assert_true(capture->stderr_before >= 0);
	assert_true(dup2(capture->file, STDERR_FILENO) >= 0);
}

static const char *capture_end(struct capture *capture)
{
	ssize_t size;

	(void)fflush(stderr);
	assert_true(dup2(capture->stderr_before, STDERR_FILENO) >= 0);
	(void)close(capture->stderr_before);
	size = pread(capture->file, capture->text, sizeof(capture->text) - 1, 0);
	(void)close(capture->file);
	assert_true(size >= 0);
	capture->text[size] = '\0';
	return capture->text;
}

static void test_levels(void **state)
{
	/* Proves that lines up to the level are shown, with the program's name, and no others. */
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_open("tested", LOG_NOTICE);
	log_error("one %d", 1);
	log_notice("two");
	log_info("three");
	log_set_level(LOG_DEBUG);
	log_debug("four");
	assert_string_equal(capture_end(&capture), "tested: one 1\ntested: two\ntested: four\n");
}

static void test_errno(void **state)
{
	/* Proves that an error is told in words and handed back, also when it is not shown. */
	struct capture capture;
	int r[2];

	(void)state;
	capture_begin(&capture);
	log_open("tested", LOG_WARNING);
	r[0] = log_errno(LOG_ERR, -ENOENT, "%s cannot be read", "x");
	r[1] = log_errno(LOG_INFO, -EIO, "not shown");
	assert_string_equal(capture_end(&capture),
			    "tested: x cannot be read: No such file or directory\n");
	assert_int_equal(r[0], -ENOENT);
	assert_int_equal(r[1], -EIO);
}

static void test_nobody_forges_a_line(void **state)
{
	/* Proves that a line feed, a control sequence and a percent sign in what is quoted do
	 * nothing. */
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_open("tested", LOG_INFO);
	log_info("name %s", "a\ntested: all is well\x1b[2J%n\xff");
	(void)log_errno(LOG_ERR, -EIO, "%s", "b\r\n");
	assert_string_equal(capture_end(&capture),
			    "tested: name a\\x0atested: all is well\\x1b[2J%n\\xff\n"
			    "tested: b\\x0d\\x0a: Input/output error\n");
}

static void test_long_lines(void **state)
{
	/* Proves that an overlong line is cut to one line, and that what the error is stays. */
	CLEANUP(free_cleanup) char *text = malloc(LONG_SIZE + 1);
	static const char last[] = ": No space left on device\n";
	struct capture capture;
	const char *shown;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', LONG_SIZE);
	text[LONG_SIZE] = '\0';
	capture_begin(&capture);
	log_open("tested", LOG_INFO);
	(void)log_errno(LOG_ERR, -ENOSPC, "%s", text);
	shown = capture_end(&capture);
	assert_true(strlen(shown) < LONG_SIZE);
	assert_string_equal(shown + strlen(shown) - strlen(last), last);
	/* All of it to be escaped. */
	memset(text, '\n', LONG_SIZE);
	capture_begin(&capture);
	log_info("%s", text);
	shown = capture_end(&capture);
	assert_int_equal(strcspn(shown, "\n"), strlen(shown) - 1);
	assert_string_equal(shown + strlen(shown) - 4, "...\n");
}

struct heard {
	size_t count;
	char last[256];
};

static void hear(int level, const char *text, void *userdata)
{
	struct heard *heard = userdata;

	assert_true(level <= LOG_WARNING);
	heard->count++;
	(void)snprintf(heard->last, sizeof(heard->last), "%s", text);
	/* Of itself it does not hear. */
	log_error("within");
}

static void test_listening(void **state)
{
	/* Proves that a listener hears lines of its level, escaped, none that it causes itself, and
	 * nothing once it has stopped. */
	struct heard heard = { 0 };
	struct capture capture;

	(void)state;
	capture_begin(&capture);
	log_open("test", LOG_INFO);
	log_listen(LOG_WARNING, hear, &heard);
	log_info("not for it");
	assert_int_equal(heard.count, 0);
	log_warning("for\nit");
	assert_int_equal(heard.count, 1);
	assert_null(strchr(heard.last, '\n'));
	(void)log_errno(LOG_ERR, -ENOENT, "a file");
	assert_int_equal(heard.count, 2);
	log_listen(LOG_WARNING, NULL, NULL);
	log_error("afterwards");
	assert_int_equal(heard.count, 2);
	assert_non_null(strstr(capture_end(&capture), "within"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_nobody_forges_a_line),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_listening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
