/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * IP, UDP and TCP headers of a packet as the cgroup hooks see it: from the IP header on.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "counters.h"
#include "verifier.h"

#define ETHERTYPE_IPV6 0x86dd

#define IPPROTO_TCP	 6
#define IPPROTO_UDP	 17
#define IPPROTO_HOPOPTS	 0
#define IPPROTO_ROUTING	 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_AH	 51
#define IPPROTO_DSTOPTS	 60

#define IPV4_HEADER_SIZE 20
#define IPV6_HEADER_SIZE 40
#define UDP_HEADER_SIZE	 8
#define TCP_HEADER_SIZE	 20

/* Extension headers walked; RFC 8200, 4.1 names seven that may come once each, one of them twice.
 */
#define EXTENSION_HEADERS_MAX 8

#define DNS_PORT 53

struct tcp_header {
	__be16 source, destination;
	__be32 sequence, acknowledged;
	__u8 offset, flags;
	__be16 window, checksum, urgent;
};

#define TCP_FLAG_FIN 1
#define TCP_FLAG_SYN 2
#define TCP_FLAG_RST 4
#define TCP_FLAG_ACK 16

struct packet {
	__u32 transport; /* offset of the UDP or TCP header */
	__u8 protocol;
	bool fragment;	     /* part of a datagram */
	bool later_fragment; /* not the first part: there is no transport header */
	bool odd;	     /* the transport header is out of reach: behind more extension headers
			      * than are walked, or in a later fragment */
	__u16 source_port, destination_port;
};

static __always_inline bool port_is_dns(__u16 port)
{
	if (port == DNS_PORT)
		return true;
	/* A constant: without extra ports, nothing of this is there. */
	if (!settings.port_count)
		return false;
	for (int i = 0; i < SETTINGS_PORTS_MAX; i++)
		if (i < settings.port_count && port == settings.ports[i])
			return true;
	return false;
}

static __always_inline bool ipv6_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_AH || next == IPPROTO_DSTOPTS;
}

static __always_inline bool packet_read_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	__u8 header[IPV4_HEADER_SIZE];
	__u16 fragment;

	if (bpf_skb_load_bytes(skb, 0, header, sizeof(header)) < 0 || (header[0] & 15) < 5)
		return false;
	fragment = (__u16)(header[6] << 8 | header[7]);
	packet->fragment = (fragment & 0x3fff) != 0;
	packet->later_fragment = (fragment & 0x1fff) != 0;
	packet->protocol = header[9];
	packet->transport = (header[0] & 15) * 4;
	return true;
}

static __always_inline bool packet_read_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	__u8 next, extension[4];
	__u32 at = IPV6_HEADER_SIZE;

	if (bpf_skb_load_bytes(skb, 6, &next, 1) < 0)
		return false;
	/* One turn more, for what comes after the last of them. */
	for (int i = 0; i < EXTENSION_HEADERS_MAX + 1; i++) {
		if (!ipv6_extension(next)) {
			packet->protocol = next;
			packet->transport = at;
			return true;
		}
		if (bpf_skb_load_bytes(skb, at, extension, sizeof(extension)) < 0)
			return packet->odd = packet->fragment;
		if (next == IPPROTO_FRAGMENT) {
			packet->fragment = true;
			packet->later_fragment = extension[2] != 0 || (extension[3] & 0xf8) != 0;
			at += 8;
			/* What follows is data: the next header was in the first part. */
			if (packet->later_fragment) {
				packet->protocol = extension[0];
				return true;
			}
		} else if (next == IPPROTO_AH) {
			at += ((__u32)extension[1] + 2) * 4;
		} else {
			at += ((__u32)extension[1] + 1) * 8;
		}
		next = extension[0];
	}
	packet->odd = true;
	return true;
}

/* False: no IP packet with a transport header that we know. */
static __always_inline bool packet_read(struct __sk_buff *skb, struct packet *packet)
{
	__u8 version;
	__be16 ports[2];

	if (bpf_skb_load_bytes(skb, 0, &version, 1) < 0)
		return false;
	version >>= 4;
	if (version == 4 ? !packet_read_ipv4(skb, packet)
			 : version != 6 || !packet_read_ipv6(skb, packet))
		return false;
	if (packet->odd || packet->later_fragment)
		return true;
	if (packet->protocol != IPPROTO_UDP && packet->protocol != IPPROTO_TCP)
		return false;
	if (bpf_skb_load_bytes(skb, packet->transport, ports, sizeof(ports)) < 0)
		return packet->odd = packet->fragment;
	packet->source_port = bpf_ntohs(ports[0]);
	packet->destination_port = bpf_ntohs(ports[1]);
	/* The verifier need not go on with each of the ways that led here. */
	packet->transport = (packet->transport ^ (__u32)verifier_zero) & 0xffff;
	packet->fragment = (packet->fragment ^ (__u8)verifier_zero) & 1;
	packet->protocol ^= (__u8)verifier_zero;
	return true;
}

/* Both addresses, source first, into 32 zero bytes. They stand one after the other in both headers.
 */
static __always_inline void packet_addresses(struct __sk_buff *skb, __u8 *addresses)
{
	__u8 ipv4[8] = { 0 };

	if (skb->protocol == bpf_htons(ETHERTYPE_IPV6)) {
		(void)bpf_skb_load_bytes(skb, 8, addresses, 32);
		return;
	}
	(void)bpf_skb_load_bytes(skb, 12, ipv4, sizeof(ipv4));
	addresses[10] = addresses[11] = addresses[26] = addresses[27] = 0xff;
	__builtin_memcpy(addresses + 12, ipv4, 4);
	__builtin_memcpy(addresses + 28, ipv4 + 4, 4);
}

/* The same of an IP header in packet memory, 40 bytes of which are there. */
static __always_inline void packet_addresses_at(const __u8 *ip, __u8 *addresses)
{
	const __u32 *from = (const void *)(ip + 8);
	__u32 *to = (void *)addresses;

	if (ip[0] >> 4 == 6) {
#pragma unroll
		for (int i = 0; i < 8; i++)
			to[i] = from[i];
		return;
	}
	to[2] = to[6] = bpf_htonl(0xffff);
	to[3] = from[1];
	to[7] = from[2];
}
