/* SPDX-License-Identifier: Apache-2.0
 *
 * One worker as the pool has it: its process, what waits to be sent to it, and what it has to reply
 * to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "scan/pool.h"
#include "base/worker_process.h"

/* Frames not yet replied to: while the worker reads one, the next ones wait in its socket. */
#define POOL_WINDOW	  4
/* Frames in all: 2 MiB of payload; what comes when they are full is dropped. */
#define POOL_FRAMES_MAX	  64
/* Kept for the next time; the others are given back. */
#define POOL_FRAMES_SPARE 4

/* Loading, and a dozen system calls; a host that boots is slow. */
#define POOL_HELLO_TIMEOUT (10 * NS_PER_SECOND)
/* Between two starts; doubled each time, until a worker has lived for POOL_HEALTHY. */
#define POOL_BACKOFF_MIN   (100 * NS_PER_MILLISECOND)
#define POOL_BACKOFF_MAX   (30 * NS_PER_SECOND)
#define POOL_HEALTHY	   (60 * NS_PER_SECOND)

#define POOL_REASON_MAX 256

enum pool_worker_state {
	POOL_WORKER_DOWN,     /* started at restart_at */
	POOL_WORKER_STARTING, /* until its hello */
	POOL_WORKER_READY,
	POOL_WORKER_DYING, /* killed, or its channel has ended; until it is reaped */
};

struct pool_frame;

struct pool_worker {
	struct pool *pool;
	enum pool_worker_state state;
	struct worker_process process;
	uint64_t started; /* on the boot clock, as all times here */
	uint64_t restart_at, backoff;
	uint64_t waiting_since;	      /* for the reply to oldest, while one is due */
	char reason[POOL_REASON_MAX]; /* why it is being replaced; "": its death will tell */
	struct protocol_hello hello;
	struct protocol_pong counters; /* of this process; those before it are in the pool's sum */

	/* One list, in the order of sending: oldest ... unsent ... newest. */
	struct pool_frame *oldest, *unsent, *newest;
	struct pool_frame *spare;
	unsigned frames, sent, spares;
	uint64_t number; /* of the next frame */
	bool stuck;	 /* the socket is full */

	sd_event_source *channel_source, *process_source; /* NULL without a loop */
};

/* pool_worker.c: nothing in it waits. */
int pool_worker_payload(struct pool_worker *worker, uint64_t flow,
			const struct protocol_payload *payload);
void pool_worker_forget(struct pool_worker *worker, uint64_t flow);
/* Sends what may be sent, reads what has come, takes note of deaths and deadlines. */
void pool_worker_turn(struct pool_worker *worker);
/* When it wants its next turn whatever happens; UINT64_MAX: never. */
uint64_t pool_worker_deadline(const struct pool_worker *worker);
void pool_worker_close(struct pool_worker *worker);

/* The pool's part: what a worker's turn brings about. */
struct pool {
	sd_event *loop; /* NULL: pool_wait() only */
	sd_event_source *timer;
	uint64_t timer_at; /* UINT64_MAX: off */
	struct worker_program program;
	uint64_t memory, reply_timeout;
	pool_broken broken;
	void *broken_userdata;
	pool_answered answered;
	void *answered_userdata;
	struct pool_statistics statistics;
	char reason[POOL_REASON_MAX];
	unsigned count;
	struct pool_worker workers[POOL_WORKERS_MAX];
};

/* The process was started, or its socket is stuck or no longer: what the loop is to listen for. */
int pool_watch(struct pool_worker *worker);
void pool_unwatch(struct pool_worker *worker);
