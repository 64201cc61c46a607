/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The name at the beginning of a flow, read where that is simple: the server name of a TLS
 * ClientHello that stands whole in one segment, or that there is none, and the host of an HTTP
 * request, a name or an IPv4 address, where nothing else in the segment can name another one.
 * Nearly all flows begin so, and nearly all names are innocent: they end here, and user space hears
 * nothing of them. A listed one is refused here in enforce mode, before it has left. Whatever is
 * not simple is left to the worker. Gets flows from flow.h. Input: bytes that somebody else chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "address_walk.h"
#include "flow.h"
#include "message.h"
#include "verifier.h"
#include "walk.h"

/* Bytes of a flow that are looked at here: a ClientHello with post-quantum keys has some 1,900. */
#define FLOW_NAME_BYTES 2048

#define TLS_EXTENSIONS_MAX  48 /* browsers send some 18 */
#define TLS_SERVER_NAME	    0
#define TLS_NAME_HOST	    0
#define TLS_ENCRYPTED_HELLO 0xfe0d

/* Before the payload: a name at its beginning is read as if a DNS header and a length stood there.
 */
#define FLOW_NAME_ROOM 16

/* Where a packet's bytes are copied to: one a CPU, too large for the stack. Taken under its lock:
 * a program may be preempted, or interrupted by a packet, and the next one then finds it busy and
 * does without. */
struct flow_scratch {
	struct bpf_spin_lock lock;
	__u32 busy;
	/* So that a masked offset and the longest thing read there stay inside. */
	__u8 bytes[FLOW_NAME_ROOM + FLOW_NAME_BYTES + 512 + 8];
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

/* The payload's byte. Offsets are at most FLOW_NAME_BYTES; what stands there beyond the packet's
 * bytes is old, and whoever reads checks against the size. */
static __always_inline __u64 byte_at(const struct flow_scratch *scratch, __u64 at)
{
	OPAQUE(at);
	return scratch->bytes[FLOW_NAME_ROOM + (at & (FLOW_NAME_BYTES - 1))];
}

static __always_inline __u64 pair_at(const struct flow_scratch *scratch, __u64 at)
{
	return byte_at(scratch, at) << 8 | byte_at(scratch, at + 1);
}

/* A name's text in the payload. whole: it has that length; else it ends before that. */
struct flow_text {
	__u64 at, length;
	__u64 whole;
};

enum flow_name_outcome {
	FLOW_NAME_READ,	   /* one name, as it is looked for in the table */
	FLOW_NAME_ADDRESS, /* an IPv4 address in the place of one */
	FLOW_NAME_NONE,	   /* none is sent: where the connection goes was judged when it began */
	FLOW_NAME_OTHER,   /* several, or something else */
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
			return at != end     ? FLOW_NAME_OTHER
			       : ret->length ? FLOW_NAME_READ
					     : FLOW_NAME_NONE;
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
			ret->whole = 1 ^ verifier_zero;
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
	word = &scratch->bytes[FLOW_NAME_ROOM + (at & (FLOW_NAME_BYTES - 1))];
	/* In C this becomes four loads of a byte; see reader_word(). */
	asm volatile("%0 = *(u32 *)(%1 + 0)" : "=r"(value) : "r"(word));
	return (value | 0x20202020) == letters && word[4] == ':';
}

#define HTTP_METHOD_MAX 9 /* "CONNECT " is the longest, and a byte behind it */
#define HTTP_BLANKS_MAX 8
#define HTTP_HOST_SIZE	5 /* "Host:" */

/* Where the target stands: behind the first blank. 0: there is none. */
static __always_inline __u64 http_target(const struct flow_scratch *scratch)
{
	for (__u64 i = 2; i < HTTP_METHOD_MAX; i++)
		if (byte_at(scratch, i) == ' ')
			return (i + 1) ^ verifier_zero;
	return 0;
}

/* Eight bytes of the payload, the first one lowest. */
static __always_inline __u64 word_of(const struct flow_scratch *scratch, __u64 at)
{
	const __u8 *word;
	__u64 value;

	OPAQUE(at);
	word = &scratch->bytes[FLOW_NAME_ROOM + (at & (FLOW_NAME_BYTES - 1))];
	/* In C this becomes eight loads of a byte; see reader_word(). */
	asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(value) : "r"(word));
	return value;
}

#define EACH(byte)    (0x0101010101010101ULL * (byte))
#define WORD_TRANSFER 0x726566736e617274 /* "transfer" */
#define WORD_CONTENT  0x2d746e65746e6f63 /* "content-" */
#define WORD_LENGTH   0x003a6874676e656c /* "length:" */
#define LENGTH_AT     15
#define LENGTH_DIGITS 9
/* Words and lines of a head. */
#define HTTP_STEPS    (FLOW_NAME_BYTES / 8 + 64)

/* The byte behind the first line feed in a word, from 1; 0: there is none. */
static __always_inline __u64 line_end(__u64 word)
{
	__u64 other = word ^ EACH('\n'), found = (other - EACH(1)) & ~other & EACH(0x80);

	return found ? ((((found & -found) - 1) & EACH(1)) * EACH(1)) >> 56 : 0;
}

/* What a Content-Length says whose line begins there. False: what a worker has to read. */
static __always_inline bool http_length(const struct flow_scratch *scratch, __u64 at, __u64 *ret)
{
	__u64 value = 0, digits = 0;

	at += LENGTH_AT;
	if (byte_at(scratch, at) == ' ')
		at++;
	for (int i = 0; i < LENGTH_DIGITS; i++) {
		__u64 digit = byte_at(scratch, at + digits) - '0';

		if (digit > 9)
			break;
		value = (value * 10 + digit) ^ verifier_zero;
		digits = (digits + 1) ^ verifier_zero;
	}
	*ret = value;
	return digits && byte_at(scratch, at + digits) == '\r';
}

/* What a request's head says in its lines: where they begin, 0 for what is not there. */
struct http_lines {
	__u64 host;   /* the first Host */
	__u64 length; /* Content-Length */
	__u64 end;    /* of the head */
	__u64 odd;    /* there is more than one of them, or what only a worker reads */
};

/* size: of what is at hand of the payload. */
static __always_inline void http_lines_read(const struct flow_scratch *scratch, __u64 size,
					    struct http_lines *ret)
{
	__u64 at = 0, host = 0, length = 0, end = 0, odd = 1;

	for (__u64 i = 0; i < HTTP_STEPS; i++) {
		__u64 word, step;

		at ^= verifier_zero;
		host ^= verifier_zero;
		length ^= verifier_zero;
		if (at >= (size ^ verifier_zero))
			break;
		step = line_end(word_of(scratch, at));
		at += step ? step : 8;
		if (!step)
			continue;
		word = word_of(scratch, at);
		if ((__u8)word == '\n' || (__u16)word == ('\r' | '\n' << 8)) {
			end = at + ((__u8)word == '\n' ? 1 : 2);
			odd = 0;
			break;
		}
		/* A line that goes on is for the worker, too. */
		if ((__u8)word == ' ' || (__u8)word == '\t')
			break;
		word |= EACH(0x20);
		if ((__u32)word == WORD_HOST) {
			if (host || (__u8)(word >> 32) != (':' | 0x20))
				break;
			host = at;
		} else if (word == WORD_TRANSFER) {
			break;
		} else if (word == WORD_CONTENT &&
			   ((word_of(scratch, at + 8) | EACH(0x20)) & ~0ULL >> 8) == WORD_LENGTH) {
			if (length)
				break;
			length = at;
		}
	}
	ret->host = host ^ verifier_zero;
	ret->length = length ^ verifier_zero;
	ret->end = end ^ verifier_zero;
	ret->odd = odd ^ verifier_zero;
}

/* Whether the payload is one request's head, and no more than its body behind it. total: of all of
 * it. */
static __always_inline bool http_whole(const struct flow_scratch *scratch,
				       const struct http_lines *lines, __u64 size, __u64 total)
{
	__u64 body = 0;

	if (lines->odd || lines->end > size ||
	    (lines->length && !http_length(scratch, lines->length, &body)))
		return false;
	return total - lines->end <= body;
}

/* A path is of the host in Host; a whole URL and CONNECT's target name it themselves (RFC 9112,
 * 3.2), and what else there is may be left to the worker: that is odd. */
static __always_inline enum flow_name_outcome http_name(const struct flow_scratch *scratch,
							__u64 size, struct http_lines *lines,
							struct flow_text *ret)
{
	__u64 at = http_target(scratch);

	if (!at)
		return FLOW_NAME_OTHER;
	if (byte_at(scratch, at) == '/') {
		at = lines->host ? lines->host + HTTP_HOST_SIZE : 0;
		for (int i = 0; i < HTTP_BLANKS_MAX && at && byte_at(scratch, at) == ' '; i++)
			at++;
	} else {
		lines->odd |= lines->host;
		if (word_at(scratch, at, WORD_HTTP))
			at += byte_at(scratch, at + 5) == '/' && byte_at(scratch, at + 6) == '/'
				      ? 7
				      : size;
		else if (byte_at(scratch, 0) != 'C')
			return FLOW_NAME_OTHER;
	}
	if (!at || at >= size)
		return FLOW_NAME_OTHER;
	ret->at = at;
	ret->length = size - at;
	return FLOW_NAME_READ;
}

#define HTTP_PORT_MAX 7 /* ":65535" and what ends it */

/* Whether a host may end at that byte: there, or behind a port. */
static __always_inline bool host_ends(const struct flow_scratch *scratch, __u64 at, __u64 size)
{
	for (__u64 i = 0; i < HTTP_PORT_MAX; i++) {
		__u64 byte = byte_at(scratch, at + i);

		if (at + i >= (size ^ verifier_zero))
			return false;
		if (byte == '\r' || byte == '\n' || byte == ' ' || byte == '/')
			return true;
		if (i == 0 ? byte != ':' : byte - '0' > 9)
			return false;
	}
	return false;
}

/* Letters, digits, '-' and '_'; the dot is asked for before. */
static __always_inline bool host_letter(__u64 byte)
{
	return (byte | 0x20) - 'a' < 26 || byte - '0' < 10 || byte == '-' || byte == '_';
}

/* A name as it stands on the wire, but for the final zero byte. */
struct flow_host {
	__u8 *wire;
	struct name name;
	__u64 end;  /* where its text ends in the payload */
	bool digit; /* the last letter is one: it may be an address */
	bool dot;   /* there is one at the end */
};

/* Makes a name of the text in its own place: each label's length goes where the dot before it
 * stood, the first one's before the text. A dot at the end does no harm. False: it is none, or
 * there is something in it that no host has. */
static __always_inline bool host_make(struct flow_scratch *scratch, const struct flow_text *text,
				      struct flow_host *ret)
{
	__u64 label = 0, low = 0, high = 0, labels = 0, size, at = text->at;
	__u64 end = 0, letters = 0, whole = 2;
	__u8 *wire;

	OPAQUE(at);
	wire = &scratch->bytes[FLOW_NAME_ROOM - 1 + (at & (FLOW_NAME_BYTES - 1))];
	for (__u64 i = 0; i < DNS_NAME_MAX - 1; i++) {
		__u64 over = i >= text->length, byte = over ? 0 : wire[i + 1];

		if (!over && host_letter(byte))
			continue;
		size = i - label;
		if (size > DNS_LABEL_MAX || (size == 0 && (byte == '.' || !labels)))
			return false;
		end = i ^ verifier_zero;
		if (size > 0) {
			OPAQUE(label);
			wire[label & 255] = (__u8)size;
			high = (high << 8 | low >> 56) ^ verifier_zero;
			low = (low << 8 | label) ^ verifier_zero;
			labels = (labels + 1) ^ verifier_zero;
			letters = (end + 1) & 255;
		}
		if (over || byte != '.') {
			whole = over ^ verifier_zero;
			break;
		}
		label = ((i + 1) ^ verifier_zero) & 255;
	}
	if (whole != text->whole)
		return false;
	ret->wire = wire;
	ret->name = (struct name){ .low = low, .high = high, .labels = labels, .end = letters };
	ret->end = text->at + end;
	ret->dot = letters != end + 1;
	OPAQUE(letters);
	ret->digit = wire[(letters - 1) & 255] - '0' < 10u;
	return true;
}

#define IPV4_WIRE_MAX 16 /* "255.255.255.255" and a length before it */

/* Four numbers without zeros in front, as inet_pton(3) has them. */
static __always_inline bool ipv4_read(const struct flow_host *host, __u64 *ret)
{
	__u64 address = 0;

	if (host->name.labels != 4 || host->name.end > IPV4_WIRE_MAX)
		return false;
#pragma unroll
	for (int i = 3; i >= 0; i--) {
		const __u8 *label = &host->wire[host->name.low >> i * 8 & (IPV4_WIRE_MAX - 1)];
		__u64 size = label[0], number = label[1] - (__u64)'0';

		if (number > 9 || size > 3 || (size > 1 && !number))
			return false;
		if (size > 1) {
			if (label[2] - (__u64)'0' > 9)
				return false;
			number = number * 10 + (label[2] - '0');
		}
		if (size > 2) {
			if (label[3] - (__u64)'0' > 9)
				return false;
			number = number * 10 + (label[3] - '0');
		}
		if (number > 255)
			return false;
		address = (address << 8 | number) ^ verifier_zero;
	}
	*ret = address;
	return true;
}

/* Reads who is named by the payload's first bytes, size of which stand in the scratch; total: of
 * all of it. *ret_whole: there is nothing else in it that could name somebody. */
static __always_inline enum flow_name_outcome flow_name_read(struct flow_scratch *scratch,
							     __u64 size, __u64 total,
							     struct flow_host *ret, __u64 *ret_ipv4,
							     __u64 *ret_whole)
{
	struct http_lines lines = { 0 };
	enum flow_name_outcome outcome;
	struct flow_text text = { 0 };

	if (byte_at(scratch, 0) == TLS_HANDSHAKE) {
		outcome = tls_name(scratch, size, &text);
		*ret_whole = pair_at(scratch, 3) + TLS_RECORD_HEAD == total;
	} else {
		http_lines_read(scratch, size, &lines);
		outcome = http_name(scratch, size, &lines, &text);
		*ret_whole = http_whole(scratch, &lines, size, total);
	}
	FORGET(*ret_whole);
	if (outcome != FLOW_NAME_READ)
		return outcome;
	FORGET(text.at);
	FORGET(text.length);
	FORGET(text.whole);
	if (!host_make(scratch, &text, ret) || (!text.whole && !host_ends(scratch, ret->end, size)))
		return FLOW_NAME_OTHER;
	if (!ret->digit)
		return FLOW_NAME_READ;
	return !ret->dot && ipv4_read(ret, ret_ipv4) ? FLOW_NAME_ADDRESS : FLOW_NAME_OTHER;
}

/* What is to be done with the flow: enum flow_verdict. size: of what is at hand of the payload;
 * total: of all of it. */
static __always_inline __u8 flow_verdict(const struct hook *hook, struct flow_scratch *scratch,
					 __u64 size, __u64 total)
{
	struct address_words address = { 0 };
	struct flow_host host = { 0 };
	struct reader reader = { 0 };
	struct table table = { 0 };
	enum flow_name_outcome outcome;
	__u64 flags = 0, ipv4 = 0, whole = 0;

	table_open(&tables, &table);
	if (!table.header)
		return FLOW_VERDICT_UP;
	outcome = flow_name_read(scratch, size, total, &host, &ipv4, &whole);
	if (outcome == FLOW_NAME_OTHER)
		return FLOW_VERDICT_UP;
	if (outcome == FLOW_NAME_ADDRESS) {
		address.low = ADDRESS_MAPPED << 32 | ipv4;
		flags = address_match(table.map, &address, true);
	} else if (outcome == FLOW_NAME_READ) {
		reader.head = host.wire - DNS_HEADER_SIZE;
		flags = table_walk(&table, &reader, READER_HEAD, &host.name);
	}
	if (!(flags & TABLE_LISTED) || flags & TABLE_ALLOWED)
		return whole ? FLOW_VERDICT_CLEAN : FLOW_VERDICT_UP;
	return hook->may_drop && !(flags & TABLE_KEEP) && !unattended() ? FLOW_VERDICT_REFUSED
									: FLOW_VERDICT_LISTED;
}

/* The payload: as the packet program has seen it, or to be found. False: there is none. */
static __always_inline bool flow_name_payload(struct __sk_buff *skb, struct message *message,
					      __u32 *ret_sequence)
{
	struct packet packet = { 0 };
	struct tcp_header tcp;

	if (skb->cb[FLOW_CB_PAYLOAD]) {
		message->offset = skb->cb[FLOW_CB_PAYLOAD];
		message->size = skb->len - message->offset;
		*ret_sequence = skb->cb[FLOW_CB_SEQUENCE];
		return message->offset < skb->len;
	}
	if (!packet_read(skb, &packet) || !flow_payload(message, packet.transport, &tcp))
		return false;
	*ret_sequence = flow_sequence(&tcp);
	return message->size > 0;
}

/* Copies the payload's first bytes; their number, or 0. */
static __always_inline __u64 flow_scratch_fill(struct flow_scratch *scratch,
					       const struct message *message)
{
	__u64 size = message->size < FLOW_NAME_BYTES ? message->size : FLOW_NAME_BYTES;

	OPAQUE(size);
	size = ((size - 1) & (FLOW_NAME_BYTES - 1)) + 1;
	if (bpf_skb_load_bytes(message->skb, message->offset, scratch->bytes + FLOW_NAME_ROOM,
			       (__u32)size) < 0)
		return 0;
	FORGET(size);
	return size;
}

/* The first payload of a flow, or of another request. ACTION_FURTHER: it is to be handed up. */
static __always_inline enum action flow_name_judge(struct __sk_buff *skb, const struct hook *hook)
{
	struct message message = { .hook = hook, .skb = skb };
	struct flow_scratch *scratch;
	struct socket_note *note;
	__u32 sequence = 0;
	__u64 size;

	if (!flow_name_payload(skb, &message, &sequence))
		return ACTION_PASS;
	note = flow_note(skb);
	if (note)
		note = flow_note_keep(skb, note);
	if (!note || !flow_begin(note, &message, sequence))
		return ACTION_PASS;
	scratch = flow_scratch_take();
	note->flow_verdict = FLOW_VERDICT_UP;
	if (scratch) {
		size = flow_scratch_fill(scratch, &message);
		if (size)
			note->flow_verdict = flow_verdict(hook, scratch, size, message.size);
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
