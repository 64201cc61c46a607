/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections and datagrams to listed addresses: the kernel side's table has fingerprints only, so
 * each hit is confirmed against the pack. Where it goes is the choice of whoever connects.
 */
#include <stdio.h>

#include "base/clock.h"
#include "detect/detector.h"

bool connection_indicator_look(struct detect *detect, const struct event *event,
			       const struct pack *pack, uint64_t now, struct pack_match *match,
			       struct finding *finding)
{
	char address[ADDRESS_TEXT_SIZE], protocol[16];

	if (event->kind != EVENT_CONNECTION ||
	    (event->watch != EVENT_WATCH_ADDRESS && event->watch != EVENT_WATCH_OPEN) || !pack ||
	    pack_lookup_address(pack, &event->destination, now / NS_PER_SECOND, match) != 1 ||
	    !match->blocked)
		return false;
	address_format(&event->destination, address);
	(void)snprintf(finding->title, sizeof(finding->title), "%s to listed address %s",
		       event->watch == EVENT_WATCH_OPEN ? "Open connection" : "Connection",
		       address);
	if (event->destination_port)
		detect_line_add(finding->title, sizeof(finding->title), " port %u",
				event->destination_port);
	detect_line_add(finding->title, sizeof(finding->title), " (%s)",
			event_protocol_name(event->protocol, protocol));
	detect_explain(detect, match, finding);
	return true;
}
