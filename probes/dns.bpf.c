/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The DNS family: cgroup_skb programs that read the question of each DNS message that leaves (and
 * comes in), match its name in the domain table, and hand a record of a hit to user space. In
 * enforce mode they drop what is listed. Gets the table from user space, process notes from
 * process.bpf.c. Input: packets, all of whose bytes somebody else chose.
 *
 * Four programs a direction, each tail-calling the next when it cannot go on, and others beside
 * them:
 *
 *	packet	 UDP without options in linear memory: nearly everything, and the fast way
 *	message	 other UDP: options, extension headers, fragments, non-linear memory, odd questions
 *	stream	 TCP: gathers the head of the first message in the segment
 *	head	 TCP: judges the head that was gathered, and gathers the next
 *	answer	 UDP, what came in: an answer that is not the usual one (answer.h)
 *	address	 on its way out: what is neither UDP nor TCP, or comes from a raw socket
 *	flow	 TLS, HTTP and QUIC: hands up the first bytes of a new flow (flow.h)
 *	name	 TLS and HTTP before that: their name, where it is simple to read (flow_name.h)
 *
 * The audit programs return a constant: they cannot drop.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "address_packet.h"
#include "answer.h"
#include "counters.h"
#include "flow.h"
#include "flow_name.h"
#include "message.h"
#include "packet.h"
#include "record.h"
#include "stream.h"
#include "walk.h"

struct tails {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TAILS);
	__type(key, __u32);
	__type(value, __u32);
};
struct tails egress_tails SEC(".maps");
struct tails ingress_tails SEC(".maps");

/* Whether packets of this hook are matched by their destination, too: where no hook at the system
 * call does. */
static __always_inline bool hook_matches_addresses(const struct hook *hook)
{
	return settings.connections && hook->probe == COUNTER_EGRESS;
}

/* What is neither UDP nor TCP. */
static __always_inline enum action packet_other(const struct hook *hook, enum tail *ret_tail)
{
	if (!hook_matches_addresses(hook))
		return ACTION_PASS;
	*ret_tail = TAIL_ADDRESS;
	return ACTION_FURTHER;
}

/* Where the transport header is and whose, of a packet in linear memory without anything unusual
 * before it. False: *ret_action is what to do with the packet. */
static __always_inline bool packet_plain(const struct hook *hook, const __u8 *ip, const void *end,
					 __u64 *ret_transport, __u8 *ret_protocol,
					 enum action *ret_action, enum tail *ret_tail)
{
	__u8 protocol;

	*ret_action = ACTION_FURTHER;
	if ((void *)(ip + IPV6_HEADER_SIZE) > end) {
		if ((void *)(ip + IPV4_HEADER_SIZE) <= end && ip[0] >> 4 == 4 &&
		    ip[9] != IPPROTO_UDP && ip[9] != IPPROTO_TCP)
			*ret_action = packet_other(hook, ret_tail);
		return false;
	}
	if (ip[0] == 0x45) {
		protocol = ip[9];
		if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP) {
			*ret_action = packet_other(hook, ret_tail);
			return false;
		}
		/* More fragments, or not the first one. */
		if (*(const __be16 *)(ip + 6) & bpf_htons(0x3fff))
			return false;
		*ret_transport = IPV4_HEADER_SIZE;
	} else if (ip[0] >> 4 == 6) {
		protocol = ip[6];
		if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP) {
			if (!ipv6_extension(protocol))
				*ret_action = packet_other(hook, ret_tail);
			return false;
		}
		*ret_transport = IPV6_HEADER_SIZE;
	} else {
		return false;
	}
	*ret_protocol = protocol;
	return true;
}

/* UDP and TCP ports, and the DNS message of a UDP packet, for packets without options in linear
 * memory. */
static __always_inline enum action packet_judge(struct __sk_buff *skb, const struct hook *hook,
						enum tail *ret_tail)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct message message = { .hook = hook, .skb = skb, .ip = data };
	struct reader reader = { .end = end };
	struct table table = { 0 };
	struct name name = { 0 };
	enum action action;
	__u64 transport = 0;
	__u16 *ports;
	bool answer;

	*ret_tail = TAIL_MESSAGE;
	if (flow_is_cut(skb, hook))
		return ACTION_DROP;
	if (!packet_plain(hook, data, end, &transport, &message.protocol, &action, ret_tail))
		return action;
	ports = data + transport;
	if ((void *)(ports + 2) > end)
		return ACTION_FURTHER;
	message.source_port = bpf_ntohs(ports[0]);
	message.destination_port = bpf_ntohs(ports[1]);
	if (hook_matches_addresses(hook) && packet_raw(skb, message.source_port))
		return packet_other(hook, ret_tail);
	if (!port_is_dns(message.destination_port) && !port_is_dns(message.source_port))
		return flow_wanted(skb, hook, ports, end, message.protocol, (__u32)transport,
				   ret_tail);
	if (message.protocol == IPPROTO_TCP) {
		*ret_tail = TAIL_STREAM;
		return ACTION_FURTHER;
	}
	message.offset = (__u32)transport + UDP_HEADER_SIZE;
	reader.message = data + transport + UDP_HEADER_SIZE;
	if (reader.message + sizeof(struct dns_header) > end)
		return ACTION_FURTHER;
	message.header = *(struct dns_header *)reader.message;
	message.size = skb->len - message.offset;
	answer = message_is_answer(&message);
	if (answer) {
		skb->cb[ANSWER_CB_OFFSET] = message.offset;
		*ret_tail = TAIL_ANSWER;
		reader.head_size = message.size;
	} else if (message_skipped(&message) || message_seen_before(&message)) {
		count(hook->probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	if (message.header.questions != bpf_htons(1) || skb->gso_size)
		return ACTION_FURTHER;
	if (!answer)
		table_open(&tables, &table);
	if (name_read(&reader, READER_PACKET, &name) != NAME_READ)
		return ACTION_FURTHER;
	if (answer)
		return answer_simple(&message, &reader, &name);
	return question_judge(&message, &table, &reader, READER_PACKET, &name);
}

/* The message of a UDP packet. ACTION_FURTHER: an answer. */
static __always_inline enum action datagram_judge(struct message *message,
						  const struct packet *packet)
{
	struct __sk_buff *skb = message->skb;
	struct reader reader = { .skb = skb };

	message->offset = packet->transport + UDP_HEADER_SIZE;
	if (message->offset > skb->len)
		return message_up(message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	message->size = skb->len - message->offset;
	if (message->size == 0 && !packet->fragment) {
		count(message->hook->probe, COUNTER_EMPTY);
		return ACTION_PASS;
	}
	if (bpf_skb_load_bytes(skb, message->offset, &message->header, sizeof(message->header)) ==
		    0 &&
	    message_is_answer(message)) {
		skb->cb[ANSWER_CB_OFFSET] = message->offset;
		return ACTION_FURTHER;
	}
	if (skb->gso_size && skb->gso_size < message->size)
		return message_up(message, COUNTER_UNREAD, RECORD_REASON_GSO);
	if (message->size < sizeof(message->header))
		return message_up(message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	reader.offset = message->offset;
	return message_read(message, &reader, READER_LOAD);
}

/* Any UDP packet. ACTION_FURTHER: it is TCP, an answer, or neither, as *ret_tail says. */
static __always_inline enum action message_judge(struct __sk_buff *skb, const struct hook *hook,
						 enum tail *ret_tail)
{
	struct message message = { .hook = hook, .skb = skb };
	struct packet packet = { 0 };

	*ret_tail = TAIL_STREAM;
	/* Whatever is before its transport header, a raw socket's packet is matched once. */
	if (!packet_read(skb, &packet) ||
	    (hook_matches_addresses(hook) && !skb->cb[ADDRESS_CB_JUDGED] && packet_raw(skb, 0)))
		return packet_other(hook, ret_tail);
	if (packet.later_fragment) {
		if (packet.protocol == IPPROTO_UDP || packet.protocol == IPPROTO_TCP)
			count(hook->probe, COUNTER_FRAGMENT);
		return ACTION_PASS;
	}
	message.protocol = packet.protocol;
	message.source_port = packet.source_port;
	message.destination_port = packet.destination_port;
	if (packet.odd) {
		/* Its ports are out of reach; nothing that is sent in earnest looks like it. */
		message.size = skb->len;
		message.destination_port = DNS_PORT;
		return message_up(&message, COUNTER_UNREAD, RECORD_REASON_HEADERS);
	}
	if (!port_is_dns(message.destination_port) && !port_is_dns(message.source_port)) {
		*ret_tail = TAIL_FLOW;
		return flow_looked_at(hook) ? ACTION_FURTHER : ACTION_PASS;
	}
	if (packet.protocol == IPPROTO_TCP)
		return ACTION_FURTHER;
	if (message_seen_before(&message)) {
		count(hook->probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	*ret_tail = TAIL_ANSWER;
	return datagram_judge(&message, &packet);
}

/* A tail call that fails leaves the packet unread: it can only be a fault of ours, but it counts.
 */
static __always_inline enum action tail_failed(const struct hook *hook, enum tail tail)
{
	if (tail == TAIL_FLOW) {
		count_flow(COUNTER_FLOW_PIECES);
		count_flow(COUNTER_FLOW_LIMITED);
		return ACTION_PASS;
	}
	count(hook->probe, COUNTER_UNREAD);
	count(hook->probe, COUNTER_LIMITED);
	return hook->may_drop ? ACTION_DROP : ACTION_PASS;
}

#define DNS_PROGRAM(name, part, tails, judge, next)                                                \
	SEC("cgroup_skb/" #tails)                                                                  \
	int name##_##part(struct __sk_buff *skb)                                                   \
	{                                                                                          \
		enum tail tail = next;                                                             \
		enum action action = judge;                                                        \
                                                                                                   \
		if (action == ACTION_FURTHER) {                                                    \
			bpf_tail_call(skb, &tails##_tails, tail);                                  \
			action = tail_failed(&name##_hook, tail);                                  \
		}                                                                                  \
		return name##_hook.may_drop ? (int)action : ACTION_PASS;                           \
	}

#define DNS_PROGRAMS(name, tails, probe_, may_drop_)                                               \
	static const struct hook name##_hook = { .probe = probe_, .may_drop = may_drop_ };         \
	DNS_PROGRAM(name, packet, tails, packet_judge(skb, &name##_hook, &tail), TAIL_MESSAGE)     \
	DNS_PROGRAM(name, message, tails, message_judge(skb, &name##_hook, &tail), TAIL_STREAM)    \
	DNS_PROGRAM(name, stream, tails, stream_judge(skb, &name##_hook), TAIL_HEAD)               \
	DNS_PROGRAM(name, head, tails, head_judge(skb, &name##_hook), TAIL_HEAD)

#define ADDRESS_PROGRAM(name, tails)                                                               \
	DNS_PROGRAM(name, address, tails, address_judge(skb, &name##_hook), TAIL_MESSAGE)

DNS_PROGRAMS(egress_audit, egress, COUNTER_EGRESS, false)
DNS_PROGRAMS(egress_enforce, egress, COUNTER_EGRESS, true)
ADDRESS_PROGRAM(egress_audit, egress)
ADDRESS_PROGRAM(egress_enforce, egress)
DNS_PROGRAM(egress_audit, flow, egress, flow_judge(skb, &egress_audit_hook, &tail), TAIL_FLOW)
DNS_PROGRAM(egress_enforce, flow, egress, flow_judge(skb, &egress_enforce_hook, &tail), TAIL_FLOW)
DNS_PROGRAM(egress_audit, name, egress, flow_name_judge(skb, &egress_audit_hook), TAIL_FLOW)
DNS_PROGRAM(egress_enforce, name, egress, flow_name_judge(skb, &egress_enforce_hook), TAIL_FLOW)
DNS_PROGRAMS(ingress_audit, ingress, COUNTER_INGRESS, false)
DNS_PROGRAM(ingress_audit, answer, ingress, datagram_answer_judge(skb, &ingress_audit_hook),
	    TAIL_ANSWER)

char dns_license[] SEC("license") = "Dual BSD/GPL";
