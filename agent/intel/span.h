/* SPDX-License-Identifier: Apache-2.0
 *
 * A run of bytes of a list's line: borrowed, not NUL-terminated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct span {
	const char *text;
	size_t size;
};

static inline bool span_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static inline struct span span_from(struct span span, size_t start)
{
	return (struct span){ span.text + start, span.size - start };
}

static inline struct span span_trim(struct span span)
{
	while (span.size > 0 && span_blank(span.text[0]))
		span = span_from(span, 1);
	while (span.size > 0 && span_blank(span.text[span.size - 1]))
		span.size--;
	return span;
}

static inline bool span_starts(struct span span, const char *with)
{
	size_t length = strlen(with);

	return span.size >= length && memcmp(span.text, with, length) == 0;
}

static inline bool span_ends(struct span span, const char *with)
{
	size_t length = strlen(with);

	return span.size >= length && memcmp(span.text + span.size - length, with, length) == 0;
}

/* Letters compare without case. */
static inline bool span_is(struct span span, const char *text)
{
	return span.size == strlen(text) &&
	       (span.size == 0 || strncasecmp(span.text, text, span.size) == 0);
}

/* Where c first stands, or span.size. */
static inline size_t span_find(struct span span, char c)
{
	const char *at = span.size > 0 ? memchr(span.text, c, span.size) : NULL;

	return at ? (size_t)(at - span.text) : span.size;
}

static inline bool span_has(struct span span, char c)
{
	return span_find(span, c) < span.size;
}

/* Cuts the part before the separator off *rest; the separator goes, too. false at the end. */
static inline bool span_cut(struct span *rest, char separator, struct span *ret_part)
{
	size_t end;

	if (!rest->text)
		return false;
	end = span_find(*rest, separator);
	*ret_part = (struct span){ rest->text, end };
	*rest = end < rest->size ? span_from(*rest, end + 1) : (struct span){ 0 };
	return true;
}

/* The next run of characters that are not blanks; false when there is none. */
static inline bool span_word(struct span *rest, struct span *ret_word)
{
	size_t end = 0;

	*rest = span_trim(*rest);
	if (rest->size == 0)
		return false;
	while (end < rest->size && !span_blank(rest->text[end]))
		end++;
	*ret_word = (struct span){ rest->text, end };
	*rest = span_from(*rest, end);
	return true;
}

/* As a string; false when it does not fit. */
static inline bool span_copy(struct span span, char *out, size_t out_size)
{
	if (span.size >= out_size)
		return false;
	if (span.size > 0)
		memcpy(out, span.text, span.size);
	out[span.size] = '\0';
	return true;
}
