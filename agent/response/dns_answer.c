/* SPDX-License-Identifier: Apache-2.0 */
#include "response/dns_answer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

/* Response, recursion desired and available, name error (RFC 1035, 4.1.1). */
#define FLAGS_NXDOMAIN 0x8183
#define OPCODE_SHIFT   11

/* The datagram goes from the host to itself and no further. */
#define HOP_LIMIT 1

bool dns_answer_ends(const struct event *event, struct dns_answer_ends *ret)
{
	if (event->direction == EVENT_DIRECTION_OUT && !event->response) {
		*ret = (struct dns_answer_ends){
			.client = event->source,
			.server = event->destination,
			.client_port = event->source_port,
			.server_port = event->destination_port,
		};
		return true;
	}
	if (event->direction == EVENT_DIRECTION_IN && event->response) {
		*ret = (struct dns_answer_ends){
			.client = event->destination,
			.server = event->source,
			.client_port = event->destination_port,
			.server_port = event->source_port,
		};
		return true;
	}
	return false;
}

static uint8_t *put_u16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

ssize_t dns_answer_nxdomain(const struct event *event, uint8_t *out, size_t size)
{
	size_t length = 12 + (size_t)event->name.length + 4;
	uint8_t *at = out;

	if (event->name.length == 0)
		return -EINVAL;
	if (size < length)
		return -ENOBUFS;
	at = put_u16(at, event->dns_id);
	at = put_u16(at, FLAGS_NXDOMAIN | (unsigned)(event->opcode & 15) << OPCODE_SHIFT);
	at = put_u16(at, 1); /* one question, and three empty sections */
	at = put_u16(at, 0);
	at = put_u16(at, 0);
	at = put_u16(at, 0);
	memcpy(at, event->name.wire, event->name.length);
	at += event->name.length;
	at = put_u16(at, event->qtype);
	(void)put_u16(at, event->qclass);
	return (ssize_t)length;
}

/* One's complement sum (RFC 1071), not folded yet. */
static uint32_t checksum_add(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t checksum_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The UDP header before length bytes of payload; addresses are those of the pseudo header
 * (RFC 768, RFC 8200, 8.1), both of the family's size. */
static void fill_udp(uint8_t *udp, size_t length, const struct dns_answer_ends *ends,
		     const uint8_t *server, const uint8_t *client, size_t address_size)
{
	struct udphdr header = {
		.source = htons(ends->server_port),
		.dest = htons(ends->client_port),
		.len = htons((uint16_t)(sizeof(header) + length)),
	};
	uint32_t sum = IPPROTO_UDP + (uint32_t)(sizeof(header) + length);
	uint16_t check;

	sum = checksum_add(sum, server, address_size);
	sum = checksum_add(sum, client, address_size);
	sum = checksum_add(sum, &header, sizeof(header));
	sum = checksum_add(sum, udp + sizeof(header), length);
	check = checksum_finish(sum);
	/* Zero would say that there is no checksum. */
	header.check = htons(check ? check : 0xffff);
	memcpy(udp, &header, sizeof(header));
}

static void fill_ipv4(uint8_t *out, size_t total, const uint8_t *server, const uint8_t *client)
{
	struct iphdr header = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)total),
		.frag_off = htons(IP_DF),
		.ttl = HOP_LIMIT,
		.protocol = IPPROTO_UDP,
	};

	memcpy(&header.saddr, server, 4);
	memcpy(&header.daddr, client, 4);
	header.check = htons(checksum_finish(checksum_add(0, &header, sizeof(header))));
	memcpy(out, &header, sizeof(header));
}

static void fill_ipv6(uint8_t *out, size_t payload, const uint8_t *server, const uint8_t *client)
{
	struct ip6_hdr header = {
		.ip6_flow = htonl(UINT32_C(6) << 28),
		.ip6_plen = htons((uint16_t)payload),
		.ip6_nxt = IPPROTO_UDP,
		.ip6_hlim = HOP_LIMIT,
	};

	memcpy(&header.ip6_src, server, 16);
	memcpy(&header.ip6_dst, client, 16);
	memcpy(out, &header, sizeof(header));
}

ssize_t dns_answer_datagram(const struct event *event, const struct dns_answer_ends *ends,
			    uint8_t *out, size_t size)
{
	bool ipv4 = address_is_ipv4(&ends->client);
	size_t skip = ipv4 ? 12 : 0; /* of a mapped address, to the four bytes at its end */
	size_t ip = ipv4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	size_t headers = ip + sizeof(struct udphdr);
	const uint8_t *server = ends->server.bytes + skip, *client = ends->client.bytes + skip;
	ssize_t length;

	if (ipv4 != address_is_ipv4(&ends->server))
		return -EINVAL;
	if (size < headers)
		return -ENOBUFS;
	length = dns_answer_nxdomain(event, out + headers, size - headers);
	if (length < 0)
		return length;
	fill_udp(out + ip, (size_t)length, ends, server, client, 16 - skip);
	if (ipv4)
		fill_ipv4(out, headers + (size_t)length, server, client);
	else
		fill_ipv6(out, headers - ip + (size_t)length, server, client);
	return (ssize_t)headers + length;
}
