/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/courier_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int courier_calls_add(struct courier_calls *calls, uint64_t id, const char *text, size_t size)
{
	struct courier_call *place = NULL;
	char *copy;

	if (size == 0 || size > MESSAGE_LONG_MAX)
		return -EMSGSIZE;
	for (size_t i = 0; i < COURIER_CALLS && !place; i++)
		if (!calls->places[i].number)
			place = &calls->places[i];
	if (!place)
		return -EAGAIN;
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, size);
	*place = (struct courier_call){
		.id = id, .number = ++calls->number, .text = copy, .size = size
	};
	return 0;
}

struct courier_call *courier_calls_next(struct courier_calls *calls)
{
	struct courier_call *next = NULL;

	for (size_t i = 0; i < COURIER_CALLS; i++) {
		struct courier_call *place = &calls->places[i];

		if (place->number && place->text && (!next || place->number < next->number))
			next = place;
	}
	return next;
}

static struct courier_call *call_of(struct courier_calls *calls, uint64_t number)
{
	for (size_t i = 0; number && i < COURIER_CALLS; i++)
		if (calls->places[i].number == number)
			return &calls->places[i];
	return NULL;
}

const char *courier_calls_hear(struct courier_calls *calls, const struct message *message,
			       bool *ret_whole, uint64_t *ret_id)
{
	struct courier_call *call = call_of(calls, message->id);
	int r;

	/* One that was not sent cannot have been answered. */
	if (!call || call->text)
		return "a reply that nobody waits for";
	r = message_long_add(&calls->heard, message);
	if (r < 0)
		return r == -ENOMEM ? "there is no memory for its reply" : "parts out of order";
	*ret_whole = r > 0;
	if (r > 0) {
		*ret_id = call->id;
		call->number = 0;
	}
	return NULL;
}

void courier_calls_clear(struct courier_calls *calls)
{
	for (size_t i = 0; i < COURIER_CALLS; i++)
		free(calls->places[i].text);
	message_long_clear(&calls->heard);
	/* The number goes on: a reply of the process before must not be taken for one of this. */
	*calls = (struct courier_calls){ .number = calls->number };
}
