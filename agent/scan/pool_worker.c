/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what is between the pool and one worker: frames on their way, and the checks of what comes
 * back. The worker reads hostile bytes and may be in their hands: it may reply only to what it was
 * asked, in order, in form and in time. Else it is killed and replaced.
 */
#include "scan/pool_worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"

/* Frames read in one turn, so that a worker that floods does not keep the loop. */
#define RECEIVED_A_TURN 32

struct pool_frame {
	struct pool_frame *next;
	uint64_t number;
	size_t cursor;	/* messages before it are answered */
	uint64_t flow;	/* of the payload that is being answered */
	unsigned facts; /* of it, so far */
	bool open;	/* a payload is being answered */
	bool asks;	/* a payload is in it */
	bool closed;	/* its ping is in it */
	struct protocol_frame data;
};

/* ---- frames ---- */

static struct pool_frame *frame_open(struct pool_worker *worker)
{
	struct pool_frame *frame = worker->spare;

	if (worker->frames == POOL_FRAMES_MAX)
		return NULL;
	if (frame) {
		worker->spare = frame->next;
		worker->spares--;
	} else {
		frame = malloc(sizeof(*frame));
		if (!frame)
			return NULL;
	}
	frame->next = NULL;
	frame->number = worker->number++;
	frame->cursor = 0;
	frame->open = false;
	frame->asks = false;
	frame->closed = false;
	frame->data.size = 0;
	if (worker->newest)
		worker->newest->next = frame;
	else
		worker->oldest = frame;
	worker->newest = frame;
	if (!worker->unsent)
		worker->unsent = frame;
	worker->frames++;
	return frame;
}

/* Takes the oldest one, which was sent, out of the list. */
static void frame_drop(struct pool_worker *worker)
{
	struct pool_frame *frame = worker->oldest;

	worker->oldest = frame->next;
	if (!worker->oldest)
		worker->newest = NULL;
	worker->frames--;
	worker->sent--;
	if (worker->spares == POOL_FRAMES_SPARE) {
		free(frame);
		return;
	}
	frame->next = worker->spare;
	worker->spare = frame;
	worker->spares++;
}

/* The frame that is being filled, with room for so much payload; NULL: there is none. */
static struct pool_frame *frame_fill(struct pool_worker *worker, size_t size)
{
	struct pool_frame *frame = worker->unsent ? worker->newest : NULL;
	size_t room = frame && !frame->closed ? protocol_payload_room(&frame->data) : 0;

	return room > 0 && room >= size ? frame : frame_open(worker);
}

/* ---- answers ---- */

static void answer(struct pool_worker *worker, uint64_t flow, enum pool_answer answer,
		   const struct flow_facts *facts)
{
	struct pool *pool = worker->pool;

	pool->statistics.queued -= answer != POOL_FACTS;
	pool->statistics.facts += answer == POOL_FACTS;
	pool->statistics.read += answer == POOL_TAKEN || answer == POOL_ENDED;
	pool->statistics.lost += answer == POOL_LOST;
	if (pool->answered)
		pool->answered(flow, answer, facts, pool->answered_userdata);
}

/* Goes on to the next payload of the oldest frame; the one before is answered. False: there is
 * none. */
static bool payload_next(struct pool_worker *worker, enum pool_answer last)
{
	struct pool_frame *frame = worker->oldest;
	struct protocol_message message;
	const char *why;

	if (frame->open)
		answer(worker, frame->flow, last, NULL);
	frame->open = false;
	/* Our own bytes: they are well-formed. */
	while (protocol_next(&frame->data, &frame->cursor, PROTOCOL_WORKER, &message, &why) > 0) {
		if (message.type != PROTOCOL_PAYLOAD)
			continue;
		frame->open = true;
		frame->flow = message.id;
		frame->facts = 0;
		return true;
	}
	return false;
}

/* Whether the oldest frame has a payload of that flow among those that are not answered. */
static bool payload_asked(const struct pool_worker *worker, uint64_t flow)
{
	const struct pool_frame *frame = worker->oldest;
	struct protocol_message message;
	size_t at = frame->cursor;
	const char *why;

	if (frame->open && frame->flow == flow)
		return true;
	while (protocol_next(&frame->data, &at, PROTOCOL_WORKER, &message, &why) > 0)
		if (message.type == PROTOCOL_PAYLOAD && message.id == flow)
			return true;
	return false;
}

/* Goes on to the payload of that flow, or stays there; those on the way brought nothing. False: it
 * was not asked for. */
static bool payload_find(struct pool_worker *worker, uint64_t flow)
{
	const struct pool_frame *frame = worker->oldest;

	if (worker->sent == 0 || !payload_asked(worker, flow))
		return false;
	while (!frame->open || frame->flow != flow)
		(void)payload_next(worker, POOL_TAKEN);
	return true;
}

static void payloads_answer(struct pool_worker *worker, enum pool_answer last)
{
	while (payload_next(worker, last))
		;
}

/* ---- the end of a worker ---- */

/* reason NULL: what it died of will tell. The rest is done when it is reaped. */
static void worker_break(struct pool_worker *worker, const char *reason)
{
	if (worker->state == POOL_WORKER_DYING)
		return;
	worker->state = POOL_WORKER_DYING;
	(void)snprintf(worker->reason, sizeof(worker->reason), "%s", reason ? reason : "");
	worker_process_kill(&worker->process);
	pool_unwatch(worker);
}

static void worker_count(struct pool_worker *worker)
{
	struct pool_statistics *sum = &worker->pool->statistics;

	sum->evicted += worker->counters.evicted;
	sum->failed += worker->counters.failed;
	worker->counters = (struct protocol_pong){ 0 };
}

/* It is gone: what it was reading is lost, what it was not is the next one's. */
static void worker_down(struct pool_worker *worker, const char *death)
{
	struct pool *pool = worker->pool;
	uint64_t now = clock_boottime();

	pool_unwatch(worker);
	worker_count(worker);
	if (worker->backoff == 0 || now - worker->started >= POOL_HEALTHY)
		worker->backoff = POOL_BACKOFF_MIN;
	else if (worker->backoff < POOL_BACKOFF_MAX)
		worker->backoff *= 2;
	if (worker->backoff > POOL_BACKOFF_MAX)
		worker->backoff = POOL_BACKOFF_MAX;
	worker->restart_at = now + worker->backoff;
	worker->state = POOL_WORKER_DOWN;
	worker->stuck = false;
	(void)escape_text(worker->reason[0] ? worker->reason : death,
			  strlen(worker->reason[0] ? worker->reason : death), pool->reason,
			  sizeof(pool->reason));
	pool->statistics.broken++;
	/* It reads one frame after the other: those behind the one it was at, it never saw. */
	if (worker->sent > 0) {
		payloads_answer(worker, POOL_LOST);
		frame_drop(worker);
	}
	worker->sent = 0;
	worker->unsent = worker->oldest;
	if (pool->broken)
		pool->broken(pool->reason, pool->broken_userdata);
}

static void worker_start(struct pool_worker *worker)
{
	struct pool *pool = worker->pool;
	char text[POOL_REASON_MAX];
	int r;

	worker->reason[0] = '\0';
	worker->started = clock_boottime();
	r = worker_process_start(&pool->program, pool->memory, &worker->process);
	if (r == 0) {
		worker->state = POOL_WORKER_STARTING;
		r = pool_watch(worker);
		if (r == 0)
			return;
		worker_process_end(&worker->process);
	}
	(void)snprintf(text, sizeof(text), "cannot be started: %s", strerror(-r));
	worker_down(worker, text);
}

/* ---- what it says ---- */

static const char *hello_take(struct pool_worker *worker, const struct protocol_message *message)
{
	worker->hello = message->hello;
	worker->state = POOL_WORKER_READY;
	return NULL;
}

static const char *facts_take(struct pool_worker *worker, const struct protocol_message *message)
{
	if (!payload_find(worker, message->id))
		return "facts that nobody asked for";
	if (worker->oldest->facts++ == PROTOCOL_FACTS_MAX)
		return "more facts than there can be";
	answer(worker, message->id, POOL_FACTS, &message->facts);
	return NULL;
}

static const char *ended_take(struct pool_worker *worker, const struct protocol_message *message)
{
	if (!payload_find(worker, message->id))
		return "the end of a flow that it was not sent";
	worker->oldest->open = false;
	answer(worker, message->id, POOL_ENDED, NULL);
	return NULL;
}

static const char *pong_take(struct pool_worker *worker, const struct protocol_message *message)
{
	if (worker->sent == 0 || message->id != worker->oldest->number)
		return "a reply that nobody waits for";
	worker->counters = message->pong;
	payloads_answer(worker, POOL_TAKEN);
	frame_drop(worker);
	worker->waiting_since = clock_boottime();
	return NULL;
}

static const char *message_take(struct pool_worker *worker, const struct protocol_message *message)
{
	switch (message->type) {
	case PROTOCOL_HELLO:
		return hello_take(worker, message);
	case PROTOCOL_FACTS:
		return facts_take(worker, message);
	case PROTOCOL_ENDED:
		return ended_take(worker, message);
	case PROTOCOL_PONG:
		return pong_take(worker, message);
	case PROTOCOL_FAILED:
		return message->text;
	case PROTOCOL_PAYLOAD:
	case PROTOCOL_FORGET:
	case PROTOCOL_PING:
	case PROTOCOL_TYPES:
		break;
	}
	return "a request";
}

static void frame_take(struct pool_worker *worker, const struct protocol_frame *frame)
{
	char reason[POOL_REASON_MAX];
	struct protocol_message message;
	const char *why = NULL;
	size_t at = 0;
	int r = 1;

	while (worker->state != POOL_WORKER_DYING && !why) {
		r = protocol_next(frame, &at,
				  worker->state == POOL_WORKER_READY ? PROTOCOL_PARENT_GREETED
								     : PROTOCOL_PARENT_UNGREETED,
				  &message, &why);
		if (r <= 0)
			break;
		why = message_take(worker, &message);
		if (why && message.type == PROTOCOL_FAILED) {
			(void)snprintf(reason, sizeof(reason), "gave up: %s", why);
			worker_break(worker, reason);
			return;
		}
	}
	if (why) {
		(void)snprintf(reason, sizeof(reason), "broke the rules: %s", why);
		worker_break(worker, reason);
	}
}

static void worker_receive(struct pool_worker *worker)
{
	struct protocol_frame frame;

	for (int i = 0; i < RECEIVED_A_TURN; i++) {
		int r;

		if (worker->state != POOL_WORKER_STARTING && worker->state != POOL_WORKER_READY)
			return;
		r = protocol_receive(worker->process.channel, &frame, false);
		if (r == -EAGAIN)
			return;
		if (r == 0)
			frame_take(worker, &frame);
		else
			worker_break(worker, r == -EBADMSG ? "broke the rules: a frame of no "
							     "allowed form"
							   : NULL);
	}
}

/* ---- what it is sent ---- */

static void worker_send(struct pool_worker *worker)
{
	bool stuck = worker->stuck;

	worker->stuck = false;
	while (worker->state == POOL_WORKER_READY && worker->unsent && worker->sent < POOL_WINDOW) {
		struct pool_frame *frame = worker->unsent;
		int r;

		/* What only forgets goes with the next payload. */
		if (frame == worker->newest && !frame->asks)
			break;
		if (!frame->closed)
			(void)protocol_add_ping(&frame->data, frame->number);
		frame->closed = true;
		r = protocol_send(worker->process.channel, &frame->data, false);
		if (r == -EAGAIN) {
			worker->stuck = true;
			break;
		}
		if (r < 0) {
			worker_break(worker, NULL);
			break;
		}
		if (worker->sent++ == 0)
			worker->waiting_since = clock_boottime();
		worker->unsent = frame->next;
		worker->pool->statistics.frames++;
	}
	if (worker->stuck != stuck && worker->state == POOL_WORKER_READY && pool_watch(worker) < 0)
		worker_break(worker, "cannot be watched");
}

int pool_worker_payload(struct pool_worker *worker, uint64_t flow,
			const struct protocol_payload *payload)
{
	struct pool_statistics *statistics = &worker->pool->statistics;
	struct pool_frame *frame;

	if (payload->size > PROTOCOL_BYTES_MAX)
		return -EMSGSIZE;
	frame = frame_fill(worker, payload->size);
	if (!frame || protocol_add_payload(&frame->data, flow, payload) < 0) {
		statistics->dropped++;
		return -ENOBUFS;
	}
	frame->asks = true;
	statistics->requests++;
	statistics->queued++;
	if (worker->sent == 0)
		worker_send(worker);
	return 0;
}

void pool_worker_forget(struct pool_worker *worker, uint64_t flow)
{
	struct pool_frame *frame = frame_fill(worker, 0);

	/* Should there be no room, the worker makes some by itself, later. */
	if (frame)
		(void)protocol_add_forget(&frame->data, flow);
}

/* ---- turns ---- */

static void worker_reap(struct pool_worker *worker)
{
	char death[WORKER_DEATH_MAX];

	if (worker->state != POOL_WORKER_DOWN && worker_process_reap(&worker->process, death) > 0)
		worker_down(worker, death);
}

static void worker_judge(struct pool_worker *worker)
{
	char reason[POOL_REASON_MAX];
	uint64_t now = clock_boottime();

	if (worker->state == POOL_WORKER_DYING || now < pool_worker_deadline(worker))
		return;
	if (worker->state == POOL_WORKER_DOWN) {
		worker_start(worker);
		return;
	}
	(void)snprintf(reason, sizeof(reason), "no reply within %.1f s",
		       (double)(worker->state == POOL_WORKER_STARTING
					? POOL_HELLO_TIMEOUT
					: worker->pool->reply_timeout) /
			       (double)NS_PER_SECOND);
	worker_break(worker, reason);
}

void pool_worker_turn(struct pool_worker *worker)
{
	/* What it said before it died, or before its time was up, counts. */
	worker_receive(worker);
	worker_reap(worker);
	worker_judge(worker);
	worker_send(worker);
}

uint64_t pool_worker_deadline(const struct pool_worker *worker)
{
	switch (worker->state) {
	case POOL_WORKER_DOWN:
		return worker->restart_at;
	case POOL_WORKER_STARTING:
		return worker->started + POOL_HELLO_TIMEOUT;
	case POOL_WORKER_READY:
		return worker->sent > 0 ? worker->waiting_since + worker->pool->reply_timeout
					: UINT64_MAX;
	case POOL_WORKER_DYING:
		break;
	}
	return UINT64_MAX;
}

void pool_worker_close(struct pool_worker *worker)
{
	pool_unwatch(worker);
	if (worker->state != POOL_WORKER_DOWN)
		worker_process_end(&worker->process);
	while (worker->oldest) {
		struct pool_frame *frame = worker->oldest;

		worker->oldest = frame->next;
		free(frame);
	}
	while (worker->spare) {
		struct pool_frame *frame = worker->spare;

		worker->spare = frame->next;
		free(frame);
	}
}
