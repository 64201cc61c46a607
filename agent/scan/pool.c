/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the workers of one parent, and their place in its event loop. Takes payload for them and
 * gives their answers to who listens. What they reply is checked in pool_worker.c.
 */
#include "scan/pool.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/pool_worker.h"

#define NS_PER_MICROSECOND 1000

/* ---- in an event loop ---- */

static int timer_fired(sd_event_source *source, uint64_t usec, void *userdata);

/* Moved only when something is due earlier: a deadline that moves away with each reply costs
 * nothing, and the timer finds out when it fires. */
static void timer_arm(struct pool *pool)
{
	uint64_t at = UINT64_MAX;

	if (!pool->loop)
		return;
	for (unsigned i = 0; i < pool->count; i++) {
		uint64_t deadline = pool_worker_deadline(&pool->workers[i]);

		at = deadline < at ? deadline : at;
	}
	if (at >= pool->timer_at)
		return;
	pool->timer_at = at;
	(void)sd_event_source_set_time(pool->timer, at / NS_PER_MICROSECOND + 1);
	(void)sd_event_source_set_enabled(pool->timer, SD_EVENT_ONESHOT);
}

static int timer_fired(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct pool *pool = userdata;

	(void)source;
	(void)usec;
	pool->timer_at = UINT64_MAX;
	for (unsigned i = 0; i < pool->count; i++)
		pool_worker_turn(&pool->workers[i]);
	timer_arm(pool);
	return 0;
}

static int worker_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct pool_worker *worker = userdata;

	(void)source;
	(void)fd;
	(void)events;
	pool_worker_turn(worker);
	timer_arm(worker->pool);
	return 0;
}

int pool_watch(struct pool_worker *worker)
{
	sd_event *loop = worker->pool->loop;
	uint32_t events = EPOLLIN | (worker->stuck ? EPOLLOUT : 0);
	int r;

	if (!loop)
		return 0;
	if (worker->channel_source)
		return sd_event_source_set_io_events(worker->channel_source, events);
	r = sd_event_add_io(loop, &worker->channel_source, worker->process.channel, events,
			    worker_ready, worker);
	if (r < 0)
		return r;
	r = sd_event_add_io(loop, &worker->process_source, worker->process.pidfd, EPOLLIN,
			    worker_ready, worker);
	return r < 0 ? r : 0;
}

/* The channel of one that dies would be ready for ever; its end is still to be heard of. */
void pool_unwatch(struct pool_worker *worker)
{
	worker->channel_source = sd_event_source_disable_unref(worker->channel_source);
	if (worker->state != POOL_WORKER_DYING || worker->process.pid == 0)
		worker->process_source = sd_event_source_disable_unref(worker->process_source);
}

/* ---- without one ---- */

/* Until a worker has something to say, or something is due. */
static int pool_poll(const struct pool *pool, uint64_t deadline)
{
	struct pollfd waiting[2 * POOL_WORKERS_MAX];
	nfds_t count = 0;
	uint64_t now = clock_boottime(), left;

	for (unsigned i = 0; i < pool->count; i++) {
		const struct pool_worker *worker = &pool->workers[i];
		uint64_t due = pool_worker_deadline(worker);

		deadline = due < deadline ? due : deadline;
		if (worker->state == POOL_WORKER_DOWN)
			continue;
		waiting[count++] = (struct pollfd){ .fd = worker->process.pidfd, .events = POLLIN };
		if (worker->state != POOL_WORKER_DYING)
			waiting[count++] = (struct pollfd){
				.fd = worker->process.channel,
				.events = (short)(POLLIN | (worker->stuck ? POLLOUT : 0)),
			};
	}
	left = deadline > now ? (deadline - now) / NS_PER_MILLISECOND + 1 : 0;
	if (poll(waiting, count, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

int pool_wait(struct pool *pool, uint64_t deadline)
{
	for (;;) {
		int r;

		for (unsigned i = 0; i < pool->count; i++)
			pool_worker_turn(&pool->workers[i]);
		if (pool->statistics.queued == 0)
			break;
		if (clock_boottime() >= deadline)
			return -ETIMEDOUT;
		r = pool_poll(pool, deadline);
		if (r < 0)
			return r;
	}
	timer_arm(pool);
	return 0;
}

/* ---- for everybody ---- */

int pool_new(sd_event *loop, const struct pool_options *options, pool_broken broken, void *userdata,
	     struct pool **ret)
{
	struct pool *pool;
	int r;

	if (options->workers == 0 || options->workers > POOL_WORKERS_MAX)
		return -EINVAL;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->timer_at = UINT64_MAX;
	pool->memory = options->memory;
	pool->reply_timeout = options->reply_timeout ? options->reply_timeout : POOL_REPLY_TIMEOUT;
	pool->broken = broken;
	pool->broken_userdata = userdata;
	r = worker_program_open(POOL_PROGRAM, options->program, &pool->program);
	if (r < 0) {
		free(pool);
		return r;
	}
	if (loop) {
		pool->loop = sd_event_ref(loop);
		r = sd_event_add_time(loop, &pool->timer, CLOCK_BOOTTIME, 0, 1, timer_fired, pool);
		if (r >= 0)
			r = sd_event_source_set_enabled(pool->timer, SD_EVENT_OFF);
	}
	if (r < 0) {
		pool_free(pool);
		return r;
	}
	pool->count = options->workers;
	for (unsigned i = 0; i < pool->count; i++) {
		pool->workers[i].pool = pool;
		pool_worker_turn(&pool->workers[i]);
	}
	timer_arm(pool);
	*ret = pool;
	return 0;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	for (unsigned i = 0; i < pool->count; i++)
		pool_worker_close(&pool->workers[i]);
	(void)sd_event_source_disable_unref(pool->timer);
	(void)sd_event_unref(pool->loop);
	worker_program_close(&pool->program);
	free(pool);
}

void pool_listen(struct pool *pool, pool_answered answered, void *userdata)
{
	pool->answered = answered;
	pool->answered_userdata = userdata;
}

int pool_payload(struct pool *pool, uint64_t flow, const struct protocol_payload *payload)
{
	int r = pool_worker_payload(&pool->workers[flow % pool->count], flow, payload);

	timer_arm(pool);
	return r;
}

void pool_forget(struct pool *pool, uint64_t flow)
{
	pool_worker_forget(&pool->workers[flow % pool->count], flow);
}

void pool_statistics(const struct pool *pool, struct pool_statistics *ret)
{
	*ret = pool->statistics;
	ret->workers = pool->count;
	for (unsigned i = 0; i < pool->count; i++) {
		const struct pool_worker *worker = &pool->workers[i];

		ret->running += worker->state == POOL_WORKER_READY;
		ret->flows += worker->counters.flows;
		ret->evicted += worker->counters.evicted;
		ret->failed += worker->counters.failed;
	}
}

void pool_cage(const struct pool *pool, unsigned worker, struct pool_cage *ret)
{
	const struct pool_worker *from = &pool->workers[worker];

	*ret = (struct pool_cage){ 0 };
	if (worker >= pool->count || from->process.pid == 0)
		return;
	ret->pid = from->process.pid;
	ret->greeted = from->state == POOL_WORKER_READY;
	if (!ret->greeted)
		return;
	ret->uid = from->hello.uid;
	memcpy(ret->layers, from->hello.layers, sizeof(ret->layers));
}

const char *pool_user(const struct pool *pool)
{
	return pool->program.user;
}

const char *pool_reason(const struct pool *pool)
{
	return pool->reason;
}
