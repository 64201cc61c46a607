/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Packets as the programs that cut the host off read them: where they come from and go to, and
 * which of them a host needs to stay one (addresses by DHCP, neighbours). Used by contain.bpf.c.
 * Input: any packet.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IPPROTO_ICMP   1
#define IPPROTO_TCP    6
#define IPPROTO_UDP    17
#define IPPROTO_ICMPV6 58
#define ADDRESS_MAPPED 0xffffULL

/* Where a packet or a system call goes to, or comes from: the other end first. */
struct end {
	__u64 high, low;
	__u16 port;
};

struct packet {
	struct end source, destination;
	__u32 transport; /* offset of what comes after the IP header */
	__u8 version;	 /* 4 or 6; 0: not IP */
	__u8 protocol;
	__u8 hop_limit;
	__u8 type;  /* of ICMP */
	bool ports; /* they are there: UDP or TCP, and no later fragment */
};

enum direction {
	OUTWARD,
	INWARD,
};

/* ---- addresses ---- */

static __always_inline bool end_is_ipv4(const struct end *end)
{
	return !end->high && end->low >> 32 == ADDRESS_MAPPED;
}

/* fe80::/10 */
static __always_inline bool end_is_link_local(const struct end *end)
{
	return end->high >> 54 == 0x3fa;
}

/* ff02::/16: routers do not forward it. */
static __always_inline bool end_is_link_multicast(const struct end *end)
{
	return end->high >> 48 == 0xff02;
}

/* 127.0.0.0/8, ::1, and the unspecified address, which means loopback there. */
static __always_inline bool end_is_loopback(const struct end *end)
{
	if (end_is_ipv4(end))
		return (end->low >> 24 & 0xff) == 127 || !(__u32)end->low;
	return !end->high && end->low <= 1;
}

/* ---- reading ---- */

static __always_inline __u64 words_join(const __be32 *words)
{
	return (__u64)bpf_ntohl(words[0]) << 32 | bpf_ntohl(words[1]);
}

static __always_inline bool packet_read_ipv4(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	__u8 header[20];

	if (bpf_skb_load_bytes(skb, at, header, sizeof(header)) < 0 || (header[0] & 15) < 5)
		return false;
	packet->version = 4;
	packet->protocol = header[9];
	packet->hop_limit = header[8];
	packet->transport = at + (__u32)(header[0] & 15) * 4;
	packet->source.low = ADDRESS_MAPPED << 32 | (__u32)header[12] << 24 |
			     (__u32)header[13] << 16 | (__u32)header[14] << 8 | header[15];
	packet->destination.low = ADDRESS_MAPPED << 32 | (__u32)header[16] << 24 |
				  (__u32)header[17] << 16 | (__u32)header[18] << 8 | header[19];
	/* A later fragment has no ports, and no type. */
	packet->ports = !((header[6] & 0x1f) | header[7]);
	return true;
}

/* What is open to anybody comes without extension headers; hop-by-hop options stand before MLD. */
static __always_inline bool packet_read_ipv6(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	__be32 header[10];
	__u8 options[2];

	if (bpf_skb_load_bytes(skb, at, header, sizeof(header)) < 0)
		return false;
	packet->version = 6;
	packet->protocol = (__u8)(bpf_ntohl(header[1]) >> 8);
	packet->hop_limit = (__u8)bpf_ntohl(header[1]);
	packet->transport = at + sizeof(header);
	packet->source.high = words_join(header + 2);
	packet->source.low = words_join(header + 4);
	packet->destination.high = words_join(header + 6);
	packet->destination.low = words_join(header + 8);
	packet->ports = true;
	if (packet->protocol == 0) {
		if (bpf_skb_load_bytes(skb, packet->transport, options, sizeof(options)) < 0)
			return false;
		packet->protocol = options[0];
		packet->transport += ((__u32)options[1] + 1) * 8;
	}
	return true;
}

static __always_inline void packet_read_transport(struct __sk_buff *skb, struct packet *packet)
{
	__be16 ports[2];

	if (!packet->ports)
		return;
	packet->ports = false;
	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) {
		(void)bpf_skb_load_bytes(skb, packet->transport, &packet->type, 1);
	} else if ((packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_TCP) &&
		   bpf_skb_load_bytes(skb, packet->transport, ports, sizeof(ports)) == 0) {
		packet->source.port = bpf_ntohs(ports[0]);
		packet->destination.port = bpf_ntohs(ports[1]);
		packet->ports = true;
	}
}

/* at: of the IP header. False: it is none, or cut. */
static __always_inline bool packet_read(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	__u8 version;

	if (bpf_skb_load_bytes(skb, at, &version, 1) < 0)
		return false;
	version >>= 4;
	if (version == 4 ? !packet_read_ipv4(skb, at, packet)
			 : version != 6 || !packet_read_ipv6(skb, at, packet))
		return false;
	packet_read_transport(skb, packet);
	return true;
}

/* ---- what a host needs ---- */

/* Addresses come and are kept (RFC 2131, RFC 8415). Outwards only what no router takes further:
 * anybody may send from these ports. A lease is renewed by broadcast, then. */
static __always_inline bool packet_is_dhcp(const struct packet *packet, enum direction direction)
{
	__u16 from = packet->source.port, to = packet->destination.port;

	if (packet->protocol != IPPROTO_UDP || !packet->ports)
		return false;
	if (direction == INWARD)
		return packet->version == 4 ? from == 67 && to == 68 : from == 547 && to == 546;
	if (packet->version == 4)
		return from == 68 && to == 67 && (__u32)packet->destination.low == 0xffffffff;
	return from == 546 && to == 547 &&
	       (end_is_link_local(&packet->destination) ||
		end_is_link_multicast(&packet->destination));
}

/* Neighbours and routers (RFC 4861: a hop limit of 255 says that no router has forwarded it), and
 * who listens to multicast (RFC 2710, 3810): all of it stays on the link. */
static __always_inline bool packet_is_neighbour(const struct packet *packet)
{
	if (packet->version != 6 || packet->protocol != IPPROTO_ICMPV6)
		return false;
	if (packet->type >= 133 && packet->type <= 136)
		return packet->hop_limit == 255;
	return ((packet->type >= 130 && packet->type <= 132) || packet->type == 143) &&
	       packet->hop_limit == 1 && end_is_link_multicast(&packet->destination);
}

/* The kernel has to know that a connection that is open needs smaller packets, or is refused. */
static __always_inline bool packet_is_icmp_error(const struct packet *packet)
{
	if (packet->version == 4)
		return packet->protocol == IPPROTO_ICMP && packet->type == 3;
	return packet->protocol == IPPROTO_ICMPV6 && (packet->type == 1 || packet->type == 2);
}
