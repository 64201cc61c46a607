/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the match keys about the event itself. Whatever a flow says is its sender's to choose.
 */
#include "policy/match_event.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "sensor/flow_facts.h"

enum match_answer match_ask_direction(const struct match_condition *condition,
				      struct match_subject *subject)
{
	return subject->event ? match_mask(condition, subject->event->direction) : MATCH_NO;
}

static bool prefix_has(const struct match_value *value, const struct address *address)
{
	uint64_t has[2], wanted[2];

	memcpy(has, address->bytes, sizeof(has));
	memcpy(wanted, value->address.bytes, sizeof(wanted));
	return !((has[0] ^ wanted[0]) & value->mask[0]) && !((has[1] ^ wanted[1]) & value->mask[1]);
}

static bool prefixes_have(const struct match_condition *condition, const struct address *address)
{
	for (size_t i = 0; i < condition->count; i++)
		if (prefix_has(&condition->values[i], address))
			return true;
	return false;
}

enum match_answer match_ask_source(const struct match_condition *condition,
				   struct match_subject *subject)
{
	return match_answer_of(subject->event && prefixes_have(condition, &subject->event->source));
}

enum match_answer match_ask_destination(const struct match_condition *condition,
					struct match_subject *subject)
{
	return match_answer_of(subject->event &&
			       prefixes_have(condition, &subject->event->destination));
}

enum match_answer match_ask_address(const struct match_condition *condition,
				    struct match_subject *subject)
{
	return match_ask_source(condition, subject) == MATCH_YES
		       ? MATCH_YES
		       : match_ask_destination(condition, subject);
}

enum match_answer match_ask_blocked(const struct match_condition *condition,
				    struct match_subject *subject)
{
	return subject->event ? match_mask(condition, subject->event->disposition == EVENT_BLOCKED)
			      : MATCH_NO;
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
uint16_t match_event_port(const struct event *event)
{
	return event->response || event->kind == EVENT_ANSWER ? event->source_port
							      : event->destination_port;
}

static enum match_answer port_has(const struct match_condition *condition, uint16_t port)
{
	for (size_t i = 0; i < condition->count; i++)
		if (port >= condition->values[i].number && port <= condition->values[i].last)
			return MATCH_YES;
	return MATCH_NO;
}

enum match_answer match_ask_port(const struct match_condition *condition,
				 struct match_subject *subject)
{
	return subject->event ? port_has(condition, match_event_port(subject->event)) : MATCH_NO;
}

enum match_answer match_ask_source_port(const struct match_condition *condition,
					struct match_subject *subject)
{
	return subject->event ? port_has(condition, subject->event->source_port) : MATCH_NO;
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

/* The server as the flow names it; length 0: it does not, or by what is no name. */
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

const struct domain_name *match_subject_server(struct match_subject *subject, bool http)
{
	const struct flow_facts *flow = subject->event ? subject->event->flow : NULL;
	const struct domain_name *server;

	if (!flow || (flow->protocol == FLOW_HTTP) != http)
		return NULL;
	server = server_of(subject);
	return server->length ? server : NULL;
}

static enum match_answer ask_server(const struct match_condition *condition,
				    struct match_subject *subject, bool http)
{
	const struct domain_name *server = match_subject_server(subject, http);

	return match_answer_of(server && match_names_cover(condition, server));
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

/* ---- as texts, for operators ---- */

static const char *server_text(struct match_subject *subject, size_t i, char *buffer, bool http)
{
	const struct domain_name *server = i == 0 ? match_subject_server(subject, http) : NULL;

	if (!server)
		return NULL;
	domain_name_format(server, buffer);
	return buffer;
}

const char *match_texts_sni(struct match_subject *subject, size_t i, char *buffer)
{
	return server_text(subject, i, buffer, false);
}

const char *match_texts_host(struct match_subject *subject, size_t i, char *buffer)
{
	return server_text(subject, i, buffer, true);
}

const char *match_text_ja4(const struct match_subject *subject)
{
	const struct flow_facts *flow = subject->event ? subject->event->flow : NULL;

	return flow ? flow->ja4 : NULL;
}

const char *match_text_method(const struct match_subject *subject)
{
	const struct flow_facts *flow = subject->event ? subject->event->flow : NULL;

	return flow ? flow->method : NULL;
}

const char *match_text_watch(const struct match_subject *subject)
{
	if (!subject->event || subject->event->watch == EVENT_WATCH_NONE)
		return NULL;
	return event_watch_name(subject->event->watch);
}

const char *match_texts_kind(struct match_subject *subject, size_t i, char *buffer)
{
	(void)buffer;
	return i == 0 && subject->event ? event_kind_name(subject->event->kind) : NULL;
}

const char *match_texts_qtype(struct match_subject *subject, size_t i, char *buffer)
{
	const struct event *event = subject->event;

	if (i > 0 || !event || event->name.length == 0 ||
	    (event->kind != EVENT_QUESTION && event->kind != EVENT_ANSWER))
		return NULL;
	return event_qtype_name(event->qtype, buffer);
}

static const char *address_text(const struct address *address, char *buffer)
{
	address_format(address, buffer);
	return buffer;
}

const char *match_texts_source(struct match_subject *subject, size_t i, char *buffer)
{
	return i == 0 && subject->event ? address_text(&subject->event->source, buffer) : NULL;
}

const char *match_texts_destination(struct match_subject *subject, size_t i, char *buffer)
{
	return i == 0 && subject->event ? address_text(&subject->event->destination, buffer) : NULL;
}

const char *match_texts_address(struct match_subject *subject, size_t i, char *buffer)
{
	return i == 0 ? match_texts_source(subject, 0, buffer)
		      : match_texts_destination(subject, i - 1, buffer);
}

static const char *number_text(uint64_t number, char *buffer)
{
	(void)snprintf(buffer, MATCH_TEXT_SIZE, "%llu", (unsigned long long)number);
	return buffer;
}

const char *match_texts_port(struct match_subject *subject, size_t i, char *buffer)
{
	return i == 0 && subject->event ? number_text(match_event_port(subject->event), buffer)
					: NULL;
}

const char *match_texts_source_port(struct match_subject *subject, size_t i, char *buffer)
{
	return i == 0 && subject->event ? number_text(subject->event->source_port, buffer) : NULL;
}

const char *match_texts_alpn(struct match_subject *subject, size_t i, char *buffer)
{
	const struct flow_facts *flow = subject->event ? subject->event->flow : NULL;

	return flow ? match_list_item(flow->alpn, i, buffer) : NULL;
}
