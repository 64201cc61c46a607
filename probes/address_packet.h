/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Packets of protocols that have no hook at the system call (raw sockets, ICMP, SCTP, UDP-Lite and
 * the rest): matched by their destination as they leave, and counted with datagrams that are sent
 * without a connection. Input: packets, all of whose bytes somebody else chose.
 */
#pragma once

#include "connection.h"
#include "message.h"

#define SOCK_RAW 3

#define IPPROTO_ICMP   1
#define IPPROTO_ICMPV6 58

#define ICMP_ECHO	    8
#define ICMP_TIMESTAMP	    13
#define ICMPV6_ECHO_REQUEST 128

/* The first of ours in skb->cb is taken: see ANSWER_CB_OFFSET. */
#define ADDRESS_CB_JUDGED 1

/* The number of a raw socket is its protocol's, never 0; that of any other is its port. */
#define RAW_NUMBER_MAX 255

/* Whether the packet is of a raw socket, which may carry any protocol. source_port: of the packet,
 * 0 where it is not known. Nearly all packets are seen not to be by their socket's number, which is
 * at hand: its type takes a call that costs more than all else that an innocent packet does. */
static __always_inline bool packet_raw(const struct __sk_buff *skb, __u16 source_port)
{
	struct bpf_sock *socket = skb->sk;
	__u32 number;

	if (!socket)
		return false;
	number = socket->src_port;
	if (number == 0 || (number == source_port && number > RAW_NUMBER_MAX))
		return false;
	socket = bpf_sk_fullsock(socket);
	return socket && socket->type == SOCK_RAW;
}

static __always_inline bool packet_noted(struct __sk_buff *skb)
{
	struct bpf_sock *socket = skb->sk;

	socket = socket ? bpf_sk_fullsock(socket) : NULL;
	return socket && socket_note_find(skb, socket);
}

/* The kernel answers pings and reports errors from sockets of its own, which no program created:
 * an answer begins nothing. */
static __always_inline bool packet_answers(struct __sk_buff *skb, const struct packet *packet)
{
	__u8 type = 0;

	if (packet->later_fragment ||
	    (packet->protocol != IPPROTO_ICMP && packet->protocol != IPPROTO_ICMPV6) ||
	    bpf_skb_load_bytes(skb, packet->transport, &type, 1) < 0)
		return false;
	if (packet->protocol == IPPROTO_ICMP ? type == ICMP_ECHO || type == ICMP_TIMESTAMP
					     : type == ICMPV6_ECHO_REQUEST)
		return false;
	return !packet_noted(skb);
}

static __always_inline bool packet_destination(struct __sk_buff *skb, struct address_words *ret)
{
	__be32 ipv4;
	__be64 ipv6[2];

	if (skb->protocol == bpf_htons(ETHERTYPE_IPV6)) {
		if (bpf_skb_load_bytes(skb, 24, ipv6, sizeof(ipv6)) < 0)
			return false;
		ret->high = bpf_be64_to_cpu(ipv6[0]);
		ret->low = bpf_be64_to_cpu(ipv6[1]);
		return true;
	}
	if (bpf_skb_load_bytes(skb, 16, &ipv4, sizeof(ipv4)) < 0)
		return false;
	ret->high = 0;
	ret->low = ADDRESS_MAPPED << 32 | bpf_ntohl(ipv4);
	return true;
}

static __always_inline void address_submit(const struct message *message,
					   const struct destination *to,
					   const struct judgement *judgement, bool drop)
{
	__u8 flags = (judgement->outcome == COUNTER_MATCHED ? RECORD_MATCHED : 0) |
		     (drop ? RECORD_BLOCKED : 0);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct process_key process = process_key_of(task);
	struct record *record;
	struct told_key key;

	told_key_fill(&key, to, judgement, &process);
	if (told_lately(&key, judgement->outcome == COUNTER_WATCHED ? TELL_WATCH_TIME
								    : TELL_DATAGRAM_TIME)) {
		count(COUNTER_SEND, COUNTER_LIMITED);
		return;
	}
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		count(COUNTER_SEND, COUNTER_RING_FULL);
		told_forget(&key);
		return;
	}
	record_head(record, message, RECORD_CONNECTION, flags);
	record->reason = (__u8)judgement->watch;
	bpf_ringbuf_submit(record, 0);
	count(COUNTER_SEND, COUNTER_SUBMITTED);
}

/* Judges where the packet goes, and tells it. True: it is refused. */
static __always_inline bool address_refused(struct __sk_buff *skb, const struct hook *hook,
					    const struct packet *packet, struct destination *to)
{
	struct message message = { .hook = hook, .skb = skb, .size = skb->len };
	struct judgement judgement;
	bool drop;

	message.protocol = to->protocol = packet->protocol;
	message.source_port = packet->source_port;
	message.destination_port = to->port = packet->destination_port;
	judgement = destination_judge(to, COUNTER_SEND);
	if (judgement.watch == RECORD_WATCH_NONE)
		return false;
	drop = hook->may_drop && judgement.outcome == COUNTER_MATCHED && !judgement.keep &&
	       !unattended();
	address_submit(&message, to, &judgement, drop);
	if (drop)
		count(COUNTER_SEND, COUNTER_BLOCKED);
	return drop;
}

static __always_inline enum action address_judge(struct __sk_buff *skb, const struct hook *hook)
{
	struct destination to = { 0 };
	struct packet packet = { 0 };
	__u64 further;

	skb->cb[ADDRESS_CB_JUDGED] = 1;
	/* What a raw socket sends to a DNS port is a message as any other. */
	further = packet_read(skb, &packet);
	if (!packet_answers(skb, &packet) && packet_destination(skb, &to.address)) {
		FORGET(further);
		FORGET(packet.protocol);
		FORGET(packet.source_port);
		FORGET(packet.destination_port);
		if (address_refused(skb, hook, &packet, &to))
			return ACTION_DROP;
	}
	return further ? ACTION_FURTHER : ACTION_PASS;
}
