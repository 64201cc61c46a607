/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Whether a packet of a flow is to be looked at further, and flows that user space has cut, which
 * send nothing more. Asked by dns.bpf.c for each packet that is not DNS, so nearly all end here: at
 * their length, or at their socket's note. Input: packets, all of whose bytes somebody else chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "counters.h"
#include "message.h"
#include "packet.h"
#include "socket.h"

/* RFC 9000, 14.1: a client's Initial is in a datagram of no less. More than what Ethernet takes is
 * not sent before the path was probed. */
#define QUIC_INITIAL_MIN 1200
#define QUIC_INITIAL_MAX 1500

#define QUIC_LONG_HEADER 0xc0 /* with the fixed bit (RFC 9000, 17.2) */
#define QUIC_TYPE_MASK	 0x30
#define QUIC_VERSION_1	 0x00000001
#define QUIC_VERSION_2	 0x6b3343cf
#define QUIC_INITIAL_1	 0x00
#define QUIC_INITIAL_2	 0x10 /* RFC 9369, 3.2 */

/* Set by user space when every ClientHello is wanted, whatever its name: there are fingerprints to
 * match. */
__u64 flow_hellos_wanted __weak;

/* Sockets that may send nothing more, by cookie. Written by user space; see sensor_cut(). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} flow_cuts SEC(".maps");

/* How many of them there may be: nobody looks while it is 0. */
__u64 flow_cut_count;

/* Whether this program looks at flows at all: a constant. */
static __always_inline bool flow_looked_at(const struct hook *hook)
{
	return settings.flows && hook->probe == COUNTER_EGRESS;
}

/* Payload segments of a flow, beside those of the packet at hand, after which its note has moved to
 * the socket's storage, or says nothing. A few more than two: the first may be sent again. */
#define FLOW_YOUNG_SEGMENTS 8

/* The note of a segment with payload. Of a long connection only the storage is asked. */
static __always_inline struct socket_note *flow_note(struct __sk_buff *skb)
{
	struct bpf_sock *socket = skb->sk;
	struct bpf_tcp_sock *tcp;
	struct socket_note *note;
	struct young_note *young;

	if (!socket)
		return NULL;
	note = bpf_sk_storage_get(&socket_notes, socket, NULL, 0);
	if (note)
		return note;
	tcp = bpf_tcp_sock(socket);
	if (!tcp || tcp->data_segs_out > skb->gso_segs + FLOW_YOUNG_SEGMENTS)
		return NULL;
	young = young_note(skb);
	return young ? &young->note : NULL;
}

/* From its second segment with payload on, and when there is more to come of the first, a flow's
 * note is kept; but not where that is mostly the last one that is looked at. */
static __always_inline struct socket_note *flow_note_keep(struct __sk_buff *skb,
							  struct socket_note *note)
{
	struct bpf_sock *socket = skb->sk;

	return socket && note->flow != NOTE_FLOW_HELLO &&
			       (note->flow != NOTE_FLOW_NEW || note->flow_segments)
		       ? socket_note_keep(socket, note)
		       : note;
}

/* A reset is the kernel's own, carries nothing, and tells the other end that nothing more comes. */
static __always_inline bool packet_is_reset(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct tcp_header *tcp;
	__u8 *bytes = data;

	if (data + IPV6_HEADER_SIZE + sizeof(*tcp) <= end && bytes[0] >> 4 == 6) {
		tcp = data + IPV6_HEADER_SIZE;
		return bytes[6] == IPPROTO_TCP && tcp->flags & TCP_FLAG_RST;
	}
	if (data + IPV4_HEADER_SIZE + sizeof(*tcp) <= end && bytes[0] == 0x45) {
		tcp = data + IPV4_HEADER_SIZE;
		return bytes[9] == IPPROTO_TCP && tcp->flags & TCP_FLAG_RST;
	}
	return false;
}

static __always_inline bool flow_is_cut(struct __sk_buff *skb, const struct hook *hook)
{
	struct bpf_sock *socket = skb->sk;
	struct socket_note *note;
	__u64 cookie;

	if (!hook->may_drop || !flow_cut_count)
		return false;
	cookie = bpf_get_socket_cookie(skb);
	if (!bpf_map_lookup_elem(&flow_cuts, &cookie) || packet_is_reset(skb))
		return false;
	/* It stays cut when others push it out of the table. */
	note = socket ? socket_note_find(skb, socket) : NULL;
	if (note)
		socket_note_keep(socket, note)->flow = NOTE_FLOW_CUT;
	count_flow(COUNTER_FLOW_CUT);
	return true;
}

static __always_inline enum action flow_cut(const struct hook *hook)
{
	if (!hook->may_drop)
		return ACTION_PASS;
	count_flow(COUNTER_FLOW_CUT);
	return ACTION_DROP;
}

/* Whether flow_name.h is to read the name first. */
static __always_inline bool flow_name_wanted(void)
{
	return !settings.replay && !flow_hellos_wanted;
}

/* Where the payload of a plain packet is, and the sequence number of its first byte, for the name
 * program; 0: it is to look. */
#define FLOW_CB_PAYLOAD	 2
#define FLOW_CB_SEQUENCE 3

/* Of the first byte of payload. */
static __always_inline __u32 flow_sequence(const struct tcp_header *tcp)
{
	return bpf_ntohl(tcp->sequence) + (tcp->flags & TCP_FLAG_SYN ? 1 : 0);
}

/* Of a packet's bytes, from the UDP or TCP header on: whether another program is to see it, and
 * which. Nearly all TCP segments end here: at their length, or at the note. */
static __always_inline enum action flow_wanted_tcp(struct __sk_buff *skb, const struct hook *hook,
						   const struct tcp_header *tcp, __u32 transport,
						   enum tail *ret_tail)
{
	__u8 flags = tcp->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK);
	__u32 payload = transport + (tcp->offset >> 4) * 4;
	bool empty = payload >= skb->len;
	struct socket_note *note;

	if (flags == (TCP_FLAG_SYN | TCP_FLAG_ACK) || (flags != TCP_FLAG_SYN && empty))
		return ACTION_PASS;
	if (settings.replay)
		return ACTION_FURTHER;
	note = flow_note(skb);
	if (flags == TCP_FLAG_SYN)
		/* The system call has noted that it begins. */
		return empty && note && note->flow == NOTE_FLOW_NEW ? ACTION_PASS : ACTION_FURTHER;
	if (!note)
		return ACTION_PASS;
	if (note->flow == NOTE_FLOW_NEW || note->flow == NOTE_FLOW_HTTP ||
	    note->flow == NOTE_FLOW_HELLO) {
		if (flow_name_wanted()) {
			*ret_tail = TAIL_NAME;
			skb->cb[FLOW_CB_PAYLOAD] = payload;
			skb->cb[FLOW_CB_SEQUENCE] = flow_sequence(tcp);
		}
		return ACTION_FURTHER;
	}
	if (note->flow == NOTE_FLOW_OPEN)
		return ACTION_FURTHER;
	return note->flow == NOTE_FLOW_CUT ? flow_cut(hook) : ACTION_PASS;
}

static __always_inline bool quic_wanted(const __u8 *bytes)
{
	__u32 version =
		(__u32)bytes[1] << 24 | (__u32)bytes[2] << 16 | (__u32)bytes[3] << 8 | bytes[4];

	if ((bytes[0] & QUIC_LONG_HEADER) != QUIC_LONG_HEADER || version == 0)
		return false;
	if (version == QUIC_VERSION_1)
		return (bytes[0] & QUIC_TYPE_MASK) == QUIC_INITIAL_1;
	if (version == QUIC_VERSION_2)
		return (bytes[0] & QUIC_TYPE_MASK) == QUIC_INITIAL_2;
	return true;
}

#define QUIC_VERSION_END 5

/* Whether a flow program is to see the packet, and which: ACTION_FURTHER. ports: where its ports
 * stand. */
static __always_inline enum action flow_wanted(struct __sk_buff *skb, const struct hook *hook,
					       void *ports, void *end, __u8 protocol,
					       __u32 transport, enum tail *ret_tail)
{
	*ret_tail = TAIL_FLOW;
	if (!flow_looked_at(hook))
		return ACTION_PASS;
	if (protocol == IPPROTO_TCP)
		return ports + sizeof(struct tcp_header) > end
			       ? ACTION_FURTHER
			       : flow_wanted_tcp(skb, hook, ports, transport, ret_tail);
	if (skb->len < transport + UDP_HEADER_SIZE + QUIC_INITIAL_MIN)
		return ACTION_PASS;
	/* Of several datagrams in one send only the headers may be in linear memory. */
	if (ports + UDP_HEADER_SIZE + QUIC_VERSION_END > end)
		return ACTION_FURTHER;
	return quic_wanted(ports + UDP_HEADER_SIZE) ? ACTION_FURTHER : ACTION_PASS;
}
