/* SPDX-License-Identifier: Apache-2.0 */
#include "strict_parser.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

/* What probes/ say they walk: eight extension headers, 28 messages in a segment. */
#define EXTENSIONS_MAX 8
#define MESSAGES_MAX   28

#define DNS_PORT   53
#define DNS_HEADER 12

struct headers {
	size_t transport;
	uint8_t protocol;
	bool fragment, later_fragment, out_of_reach;
};

struct reading {
	const struct strict_rules *rules;
	struct strict *out;
	bool enforce, to_resolver;
};

static unsigned get_u16(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static void outcome(struct reading *reading, enum ledger_counter counter, bool record, bool drop)
{
	reading->out->outcomes[counter]++;
	reading->out->records += record;
	reading->out->drop |= drop && reading->enforce && reading->to_resolver;
}

/* RFC 791. */
static bool ipv4_read(const uint8_t *packet, size_t size, struct headers *ret)
{
	unsigned fragment;

	if (size < 20 || (packet[0] & 15) < 5)
		return false;
	fragment = get_u16(packet + 6);
	ret->fragment = fragment & 0x3fff;
	ret->later_fragment = fragment & 0x1fff;
	ret->protocol = packet[9];
	ret->transport = (size_t)(packet[0] & 15) * 4;
	return true;
}

static bool is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_AH || next == IPPROTO_DSTOPTS;
}

/* RFC 8200. */
static bool ipv6_read(const uint8_t *packet, size_t size, struct headers *ret)
{
	size_t at = 40;

	if (size < 7)
		return false;
	ret->protocol = packet[6];
	for (size_t i = 0; is_extension(ret->protocol); i++) {
		const uint8_t *header = packet + at;
		uint8_t kind = ret->protocol;

		if (at + 4 > size)
			return ret->out_of_reach = ret->fragment;
		if (i == EXTENSIONS_MAX)
			return ret->out_of_reach = true;
		ret->protocol = header[0];
		at += kind == IPPROTO_AH	 ? ((size_t)header[1] + 2) * 4
		      : kind == IPPROTO_FRAGMENT ? 8
						 : ((size_t)header[1] + 1) * 8;
		if (kind == IPPROTO_FRAGMENT) {
			ret->fragment = true;
			ret->later_fragment = get_u16(header + 2) & 0xfff8;
			if (ret->later_fragment)
				return true;
		}
	}
	ret->transport = at;
	return true;
}

/* RFC 1035, 3.1: a name with its type and class behind it. 1: read; 0: ends too early or is too
 * long; -1: a pointer, or a label of another type. */
static int question_read(const uint8_t *bytes, size_t size, struct domain_name *ret)
{
	size_t at = 0;

	for (;;) {
		if (at >= size)
			return 0;
		if (bytes[at] == 0)
			break;
		if (bytes[at] > 63)
			return -1;
		at += (size_t)bytes[at] + 1;
		if (at + 1 > DOMAIN_NAME_WIRE_MAX)
			return 0;
	}
	if (at + 1 + 4 > size)
		return 0;
	memcpy(ret->wire, bytes, at + 1);
	ret->length = (uint8_t)(at + 1);
	return 1;
}

static void question_decide(struct reading *reading, const struct domain_name *name)
{
	enum match match = match_find(reading->rules->reference, name, true);
	bool listed = match >= MATCH_LISTED, all = reading->rules->observe_all;
	struct strict *out = reading->out;

	if (listed) {
		assert(out->count < STRICT_MATCHES_MAX);
		out->matches[out->count++] = *name;
		outcome(reading, LEDGER_MATCHED, true, match == MATCH_LISTED);
	} else if (all) {
		outcome(reading, LEDGER_OBSERVED, true, false);
	} else {
		outcome(reading, match == MATCH_ALLOWED ? LEDGER_ALLOWED : LEDGER_CLEAN, false,
			false);
	}
}

static void message_decide(struct reading *reading, const uint8_t *bytes, size_t size)
{
	struct domain_name name;
	int r;

	if (size < DNS_HEADER) {
		outcome(reading, LEDGER_MALFORMED, true, true);
	} else if (bytes[2] & 0x80 && !reading->rules->responses) {
		outcome(reading, LEDGER_RESPONSE, false, false);
	} else if (get_u16(bytes + 4) == 0) {
		outcome(reading, LEDGER_EMPTY, false, false);
	} else if (get_u16(bytes + 4) > 1) {
		outcome(reading, LEDGER_UNREAD, true, true);
	} else {
		r = question_read(bytes + DNS_HEADER, size - DNS_HEADER, &name);
		if (r > 0)
			question_decide(reading, &name);
		else
			outcome(reading, r < 0 ? LEDGER_UNREAD : LEDGER_MALFORMED, true, true);
	}
}

static void udp_decide(struct reading *reading, const uint8_t *bytes, size_t size, bool fragment)
{
	if (size < 8)
		outcome(reading, LEDGER_MALFORMED, true, true);
	else if (size == 8 && !fragment)
		outcome(reading, LEDGER_EMPTY, false, false);
	else
		message_decide(reading, bytes + 8, size - 8);
}

/* Messages behind their lengths (RFC 1035, 4.2.2). A question stands in a message's first 271
 * bytes: the probes wait for no more of it; of answers, where they are read, for 2,046. */
static void stream_decide(struct reading *reading, const uint8_t *bytes, size_t size)
{
	size_t at = 0, messages = 0;

	while (at < size && messages < MESSAGES_MAX && !reading->out->drop) {
		size_t whole = at + 2 <= size ? get_u16(bytes + at) : 0;
		/* Too short for a message: what it would be does not matter. */
		size_t most = 271, head;

		if (reading->rules->answers && at + 2 + DNS_HEADER <= size && bytes[at + 4] & 0x80)
			most = 2046;
		head = whole < DNS_HEADER ? 0 : whole < most ? whole : most;
		if (at + 2 + head > size || at + 2 > size) {
			outcome(reading, LEDGER_PARTIAL, false, false);
			return;
		}
		message_decide(reading, bytes + at + 2, head);
		messages++;
		at += 2 + whole;
	}
	if (at < size && !reading->out->drop)
		outcome(reading, LEDGER_UNREAD, true, true);
}

/* RFC 9293, 3.1. */
static void tcp_decide(struct reading *reading, const uint8_t *bytes, size_t size, bool fragment)
{
	size_t payload = size < 20 ? 0 : (size_t)(bytes[12] >> 4) * 4;

	if (payload < 20 || payload > size || (payload == size && fragment))
		outcome(reading, LEDGER_MALFORMED, true, true);
	else if (payload == size)
		outcome(reading, LEDGER_EMPTY, false, false);
	else
		stream_decide(reading, bytes + payload, size - payload);
}

void strict_read(const uint8_t *packet, size_t size, const struct strict_rules *rules, bool enforce,
		 struct strict *ret)
{
	struct reading reading = { .rules = rules, .out = ret, .enforce = enforce };
	struct headers headers = { 0 };
	unsigned version = packet[0] >> 4;
	const uint8_t *transport;
	bool known;

	memset(ret, 0, sizeof(*ret));
	known = version == 4 ? ipv4_read(packet, size, &headers)
			     : version == 6 && ipv6_read(packet, size, &headers);
	if (!known)
		return;
	known = headers.protocol == IPPROTO_UDP || headers.protocol == IPPROTO_TCP;
	if (headers.later_fragment) {
		if (known)
			outcome(&reading, LEDGER_FRAGMENT, false, false);
		return;
	}
	/* A first fragment without its ports is none that anybody makes but to hide them. */
	if (headers.out_of_reach || (known && headers.fragment && headers.transport + 4 > size)) {
		reading.to_resolver = true;
		outcome(&reading, LEDGER_UNREAD, true, true);
		return;
	}
	if (!known || headers.transport + 4 > size)
		return;
	transport = packet + headers.transport;
	reading.to_resolver = get_u16(transport + 2) == DNS_PORT;
	if (!reading.to_resolver && get_u16(transport) != DNS_PORT)
		return;
	if (headers.protocol == IPPROTO_UDP)
		udp_decide(&reading, transport, size - headers.transport, headers.fragment);
	else
		tcp_decide(&reading, transport, size - headers.transport, headers.fragment);
}
