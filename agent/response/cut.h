/* SPDX-License-Identifier: Apache-2.0
 *
 * Cut: a flow whose name is listed is ended. The kernel side drops what its socket sends from now
 * on, and the socket is destroyed in its own network namespace, so that the program's calls fail at
 * once (ECONNABORTED). Takes events of flows that left this host; needs what block.h needs.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "sensor/event.h"

struct cut;
struct sensor;

/* What became of a flow, beside errors. */
enum cut_outcome {
	CUT_DESTROYED, /* its socket ended, and the program was told */
	CUT_GONE,      /* there was no such socket any more; were there, it would be dropped */
	CUT_DROPPED,   /* what it sends is dropped, but the program is left to its timeout */
};

struct cut_statistics {
	uint64_t destroyed, gone, dropped; /* as above */
	uint64_t failed;		   /* not cut at all */
};

/* Flows destroyed in a second; over it they are dropped only. As BLOCK_RATE. */
#define CUT_RATE 2000

/* sensor: borrowed; NULL: sockets are destroyed only. */
int cut_open(sd_event *loop, struct sensor *sensor, struct cut **ret);
void cut_close(struct cut *cut);

/* Cuts the flow that the event is of, by its socket's cookie. Returns enum cut_outcome; -EINVAL:
 * the event has no socket of this host behind it; -EOPNOTSUPP: the sensor only watches. Other
 * failures are counted, and logged once a minute. */
int cut_flow(struct cut *cut, const struct event *event);

void cut_statistics(const struct cut *cut, struct cut_statistics *ret);
