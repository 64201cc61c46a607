/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: requests, as a worker reads them, with the parsers behind. Frames, each with two
 * bytes in front that say how long it is. What it replies must be what the parent takes, about
 * flows that it was asked about.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scan/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool flow_asked(const struct protocol_frame *requests, uint64_t flow)
{
	struct protocol_message message;
	const char *why;
	size_t at = 0;

	while (protocol_next(requests, &at, PROTOCOL_WORKER, &message, &why) > 0)
		if (message.type == PROTOCOL_PAYLOAD && message.id == flow)
			return true;
	return false;
}

static int replies_check(const struct protocol_frame *replies, void *userdata)
{
	struct protocol_message message;
	const char *why = NULL;
	size_t at = 0;
	int r;

	while ((r = protocol_next(replies, &at, PROTOCOL_PARENT_GREETED, &message, &why)) > 0)
		assert(message.type == PROTOCOL_PONG || flow_asked(userdata, message.id));
	assert(r == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct protocol_frame frame;
	struct worker *worker;
	int r = 0;

	if (worker_new(&worker) < 0)
		return 0;
	while (size > 2 && r == 0) {
		size_t length = (size_t)data[0] << 8 | data[1];
		const char *why = NULL;

		data += 2;
		size -= 2;
		frame.size = length < size ? length : size;
		if (frame.size > sizeof(frame.bytes))
			frame.size = sizeof(frame.bytes);
		memcpy(frame.bytes, data, frame.size);
		data += frame.size;
		size -= frame.size;
		r = worker_take(worker, &frame, replies_check, &frame, &why);
		assert(r == 0 || (r == -EBADMSG && why));
	}
	worker_free(worker);
	return 0;
}
