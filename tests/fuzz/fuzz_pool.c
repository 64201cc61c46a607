/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: what a worker says, as its parent hears it: all of the input is in an attacker's
 * hands. Frames, each with two bytes in front that say how long it is, to a pool that has asked
 * about three flows in two frames. Whatever comes: each payload is answered at most once for good,
 * and never one that was not asked about.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "scan/pool_worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLOWS 3

struct heard {
	unsigned done[FLOWS], broken;
};

static void hear(uint64_t flow, enum pool_answer answer, const struct flow_facts *facts,
		 void *userdata)
{
	struct heard *heard = userdata;

	assert(flow >= 1 && flow <= FLOWS && heard->done[flow - 1] == 0);
	heard->done[flow - 1] += answer != POOL_FACTS;
	assert((answer == POOL_FACTS) == (facts != NULL));
	if (!facts)
		return;
	assert((unsigned)facts->protocol < FLOW_PROTOCOLS &&
	       (unsigned)facts->outcome < FLOW_OUTCOMES);
	assert(strlen(facts->name) <= FLOW_NAME_MAX && strlen(facts->alpn) <= FLOW_ALPN_MAX);
	assert(strlen(facts->ja4) < FLOW_JA4_SIZE && strlen(facts->method) <= FLOW_METHOD_MAX);
	assert(strlen(facts->reason) < sizeof(facts->reason));
}

static void ask(struct pool_worker *worker, uint64_t flow)
{
	const struct protocol_payload payload = { .bytes = (const uint8_t *)"x", .size = 1 };

	assert(pool_worker_payload(worker, flow, &payload) == 0);
}

static void frames_say(int channel, struct pool_worker *worker, const uint8_t *data, size_t size)
{
	static struct protocol_frame frame;

	while (size > 2) {
		size_t length = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		frame.size = length < size ? length : size;
		if (frame.size > sizeof(frame.bytes))
			frame.size = sizeof(frame.bytes);
		if (frame.size == 0)
			continue;
		memcpy(frame.bytes, data, frame.size);
		data += frame.size;
		size -= frame.size;
		if (protocol_send(channel, &frame, false) < 0)
			return;
		pool_worker_turn(worker);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pool pool;
	struct pool_worker *worker = &pool.workers[0];
	struct heard heard = { 0 };
	int ends[2];

	if (size < 1)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return 0;
	clock_hold(1000 * NS_PER_SECOND, 100 * NS_PER_SECOND);
	memset(&pool, 0, sizeof(pool));
	pool.count = 1;
	pool.reply_timeout = NS_PER_SECOND;
	pool.answered = hear;
	pool.answered_userdata = &heard;
	worker->pool = &pool;
	/* A process that is none: nothing is killed, nothing reaped. */
	worker->process = (struct worker_process){ .channel = ends[0], .pidfd = -1 };
	worker->started = clock_boottime();
	worker->state = data[0] & 1 ? POOL_WORKER_STARTING : POOL_WORKER_READY;
	ask(worker, 1);
	ask(worker, 2);
	ask(worker, 3);
	pool_worker_turn(worker);
	frames_say(ends[1], worker, data + 1, size - 1);
	assert(pool.statistics.requests == FLOWS);
	assert(pool.statistics.requests ==
	       pool.statistics.read + pool.statistics.lost + pool.statistics.queued);
	pool_worker_close(worker);
	(void)close(ends[1]);
	clock_release();
	return 0;
}
