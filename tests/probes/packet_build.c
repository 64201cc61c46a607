/* SPDX-License-Identifier: Apache-2.0 */
#include "packet_build.h"

#include <assert.h>
#include <string.h>

#define IPV4_LENGTH   2
#define IPV4_PROTOCOL 9
#define IPV6_LENGTH   4
#define IPV6_NEXT     6

static void put(struct packet *packet, const void *bytes, size_t size)
{
	assert(packet->size + size <= sizeof(packet->bytes));
	if (size > 0)
		memcpy(packet->bytes + packet->size, bytes, size);
	packet->size += size;
}

static void put_u16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_u32(uint8_t *at, uint32_t value)
{
	put_u16(at, value >> 16);
	put_u16(at + 2, value & 0xffff);
}

void message_query(struct message *message, const struct domain_name *name)
{
	static const uint8_t header[MESSAGE_HEADER] = { 0x43, 0x44, 1, 0, 0, 1 };
	static const uint8_t tail[MESSAGE_TAIL] = { 0, 1, 0, 1 };

	message->size = 0;
	message_append(message, header, sizeof(header));
	message_append(message, name->wire, name->length);
	message_append(message, tail, sizeof(tail));
}

void message_append(struct message *message, const void *bytes, size_t size)
{
	assert(message->size + size <= sizeof(message->bytes));
	memcpy(message->bytes + message->size, bytes, size);
	message->size += size;
}

static void ipv4_start(struct packet *packet, const struct flow *flow, uint8_t protocol,
		       bool options)
{
	/* No operation, three times, and end of options. */
	static const uint8_t nothing[4] = { 1, 1, 1, 0 };
	uint8_t header[20] = { options ? 0x46 : 0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol };

	put_u32(header + 12, 10u << 24 | (flow->client & 0xffffff));
	put_u32(header + 16, 0x0a000035);
	put(packet, header, sizeof(header));
	if (options)
		put(packet, nothing, sizeof(nothing));
}

static void ipv6_start(struct packet *packet, const struct flow *flow)
{
	uint8_t header[40] = { 0x60, [7] = 64, [8] = 0xfd, [24] = 0xfd, [39] = 0x35 };

	put_u32(header + 20, flow->client);
	put(packet, header, sizeof(header));
}

/* An extension header of eight bytes: padding, or a route that is at its end. */
static void extension_put(struct packet *packet, uint8_t *next, uint8_t kind)
{
	static const uint8_t padding[8] = { 0, 0, 1, 4 }, route[8] = { 0, 0, 4, 0 };

	*next = kind;
	put(packet, kind == IPPROTO_ROUTING ? route : padding, 8);
}

static void ipv6_extensions(struct packet *packet, const uint8_t *kinds, uint8_t protocol)
{
	size_t next = IPV6_NEXT;

	for (; *kinds != IPPROTO_NONE; kinds++) {
		size_t at = packet->size;

		extension_put(packet, packet->bytes + next, *kinds);
		next = at;
	}
	packet->bytes[next] = protocol;
}

static void ip_start(struct packet *packet, enum packet_ip ip, const struct flow *flow,
		     uint8_t protocol)
{
	static const uint8_t chains[PACKET_IPS][4] = {
		[PACKET_IPV6] = { IPPROTO_NONE },
		[PACKET_IPV6_HOP_BY_HOP] = { IPPROTO_HOPOPTS, IPPROTO_NONE },
		[PACKET_IPV6_DESTINATION] = { IPPROTO_DSTOPTS, IPPROTO_NONE },
		[PACKET_IPV6_THREE] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
					IPPROTO_NONE },
	};

	packet->size = 0;
	if (ip == PACKET_IPV4 || ip == PACKET_IPV4_OPTIONS) {
		ipv4_start(packet, flow, protocol, ip == PACKET_IPV4_OPTIONS);
	} else {
		ipv6_start(packet, flow);
		ipv6_extensions(packet, chains[ip], protocol);
	}
	packet->transport = packet->size;
}

static void ip_finish(struct packet *packet)
{
	if (packet->bytes[0] >> 4 == 4)
		put_u16(packet->bytes + IPV4_LENGTH, packet->size);
	else
		put_u16(packet->bytes + IPV6_LENGTH, packet->size - 40);
}

static void udp_put(struct packet *packet, const struct flow *flow, const void *payload,
		    size_t size)
{
	uint8_t header[8] = { 0 };

	put_u16(header, flow->source_port);
	put_u16(header + 2, flow->destination_port);
	put_u16(header + 4, sizeof(header) + size);
	put(packet, header, sizeof(header));
	packet->payload = packet->size;
	put(packet, payload, size);
	ip_finish(packet);
}

void packet_udp(struct packet *packet, enum packet_ip ip, const struct flow *flow,
		const void *payload, size_t size)
{
	ip_start(packet, ip, flow, IPPROTO_UDP);
	udp_put(packet, flow, payload, size);
}

void packet_udp_chain(struct packet *packet, const struct flow *flow, size_t headers,
		      const void *payload, size_t size)
{
	uint8_t kinds[32];

	assert(headers < sizeof(kinds));
	memset(kinds, IPPROTO_DSTOPTS, headers);
	kinds[headers] = IPPROTO_NONE;
	packet->size = 0;
	ipv6_start(packet, flow);
	ipv6_extensions(packet, kinds, IPPROTO_UDP);
	packet->transport = packet->size;
	udp_put(packet, flow, payload, size);
}

void packet_tcp(struct packet *packet, enum packet_ip ip, const struct flow *flow,
		uint32_t sequence, uint8_t flags, const void *payload, size_t size)
{
	uint8_t header[20] = { [12] = 0x50, [14] = 0xff };

	ip_start(packet, ip, flow, IPPROTO_TCP);
	put_u16(header, flow->source_port);
	put_u16(header + 2, flow->destination_port);
	put_u32(header + 4, sequence);
	header[13] = flags;
	put(packet, header, sizeof(header));
	packet->payload = packet->size;
	put(packet, payload, size);
	ip_finish(packet);
}
