/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon itself has to say to AWS or to ask there, beside findings: it stands in no
 * journal, and is not tried again but by who asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloud/message.h"

struct agent;
struct delivery;

/* Borrowed for the call. */
struct ask_result {
	enum message_outcome outcome;
	uint64_t after;	    /* RETRY, DENIED: not before so many ns from now */
	const char *text;   /* why; safe to show */
	const char *answer; /* a stranger's bytes, with a NUL behind them; NULL: none came */
	size_t answer_size;
};
typedef void (*ask_done)(const struct ask_result *result, void *userdata);

/* At a time, over all who ask. */
#define ASKS_MAX 64

struct ask {
	bool taken;
	ask_done done;
	void *userdata;
	char *answer;
	size_t answer_size;
};

/* Hands the document to a sink of cordon-cloud (enum cloud_sink_id); done is called once, later,
 * unless the daemon ends first. -EAGAIN: no room now; -ENOTCONN: there is no cordon-cloud. */
int delivery_ask(struct agent *agent, unsigned sink, bool urgent, const char *document,
		 ask_done done, void *userdata);

/* For delivery.c: results and answers to what was asked; ids that are not in the journal. */
bool ask_is(uint64_t id);
void ask_end(struct delivery *delivery, uint64_t id, const struct ask_result *result);
void ask_answered(struct delivery *delivery, uint64_t id, const char *bytes, size_t size);
/* cordon-cloud is gone: nothing will be answered. */
void ask_end_all(struct delivery *delivery, const char *reason);
void ask_forget_all(struct delivery *delivery);
