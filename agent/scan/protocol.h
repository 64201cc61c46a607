/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker and its parent say to each other: frames of many messages over a SOCK_SEQPACKET
 * socketpair. Both sides write and read here. The parent takes what a worker says as hostile: a
 * worker may have been taken over by the bytes that it reads.
 *
 *   worker                          parent
 *     HELLO (version, layers)  -->                    once, first
 *     FAILED (text)            -->                    instead of HELLO, or last of all
 *                              <--  PAYLOAD, FORGET   any number in a frame
 *                              <--  PING (number)     the last of each frame
 *     FACTS (flow)             -->                    any number for a PAYLOAD, in their order
 *     ENDED (flow)             -->                    after them: nothing can follow in this flow
 *     PONG (number, counters)  -->                    after all that is said of the frame
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cage_layer.h"
#include "scan/flow_reader.h"
#include "sensor/flow_facts.h"

#define PROTOCOL_VERSION 1

/* Several frames fit into the kernel's default socket buffer (208 KiB), so that the worker reads
 * one while the parent writes the next. */
#define PROTOCOL_FRAME_MAX ((size_t)32 * 1024)
/* Of one PAYLOAD: larger ones are sent in parts. A datagram of a QUIC Initial has some 1,200. */
#define PROTOCOL_BYTES_MAX ((size_t)16 * 1024)
#define PROTOCOL_TEXT_MAX  127
/* Any reply but HELLO fits into it. */
#define PROTOCOL_REPLY_MAX ((size_t)1024)
/* For one PAYLOAD: more requests than that do not fit into what a reader keeps of a stream. */
#define PROTOCOL_FACTS_MAX 1024

enum protocol_type {
	PROTOCOL_HELLO = 1,
	PROTOCOL_FAILED,
	PROTOCOL_FACTS,
	PROTOCOL_ENDED,
	PROTOCOL_PONG,
	PROTOCOL_PAYLOAD,
	PROTOCOL_FORGET,
	PROTOCOL_PING,
	PROTOCOL_TYPES,
};

/* Who reads, and when: the bits of protocol_rule.allowed. */
enum protocol_reader {
	PROTOCOL_WORKER = 1,	       /* the worker, which has said hello */
	PROTOCOL_PARENT_GREETED = 2,   /* the parent, of a worker that said hello */
	PROTOCOL_PARENT_UNGREETED = 4, /* the parent, of one that did not yet */
};

/* One row of the table of messages. */
struct protocol_rule {
	const char *name;
	size_t size_min, size_max; /* of what follows the head */
	unsigned allowed;	   /* enum protocol_reader */
	unsigned descriptors;	   /* that come along: none of these has any yet */
};

/* NULL: there is no such message. */
const struct protocol_rule *protocol_rule(unsigned type);

/* In front of each message. Messages begin at multiples of 8. */
struct protocol_head {
	uint16_t type; /* enum protocol_type */
	uint16_t zero;
	uint32_t size; /* of what follows, without padding */
	uint64_t id;   /* FACTS, ENDED, PAYLOAD, FORGET: the flow; PING, PONG: the frame; else 0 */
};

struct protocol_frame {
	size_t size;
	_Alignas(8) uint8_t bytes[PROTOCOL_FRAME_MAX];
};

/* What a message says. Which member: its type. */
struct protocol_payload {
	enum flow_transport transport;
	uint32_t offset;
	bool last;
	const uint8_t *bytes; /* borrowed from the frame */
	size_t size;
};

struct protocol_hello {
	uint32_t version;
	uint32_t uid;
	/* 0: it is on; else the errno that says why it is not. */
	uint16_t layers[CAGE_LAYERS];
};

struct protocol_pong {
	uint64_t flows;	  /* held now */
	uint64_t evicted; /* ever, to make room */
	uint64_t failed;  /* ever: no memory for them */
};

struct protocol_message {
	enum protocol_type type;
	uint64_t id;
	union {
		struct protocol_payload payload;
		struct protocol_hello hello;
		struct protocol_pong pong;
		struct flow_facts facts;
		char text[PROTOCOL_TEXT_MAX + 1]; /* of FAILED */
	};
};

/* Writers add a message to the frame. -ENOBUFS: it does not fit any more; the frame is as before.
 * A frame begins with size 0. */
int protocol_add_payload(struct protocol_frame *frame, uint64_t id,
			 const struct protocol_payload *payload);
int protocol_add_forget(struct protocol_frame *frame, uint64_t id);
int protocol_add_ping(struct protocol_frame *frame, uint64_t id);
int protocol_add_hello(struct protocol_frame *frame, const struct protocol_hello *hello);
int protocol_add_failed(struct protocol_frame *frame, const char *text); /* cut where too long */
int protocol_add_facts(struct protocol_frame *frame, uint64_t id, const struct flow_facts *facts);
int protocol_add_ended(struct protocol_frame *frame, uint64_t id);
int protocol_add_pong(struct protocol_frame *frame, uint64_t id, const struct protocol_pong *pong);

/* Bytes of a PAYLOAD that still fit, with the PING that ends the frame; 0: none. */
size_t protocol_payload_room(const struct protocol_frame *frame);

/* The message at *at, which is moved on; *at begins at 0. 1, or 0 at the end. -EBADMSG: the bytes
 * are none that this reader may get now; *ret_why, static text, says what is wrong. Whatever is in
 * ret is within its bounds: enums have a name, text ends, padding is zero. */
int protocol_next(const struct protocol_frame *frame, size_t *at, enum protocol_reader reader,
		  struct protocol_message *ret, const char **ret_why);

/* One frame out and in. -EAGAIN where the socket would block (wait: false); -EPIPE: the peer is
 * gone; -EBADMSG: too large, or it came with descriptors, which were closed. EINTR is retried. */
int protocol_send(int fd, const struct protocol_frame *frame, bool wait);
int protocol_receive(int fd, struct protocol_frame *ret, bool wait);
