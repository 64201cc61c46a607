/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames between cordond and cordon-gate. Both are ours and root's; each is checked by its size and
 * kind all the same. A descriptor comes with the kinds that name one.
 */
#pragma once

#include <stdint.h>

enum gate_kind {
	/* From cordond. */
	GATE_MARK = 1, /* fd: a folder of the file system to be held on */
	GATE_EXEMPT,   /* fd: this file is never asked about */
	GATE_ANSWER,   /* number, allow, keep */
	GATE_FORGET,   /* fd: what was kept of this file does not hold any more */
	GATE_FLUSH,    /* nothing that was kept holds any more, but for the exempt files */
	GATE_PING,
	/* From cordon-gate. */
	GATE_ASK,   /* number, pid; fd: the file that is to be executed */
	GATE_STATE, /* to a ping: counters */
};

struct gate_frame {
	uint32_t kind;
	int32_t pid;
	uint64_t number;
	uint8_t allow, keep;
	uint8_t zeroes[6];
	uint64_t time; /* of GATE_ASK: when it began to wait, boot clock */
	/* asked = answered + expired + unheard + full + waiting */
	uint64_t asked, answered, denied, expired, unheard, full, waiting, unmarked;
};

/* Executions that wait at once. What is over that goes on. */
#define GATE_WAITING_MAX 256
/* cordond pings each second. If it was not heard for so long, though something waited for it the
 * whole limit, then it is told of executions, and none is held, until it is heard again. */
#define GATE_SILENCE	 UINT64_C(2500000000)
/* The argument that cordond gives in the place of a worker's memory: nanoseconds. */
#define GATE_LIMIT_MAX	 UINT64_C(30000000000)
