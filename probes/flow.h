/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The first bytes of new outbound flows that look like TLS, HTTP or QUIC, handed up for user space
 * to read in a worker without rights; and flows that user space has cut, which send nothing more.
 * Nothing is parsed here beyond what says how much is wanted. Gets packets from dns.bpf.c, gives
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
#include "message.h"
#include "packet.h"
#include "process.h"
#include "record.h"
#include "socket.h"

/* Handed up of a flow at most; what it holds beyond that is not read. A ClientHello takes some 500
 * bytes, 1,900 with post-quantum keys, and may be written in many pieces on purpose. */
#define FLOW_BYTES_MAX	   16384
#define FLOW_HTTP_MAX	   8192 /* servers refuse heads that are longer, or twice that */
#define FLOW_SEGMENTS_MAX  16
/* Segments in which it may begin: proxies (SOCKS) and protocols that turn to TLS on request (SMTP,
 * IMAP, PostgreSQL) say something else before. */
#define FLOW_TRIES_MAX	   4
/* In about a second, of the Initial packets of a client, which are two with post-quantum keys, and
 * come again when they are lost. A socket may begin another connection with the same peer. */
#define FLOW_DATAGRAMS_MAX 8
/* RFC 9000, 14.1: a client's Initial is in a datagram of no less. More than what Ethernet takes is
 * not sent before the path was probed. */
#define QUIC_INITIAL_MIN   1200
#define QUIC_INITIAL_MAX   1500

#define QUIC_LONG_HEADER 0xc0 /* with the fixed bit (RFC 9000, 17.2) */
#define QUIC_TYPE_MASK	 0x30
#define QUIC_VERSION_1	 0x00000001
#define QUIC_VERSION_2	 0x6b3343cf
#define QUIC_INITIAL_1	 0x00
#define QUIC_INITIAL_2	 0x10 /* RFC 9369, 3.2 */

#define TLS_HANDSHAKE	 0x16
#define TLS_CLIENT_HELLO 1
#define TLS_RECORD_HEAD	 5
#define TLS_MESSAGE_HEAD 4

struct flow_key {
	__u64 cookie; /* 0 in replay */
	__u8 addresses[32];
	__u16 source_port, destination_port;
	__u32 zero;
};

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

/* In replay there are no sockets. User space makes it small where it is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct flow_key);
	__type(value, struct socket_note);
} recorded_flows SEC(".maps");

static const volatile struct socket_note socket_note_empty;

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

/* Boot clock: until then, and once more, user space looks for records of flows by itself. Waking it
 * takes an interrupt to the own CPU, several microseconds on a virtual machine, which the sender
 * pays for. See sensor_poll(). */
__u64 reader_polls_until;

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
 * note is kept. */
static __always_inline struct socket_note *flow_note_keep(struct __sk_buff *skb,
							  struct socket_note *note)
{
	struct bpf_sock *socket = skb->sk;

	return socket && (note->flow != NOTE_FLOW_NEW || note->flow_segments)
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

/* Where the transport header of a plain packet is, for the name program; 0: it is to look. */
#define FLOW_CB_TRANSPORT 2

/* Of a packet's bytes, from the UDP or TCP header on: whether another program is to see it, and
 * which. Nearly all TCP segments end here: at their length, or at the note. */
static __always_inline enum action flow_wanted_tcp(struct __sk_buff *skb, const struct hook *hook,
						   const struct tcp_header *tcp, __u32 transport,
						   enum tail *ret_tail)
{
	__u8 flags = tcp->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK);
	bool empty = transport + (tcp->offset >> 4) * 4 >= skb->len;
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
	if (note->flow == NOTE_FLOW_NEW || note->flow == NOTE_FLOW_HTTP) {
		if (flow_name_wanted()) {
			*ret_tail = TAIL_NAME;
			skb->cb[FLOW_CB_TRANSPORT] = transport;
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

static __always_inline void flow_key_fill(struct __sk_buff *skb, const struct packet *packet,
					  struct flow_key *key)
{
	key->source_port = packet->source_port;
	key->destination_port = packet->destination_port;
	packet_addresses(skb, key->addresses);
	if (!settings.replay)
		key->cookie = bpf_get_socket_cookie(skb);
}

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

/* The first bytes of a flow, as far as they are there: what is not is 0. */
#define FLOW_FIRST	 16
#define FLOW_FIRST_WHOLE 8 /* any method, and what tells a ClientHello */
struct flow_first {
	__u8 bytes[FLOW_FIRST];
	__u64 size;
};

static __always_inline bool first_is_tls(const struct flow_first *first)
{
	const __u8 *bytes = first->bytes;

	return bytes[0] == TLS_HANDSHAKE && (first->size < 2 || bytes[1] == 3) &&
	       (first->size < 6 || bytes[5] == TLS_CLIENT_HELLO);
}

/* The end of the ClientHello, when its beginning shows that it is in one record. */
static __always_inline __u32 tls_wanted(const struct flow_first *first)
{
	const __u8 *bytes = first->bytes;
	__u32 record = (__u32)bytes[3] << 8 | bytes[4];
	__u32 hello = (__u32)bytes[6] << 16 | (__u32)bytes[7] << 8 | bytes[8];

	if (first->size < TLS_RECORD_HEAD + TLS_MESSAGE_HEAD || hello + TLS_MESSAGE_HEAD > record ||
	    hello + TLS_MESSAGE_HEAD + TLS_RECORD_HEAD > FLOW_BYTES_MAX)
		return FLOW_BYTES_MAX;
	return hello + TLS_MESSAGE_HEAD + TLS_RECORD_HEAD;
}

/* Words of up to eight bytes, as little endian machines read them: the only ones we build for. */
#define WORD(text)                                                                                 \
	((__u64)(text)[0] | (__u64)(text)[1] << 8 | (__u64)(text)[2] << 16 |                       \
	 (__u64)(text)[3] << 24 | (sizeof(text) > 5 ? (__u64)(text)[4] << 32 : 0) |                \
	 (sizeof(text) > 6 ? (__u64)(text)[5 * (sizeof(text) > 6)] << 40 : 0) |                    \
	 (sizeof(text) > 7 ? (__u64)(text)[6 * (sizeof(text) > 7)] << 48 : 0) |                    \
	 (sizeof(text) > 8 ? (__u64)(text)[7 * (sizeof(text) > 8)] << 56 : 0))
#define WORD_MASK(text) (sizeof(text) > 8 ? ~0ULL : (1ULL << (sizeof(text) - 1) % 8 * 8) - 1)
/* Alike as far as both go. */
#define FIRST_IS(text)	(((word ^ WORD(text)) & WORD_MASK(text) & there) == 0)

/* A method and a blank, or as much of one as there is; HTTP/2 without TLS begins as RFC 9113, 3.4
 * says. */
static __always_inline bool first_is_http(const struct flow_first *first)
{
	__u64 there = first->size >= 8 ? ~0ULL : (1ULL << (first->size & 7) * 8) - 1;
	__u64 word = *(const __u64 *)first->bytes;

	return FIRST_IS("GET ") || FIRST_IS("POST ") || FIRST_IS("HEAD ") || FIRST_IS("PUT ") ||
	       FIRST_IS("DELETE ") || FIRST_IS("OPTIONS ") || FIRST_IS("CONNECT ") ||
	       FIRST_IS("PATCH ") || FIRST_IS("TRACE ") || FIRST_IS("PRI * HT");
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

/* The end of what is wanted of a flow at once; another request may follow. */
static __always_inline void flow_end(struct socket_note *note)
{
	note->flow = note->flow_http ? NOTE_FLOW_HTTP : NOTE_FLOW_DONE;
}

/* The first payload decides what a flow is: counted once, here. False: nothing of it is wanted. */
static __always_inline bool flow_begin(struct socket_note *note, const struct message *message,
				       __u32 sequence)
{
	bool again = note->flow == NOTE_FLOW_HTTP;
	struct flow_first first __attribute__((aligned(8))) = { 0 };
	__u64 size = message->size < FLOW_FIRST ? message->size : FLOW_FIRST;
	bool late = note->flow_segments > 0, tls, http;

	OPAQUE(size);
	size = ((size - 1) & (FLOW_FIRST - 1)) + 1;
	if (bpf_skb_load_bytes(message->skb, message->offset, first.bytes, (__u32)size) < 0)
		return false;
	first.size = size;
	tls = first_is_tls(&first);
	http = !tls && first_is_http(&first);
	/* In the middle of something else one letter is not enough. */
	if (again && (!http || size < FLOW_FIRST_WHOLE))
		return false;
	if ((!tls && !http) || (late && size < FLOW_FIRST_WHOLE)) {
		flow_other(note);
		return false;
	}
	if (!again)
		count_flow(late ? COUNTER_FLOW_LATE : tls ? COUNTER_FLOW_TLS : COUNTER_FLOW_HTTP);
	note->flow = NOTE_FLOW_OPEN;
	note->flow_http = http;
	note->flow_wanted = tls ? (__u16)tls_wanted(&first) : FLOW_HTTP_MAX;
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
	sequence = bpf_ntohl(tcp.sequence) + (tcp.flags & TCP_FLAG_SYN ? 1 : 0);
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
