/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the course of a bundle: rows in their order, what they may take, and what is told of them.
 */
#include "evidence/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/log.h"
#include "evidence/evidence_bundle.h"
#include "evidence/evidence_rows.h"
#include "sensor/process_proc.h"

/* One file; reading /proc takes milliseconds. */
#define ROW_TIME     (10 * NS_PER_SECOND)
/* Left free on the disk: the journal has to go on. */
#define RESERVE	     ((uint64_t)64 * 1024 * 1024)
#define KEY_FILE_MAX 256
#define COPY_MAX     (256 * KIB)
/* Files that are copied beside the rows: a host with more of them in cron.d is told to have. */
#define COPIES_MAX   2000
/* A start time from /proc is cut to ticks of at least this. */
#define TICK	     (NS_PER_SECOND / 50)

struct course {
	const struct evidence_options *options;
	struct evidence_result *result;
	struct evidence_bundle *bundle;
	uint64_t size_left, deadline;
	unsigned copies;
};

/* A copy, since a thread that is left behind goes on reading it. */
struct row_run {
	const struct evidence_options *options;
	struct evidence_row row;
	char source[PATH_MAX];
};

CLEANUP_DEFINE(struct evidence_bundle *, evidence_bundle_free)
CLEANUP_DEFINE(struct evidence_item *, evidence_item_free)

static int row_collect(struct evidence_item *item, const void *userdata)
{
	const struct row_run *run = userdata;

	return run->row.collect(run->options, &run->row, item);
}

static void missing_tell(struct course *course, const char *name, const char *why)
{
	evidence_bundle_remark(course->bundle, "not collected", name, why);
	course->result->missing++;
}

static void cut_tell(struct course *course, const char *name, const char *why)
{
	evidence_bundle_remark(course->bundle, "not whole", name, why);
	course->result->cut++;
}

/* What a row has brought, and what is to be said of it. */
static int item_put(struct course *course, const struct evidence_row *row,
		    const struct evidence_item *item, int ended)
{
	char bound[64];
	int r;

	if (item->size == 0 && (item->error < 0 || ended < 0)) {
		if (!row->optional || item->error != -ENOENT)
			missing_tell(course, row->name,
				     ended < 0 ? "reading it took too long"
					       : strerror(-item->error));
		return 0;
	}
	r = evidence_bundle_add(course->bundle, row->name, item->data ? item->data : "",
				item->size);
	if (r < 0)
		return r;
	course->result->files++;
	course->size_left -= item->size < course->size_left ? item->size : course->size_left;
	if (ended < 0)
		cut_tell(course, row->name, "reading it took too long");
	else if (item->error < 0)
		cut_tell(course, row->name, strerror(-item->error));
	else if (item->cut) {
		(void)snprintf(bound, sizeof(bound), "cut at its bound, after %zu bytes",
			       item->size);
		cut_tell(course, row->name, bound);
	}
	if (*item->why)
		evidence_bundle_remark(course->bundle, "note", row->name, item->why);
	return 0;
}

static int row_run(struct course *course, const struct evidence_row *row);

static int copies_run(struct course *course, const char *paths, size_t size)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at < size; at += strlen(paths + at) + 1) {
		char name[EVIDENCE_NAME_SIZE], path[PATH_MAX];
		const struct evidence_row row = { .name = name,
						  .max = COPY_MAX,
						  .collect = evidence_copy_source,
						  .source = paths + at };

		if (course->copies == COPIES_MAX) {
			missing_tell(course, paths + at, "more files than are copied");
			return 0;
		}
		(void)snprintf(path, sizeof(path), "files/%.*s", PATH_MAX - 16,
			       paths + at + (paths[at] == '/'));
		evidence_bundle_name(path, course->copies++, name);
		r = row_run(course, &row);
	}
	return r;
}

static int side_put(struct course *course, const struct evidence_row *row,
		    const struct evidence_item *item)
{
	int r;

	if (!row->side || item->side_size == 0)
		return 0;
	if (!*row->side)
		return copies_run(course, item->side, item->side_size);
	r = evidence_bundle_add(course->bundle, row->side, item->side, item->side_size);
	if (r == 0)
		course->result->files++;
	return r;
}

static int row_run(struct course *course, const struct evidence_row *row)
{
	CLEANUP(evidence_item_free_cleanup) struct evidence_item *item = NULL;
	struct row_run *run = NULL;
	uint64_t now = clock_boottime();
	int ended, r;

	if (now >= course->deadline || course->size_left == 0) {
		missing_tell(course, row->name,
			     course->size_left == 0 ? "the bundle is full" : "time was up");
		return 0;
	}
	item = evidence_item_new(row->max < course->size_left ? row->max
							      : (size_t)course->size_left);
	run = calloc(1, sizeof(*run));
	if (!item || !run) {
		free(run);
		return -ENOMEM;
	}
	run->options = course->options;
	run->row = *row;
	if (row->source)
		run->row.source = strncpy(run->source, row->source, sizeof(run->source) - 1);
	ended = evidence_item_run(item, row_collect, run,
				  course->deadline - now < ROW_TIME ? course->deadline - now
								    : ROW_TIME);
	r = item_put(course, row, item, ended);
	if (r == 0)
		r = side_put(course, row, item);
	if (ended == 0)
		free(run);
	return r;
}

static int rows_run(struct course *course, const struct evidence_row *rows)
{
	int r = 0;

	for (; r == 0 && rows->name; rows++)
		r = row_run(course, rows);
	return r;
}

/* The pid may be another's by now. NULL: it is the one; else why it is not. */
static const char *culprit_is_gone(const struct evidence_options *options)
{
	uint64_t start;

	if (process_proc_start(options->pid, &start) < 0)
		return "it has ended";
	if (options->start && (start > options->start || options->start - start >= TICK))
		return "it has ended, and its pid is another's";
	return NULL;
}

static int culprit_run(struct course *course)
{
	const struct evidence_options *options = course->options;
	const char *gone;
	int r;

	if (options->pid <= 0)
		return 0;
	gone = culprit_is_gone(options);
	if (gone) {
		missing_tell(course, "culprit", gone);
		return 0;
	}
	r = rows_run(course, evidence_culprit_rows);
	if (r == 0 && options->memory_max > 0) {
		struct evidence_row memory = evidence_memory_row;

		memory.max = (size_t)options->memory_max;
		r = row_run(course, &memory);
	}
	gone = culprit_is_gone(options);
	if (r == 0 && gone)
		evidence_bundle_remark(course->bundle, "note", "culprit", gone);
	return r;
}

static void head_put(struct course *course)
{
	const struct evidence_options *options = course->options;
	char made[CLOCK_TEXT_SIZE], culprit[64] = "";
	const char *const remarks[][2] = {
		{ "cordon evidence", "v1" },	 { "made", made },
		{ "host", options->host },	 { "isolation", options->isolation },
		{ "finding", options->finding }, { "reason", options->reason },
		{ "culprit", culprit }
	};

	clock_format(clock_realtime(), made);
	if (options->start > 0)
		(void)snprintf(culprit, sizeof(culprit), "pid %d, started %llu ns after boot",
			       (int)options->pid, (unsigned long long)options->start);
	else if (options->pid > 0)
		(void)snprintf(culprit, sizeof(culprit), "pid %d", (int)options->pid);
	for (size_t i = 0; i < ELEMENTS(remarks); i++)
		if (*remarks[i][1])
			evidence_bundle_remark(course->bundle, remarks[i][0], remarks[i][1], "");
}

/* What changes or ends soonest comes first. */
static int course_run(struct course *course)
{
	int r;

	head_put(course);
	r = culprit_run(course);
	if (r == 0)
		r = rows_run(course, evidence_process_rows);
	if (r == 0)
		r = rows_run(course, evidence_host_rows);
	return r;
}

static int seed_load(const char *path, uint8_t seed[static SIGNATURE_KEY_SIZE])
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size = 0;
	int r = fd_read_file(path, KEY_FILE_MAX, &text, &size);

	if (r == 0)
		r = signature_seed_read(text, seed);
	if (text)
		explicit_bzero(text, size);
	return r < 0 ? -ENOKEY : 0;
}

static int room_find(int fd, uint64_t *ret)
{
	struct statvfs status;
	uint64_t room;

	if (fstatvfs(fd, &status) < 0)
		return -errno;
	room = (uint64_t)status.f_bavail * status.f_frsize;
	if (room <= RESERVE)
		return -ENOSPC;
	*ret = room - RESERVE;
	return 0;
}

static int archive_make(const struct evidence_options *options, int fd, const uint8_t *seed,
			struct evidence_result *result)
{
	CLEANUP(evidence_bundle_free_cleanup) struct evidence_bundle *bundle = NULL;
	struct course course = { .options = options,
				 .result = result,
				 .size_left = options->size_max,
				 .deadline = clock_boottime() + options->time };
	uint8_t digest[SHA256_SIZE];
	uint64_t room = 0;
	int r = room_find(fd, &room);

	if (r == 0)
		r = evidence_bundle_open(fd, room, &bundle);
	if (r < 0)
		return r;
	course.bundle = bundle;
	r = course_run(&course);
	if (r == 0)
		r = evidence_bundle_end(bundle, seed, digest, &result->size);
	if (r == 0)
		digest_text(digest, sizeof(digest), result->sha256);
	return r;
}

int evidence_make(const struct evidence_options *options, struct evidence_result *ret)
{
	CLEANUP(free_cleanup) char *temporary = NULL;
	CLEANUP(close_cleanup) int fd = -1;
	struct evidence_result result = { .is_signed = *options->key != '\0' };
	uint8_t seed[SIGNATURE_KEY_SIZE];
	int r = result.is_signed ? seed_load(options->key, seed) : 0;

	if (r < 0)
		return r;
	fd = fd_open_temporary(options->output, 0600, &temporary);
	r = fd < 0 ? fd : archive_make(options, fd, result.is_signed ? seed : NULL, &result);
	explicit_bzero(seed, sizeof(seed));
	if (r == 0)
		r = fd_replace(fd, temporary, options->output);
	if (r < 0 && temporary)
		(void)unlink(temporary);
	if (r == 0)
		*ret = result;
	return r;
}
