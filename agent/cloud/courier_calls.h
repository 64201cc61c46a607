/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls for responses that the parent has asked cordon-cloud for: those that wait to be sent, and
 * those that wait for their reply. Each gets one reply, or none when the process breaks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloud/message.h"

/* A response makes its calls one after the other, and few at a time. */
#define COURIER_CALLS 16

struct courier_call {
	uint64_t id;	 /* the caller's */
	uint64_t number; /* on the channel; 0: the place is free */
	char *text;	 /* to be sent; NULL: it was */
	size_t size;
};

struct courier_calls {
	struct courier_call places[COURIER_CALLS];
	struct message_long heard;
	uint64_t number;
};

/* Copies the text. -EAGAIN: there are COURIER_CALLS already; -EMSGSIZE; -ENOMEM. */
int courier_calls_add(struct courier_calls *calls, uint64_t id, const char *text, size_t size);
/* The oldest that is to be sent, with its text, which the caller takes; NULL: none. */
struct courier_call *courier_calls_next(struct courier_calls *calls);
/* A part of a reply. NULL: sound; *ret_whole: it is whole in calls->heard, which the caller takes,
 * and *ret_id is the call's. Else what is wrong. */
const char *courier_calls_hear(struct courier_calls *calls, const struct message *message,
			       bool *ret_whole, uint64_t *ret_id);
/* Forgets all of them. */
void courier_calls_clear(struct courier_calls *calls);
