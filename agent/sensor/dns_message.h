/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS messages (RFC 1035, section 4), read in user space: what the probes hand up because they
 * could not read it themselves. The bytes are a stranger's: any of them may lie, and the message
 * may have been cut anywhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/domain_name.h"

#define DNS_HEADER_SIZE 12

/* Questions read from one message. Real queries have one, and servers refuse more; a message with
 * more than these is told as malformed, so that 64 KiB of questions cost little. */
#define DNS_MESSAGE_QUESTIONS_MAX 64

struct dns_message {
	uint16_t id, flags; /* flags: as on the wire, in host order */
	bool response, truncated, recursion_desired;
	uint8_t opcode, rcode;
	uint16_t questions, answers, authorities, additionals; /* as the header claims */
	const char *reason; /* static text: what is wrong; NULL as long as nothing is */
	/* the reader's own */
	const uint8_t *bytes; /* borrowed until the last call */
	size_t available, whole, at;
	unsigned read;
	int error;
};

struct dns_question {
	struct domain_name name; /* case is kept, compression undone */
	uint16_t qtype, qclass;
	bool compressed; /* a pointer stood in it: legal, but no resolver writes that */
};

/* Reads the header of a message: a UDP payload, or what follows the length prefix over TCP. Only
 * the first available of whole bytes are at hand. 0, -ENODATA when the header was cut, -EBADMSG
 * when there is none; ret->reason is then set, and the other fields are 0. */
int dns_message_open(const uint8_t *bytes, size_t available, size_t whole, struct dns_message *ret);

/* The next question: 1, or 0 after the last one. -ENODATA when it was cut (more bytes would help),
 * -EBADMSG when it can't be read; message->reason says why, and every further call fails likewise.
 * A pointer must point before the run of labels that it ends (RFC 1035, 4.1.4: a prior place). */
int dns_message_question(struct dns_message *message, struct dns_question *ret);

/* For readers of what follows the questions. The name at message->at, which is moved behind it; or
 * an error as above. */
int dns_message_name(struct dns_message *message, struct domain_name *ret, bool *ret_compressed);
/* 0 when size bytes at offset are at hand; else fails: -ENODATA when the whole message has them. */
int dns_message_need(struct dns_message *message, size_t offset, size_t size);
/* Makes the message fail from now on. Returns error. */
int dns_message_fail(struct dns_message *message, int error, const char *reason);
uint16_t dns_message_u16(const uint8_t *bytes);
