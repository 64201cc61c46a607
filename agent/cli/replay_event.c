/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay_event.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/dns_answers.h"
#include "sensor/event.h"

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

static int answers_put(json_t *object, const struct dns_answers *answers)
{
	json_t *list = json_array();
	int r = 0;

	for (size_t i = 0; i < answers->count; i++)
		r |= json_array_append_new(list, answer_json(&answers->answers[i]));
	if (answers->incomplete)
		r |= json_object_set_new(object, "incomplete", json_string(answers->reason));
	r |= json_object_set_new(object, "answers", list);
	return r;
}

int replay_event_print(const struct event *event, FILE *out)
{
	CLEANUP(free_cleanup) char *line = NULL;
	char time[CLOCK_TEXT_SIZE], source[ADDRESS_TEXT_SIZE], destination[ADDRESS_TEXT_SIZE];
	char name[DOMAIN_NAME_TEXT_SIZE], type[16];
	json_t *object;

	clock_format(event->time, time);
	address_format(&event->source, source);
	address_format(&event->destination, destination);
	domain_name_format(&event->name, name);
	object =
		json_pack("{s:I, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:b}", "frame",
			  (json_int_t)event->frame, "time", time, "src", source, "dst", destination,
			  "sport", event->source_port, "dport", event->destination_port, "proto",
			  event->protocol == IPPROTO_TCP ? "tcp" : "udp", "qname", name, "qtype",
			  event_qtype_name(event->qtype, type), "response", event->response);
	if (object && event->answers && (event->answers->count > 0 || event->answers->incomplete) &&
	    answers_put(object, event->answers) < 0) {
		json_decref(object);
		object = NULL;
	}
	if (object)
		line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	if (!line)
		return -ENOMEM;
	(void)fprintf(out, "%s\n", line);
	return 0;
}
