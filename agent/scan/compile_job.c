/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/compile_job.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd_pass.h"
#include "base/worker_process.h"
#include "scan/pool.h"

#define TEXT_SIZE   (COMPILE_TEXT_SIZE * 4 + WORKER_DEATH_MAX)
/* Of both packs, in which there may be others than in the configuration. */
#define CHANGES_MAX ((size_t)4 * COMPILE_FEEDS_MAX)
/* Answers taken in one turn of the loop. */
#define TURN_MAX    64

struct compile_job {
	sd_event_source *channel_source, *timer;
	struct worker_process process;
	compile_job_done done;
	void *userdata;
	uint64_t started, heard;
	bool greeted, finished, broken;
	size_t feeds_count, feeds_told, changes_count;
	int error;
	uint32_t failed_feed;
	char text[TEXT_SIZE];
	struct compile_answer summary;
	struct compile_feed_report feeds[COMPILE_FEEDS_MAX];
	struct pack_change changes[CHANGES_MAX];
};

CLEANUP_DEFINE(struct compile_job *, compile_job_free)

static void job_fail(struct compile_job *job, int error, const char *text, bool broken)
{
	if (job->finished)
		return;
	job->finished = true;
	job->broken = broken;
	job->error = error;
	(void)escape_text(text, strlen(text), job->text, sizeof(job->text));
}

static bool text_ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static const char *feed_take(struct compile_job *job, const struct compile_answer *answer)
{
	if (answer->feed.feed != job->feeds_told || job->feeds_told == job->feeds_count)
		return "a report of a feed that it does not have";
	job->feeds[job->feeds_told++] = answer->feed.report;
	return NULL;
}

static const char *change_take(struct compile_job *job, const struct compile_answer *answer)
{
	if (job->changes_count == CHANGES_MAX ||
	    !text_ends(answer->change.feed, sizeof(answer->change.feed)))
		return "changes of no feed";
	job->changes[job->changes_count++] = answer->change;
	return NULL;
}

static const char *done_take(struct compile_job *job, const struct compile_answer *answer)
{
	if (job->feeds_told != job->feeds_count ||
	    !text_ends(answer->done.popular.name, sizeof(answer->done.popular.name)) ||
	    !text_ends(answer->done.in_use.name, sizeof(answer->done.in_use.name)))
		return "an end before all feeds are told";
	job->summary = *answer;
	job->finished = true;
	return NULL;
}

static const char *failed_take(struct compile_job *job, const struct compile_answer *answer)
{
	if (answer->failed.error >= 0 || answer->failed.error < -4095 ||
	    !text_ends(answer->failed.text, sizeof(answer->failed.text)) ||
	    (answer->failed.feed != UINT32_MAX && answer->failed.feed >= job->feeds_count))
		return "a failure that is none";
	job->failed_feed = answer->failed.feed;
	job_fail(job, answer->failed.error, answer->failed.text, false);
	return NULL;
}

/* NULL, or what rule it broke. */
static const char *answer_take(struct compile_job *job, const struct compile_answer *answer)
{
	if (job->greeted == (answer->type == COMPILE_HELLO))
		return "a hello that is missing, or a second one";
	switch (answer->type) {
	case COMPILE_HELLO:
		job->greeted = true;
		return answer->hello.version == COMPILE_VERSION ? NULL : "another version";
	case COMPILE_PROGRESS:
		return NULL;
	case COMPILE_FEED_DONE:
		return feed_take(job, answer);
	case COMPILE_CHANGE:
		return change_take(job, answer);
	case COMPILE_DONE:
		return done_take(job, answer);
	case COMPILE_FAILED:
		return failed_take(job, answer);
	default:
		return "an answer of no known type";
	}
}

static void job_died(struct compile_job *job)
{
	char death[WORKER_DEATH_MAX] = "gone";

	worker_process_kill(&job->process);
	while (worker_process_reap(&job->process, death) == 0)
		(void)poll(&(struct pollfd){ .fd = job->process.pidfd, .events = POLLIN }, 1, 1000);
	job_fail(job, -EPIPE, death, true);
}

/* What it says by now. */
static void job_read(struct compile_job *job)
{
	struct compile_answer answer;
	const char *why = NULL;
	ssize_t n = 0;

	for (int i = 0; i < TURN_MAX && !job->finished && !why; i++) {
		n = channel_receive(job->process.channel, &answer, sizeof(answer));
		if (n == -EAGAIN)
			break;
		job->heard = clock_boottime();
		if (n < 0) {
			job_died(job);
			return;
		}
		why = n == sizeof(answer) ? answer_take(job, &answer)
					  : "an answer of no known size";
	}
	if (why)
		job_fail(job, -EBADMSG, why, true);
	if (!job->finished && (clock_boottime() - job->heard > COMPILE_SILENCE ||
			       clock_boottime() - job->started > COMPILE_DEADLINE))
		job_fail(job, -ETIMEDOUT, "it took too long", true);
}

/* Nobody may write the pack any more when it is told. */
static void job_end(struct compile_job *job)
{
	struct compile_result result = {
		.error = job->error,
		.feed = job->failed_feed,
		.text = job->text,
		.broken = job->broken,
		.done = job->error == 0 ? &job->summary : NULL,
		.feeds = job->feeds,
		.feeds_count = job->error == 0 ? job->feeds_count : 0,
		.changes = job->changes,
		.changes_count = job->error == 0 ? job->changes_count : 0,
	};
	CLEANUP(compile_job_free_cleanup) struct compile_job *ending = job;

	worker_process_end(&job->process);
	job->channel_source = sd_event_source_disable_unref(job->channel_source);
	job->timer = sd_event_source_disable_unref(job->timer);
	ending->done(&result, ending->userdata);
}

static int channel_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct compile_job *job = userdata;

	(void)source;
	(void)fd;
	(void)events;
	job_read(job);
	if (job->finished)
		job_end(job);
	return 0;
}

static int timer_fired(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)usec;
	(void)sd_event_source_set_time_relative(source, COMPILE_SILENCE / 1000);
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return channel_ready(NULL, -1, 0, userdata);
}

/* Waits while the worker takes what it was handed before. */
static int hand_send(struct compile_job *job, const struct compile_hand *hand, int fd)
{
	uint64_t deadline = job->started + 20 * NS_PER_SECOND;
	int r;

	for (;;) {
		r = fd_pass_send(job->process.channel, hand, sizeof(*hand), fd);
		if (r != -EAGAIN)
			return r;
		r = channel_wait(job->process.channel, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
}

static int role_send(struct compile_job *job, enum compile_role role, int fd)
{
	struct compile_hand hand = { .role = role };

	return fd > 0 ? hand_send(job, &hand, fd) : 0;
}

static int all_send(struct compile_job *job, const struct compile_job_options *options,
		    const struct compile_job_feed *feeds, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = hand_send(job, &feeds[i].hand, feeds[i].fd);
	if (r == 0)
		r = role_send(job, COMPILE_NEVER_BLOCK, options->never_block);
	if (r == 0)
		r = role_send(job, COMPILE_RESOLVERS, options->resolvers);
	if (r == 0)
		r = role_send(job, COMPILE_BEFORE, options->before);
	if (r == 0)
		r = role_send(job, COMPILE_POPULAR, options->popular);
	if (r == 0)
		r = role_send(job, COMPILE_IN_USE, options->in_use);
	if (r == 0 && options->ready)
		return role_send(job, COMPILE_READY, options->ready);
	return r < 0 ? r : role_send(job, COMPILE_OUTPUT, options->output);
}

static int job_watch(struct compile_job *job, sd_event *loop)
{
	int r = sd_event_add_io(loop, &job->channel_source, job->process.channel, EPOLLIN,
				channel_ready, job);

	if (r >= 0)
		r = sd_event_add_time_relative(loop, &job->timer, CLOCK_MONOTONIC,
					       COMPILE_SILENCE / 1000, 0, timer_fired, job);
	return r < 0 ? r : 0;
}

int compile_job_start(sd_event *loop, const struct compile_job_options *options,
		      const struct compile_job_feed *feeds, size_t count, compile_job_done done,
		      void *userdata, struct compile_job **ret)
{
	CLEANUP(compile_job_free_cleanup) struct compile_job *job = NULL;
	struct worker_program program;
	int r;

	if (count > COMPILE_FEEDS_MAX)
		return -E2BIG;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->process = (struct worker_process){ .pidfd = -1, .channel = -1 };
	job->done = done;
	job->userdata = userdata;
	job->feeds_count = count;
	job->failed_feed = UINT32_MAX;
	job->started = job->heard = clock_boottime();
	r = worker_program_open(POOL_PROGRAM, options->program, &program);
	if (r < 0)
		return r;
	program.mode = COMPILE_MODE;
	r = worker_process_start(&program, options->memory, &job->process);
	worker_program_close(&program);
	if (r == 0)
		r = all_send(job, options, feeds, count);
	/* It has ended by now: why is read with what it said before. */
	if (r == -EPIPE)
		r = 0;
	if (r == 0 && loop)
		r = job_watch(job, loop);
	if (r < 0)
		return r;
	*ret = take_ptr(job);
	return 0;
}

void compile_job_wait(struct compile_job *job)
{
	while (!job->finished) {
		(void)channel_wait(job->process.channel, POLLIN,
				   clock_boottime() + COMPILE_SILENCE);
		job_read(job);
	}
	job_end(job);
}

void compile_job_free(struct compile_job *job)
{
	if (!job)
		return;
	worker_process_end(&job->process);
	(void)sd_event_source_disable_unref(job->channel_source);
	(void)sd_event_source_disable_unref(job->timer);
	free(job);
}
