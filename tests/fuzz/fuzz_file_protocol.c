/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a frame between the processes that scan files, as each side reads it. The first byte
 * says who. What a worker says of a match is copied as its parent does it.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scan/file_scan_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match_check(const struct file_message *message)
{
	struct file_job *job = calloc(1, sizeof(*job));

	if (!job)
		return;
	job->fds[0] = job->fds[1] = -1;
	if (file_job_match(job, message) == 0) {
		const struct file_match *match = &job->matches[0];

		assert(job->count == 1 && match->severity >= 0 && match->severity <= 5);
		for (const char *at = match->rule; *at; at++)
			assert((unsigned char)*at >= ' ');
		assert(strlen(match->inside) >= strlen(message->texts[FILE_MATCH_INSIDE]));
	}
	file_job_free(job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file_frame frame, again;
	struct file_message message;
	const char *why = NULL;

	if (size < 1 || size - 1 > sizeof(frame.bytes))
		return 0;
	frame.size = size - 1;
	frame.descriptors[0] = frame.descriptors[1] = -1;
	memcpy(frame.bytes, data + 1, size - 1);
	if (file_message_read(&frame, (enum file_reader)(1u << data[0] % 7), &message, &why) < 0) {
		assert(why);
		return 0;
	}
	/* What was read is written as it was. */
	file_message_write(&message, &again);
	assert(again.size == frame.size && memcmp(again.bytes, frame.bytes, frame.size) == 0);
	if (message.type == FILE_MATCH)
		match_check(&message);
	return 0;
}
