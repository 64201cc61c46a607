/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/fetch_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/fd_pass.h"
#include "base/worker_process.h"
#include "cloud/courier.h"

/* Setting up its cage, and the end of what it says behind a question's own time. */
#define MARGIN	  (30 * NS_PER_SECOND)
#define TEXT_SIZE (FETCH_TEXT_SIZE * 4)
/* Frames read in one turn: 1.5 MiB. */
#define TURN_MAX  32

struct fetch_job {
	sd_event_source *channel_source, *timer;
	struct worker_process process;
	fetch_job_done done;
	void *userdata;
	bool greeted, busy, broken;
	bool sent; /* the question: after its hello */
	struct fetch_ask ask;
	int file; /* that the answer is written to, or that is put */
	uint64_t size;
};

CLEANUP_DEFINE(struct fetch_job *, fetch_job_free)

static void result_tell(struct fetch_job *job, const struct fetch_result *result)
{
	job->busy = false;
	(void)sd_event_source_set_enabled(job->timer, SD_EVENT_OFF);
	job->done(result, job->userdata);
}

/* It is of no use any more. */
static void job_break(struct fetch_job *job, const char *why)
{
	char text[TEXT_SIZE];
	struct fetch_result result = {
		.outcome = FETCH_FAILED, .etag = "", .modified = "", .text = text, .broken = true
	};

	(void)escape_text(why, strlen(why), text, sizeof(text));
	job->broken = true;
	job->channel_source = sd_event_source_disable_unref(job->channel_source);
	worker_process_end(&job->process);
	if (job->busy)
		result_tell(job, &result);
}

/* What goes into a header again is one line of printable letters. */
static bool value_is_one(const char *text, size_t size)
{
	if (!memchr(text, '\0', size))
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			return false;
	return true;
}

static const char *done_take(struct fetch_job *job, const struct fetch_done *done)
{
	char text[TEXT_SIZE];
	struct fetch_result result = { .outcome = (enum fetch_outcome)done->outcome,
				       .size = job->size,
				       .etag = done->etag,
				       .modified = done->modified,
				       .text = text };

	if (done->outcome >= FETCH_OUTCOMES || !value_is_one(done->etag, sizeof(done->etag)) ||
	    !value_is_one(done->modified, sizeof(done->modified)) ||
	    !memchr(done->text, '\0', sizeof(done->text)))
		return "an end of no known kind";
	if (done->outcome == FETCH_NEW && done->size != job->size)
		return "an end before all was sent";
	if (done->outcome == FETCH_SAME && !*job->ask.etag && !*job->ask.modified)
		return "no change of what it does not know";
	(void)escape_text(done->text, strlen(done->text), text, sizeof(text));
	result_tell(job, &result);
	return NULL;
}

static const char *data_take(struct fetch_job *job, const struct fetch_answer *answer)
{
	if (job->ask.put || answer->size == 0 || answer->size > sizeof(answer->data) ||
	    job->size + answer->size > job->ask.size_max)
		return "more data than was asked for";
	job->size += answer->size;
	return fd_write_all(job->file, answer->data, answer->size) < 0
		       ? "the download cannot be written"
		       : NULL;
}

static int ask_write(struct fetch_job *job)
{
	job->sent = true;
	return fd_pass_send(job->process.channel, &job->ask, sizeof(job->ask),
			    job->ask.put ? job->file : -1);
}

static void ask_send(struct fetch_job *job)
{
	if (!job->sent && job->greeted && job->busy && ask_write(job) < 0)
		job_break(job, "it does not listen");
}

static const char *answer_take(struct fetch_job *job, const struct fetch_answer *answer)
{
	if (answer->type == FETCH_HELLO && !job->greeted) {
		job->greeted = true;
		return answer->hello.version == FETCH_VERSION ? NULL : "another version";
	}
	if (!job->greeted || !job->busy || !job->sent)
		return "an answer to no question";
	if (answer->type == FETCH_DATA)
		return data_take(job, answer);
	return answer->type == FETCH_DONE ? done_take(job, &answer->done)
					  : "an answer of no known type";
}

static int channel_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct fetch_job *job = userdata;
	struct fetch_answer answer;
	const char *why = NULL;

	(void)source;
	(void)events;
	for (int i = 0; i < TURN_MAX && !why; i++) {
		ssize_t n = channel_receive(fd, &answer, sizeof(answer));
		bool done = n == sizeof(answer) && answer.type == FETCH_DONE;

		if (n == -EAGAIN)
			break;
		if (n < 0)
			why = "it ended";
		else if (n != sizeof(answer))
			why = "an answer of no known size";
		else
			why = answer_take(job, &answer);
		/* Whoever was told may have freed the job. */
		if (done && !why)
			return 0;
	}
	if (why)
		job_break(job, why);
	else
		ask_send(job);
	return 0;
}

static int timer_fired(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	job_break(userdata, "it took too long");
	return 0;
}

static int settings_send(struct fetch_job *job, const char *settings)
{
	CLEANUP(close_cleanup) int fd = fd_open_memory(settings, strlen(settings));

	return fd < 0 ? fd : fd_pass_send(job->process.channel, "s", 1, fd);
}

int fetch_job_new(sd_event *loop, const struct fetch_job_options *options, fetch_job_done done,
		  void *userdata, struct fetch_job **ret)
{
	CLEANUP(fetch_job_free_cleanup) struct fetch_job *job = calloc(1, sizeof(*job));
	struct worker_program program;
	int r;

	if (!job)
		return -ENOMEM;
	job->process = (struct worker_process){ .pidfd = -1, .channel = -1 };
	job->done = done;
	job->userdata = userdata;
	r = worker_program_open(COURIER_PROGRAM, options->program, &program);
	if (r < 0)
		return r;
	program.mode = FETCH_MODE;
	r = worker_process_start(&program, options->memory, &job->process);
	worker_program_close(&program);
	if (r == 0)
		r = settings_send(job, options->settings);
	if (r == 0)
		r = sd_event_add_io(loop, &job->channel_source, job->process.channel, EPOLLIN,
				    channel_ready, job);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &job->timer, CLOCK_MONOTONIC, 0, 0,
					       timer_fired, job);
	if (r >= 0)
		r = sd_event_source_set_enabled(job->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = take_ptr(job);
	return 0;
}

void fetch_job_free(struct fetch_job *job)
{
	if (!job)
		return;
	(void)sd_event_source_disable_unref(job->channel_source);
	(void)sd_event_source_disable_unref(job->timer);
	worker_process_end(&job->process);
	free(job);
}

int fetch_job_ask(struct fetch_job *job, const struct fetch_ask *ask, int file)
{
	if (job->broken)
		return -EPIPE;
	if (job->busy)
		return -EBUSY;
	job->ask = *ask;
	job->file = file;
	job->size = 0;
	job->busy = true;
	job->sent = false;
	(void)sd_event_source_set_time_relative(job->timer, (ask->timeout + MARGIN) / 1000);
	(void)sd_event_source_set_enabled(job->timer, SD_EVENT_ONESHOT);
	/* Not from within: done is called from the loop. */
	if (job->greeted) {
		if (ask_write(job) < 0) {
			job->busy = false;
			return -EPIPE;
		}
	}
	return 0;
}
