/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the lines of `cordon replay --events`. Gets events from replay.c; the texts in them are
 * whoever sent the packets'.
 */
#include "cli/replay_event.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "sensor/dns_answers.h"
#include "sensor/event.h"
#include "sensor/flow_facts.h"

/* RFC 9000 and RFC 9369. */
#define QUIC_1 0x00000001u
#define QUIC_2 0x6b3343cfu

CLEANUP_DEFINE(json_t *, json_decref)

/* Takes value; false: memory is short. */
static bool put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static json_t *text_raw(const char *bytes, size_t length)
{
	CLEANUP(free_cleanup) char *escaped = escape_text_dup(bytes, length);

	return escaped ? json_string(escaped) : NULL;
}

/* Text that was not said has no key. */
static bool put_raw(json_t *object, const char *key, const char *bytes)
{
	return !*bytes || put(object, key, text_raw(bytes, strlen(bytes)));
}

static json_t *line_begin(const struct event *event)
{
	char time[CLOCK_TEXT_SIZE], source[ADDRESS_TEXT_SIZE], destination[ADDRESS_TEXT_SIZE];

	clock_format(event->time, time);
	address_format(&event->source, source);
	address_format(&event->destination, destination);
	return json_pack("{s:I, s:s, s:s, s:s, s:i, s:i, s:s}", "frame", (json_int_t)event->frame,
			 "time", time, "src", source, "dst", destination, "sport",
			 event->source_port, "dport", event->destination_port, "proto",
			 event->protocol == IPPROTO_TCP ? "tcp" : "udp");
}

static json_t *answer_json(const struct dns_answer *answer)
{
	char owner[DOMAIN_NAME_TEXT_SIZE], name[DOMAIN_NAME_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
	const char *key = answer->name.length > 0 ? "name" : "address", *value = address;
	json_t *object;

	domain_name_format(&answer->owner, owner);
	address_format(&answer->address, address);
	if (answer->name.length > 0) {
		domain_name_format(&answer->name, name);
		value = name;
	}
	object = json_pack("{s:s, s:s, s:I, s:s}", "owner", owner, "type",
			   dns_answer_type_name(answer->type), "ttl", (json_int_t)answer->ttl, key,
			   value);
	if (object && answer->alpn[0])
		(void)json_object_set_new(object, "alpn", json_string(answer->alpn));
	if (object && answer->ech)
		(void)json_object_set_new(object, "ech", json_true());
	return object;
}

static bool put_answers(json_t *object, const struct dns_answers *answers)
{
	json_t *list = json_array();

	for (size_t i = 0; i < answers->count; i++)
		if (json_array_append_new(list, answer_json(&answers->answers[i])) < 0) {
			json_decref(list);
			return false;
		}
	return put(object, "answers", list) &&
	       (!answers->incomplete || put(object, "incomplete", json_string(answers->reason)));
}

static bool put_question(json_t *object, const struct event *event)
{
	char name[DOMAIN_NAME_TEXT_SIZE], type[16];

	domain_name_format(&event->name, name);
	return put(object, "qname", json_string(name)) &&
	       put(object, "qtype", json_string(event_qtype_name(event->qtype, type))) &&
	       put(object, "response", json_boolean(event->response)) &&
	       (!event->answers || (event->answers->count == 0 && !event->answers->incomplete) ||
		put_answers(object, event->answers));
}

static bool put_connection(json_t *object, const struct event *event)
{
	return put(object, "connection", json_string(event_watch_name(event->watch)));
}

static json_t *alpn_list(const char *alpn)
{
	json_t *array = json_array();

	while (*alpn) {
		size_t length = strcspn(alpn, ",");

		if (json_array_append_new(array, text_raw(alpn, length)) < 0) {
			json_decref(array);
			return NULL;
		}
		alpn += length + (alpn[length] == ',');
	}
	return array;
}

static json_t *quic_version(uint32_t version)
{
	char number[16];

	if (version == QUIC_1)
		return json_integer(1);
	if (version == QUIC_2)
		return json_integer(2);
	(void)snprintf(number, sizeof(number), "0x%08x", version);
	return json_string(number);
}

static bool put_flow(json_t *object, const struct event *event)
{
	static const char *const outcomes[FLOW_OUTCOMES] = {
		[FLOW_READ] = "read",
		[FLOW_INCOMPLETE] = "incomplete",
		[FLOW_MALFORMED] = "malformed",
		[FLOW_UNSUPPORTED] = "unsupported",
	};
	const struct flow_facts *flow = event->flow;
	bool http = flow->protocol == FLOW_HTTP;

	return put(object, "flow", json_string(flow_protocol_name(flow->protocol))) &&
	       put(object, "outcome", json_string(outcomes[flow->outcome])) &&
	       put_raw(object, http ? "host" : "sni", flow->name) &&
	       (!*flow->alpn || put(object, "alpn", alpn_list(flow->alpn))) &&
	       put_raw(object, "ja4", flow->ja4) &&
	       (!flow->ech || put(object, "ech", json_true())) &&
	       put_raw(object, "method", flow->method) &&
	       (!flow->quic_version || put(object, "quic", quic_version(flow->quic_version)));
}

/* What each kind has besides. A payload is told when it is read, as a flow; an answer with the
 * question that it repeats. */
static bool (*const parts[])(json_t *object, const struct event *event) = {
	[EVENT_QUESTION] = put_question,
	[EVENT_ANSWER] = NULL,
	[EVENT_CONNECTION] = put_connection,
	[EVENT_PAYLOAD] = NULL,
	[EVENT_FLOW] = put_flow,
	[EVENT_FILE] = NULL,
};

int replay_event_print(const struct event *event, FILE *out)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	CLEANUP(free_cleanup) char *line = NULL;

	if (!parts[event->kind] || (event->kind == EVENT_FLOW && !event->flow))
		return 0;
	object = line_begin(event);
	if (object && parts[event->kind](object, event))
		line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (!line)
		return -ENOMEM;
	(void)fprintf(out, "%s\n", line);
	return 0;
}
