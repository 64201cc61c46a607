/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: what a cordon-cloud that downloads feeds says, as its parent hears it: all of the
 * input is in an attacker's hands. A byte of flags for what is asked; then frames, each with two
 * bytes in front that say how long it is, the highest bit that it is as short as that: else zeros
 * fill it up. Whatever comes: there is one end of each question, no more than was asked for is
 * written, and what may become a header value is one printable line.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* The job's inside: a worker that is no process cannot be had from outside. */
#include "cloud/fetch_job.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_AS_IT_IS 0x8000
#define SIZE_MAX_ASKED 4096

enum flag {
	FLAG_PUT = 1,
	FLAG_ETAG = 2,
	FLAG_AGAIN = 4, /* asks a second time, from within the end of the first */
	FLAG_FREE = 8,	/* frees the job from there */
	FLAG_LATE = 16, /* asks after the first frame */
};

struct fuzzed {
	struct fetch_job *job; /* NULL: freed */
	int file;
	unsigned flags, asked, ended;
};

static void ask(struct fuzzed *fuzzed)
{
	struct fetch_ask question = { .size_max = SIZE_MAX_ASKED,
				      .timeout = NS_PER_SECOND,
				      .put = fuzzed->flags & FLAG_PUT };

	if (fuzzed->flags & FLAG_ETAG)
		question.etag[0] = 'e';
	if (ftruncate(fuzzed->file, 0) < 0 || lseek(fuzzed->file, 0, SEEK_SET) != 0)
		abort();
	if (fetch_job_ask(fuzzed->job, &question, fuzzed->file) == 0)
		fuzzed->asked++;
}

static void hear(const struct fetch_result *result, void *userdata)
{
	struct fuzzed *fuzzed = userdata;
	struct stat status;

	fuzzed->ended++;
	assert(fuzzed->ended == fuzzed->asked);
	assert((unsigned)result->outcome < FETCH_OUTCOMES);
	assert(fstat(fuzzed->file, &status) == 0 && status.st_size <= SIZE_MAX_ASKED);
	assert(result->broken || result->size == (uint64_t)status.st_size);
	assert(result->outcome != FETCH_SAME || fuzzed->flags & FLAG_ETAG);
	assert(strlen(result->text) < TEXT_SIZE);
	assert(value_is_one(result->etag, strlen(result->etag) + 1));
	assert(value_is_one(result->modified, strlen(result->modified) + 1));
	if (fuzzed->flags & FLAG_AGAIN && fuzzed->ended == 1)
		ask(fuzzed);
	else if (fuzzed->flags & FLAG_FREE) {
		fetch_job_free(fuzzed->job);
		fuzzed->job = NULL;
	}
}

static void questions_take(int channel)
{
	struct fetch_ask question;

	while (recv(channel, &question, sizeof(question), 0) > 0)
		continue;
}

static void frames_say(int channel, struct fuzzed *fuzzed, const uint8_t *data, size_t size)
{
	static uint8_t frame[sizeof(struct fetch_answer)];

	while (size > 2 && fuzzed->job && !fuzzed->job->broken) {
		size_t head = (size_t)data[0] << 8 | data[1], length = head & (FRAME_AS_IT_IS - 1);

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		if (length == 0)
			continue;
		memset(frame, 0, sizeof(frame));
		memcpy(frame, data, length);
		data += length;
		size -= length;
		if (channel_send(channel, frame, head & FRAME_AS_IT_IS ? length : sizeof(frame)) <
		    0)
			break;
		(void)channel_ready(NULL, fuzzed->job->process.channel, 0, fuzzed->job);
		questions_take(channel);
		if (fuzzed->job && fuzzed->flags & FLAG_LATE && fuzzed->asked == 0)
			ask(fuzzed);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzzed fuzzed = { .job = calloc(1, sizeof(*fuzzed.job)),
				 .file = memfd_create("download", MFD_CLOEXEC),
				 .flags = size > 0 ? data[0] : 0 };
	int pair[2];

	if (!fuzzed.job || fuzzed.file < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		abort();
	fuzzed.job->process = (struct worker_process){ .channel = pair[0], .pidfd = -1 };
	fuzzed.job->done = hear;
	fuzzed.job->userdata = &fuzzed;
	if (!(fuzzed.flags & FLAG_LATE))
		ask(&fuzzed);
	if (size > 0)
		frames_say(pair[1], &fuzzed, data + 1, size - 1);
	fetch_job_free(fuzzed.job);
	assert(fuzzed.ended <= fuzzed.asked);
	(void)close(pair[1]);
	(void)close(fuzzed.file);
	return 0;
}
