/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the zygote of a rule set. What it says is checked: it has read compiled rules, which may not
 * be what they should.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "scan/file_main.h"
#include "scan/file_scan_private.h"

static void zygote_unwatch(struct file_set *set)
{
	set->channel_source = sd_event_source_disable_unref(set->channel_source);
	set->process_source = sd_event_source_disable_unref(set->process_source);
}

void file_set_clear(struct file_set *set)
{
	zygote_unwatch(set);
	worker_process_end(&set->zygote);
	if (set->generation > 0)
		close_cleanup(&set->rules.fd);
	*set = (struct file_set){ .scan = set->scan,
				  .zygote = { .pidfd = -1, .channel = -1 },
				  .rules = { .fd = -1 } };
}

/* The next one is started in a while. */
static void zygote_down(struct file_set *set, const char *why)
{
	char text[FILE_REASON_MAX + 64];

	zygote_unwatch(set);
	worker_process_end(&set->zygote);
	set->greeted = set->loaded = false;
	set->backoff = set->backoff ? set->backoff * 2 : FILE_BACKOFF_MIN;
	if (set->backoff > FILE_BACKOFF_MAX)
		set->backoff = FILE_BACKOFF_MAX;
	set->restart_at = clock_boottime() + set->backoff;
	set->scan->statistics.broken++;
	(void)snprintf(text, sizeof(text), "the process that holds the rules: %s", why);
	set->failures++;
	file_pool_wake(set->scan);
	file_scan_trouble(set->scan, FILE_SCAN_WORKER, text);
}

static int rules_send(struct file_set *set)
{
	const struct file_scan_options *options = &set->scan->options;
	struct file_message message = {
		.type = FILE_RULES,
		.numbers = {
			[FILE_RULES_SIZE_MAX] = options->size_max,
			[FILE_RULES_TIME_MAX] = options->time_max,
			[FILE_RULES_DEPTH] = options->archive_depth,
			[FILE_RULES_UNPACKED_MAX] = options->unpacked_max,
		},
		.descriptors = { set->rules.fd, -1 },
	};

	return file_message_send(set->zygote.channel, &message, false);
}

/* A child of ours that nobody knows yet is to be reaped should it never say its name. That it is
 * one of our children is all that is certain; reaping does no harm to those that live. */
static void orphan_note(struct file_scan *scan, pid_t pid)
{
	for (size_t i = 0; i < FILE_ORPHANS_MAX; i++)
		if (scan->orphans[i] == 0) {
			scan->orphans[i] = pid;
			return;
		}
}

/* NULL, or what is wrong. */
static const char *message_take(struct file_set *set, const struct file_message *message)
{
	switch (message->type) {
	case FILE_HELLO:
		if (message->numbers[FILE_HELLO_VERSION] != FILE_PROTOCOL_VERSION)
			return "is of another version";
		set->greeted = true;
		return rules_send(set) < 0 ? "takes no rules" : NULL;
	case FILE_LOADED:
		if (set->loaded)
			return "broke the rules";
		set->loaded = set->held = true;
		file_scan_loaded(set->scan, set);
		return NULL;
	case FILE_FORKED:
		if (message->numbers[0] > 1 && message->numbers[0] <= INT32_MAX)
			orphan_note(set->scan, (pid_t)message->numbers[0]);
		return NULL;
	case FILE_FAILED:
		(void)snprintf(set->reason, sizeof(set->reason), "%s", message->texts[0]);
		return set->reason;
	default:
		return "broke the rules";
	}
}

static int channel_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct file_set *set = userdata;
	struct file_frame *frame = &set->scan->frame;
	uint64_t generation = set->generation;

	(void)source;
	(void)events;
	/* A set that comes into force moves to another place. */
	while (set->generation == generation && set->zygote.pid > 0) {
		struct file_message message;
		const char *why = NULL;
		int r = file_frame_receive(fd, frame, false);

		if (r == -EAGAIN)
			return 0;
		if (r == -EPIPE)
			return sd_event_source_set_enabled(set->channel_source, SD_EVENT_OFF);
		if (r == 0)
			r = file_message_read(frame,
					      set->greeted ? FILE_READER_PARENT_ZYGOTE
							   : FILE_READER_PARENT_UNGREETED,
					      &message, &why);
		why = r < 0 ? "broke the rules" : message_take(set, &message);
		if (why) {
			zygote_down(set, why);
			return 0;
		}
	}
	return 0;
}

static int process_ended(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct file_set *set = userdata;
	char death[WORKER_DEATH_MAX];

	(void)source;
	(void)fd;
	(void)events;
	if (worker_process_reap(&set->zygote, death) > 0)
		zygote_down(set, death);
	return 0;
}

static int zygote_watch(struct file_set *set)
{
	int r = sd_event_add_io(set->scan->loop, &set->channel_source, set->zygote.channel, EPOLLIN,
				channel_ready, set);

	if (r >= 0)
		r = sd_event_add_io(set->scan->loop, &set->process_source, set->zygote.pidfd,
				    EPOLLIN, process_ended, set);
	return r < 0 ? r : 0;
}

/* Where the kernel groups processes by session (autogroup), a nice value holds only within the
 * group, and the workers' is their own: it has a value, too. */
static void group_renice(pid_t pid, int nice)
{
	CLEANUP(close_cleanup) int fd = -1;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/autogroup", (int)pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)dprintf(fd, "%d", nice);
}

/* With its workers: all that it has forked are in its process group. */
void file_set_renice(const struct file_set *set)
{
	const struct file_scan *scan = set->scan;
	pid_t pid = set->zygote.pid;

	if (pid <= 0 || scan->options.nice == 0)
		return;
	(void)setpriority(PRIO_PGRP, (id_t)pid,
			  scan->yields ? FILE_YIELD_NICE : scan->options.nice);
	group_renice(pid, scan->yields ? FILE_YIELD_NICE : 0);
}

int file_set_start(struct file_set *set)
{
	struct worker_program program = set->scan->program;
	int r;

	program.mode = set->rules.magic ? FILE_MODE_MAGIC : FILE_MODE_FILES;
	set->started = clock_boottime();
	set->restart_at = 0;
	r = worker_process_start(&program, set->scan->options.memory, &set->zygote);
	if (r == 0)
		file_set_renice(set);
	if (r == 0)
		r = zygote_watch(set);
	if (r < 0) {
		char why[64];

		(void)snprintf(why, sizeof(why), "cannot be started: %s", strerror(-r));
		zygote_down(set, why);
	}
	return r;
}

void file_set_tick(struct file_set *set, uint64_t now)
{
	if (set->generation == 0)
		return;
	if ((set == &set->scan->next || (set->kept && !set->held)) &&
	    set->failures >= FILE_SET_FAILURES_MAX) {
		file_scan_unloadable(set->scan, set);
		return;
	}
	if (set->zygote.pid == 0 && set->started > 0) {
		if (now >= set->restart_at)
			(void)file_set_start(set);
	} else if (set->zygote.pid > 0 && !set->loaded &&
		   now - set->started >= FILE_HELLO_TIMEOUT) {
		zygote_down(set, "no answer");
	}
}

int file_set_fork(struct file_set *set, unsigned number, int channel)
{
	struct file_message message = { .type = FILE_FORK,
					.id = number,
					.descriptors = { channel, -1 } };

	if (!set->loaded)
		return -EAGAIN;
	return file_message_send(set->zygote.channel, &message, false);
}
