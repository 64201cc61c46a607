/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the flows that a worker is reading: a bounded table, each with a reader. Takes requests from
 * the parent, gives their bytes to the readers (flow_reader.h) and what these find back. The
 * payload is whoever's sent it; here it meets the parsers.
 */
#include "scan/worker.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/lru.h"

/* Readers freed at most to make room for one: their memory is bounded, so few are enough. */
#define EVICTIONS_MAX 64

struct flow {
	struct flow_reader *reader; /* NULL: nothing can follow, until the parent knows that */
	uint64_t id;
	uint32_t first; /* offset at which this reader began */
};

struct worker {
	struct lru *index;
	struct flow *flows; /* by place in index */
	struct protocol_pong counters;
	struct protocol_frame replies;
};

/* How replies leave. */
struct reply {
	worker_reply send;
	void *userdata;
};

int worker_new(struct worker **ret)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int r;

	if (!worker)
		return -ENOMEM;
	r = lru_new(WORKER_FLOWS_MAX, &worker->index);
	worker->flows = r < 0 ? NULL : calloc(WORKER_FLOWS_MAX, sizeof(*worker->flows));
	if (!worker->flows) {
		worker_free(worker);
		return -ENOMEM;
	}
	*ret = worker;
	return 0;
}

static void flow_end(struct worker *worker, uint32_t place)
{
	flow_reader_free(worker->flows[place].reader);
	worker->flows[place] = (struct flow){ 0 };
	lru_remove(worker->index, place);
	worker->counters.flows--;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	while (worker->flows && lru_count(worker->index) > 0)
		flow_end(worker, lru_oldest(worker->index));
	free(worker->flows);
	lru_free(worker->index);
	free(worker);
}

/* Frees the flow used longest ago, unless it is keep. */
static bool flow_evict(struct worker *worker, uint32_t keep)
{
	uint32_t oldest = lru_oldest(worker->index);

	if (oldest == LRU_NONE || oldest == keep)
		return false;
	flow_end(worker, oldest);
	worker->counters.evicted++;
	return true;
}

/* A place with a reader for a flow that has none. LRU_NONE: memory is short. */
static uint32_t flow_begin(struct worker *worker, uint64_t id,
			   const struct protocol_payload *payload)
{
	struct flow_reader *reader;
	uint32_t place;
	int r, tries = 0;

	if (lru_count(worker->index) == WORKER_FLOWS_MAX)
		(void)flow_evict(worker, LRU_NONE);
	do
		r = flow_reader_new(payload->transport, &reader);
	while (r == -ENOMEM && tries++ < EVICTIONS_MAX && flow_evict(worker, LRU_NONE));
	if (r < 0)
		return LRU_NONE;
	place = lru_add(worker->index, id);
	worker->flows[place] =
		(struct flow){ .reader = reader, .id = id, .first = payload->offset };
	worker->counters.flows++;
	return place;
}

static int flow_take(struct worker *worker, uint32_t place, const struct protocol_payload *payload)
{
	struct flow *flow = &worker->flows[place];
	int r, tries = 0;

	do
		/* Wraps as the offset does: a stream may be longer than 4 GiB. */
		r = flow_reader_take(flow->reader, payload->offset - flow->first, payload->bytes,
				     payload->size, payload->last);
	while (r == -ENOMEM && tries++ < EVICTIONS_MAX && flow_evict(worker, place));
	return r;
}

static int replies_flush(struct worker *worker, const struct reply *reply)
{
	int r = reply->send(&worker->replies, reply->userdata);

	worker->replies.size = 0;
	return r;
}

/* Room for one more reply. */
static int replies_reserve(struct worker *worker, const struct reply *reply)
{
	bool room = sizeof(worker->replies.bytes) - worker->replies.size >= PROTOCOL_REPLY_MAX;

	return room ? 0 : replies_flush(worker, reply);
}

static int facts_reply(struct worker *worker, uint64_t id, const struct flow_facts *facts,
		       const struct reply *reply)
{
	int r = replies_reserve(worker, reply);

	return r < 0 ? r : protocol_add_facts(&worker->replies, id, facts);
}

static int ended_reply(struct worker *worker, uint64_t id, const struct reply *reply)
{
	int r = replies_reserve(worker, reply);

	return r < 0 ? r : protocol_add_ended(&worker->replies, id);
}

/* Of a flow that cannot be read on. */
static int unread_reply(struct worker *worker, uint64_t id, const char *reason,
			const struct reply *reply)
{
	struct flow_facts facts = { .outcome = FLOW_INCOMPLETE };
	int r;

	(void)snprintf(facts.reason, sizeof(facts.reason), "%s", reason);
	r = facts_reply(worker, id, &facts, reply);
	return r < 0 ? r : ended_reply(worker, id, reply);
}

/* All that the bytes say so far. What the reader said last: 0, -ENODATA, -ENOMEM; else what the
 * channel did. */
static int flow_read(struct worker *worker, uint32_t place, const struct protocol_payload *payload,
		     const struct reply *reply, int *ret_reader)
{
	struct flow *flow = &worker->flows[place];
	int said = flow_take(worker, place, payload), r = 0;

	for (unsigned count = 1; said == FLOW_READER_DONE && r == 0; count++) {
		r = facts_reply(worker, flow->id, flow_reader_facts(flow->reader), reply);
		/* The last one that the parent takes is kept for saying so. */
		said = count < PROTOCOL_FACTS_MAX - 1 ? flow_reader_next(flow->reader) : -E2BIG;
	}
	*ret_reader = said;
	return r;
}

/* Nothing can follow in a stream: its reader goes, and its number stays until the parent forgets
 * it, so that bytes that are on their way are not taken for a new flow's. Datagrams on their way
 * may be another connection's, so their reader stays, too. */
static int flow_finish(struct worker *worker, uint32_t place,
		       const struct protocol_payload *payload, int said, const struct reply *reply)
{
	struct flow *flow = &worker->flows[place];
	uint64_t id = flow->id;

	if (payload->transport != FLOW_DATAGRAMS) {
		flow_reader_free(flow->reader);
		flow->reader = NULL;
	}
	if (payload->last)
		flow_end(worker, place);
	if (said == -ENOMEM || said == -E2BIG) {
		worker->counters.failed += said == -ENOMEM;
		return unread_reply(worker, id, said == -ENOMEM ? "no memory" : "too many names",
				    reply);
	}
	return ended_reply(worker, id, reply);
}

static int payload_handle(struct worker *worker, const struct protocol_message *message,
			  const struct reply *reply)
{
	const struct protocol_payload *payload = &message->payload;
	uint32_t place = lru_find(worker->index, message->id);
	int said, r;

	if (place == LRU_NONE && payload->last && payload->size == 0)
		return unread_reply(worker, message->id, "made room for others", reply);
	if (place == LRU_NONE)
		place = flow_begin(worker, message->id, payload);
	if (place == LRU_NONE) {
		worker->counters.failed++;
		return unread_reply(worker, message->id, "no memory", reply);
	}
	lru_touch(worker->index, place);
	if (!worker->flows[place].reader)
		return ended_reply(worker, message->id, reply);
	r = flow_read(worker, place, payload, reply, &said);
	if (r < 0 || (said == 0 && !payload->last))
		return r;
	return flow_finish(worker, place, payload, said, reply);
}

static int forget_handle(struct worker *worker, const struct protocol_message *message,
			 const struct reply *reply)
{
	uint32_t place = lru_find(worker->index, message->id);

	(void)reply;
	if (place != LRU_NONE)
		flow_end(worker, place);
	return 0;
}

static int ping_handle(struct worker *worker, const struct protocol_message *message,
		       const struct reply *reply)
{
	int r = replies_reserve(worker, reply);

	return r < 0 ? r : protocol_add_pong(&worker->replies, message->id, &worker->counters);
}

/* The requests: what the parent may ask of a worker. */
static int (*const handlers[PROTOCOL_TYPES])(struct worker *worker,
					     const struct protocol_message *message,
					     const struct reply *reply) = {
	[PROTOCOL_PAYLOAD] = payload_handle,
	[PROTOCOL_FORGET] = forget_handle,
	[PROTOCOL_PING] = ping_handle,
};

int worker_take(struct worker *worker, const struct protocol_frame *requests, worker_reply send,
		void *userdata, const char **ret_why)
{
	const struct reply reply = { send, userdata };
	struct protocol_message message;
	size_t at = 0;
	int r;

	worker->replies.size = 0;
	while ((r = protocol_next(requests, &at, PROTOCOL_WORKER, &message, ret_why)) > 0) {
		r = handlers[message.type](worker, &message, &reply);
		if (r < 0)
			return r;
	}
	return r == 0 && worker->replies.size > 0 ? replies_flush(worker, &reply) : r;
}

static int channel_reply(const struct protocol_frame *frame, void *userdata)
{
	return protocol_send(*(const int *)userdata, frame, true);
}

CLEANUP_DEFINE(struct worker *, worker_free)

int worker_serve(int channel)
{
	static struct protocol_frame requests, last_words;
	CLEANUP(worker_free_cleanup) struct worker *worker = NULL;
	const char *why = "no memory";
	int r = worker_new(&worker);

	while (r == 0) {
		r = protocol_receive(channel, &requests, true);
		if (r == -EPIPE)
			return 0;
		why = "a frame that is too large";
		if (r == 0)
			r = worker_take(worker, &requests, channel_reply, &channel, &why);
	}
	if (r == -EBADMSG || r == -ENOMEM) {
		(void)protocol_add_failed(&last_words, why);
		(void)protocol_send(channel, &last_words, true);
	}
	return r;
}
