/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The first datagrams of a flow over QUIC: a client's Initial packets, handed up for user space to
 * read. They are told by their form, and counted by socket and peer. Gets packets from flow.h.
 * Input: packets, all of whose bytes somebody else chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "counters.h"
#include "flow_payload.h"
#include "flow_wanted.h"
#include "message.h"
#include "packet.h"
#include "record.h"

/* In about a second, of the Initial packets of a client, which are two with post-quantum keys, and
 * come again when they are lost. A socket may begin another connection with the same peer. */
#define FLOW_DATAGRAMS_MAX 8

struct flow_window {
	__u32 second; /* that count is for */
	__u32 count;
};

/* Datagrams handed up of a flow over UDP: by socket and peer, for a socket may have many, and a
 * port is used again. Least recently used ones go: what is counted anew is bounded all the same. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow_key);
	__type(value, struct flow_window);
} flow_datagrams SEC(".maps");

/* The number of this datagram in its flow and second, from 1; the flow is counted with its first.
 */
static __always_inline __u32 flow_datagram_number(const struct message *message,
						  const struct packet *packet)
{
	struct flow_window first = { .second = (__u32)(bpf_ktime_get_boot_ns() >> 30) }, *window;
	struct flow_key key = { 0 };

	flow_key_fill(message->skb, packet, &key);
	window = bpf_map_lookup_elem(&flow_datagrams, &key);
	if (!window) {
		count_flow(COUNTER_FLOW_QUIC);
		first.count = 1;
		if (bpf_map_update_elem(&flow_datagrams, &key, &first, BPF_ANY) == 0)
			count_table(COUNTER_TABLE_DATAGRAMS, 1);
		return 1;
	}
	if (window->second != first.second)
		*window = first;
	return ++window->count;
}

/* The datagram at message->offset; true: it is one that is wanted, and was handed up. */
static __always_inline bool flow_initial(struct message *message, const struct packet *packet)
{
	__u8 bytes[QUIC_VERSION_END];
	__u64 size = message->size;
	__u32 number;

	if (size < QUIC_INITIAL_MIN ||
	    bpf_skb_load_bytes(message->skb, message->offset, bytes, sizeof(bytes)) < 0 ||
	    !quic_wanted(bytes))
		return false;
	number = flow_datagram_number(message, packet);
	if (number > FLOW_DATAGRAMS_MAX)
		return false;
	if (size > QUIC_INITIAL_MAX)
		size = QUIC_INITIAL_MAX;
	return payload_submit(message, 0, size, number == FLOW_DATAGRAMS_MAX ? RECORD_LAST : 0);
}

/* One datagram a run; where several are in one send, as many as are wanted stand first.
 * ACTION_FURTHER: there is another one. */
static __always_inline enum action flow_datagram(struct message *message,
						 const struct packet *packet)
{
	struct __sk_buff *skb = message->skb;
	__u32 start = packet->transport + UDP_HEADER_SIZE, at = skb->cb[0];
	__u32 whole, step = skb->gso_size;

	if (start + at >= skb->len)
		return ACTION_PASS;
	message->offset = start + at;
	message->size = whole = skb->len - message->offset;
	if (step && step < whole)
		message->size = step;
	if (!flow_initial(message, packet) || message->size == whole)
		return ACTION_PASS;
	skb->cb[0] = at + step;
	return ACTION_FURTHER;
}
