/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole reads and writes, replaced files and made folders, in a folder of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define PATH_SIZE 256

static char folder[] = "/tmp/cordon-fd-XXXXXX";

static int folder_make(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

/* Each test removes what it made; the folder must be empty in the end. */
static int folder_remove(void **state)
{
	(void)state;
	return rmdir(folder);
}

static const char *path_of(const char *name, char out[static PATH_SIZE])
{
	(void)snprintf(out, PATH_SIZE, "%s/%s", folder, name);
	return out;
}

static void write_file(const char *path, size_t size)
{
	CLEANUP(close_cleanup) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CLEANUP(free_cleanup) char *data = calloc(1, size + 1);

	assert_true(fd >= 0);
	assert_non_null(data);
	memset(data, 'x', size);
	assert_int_equal(fd_write_all(fd, data, size), 0);
}

static void test_write_all(void **state)
{
	/* Proves that more than a pipe holds is written whole to a reader that takes it in bits. */
	static char data[200000];
	int pipes[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		size_t total = 0;
		char part[777];
		ssize_t n;

		(void)close(pipes[1]);
		while ((n = read(pipes[0], part, sizeof(part))) > 0)
			total += (size_t)n;
		_exit(total == sizeof(data) ? 0 : 1);
	}
	(void)close(pipes[0]);
	assert_int_equal(fd_write_all(pipes[1], data, sizeof(data)), 0);
	(void)close(pipes[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_write_errors(void **state)
{
	/* Proves that a full disk, a reader that is gone and a bad descriptor are told. */
	CLEANUP(close_cleanup) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int pipes[2];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(fd_write_all(full, "x", 1), -ENOSPC);
	assert_int_equal(fd_write_all(full, "x", 0), 0);
	assert_int_equal(pipe(pipes), 0);
	(void)close(pipes[0]);
	assert_int_equal(fd_write_all(pipes[1], "x", 1), -EPIPE);
	(void)close(pipes[1]);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

static void test_read_file_limits(void **state)
{
	/* Proves that a file of exactly the limit is read whole, and one byte more is too large. */
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 10000 };
	char path[PATH_SIZE];

	(void)state;
	path_of("file", path);
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		char *data = NULL, *other = (char *)&folder;
		size_t size = 99;

		write_file(path, sizes[i]);
		assert_int_equal(fd_read_file(path, sizes[i], &data, &size), 0);
		assert_int_equal(size, sizes[i]);
		assert_int_equal(strlen(data), sizes[i]);
		free(data);
		if (sizes[i] == 0)
			continue;
		size = 99;
		assert_int_equal(fd_read_file(path, sizes[i] - 1, &other, &size), -EFBIG);
		assert_ptr_equal(other, &folder);
		assert_int_equal(size, 99);
	}
	assert_int_equal(unlink(path), 0);
}

static void test_read_file_errors(void **state)
{
	/* Proves what is said of files that are none, and of endless ones. */
	char *data = NULL, path[PATH_SIZE];
	size_t size;

	(void)state;
	assert_int_equal(fd_read_file(path_of("none", path), 10, &data, &size), -ENOENT);
	assert_int_equal(fd_read_file(folder, 10, &data, &size), -EISDIR);
	assert_int_equal(fd_read_file("/dev/zero", 100000, &data, &size), -EFBIG);
	assert_int_equal(fd_read_file("", 10, &data, &size), -ENOENT);
	assert_null(data);
	/* Files of /proc have size 0 and contents. */
	assert_int_equal(fd_read_file("/proc/self/status", 65536, &data, &size), 0);
	assert_true(size > 0 && size == strlen(data));
	free(data);
}

static void test_replace(void **state)
{
	/* Proves that the file is the old one until it is the new one, with the mode asked for. */
	CLEANUP(free_cleanup) char *temporary = NULL;
	char path[PATH_SIZE], *data = NULL;
	struct stat status;
	size_t size;
	mode_t before = umask(077);
	int fd;

	(void)state;
	write_file(path_of("file", path), 3);
	fd = fd_open_temporary(path, 0644, &temporary);
	(void)umask(before);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(strncmp(temporary, path, strlen(path)), 0);
	assert_int_equal(fd_write_all(fd, "new one", 7), 0);
	assert_int_equal(fd_read_file(path, 10, &data, &size), 0);
	assert_string_equal(data, "xxx");
	free(data);
	assert_int_equal(fd_replace(fd, temporary, path), 0);
	(void)close(fd);
	assert_int_equal(fd_read_file(path, 10, &data, &size), 0);
	assert_string_equal(data, "new one");
	free(data);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	assert_int_equal(access(temporary, F_OK), -1);
	assert_int_equal(unlink(path), 0);
}

static void test_replace_errors(void **state)
{
	/* Proves that a folder that is not there, and a folder in the file's place, are told. */
	CLEANUP(free_cleanup) char *temporary = NULL;
	CLEANUP(close_cleanup) int fd = -1;
	char path[PATH_SIZE];

	(void)state;
	assert_int_equal(fd_open_temporary(path_of("none/file", path), 0600, &temporary), -ENOENT);
	assert_null(temporary);
	assert_int_equal(mkdir(path_of("taken", path), 0700), 0);
	fd = fd_open_temporary(path, 0600, &temporary);
	assert_true(fd >= 0);
	assert_int_equal(fd_replace(fd, temporary, path), -EISDIR);
	assert_int_equal(unlink(temporary), 0);
	assert_int_equal(rmdir(path), 0);
}

static void test_make_folders(void **state)
{
	/* Proves that missing folders are made with the mode, whatever the umask, and others left.
	 */
	static const char *const made[] = { "a/b/c", "a/b", "a" };
	char path[PATH_SIZE];
	struct stat status;
	mode_t before = umask(077);

	(void)state;
	assert_int_equal(fd_make_folders(path_of("a//b/c/", path), 0751), 0);
	(void)umask(before);
	for (size_t i = 0; i < ELEMENTS(made); i++) {
		assert_int_equal(stat(path_of(made[i], path), &status), 0);
		assert_int_equal(status.st_mode & 07777, 0751);
	}
	assert_int_equal(fd_make_folders(path_of("a/b", path), 0700), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0751);
	for (size_t i = 0; i < ELEMENTS(made); i++)
		assert_int_equal(rmdir(path_of(made[i], path)), 0);
	assert_int_equal(fd_make_folders("/", 0700), 0);
}

static void test_make_folders_errors(void **state)
{
	/* Proves that a file in the way, at the end or before, and a path too long are told. */
	char path[PATH_SIZE], endless[PATH_MAX + 2];

	(void)state;
	write_file(path_of("file", path), 0);
	assert_int_equal(fd_make_folders(path, 0700), -ENOTDIR);
	assert_int_equal(fd_make_folders(path_of("file/below", path), 0700), -ENOTDIR);
	assert_int_equal(unlink(path_of("file", path)), 0);
	assert_int_equal(fd_make_folders("", 0700), -EINVAL);
	memset(endless, '/', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(fd_make_folders(endless, 0700), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_all),	 cmocka_unit_test(test_write_errors),
		cmocka_unit_test(test_read_file_limits), cmocka_unit_test(test_read_file_errors),
		cmocka_unit_test(test_replace),		 cmocka_unit_test(test_replace_errors),
		cmocka_unit_test(test_make_folders),	 cmocka_unit_test(test_make_folders_errors),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
