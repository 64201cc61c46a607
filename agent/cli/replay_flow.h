/* SPDX-License-Identifier: Apache-2.0
 *
 * Payload of recorded packets through the sandboxed worker, one packet at a time, so that what it
 * says comes in the order of the packets. The worker is started with the first payload.
 */
#pragma once

#include <stdint.h>

#include "scan/flow_table.h"

struct config;
struct event;
struct replay_flow;

/* config: borrowed. told: gets what the payload says, within the calls below. */
int replay_flow_new(const struct config *config, flow_table_told told, void *userdata,
		    struct replay_flow **ret);
void replay_flow_free(struct replay_flow *flow);

/* Errors are logged. */
int replay_flow_add(struct replay_flow *flow, const struct event *event);
/* Waits for the worker to have read all so far. */
int replay_flow_settle(struct replay_flow *flow);
/* No more comes of any flow: a file is at its end. */
int replay_flow_finish(struct replay_flow *flow);

/* Flows that could not be read, because a worker was lost. */
uint64_t replay_flow_unread(const struct replay_flow *flow);
