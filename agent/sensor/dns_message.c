/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/dns_message.h"

#include <errno.h>
#include <string.h>

#define FLAG_RESPONSE	       0x8000
#define FLAG_OPCODE	       0x7800
#define FLAG_TRUNCATED	       0x0200
#define FLAG_RECURSION_DESIRED 0x0100
#define FLAG_RCODE	       0x000f

/* A name of 127 labels, each ended by a pointer, needs no more. */
#define POINTERS_MAX 128

#define LABEL_KIND	   0xc0
#define LABEL_POINTER	   0xc0
#define LABEL_POINTER_MASK 0x3fff

/* Type and class after a question's name. */
#define QUESTION_TAIL 4

uint16_t dns_message_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

int dns_message_fail(struct dns_message *message, int error, const char *reason)
{
	message->error = error;
	message->reason = reason;
	return error;
}

int dns_message_need(struct dns_message *message, size_t offset, size_t size)
{
	if (offset <= message->available && size <= message->available - offset)
		return 0;
	if (offset <= message->whole && size <= message->whole - offset)
		return dns_message_fail(message, -ENODATA, "the message was cut");
	return dns_message_fail(message, -EBADMSG, "runs past the end of the message");
}

int dns_message_open(const uint8_t *bytes, size_t available, size_t whole, struct dns_message *ret)
{
	struct dns_message message = { .bytes = bytes, .whole = whole, .at = DNS_HEADER_SIZE };
	int r;

	message.available = available < whole ? available : whole;
	r = dns_message_need(&message, 0, DNS_HEADER_SIZE);
	if (r == 0) {
		message.id = dns_message_u16(bytes);
		message.flags = dns_message_u16(bytes + 2);
		message.questions = dns_message_u16(bytes + 4);
		message.answers = dns_message_u16(bytes + 6);
		message.authorities = dns_message_u16(bytes + 8);
		message.additionals = dns_message_u16(bytes + 10);
		message.response = message.flags & FLAG_RESPONSE;
		message.truncated = message.flags & FLAG_TRUNCATED;
		message.recursion_desired = message.flags & FLAG_RECURSION_DESIRED;
		message.opcode = (uint8_t)((message.flags & FLAG_OPCODE) >> 11);
		message.rcode = message.flags & FLAG_RCODE;
	} else if (r == -EBADMSG) {
		message.reason = "shorter than a DNS header";
	}
	*ret = message;
	return r;
}

/* A label that starts with its length byte at offset, to the end of name. */
static int label_add(struct dns_message *message, size_t offset, struct domain_name *name)
{
	size_t size = (size_t)message->bytes[offset] + 1;
	int r = dns_message_need(message, offset, size);

	if (r < 0)
		return r;
	/* A name's last label is the root's: the zero byte needs room, too. */
	if (name->length + size > DOMAIN_NAME_WIRE_MAX - (size > 1))
		return dns_message_fail(message, -EBADMSG, "a name over 255 bytes");
	memcpy(name->wire + name->length, message->bytes + offset, size);
	name->length = (uint8_t)(name->length + size);
	return 0;
}

/* Where the pointer at offset leads. It must lead before run, the start of the labels that it
 * ends: so each pointer leads further to the front, and following them comes to an end. */
static int pointer_follow(struct dns_message *message, size_t offset, size_t run, size_t *ret)
{
	int r = dns_message_need(message, offset, 2);
	size_t target;

	if (r < 0)
		return r;
	target = dns_message_u16(message->bytes + offset) & LABEL_POINTER_MASK;
	if (target >= run)
		return dns_message_fail(message, -EBADMSG,
					"a compression pointer that leads forwards");
	*ret = target;
	return 0;
}

int dns_message_name(struct dns_message *message, struct domain_name *ret, bool *ret_compressed)
{
	struct domain_name name = { 0 };
	size_t at = message->at, run = at, end = 0;
	unsigned pointers = 0;
	bool ended = false, compressed = false;

	while (!ended) {
		int r = dns_message_need(message, at, 1);

		if (r < 0)
			return r;
		if ((message->bytes[at] & LABEL_KIND) == LABEL_POINTER) {
			if (++pointers > POINTERS_MAX)
				return dns_message_fail(message, -EBADMSG,
							"too many compression pointers");
			compressed = true;
			end = end ? end : at + 2;
			r = pointer_follow(message, at, run, &at);
			run = at;
		} else if (message->bytes[at] & LABEL_KIND) {
			r = dns_message_fail(message, -EBADMSG, "a label of an unknown type");
		} else {
			ended = message->bytes[at] == 0;
			r = label_add(message, at, &name);
			at += (size_t)message->bytes[at] + 1;
		}
		if (r < 0)
			return r;
	}
	message->at = end ? end : at;
	*ret = name;
	*ret_compressed = compressed;
	return 0;
}

int dns_message_question(struct dns_message *message, struct dns_question *ret)
{
	struct dns_question question = { 0 };
	int r;

	if (message->error)
		return message->error;
	if (message->read == message->questions)
		return 0;
	if (message->read == DNS_MESSAGE_QUESTIONS_MAX)
		return dns_message_fail(message, -EBADMSG,
					"more questions than anybody asks at once");
	r = dns_message_name(message, &question.name, &question.compressed);
	if (r < 0)
		return r;
	r = dns_message_need(message, message->at, QUESTION_TAIL);
	if (r < 0)
		return r;
	question.qtype = dns_message_u16(message->bytes + message->at);
	question.qclass = dns_message_u16(message->bytes + message->at + 2);
	message->at += QUESTION_TAIL;
	message->read++;
	*ret = question;
	return 1;
}
