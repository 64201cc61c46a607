/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes from /proc: children of the test, each of which waits until it is let go, one with a
 * name made to deceive, one of another user, one whose program is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "process_key.h"
#include "sensor/process_proc.h"

#define OTHER_UID 12345u
#define OTHER_GID 23456u

struct child {
	pid_t pid;
	int ready, hold; /* it writes a byte to the one, and ends when the other is closed */
};

/* In the child: says that it is ready, and waits for the end. */
static _Noreturn void child_wait(int ready, int hold)
{
	char byte = 1;

	(void)alarm(60);
	if (write(ready, &byte, 1) == 1)
		(void)!read(hold, &byte, 1);
	_exit(0);
}

/* Forks; act, in the child, makes it what it is to be. Returns when that is done. */
static struct child child_start(void (*act)(int ready, int hold, const void *data),
				const void *data)
{
	struct child child;
	int ready[2], hold[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		(void)close(ready[0]);
		(void)close(hold[1]);
		act(ready[1], hold[0], data);
		_exit(1);
	}
	(void)close(ready[1]);
	(void)close(hold[0]);
	child.ready = ready[0];
	child.hold = hold[1];
	assert_int_equal(read(child.ready, &byte, 1), 1);
	return child;
}

static void child_end(struct child *child)
{
	int status;

	(void)close(child->ready);
	(void)close(child->hold);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void act_named(int ready, int hold, const void *data)
{
	(void)prctl(PR_SET_NAME, data);
	child_wait(ready, hold);
}

static void act_user(int ready, int hold, const void *data)
{
	(void)data;
	if (setresgid(OTHER_GID, 0, 0) == 0 && setresuid(OTHER_UID, 0, 0) == 0)
		child_wait(ready, hold);
}

/* Executes the copy of this program at data, which then does child_wait(). */
static void act_exec(int ready, int hold, const void *data)
{
	const char *path = data;
	char numbers[2][16];

	(void)snprintf(numbers[0], sizeof(numbers[0]), "%d", ready);
	(void)snprintf(numbers[1], sizeof(numbers[1]), "%d", hold);
	(void)execl(path, "an argument", numbers[0], numbers[1], "", "last", "", NULL);
}

static void test_hostile_comm(void **state)
{
	/* Proves that a comm made to look like the fields after it in /proc/PID/stat does not. */
	static const char comm[] = "a) R 1 1 (\n";
	struct child child = child_start(act_named, comm);
	const struct process_key key = process_key_of(child.pid);
	struct process_key parent;
	struct process process;

	(void)state;
	assert_int_equal(process_proc_read(&key, &process, &parent), 0);
	assert_string_equal(process.comm, comm);
	assert_int_equal(process.parent_pid, getpid());
	assert_int_equal(parent.pid, getpid());
	assert_int_equal(parent.start, process_key_of(getpid()).start);
	child_end(&child);
}

static void act_unshare(int ready, int hold, const void *data)
{
	if (unshare(*(const int *)data) == 0)
		child_wait(ready, hold);
}

static void test_foreign_mounts(void **state)
{
	/* Proves that mounts of another user namespace are told from those of the host's root. */
	static const struct {
		int flags;
		bool foreign;
	} cases[] = { { 0, false }, { CLONE_NEWNS, false }, { CLONE_NEWUSER | CLONE_NEWNS, true } };

	(void)state;
	if (geteuid() != 0) {
		print_message("a mount namespace takes root\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct child child = child_start(act_unshare, &cases[i].flags);
		const struct process_key key = process_key_of(child.pid);
		struct process_key parent;
		struct process process;

		assert_int_equal(process_proc_read(&key, &process, &parent), 0);
		assert_int_equal(process.mounts_foreign, cases[i].foreign);
		child_end(&child);
	}
}

static void test_real_user(void **state)
{
	/* Proves that the user is the real one, as in the kernel's notes, not the effective one. */
	struct process_key key, parent;
	struct process process;
	struct child child;

	(void)state;
	if (geteuid() != 0) {
		print_message("another user's process takes root\n");
		skip();
	}
	child = child_start(act_user, NULL);
	key = process_key_of(child.pid);
	assert_int_equal(process_proc_read(&key, &process, &parent), 0);
	assert_int_equal(process.uid, OTHER_UID);
	assert_int_equal(process.gid, OTHER_GID);
	child_end(&child);
}

static void copy_program(const char *path)
{
	CLEANUP(free_cleanup) char *data = NULL;
	CLEANUP(close_cleanup) int fd = -1;
	size_t size;

	assert_int_equal(fd_read_file("/proc/self/exe", (size_t)256 << 20, &data, &size), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, size), 0);
}

/* A copy of this program below folders of that length is executed, and removed while it runs. */
static void assert_removed_program(size_t length, bool truncated)
{
	char path[PATH_MAX] = "/tmp/cordon-process-XXXXXX";
	struct process_key key, parent;
	struct process process;
	struct child child;
	size_t root, end;

	assert_non_null(mkdtemp(path));
	root = end = strlen(path);
	for (int i = 0; i < 3; i++) {
		path[end] = '/';
		memset(path + end + 1, 'a' + i, length);
		end += length + 1;
	}
	path[end] = '\0';
	assert_int_equal(fd_make_folders(path, 0700), 0);
	(void)strcpy(path + end, "/program");
	copy_program(path);
	child = child_start(act_exec, path);
	assert_int_equal(unlink(path), 0);
	key = process_key_of(child.pid);
	assert_int_equal(process_proc_read(&key, &process, &parent), 0);
	assert_true(process.exe_deleted);
	assert_int_equal(process.exe_truncated, truncated);
	if (truncated) {
		assert_int_equal(strncmp(process.exe, PROCESS_PATH_CUT "/", 4), 0);
		assert_string_equal(process.exe + 3, path + strlen(path) - strlen(process.exe + 3));
	} else {
		assert_string_equal(process.exe, path);
	}
	assert_int_equal(strncmp(process.arguments, "an argument ", 12), 0);
	assert_string_equal(process.arguments + strlen(process.arguments) - 6, "  last");
	child_end(&child);
	for (int i = 0; i < 3; i++) {
		path[end] = '\0';
		assert_int_equal(rmdir(path), 0);
		end -= length + 1;
	}
	path[root] = '\0';
	assert_int_equal(rmdir(path), 0);
}

static void test_removed_program(void **state)
{
	/* Proves that a program that was removed is told with its path, and an overlong path with
	 * its end, marked as cut. */
	(void)state;
	assert_removed_program(10, false);
	assert_removed_program(200, true);
}

static void test_own_cgroup(void **state)
{
	/* Proves that the cgroup is the one of the v2 hierarchy, whole. */
	CLEANUP(free_cleanup) char *text = NULL;
	const struct process_key key = process_key_of(getpid());
	struct process_key parent;
	struct process process;
	const char *line;
	size_t size;

	(void)state;
	assert_int_equal(process_proc_read(&key, &process, &parent), 0);
	assert_int_equal(fd_read_file("/proc/self/cgroup", 65536, &text, &size), 0);
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line) {
		assert_string_equal(process.cgroup, "");
		return;
	}
	line = strchr(line, '/');
	assert_non_null(line);
	assert_int_equal(strlen(process.cgroup), strcspn(line, "\n"));
	assert_memory_equal(process.cgroup, line, strlen(process.cgroup));
}

static void test_nothing_on_failure(void **state)
{
	/* Proves that what is handed back is untouched when the process is another one. */
	struct process_key key = process_key_of(getpid()), parent = { .pid = 99 };
	struct process process = { .pid = 99 };

	(void)state;
	key.start += NS_PER_SECOND;
	assert_int_equal(process_proc_read(&key, &process, &parent), -ESRCH);
	assert_int_equal(process.pid, 99);
	assert_int_equal(parent.pid, 99);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_comm), cmocka_unit_test(test_foreign_mounts),
		cmocka_unit_test(test_real_user),    cmocka_unit_test(test_removed_program),
		cmocka_unit_test(test_own_cgroup),   cmocka_unit_test(test_nothing_on_failure),
	};

	/* The copy that act_exec() runs. */
	if (argc > 2)
		child_wait(atoi(argv[1]), atoi(argv[2]));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
