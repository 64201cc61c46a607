/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows to listed names: what the first bytes of a connection say, held against the pack. Gets the
 * facts from the sandboxed worker that read them; the name in them is the sender's own choice.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "detect/detector.h"
#include "intel/fingerprint.h"
#include "sensor/flow_facts.h"

/* The server as the flow names it: a name, or an address in the place of one. */
struct flow_server {
	bool is_address;
	struct address address;
	struct domain_name name;
};

/* An address, with the brackets around it that URLs have for IPv6. */
static bool address_read(const char *text, struct address *ret)
{
	char bare[ADDRESS_TEXT_SIZE];
	size_t length = strlen(text);

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(bare))
		return false;
	memcpy(bare, text, length);
	bare[length] = '\0';
	return address_parse(bare, ret) == 0;
}

static bool server_read(const struct event *event, struct flow_server *ret)
{
	const char *text = event->flow->name;

	ret->is_address = address_read(text, &ret->address);
	if (ret->is_address)
		return true;
	ret->name = event->name;
	if (ret->name.length > 0)
		return true;
	/* In a name a backslash would begin an escape; no host has one. */
	return *text && !strchr(text, '\\') && domain_name_parse(text, &ret->name) == 0;
}

static void title_make(const struct event *event, const struct flow_server *server,
		       struct finding *finding)
{
	static const struct {
		const char *does, *said;
	} words[FLOW_PROTOCOLS] = {
		[FLOW_NONE] = { "Connection to", "" },
		[FLOW_TLS] = { "TLS connection to", " (SNI)" },
		[FLOW_HTTP] = { "HTTP request to", "" },
		[FLOW_QUIC] = { "QUIC connection to", " (SNI)" },
	};
	const struct flow_facts *flow = event->flow;
	char text[DOMAIN_NAME_TEXT_SIZE];

	if (server->is_address)
		address_format(&server->address, text);
	else
		domain_name_format(&server->name, text);
	detect_title_name(text);
	(void)snprintf(finding->title, sizeof(finding->title), "%s%s listed %s %.*s%s",
		       event->direction == EVENT_DIRECTION_IN ? "Client's " : "",
		       words[flow->protocol].does,
		       server->is_address	     ? "address"
		       : flow->protocol == FLOW_HTTP ? "host"
						     : "name",
		       TITLE_NAME_MAX, text,
		       flow->ech ? " (outer SNI, under ECH)" : words[flow->protocol].said);
}

bool flow_indicator_look(struct detect *detect, const struct event *event, const struct pack *pack,
			 uint64_t now, struct pack_match *match, struct finding *finding)
{
	struct flow_server server;
	int r;

	if (event->kind != EVENT_FLOW || !event->flow || !pack || !server_read(event, &server))
		return false;
	r = server.is_address
		    ? pack_lookup_address(pack, &server.address, now / NS_PER_SECOND, match)
		    : pack_lookup_domain(pack, &server.name, now / NS_PER_SECOND, match);
	if (r != 1 || !match->blocked)
		return false;
	title_make(event, &server, finding);
	detect_explain(detect, match, finding);
	if (event->flow->ech)
		detect_line_add(finding->why, sizeof(finding->why),
				"; the name inside the encrypted hello is not known");
	return true;
}

/* Who is connecting, not where to: whatever name the flow has. */
bool fingerprint_indicator_look(struct detect *detect, const struct event *event,
				const struct pack *pack, uint64_t now, struct pack_match *match,
				struct finding *finding)
{
	uint8_t fingerprint[FINGERPRINT_SIZE];

	if (event->kind != EVENT_FLOW || !event->flow || !pack ||
	    !fingerprint_read(event->flow->ja4, strlen(event->flow->ja4), fingerprint) ||
	    pack_lookup_hash(pack, fingerprint, sizeof(fingerprint), now / NS_PER_SECOND, match) !=
		    1 ||
	    !match->blocked)
		return false;
	(void)snprintf(finding->title, sizeof(finding->title),
		       "%s client with listed fingerprint %.36s (JA4)",
		       event->flow->protocol == FLOW_QUIC ? "QUIC" : "TLS", event->flow->ja4);
	detect_explain(detect, match, finding);
	return true;
}
