/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * DNS over TCP: messages put together from segments, head by head, in state that lives with the
 * socket. Gives what it gathered to message.h. Input: segments, all of whose bytes somebody else
 * chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "answer.h"
#include "message.h"
#include "packet.h"
#include "record.h"
#include "walk.h"

/* In replay there are no sockets. */
struct stream_key {
	__u8 addresses[32]; /* source, destination */
	__u16 source_port, destination_port;
	__u32 zero;
};

/* DNS over TCP: what is known of one direction of a connection. */
struct stream {
	__u32 next;    /* sequence number of the first byte not looked at */
	__u32 skip;    /* bytes of a message's rest to be passed over */
	__u32 have;    /* bytes gathered of the next message's head */
	__u8 begun;    /* next is known */
	__u8 refused;  /* something in it was dropped: so is the rest */
	__u8 messages; /* looked at in this segment */
	__u8 lost;     /* where messages begin is not known any more */
	__u8 head[STREAM_ANSWER_ROOM];
};

/* Of a question, less is gathered: the same, but for the head's size. */
struct question_stream {
	__u32 words[(sizeof(struct stream) - STREAM_ANSWER_ROOM + STREAM_HEAD_ROOM) / 4];
};

/* Freed with the socket, and not before: whoever opens a thousand more must not make us forget the
 * first half of a name. A socket may have a note for each direction. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct question_stream);
} egress_streams SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stream);
} ingress_streams SEC(".maps");

/* For replay. Least recently used ones go; a stream that lost its state is taken up again at the
 * next segment as if it began a message. User space makes it small where it is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct stream_key);
	__type(value, struct stream);
} recorded_streams SEC(".maps");

static const volatile struct stream stream_empty;

/* Messages looked at in one segment: each takes a tail call, of which the kernel allows 33. What
 * comes after them is handed up, and the stream is out of step from there on. */
#define STREAM_MESSAGES_MAX 28

/* Whether the streams of this hook have room for answers. */
static __always_inline bool stream_has_answers(const struct hook *hook)
{
	return settings.answers && (settings.replay || hook->probe == COUNTER_INGRESS);
}

/* Gathers bytes of the head until it has wanted of them. False when the segment ends before. */
static __always_inline bool stream_gather(struct __sk_buff *skb, struct stream *stream,
					  const struct hook *hook, __u32 *offset, __u32 wanted)
{
	__u64 mask = stream_has_answers(hook) ? STREAM_ANSWER_MAX - 1 : 511;
	__u64 have = stream->have, take;

	if (have >= wanted)
		return true;
	take = wanted - have;
	if (take > skb->len - *offset)
		take = skb->len - *offset;
	if (take == 0)
		return false;
	OPAQUE(have);
	OPAQUE(take);
	have &= mask;
	take = ((take - 1) & mask) + 1;
	if (bpf_skb_load_bytes(skb, *offset, stream->head + have, (__u32)take) < 0)
		return false;
	stream->have = (__u32)(have + take);
	stream->next += (__u32)take;
	*offset += (__u32)take;
	return stream->have >= wanted;
}

/* Judges the message whose head was gathered; size: as its prefix says. */
static __always_inline enum action stream_message(struct message *message, struct stream *stream,
						  __u32 size)
{
	struct reader reader = {
		.head = stream->head + STREAM_PREFIX,
		.head_size = stream->have - STREAM_PREFIX,
	};

	message->size = size;
	message->head = stream->head;
	message->head_size = stream->have;
	if (size < DNS_HEADER_SIZE)
		return message_up(message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	__builtin_memcpy(&message->header, stream->head + STREAM_PREFIX, sizeof(message->header));
	if (message_is_answer(message))
		return answer_judge(message, &reader, true);
	return message_read(message, &reader, READER_HEAD);
}

static __always_inline struct stream *stream_recorded(struct __sk_buff *skb,
						      const struct packet *packet)
{
	struct stream_key key = {
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
	};
	struct stream *stream;

	packet_addresses(skb, key.addresses);
	stream = bpf_map_lookup_elem(&recorded_streams, &key);
	if (stream)
		return stream;
	(void)bpf_map_update_elem(&recorded_streams, &key, (const void *)&stream_empty, BPF_ANY);
	return bpf_map_lookup_elem(&recorded_streams, &key);
}

static __always_inline struct stream *stream_find(struct __sk_buff *skb,
						  const struct packet *packet,
						  const struct hook *hook)
{
	struct bpf_sock *socket = skb->sk;

	if (settings.replay)
		return stream_recorded(skb, packet);
	if (socket)
		socket = bpf_sk_fullsock(socket);
	if (!socket)
		return NULL;
	if (hook->probe == COUNTER_EGRESS)
		return bpf_sk_storage_get(&egress_streams, socket, NULL,
					  BPF_SK_STORAGE_GET_F_CREATE);
	return bpf_sk_storage_get(&ingress_streams, socket, NULL, BPF_SK_STORAGE_GET_F_CREATE);
}

/* One TCP segment of a direction. */
struct segment {
	__u32 payload;	/* offset of its first byte in the packet */
	__u32 sequence; /* of that byte */
	bool begins;	/* SYN is set: a connection's first */
};

/* Reads the headers. ACTION_FURTHER: there is payload to look at. */
static __always_inline enum action segment_read(struct message *message, struct packet *packet,
						struct segment *segment)
{
	struct __sk_buff *skb = message->skb;
	struct tcp_header tcp;

	if (!packet_read(skb, packet) || packet->later_fragment || packet->odd ||
	    packet->protocol != IPPROTO_TCP)
		return ACTION_PASS;
	message->source_port = packet->source_port;
	message->destination_port = packet->destination_port;
	if (bpf_skb_load_bytes(skb, packet->transport, &tcp, sizeof(tcp)) < 0)
		return message_up(message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	segment->payload = packet->transport + (tcp.offset >> 4) * 4;
	segment->begins = (tcp.flags & TCP_FLAG_SYN) != 0;
	segment->sequence = bpf_ntohl(tcp.sequence) + segment->begins;
	if (tcp.offset >> 4 < TCP_HEADER_SIZE / 4 || segment->payload > skb->len ||
	    (segment->payload == skb->len && packet->fragment))
		return message_up(message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	if (segment->payload == skb->len) {
		count(message->hook->probe, COUNTER_EMPTY);
		return ACTION_PASS;
	}
	if (message_seen_before(message)) {
		count(message->hook->probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	message->offset = segment->payload;
	message->size = skb->len - segment->payload;
	return ACTION_FURTHER;
}

/* Bytes are missing before this segment, or the ports are used again: the stream starts anew here,
 * for the segment may begin a message. ACTION_FURTHER: it does. */
static __always_inline enum action stream_restart(const struct message *message,
						  struct stream *stream,
						  const struct segment *segment)
{
	if (!segment->begins) {
		count(message->hook->probe, COUNTER_GAP);
		/* What is missing would come later and be taken for sent again. The kernel's TCP
		 * sends a refused segment again, in its turn. */
		if (message_droppable(message)) {
			count(message->hook->probe, COUNTER_BLOCKED);
			return ACTION_DROP;
		}
	}
	stream->next = segment->sequence;
	stream->have = stream->skip = 0;
	stream->lost = 0;
	return ACTION_FURTHER;
}

/* Finds the segment's place in the stream. ACTION_FURTHER: *ret_offset is where in the packet the
 * first byte stands that was not looked at; the packet's end when that is still to come. */
static __always_inline enum action stream_place(struct message *message, struct stream *stream,
						const struct segment *segment, __u32 *ret_offset)
{
	__u32 size = message->size, ahead, passed;
	enum action action;

	if (!stream->begun) {
		stream->begun = 1;
		stream->next = segment->sequence;
	}
	if (stream->refused && message_droppable(message)) {
		count(message->hook->probe, COUNTER_EMPTY);
		count(message->hook->probe, COUNTER_BLOCKED);
		return ACTION_DROP;
	}
	ahead = stream->next - segment->sequence;
	if (ahead >= 1u << 31 || (segment->begins && ahead && !stream->messages)) {
		action = stream_restart(message, stream, segment);
		if (action != ACTION_FURTHER)
			return action;
		ahead = 0;
	}
	if (stream->lost)
		return message_up(message, COUNTER_UNREAD, RECORD_REASON_GAP);
	if (ahead >= size) {
		/* Sent again, or looked at to its end. */
		if (!stream->messages)
			count(message->hook->probe, COUNTER_EMPTY);
		stream->messages = 0;
		return ACTION_PASS;
	}
	passed = stream->skip < size - ahead ? stream->skip : size - ahead;
	stream->skip -= passed;
	stream->next += passed;
	*ret_offset = segment->payload + ahead + passed;
	return ACTION_FURTHER;
}

/* Hands up what comes after the last message that is looked at in one segment. Where the next one
 * begins is not known from there on. */
static __always_inline enum action stream_overflow(struct message *message, struct stream *stream,
						   __u32 offset)
{
	enum action action;

	message->offset = offset;
	message->size = message->skb->len - offset;
	stream->messages = 0;
	stream->next += message->size;
	stream->lost = 1;
	action = message_up(message, COUNTER_UNREAD, RECORD_REASON_PIPELINE);
	stream->refused |= action == ACTION_DROP;
	return action;
}

/* Gathers as much as is wanted of the head of the message at offset. False: the segment ends
 * before. */
static __always_inline bool stream_head(struct __sk_buff *skb, struct stream *stream,
					const struct hook *hook, __u32 offset)
{
	__u32 wanted, most = STREAM_HEAD_MAX;

	if (!stream_gather(skb, stream, hook, &offset, STREAM_PREFIX))
		return false;
	wanted = STREAM_PREFIX + (__u32)(stream->head[0] << 8 | stream->head[1]);
	/* Too short to be one: no need to wait for its bytes, which may never come. */
	if (wanted < STREAM_PREFIX + DNS_HEADER_SIZE)
		wanted = STREAM_PREFIX;
	/* Of answers more is wanted. */
	if (stream_has_answers(hook) && wanted > STREAM_PREFIX + DNS_HEADER_SIZE) {
		if (!stream_gather(skb, stream, hook, &offset, STREAM_PREFIX + DNS_HEADER_SIZE))
			return false;
		if (stream->head[STREAM_PREFIX + 2] & 0x80)
			most = STREAM_ANSWER_MAX;
	}
	if (wanted > most)
		wanted = most;
	return stream_gather(skb, stream, hook, &offset, wanted);
}

/* Gathers the head of the next message in a TCP segment. ACTION_FURTHER: it is there. */
static __always_inline enum action stream_judge(struct __sk_buff *skb, const struct hook *hook)
{
	struct message message = { .hook = hook, .skb = skb, .protocol = IPPROTO_TCP };
	struct segment segment = { 0 };
	struct packet packet = { 0 };
	struct stream *stream;
	enum action action;
	__u32 offset = 0;

	action = segment_read(&message, &packet, &segment);
	if (action != ACTION_FURTHER)
		return action;
	stream = stream_find(skb, &packet, hook);
	if (!stream)
		return message_up(&message, COUNTER_UNREAD, RECORD_REASON_GAP);
	action = stream_place(&message, stream, &segment, &offset);
	if (action != ACTION_FURTHER)
		return action;
	if (stream->messages >= STREAM_MESSAGES_MAX && offset < skb->len)
		return stream_overflow(&message, stream, offset);
	if (stream_head(skb, stream, hook, offset)) {
		stream->messages++;
		return ACTION_FURTHER;
	}
	/* The segment ended first, perhaps just where a message did. */
	if (stream->have || !stream->messages)
		count(hook->probe, COUNTER_PARTIAL);
	stream->messages = 0;
	return ACTION_PASS;
}

/* Judges the head that stream_judge() gathered, and goes on to the next. ACTION_FURTHER: it is
 * there. */
static __always_inline enum action head_judge(struct __sk_buff *skb, const struct hook *hook)
{
	struct message message = { .hook = hook, .skb = skb, .protocol = IPPROTO_TCP };
	struct packet packet = { 0 };
	struct stream *stream;
	enum action action;
	__u32 size;

	if (!packet_read(skb, &packet))
		return ACTION_PASS;
	stream = stream_find(skb, &packet, hook);
	if (!stream)
		return ACTION_PASS;
	message.source_port = packet.source_port;
	message.destination_port = packet.destination_port;
	size = (__u32)(stream->head[0] << 8 | stream->head[1]);
	action = stream_message(&message, stream, size);
	stream->skip = STREAM_PREFIX + size - stream->have;
	stream->have = 0;
	if (action != ACTION_DROP)
		return stream_judge(skb, hook);
	stream->refused = 1;
	stream->messages = 0;
	return ACTION_DROP;
}
