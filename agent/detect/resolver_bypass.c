/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/resolver_bypass.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define DETECTOR "resolver-bypass"
#define TAG	 "resolver"
#define DNS_PORT 53

/* What the general detectors write in their titles, and what stands there for a resolver. */
static const char listed[] = "listed ", resolver[] = "public resolver ";

static bool process_resolves(const struct event *event)
{
	return event->process && event->process->role == PROCESS_ROLE_STUB;
}

static const char *road_name(const struct event *event)
{
	if (event->watch == EVENT_WATCH_RESOLVER)
		return "Plain DNS";
	return event->protocol == IPPROTO_UDP ? "DNS over QUIC" : "DNS over TLS";
}

bool resolver_bypass_connection(const struct event *event, struct finding *finding)
{
	char address[ADDRESS_TEXT_SIZE];

	if (event->kind != EVENT_CONNECTION || process_resolves(event) ||
	    (event->watch != EVENT_WATCH_RESOLVER && event->watch != EVENT_WATCH_ENCRYPTED))
		return false;
	finding->default_severity = SEVERITY_LOW;
	address_format(&event->destination, address);
	(void)snprintf(finding->subject, sizeof(finding->subject), "%s", road_name(event));
	(void)snprintf(finding->title, sizeof(finding->title), "%s to %s port %u", road_name(event),
		       address, event->destination_port);
	(void)snprintf(finding->why, sizeof(finding->why), "%s",
		       event->watch == EVENT_WATCH_RESOLVER
			       ? "not one of this host's own resolvers"
			       : "names asked there are not seen by the agent");
	return true;
}

bool resolver_bypass_entry(const struct indicator *indicator)
{
	size_t length = strlen(TAG);

	for (const char *at = indicator->tags; at && *at;) {
		size_t part = strcspn(at, ",");

		if (part == length && memcmp(at, TAG, length) == 0)
			return true;
		at += part + (at[part] == ',');
	}
	return false;
}

/* "Lookup of listed domain dns.google" to "Lookup of public resolver dns.google". */
static void title_adopt(struct finding *finding)
{
	char *at = strstr(finding->title, listed), rest[sizeof(finding->title)];
	const char *object;

	if (!at)
		return;
	object = at + strlen(listed);
	object += strcspn(object, " ");
	(void)snprintf(rest, sizeof(rest), "%s", *object ? object + 1 : object);
	(void)snprintf(at, sizeof(finding->title) - (size_t)(at - finding->title), "%s%s", resolver,
		       rest);
}

bool resolver_bypass_adopt(struct finding *finding)
{
	const struct event *event = finding->event;

	if (!finding->indicator || !resolver_bypass_entry(finding->indicator))
		return true;
	if (event->kind == EVENT_CONNECTION && event->destination_port == DNS_PORT)
		return false;
	finding->detector = DETECTOR;
	title_adopt(finding);
	/* That a resolver on this host looks its own upstream up, or asks for a program whose own
	 * lookup is told, is worth a note. */
	if (process_resolves(event))
		finding->default_severity = SEVERITY_INFORMATIONAL;
	return true;
}
