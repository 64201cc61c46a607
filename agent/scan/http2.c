/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/http2.h"

#include <errno.h>
#include <string.h>

#include "scan/cursor.h"
#include "scan/flow_names.h"
#include "scan/http_authority.h"

#define FRAME_HEADER  9
#define PRIORITY_SIZE 5

enum frame_type { FRAME_HEADERS = 1, FRAME_CONTINUATION = 9 };
enum frame_flag { FLAG_END_HEADERS = 0x04, FLAG_PADDED = 0x08, FLAG_PRIORITY = 0x20 };

struct frame {
	uint8_t type, flags;
	struct cursor content;
};

struct telling {
	struct flow_facts *facts;
	struct flow_names *names;
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; /* RFC 9113, 3.4 */
#define PREFACE_SIZE (sizeof(preface) - 1)

int http2_look(const uint8_t *bytes, size_t size)
{
	if (memcmp(bytes, preface, size < PREFACE_SIZE ? size : PREFACE_SIZE) != 0)
		return 0;
	return size < PREFACE_SIZE ? -ENODATA : 1;
}

void http2_clear(struct http2 *http2)
{
	assembly_clear(&http2->block);
	hpack_clear(&http2->hpack);
	*http2 = (struct http2){ 0 };
}

static void field_told(enum hpack_field field, const char *value, size_t size, void *context)
{
	struct telling *telling = context;
	struct flow_facts *facts = telling->facts;
	struct http_authority authority;

	if (field == HPACK_METHOD) {
		size = size < FLOW_METHOD_MAX ? size : FLOW_METHOD_MAX;
		memcpy(facts->method, value, size);
		facts->method[size] = '\0';
		return;
	}
	http_authority_read(value, size, &authority);
	if (authority.reason)
		flow_facts_fault(facts, authority.reason);
	if (!flow_names_add(telling->names, facts, authority.host, authority.size, authority.port))
		flow_facts_fault(facts, "a host over 255 bytes, or with a NUL");
}

/* The frame at http2->at, which is moved behind it. -ENODATA when it is not there whole. */
static int frame_read(struct http2 *http2, const uint8_t *bytes, size_t size, struct frame *ret)
{
	struct cursor rest = { bytes + http2->at, size - http2->at, size - http2->at };
	uint32_t length, kind, stream;

	if (rest.left < FRAME_HEADER)
		return -ENODATA;
	(void)cursor_number(&rest, 3, &length);
	(void)cursor_number(&rest, 2, &kind);
	(void)cursor_number(&rest, 4, &stream);
	if (length > rest.left)
		return -ENODATA;
	*ret = (struct frame){ (uint8_t)(kind >> 8), (uint8_t)kind, { rest.at, length, length } };
	http2->at += FRAME_HEADER + length;
	return 0;
}

/* What of a HEADERS frame is header block (RFC 9113, 6.2). */
static int padding_strip(struct frame *frame)
{
	uint32_t padding = 0;
	int r = 0;

	if (frame->type != FRAME_HEADERS)
		return 0;
	if (frame->flags & FLAG_PADDED)
		r = cursor_number(&frame->content, 1, &padding);
	if (r == 0 && frame->flags & FLAG_PRIORITY)
		r = cursor_skip(&frame->content, PRIORITY_SIZE);
	if (r == 0 && padding > frame->content.left)
		r = -EBADMSG;
	if (r == 0)
		frame->content.left = frame->content.have = frame->content.left - padding;
	return r;
}

/* Puts the frame's part of a header block to the rest of it, and reads it when it is whole. */
static int block_take(struct http2 *http2, struct frame *frame, struct telling *telling)
{
	struct assembly *block = &http2->block;
	int r = padding_strip(frame);

	if (r == 0)
		r = assembly_add(block, block->ready, frame->content.at, frame->content.left);
	http2->open = !(frame->flags & FLAG_END_HEADERS);
	if (r < 0 || http2->open)
		return r;
	r = hpack_read(&http2->hpack, block->bytes, block->ready, field_told, telling);
	assembly_clear(block);
	return r < 0 ? r : 1;
}

int http2_take(struct http2 *http2, const uint8_t *bytes, size_t size, struct flow_facts *facts,
	       struct flow_names *names)
{
	struct telling telling = { facts, names };
	struct frame frame;
	int r = 0;

	if (http2->broken)
		return -ENODATA;
	if (size < PREFACE_SIZE)
		return 0;
	if (http2->at == 0)
		http2->at = PREFACE_SIZE;
	while (r == 0) {
		if (frame_read(http2, bytes, size, &frame) < 0)
			return 0;
		/* Nothing else may stand within a header block (4.3). */
		if (frame.type == (http2->open ? FRAME_CONTINUATION : FRAME_HEADERS))
			r = block_take(http2, &frame, &telling);
		else if (http2->open)
			r = -EBADMSG;
	}
	if (r != -EBADMSG)
		return r;
	http2->broken = true;
	flow_facts_fault(facts, "frames of HTTP/2 that do not fit");
	return 1;
}
