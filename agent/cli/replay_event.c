/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay_event.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/event.h"

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
	if (object)
		line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	if (!line)
		return -ENOMEM;
	(void)fprintf(out, "%s\n", line);
	return 0;
}
