/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The first bytes of new outbound flows that look like TLS, HTTP or QUIC, handed up for user space
 * to read in a worker without rights. Nothing is parsed here beyond what says how much is wanted
 * (flow_first.h, flow_datagram.h). Gets from dns.bpf.c the packets that flow_wanted.h picks, gives
 * records as message.h does. Input: packets, all of whose bytes somebody else chose.
 *
 * How far a TCP flow has been looked at stands in its socket's note: the SYN makes it new, its
 * first payload decides what it is, and once all that is wanted was handed up a packet of it costs
 * a look at the note. A socket that was connected before the agent came is not looked at.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "counters.h"
#include "flow_datagram.h"
#include "flow_first.h"
#include "flow_payload.h"
#include "flow_wanted.h"
#include "message.h"
#include "packet.h"
#include "record.h"
#include "socket.h"

#define FLOW_SEGMENTS_MAX 16
/* Segments in which it may begin: proxies (SOCKS) and protocols that turn to TLS on request (SMTP,
 * IMAP, PostgreSQL) say something else before. */
#define FLOW_TRIES_MAX	  4
/* In replay there are no sockets. User space makes it small where it is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct flow_key);
	__type(value, struct socket_note);
} recorded_flows SEC(".maps");

static const volatile struct socket_note socket_note_empty;

static __always_inline struct socket_note *flow_recorded(struct __sk_buff *skb,
							 const struct packet *packet)
{
	struct flow_key key = { 0 };
	struct socket_note *note;

	flow_key_fill(skb, packet, &key);
	note = bpf_map_lookup_elem(&recorded_flows, &key);
	if (note)
		return note;
	(void)bpf_map_update_elem(&recorded_flows, &key, (const void *)&socket_note_empty, BPF_ANY);
	return bpf_map_lookup_elem(&recorded_flows, &key);
}

/* Neither the one nor the other. It is counted once, and looked at a few times more. */
static __always_inline void flow_other(struct socket_note *note)
{
	/* A recording may begin in the middle of a flow: what looks like a beginning may be still
	 * to come. */
	if (settings.replay && note->flow == NOTE_FLOW_NONE)
		return;
	if (note->flow_segments == 0)
		count_flow(COUNTER_FLOW_OTHER);
	note->flow_segments++;
	if (note->flow_segments >= FLOW_TRIES_MAX)
		note->flow = NOTE_FLOW_DONE;
}

/* The end of what is wanted of a flow at once; another request or ClientHello may follow. */
static __always_inline void flow_end(struct socket_note *note)
{
	note->flow = note->flow_kind == NOTE_KIND_HTTP	? NOTE_FLOW_HTTP
		     : note->flow_kind == NOTE_KIND_TLS ? NOTE_FLOW_HELLO
							: NOTE_FLOW_DONE;
	note->flow_segments = 0;
}

/* Whether a payload behind the ClientHello begins with another one. */
static __always_inline bool flow_hello(struct socket_note *note, const struct flow_first *first)
{
	if (!first_is_tls_again(first)) {
		note->flow = NOTE_FLOW_DONE;
		return false;
	}
	if (first->bytes[0] != TLS_CHANGE || first->size != TLS_CHANGE_SIZE)
		return true;
	note->flow_segments++;
	if (note->flow_segments >= FLOW_TRIES_MAX)
		note->flow = NOTE_FLOW_DONE;
	return false;
}

static __always_inline __u16 flow_wanted_of(const struct flow_first *first)
{
	if (first->bytes[0] == TLS_HANDSHAKE)
		return (__u16)tls_wanted(first->bytes, first->size);
	if (first->bytes[0] != TLS_CHANGE)
		return FLOW_HTTP_MAX;
	if (first->size < TLS_CHANGE_SIZE)
		return FLOW_BYTES_MAX;
	return (__u16)(TLS_CHANGE_SIZE +
		       tls_wanted(first->bytes + TLS_CHANGE_SIZE, first->size - TLS_CHANGE_SIZE));
}

/* The first payload decides what a flow is: counted once, here. False: nothing of it is wanted. */
static __always_inline bool flow_begin(struct socket_note *note, const struct message *message,
				       __u32 sequence)
{
	bool again = note->flow == NOTE_FLOW_HTTP, second = note->flow == NOTE_FLOW_HELLO;
	struct flow_first first __attribute__((aligned(8))) = { 0 };
	__u64 size = message->size < FLOW_FIRST ? message->size : FLOW_FIRST;
	bool late = note->flow_segments > 0, tls, http;

	/* What was looked at, sent again. */
	if ((again || second) && (__s32)(sequence - note->flow_first) <= 0)
		return false;
	OPAQUE(size);
	size = ((size - 1) & (FLOW_FIRST - 1)) + 1;
	if (bpf_skb_load_bytes(message->skb, message->offset, first.bytes, (__u32)size) < 0)
		return false;
	first.size = size;
	tls = second ? flow_hello(note, &first) : first_is_tls(&first);
	if (second && !tls)
		return false;
	http = !tls && first_is_http(&first);
	/* In the middle of something else one letter is not enough. */
	if (again && (!http || size < FLOW_FIRST_WHOLE))
		return false;
	if ((!tls && !http) || (late && !second && size < FLOW_FIRST_WHOLE)) {
		flow_other(note);
		return false;
	}
	if (!again && !second)
		count_flow(late ? COUNTER_FLOW_LATE : tls ? COUNTER_FLOW_TLS : COUNTER_FLOW_HTTP);
	note->flow = NOTE_FLOW_OPEN;
	note->flow_kind = http ? NOTE_KIND_HTTP : second ? NOTE_KIND_TLS_AGAIN : NOTE_KIND_TLS;
	note->flow_wanted = flow_wanted_of(&first);
	/* Behind a ClientHello there may be another one. */
	if (tls && message->size > note->flow_wanted)
		note->flow_wanted = FLOW_BYTES_MAX;
	note->flow_first = sequence;
	note->flow_next = 0;
	note->flow_segments = 0;
	note->flow_verdict = FLOW_VERDICT_UP;
	return true;
}

/* A connection begins; when its SYN is sent again it does not. */
static __always_inline void flow_open(struct socket_note *note, __u32 sequence)
{
	if (note->flow == NOTE_FLOW_CUT ||
	    (note->flow != NOTE_FLOW_NONE && note->flow_first == sequence))
		return;
	note->flow = NOTE_FLOW_NEW;
	note->flow_first = sequence;
	note->flow_segments = 0;
}

/* The next piece of an open flow that is in this segment, and not handed up before.
 * ACTION_FURTHER: there is another one. */
static __always_inline enum action flow_piece(struct socket_note *note, struct message *message,
					      __u32 sequence, bool end)
{
	__u32 offset = sequence - note->flow_first, wanted = note->flow_wanted;
	__u32 next = note->flow_next, stop = wanted;
	bool refused = message->hook->may_drop && note->flow_verdict == FLOW_VERDICT_REFUSED, last;
	__u8 flags = (note->flow_verdict == FLOW_VERDICT_UP ? 0 : RECORD_MATCHED) |
		     (refused ? RECORD_BLOCKED : 0);

	/* Sent before what we took for the first byte. */
	if (offset >= 1u << 31)
		return ACTION_PASS;
	if (offset >= wanted) {
		flow_end(note);
		return ACTION_PASS;
	}
	/* To the end of the segment, for behind it another request may begin, and not in it. */
	if (note->flow_kind == NOTE_KIND_HTTP && message->size > wanted - offset) {
		wanted = offset + message->size < FLOW_BYTES_MAX ? offset + message->size
								 : FLOW_BYTES_MAX;
		note->flow_wanted = (__u16)wanted;
		stop = wanted;
	}
	if (message->size < wanted - offset)
		stop = offset + message->size;
	if (next < offset)
		next = offset;
	/* Sent again. */
	if (next >= stop)
		return ACTION_PASS;
	message->offset += next - offset;
	if (stop - next > RECORD_PAYLOAD_MAX) {
		note->flow_next = (__u16)(next + RECORD_PAYLOAD_MAX);
		if (payload_submit(message, next, RECORD_PAYLOAD_MAX, flags))
			return ACTION_FURTHER;
		note->flow = refused ? NOTE_FLOW_CUT : NOTE_FLOW_DONE;
		return refused ? flow_cut(message->hook) : ACTION_PASS;
	}
	note->flow_next = (__u16)stop;
	note->flow_segments++;
	last = refused || end || stop == wanted || note->flow_segments >= FLOW_SEGMENTS_MAX;
	/* Without this piece nobody can read the others. */
	if (!payload_submit(message, next, stop - next, flags | (last ? RECORD_LAST : 0)) || last)
		flow_end(note);
	if (!refused)
		return ACTION_PASS;
	note->flow = NOTE_FLOW_CUT;
	return flow_cut(message->hook);
}

/* The TCP header, and where the payload behind it is, which may be none. False: there is no such
 * header. */
static __always_inline bool flow_payload(struct message *message, __u32 transport,
					 struct tcp_header *tcp)
{
	struct __sk_buff *skb = message->skb;

	if (bpf_skb_load_bytes(skb, transport, tcp, sizeof(*tcp)) < 0)
		return false;
	message->offset = transport + (tcp->offset >> 4) * 4;
	if (tcp->offset >> 4 < TCP_HEADER_SIZE / 4 || message->offset > skb->len)
		return false;
	message->size = skb->len - message->offset;
	return true;
}

/* ACTION_FURTHER: *ret_tail goes on. */
static __always_inline enum action flow_stream(struct message *message, const struct packet *packet,
					       enum tail *ret_tail)
{
	struct __sk_buff *skb = message->skb;
	struct socket_note *note;
	struct tcp_header tcp;
	__u32 sequence;
	bool opens;

	if (!flow_payload(message, packet->transport, &tcp))
		return ACTION_PASS;
	opens = (tcp.flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;
	if (!message->size && !opens)
		return ACTION_PASS;
	sequence = flow_sequence(&tcp);
	note = settings.replay ? flow_recorded(skb, packet) : flow_note(skb);
	/* Sockets of the kernel and of MPTCP connect without being noted. */
	if (!note && opens && skb->sk)
		note = bpf_sk_storage_get(&socket_notes, skb->sk, NULL,
					  BPF_SK_STORAGE_GET_F_CREATE);
	if (!note)
		return ACTION_PASS;
	if (opens)
		flow_open(note, sequence);
	if (note->flow == NOTE_FLOW_CUT)
		return flow_cut(message->hook);
	if (!message->size || note->flow == NOTE_FLOW_DONE)
		return ACTION_PASS;
	if (!settings.replay)
		note = flow_note_keep(skb, note);
	if (note->flow != NOTE_FLOW_OPEN) {
		if (note->flow == NOTE_FLOW_NONE && !settings.replay)
			return ACTION_PASS;
		if (flow_name_wanted()) {
			*ret_tail = TAIL_NAME;
			return ACTION_FURTHER;
		}
		if (!flow_begin(note, message, sequence))
			return ACTION_PASS;
	}
	return flow_piece(note, message, sequence, tcp.flags & TCP_FLAG_FIN);
}

static __always_inline enum action flow_judge(struct __sk_buff *skb, const struct hook *hook,
					      enum tail *ret_tail)
{
	struct message message = { .hook = hook, .skb = skb };
	struct packet packet = { 0 };

	if (!packet_read(skb, &packet) || packet.fragment || packet.odd)
		return ACTION_PASS;
	message.protocol = packet.protocol;
	message.source_port = packet.source_port;
	message.destination_port = packet.destination_port;
	return packet.protocol == IPPROTO_TCP ? flow_stream(&message, &packet, ret_tail)
					      : flow_datagram(&message, &packet);
}
