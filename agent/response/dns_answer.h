/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer that a blocked lookup gets: NXDOMAIN, in a datagram that looks as if the resolver had
 * sent it. Owns nothing; takes the question from an event, gives bytes to block.c. Names, ports and
 * ids in them were chosen by whoever asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sensor/event.h"

#define DNS_ANSWER_MESSAGE_MAX	(12 + DOMAIN_NAME_WIRE_MAX + 4)
#define DNS_ANSWER_DATAGRAM_MAX (40 + 8 + DNS_ANSWER_MESSAGE_MAX)

/* Who asked, and whom. */
struct dns_answer_ends {
	struct address client, server;
	uint16_t client_port, server_port;
};

/* From a question that left, or an answer that came. False for all else: then nobody on this host
 * waits for it. */
bool dns_answer_ends(const struct event *event, struct dns_answer_ends *ret);

/* The DNS message (RFC 1035, 4.1): id and question as they were asked, no records. Nothing in it
 * lets a cache keep it (RFC 2308, 5: there is no SOA), so that it ends with the block. Returns its
 * length; -EINVAL when the event has no question, -ENOBUFS when it does not fit. */
ssize_t dns_answer_nxdomain(const struct event *event, uint8_t *out, size_t size);

/* The message in an IPv4 or IPv6 datagram, checksums and all, from ends->server to ends->client. */
ssize_t dns_answer_datagram(const struct event *event, const struct dns_answer_ends *ends,
			    uint8_t *out, size_t size);
