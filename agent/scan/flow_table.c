/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what is known of a flow while a worker reads it. Takes payload from the sensor's events and
 * gives it to the pool, with a number of our own; takes the answers, and gives events to who asked.
 */
#include "scan/flow_table.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "scan/lru.h"

/* A flow's number: its place below, and how many there were before it above. */
#define PLACE_BITS 16
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)

struct flow {
	uint64_t id;
	struct event event;
	uint64_t touched;
	uint32_t next;	  /* offset behind the last bytes */
	uint32_t waiting; /* payloads that are not answered */
	bool told;	  /* facts were */
	bool ended;	  /* as its last answer said: nothing can follow, or nothing is begun */
	bool last;	  /* the last bytes were sent */
	bool cut;	  /* some could not be sent, or were lost with their worker */
};

struct flow_table {
	struct pool *pool;
	bool each;
	flow_table_told told;
	void *userdata;
	struct lru *index;
	struct flow *flows; /* by place in index */
	uint64_t serial;
	uint64_t secret[2];
	struct flow_table_statistics statistics;
};

static void pool_replied(uint64_t id, enum pool_answer answer, const struct flow_facts *facts,
			 void *userdata);

int flow_table_new(struct pool *pool, bool each, flow_table_told told, void *userdata,
		   struct flow_table **ret)
{
	struct flow_table *table = calloc(1, sizeof(*table));
	int r;

	_Static_assert(FLOW_TABLE_MAX <= PLACE_MASK + 1, "places fit into a flow's number");
	if (!table)
		return -ENOMEM;
	table->pool = pool;
	table->each = each;
	table->told = told;
	table->userdata = userdata;
	r = lru_new(FLOW_TABLE_MAX, &table->index);
	if (r == 0 && getrandom(table->secret, sizeof(table->secret), 0) != sizeof(table->secret))
		r = -EIO;
	/* Pages of flows that never were are never touched. */
	table->flows = r < 0 ? NULL : calloc(FLOW_TABLE_MAX, sizeof(*table->flows));
	if (!table->flows) {
		flow_table_free(table);
		return r < 0 ? r : -ENOMEM;
	}
	table->secret[1] |= 1;
	pool_listen(pool, pool_replied, table);
	*ret = table;
	return 0;
}

void flow_table_free(struct flow_table *table)
{
	if (!table)
		return;
	free(table->flows);
	lru_free(table->index);
	free(table);
}

/* ---- which flow ---- */

/* Both halves of the product: every bit of the word decides about every bit of the hash. */
static uint64_t mix(uint64_t hash, uint64_t word, uint64_t multiplier)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ word) * multiplier;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t mix_address(uint64_t hash, const struct address *address, uint64_t multiplier)
{
	uint64_t words[2];

	memcpy(words, address->bytes, sizeof(words));
	return mix(mix(hash, words[0], multiplier), words[1], multiplier);
}

/* A socket and its peer, or, of a recorded packet, addresses and ports. */
static uint64_t flow_key(const struct flow_table *table, const struct event *event)
{
	uint64_t multiplier = table->secret[1], hash = table->secret[0];

	hash = mix(hash, event->socket_cookie, multiplier);
	hash = mix_address(hash, &event->destination, multiplier);
	hash = mix(hash,
		   (uint64_t)event->destination_port << 24 | (uint64_t)event->source_port << 8 |
			   event->protocol,
		   multiplier);
	return event->socket_cookie ? hash : mix_address(hash, &event->source, multiplier);
}

/* ---- telling ---- */

void flow_table_name(const char *text, struct domain_name *ret)
{
	struct domain_name name = { 0 };
	struct address address;
	size_t length = strlen(text), at = 0;

	ret->length = 0;
	if (length == 0 || *text == '[' || address_parse(text, &address) == 0)
		return;
	if (text[length - 1] == '.')
		length--;
	if (length == 0 || length > DOMAIN_NAME_WIRE_MAX - 2)
		return;
	/* Byte by byte: these are no escapes, whoever wrote a backslash meant one. */
	while (at <= length) {
		size_t label = 0;

		while (at + label < length && text[at + label] != '.')
			label++;
		if (label == 0 || label > DOMAIN_NAME_LABEL_MAX)
			return;
		name.wire[at] = (uint8_t)label;
		memcpy(name.wire + at + 1, text + at, label);
		at += label + 1;
	}
	name.length = (uint8_t)(at + 1);
	*ret = name;
}

static void flow_tell(struct flow_table *table, struct flow *flow, const struct flow_facts *facts)
{
	struct event *event = &flow->event;

	table->statistics.told++;
	flow->told = true;
	event->flow = facts;
	flow_table_name(facts->name, &event->name);
	table->told(event, table->userdata);
	event->flow = NULL;
}

/* No worker could say it. */
static void flow_tell_unread(struct flow_table *table, struct flow *flow, const char *reason)
{
	struct flow_facts facts = { .outcome = FLOW_INCOMPLETE };

	(void)snprintf(facts.reason, sizeof(facts.reason), "%s", reason);
	table->statistics.unread++;
	flow_tell(table, flow, &facts);
}

static void flow_remove(struct flow_table *table, struct flow *flow)
{
	uint32_t place = (uint32_t)(flow - table->flows);

	flow->id = 0;
	table->statistics.flows--;
	lru_remove(table->index, place);
}

/* Nothing more is to be heard of it. Of datagrams the reader knows what was sent before: where each
 * is told it is asked until nothing comes any more, or what is sent again would be told again. */
static bool flow_over(const struct flow_table *table, const struct flow *flow)
{
	bool again = table->each && flow->event.protocol != IPPROTO_TCP;

	return flow->last || flow->cut || (flow->ended && !again);
}

/* Gone, if it is over. */
static void flow_settle(struct flow_table *table, struct flow *flow)
{
	if (flow->waiting > 0 || !flow_over(table, flow))
		return;
	if (flow->cut && !flow->told)
		flow_tell_unread(table, flow, "the worker did not read it");
	pool_forget(table->pool, flow->id);
	flow_remove(table, flow);
}

static void pool_replied(uint64_t id, enum pool_answer answer, const struct flow_facts *facts,
			 void *userdata)
{
	struct flow_table *table = userdata;
	size_t place = id & PLACE_MASK;
	struct flow *flow = &table->flows[place];

	/* It made room for another one meanwhile. */
	if (place >= FLOW_TABLE_MAX || flow->id != id)
		return;
	if (answer == POOL_FACTS && facts->protocol == FLOW_NONE &&
	    facts->outcome != FLOW_INCOMPLETE) {
		table->statistics.nothing++;
		flow->told = true;
	} else if (answer == POOL_FACTS) {
		flow_tell(table, flow, facts);
	}
	if (answer == POOL_FACTS)
		return;
	flow->waiting--;
	flow->ended = answer == POOL_ENDED;
	flow->cut |= answer == POOL_LOST;
	flow_settle(table, flow);
}

/* ---- taking ---- */

static void flow_send(struct flow_table *table, struct flow *flow,
		      const struct protocol_payload *payload)
{
	/* Behind a gap there is nothing to be read. */
	if (flow->cut)
		return;
	if (pool_payload(table->pool, flow->id, payload) < 0)
		flow->cut = true;
	else
		flow->waiting++;
}

static enum flow_transport flow_transport(const struct flow_table *table, const struct event *event)
{
	if (event->protocol != IPPROTO_TCP)
		return FLOW_DATAGRAMS;
	return table->each ? FLOW_STREAM_EACH : FLOW_STREAM;
}

static void flow_take(struct flow_table *table, struct flow *flow, const struct event *event)
{
	const struct event_payload *from = &event->payload;
	bool stream = event->protocol == IPPROTO_TCP;
	size_t at = 0;

	do {
		size_t left = from->size - at;
		size_t part = left < PROTOCOL_BYTES_MAX ? left : PROTOCOL_BYTES_MAX;
		struct protocol_payload payload = {
			.transport = flow_transport(table, event),
			.offset = from->offset + (uint32_t)at,
			.last = from->last && part == left,
			.bytes = from->bytes + at,
			.size = part,
		};

		flow_send(table, flow, &payload);
		at += part;
	} while (stream && at < from->size);
	flow->next = from->offset + (uint32_t)from->size;
	flow->last = from->last;
}

/* What is told next comes from this payload. */
static void flow_begin(struct flow *flow, const struct event *event)
{
	flow->event = *event;
	flow->event.kind = EVENT_FLOW;
	flow->event.payload = (struct event_payload){ 0 };
	flow->event.process = NULL;
}

static struct flow *flow_add(struct flow_table *table, uint64_t key, const struct event *event)
{
	uint32_t place = lru_add(table->index, key);
	struct flow *flow;

	if (place == LRU_NONE) {
		flow = &table->flows[lru_oldest(table->index)];
		table->statistics.evicted++;
		pool_forget(table->pool, flow->id);
		if (!flow->told)
			flow_tell_unread(table, flow, "made room for others");
		flow_remove(table, flow);
		place = lru_add(table->index, key);
	}
	flow = &table->flows[place];
	*flow = (struct flow){ .id = ++table->serial << PLACE_BITS | place };
	flow_begin(flow, event);
	table->statistics.flows++;
	return flow;
}

void flow_table_add(struct flow_table *table, const struct event *event, uint64_t now)
{
	uint64_t key = flow_key(table, event);
	uint32_t place = lru_find(table->index, key);
	struct flow *flow;

	table->statistics.payloads++;
	if (place == LRU_NONE) {
		flow = flow_add(table, key, event);
	} else {
		flow = &table->flows[place];
		lru_touch(table->index, place);
		if (flow->told)
			flow_begin(flow, event);
	}
	flow->touched = now;
	flow_take(table, flow, event);
	flow_settle(table, flow);
}

/* Its worker reads what it has of it. */
static void flow_end(struct flow_table *table, struct flow *flow)
{
	const struct protocol_payload end = {
		.transport = flow_transport(table, &flow->event),
		.offset = flow->next,
		.last = true,
		.bytes = (const uint8_t *)"",
	};

	flow_send(table, flow, &end);
	flow->last = true;
	flow_settle(table, flow);
}

void flow_table_expire(struct flow_table *table, uint64_t now)
{
	uint32_t place = lru_oldest(table->index), next;

	for (; place != LRU_NONE; place = next) {
		struct flow *flow = &table->flows[place];

		if (flow->touched + FLOW_TABLE_IDLE > now)
			break;
		next = lru_newer(table->index, place);
		if (!flow->last)
			flow_end(table, flow);
	}
}

void flow_table_finish(struct flow_table *table)
{
	flow_table_expire(table, UINT64_MAX);
}

void flow_table_statistics(const struct flow_table *table, struct flow_table_statistics *ret)
{
	*ret = table->statistics;
}
