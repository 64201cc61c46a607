/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what waits to be quiet, and when it is begun; gives it to guard_job.c. Gets paths from
 * file_guard.c, which anybody chose.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/guard_private.h"

/* Times of files are cut to the tick, and an event may be told a moment later. */
#define MISSED_MARGIN (2 * NS_PER_SECOND)
/* What becomes quiet within so long is begun at once: in a virtual machine it takes longer to set a
 * timer than to hand over a file. */
#define QUEUE_TICK    (10 * NS_PER_MILLISECOND)

/* Nothing is begun before this many are done, once the workers have all that they may: each turn is
 * then for many. */
#define REFILL (GUARD_QUEUED_MAX / 2)

/* So many files wait when somebody writes them faster than they are scanned: whoever does is not to
 * be held up, and a single file would be found no sooner. Over when so many are left. */
#define STORM_BEGINS 512
#define STORM_ENDS   64

static void storm_watch(struct file_guard *guard)
{
	uint32_t waiting = file_queue_count(guard->queue);

	if (waiting >= STORM_BEGINS)
		file_scan_yield(guard->scan, true);
	else if (waiting < STORM_ENDS)
		file_scan_yield(guard->scan, false);
}

static void sources_stop(struct file_guard *guard)
{
	(void)sd_event_source_set_enabled(guard->timer, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(guard->due, SD_EVENT_OFF);
}

void guard_wake(struct file_guard *guard)
{
	uint64_t next = file_queue_next(guard->queue);

	storm_watch(guard);
	if (guard->queued_jobs >= GUARD_QUEUED_MAX)
		guard->refill = true;
	if (guard->queued_jobs <= REFILL)
		guard->refill = false;
	if (next == UINT64_MAX || guard->full || guard->refill) {
		sources_stop(guard);
		return;
	}
	if (next <= clock_boottime()) {
		(void)sd_event_source_set_enabled(guard->due, SD_EVENT_ONESHOT);
		return;
	}
	next = (next / QUEUE_TICK + 1) * QUEUE_TICK;
	(void)sd_event_source_set_time(guard->timer, next / 1000);
	(void)sd_event_source_set_enabled(guard->timer, SD_EVENT_ONESHOT);
}

static void queued_begin(struct file_guard *guard, struct queued_file *file)
{
	struct guard_task task = { .fd = -1,
				   .path = file->path,
				   .trigger = (enum file_trigger)file->trigger,
				   .pid = file->pid,
				   .told = file->told,
				   .attempts = file->attempts };

	/* It was taken out of the queue, so there is room for it. */
	if (guard_job_begin(guard, &task) == GUARD_LATER) {
		guard->full = true;
		(void)file_queue_add(guard->queue, file);
	}
	free(take_ptr(file->path));
}

static void queue_begin(struct file_guard *guard)
{
	struct queued_file file;

	for (unsigned i = 0;
	     i < GUARD_QUEUED_MAX && !guard->full && guard->queued_jobs < GUARD_QUEUED_MAX; i++) {
		if (!file_queue_take(guard->queue, clock_boottime(), &file))
			break;
		queued_begin(guard, &file);
	}
	guard_wake(guard);
}

static int timer_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	queue_begin(userdata);
	return 0;
}

static int queue_due(sd_event_source *source, void *userdata)
{
	(void)source;
	queue_begin(userdata);
	return 0;
}

void guard_missed(struct file_guard *guard, uint64_t since)
{
	since -= MISSED_MARGIN;
	if (guard->missed_since == 0 || since < guard->missed_since)
		guard->missed_since = since;
}

void guard_queue_add(struct file_guard *guard, const struct file_notice *notice)
{
	const struct queued_file file = { .path = (char *)(uintptr_t)notice->path,
					  .trigger = notice->trigger,
					  .pid = notice->pid,
					  .told = clock_boottime() };
	int r = file_queue_add(guard->queue, &file);

	if (r == FILE_QUEUE_MERGED)
		guard->counts[GUARD_MERGED]++;
	if (r < 0) {
		guard->counts[GUARD_DROPPED]++;
		guard_missed(guard, clock_realtime());
	}
	guard_wake(guard);
}

int guard_queue_open(struct file_guard *guard)
{
	sd_event *loop = guard->agent->loop;
	int r = file_queue_new(GUARD_QUEUE_MAX,
			       guard->agent->config.scan.settle * NS_PER_MILLISECOND,
			       GUARD_SETTLE_MOST, &guard->queue);

	if (r >= 0)
		r = sd_event_add_time(loop, &guard->timer, CLOCK_BOOTTIME, 0, 1000, timer_due,
				      guard);
	if (r >= 0)
		r = sd_event_add_defer(loop, &guard->due, queue_due, guard);
	if (r >= 0)
		sources_stop(guard);
	return r;
}

void guard_queue_close(struct file_guard *guard)
{
	if (guard->queue)
		file_queue_free(guard->queue);
	sd_event_source_disable_unref(guard->timer);
	sd_event_source_disable_unref(guard->due);
}
