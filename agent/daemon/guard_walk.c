/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks over watched places: all files, or those that changed, as scheduled; what was missed when
 * the queue ran over; folders that were moved in. One at a time, one file at a time, and only while
 * nothing else waits. How far a scheduled one has come is kept in state_dir, and the next start
 * goes on from there.
 */
#include "daemon/guard_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/log.h"

CLEANUP_DEFINE(json_t *, json_decref)

#define PLACE_FILE    "walk.json"
#define PLACE_SIZE    ((size_t)64 * 1024)
/* Entries that are looked at, and files that are known and passed over, in one turn of the loop. */
#define TURN_ENTRIES  256
#define TURN_FILES    64
/* Between two turns, so that a walk over what is known takes a part of one CPU only. */
#define TURN_PAUSE    5000 /* microseconds */
#define SAVE_INTERVAL (10 * NS_PER_SECOND)
#define HOUR	      (3600 * NS_PER_SECOND)

static void place_path(const struct file_guard *guard, char out[static PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/" PLACE_FILE, guard->agent->config.state_dir);
}

/* A path may have any bytes: it is kept in hexadecimal digits. */
static json_t *place_json(const struct guard_walk *walk)
{
	const char *place = walk->walk && !walk->of_asked ? file_walk_place(walk->walk) : "";
	char digits[PATH_MAX * 2 + 1];
	size_t length = strlen(place);

	if (length >= PATH_MAX)
		length = 0;
	digest_text((const uint8_t *)place, length, digits);
	return json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:s}", "active",
			 walk->walk && !walk->of_asked, "full", walk->full, "since",
			 (json_int_t)walk->since, "begun", (json_int_t)walk->begun, "full_done",
			 (json_int_t)walk->full_done, "changed_done",
			 (json_int_t)walk->changed_done, "place", digits);
}

static int place_write(const struct file_guard *guard)
{
	CLEANUP(json_decref_cleanup) json_t *object = place_json(&guard->walk);
	CLEANUP(free_cleanup) char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	char path[PATH_MAX];

	if (!text)
		return -ENOMEM;
	place_path(guard, path);
	return fd_write_file(path, 0600, text, strlen(text));
}

static void place_save(struct file_guard *guard)
{
	int r = place_write(guard);

	guard->walk.saved = clock_boottime();
	if (r < 0)
		(void)log_errno(LOG_WARNING, r, "how far the scan has come cannot be kept");
}

static void walk_end(struct guard_walk *walk)
{
	file_walk_free(walk->walk);
	walk->walk = NULL;
}

static int walk_start(struct file_guard *guard, const char *root, uint64_t since, const char *place)
{
	const char *one[] = { root };
	const struct file_walk_options options = {
		.roots = root ? one : (const char *const *)guard->roots.paths,
		.roots_count = root ? 1 : guard->roots.count,
		.exclude = (const char *const *)guard->exclude.paths,
		.exclude_count = guard->exclude.count,
		.since = since,
		.place = place,
	};
	int r = file_walk_new(&options, &guard->walk.walk);

	if (r < 0)
		return log_errno(LOG_ERR, r, "no walk over files");
	guard_walk_wake(guard);
	return 0;
}

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static bool digits_read(const char *digits, char out[static PATH_MAX])
{
	size_t length = strlen(digits) / 2;

	if (length >= PATH_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned byte;

		if (sscanf(digits + i * 2, "%2x", &byte) != 1 || byte == 0)
			return false;
		out[i] = (char)byte;
	}
	out[length] = '\0';
	return true;
}

/* Goes on where the last daemon was. */
static void place_read(struct file_guard *guard)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	CLEANUP(free_cleanup) char *text = NULL;
	struct guard_walk *walk = &guard->walk;
	char path[PATH_MAX], place[PATH_MAX];
	const char *digits;
	size_t size;

	place_path(guard, path);
	if (fd_read_file(path, PLACE_SIZE, &text, &size) < 0)
		return;
	object = json_loadb(text, size, 0, NULL);
	digits = json_string_value(json_object_get(object, "place"));
	walk->full_done = number(object, "full_done");
	walk->changed_done = number(object, "changed_done");
	if (!json_is_true(json_object_get(object, "active")) || !digits ||
	    !digits_read(digits, place))
		return;
	walk->full = json_is_true(json_object_get(object, "full"));
	walk->since = number(object, "since");
	walk->begun = number(object, "begun");
	if (walk_start(guard, NULL, walk->since, place) == 0)
		log_info("the scan of files goes on where it was");
}

static void walk_finished(struct file_guard *guard)
{
	struct guard_walk *walk = &guard->walk;

	if (!walk->of_asked) {
		/* What changed while it went on is the next one's. */
		walk->changed_done = walk->begun;
		if (walk->full)
			walk->full_done = walk->begun;
	}
	walk->ended++;
	walk_end(walk);
	if (!walk->of_asked)
		place_save(guard);
}

/* Whether the next file may be begun: nothing else is waiting for the workers. */
static bool idle(const struct file_guard *guard)
{
	return guard->walk.walk && !guard->full && guard->walked_jobs == 0 &&
	       file_queue_count(guard->queue) == 0 && guard->jobs < 2;
}

static void file_begin(struct file_guard *guard, const char *path)
{
	struct guard_task task = { .fd = -1,
				   .path = path,
				   .trigger = FILE_LISTED,
				   .told = clock_boottime(),
				   .walked = true };

	guard->walk.files++;
	guard->counts[GUARD_SEEN]++;
	if (guard_job_begin(guard, &task) == GUARD_LATER)
		guard->counts[GUARD_DROPPED]++;
}

static int walk_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct file_guard *guard = userdata;
	struct guard_walk *walk = &guard->walk;
	unsigned files = 0;

	(void)source;
	(void)usec;
	while (idle(guard) && files++ < TURN_FILES) {
		const char *path;
		enum file_walk_step step = file_walk_next(walk->walk, TURN_ENTRIES, &path);

		if (step == FILE_WALK_END) {
			walk_finished(guard);
			return 0;
		}
		if (step == FILE_WALK_PAUSE)
			break;
		file_begin(guard, path);
	}
	if (walk->walk && !walk->of_asked && clock_boottime() - walk->saved > SAVE_INTERVAL)
		place_save(guard);
	guard_walk_wake(guard);
	return 0;
}

void guard_walk_wake(struct file_guard *guard)
{
	if (!guard->walk.source || !idle(guard))
		return;
	(void)sd_event_source_set_time_relative(guard->walk.source, TURN_PAUSE);
	(void)sd_event_source_set_enabled(guard->walk.source, SD_EVENT_ONESHOT);
}

void guard_walk_ask(struct file_guard *guard, const char *path, uint64_t since)
{
	struct guard_walk *walk = &guard->walk;
	char *copy = path ? strdup(path) : NULL;

	/* Too many to be told apart: one over everything that changed lately has them all. */
	if (walk->asked_count == GUARD_WALKS_MAX || (path && !copy)) {
		free(copy);
		free(walk->asked[0].path);
		walk->asked[0].path = NULL;
		walk->asked[0].since = 0;
		return;
	}
	walk->asked[walk->asked_count].path = copy;
	walk->asked[walk->asked_count++].since = since;
}

static void asked_start(struct file_guard *guard)
{
	struct guard_walk *walk = &guard->walk;
	CLEANUP(free_cleanup) char *path = walk->asked[0].path;
	uint64_t since = walk->asked[0].since;

	walk->asked_count--;
	memmove(walk->asked, walk->asked + 1, walk->asked_count * sizeof(walk->asked[0]));
	walk->of_asked = true;
	(void)walk_start(guard, path, since, NULL);
}

static void scheduled_start(struct file_guard *guard)
{
	const struct config *config = &guard->agent->config;
	struct guard_walk *walk = &guard->walk;
	uint64_t now = clock_realtime();
	bool full =
		config->scan.full_every && now - walk->full_done >= config->scan.full_every * HOUR;
	bool changed = config->scan.changed_every &&
		       now - walk->changed_done >= config->scan.changed_every * HOUR;

	if (!full && changed && walk->changed_done == 0) {
		/* The first start: what is there is there, what changes from now on counts. */
		walk->changed_done = now;
		place_save(guard);
		return;
	}
	if (!full && !changed)
		return;
	walk->of_asked = false;
	walk->full = full;
	walk->begun = now;
	walk->since = full ? 0 : walk->changed_done;
	(void)walk_start(guard, NULL, walk->since, NULL);
}

void guard_walk_tick(struct file_guard *guard)
{
	struct guard_walk *walk = &guard->walk;

	/* Before there are rules, a scan is worth nothing. */
	if (!guard->cache)
		return;
	if (!walk->walk && walk->asked_count > 0)
		asked_start(guard);
	else if (!walk->walk)
		scheduled_start(guard);
	guard_walk_wake(guard);
}

int guard_walk_open(struct file_guard *guard)
{
	struct guard_walk *walk = &guard->walk;
	int r = sd_event_add_time(guard->agent->loop, &walk->source, CLOCK_MONOTONIC, 0, 1000,
				  walk_turn, guard);

	if (r >= 0)
		r = sd_event_source_set_enabled(walk->source, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(walk->source, SD_EVENT_PRIORITY_IDLE);
	if (r < 0)
		return r;
	place_read(guard);
	return 0;
}

void guard_walk_close(struct file_guard *guard)
{
	struct guard_walk *walk = &guard->walk;

	walk->source = sd_event_source_disable_unref(walk->source);
	if (walk->walk && !walk->of_asked)
		place_save(guard);
	walk_end(walk);
	while (walk->asked_count > 0)
		free(walk->asked[--walk->asked_count].path);
}
