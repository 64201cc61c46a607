/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of sandboxed workers: hands requests to them, checks what they reply, and replaces those
 * that crash, hang or break the rules. Nothing here waits for a worker but pool_wait().
 *
 * Each PAYLOAD that was taken is answered by any number of FACTS, and then once by one of the
 * others. The first one goes to an idle worker at
 * once; those that come while it is busy are sent together when it has replied.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/cage_layer.h"
#include "scan/protocol.h"

struct pool;

#define POOL_PROGRAM	 "cordon-scan"
#define POOL_WORKERS_MAX 16

/* A reader that needs longer than this for a frame of payload hangs. */
#define POOL_REPLY_TIMEOUT (2 * NS_PER_SECOND)

struct pool_options {
	const char *program; /* NULL: beside our own, else where it is installed */
	unsigned workers;
	uint64_t memory;	/* bytes of address space for each */
	uint64_t reply_timeout; /* ns; 0: POOL_REPLY_TIMEOUT */
};

enum pool_answer {
	POOL_FACTS, /* one thing that the flow says; there may be more */
	POOL_TAKEN, /* more bytes may bring more */
	POOL_ENDED, /* nothing can follow in this flow */
	POOL_LOST,  /* its worker is gone, and with it what it knew of the flow */
};

/* facts: borrowed for the call; NULL but for POOL_FACTS. May call into the pool. */
typedef void (*pool_answered)(uint64_t flow, enum pool_answer answer,
			      const struct flow_facts *facts, void *userdata);
/* A worker is gone, or could not be started. reason: safe to show; borrowed for the call. */
typedef void (*pool_broken)(const char *reason, void *userdata);

/* loop: NULL for a pool that is only driven by pool_wait(). -ENOENT, -EPERM: of the program, see
 * worker_process.h; the workers themselves start in the background. */
int pool_new(sd_event *loop, const struct pool_options *options, pool_broken broken, void *userdata,
	     struct pool **ret);
/* Kills the workers. What was not answered yet is not. */
void pool_free(struct pool *pool);
/* Before the first payload: who hears of the answers. */
void pool_listen(struct pool *pool, pool_answered answered, void *userdata);

/* Copies the bytes. Payloads of one flow go to one worker, in their order. -ENOBUFS: it is too far
 * behind, and this one was dropped and counted. -EMSGSIZE: above PROTOCOL_BYTES_MAX. */
int pool_payload(struct pool *pool, uint64_t flow, const struct protocol_payload *payload);
/* The flow is of no interest any more. */
void pool_forget(struct pool *pool, uint64_t flow);

/* Waits until everything is answered; deadline on the boot clock. -ETIMEDOUT. Not from within the
 * pool's callbacks. */
int pool_wait(struct pool *pool, uint64_t deadline);

struct pool_statistics {
	uint64_t workers, running;
	uint64_t requests; /* payloads = read + lost + queued */
	uint64_t read;
	uint64_t lost;
	uint64_t queued; /* not answered yet */
	uint64_t facts;
	uint64_t dropped; /* payloads refused because a worker was too far behind */
	uint64_t frames;  /* sent */
	uint64_t broken;  /* workers that were replaced, or could not be started */
	uint64_t flows;	  /* held by the workers now */
	uint64_t evicted; /* flows that made room for others there */
	uint64_t failed;  /* flows there was no memory for */
};
void pool_statistics(const struct pool *pool, struct pool_statistics *ret);

/* What one worker said of its cage. */
struct pool_cage {
	pid_t pid;    /* 0: not running, and nothing else is set */
	bool greeted; /* false: it is still setting up its cage */
	uint32_t uid;
	uint16_t layers[CAGE_LAYERS]; /* 0: on; else the errno that says why it is not */
};
void pool_cage(const struct pool *pool, unsigned worker, struct pool_cage *ret);
/* The user that workers run as when we are root: "cordon", or "nobody" without such a user. */
const char *pool_user(const struct pool *pool);
/* Why a worker was last replaced; "": none was. */
const char *pool_reason(const struct pool *pool);
