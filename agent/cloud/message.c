/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the form of the messages between cordond and cordon-cloud, their table, and the checks of
 * what comes in. Used by courier.c and dispatch.c.
 */
#include "cloud/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct head {
	uint16_t type, zero;
	uint32_t size; /* of what follows */
	uint64_t id;
	uint32_t total, offset; /* of parts; else 0 */
};

/* Copied as they are between two processes of one build: no holes. */
struct wire_result {
	uint32_t outcome, count;
	uint64_t after;
	char text[MESSAGE_TEXT_SIZE];
};

_Static_assert(sizeof(struct head) + sizeof(struct wire_result) +
			       MESSAGE_RESULTS_MAX * sizeof(uint64_t) <=
		       sizeof((struct message_frame){ 0 }.bytes),
	       "the largest reply fits");
_Static_assert(sizeof(struct head) + MESSAGE_PART_MAX <= sizeof((struct message_frame){ 0 }.bytes),
	       "the largest part fits");

#define PARENT	   (MESSAGE_PARENT_GREETED | MESSAGE_PARENT_UNGREETED)
#define ONLY(size) (size), (size)

/* The table of messages. */
static const struct rule {
	const char *name;
	size_t size_min, size_max;
	unsigned allowed; /* enum message_reader */
	bool parts;
	bool names; /* an entry, without parts */
} rules[MESSAGE_TYPES] = {
	[MESSAGE_HELLO] = { "hello", ONLY(sizeof(struct message_hello)), MESSAGE_PARENT_UNGREETED,
			    false, false },
	[MESSAGE_FAILED] = { "failed", 1, MESSAGE_TEXT_SIZE - 1, PARENT, false, false },
	[MESSAGE_INSTANCE] = { "instance", ONLY(sizeof(struct message_instance)),
			       MESSAGE_PARENT_GREETED, false, false },
	[MESSAGE_STATE] = { "state", ONLY(sizeof(struct message_state)), MESSAGE_PARENT_GREETED,
			    false, false },
	[MESSAGE_RESULT] = { "result", sizeof(struct wire_result) + sizeof(uint64_t),
			     sizeof(struct wire_result) + MESSAGE_RESULTS_MAX * sizeof(uint64_t),
			     MESSAGE_PARENT_GREETED, false, false },
	[MESSAGE_ANSWER] = { "answer", 1, MESSAGE_ANSWER_MAX, MESSAGE_PARENT_GREETED, false, true },
	[MESSAGE_SETTINGS] = { "settings", 1, MESSAGE_PART_MAX, MESSAGE_CHILD, true, false },
	[MESSAGE_ENTRY] = { "entry", 1, MESSAGE_PART_MAX, MESSAGE_CHILD, true, false },
	[MESSAGE_CALL] = { "call", 1, MESSAGE_PART_MAX, MESSAGE_CHILD, true, false },
	[MESSAGE_REPLY] = { "reply", 1, MESSAGE_PART_MAX, MESSAGE_PARENT_GREETED, true, false },
};

static void frame_fill(struct message_frame *frame, struct head head, const void *body, size_t size)
{
	head.size = (uint32_t)size;
	memcpy(frame->bytes, &head, sizeof(head));
	memcpy(frame->bytes + sizeof(head), body, size);
	frame->size = sizeof(head) + size;
}

void message_put_hello(struct message_frame *frame, const struct message_hello *hello)
{
	frame_fill(frame, (struct head){ .type = MESSAGE_HELLO }, hello, sizeof(*hello));
}

void message_put_failed(struct message_frame *frame, const char *text)
{
	size_t length = strnlen(text, MESSAGE_TEXT_SIZE - 1);

	if (length == 0)
		frame_fill(frame, (struct head){ .type = MESSAGE_FAILED }, "?", 1);
	else
		frame_fill(frame, (struct head){ .type = MESSAGE_FAILED }, text, length);
}

void message_put_instance(struct message_frame *frame, const struct message_instance *instance)
{
	frame_fill(frame, (struct head){ .type = MESSAGE_INSTANCE }, instance, sizeof(*instance));
}

void message_put_state(struct message_frame *frame, const struct message_state *state)
{
	frame_fill(frame, (struct head){ .type = MESSAGE_STATE }, state, sizeof(*state));
}

void message_put_result(struct message_frame *frame, const struct message_result *result)
{
	struct wire_result wire = { .outcome = (uint32_t)result->outcome,
				    .count = (uint32_t)result->count,
				    .after = result->after };
	size_t length = strnlen(result->text, sizeof(wire.text) - 1);
	size_t size = result->count * sizeof(uint64_t);

	memcpy(wire.text, result->text, length);
	frame_fill(frame, (struct head){ .type = MESSAGE_RESULT }, &wire, sizeof(wire));
	memcpy(frame->bytes + frame->size, result->ids, size);
	frame->size += size;
	((struct head *)frame->bytes)->size += (uint32_t)size;
}

void message_put_answer(struct message_frame *frame, uint64_t id, const void *bytes, size_t size)
{
	frame_fill(frame, (struct head){ .type = MESSAGE_ANSWER, .id = id }, bytes, size);
}

size_t message_put_part(struct message_frame *frame, enum message_type type, uint64_t id,
			const void *bytes, size_t total, size_t offset)
{
	size_t size = total - offset < MESSAGE_PART_MAX ? total - offset : MESSAGE_PART_MAX;
	const struct head head = { .type = (uint16_t)type,
				   .id = id,
				   .total = (uint32_t)total,
				   .offset = (uint32_t)offset };

	frame_fill(frame, head, (const uint8_t *)bytes + offset, size);
	return size;
}

/* ---- reading ---- */

/* Nothing stands behind the end of a text. */
static bool text_ends(const char *text, size_t size)
{
	const char *end = memchr(text, '\0', size);

	while (end && end < text + size)
		if (*end++ != '\0')
			return false;
	return end != NULL;
}

static bool name_is_one(const char name[static MESSAGE_NAME_SIZE])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._";

	return text_ends(name, MESSAGE_NAME_SIZE) && name[strspn(name, letters)] == '\0';
}

static const char *instance_check(const struct message_instance *instance)
{
	const char *names[] = { instance->id,	   instance->region, instance->zone,
				instance->account, instance->domain, instance->partition,
				instance->image };

	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (!name_is_one(names[i]))
			return "an instance with a name that is none";
	return NULL;
}

static const char *result_read(const uint8_t *body, size_t size, struct message_result *ret)
{
	struct wire_result wire;

	memcpy(&wire, body, sizeof(wire));
	if (wire.outcome >= MESSAGE_OUTCOMES || wire.count > MESSAGE_RESULTS_MAX ||
	    size != sizeof(wire) + wire.count * sizeof(uint64_t))
		return "a result of no known kind";
	if (!text_ends(wire.text, sizeof(wire.text)))
		return "a result with a text that does not end";
	ret->outcome = (enum message_outcome)wire.outcome;
	ret->after = wire.after;
	ret->count = wire.count;
	memcpy(ret->text, wire.text, sizeof(ret->text));
	memcpy(ret->ids, body + sizeof(wire), wire.count * sizeof(uint64_t));
	return NULL;
}

static const char *body_read(const struct head *head, const uint8_t *body, struct message *ret)
{
	switch (ret->type) {
	case MESSAGE_HELLO:
		memcpy(&ret->hello, body, sizeof(ret->hello));
		return ret->hello.version == MESSAGE_VERSION ? NULL : "one of another version";
	case MESSAGE_FAILED:
		memcpy(ret->text, body, head->size);
		ret->text[head->size] = '\0';
		return NULL;
	case MESSAGE_INSTANCE:
		memcpy(&ret->instance, body, sizeof(ret->instance));
		return instance_check(&ret->instance);
	case MESSAGE_STATE:
		memcpy(&ret->state, body, sizeof(ret->state));
		return NULL;
	case MESSAGE_RESULT:
		return result_read(body, head->size, &ret->result);
	case MESSAGE_ANSWER:
		ret->answer.bytes = (const char *)body;
		ret->answer.size = head->size;
		return NULL;
	case MESSAGE_SETTINGS:
	case MESSAGE_ENTRY:
	case MESSAGE_CALL:
	case MESSAGE_REPLY:
		ret->part.bytes = body;
		ret->part.size = head->size;
		ret->part.offset = head->offset;
		ret->part.total = head->total;
		return head->total > MESSAGE_LONG_MAX || head->offset > head->total ||
				       head->size > head->total - head->offset
			       ? "a part of no whole"
			       : NULL;
	case MESSAGE_TYPES:
		break;
	}
	return "an unknown message";
}

static const char *head_check(const struct head *head, size_t left, enum message_reader reader)
{
	const struct rule *rule = head->type < ELEMENTS(rules) ? &rules[head->type] : NULL;

	if (!rule || !rule->name || head->zero)
		return "an unknown message";
	if (!(rule->allowed & reader))
		return "a message that is not allowed now";
	if (head->size != left || head->size < rule->size_min || head->size > rule->size_max)
		return "a message of a wrong size";
	if (!rule->parts && ((head->id && !rule->names) || head->total || head->offset))
		return "a message with what it may not have";
	return NULL;
}

int message_read(const struct message_frame *frame, enum message_reader reader, struct message *ret,
		 const char **ret_why)
{
	const char *why = "a frame without a message";
	struct head head;

	if (frame->size >= sizeof(head) && frame->size <= sizeof(frame->bytes)) {
		memcpy(&head, frame->bytes, sizeof(head));
		why = head_check(&head, frame->size - sizeof(head), reader);
		if (!why) {
			ret->type = (enum message_type)head.type;
			ret->id = head.id;
			why = body_read(&head, frame->bytes + sizeof(head), ret);
		}
	}
	if (!why)
		return 0;
	*ret_why = why;
	return -EBADMSG;
}

/* ---- parts ---- */

int message_long_add(struct message_long *gathered, const struct message *part)
{
	if (part->part.offset == 0 && !gathered->bytes) {
		gathered->bytes = malloc(part->part.total + 1);
		if (!gathered->bytes)
			return -ENOMEM;
		gathered->type = part->type;
		gathered->id = part->id;
		gathered->size = 0;
		gathered->total = part->part.total;
	}
	if (!gathered->bytes || gathered->type != part->type || gathered->id != part->id ||
	    gathered->total != part->part.total || gathered->size != part->part.offset)
		return -EBADMSG;
	memcpy(gathered->bytes + gathered->size, part->part.bytes, part->part.size);
	gathered->size += part->part.size;
	if (gathered->size < gathered->total)
		return 0;
	gathered->bytes[gathered->total] = '\0';
	return 1;
}

void message_long_clear(struct message_long *gathered)
{
	/* Settings have keys in them. */
	if (gathered->bytes)
		explicit_bzero(gathered->bytes, gathered->size);
	free(gathered->bytes);
	*gathered = (struct message_long){ 0 };
}
