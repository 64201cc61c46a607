/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/list_source.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "intel/list_inflate.h"

#define BUFFER_SIZE ((size_t)LIST_LINE_MAX * 4)

int list_source_open(struct list_source *source, int fd)
{
	*source = (struct list_source){ .fd = fd };
	source->buffer = malloc(BUFFER_SIZE);
	return source->buffer ? 0 : -ENOMEM;
}

void list_source_close(struct list_source *source)
{
	free(source->buffer);
	source->buffer = NULL;
	list_inflate_free(source->inflate);
	source->inflate = NULL;
}

static ssize_t source_read(struct list_source *source, char *out, size_t size)
{
	ssize_t n;

	if (source->inflate)
		return list_inflate_read(source->inflate, out, size);
	do
		n = read(source->fd, out, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* The first bytes, by which gzip is seen. */
static int source_begin(struct list_source *source)
{
	size_t size = 0;
	ssize_t n = 1;

	source->begun = true;
	while (size < 2 && n > 0) {
		n = source_read(source, source->buffer + size, LIST_INFLATE_HEAD - size);
		if (n < 0)
			return (int)n;
		size += (size_t)n;
	}
	if (list_inflate_begins(source->buffer, size))
		return list_inflate_new(source->fd, source->buffer, size, &source->inflate);
	source->end = size;
	source->bytes = size;
	return 0;
}

static int source_more(struct list_source *source)
{
	ssize_t n;

	memmove(source->buffer, source->buffer + source->start, source->end - source->start);
	source->end -= source->start;
	source->start = 0;
	while (source->end < BUFFER_SIZE && !source->at_end) {
		n = source_read(source, source->buffer + source->end, BUFFER_SIZE - source->end);
		if (n < 0)
			return (int)n;
		source->at_end = n == 0;
		source->end += (size_t)n;
		source->bytes += (uint64_t)n;
		if (source->bytes > LIST_BYTES_MAX)
			return -EFBIG;
	}
	return 0;
}

/* Makes sure of LIST_LINE_MAX + 2 bytes (a line's end has to fit, too), or all that are left. */
static int source_fill(struct list_source *source)
{
	if (source->error == 0 && !source->begun)
		source->error = source_begin(source);
	if (source->error == 0 && !source->at_end &&
	    source->end - source->start < LIST_LINE_MAX + 2)
		source->error = source_more(source);
	return source->error;
}

/* The rest of a line that is too long for the buffer. */
static int source_skip_line(struct list_source *source)
{
	for (;;) {
		size_t left = source->end - source->start;
		const char *end;
		int r;

		end = left > 0 ? memchr(source->buffer + source->start, '\n', left) : NULL;
		if (end) {
			source->start = (size_t)(end - source->buffer) + 1;
			return 0;
		}
		source->start = source->end;
		if (source->at_end)
			return 0;
		r = source_fill(source);
		if (r < 0)
			return r;
	}
}

static struct span line_trim_end(struct span line)
{
	if (line.size > 0 && line.text[line.size - 1] == '\r')
		line.size--;
	return line;
}

int list_source_line(struct list_source *source, struct span *ret_line)
{
	struct span ahead;
	size_t length;
	int r = list_source_peek(source, &ahead);

	if (r < 0)
		return r;
	if (ahead.size == 0)
		return LIST_SOURCE_END;
	source->line++;
	length = span_find(ahead, '\n');
	*ret_line = line_trim_end((struct span){ ahead.text, length });
	if (ret_line->size <= LIST_LINE_MAX) {
		source->start += length < ahead.size ? length + 1 : length;
		return LIST_SOURCE_LINE;
	}
	/* What is shown of it has to outlive the skipping. */
	memcpy(source->sample, ret_line->text, LIST_SAMPLE_SIZE);
	*ret_line = (struct span){ source->sample, LIST_SAMPLE_SIZE };
	r = source_skip_line(source);
	return r < 0 ? r : LIST_SOURCE_LONG_LINE;
}

int list_source_peek(struct list_source *source, struct span *ret_ahead)
{
	int r = source_fill(source);

	if (r < 0)
		return r;
	*ret_ahead = (struct span){ source->buffer + source->start, source->end - source->start };
	return 0;
}

int list_source_byte(struct list_source *source)
{
	char c;

	if (source->start == source->end &&
	    (source_fill(source) < 0 || source->start == source->end))
		return -1;
	c = source->buffer[source->start++];
	if (c == '\n')
		source->line++;
	return (unsigned char)c;
}
