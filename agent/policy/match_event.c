/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the match keys about the event itself. Whatever a flow says is its sender's to choose.
 */
#include "policy/match_event.h"

#include <netinet/in.h>
#include <string.h>

#include "sensor/flow_facts.h"

enum match_answer match_ask_direction(const struct match_condition *condition,
				      struct match_subject *subject)
{
	return subject->event ? match_mask(condition, subject->event->direction) : MATCH_NO;
}

static bool prefix_has(const struct match_value *value, const struct address *address)
{
	size_t whole = value->length / 8, bits = value->length % 8;

	if (memcmp(address->bytes, value->address.bytes, whole) != 0)
		return false;
	return bits == 0 ||
	       (address->bytes[whole] ^ value->address.bytes[whole]) >> (8 - bits) == 0;
}

enum match_answer match_ask_address(const struct match_condition *condition,
				    struct match_subject *subject)
{
	const struct event *event = subject->event;

	for (size_t i = 0; event && i < condition->count; i++)
		if (prefix_has(&condition->values[i], &event->source) ||
		    prefix_has(&condition->values[i], &event->destination))
			return MATCH_YES;
	return MATCH_NO;
}

enum match_answer match_ask_kind(const struct match_condition *condition,
				 struct match_subject *subject)
{
	return subject->event ? match_mask(condition, subject->event->kind) : MATCH_NO;
}

enum match_answer match_ask_entry_kind(const struct match_condition *condition,
				       struct match_subject *subject)
{
	switch (subject->indicator->kind) {
	case INDICATOR_DOMAIN:
		return match_mask(condition, EVENT_QUESTION);
	case INDICATOR_ADDRESS:
		return match_mask(condition, EVENT_CONNECTION);
	default:
		return MATCH_MAYBE;
	}
}

enum match_answer match_ask_entry_flow(const struct match_condition *condition,
				       struct match_subject *subject)
{
	(void)condition;
	(void)subject;
	return MATCH_NO;
}

/* All that the event speaks, as a mask of enum match_protocol. */
static unsigned protocols_of(const struct event *event)
{
	static const unsigned flows[FLOW_PROTOCOLS] = { [FLOW_TLS] = 1u << MATCH_TLS,
							[FLOW_HTTP] = 1u << MATCH_HTTP,
							[FLOW_QUIC] = 1u << MATCH_QUIC };
	unsigned mask = 0;

	if (event->protocol == IPPROTO_TCP)
		mask |= 1u << MATCH_TCP;
	if (event->protocol == IPPROTO_UDP)
		mask |= 1u << MATCH_UDP;
	if (event->kind == EVENT_QUESTION || event->kind == EVENT_ANSWER)
		mask |= 1u << MATCH_DNS;
	if (event->flow && event->flow->protocol < FLOW_PROTOCOLS)
		mask |= flows[event->flow->protocol];
	return mask;
}

enum match_answer match_ask_protocol(const struct match_condition *condition,
				     struct match_subject *subject)
{
	return match_answer_of(subject->event && condition->mask & protocols_of(subject->event));
}

/* The server's: of an answer it is the one that it came from. */
enum match_answer match_ask_port(const struct match_condition *condition,
				 struct match_subject *subject)
{
	const struct event *event = subject->event;
	uint16_t port;

	if (!event)
		return MATCH_NO;
	port = event->response || event->kind == EVENT_ANSWER ? event->source_port
							      : event->destination_port;
	for (size_t i = 0; i < condition->count; i++)
		if (port >= condition->values[i].number && port <= condition->values[i].last)
			return MATCH_YES;
	return MATCH_NO;
}

/* The protocols offered are one text, joined by commas. */
enum match_answer match_ask_alpn(const struct match_condition *condition,
				 struct match_subject *subject)
{
	const struct flow_facts *flow = subject->event ? subject->event->flow : NULL;
	const char *at = flow ? flow->alpn : "";

	while (*at) {
		size_t length = strcspn(at, ",");

		for (size_t i = 0; i < condition->count; i++)
			if (strlen(condition->values[i].text) == length &&
			    memcmp(condition->values[i].text, at, length) == 0)
				return MATCH_YES;
		at += length + (at[length] == ',');
	}
	return MATCH_NO;
}

/* The server as the flow names it, in lower case; length 0: it does not, or by what is no name. */
static const struct domain_name *server_of(struct match_subject *subject)
{
	const struct event *event = subject->event;
	struct domain_name *server = &subject->server;

	if (subject->server_ready)
		return server;
	*server = event->name;
	if (server->length == 0 &&
	    (strchr(event->flow->name, '\\') || domain_name_parse(event->flow->name, server) < 0))
		server->length = 0;
	domain_name_lower(server);
	subject->server_ready = true;
	return server;
}

static enum match_answer ask_server(const struct match_condition *condition,
				    struct match_subject *subject, bool http)
{
	const struct flow_facts *flow = subject->event ? subject->event->flow : NULL;

	if (!flow || (flow->protocol == FLOW_HTTP) != http)
		return MATCH_NO;
	return match_answer_of(match_names_cover(condition, server_of(subject)));
}

enum match_answer match_ask_sni(const struct match_condition *condition,
				struct match_subject *subject)
{
	return ask_server(condition, subject, false);
}

enum match_answer match_ask_host(const struct match_condition *condition,
				 struct match_subject *subject)
{
	return ask_server(condition, subject, true);
}
