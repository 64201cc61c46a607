/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what was asked of cordon-cloud by the daemon itself, until its result has come. Who answers
 * was checked by courier.c: once each, in form.
 */
#include "daemon/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/agent.h"
#include "daemon/delivery_private.h"

/* Numbers of deliveries in the journal are below. */
#define ASK_BIT (UINT64_C(1) << 63)

bool ask_is(uint64_t id)
{
	return id & ASK_BIT;
}

static struct ask *ask_free_place(struct delivery *delivery)
{
	for (size_t i = 0; i < ASKS_MAX; i++)
		if (!delivery->asks[i].taken)
			return &delivery->asks[i];
	return NULL;
}

int delivery_ask(struct agent *agent, unsigned sink, bool urgent, const char *document,
		 ask_done done, void *userdata)
{
	struct delivery *delivery = agent->delivery;
	const struct message_entry entry = { .sink = sink,
					     .urgent = urgent,
					     .time = clock_realtime() / NS_PER_MILLISECOND };
	struct ask *ask;
	int r;

	if (!delivery || !delivery->courier)
		return -ENOTCONN;
	ask = ask_free_place(delivery);
	if (!ask)
		return -EAGAIN;
	/* Results come from the loop, never from within. */
	r = courier_send(delivery->courier, ASK_BIT | (uint64_t)(ask - delivery->asks), &entry,
			 document, strlen(document));
	if (r == 0)
		*ask = (struct ask){ .taken = true, .done = done, .userdata = userdata };
	return r;
}

void ask_answered(struct delivery *delivery, uint64_t id, const char *bytes, size_t size)
{
	struct ask *ask = &delivery->asks[id & ~ASK_BIT];

	ask->answer = malloc(size + 1);
	if (!ask->answer)
		return;
	memcpy(ask->answer, bytes, size);
	ask->answer[size] = '\0';
	ask->answer_size = size;
}

void ask_end(struct delivery *delivery, uint64_t id, const struct ask_result *result)
{
	struct ask *place = &delivery->asks[id & ~ASK_BIT], ask = *place;
	struct ask_result whole = *result;

	/* Whoever hears of it may ask again. */
	*place = (struct ask){ 0 };
	whole.answer = ask.answer;
	whole.answer_size = ask.answer_size;
	ask.done(&whole, ask.userdata);
	if (ask.answer)
		explicit_bzero(ask.answer, ask.answer_size);
	free(ask.answer);
}

void ask_end_all(struct delivery *delivery, const char *reason)
{
	const struct ask_result result = { .outcome = MESSAGE_RETRY, .text = reason };

	for (uint64_t i = 0; i < ASKS_MAX; i++)
		if (delivery->asks[i].taken)
			ask_end(delivery, ASK_BIT | i, &result);
}

void ask_forget_all(struct delivery *delivery)
{
	for (size_t i = 0; i < ASKS_MAX; i++)
		free(delivery->asks[i].answer);
}
