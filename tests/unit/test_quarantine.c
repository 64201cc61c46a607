/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "response/quarantine.h"

#define CONTENT "bad content, 24 bytes\n\n"

/* The quarantine, a folder on its file system, and one on another. */
static char top[] = "/dev/shm/quarantine.XXXXXX", other[] = "/tmp/quarantine.XXXXXX";
static char place[64], near_file[80], far_file[80];

static int folders_make(void **state)
{
	struct stat a, b;

	(void)state;
	if (!mkdtemp(top) || !mkdtemp(other) || stat(top, &a) < 0 || stat(other, &b) < 0)
		return -1;
	(void)snprintf(place, sizeof(place), "%s/q", top);
	(void)snprintf(near_file, sizeof(near_file), "%s/bad", top);
	(void)snprintf(far_file, sizeof(far_file), "%s/bad", other);
	return a.st_dev == b.st_dev ? -1 : 0;
}

static int folders_remove(void **state)
{
	char command[200];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s %s", top, other);
	return system(command) == 0 ? 0 : -1;
}

static int folders_empty(void **state)
{
	char command[200];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s %s/* %s/.c*", place, top, other);
	return system(command) == 0 ? 0 : -1;
}

static void file_make(const char *path)
{
	const struct timespec times[2] = { { .tv_sec = 1000000, .tv_nsec = 5 },
					   { .tv_sec = 2000000, .tv_nsec = 7 } };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, CONTENT, strlen(CONTENT)), strlen(CONTENT));
	/* A hole, and something behind it. */
	assert_int_equal(pwrite(fd, "end", 3, 300 << 10), 3);
	if (geteuid() == 0)
		assert_int_equal(fchown(fd, 1234, 2345), 0);
	assert_int_equal(fchmod(fd, 06751), 0);
	(void)fsetxattr(fd, "user.note", "a\0b", 3, 0);
	assert_int_equal(futimens(fd, times), 0);
	(void)close(fd);
}

static bool file_is(const char *path)
{
	char text[sizeof(CONTENT)] = "", end[3] = "";
	int fd = open(path, O_RDONLY | O_NOFOLLOW);
	bool same = fd >= 0 && read(fd, text, strlen(CONTENT)) == (ssize_t)strlen(CONTENT) &&
		    strcmp(text, CONTENT) == 0 && pread(fd, end, 3, 300 << 10) == 3 &&
		    memcmp(end, "end", 3) == 0;

	if (fd >= 0)
		(void)close(fd);
	return same;
}

static int take(const char *path, char id[static QUARANTINE_ID_SIZE])
{
	const struct quarantine_reason reason = { .finding = "uid", .rule = "rule" };
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY);
	struct quarantine *quarantine;
	struct file_identity identity;
	int r;

	assert_int_equal(file_identity_read(fd, &identity, NULL), 0);
	assert_int_equal(quarantine_open(place, &quarantine, NULL), 0);
	r = quarantine_take(quarantine, fd, &identity, &reason, id);
	quarantine_close(quarantine);
	return r;
}

static int restore(const char *id, const char *path, bool allow)
{
	struct quarantine *quarantine;
	int r;

	assert_int_equal(quarantine_open(place, &quarantine, NULL), 0);
	r = quarantine_restore(quarantine, id, path, allow);
	quarantine_close(quarantine);
	return r;
}

static int item_keep(const struct quarantine_item *item, void *userdata)
{
	struct quarantine_item *kept = userdata;

	*kept = *item;
	kept->path = NULL;
	return 0;
}

static int items(struct quarantine_item *ret)
{
	struct quarantine *quarantine;
	size_t damaged;
	int count;

	assert_int_equal(quarantine_open(place, &quarantine, NULL), 0);
	count = quarantine_list(quarantine, item_keep, ret, &damaged);
	assert_int_equal(damaged, 0);
	quarantine_close(quarantine);
	return count;
}

static void goes_and_comes_back(const char *path)
{
	struct quarantine_item item = { 0 };
	char id[QUARANTINE_ID_SIZE], data[160];
	struct stat before, held, after;
	char note[8];
	bool noted;

	file_make(path);
	assert_int_equal(stat(path, &before), 0);
	noted = getxattr(path, "user.note", note, sizeof(note)) == 3;
	assert_int_equal(take(path, id), 0);
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(data, sizeof(data), "%s/%s.data", place, id);
	assert_int_equal(stat(data, &held), 0);
	assert_int_equal(held.st_mode & 07777, 0);
	assert_int_equal(items(&item), 1);
	assert_string_equal(item.id, id);
	assert_int_equal(item.mode, 06751);
	assert_int_equal(item.copied, path == far_file);
	assert_int_equal(restore(id, NULL, false), 0);
	assert_true(file_is(path));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_uid, before.st_uid);
	assert_int_equal(after.st_gid, before.st_gid);
	assert_int_equal(after.st_size, before.st_size);
	assert_memory_equal(&after.st_mtim, &before.st_mtim, sizeof(after.st_mtim));
	assert_true(after.st_blocks <= before.st_blocks + 16);
	if (noted) {
		assert_int_equal(getxattr(path, "user.note", note, sizeof(note)), 3);
		assert_memory_equal(note, "a\0b", 3);
	}
	assert_int_equal(items(&item), 0);
	assert_int_equal(access(data, F_OK), -1);
}

static void a_file_comes_back_as_it_was(void **state)
{
	/* Proves: content, holes, mode with set-user-id, owner, extended attributes and time of
	 * change come back, on the same file system and from another; meanwhile it has no
	 * permissions. */
	(void)state;
	goes_and_comes_back(near_file);
	goes_and_comes_back(far_file);
}

static void only_what_was_scanned_is_taken(void **state)
{
	/* Proves: a file that changed since, whose name another file has by now, that is reached
	 * over a link, or that has no name is not taken, and is where it was. */
	CLEANUP(close_cleanup) int fd = -1;
	struct quarantine_item item;
	struct quarantine *quarantine;
	struct file_identity identity;
	const struct quarantine_reason reason = { 0 };
	char id[QUARANTINE_ID_SIZE], moved[100], link[100], through[128];

	(void)state;
	file_make(near_file);
	fd = open(near_file, O_RDWR);
	assert_int_equal(file_identity_read(fd, &identity, NULL), 0);
	assert_int_equal(quarantine_open(place, &quarantine, NULL), 0);
	/* Changed. */
	assert_int_equal(pwrite(fd, "x", 1, 400 << 10), 1);
	assert_int_equal(quarantine_take(quarantine, fd, &identity, &reason, id), -ESTALE);
	assert_true(file_is(near_file));
	/* Another file has the name; the descriptor's is found where it is now. */
	(void)snprintf(moved, sizeof(moved), "%s/moved", top);
	assert_int_equal(rename(near_file, moved), 0);
	file_make(near_file);
	assert_int_equal(file_identity_read(fd, &identity, NULL), 0);
	assert_int_equal(quarantine_take(quarantine, fd, &identity, &reason, id), 0);
	assert_int_equal(access(moved, F_OK), -1);
	assert_true(file_is(near_file));
	assert_int_equal(quarantine_restore(quarantine, id, NULL, false), 0);
	/* Opened over a symbolic link: the file itself is taken, and not the link. */
	(void)snprintf(link, sizeof(link), "%s/link", top);
	(void)snprintf(through, sizeof(through), "%s/link/moved", top);
	assert_int_equal(symlink(top, link), 0);
	(void)close(fd);
	fd = open(through, O_RDONLY);
	assert_int_equal(file_identity_read(fd, &identity, NULL), 0);
	assert_int_equal(quarantine_take(quarantine, fd, &identity, &reason, id), 0);
	assert_int_equal(access(link, F_OK), 0);
	assert_int_equal(quarantine_restore(quarantine, id, through, false), -ELOOP);
	assert_int_equal(quarantine_restore(quarantine, id, near_file, false), -EEXIST);
	assert_int_equal(quarantine_delete(quarantine, id), 0);
	assert_int_equal(quarantine_delete(quarantine, id), -ENOENT);
	assert_int_equal(quarantine_restore(quarantine, "../../etc/passwd", NULL, false), -ENOENT);
	/* Without a name. */
	(void)close(fd);
	fd = open(near_file, O_RDONLY);
	assert_int_equal(unlink(near_file), 0);
	assert_int_equal(file_identity_read(fd, &identity, NULL), 0);
	assert_int_equal(quarantine_take(quarantine, fd, &identity, &reason, id), -ENOENT);
	quarantine_close(quarantine);
	assert_int_equal(items(&item), 0);
}

static void what_is_allowed_is_known(void **state)
{
	/* Proves: a file that was put back with allow is known by its content, others are not. */
	struct quarantine *quarantine;
	struct quarantine_item item;
	char id[QUARANTINE_ID_SIZE];

	(void)state;
	file_make(far_file);
	assert_int_equal(take(far_file, id), 0);
	assert_int_equal(items(&item), 1);
	assert_int_equal(quarantine_open(place, &quarantine, NULL), 0);
	assert_false(quarantine_allows(quarantine, item.sha256));
	assert_int_equal(quarantine_restore(quarantine, id, NULL, true), 0);
	assert_true(quarantine_allows(quarantine, item.sha256));
	item.sha256[0] = item.sha256[0] == 'a' ? 'b' : 'a';
	assert_false(quarantine_allows(quarantine, item.sha256));
	assert_false(quarantine_allows(quarantine, ""));
	quarantine_close(quarantine);
}

/* Between two of these nothing on disk changes. */
static bool changes(long number)
{
	static const long numbers[] = {
		SYS_openat, SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_write,     SYS_fchmod,
		SYS_fchown, SYS_fchmodat, SYS_ftruncate, SYS_linkat,   SYS_fsetxattr, SYS_utimensat,
	};

	for (size_t i = 0; i < ELEMENTS(numbers); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/* Whether the child stands before such a call. */
static bool before_change(pid_t child)
{
	struct __ptrace_syscall_info info = { 0 };

	(void)ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info);
	return info.op == PTRACE_SYSCALL_INFO_ENTRY && changes((long)info.entry.nr);
}

/* Runs act in a process that is killed before its Nth call that changes something; false: it came
 * to its end. */
static bool killed_at(int stops, void (*act)(const char *path, const char *id), const char *path,
		      const char *id)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		act(path, id);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD), 0);
	while (WIFSTOPPED(status) && stops > 0) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFSTOPPED(status))
			stops -= before_change(child);
	}
	if (!WIFSTOPPED(status))
		return false;
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	return true;
}

static void act_take(const char *path, const char *id)
{
	char taken[QUARANTINE_ID_SIZE];

	(void)id;
	(void)take(path, taken);
}

static void act_restore(const char *path, const char *id)
{
	(void)restore(id, path, false);
}

static void crash_everywhere(const char *path)
{
	struct quarantine_item item = { 0 };
	char id[QUARANTINE_ID_SIZE];
	int taken = 0, stayed = 0, stops;

	for (stops = 1;; stops++) {
		bool killed;

		(void)folders_empty(NULL);
		file_make(path);
		killed = killed_at(stops, act_take, path, NULL);
		if (items(&item) == 1) {
			/* Whole, with its way back, and no second one of it. */
			assert_int_equal(access(path, F_OK), -1);
			assert_int_equal(restore(item.id, NULL, false), 0);
			taken++;
		} else {
			stayed++;
		}
		assert_true(file_is(path));
		if (!killed)
			break;
	}
	print_message("killed at %d places: %d taken, %d left where it was\n", stops, taken,
		      stayed);
	assert_true(taken >= 3 && stayed >= 3);
	for (stops = 1;; stops++) {
		(void)folders_empty(NULL);
		file_make(path);
		assert_int_equal(take(path, id), 0);
		if (!killed_at(stops, act_restore, path, id))
			break;
		if (items(&item) == 1) {
			(void)unlink(path);
			assert_int_equal(restore(id, NULL, false), 0);
		}
		assert_true(file_is(path));
	}
}

static void a_crash_loses_nothing(void **state)
{
	/* Proves: killed before each system call that changes something, taking leaves the original
	 * where it was or a whole item, never both or neither, and giving back leaves one of the
	 * two. */
	(void)state;
	crash_everywhere(near_file);
	crash_everywhere(far_file);
}

static volatile sig_atomic_t swapping = 1;

static void swap_end(int number)
{
	(void)number;
	swapping = 0;
}

/* Gives the name to the bad file and to a good one in turn, as fast as it can. */
static void swap(const char *bad, const char *good)
{
	(void)signal(SIGTERM, swap_end);
	while (swapping)
		(void)renameat2(AT_FDCWD, bad, AT_FDCWD, good, RENAME_EXCHANGE);
	_exit(0);
}

static void a_swapped_file_is_not_taken(void **state)
{
	/* Proves: while names are exchanged all the time, the good file is never in the quarantine
	 * at the end of a call, and never lost. */
	char good[100], id[QUARANTINE_ID_SIZE];
	struct quarantine_item item = { 0 };
	int taken = 0;

	(void)state;
	(void)snprintf(good, sizeof(good), "%s/good", top);
	for (int turn = 0; turn < 60; turn++) {
		struct stat bad, first, second, held;
		const struct quarantine_reason reason = { 0 };
		CLEANUP(close_cleanup) int fd = -1;
		struct quarantine *quarantine;
		struct file_identity identity;
		char data[160];
		pid_t child;
		int r;

		(void)folders_empty(NULL);
		file_make(near_file);
		file_make(good);
		fd = open(near_file, O_RDONLY);
		assert_int_equal(fstat(fd, &bad), 0);
		assert_int_equal(quarantine_open(place, &quarantine, NULL), 0);
		child = fork();
		if (child == 0)
			swap(near_file, good);
		/* A rename changes ctime: what was scanned is what it is now. */
		r = file_identity_read(fd, &identity, NULL);
		if (r == 0)
			r = quarantine_take(quarantine, fd, &identity, &reason, id);
		(void)kill(child, SIGTERM);
		assert_int_equal(waitpid(child, NULL, 0), child);
		quarantine_close(quarantine);
		assert_int_equal(items(&item), r == 0 ? 1 : 0);
		if (r == 0) {
			(void)snprintf(data, sizeof(data), "%s/%s.data", place, item.id);
			assert_int_equal(stat(data, &held), 0);
			assert_int_equal(held.st_ino, bad.st_ino);
			assert_true(stat(near_file, &first) == 0 || stat(good, &first) == 0);
			assert_int_not_equal(first.st_ino, bad.st_ino);
			taken++;
			continue;
		}
		/* Both are in the folder, whatever they are called by now. */
		assert_int_equal(stat(top, &second), 0);
		char command[160];

		(void)snprintf(command, sizeof(command), "test $(ls -A %s | grep -vc '^q$') = 2",
			       top);
		assert_int_equal(system(command), 0);
	}
	print_message("taken in %d of 60 races\n", taken);
}

static void nobody_else_has_a_hand_in_it(void **state)
{
	/* Proves: a folder that others may enter is refused, and so is a link to one. */
	struct quarantine *quarantine;
	char link[100];

	(void)state;
	assert_int_equal(mkdir(place, 0755), 0);
	assert_int_equal(quarantine_open(place, &quarantine, NULL), -EPERM);
	assert_int_equal(chmod(place, 0700), 0);
	(void)snprintf(link, sizeof(link), "%s/l", top);
	assert_int_equal(symlink(place, link), 0);
	assert_int_equal(quarantine_open(link, &quarantine, NULL), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_file_comes_back_as_it_was, folders_empty),
		cmocka_unit_test_teardown(only_what_was_scanned_is_taken, folders_empty),
		cmocka_unit_test_teardown(what_is_allowed_is_known, folders_empty),
		cmocka_unit_test_teardown(a_crash_loses_nothing, folders_empty),
		cmocka_unit_test_teardown(a_swapped_file_is_not_taken, folders_empty),
		cmocka_unit_test_teardown(nobody_else_has_a_hand_in_it, folders_empty),
	};

	return cmocka_run_group_tests(tests, folders_make, folders_remove);
}
