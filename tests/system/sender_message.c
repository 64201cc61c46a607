/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS questions in the forms that a probe may meet: as resolvers write them, unusual, and broken.
 * A form is a function that appends what follows the header and sets its counts.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/system/sender.h"

#define HEADER_SIZE   12
#define NAME_MAX_WIRE 255
#define LABEL_MAX     63

/* Bytes of the header. */
enum {
	HEADER_FLAGS = 2,
	HEADER_QUESTIONS = 5, /* low byte of each count */
	HEADER_ADDITIONAL = 11,
};

struct builder {
	uint8_t bytes[SENDER_MESSAGE_MAX];
	size_t size;
};

static void put(struct builder *builder, const void *bytes, size_t size)
{
	if (size > sizeof(builder->bytes) - builder->size)
		size = sizeof(builder->bytes) - builder->size;
	memcpy(builder->bytes + builder->size, bytes, size);
	builder->size += size;
}

static int put_labels(struct builder *builder, const char *name)
{
	while (*name) {
		size_t length = strcspn(name, ".");

		if (length == 0 || length > LABEL_MAX)
			return -EINVAL;
		put(builder, &(uint8_t){ (uint8_t)length }, 1);
		put(builder, name, length);
		name += length;
		name += *name == '.';
	}
	return 0;
}

/* Type A, class IN. */
static void put_type(struct builder *builder)
{
	put(builder, "\0\1\0\1", 4);
}

static int put_question(struct builder *builder, const char *name)
{
	int r = put_labels(builder, name);

	put(builder, "", 1);
	put_type(builder);
	builder->bytes[HEADER_QUESTIONS]++;
	return r;
}

static int form_plain(struct builder *builder, const char *name)
{
	return put_question(builder, name);
}

/* Every second letter in upper case, as resolvers do against forged answers (0x20). */
static int form_mixed_case(struct builder *builder, const char *name)
{
	char mixed[NAME_MAX_WIRE + 1];
	size_t i;

	for (i = 0; name[i] && i < NAME_MAX_WIRE; i++)
		mixed[i] = (char)(i % 2 ? tolower(name[i]) : toupper(name[i]));
	mixed[i] = '\0';
	return put_question(builder, mixed);
}

/* An OPT record (RFC 6891) of 1232 bytes, DO bit set. */
static int form_edns(struct builder *builder, const char *name)
{
	int r = put_question(builder, name);

	put(builder, "\0\0\51\4\320\0\0\200\0\0\0", 11);
	builder->bytes[HEADER_ADDITIONAL] = 1;
	return r;
}

/* Labels before the name until it has the 255 bytes that a name may have. */
static int form_long(struct builder *builder, const char *name)
{
	char filler[LABEL_MAX + 1], text[2 * NAME_MAX_WIRE] = "";
	size_t left = NAME_MAX_WIRE - (strlen(name) + 2);

	memset(filler, 'l', sizeof(filler));
	while (left > 1) {
		size_t label = left - 1 > LABEL_MAX ? LABEL_MAX : left - 1;

		/* One byte alone cannot be filled: leave two for the last label. */
		if (left - label - 1 == 1)
			label--;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s.", (int)label,
			 filler);
		left -= label + 1;
	}
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", name);
	return put_question(builder, text);
}

/* The name that matters comes second. */
static int form_two_questions(struct builder *builder, const char *name)
{
	int r = put_question(builder, "innocent.example");

	return r < 0 ? r : put_question(builder, name);
}

/* A second question: its first label, and a pointer to the rest in the first question's name. */
static int form_compressed(struct builder *builder, const char *name)
{
	const char *rest = strchr(name, '.');
	char sibling[NAME_MAX_WIRE + 1];
	size_t first;
	int r;

	if (!rest)
		return -EINVAL;
	first = (size_t)(rest - name);
	(void)snprintf(sibling, sizeof(sibling), "s%.*s", NAME_MAX_WIRE - 1, rest);
	r = put_question(builder, sibling);
	put(builder, &(uint8_t){ (uint8_t)first }, 1);
	put(builder, name, first);
	put(builder, (uint8_t[]){ 0xc0, HEADER_SIZE + 2 }, 2);
	put_type(builder);
	builder->bytes[HEADER_QUESTIONS]++;
	return r;
}

/* The first label, and a pointer to the rest, which stands after the question: RFC 1035, 4.1.4
 * wants a prior place, but not every server looks. */
static int form_compressed_forward(struct builder *builder, const char *name)
{
	const char *rest = strchr(name, '.');
	size_t first, target;
	int r;

	if (!rest)
		return -EINVAL;
	first = (size_t)(rest - name);
	target = HEADER_SIZE + 1 + first + 2 + 4;
	put(builder, &(uint8_t){ (uint8_t)first }, 1);
	put(builder, name, first);
	put(builder, (uint8_t[]){ (uint8_t)(0xc0 | target >> 8), (uint8_t)target }, 2);
	put_type(builder);
	builder->bytes[HEADER_QUESTIONS] = 1;
	r = put_labels(builder, rest + 1);
	put(builder, "", 1);
	return r;
}

/* A pointer to itself. */
static int form_compressed_loop(struct builder *builder, const char *name)
{
	(void)name;
	put(builder, (uint8_t[]){ 0xc0, HEADER_SIZE }, 2);
	put_type(builder);
	builder->bytes[HEADER_QUESTIONS] = 1;
	return 0;
}

/* Ends in the middle of the name. */
static int form_truncated(struct builder *builder, const char *name)
{
	int r = put_question(builder, name);

	builder->size -= 4 + 1 + 3;
	return r;
}

/* Ends before the type. */
static int form_no_type(struct builder *builder, const char *name)
{
	int r = put_question(builder, name);

	builder->size -= 4;
	return r;
}

static int form_trailing(struct builder *builder, const char *name)
{
	int r = put_question(builder, name);

	put(builder, "trailing bytes", 14);
	return r;
}

/* Says that it holds more questions than it does. */
static int form_count_too_high(struct builder *builder, const char *name)
{
	int r = put_question(builder, name);

	builder->bytes[HEADER_QUESTIONS] = 9;
	return r;
}

/* No question. */
static int form_empty(struct builder *builder, const char *name)
{
	(void)builder;
	(void)name;
	return 0;
}

/* Marked as an answer. */
static int form_response(struct builder *builder, const char *name)
{
	builder->bytes[HEADER_FLAGS] |= 0x80;
	return put_question(builder, name);
}

/* Opcode NOTIFY (RFC 1996). */
static int form_notify(struct builder *builder, const char *name)
{
	builder->bytes[HEADER_FLAGS] |= 4 << 3;
	return put_question(builder, name);
}

/* Shorter than a header. */
static int form_short(struct builder *builder, const char *name)
{
	(void)name;
	builder->size = HEADER_SIZE - 3;
	return 0;
}

static const struct form {
	const char *name;
	int (*build)(struct builder *builder, const char *name);
} forms[] = {
	{ "plain", form_plain },
	{ "mixed-case", form_mixed_case },
	{ "edns", form_edns },
	{ "long", form_long },
	{ "two-questions", form_two_questions },
	{ "compressed", form_compressed },
	{ "compressed-forward", form_compressed_forward },
	{ "compressed-loop", form_compressed_loop },
	{ "truncated", form_truncated },
	{ "no-type", form_no_type },
	{ "trailing", form_trailing },
	{ "count-too-high", form_count_too_high },
	{ "empty", form_empty },
	{ "response", form_response },
	{ "notify", form_notify },
	{ "short", form_short },
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

int message_build(const char *form, const char *name, uint16_t id, struct message *ret)
{
	/* Recursion desired. */
	struct builder builder = { .bytes = { (uint8_t)(id >> 8), (uint8_t)id, 1 },
				   .size = HEADER_SIZE };

	for (size_t i = 0; i < FORMS; i++) {
		if (strcmp(forms[i].name, form) != 0)
			continue;
		if (strlen(name) + 2 > NAME_MAX_WIRE || forms[i].build(&builder, name) < 0)
			return -EINVAL;
		ret->prefixed[0] = (uint8_t)(builder.size >> 8);
		ret->prefixed[1] = (uint8_t)builder.size;
		memcpy(ret->prefixed + 2, builder.bytes, builder.size);
		ret->size = builder.size;
		return 0;
	}
	return -EINVAL;
}

void message_list_forms(void)
{
	for (size_t i = 0; i < FORMS; i++)
		printf("form %s\n", forms[i].name);
}
