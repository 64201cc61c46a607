/* SPDX-License-Identifier: Apache-2.0
 *
 * IP packets with a DNS message in them, as the probes' tests send them: right in every field,
 * until a test breaks one. Checksums are 0: nothing here looks at them.
 */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "base/domain_name.h"

#define PACKET_MAX 2048

/* What stands before the UDP or TCP header. */
enum packet_ip {
	PACKET_IPV4,
	PACKET_IPV4_OPTIONS,
	PACKET_IPV6,
	PACKET_IPV6_HOP_BY_HOP,
	PACKET_IPV6_DESTINATION,
	PACKET_IPV6_THREE, /* hop-by-hop, routing, destination */
	PACKET_IPS,
};

struct packet {
	size_t size;
	uint8_t bytes[PACKET_MAX];
	size_t transport; /* where the UDP or TCP header starts */
	size_t payload;	  /* where what it carries starts */
};

/* One direction of a conversation. client: makes the source address, so that streams differ. */
struct flow {
	uint32_t client;
	uint16_t source_port, destination_port;
};

struct message {
	size_t size;
	uint8_t bytes[1024];
};

#define MESSAGE_HEADER 12
#define MESSAGE_TAIL   4 /* type and class */

#define TCP_SYN 2
#define TCP_ACK 16

/* A query of one question; ends with its class. */
void message_query(struct message *message, const struct domain_name *name);
/* Puts bytes behind it. */
void message_append(struct message *message, const void *bytes, size_t size);

/* size bytes of payload at most PACKET_MAX less the headers. */
void packet_udp(struct packet *packet, enum packet_ip ip, const struct flow *flow,
		const void *payload, size_t size);
void packet_tcp(struct packet *packet, enum packet_ip ip, const struct flow *flow,
		uint32_t sequence, uint8_t flags, const void *payload, size_t size);
/* UDP over IPv6 behind so many destination options headers. */
void packet_udp_chain(struct packet *packet, const struct flow *flow, size_t headers,
		      const void *payload, size_t size);
