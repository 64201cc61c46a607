/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The name at the beginning of a flow, read where that is simple: the server name of a TLS
 * ClientHello that stands whole in one segment, and the host of an HTTP request. Nearly all flows
 * begin so, and nearly all names are innocent: they end here, and user space hears nothing of them.
 * A listed name is refused here in enforce mode, before it has left. Whatever is not simple is left
 * to the worker. Gets flows from flow.h. Input: bytes that somebody else chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "message.h"
#include "verifier.h"
#include "walk.h"

/* Bytes of a flow that are looked at here: a ClientHello with post-quantum keys has some 1,900. */
#define FLOW_NAME_BYTES 2048
/* Of an HTTP request: Host stands in its first lines. */
#define FLOW_NAME_LINES 512

#define TLS_EXTENSIONS_MAX  48 /* browsers send some 18 */
#define TLS_SERVER_NAME	    0
#define TLS_NAME_HOST	    0
#define TLS_ENCRYPTED_HELLO 0xfe0d

/* Where a packet's bytes are copied to: one a CPU, too large for the stack. Taken under its lock:
 * a program may be preempted, or interrupted by a packet, and the next one then finds it busy and
 * does without. */
struct flow_scratch {
	struct bpf_spin_lock lock;
	__u32 busy;
	/* So that a masked offset and the longest thing read there stay inside. */
	__u8 bytes[FLOW_NAME_BYTES + 8];
	/* The name as a DNS message has it, for name_read() and table_walk(). */
	__u8 message[STREAM_HEAD_ROOM];
};

#define FLOW_SCRATCHES 128
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOW_SCRATCHES);
	__type(key, __u32);
	__type(value, struct flow_scratch);
} flow_scratches SEC(".maps");

static __always_inline struct flow_scratch *flow_scratch_take(void)
{
	__u32 slot = bpf_get_smp_processor_id() & (FLOW_SCRATCHES - 1), busy;
	struct flow_scratch *scratch = bpf_map_lookup_elem(&flow_scratches, &slot);

	if (!scratch)
		return NULL;
	bpf_spin_lock(&scratch->lock);
	busy = scratch->busy;
	scratch->busy = 1;
	bpf_spin_unlock(&scratch->lock);
	return busy ? NULL : scratch;
}

static __always_inline void flow_scratch_give(struct flow_scratch *scratch)
{
	*(volatile __u32 *)&scratch->busy = 0;
}

/* Offsets are at most FLOW_NAME_BYTES; what stands there beyond the packet's bytes is old, and
 * whoever reads checks against the size. */
static __always_inline __u64 byte_at(const struct flow_scratch *scratch, __u64 at)
{
	OPAQUE(at);
	return scratch->bytes[at & (FLOW_NAME_BYTES - 1)];
}

static __always_inline __u64 pair_at(const struct flow_scratch *scratch, __u64 at)
{
	return byte_at(scratch, at) << 8 | byte_at(scratch, at + 1);
}

/* The name's text in scratch->bytes; length 0: there is none. */
struct flow_text {
	__u64 at, length;
};

enum flow_name_outcome {
	FLOW_NAME_READ,	 /* one name, as it is looked for in the table */
	FLOW_NAME_OTHER, /* none, several, or something else than a domain name */
};

/* The extensions of a ClientHello: the first server name. Encrypted hellos go up: the name in them
 * is not the whole truth. */
static __always_inline enum flow_name_outcome extensions_read(const struct flow_scratch *scratch,
							      __u64 at, __u64 end,
							      struct flow_text *ret)
{
	ret->length = 0;
	for (int i = 0; i < TLS_EXTENSIONS_MAX; i++) {
		__u64 type, length;

		at = (at ^ verifier_zero) & (FLOW_NAME_BYTES - 1);
		if (at + 4 > (end ^ verifier_zero))
			return ret->length && at == end ? FLOW_NAME_READ : FLOW_NAME_OTHER;
		type = pair_at(scratch, at);
		length = pair_at(scratch, at + 2);
		at += 4;
		if (at + length > (end ^ verifier_zero) || type == TLS_ENCRYPTED_HELLO)
			return FLOW_NAME_OTHER;
		if (type == TLS_SERVER_NAME) {
			__u64 size = pair_at(scratch, at + 3);

			/* One entry, of the one kind that there is. */
			if (ret->length || length < 6 || pair_at(scratch, at) != length - 2 ||
			    byte_at(scratch, at + 2) != TLS_NAME_HOST || size != length - 5)
				return FLOW_NAME_OTHER;
			ret->at = (at + 5) ^ verifier_zero;
			ret->length = size ^ verifier_zero;
		}
		at += length;
	}
	return FLOW_NAME_OTHER;
}

/* RFC 8446, 4.1.2, in one record. size: of the bytes that are there. */
static __always_inline enum flow_name_outcome tls_name(const struct flow_scratch *scratch,
						       __u64 size, struct flow_text *ret)
{
	__u64 record = pair_at(scratch, 3), hello = pair_at(scratch, 7), at, end;

	/* Three bytes of length: the first is 0 in all that fit. */
	if (size < 50 || byte_at(scratch, 5) != 1 || byte_at(scratch, 6) != 0 ||
	    hello + 4 > record || hello + 9 > size)
		return FLOW_NAME_OTHER;
	end = hello + 9;
	at = 43; /* behind version and random */
	at += 1 + byte_at(scratch, at);
	if (at + 2 > end)
		return FLOW_NAME_OTHER;
	at += 2 + pair_at(scratch, at);
	if (at + 1 > end)
		return FLOW_NAME_OTHER;
	at += 1 + byte_at(scratch, at);
	if (at + 2 > end || at + 2 + pair_at(scratch, at) != end)
		return FLOW_NAME_OTHER;
	return extensions_read(scratch, at + 2, end, ret);
}

#define WORD_HOST 0x74736f68 /* "host" */
#define WORD_HTTP 0x70747468 /* "http" */

/* Whether the four letters, in any case, and a colon stand there. */
static __always_inline bool word_at(const struct flow_scratch *scratch, __u64 at, __u32 letters)
{
	const __u8 *word;
	__u32 value;

	OPAQUE(at);
	word = &scratch->bytes[at & (FLOW_NAME_BYTES - 1)];
	/* In C this becomes four loads of a byte; see reader_word(). */
	asm volatile("%0 = *(u32 *)(%1 + 0)" : "=r"(value) : "r"(word));
	return (value | 0x20202020) == letters && word[4] == ':';
}

#define HTTP_METHOD_MAX 9 /* "CONNECT " is the longest, and a byte behind it */
#define HTTP_BLANKS_MAX 8

/* Where the target stands: behind the first blank. 0: there is none. */
static __always_inline __u64 http_target(const struct flow_scratch *scratch)
{
	for (__u64 i = 2; i < HTTP_METHOD_MAX; i++)
		if (byte_at(scratch, i) == ' ')
			return (i + 1) ^ verifier_zero;
	return 0;
}

/* Where the value of the first Host is, or 0. */
static __always_inline __u64 http_host(const struct flow_scratch *scratch, __u64 size)
{
	__u64 at = 0;

	for (__u64 i = 4; i < FLOW_NAME_LINES; i++) {
		if (i + 8 > (size ^ verifier_zero))
			return 0;
		if (byte_at(scratch, i) == '\n' && word_at(scratch, i + 1, WORD_HOST)) {
			at = (i + 6) ^ verifier_zero;
			break;
		}
	}
	for (int i = 0; i < HTTP_BLANKS_MAX && at && byte_at(scratch, at) == ' '; i++)
		at++;
	return at;
}

/* The host's text, from at to where a host ends. */
static __always_inline enum flow_name_outcome host_read(const struct flow_scratch *scratch,
							__u64 at, __u64 size, struct flow_text *ret)
{
	__u64 end = 0;

	at = (at ^ verifier_zero) & (FLOW_NAME_BYTES - 1);
	for (__u64 i = 0; i < DNS_NAME_MAX; i++) {
		__u64 byte = byte_at(scratch, at + i);

		if (at + i >= (size ^ verifier_zero))
			return FLOW_NAME_OTHER;
		if (byte == '\r' || byte == '\n' || byte == ':' || byte == ' ' || byte == '/') {
			end = (at + i) ^ verifier_zero;
			break;
		}
	}
	if (end <= at)
		return FLOW_NAME_OTHER;
	ret->at = at;
	ret->length = (end - at) ^ verifier_zero;
	return FLOW_NAME_READ;
}

/* A path is of the host in Host; a whole URL and CONNECT's target name it themselves (RFC 9112,
 * 3.2), and what else there is may be left to the worker. */
static __always_inline enum flow_name_outcome http_name(const struct flow_scratch *scratch,
							__u64 size, struct flow_text *ret)
{
	__u64 at = http_target(scratch);

	if (!at)
		return FLOW_NAME_OTHER;
	if (byte_at(scratch, at) == '/')
		at = http_host(scratch, size);
	else if (word_at(scratch, at, WORD_HTTP))
		at += byte_at(scratch, at + 5) == '/' && byte_at(scratch, at + 6) == '/' ? 7 : size;
	else if (byte_at(scratch, 0) != 'C')
		return FLOW_NAME_OTHER;
	return at ? host_read(scratch, at, size, ret) : FLOW_NAME_OTHER;
}

/* Puts the text into scratch->message as labels, behind a header's room. A dot at the end does no
 * harm. What ends in a digit is an address, and no name. */
static __always_inline bool labels_write(struct flow_scratch *scratch, const struct flow_text *text)
{
	__u64 label = 0, length = text->length, last, size;

	if (length == 0 || length > DNS_NAME_MAX - 2)
		return false;
	if (byte_at(scratch, text->at + length - 1) == '.')
		length--;
	last = byte_at(scratch, text->at + length - 1);
	if (last >= '0' && last <= '9')
		return false;
	for (__u64 i = 0; i < DNS_NAME_MAX - 1; i++) {
		__u64 byte = i < length ? byte_at(scratch, text->at + i) : '.', place = i + 1;

		/* Each label's length goes where the dot before it stood. */
		if (byte == '.') {
			size = i - label;
			if (size == 0 || size > DNS_LABEL_MAX)
				return false;
			place = label;
			byte = size;
			label = i + 1;
		}
		OPAQUE(place);
		scratch->message[DNS_HEADER_SIZE + (place & 255)] = (__u8)byte;
		label = (label ^ verifier_zero) & 255;
		if (i >= length) {
			scratch->message[DNS_HEADER_SIZE + label] = 0;
			return true;
		}
	}
	return false;
}

/* Reads the name of a flow from its first bytes. */
static __always_inline enum flow_name_outcome flow_name_read(const struct message *message,
							     struct flow_scratch *scratch,
							     const struct reader *reader,
							     struct name *ret)
{
	struct flow_text text = { 0 };
	enum flow_name_outcome outcome;
	__u64 size = message->size;

	if (size > FLOW_NAME_BYTES)
		size = FLOW_NAME_BYTES;
	OPAQUE(size);
	size = ((size - 1) & (FLOW_NAME_BYTES - 1)) + 1;
	if (bpf_skb_load_bytes(message->skb, message->offset, scratch->bytes, (__u32)size) < 0)
		return FLOW_NAME_OTHER;
	FORGET(size);
	outcome = byte_at(scratch, 0) == TLS_HANDSHAKE ? tls_name(scratch, size, &text)
						       : http_name(scratch, size, &text);
	if (outcome != FLOW_NAME_READ || !labels_write(scratch, &text))
		return FLOW_NAME_OTHER;
	return name_read(reader, READER_HEAD, ret) == NAME_READ ? FLOW_NAME_READ : FLOW_NAME_OTHER;
}

/* What is to be done with the flow: enum flow_verdict. */
static __always_inline __u8 flow_verdict(const struct message *message,
					 struct flow_scratch *scratch)
{
	struct reader reader = {
		.head = scratch->message,
		.head_size = DNS_HEADER_SIZE + DNS_NAME_MAX + 1 + DNS_QUESTION_TAIL,
	};
	struct table table = { 0 };
	struct name name = { 0 };
	__u64 flags;

	table_open(&tables, &table);
	if (!table.header)
		return FLOW_VERDICT_UP;
	if (flow_name_read(message, scratch, &reader, &name) != FLOW_NAME_READ)
		return FLOW_VERDICT_UP;
	flags = table_walk(&table, &reader, READER_HEAD, &name);
	if (!(flags & TABLE_LISTED) || flags & TABLE_ALLOWED)
		return FLOW_VERDICT_CLEAN;
	return message->hook->may_drop && !(flags & TABLE_KEEP) && !unattended()
		       ? FLOW_VERDICT_REFUSED
		       : FLOW_VERDICT_LISTED;
}

/* Where the transport header is: as the packet program has seen it, or 0. */
static __always_inline __u32 flow_transport(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->cb[FLOW_CB_TRANSPORT])
		return skb->cb[FLOW_CB_TRANSPORT];
	return packet_read(skb, packet) ? packet->transport : 0;
}

/* The first payload of a flow, or of another request. ACTION_FURTHER: it is to be handed up. */
static __always_inline enum action flow_name_judge(struct __sk_buff *skb, const struct hook *hook)
{
	struct message message = { .hook = hook, .skb = skb };
	struct flow_scratch *scratch;
	struct packet packet = { 0 };
	struct socket_note *note;
	struct tcp_header tcp;
	__u32 transport = flow_transport(skb, &packet);

	if (!transport || !flow_payload(&message, transport, &tcp) || !message.size)
		return ACTION_PASS;
	note = flow_note(skb);
	if (note)
		note = flow_note_keep(skb, note);
	if (!note || !flow_begin(note, &message,
				 bpf_ntohl(tcp.sequence) + (tcp.flags & TCP_FLAG_SYN ? 1 : 0)))
		return ACTION_PASS;
	scratch = flow_scratch_take();
	note->flow_verdict = FLOW_VERDICT_UP;
	if (scratch) {
		note->flow_verdict = flow_verdict(&message, scratch);
		flow_scratch_give(scratch);
	}
	if (note->flow_verdict == FLOW_VERDICT_UP)
		return ACTION_FURTHER;
	if (note->flow_verdict != FLOW_VERDICT_CLEAN) {
		count_flow(COUNTER_FLOW_LISTED);
		return ACTION_FURTHER;
	}
	count_flow(COUNTER_FLOW_CLEAN);
	flow_end(note);
	return ACTION_PASS;
}
