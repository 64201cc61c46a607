/* SPDX-License-Identifier: Apache-2.0
 *
 * What cordond and cordon-cloud say to each other, over a SOCK_SEQPACKET socketpair. cordon-cloud
 * reads what strangers send it, so its parent takes what it says as hostile.
 *
 *   cordon-cloud                      cordond
 *     HELLO (version, layers)    -->                      once, first
 *     FAILED (text)              -->                      instead of HELLO, or last of all
 *                                <--  SETTINGS (JSON)     once, when it has said hello
 *     INSTANCE (what it is on)   -->                      when the metadata service has said it
 *     STATE (counters)           -->                      every few seconds: it lives
 *                                <--  ENTRY (id, sink)    any number
 *     ANSWER (id, bytes)         -->                      before the RESULT of an ENTRY that asks
 *     RESULT (ids, outcome)      -->                      once for each ENTRY
 *                                <--  CALL (JSON: call.h)    any number
 *     REPLY (JSON)               -->                      once for each CALL
 *
 * SETTINGS, ENTRY, CALL and REPLY may be longer than a frame: they come in parts, one after the
 * other, and nothing else comes between.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cage_layer.h"

#define MESSAGE_VERSION 3

/* Of one frame's body; several frames fit into the kernel's default socket buffer (208 KiB). */
#define MESSAGE_PART_MAX    ((size_t)48 * 1024)
/* Of all parts: the largest finding (JOURNAL_DOCUMENT_MAX, 256 KiB), or a bundle of certificates,
 * whose line ends are escaped. */
#define MESSAGE_LONG_MAX    ((size_t)1536 * 1024)
/* Of what was asked for: a parameter has 8 KiB at most. */
#define MESSAGE_ANSWER_MAX  MESSAGE_PART_MAX
/* Results in one frame. */
#define MESSAGE_RESULTS_MAX 512
#define MESSAGE_TEXT_SIZE   256

enum message_type {
	MESSAGE_HELLO = 1,
	MESSAGE_FAILED,
	MESSAGE_INSTANCE,
	MESSAGE_STATE,
	MESSAGE_RESULT,
	MESSAGE_ANSWER,
	MESSAGE_SETTINGS,
	MESSAGE_ENTRY,
	MESSAGE_CALL,
	MESSAGE_REPLY,
	MESSAGE_TYPES,
};

/* Who reads, and when. */
enum message_reader {
	MESSAGE_CHILD = 1,	      /* cordon-cloud, which has said hello */
	MESSAGE_PARENT_GREETED = 2,   /* cordond, of one that said hello */
	MESSAGE_PARENT_UNGREETED = 4, /* cordond, of one that did not yet */
};

/* What became of an entry. */
enum message_outcome {
	MESSAGE_DELIVERED,
	MESSAGE_RETRY,	/* not now: the service cannot be reached, or says later */
	MESSAGE_LATER,	/* this one not now; the service takes others */
	MESSAGE_DENIED, /* not until somebody grants a permission */
	MESSAGE_POISON, /* never: the service refuses this one, and takes others */
	MESSAGE_OUTCOMES,
};

struct message_hello {
	uint32_t version, uid;
	uint16_t layers[CAGE_LAYERS];
};

/* The EC2 instance; "" for what is not known. Letters, digits, '-', '.' and '_' only. */
#define MESSAGE_NAME_SIZE 64
struct message_instance {
	char id[MESSAGE_NAME_SIZE], region[MESSAGE_NAME_SIZE], zone[MESSAGE_NAME_SIZE];
	char account[MESSAGE_NAME_SIZE], partition[MESSAGE_NAME_SIZE];
	char domain[MESSAGE_NAME_SIZE], image[MESSAGE_NAME_SIZE];
};

struct message_state {
	uint64_t calls, succeeded, failed, retries, throttled, skewed;
	int64_t skew;	/* ns that AWS's clock is ahead */
	uint64_t queue; /* entries that it has */
};

struct message_result {
	enum message_outcome outcome;
	uint64_t after;		      /* RETRY, LATER, DENIED: not before so many ns from now */
	char text[MESSAGE_TEXT_SIZE]; /* why; "" when delivered. A stranger's bytes */
	uint64_t ids[MESSAGE_RESULTS_MAX];
	size_t count;
};

/* What stands before an ENTRY's document. */
struct message_entry {
	uint32_t sink;	 /* enum cloud_sink_id */
	uint32_t urgent; /* 0 or 1: it is not held back for others */
	uint64_t time;	 /* ms since the epoch: when it was seen last */
};

struct message {
	enum message_type type;
	uint64_t id; /* of ENTRY, ANSWER, CALL and REPLY */
	union {
		struct message_hello hello;
		struct message_instance instance;
		struct message_state state;
		struct message_result result;
		char text[MESSAGE_TEXT_SIZE]; /* of FAILED */
		struct {
			const char *bytes; /* borrowed from the frame */
			size_t size;
		} answer;
		struct {
			const uint8_t *bytes; /* borrowed from the frame */
			size_t size, offset, total;
		} part; /* of SETTINGS, ENTRY, CALL and REPLY */
	};
};

struct message_frame {
	size_t size;
	_Alignas(8) uint8_t bytes[MESSAGE_PART_MAX + 64];
};

/* Each makes a frame of its own. */
void message_put_hello(struct message_frame *frame, const struct message_hello *hello);
void message_put_failed(struct message_frame *frame, const char *text); /* cut where too long */
void message_put_instance(struct message_frame *frame, const struct message_instance *instance);
void message_put_state(struct message_frame *frame, const struct message_state *state);
void message_put_result(struct message_frame *frame, const struct message_result *result);
/* At most MESSAGE_ANSWER_MAX bytes. */
void message_put_answer(struct message_frame *frame, uint64_t id, const void *bytes, size_t size);
/* The part at offset of a long message: as much of it as fits; returns how much. */
size_t message_put_part(struct message_frame *frame, enum message_type type, uint64_t id,
			const void *bytes, size_t total, size_t offset);

/* 0, or -EBADMSG: the bytes are none that this reader may get now; *ret_why, static text, says what
 * is wrong. Whatever is in ret is within its bounds: enums have a name, texts end, names are made
 * of the letters that they may have. */
int message_read(const struct message_frame *frame, enum message_reader reader, struct message *ret,
		 const char **ret_why);

/* Puts parts together. */
struct message_long {
	enum message_type type;
	uint64_t id;
	uint8_t *bytes; /* owned; a NUL stands behind them when it is whole */
	size_t size, total;
};
/* 1: whole; the caller takes what it needs and calls message_long_clear(). 0: parts are missing.
 * -EBADMSG: parts out of order; -ENOMEM. */
int message_long_add(struct message_long *gathered, const struct message *part);
void message_long_clear(struct message_long *gathered);
