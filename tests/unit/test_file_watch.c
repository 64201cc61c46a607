/* SPDX-License-Identifier: Apache-2.0
 *
 * Against the kernel's fanotify, on file systems in memory that are mounted for it in a mount
 * namespace of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/file_watch.h"
#include "sensor/mounts.h"
#include "tests/unit/mounted.h"

/* What was told last, and how much. */
static struct {
	enum file_trigger trigger;
	char path[512];
	bool folder;
	unsigned count[FILE_TRIGGERS];
	unsigned overflows;
	char wanted[600]; /* whether it was among them */
	bool met;
} told;

static void note(const struct file_notice *notice, void *userdata)
{
	(void)userdata;
	told.trigger = notice->trigger;
	told.folder = notice->folder;
	told.count[notice->trigger]++;
	(void)snprintf(told.path, sizeof(told.path), "%s", notice->path ? notice->path : "");
	told.met |= told.wanted[0] && strcmp(told.path, told.wanted) == 0;
	if (notice->fd >= 0)
		(void)close(notice->fd);
}

static void overflow_note(void *userdata)
{
	(void)userdata;
	told.overflows++;
}

/* The agent's own events are not told: what is watched is done by a child. */
static int in_child(int (*act)(const char *path), const char *path)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(act(path) < 0 ? 1 : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int act_rename(const char *path)
{
	char target[600];

	(void)snprintf(target, sizeof(target), "%s/watched/moved", top);
	return rename(path, target);
}

/* Made without a name, and linked in the folder while it is open. */
static int act_unnamed(const char *path)
{
	char self[32];
	int fd = open(below("watched"), O_TMPFILE | O_WRONLY, 0644);

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, "#!/bin/true\n", 12) != 12 ||
	    (path && linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0))
		return -1;
	return close(fd);
}

static int act_run(const char *path)
{
	return execl(path, path, (char *)NULL);
}

/* Lets the loop run until what was told is as expected; false at the deadline. */
static bool told_of(enum file_trigger trigger, const char *path)
{
	uint64_t deadline = clock_boottime() + 10 * NS_PER_SECOND;

	while (clock_boottime() < deadline) {
		if (told.trigger == trigger && strcmp(told.path, path) == 0)
			return true;
		(void)sd_event_run(loop, 100000);
	}
	print_message("last told: %s %s\n", file_trigger_name(told.trigger), told.path);
	return false;
}

static struct file_watch *watch_open(const char *place, const char *excluded, bool containers)
{
	const char *paths[] = { place }, *exclude[] = { excluded };
	const struct file_watch_options options = { .paths = paths,
						    .paths_count = 1,
						    .exclude = exclude,
						    .exclude_count = excluded ? 1 : 0,
						    .executions = true,
						    .containers = containers,
						    .notice = note,
						    .overflow = overflow_note };
	struct file_watch *watch;

	memset(&told, 0, sizeof(told));
	told.trigger = FILE_TRIGGERS;
	assert_int_equal(file_watch_open(loop, &options, &watch), 0);
	return watch;
}

static void balance(const struct file_watch *watch)
{
	struct file_watch_statistics s;

	file_watch_statistics(watch, &s);
	assert_int_equal(s.seen, s.told + s.outside + s.excluded + s.own + s.other + s.failed);
}

static void each_trigger_is_told(void **state)
{
	/* Proves: writes, renames and executions are told with the path, a file that was made
	 * without a name with the one that it got; what is outside, or excluded, or done by
	 * ourselves, is counted instead; and the counters add up. */
	struct file_watch_statistics s;
	char place[600], excluded[600];
	struct file_watch *watch;

	(void)state;
	NEED_ROOT();
	(void)snprintf(place, sizeof(place), "%s", below("watched"));
	(void)snprintf(excluded, sizeof(excluded), "%s", below("watched/not"));
	assert_int_equal(mkdir(place, 0755), 0);
	assert_int_equal(mkdir(excluded, 0755), 0);
	watch = watch_open(place, excluded, false);
	assert_int_equal(in_child(act_write, below("watched/new")), 0);
	assert_true(told_of(FILE_WRITTEN, below("watched/new")));
	assert_int_equal(in_child(act_write, below("outside")), 0);
	assert_int_equal(in_child(act_write, below("watched/not/it")), 0);
	assert_int_equal(act_write(below("watched/ours")), 0);
	assert_int_equal(in_child(act_rename, below("outside")), 0);
	assert_true(told_of(FILE_MOVED, below("watched/moved")));
	assert_int_equal(in_child(act_unnamed, below("watched/linked")), 0);
	assert_true(told_of(FILE_WRITTEN, below("watched/linked")));
	/* It is called as if it had none. */
	assert_int_equal(in_child(act_write, below("watched/#1")), 0);
	assert_true(told_of(FILE_WRITTEN, below("watched/#1")));
	assert_int_equal(in_child(act_unnamed, NULL), 0);
	assert_int_equal(in_child(act_run, below("watched/new")), 0);
	assert_true(told_of(FILE_EXECUTED, below("watched/new")));
	loop_settle();
	file_watch_statistics(watch, &s);
	assert_true(s.outside > 0 && s.excluded > 0 && s.own > 0);
	assert_int_equal(s.named, 1);
	balance(watch);
	file_watch_close(watch);
}

static void a_kept_file_is_not_told_of_until_it_changes(void **state)
{
	/* Proves: what is kept runs without a word, and is told of again when it was written to. */
	CLEANUP(close_cleanup) int fd = -1;
	struct file_watch *watch;

	(void)state;
	NEED_ROOT();
	watch = watch_open(top, NULL, false);
	assert_int_equal(act_write(below("tool")), 0);
	fd = open(below("tool"), O_RDONLY);
	if (file_watch_keep(watch, fd) < 0) {
		file_watch_close(watch);
		print_message("needs Linux 5.19\n");
		skip();
	}
	assert_int_equal(in_child(act_run, below("tool")), 0);
	loop_settle();
	assert_int_equal(told.count[FILE_EXECUTED], 0);
	assert_int_equal(in_child(act_write, below("tool")), 0);
	assert_int_equal(in_child(act_run, below("tool")), 0);
	assert_true(told_of(FILE_EXECUTED, below("tool")));
	file_watch_close(watch);
}

static void new_mounts_are_watched(void **state)
{
	/* Proves: a file system that is mounted below a watched place is watched as it comes, and
	 * an overlay, too, with the path that we see of it. */
	char options[2000];
	struct file_watch *watch;
	uint64_t deadline = clock_boottime() + 10 * NS_PER_SECOND;

	(void)state;
	NEED_ROOT();
	watch = watch_open(top, NULL, true);
	assert_int_equal(mkdir(below("mnt"), 0755), 0);
	assert_int_equal(mount("tmpfs", below("mnt"), "tmpfs", 0, NULL), 0);
	/* Nothing tells when the mark is there but what it tells. */
	while (told.count[FILE_WRITTEN] == 0 && clock_boottime() < deadline) {
		assert_int_equal(in_child(act_write, below("mnt/file")), 0);
		(void)sd_event_run(loop, 20000);
	}
	assert_string_equal(told.path, below("mnt/file"));
	assert_int_equal(mkdir(below("low"), 0755) | mkdir(below("up"), 0755) |
				 mkdir(below("work"), 0755) | mkdir(below("merged"), 0755),
			 0);
	(void)snprintf(options, sizeof(options), "lowerdir=%s/low,upperdir=%s/up,workdir=%s/work",
		       top, top, top);
	if (mount("overlay", below("merged"), "overlay", 0, options) == 0) {
		deadline = clock_boottime() + 10 * NS_PER_SECOND;
		(void)snprintf(told.wanted, sizeof(told.wanted), "%s", below("merged/file"));
		while (!told.met && clock_boottime() < deadline) {
			assert_int_equal(in_child(act_write, below("merged/file")), 0);
			(void)sd_event_run(loop, 20000);
		}
		assert_true(told.met);
		assert_int_equal(umount(below("merged")), 0);
	} else {
		print_message("no overlay here: %s\n", strerror(errno));
	}
	loop_settle();
	balance(watch);
	file_watch_close(watch);
	assert_int_equal(umount(below("mnt")), 0);
}

static void mounts_are_told_apart(void **state)
{
	/* Proves: what answers over a network, or is the kernel's own, is known by its type; paths
	 * are compared by whole components. */
	(void)state;
	assert_int_equal(mount_kind("ext4"), MOUNT_LOCAL);
	assert_int_equal(mount_kind("tmpfs"), MOUNT_LOCAL);
	assert_int_equal(mount_kind("overlay"), MOUNT_LAYERED);
	assert_int_equal(mount_kind("proc"), MOUNT_PSEUDO);
	assert_int_equal(mount_kind("nfs4"), MOUNT_REMOTE);
	assert_int_equal(mount_kind("fuse.sshfs"), MOUNT_REMOTE);
	assert_true(path_below("/a/b", "/a"));
	assert_true(path_below("/a", "/a"));
	assert_true(path_below("/a", "/"));
	assert_false(path_below("/ab", "/a"));
	assert_false(path_below("/", "/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_are_told_apart),
		cmocka_unit_test(each_trigger_is_told),
		cmocka_unit_test(a_kept_file_is_not_told_of_until_it_changes),
		cmocka_unit_test(new_mounts_are_watched),
	};

	return cmocka_run_group_tests(tests, mounts_make, mounts_remove);
}
