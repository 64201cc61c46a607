/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that lines for a reader who stops reading never make the writer wait, that none is torn,
 * and that lost ones are counted and told.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/outlet.h"

#define LINE_SIZE 100

/* Line number n: 99 characters and the newline. */
static size_t line_make(unsigned n, char out[static LINE_SIZE + 1])
{
	int length = snprintf(out, LINE_SIZE + 1, "%06u ", n);

	memset(out + length, 'x', (size_t)(LINE_SIZE - 1 - length));
	out[LINE_SIZE - 1] = '\n';
	out[LINE_SIZE] = '\0';
	return LINE_SIZE;
}

/* Writes lines until so many were dropped; returns how many were taken before. */
static unsigned fill(struct outlet *outlet, unsigned drops)
{
	unsigned n = 0;
	char line[LINE_SIZE + 1];

	while (outlet_dropped(outlet) < drops) {
		int r = outlet_write(outlet, line, line_make(n, line));

		assert_true(r == 0 || r == -ENOBUFS);
		n += r == 0;
		assert_in_range(n, 0, 100000);
	}
	return n;
}

/* Reads what there is: all lines from 0 to count whole and in order, then the one that tells. */
static void check(struct outlet *outlet, int reader, unsigned count, const char *told)
{
	char line[LINE_SIZE + 1] = "", expected[LINE_SIZE + 1];
	size_t used = 0;
	FILE *stream = fdopen(dup(reader), "r");

	assert_non_null(stream);
	for (unsigned n = 0; n <= count; n++) {
		bool got;

		while (!(got = fgets(line + used, (int)(sizeof(line) - used), stream) &&
			       strchr(line, '\n'))) {
			assert_true(feof(stream) || errno == EAGAIN);
			clearerr(stream);
			used = strlen(line);
			assert_int_equal(outlet_flush(outlet), 0);
		}
		used = 0;
		(void)line_make(n, expected);
		assert_string_equal(line, n < count ? expected : told);
		line[0] = '\0';
	}
	(void)fclose(stream);
}

/* A pipe that nobody reads, then somebody does. */
static void test_pipe(void **state)
{
	struct outlet *outlet = NULL;
	unsigned taken;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(outlet_open(ends[1], &outlet), 0);
	taken = fill(outlet, 7);
	assert_true(taken > OUTLET_BUFFER_SIZE / LINE_SIZE);
	/* The writer's own descriptor is as it was. */
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	check(outlet, ends[0], taken, "[7 lines were lost while nobody read this]\n");
	assert_int_equal(outlet_dropped(outlet), 7);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(outlet_write(outlet, "x\n", 2), -EPIPE);
	outlet_close(outlet);
	assert_int_equal(close(ends[1]), 0);
}

/* A socket has no file to open anew. */
static void test_socket(void **state)
{
	struct outlet *outlet = NULL;
	unsigned taken;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(outlet_open(ends[1], &outlet), 0);
	taken = fill(outlet, 2);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	check(outlet, ends[0], taken, "[2 lines were lost while nobody read this]\n");
	outlet_close(outlet);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(close(ends[1]), 0);
}

/* A terminal that is held with Ctrl-S, and let go with Ctrl-Q. */
static void test_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), terminal;
	struct outlet *outlet = NULL;
	struct termios settings;
	unsigned taken;

	(void)state;
	if (master < 0)
		skip();
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0);
	assert_int_equal(tcgetattr(terminal, &settings), 0);
	cfmakeraw(&settings);
	settings.c_iflag |= IXON;
	assert_int_equal(tcsetattr(terminal, TCSANOW, &settings), 0);
	assert_int_equal(tcflow(terminal, TCOOFF), 0);
	assert_int_equal(outlet_open(terminal, &outlet), 0);
	taken = fill(outlet, 3);
	assert_int_equal(tcflow(terminal, TCOON), 0);
	assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	check(outlet, master, taken, "[3 lines were lost while nobody read this]\n");
	outlet_close(outlet);
	assert_int_equal(close(terminal), 0);
	assert_int_equal(close(master), 0);
}

/* A file takes everything at once. */
static void test_file(void **state)
{
	char path[] = "/tmp/cordon-outlet.XXXXXX", line[LINE_SIZE + 1];
	struct outlet *outlet = NULL;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(outlet_open(fd, &outlet), 0);
	for (unsigned n = 0; n < 10000; n++)
		assert_int_equal(outlet_write(outlet, line, line_make(n, line)), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 10000 * LINE_SIZE);
	assert_int_equal(outlet_dropped(outlet), 0);
	outlet_close(outlet);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(outlet_open(-1, &outlet), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_file),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("outlet", tests, NULL, NULL);
}
