/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading numbers and vectors from foreign bytes, of which only the beginning may be at hand. Every
 * read either stays within what the sender declared and what is at hand, or fails and leaves the
 * cursor where it was: -EBADMSG when it runs past what was declared, -ENODATA when more bytes would
 * help.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *at; /* borrowed */
	size_t have;	   /* bytes at hand, never more than left */
	size_t left;	   /* bytes declared */
};

static inline int cursor_need(const struct cursor *cursor, uint64_t size)
{
	if (size > cursor->left)
		return -EBADMSG;
	return size > cursor->have ? -ENODATA : 0;
}

/* Moves over size bytes, which cursor_need() allowed. */
static inline const uint8_t *cursor_pass(struct cursor *cursor, size_t size)
{
	const uint8_t *bytes = cursor->at;

	cursor->at += size;
	cursor->have -= size;
	cursor->left -= size;
	return bytes;
}

static inline int cursor_skip(struct cursor *cursor, uint64_t size)
{
	int r = cursor_need(cursor, size);

	if (r == 0)
		(void)cursor_pass(cursor, (size_t)size);
	return r;
}

/* A number of width bytes (1 to 4), in network order. */
static inline int cursor_number(struct cursor *cursor, unsigned width, uint32_t *ret)
{
	uint32_t value = 0;
	int r = cursor_need(cursor, width);

	if (r < 0)
		return r;
	for (const uint8_t *end = cursor_pass(cursor, width) + width, *at = end - width; at < end;)
		value = value << 8 | *at++;
	*ret = value;
	return 0;
}

/* A vector (RFC 8446, 3.4): its length in width bytes, then so many bytes, which *ret then covers.
 * It need not be at hand whole; what is declared beyond this cursor's end is -EBADMSG. */
static inline int cursor_vector(struct cursor *cursor, unsigned width, struct cursor *ret)
{
	struct cursor next = *cursor;
	uint32_t size;
	int r = cursor_number(&next, width, &size);

	if (r < 0)
		return r;
	if (size > next.left)
		return -EBADMSG;
	*ret = (struct cursor){ next.at, next.have < size ? next.have : size, size };
	(void)cursor_pass(&next, ret->have);
	next.left -= size - ret->have;
	*cursor = next;
	return 0;
}

/* A variable-length integer (RFC 9000, 16). */
static inline int cursor_varint(struct cursor *cursor, uint64_t *ret)
{
	int r = cursor_need(cursor, 1);
	uint64_t value;
	unsigned width;

	if (r < 0)
		return r;
	width = 1u << (*cursor->at >> 6);
	r = cursor_need(cursor, width);
	if (r < 0)
		return r;
	value = *cursor->at & 0x3f;
	for (unsigned i = 1; i < width; i++)
		value = value << 8 | cursor->at[i];
	(void)cursor_pass(cursor, width);
	*ret = value;
	return 0;
}
