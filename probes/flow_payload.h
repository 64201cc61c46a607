/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Bytes of a flow's payload on their way to user space. Gets them from flow.h and flow_datagram.h.
 * Input: packets, all of whose bytes somebody else chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "counters.h"
#include "message.h"
#include "packet.h"
#include "record.h"

struct flow_key {
	__u64 cookie; /* 0 in replay */
	__u8 addresses[32];
	__u16 source_port, destination_port;
	__u32 zero;
};

/* Boot clock: until then, and once more, user space looks for records of flows by itself. Waking it
 * takes an interrupt to the own CPU, several microseconds on a virtual machine, which the sender
 * pays for. See sensor_poll(). */
__u64 reader_polls_until;

static __always_inline void flow_key_fill(struct __sk_buff *skb, const struct packet *packet,
					  struct flow_key *key)
{
	key->source_port = packet->source_port;
	key->destination_port = packet->destination_port;
	packet_addresses(skb, key->addresses);
	if (!settings.replay)
		key->cookie = bpf_get_socket_cookie(skb);
}

/* room: of the record's data, a power of two, and no less than size. */
static __always_inline void payload_copy(const struct message *message, struct record *record,
					 __u64 size, const __u64 room)
{
	OPAQUE(size);
	size = ((size - 1) & (room - 1)) + 1;
	(void)bpf_skb_load_bytes(message->skb, message->offset,
				 ((struct record_payload *)record)->data, (__u32)size);
	/* Keeps the compiler from making one call of three: the ring takes constant sizes. */
	OPAQUE(record);
}

static __always_inline struct record *payload_reserve(const __u64 room)
{
	return bpf_ringbuf_reserve(&records, sizeof(struct record) + room, 0);
}

/* Hands up size bytes, at most RECORD_PAYLOAD_MAX, from message->offset on. False: they are lost.
 */
static __always_inline bool payload_submit(const struct message *message, __u32 sequence,
					   __u64 size, __u8 flags)
{
	enum counter_flow loss = COUNTER_FLOW_LIMITED;
	struct record *record;

	count_flow(COUNTER_FLOW_PIECES);
	/* Half of the ring is left to what was matched. */
	if (bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) >
	    bpf_ringbuf_query(&records, BPF_RB_RING_SIZE) / 2)
		goto lost;
	loss = COUNTER_FLOW_RING_FULL;
	if (size <= RECORD_PAYLOAD_SMALL) {
		record = payload_reserve(RECORD_PAYLOAD_SMALL);
		if (!record)
			goto lost;
		payload_copy(message, record, size, RECORD_PAYLOAD_SMALL);
	} else if (size <= RECORD_PAYLOAD_MEDIUM) {
		record = payload_reserve(RECORD_PAYLOAD_MEDIUM);
		if (!record)
			goto lost;
		payload_copy(message, record, size, RECORD_PAYLOAD_MEDIUM);
	} else {
		record = payload_reserve(RECORD_PAYLOAD_MAX);
		if (!record)
			goto lost;
		payload_copy(message, record, size, RECORD_PAYLOAD_MAX);
	}
	record_head(record, message, RECORD_PAYLOAD, flags);
	record->data_size = (__u16)size;
	record->sequence = sequence;
	bpf_ringbuf_submit(record, settings.replay || record->time < reader_polls_until
					   ? BPF_RB_NO_WAKEUP
					   : 0);
	count_flow(COUNTER_FLOW_SUBMITTED);
	return true;
lost:
	count_flow(loss);
	return false;
}
