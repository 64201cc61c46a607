/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker does in its cage: reads requests from its channel, has them read by the parsers,
 * and replies.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "scan/protocol.h"

struct worker;

/* Flows held at once; the one that was used longest ago makes room. As many as the parent's table
 * has (flow_table.h), so that one worker alone never has to. */
#define WORKER_FLOWS_MAX 4096

int worker_new(struct worker **ret);
void worker_free(struct worker *worker);

/* Takes a frame of requests and fills the replies to it, by as many calls of send as it takes:
 * the frame given to it is borrowed. -EBADMSG: the requests are malformed, *ret_why. Else what send
 * said. */
typedef int (*worker_reply)(const struct protocol_frame *frame, void *userdata);
int worker_take(struct worker *worker, const struct protocol_frame *requests, worker_reply send,
		void *userdata, const char **ret_why);

/* Reads requests from the channel until it ends: 0. */
int worker_serve(int channel);
