/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: what a worker that compiles feeds says, as its parent hears it: all of the input is
 * in an attacker's hands. A byte for how many feeds there are; then frames, each with two bytes in
 * front that say how long it is, the highest bit that it is as short as that: else zeros fill it
 * up. Whatever comes: there is one end, what it tells is in bounds, and texts end.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The job's inside: a worker that is no process cannot be had from outside. */
#include "scan/compile_job.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_AS_IT_IS 0x8000

static unsigned ends;

static void hear(const struct compile_result *result, void *userdata)
{
	const size_t *feeds = userdata;

	ends++;
	assert((result->error == 0) == (result->done != NULL));
	assert(strlen(result->text) < TEXT_SIZE);
	if (result->error != 0) {
		assert(result->error < 0 && result->error >= -4095);
		assert(result->feed == UINT32_MAX || result->feed < *feeds);
		assert(result->feeds_count == 0 && result->changes_count == 0);
		return;
	}
	assert(result->feeds_count == *feeds && result->changes_count <= CHANGES_MAX);
	for (size_t i = 0; i < result->changes_count; i++)
		assert(text_ends(result->changes[i].feed, sizeof(result->changes[i].feed)));
	assert(text_ends(result->done->done.popular.name, COMPILE_TEXT_SIZE));
	assert(text_ends(result->done->done.in_use.name, COMPILE_TEXT_SIZE));
}

static struct compile_job *job_make(size_t feeds, int channel, size_t *userdata)
{
	struct compile_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->process = (struct worker_process){ .channel = channel, .pidfd = -1 };
	job->done = hear;
	job->userdata = userdata;
	job->feeds_count = feeds;
	job->failed_feed = UINT32_MAX;
	job->started = job->heard = clock_boottime();
	return job;
}

/* Whether there was an end. */
static bool frames_say(int channel, struct compile_job *job, const uint8_t *data, size_t size)
{
	static uint8_t frame[sizeof(struct compile_answer)];

	while (size > 2 && !job->finished) {
		size_t head = (size_t)data[0] << 8 | data[1], length = head & (FRAME_AS_IT_IS - 1);

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		if (length > sizeof(frame))
			length = sizeof(frame);
		if (length == 0)
			continue;
		memset(frame, 0, sizeof(frame));
		memcpy(frame, data, length);
		data += length;
		size -= length;
		if (channel_send(channel, frame, head & FRAME_AS_IT_IS ? length : sizeof(frame)) <
		    0)
			break;
		job_read(job);
	}
	return job->finished;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t feeds = size > 0 ? data[0] % 4 : 0;
	struct compile_job *job;
	int pair[2];

	if (size < 1 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return 0;
	clock_hold(1000 * NS_PER_SECOND, 100 * NS_PER_SECOND);
	job = job_make(feeds, pair[0], &feeds);
	ends = 0;
	if (!job)
		abort();
	if (frames_say(pair[1], job, data + 1, size - 1)) {
		job_end(job);
		assert(ends == 1);
	} else {
		assert(ends == 0);
		compile_job_free(job);
	}
	(void)close(pair[1]);
	clock_release();
	return 0;
}
