/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What a flow is, by its first bytes. Asked by flow.h. Input: bytes that somebody else chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

/* Handed up of a flow at most; what it holds beyond that is not read. A ClientHello takes some 500
 * bytes, 1,900 with post-quantum keys, and may be written in many pieces on purpose. */
#define FLOW_BYTES_MAX 16384
#define FLOW_HTTP_MAX  8192 /* servers refuse heads that are longer, or twice that */

#define TLS_CHANGE	 0x14 /* change cipher spec: a record of one byte */
#define TLS_CHANGE_SIZE	 6
#define TLS_HANDSHAKE	 0x16
#define TLS_CLIENT_HELLO 1
#define TLS_RECORD_HEAD	 5
#define TLS_MESSAGE_HEAD 4

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

/* What a client sends after its ClientHello: another one, where the server wants it, perhaps behind
 * a record that says nothing (RFC 8446, 4.1.4 and D.4). */
static __always_inline bool first_is_tls_again(const struct flow_first *first)
{
	const __u8 *bytes = first->bytes;

	if (bytes[0] != TLS_CHANGE)
		return first_is_tls(first);
	return (first->size < 2 || bytes[1] == 3) && (first->size < 5 || bytes[4] == 1) &&
	       (first->size < TLS_CHANGE_SIZE + 1 || bytes[TLS_CHANGE_SIZE] == TLS_HANDSHAKE) &&
	       (first->size < TLS_CHANGE_SIZE + 6 ||
		bytes[TLS_CHANGE_SIZE + 5] == TLS_CLIENT_HELLO);
}

/* The end of the ClientHello that begins there, size bytes of which are at hand, when its beginning
 * shows that it is in one record. */
static __always_inline __u32 tls_wanted(const __u8 *bytes, __u64 size)
{
	__u32 record = (__u32)bytes[3] << 8 | bytes[4];
	__u32 hello = (__u32)bytes[6] << 16 | (__u32)bytes[7] << 8 | bytes[8];

	if (size < TLS_RECORD_HEAD + TLS_MESSAGE_HEAD || hello + TLS_MESSAGE_HEAD > record ||
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
