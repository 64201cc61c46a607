/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "scan/file_queue.h"
#include "sensor/file_walk.h"

#define MS    NS_PER_MILLISECOND
#define QUIET (100 * MS)
#define MOST  (1000 * MS)

static int put(struct file_queue *queue, const char *path, uint64_t now)
{
	const struct queued_file file = { .path = (char *)(uintptr_t)path, .pid = 7, .told = now };

	return file_queue_add(queue, &file);
}

/* The path that is taken at that time, or "" for none. */
static const char *taken(struct file_queue *queue, uint64_t now)
{
	static char path[600];
	struct queued_file file;

	path[0] = '\0';
	if (file_queue_take(queue, now, &file) == 1) {
		(void)snprintf(path, sizeof(path), "%s", file.path);
		free(file.path);
	}
	return path;
}

static void a_file_is_taken_when_it_is_quiet(void **state)
{
	/* Proves: whoever is written again waits again, others go first; and a file that never gets
	 * quiet is taken after the longest time. */
	struct file_queue *queue;
	uint64_t now = 1000 * MS;

	(void)state;
	assert_int_equal(file_queue_new(16, QUIET, MOST, &queue), 0);
	assert_int_equal(put(queue, "/a", now), 0);
	assert_int_equal(put(queue, "/b", now + 10 * MS), 0);
	assert_string_equal(taken(queue, now + 99 * MS), "");
	assert_int_equal(put(queue, "/a", now + 50 * MS), FILE_QUEUE_MERGED);
	assert_true(file_queue_next(queue) == now + 110 * MS);
	assert_string_equal(taken(queue, now + 110 * MS), "/b");
	assert_string_equal(taken(queue, now + 149 * MS), "");
	assert_string_equal(taken(queue, now + 150 * MS), "/a");
	for (uint64_t at = 0; at <= 960; at += 60)
		(void)put(queue, "/busy", now + at * MS);
	assert_string_equal(taken(queue, now + MOST + QUIET), "/busy");
	assert_true(file_queue_next(queue) == UINT64_MAX);
	file_queue_free(queue);
}

static void what_is_over_is_refused(void **state)
{
	/* Proves: it takes so many and no more, and says so; long paths that differ at their end
	 * only are two; what waits at the end is freed. */
	char path[600], first[600];
	struct file_queue *queue;

	(void)state;
	assert_int_equal(file_queue_new(3, QUIET, MOST, &queue), 0);
	memset(path, 'x', sizeof(path));
	path[598] = 'a';
	path[599] = '\0';
	memcpy(first, path, sizeof(first));
	assert_int_equal(put(queue, path, 1), 0);
	path[598] = 'b';
	assert_int_equal(put(queue, path, 2), 0);
	assert_int_equal(put(queue, "/c", 3), 0);
	assert_int_equal(put(queue, "/d", 4), -ENOBUFS);
	assert_int_equal(put(queue, "/c", 5), FILE_QUEUE_MERGED);
	assert_int_equal(file_queue_count(queue), 3);
	assert_string_equal(taken(queue, QUIET + 1), first);
	file_queue_free(queue);
}

/* ---- walks ---- */

static char top[] = "/tmp/walk.XXXXXX";

static void file_make(const char *name)
{
	char path[600];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	for (char *at = path + strlen(top) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(path, 0755);
		*at = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs("x", file);
	(void)fclose(file);
}

static int tree_make(void **state)
{
	char link[100];

	(void)state;
	if (!mkdtemp(top))
		return -1;
	file_make("1");
	file_make("a/1");
	file_make("a/b/1");
	file_make("a/b/c/1");
	file_make("a-b/1");
	file_make("b/1");
	file_make("b/2");
	file_make("not/1");
	(void)snprintf(link, sizeof(link), "%s/link", top);
	return symlink("/etc", link);
}

static int tree_remove(void **state)
{
	char command[100];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command) == 0 ? 0 : -1;
}

/* Walks at most so many files from the place on; adds them to list. Returns how many. */
static unsigned walk(char place[static 600], unsigned most, uint64_t since, char *list)
{
	char excluded[100];
	const char *roots[] = { top }, *exclude[] = { excluded };
	const struct file_walk_options options = { .roots = roots,
						   .roots_count = 1,
						   .exclude = exclude,
						   .exclude_count = 1,
						   .since = since,
						   .place = place };
	enum file_walk_step step;
	struct file_walk *walker;
	unsigned count = 0;
	const char *path;

	(void)snprintf(excluded, sizeof(excluded), "%s/not", top);
	assert_int_equal(file_walk_new(&options, &walker), 0);
	while (count < most && (step = file_walk_next(walker, 1, &path)) != FILE_WALK_END) {
		if (step != FILE_WALK_FILE)
			continue;
		(void)strcat(list, path + strlen(top));
		(void)strcat(list, " ");
		count++;
	}
	(void)snprintf(place, 600, "%s", file_walk_place(walker));
	file_walk_free(walker);
	return count;
}

static void a_walk_goes_on_where_it_was(void **state)
{
	/* Proves: all files are visited in order, but for what is excluded or behind a link; and
	 * given up after any number of files and taken up again, none is left out. */
	static const char whole[] = "/1 /a/1 /a/b/1 /a/b/c/1 /a-b/1 ";
	char list[4000] = "", place[600] = "";

	(void)state;
	assert_int_equal(walk(place, 100, 0, list), 7);
	assert_memory_equal(list, whole, strlen(whole));
	for (unsigned most = 1; most < 7; most++) {
		char pieces[4000] = "";

		place[0] = '\0';
		(void)walk(place, most, 0, pieces);
		(void)walk(place, 100, 0, pieces);
		for (const char *at = list; *at; at = strchr(at, ' ') + 1) {
			char file[600];

			(void)snprintf(file, sizeof(file), "%.*s", (int)strcspn(at, " ") + 1, at);
			assert_non_null(strstr(pieces, file));
		}
	}
}

static void a_walk_may_look_for_changes_only(void **state)
{
	/* Proves: only what changed since is visited, also when the time of writing was set back.
	 */
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char list[4000] = "", place[600] = "", path[100];
	struct stat status;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/b/2", top);
	do {
		(void)usleep(5000);
		file_make("b/2");
		assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
		assert_int_equal(stat(path, &status), 0);
		list[0] = place[0] = '\0';
	} while (walk(place, 100,
		      (uint64_t)status.st_ctim.tv_sec * NS_PER_SECOND +
			      (uint64_t)status.st_ctim.tv_nsec,
		      list) != 1);
	assert_string_equal(list, "/b/2 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_taken_when_it_is_quiet),
		cmocka_unit_test(what_is_over_is_refused),
		cmocka_unit_test(a_walk_goes_on_where_it_was),
		cmocka_unit_test(a_walk_may_look_for_changes_only),
	};

	return cmocka_run_group_tests(tests, tree_make, tree_remove);
}
