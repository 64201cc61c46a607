/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/replay_split.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define IPV4_HEADER_SIZE   20
#define IPV4_LENGTH	   2
#define IPV4_FRAGMENT	   6
#define IPV4_FRAGMENT_MASK 0x3fff /* more fragments, and the offset */
#define IPV4_PROTOCOL	   9

#define IPV6_HEADER_SIZE 40
#define IPV6_LENGTH	 4
#define IPV6_NEXT	 6
/* Extension headers that are passed over, as many as the probes pass over. */
#define IPV6_EXTENSIONS	 8

#define TCP_HEADER_SIZE 20
#define TCP_SEQUENCE	4
#define TCP_OFFSET	12
#define TCP_FLAGS	13
#define TCP_FIN		0x01
#define TCP_SYN		0x02
#define TCP_PUSH	0x08

/* Where things stand in a packet with TCP in it. */
struct layout {
	bool ipv6;
	size_t tcp;	/* the TCP header */
	size_t payload; /* what it carries */
};

static unsigned read_u16(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static void write_u16(uint8_t *bytes, size_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void add_u32(uint8_t *bytes, uint32_t value)
{
	uint32_t sum = ((uint32_t)read_u16(bytes) << 16 | read_u16(bytes + 2)) + value;

	write_u16(bytes, sum >> 16);
	write_u16(bytes + 2, sum & 0xffff);
}

/* Offset of an unfragmented packet's TCP header, or 0. */
static size_t ipv4_tcp(const uint8_t *packet, size_t size)
{
	if (size < IPV4_HEADER_SIZE || packet[IPV4_PROTOCOL] != IPPROTO_TCP ||
	    read_u16(packet + IPV4_FRAGMENT) & IPV4_FRAGMENT_MASK)
		return 0;
	return (size_t)(packet[0] & 15) * 4;
}

static size_t ipv6_tcp(const uint8_t *packet, size_t size)
{
	size_t at = IPV6_HEADER_SIZE, length;
	uint8_t next;

	if (size < IPV6_HEADER_SIZE)
		return 0;
	next = packet[IPV6_NEXT];
	for (unsigned i = 0; i <= IPV6_EXTENSIONS; i++) {
		if (next == IPPROTO_TCP)
			return at;
		if ((next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		     next != IPPROTO_DSTOPTS && next != IPPROTO_AH) ||
		    at + 2 > size)
			return 0;
		/* Lengths count what follows the first 8 bytes, in units of 8 (RFC 8200, 4.3), or
		 * of 4 (RFC 4302, 2.2). */
		length = packet[at + 1];
		length = next == IPPROTO_AH ? (length + 2) * 4 : (length + 1) * 8;
		next = packet[at];
		at += length;
	}
	return 0;
}

/* Whether it is TCP, in headers that leave room for payload in max bytes. */
static bool layout_find(const uint8_t *packet, size_t size, size_t max, struct layout *ret)
{
	ret->ipv6 = packet[0] >> 4 == 6;
	ret->tcp = ret->ipv6 ? ipv6_tcp(packet, size) : ipv4_tcp(packet, size);
	if (ret->tcp < IPV4_HEADER_SIZE || ret->tcp + TCP_HEADER_SIZE > size)
		return false;
	ret->payload = ret->tcp + (size_t)(packet[ret->tcp + TCP_OFFSET] >> 4) * 4;
	return ret->payload >= ret->tcp + TCP_HEADER_SIZE && ret->payload < size &&
	       ret->payload < max;
}

/* Makes the headers in segment, a copy of the packet's, those of the part of the payload from
 * offset on. */
static void segment_head(const struct layout *layout, uint8_t *segment, size_t length,
			 size_t offset, bool last)
{
	uint8_t *tcp = segment + layout->tcp;

	if (layout->ipv6)
		write_u16(segment + IPV6_LENGTH, length - IPV6_HEADER_SIZE);
	else
		write_u16(segment + IPV4_LENGTH, length);
	/* A SYN takes a number of its own, before the first byte. */
	if (offset > 0 && tcp[TCP_FLAGS] & TCP_SYN)
		add_u32(tcp + TCP_SEQUENCE, 1);
	add_u32(tcp + TCP_SEQUENCE, (uint32_t)offset);
	if (offset > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_SYN;
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PUSH);
}

/* Bytes that the recording cut off: the last segment claims them, as the packet did. */
static size_t packet_missing(const uint8_t *packet, size_t size, bool ipv6)
{
	size_t claimed = ipv6 ? read_u16(packet + IPV6_LENGTH) + (size_t)IPV6_HEADER_SIZE
			      : read_u16(packet + IPV4_LENGTH);

	return claimed > size ? claimed - size : 0;
}

static int split_tcp(const uint8_t *packet, size_t size, size_t max, const struct layout *layout,
		     int (*each)(const void *packet, size_t size, void *userdata), void *userdata)
{
	CLEANUP(free_cleanup) uint8_t *segment = malloc(max);
	size_t missing = packet_missing(packet, size, layout->ipv6);
	size_t total = size - layout->payload, room = max - layout->payload;

	if (!segment)
		return -ENOMEM;
	for (size_t offset = 0; offset < total;) {
		size_t part = total - offset < room ? total - offset : room;
		bool last = offset + part == total;
		size_t length = layout->payload + part;
		int r;

		memcpy(segment, packet, layout->payload);
		memcpy(segment + layout->payload, packet + layout->payload + offset, part);
		segment_head(layout, segment, last ? length + missing : length, offset, last);
		r = each(segment, length, userdata);
		if (r != 0)
			return r;
		offset += part;
	}
	return 0;
}

int replay_split(const void *packet, size_t size, size_t max,
		 int (*each)(const void *packet, size_t size, void *userdata), void *userdata)
{
	struct layout layout;

	if (max < REPLAY_SPLIT_MIN)
		return -EINVAL;
	if (size <= max)
		return each(packet, size, userdata);
	if (layout_find(packet, size, max, &layout))
		return split_tcp(packet, size, max, &layout, each, userdata);
	return each(packet, max, userdata);
}
