/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows whose first bytes are being read in a worker: takes EVENT_PAYLOAD events, and gives an
 * EVENT_FLOW event back when the worker has said what they are. Whoever opens connections on this
 * host fills it: it is bounded, and the flow unheard of for the longest makes room.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "scan/pool.h"
#include "sensor/event.h"

struct flow_table;

/* A flow is here for the milliseconds until it was read, or for FLOW_TABLE_IDLE. */
#define FLOW_TABLE_MAX	4096
#define FLOW_TABLE_IDLE (10 * NS_PER_SECOND)

/* event: that of the flow's first payload, and of the last one for what is told later, with kind,
 * flow and name changed; process is NULL: the sensor can fill it in. Borrowed for the call, and so
 * is all it points to. */
typedef void (*flow_table_told)(const struct event *event, void *userdata);

/* Listens to the pool, which it borrows. each: requests that name the same server as the one before
 * are told, too. */
int flow_table_new(struct pool *pool, bool each, flow_table_told told, void *userdata,
		   struct flow_table **ret);
void flow_table_free(struct flow_table *table);

/* now: on any clock that is the same in all calls. */
void flow_table_add(struct flow_table *table, const struct event *event, uint64_t now);
/* Flows that nothing came from for FLOW_TABLE_IDLE are read as they are. */
void flow_table_expire(struct flow_table *table, uint64_t now);
/* All of them are, since no more will come; pool_wait() then brings what there is to tell. */
void flow_table_finish(struct flow_table *table);

struct flow_table_statistics {
	uint64_t payloads; /* events taken */
	uint64_t flows;	   /* here now */
	uint64_t told;	   /* events given, unread ones included */
	uint64_t nothing;  /* read to the end, and nothing that we know */
	uint64_t unread;   /* told as FLOW_INCOMPLETE: the worker was lost or too far behind */
	uint64_t evicted;  /* of these, to make room here */
};
void flow_table_statistics(const struct flow_table *table, struct flow_table_statistics *ret);

/* The domain name that a text of a flow is, as it was sent; length 0 when it is none: an address,
 * or no name at all. */
void flow_table_name(const char *text, struct domain_name *ret);
