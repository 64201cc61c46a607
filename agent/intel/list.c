/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/list.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/list_reader.h"

/* Lines between two calls of the sink's progress. */
#define PROGRESS_LINES 65536

static list_format *const formats[] = {
	list_rule_adblock, list_rule_dnsmasq, list_rule_unbound,
	list_zone_skipped, list_zone_record,  list_zone_hosts,
};

void list_reader_reject(struct list_reader *reader, enum list_reason reason, struct span text)
{
	struct list_rejection rejection = {
		.path = reader->path, .line = reader->line, .reason = reason, .text = text
	};

	reader->sink->reject(&rejection, reader->sink->data);
}

void list_reader_token(struct list_reader *reader, struct span token,
		       const struct list_attributes *attributes)
{
	struct list_entry entry = { .attributes = attributes,
				    .path = reader->path,
				    .line = reader->line };
	enum list_reason reason =
		list_token_read(token, attributes->force_suffix, &entry.indicator);

	if (reason)
		list_reader_reject(reader, reason, token);
	else if (reader->error == 0)
		reader->error = reader->sink->entry(&entry, reader->sink->data);
}

/* Length of a comment's mark at the start, 0 when it is none. */
static size_t comment_mark(struct span text)
{
	if (text.size > 0 && strchr("#;!", text.text[0]) && text.text[0] != '\0')
		return 1;
	return span_starts(text, "//") ? 2 : 0;
}

static void comment_line(struct list_reader *reader, struct span comment)
{
	struct span words = span_trim(span_from(comment, comment_mark(comment)));

	if (span_starts(words, "cordon:")) {
		words = span_from(words, strlen("cordon:"));
		if (list_attributes_file(&reader->attributes, words) < 0)
			list_reader_reject(reader, LIST_BAD_DIRECTIVE, comment);
		return;
	}
	/* Some CSV feeds hide their header in the comments before it. */
	if (reader->csv_columns == 0)
		(void)list_csv_header(reader, words);
}

/* Cuts off what stands behind the entry; false when the line is to be rejected for it. */
static bool comment_cut(struct list_reader *reader, struct span *line,
			struct list_attributes *attributes)
{
	for (size_t i = 1; i < line->size; i++) {
		struct span rest = span_from(*line, i);

		if (!span_blank(line->text[i - 1]) || comment_mark(rest) == 0)
			continue;
		if (list_attributes_entry(attributes, span_from(rest, comment_mark(rest))) < 0) {
			list_reader_reject(reader, LIST_BAD_DIRECTIVE, *line);
			return false;
		}
		line->size = i;
		break;
	}
	*line = span_trim(*line);
	return true;
}

static void line_read(struct list_reader *reader, struct span whole)
{
	struct span line = span_trim(whole);
	struct list_attributes attributes;

	if (line.size == 0)
		return;
	if (comment_mark(line) > 0) {
		comment_line(reader, line);
		return;
	}
	if (reader->csv_columns == 0 && list_csv_header(reader, line))
		return;
	attributes = reader->attributes;
	if (reader->csv_columns > 0 && span_has(line, ',')) {
		list_csv_row(reader, line, &attributes);
		return;
	}
	if (!comment_cut(reader, &line, &attributes))
		return;
	/* Zone files tell by leading blanks that a record has no name of its own. */
	if (span_blank(whole.text[0]))
		line = (struct span){ line.text - 1, line.size + 1 };
	for (size_t i = 0; i < ELEMENTS(formats); i++)
		if (formats[i](reader, line, &attributes))
			return;
	list_reader_token(reader, span_trim(line), &attributes);
}

/* A byte order mark, which Windows' editors leave: the one of UTF-8 is skipped. */
static int mark_skip(struct list_source *source)
{
	struct span ahead;
	int r = list_source_peek(source, &ahead);

	if (r < 0)
		return r;
	if (span_starts(ahead, "\xff\xfe") || span_starts(ahead, "\xfe\xff"))
		return -EILSEQ;
	if (span_starts(ahead, "\xef\xbb\xbf"))
		source->start += 3;
	return 0;
}

/* 1: went on, 0: at the end. */
static int reader_step(struct list_reader *reader)
{
	struct span ahead, line;
	int r = list_source_peek(&reader->source, &ahead);

	if (r < 0)
		return r;
	if (list_json_ahead(ahead)) {
		list_json_read(reader);
		return 1;
	}
	r = list_source_line(&reader->source, &line);
	reader->line = reader->source.line;
	if (r == LIST_SOURCE_LINE)
		line_read(reader, line);
	else if (r == LIST_SOURCE_LONG_LINE)
		list_reader_reject(reader, LIST_LINE_TOO_LONG, line);
	return r;
}

static void progress_tell(struct list_reader *reader, uint64_t *told)
{
	if (!reader->sink->progress || reader->source.line - *told < PROGRESS_LINES)
		return;
	*told = reader->source.line;
	reader->sink->progress(*told, reader->sink->data);
}

int list_read_fd(int fd, const char *path, const struct list_attributes *defaults,
		 const struct list_sink *sink, uint64_t *ret_lines)
{
	struct list_reader reader = { .path = path, .sink = sink, .attributes = *defaults };
	uint64_t told = 0;
	int r = list_source_open(&reader.source, fd);

	*ret_lines = 0;
	if (r < 0)
		return r;
	r = mark_skip(&reader.source);
	while (r >= 0 && (r = reader_step(&reader)) > 0) {
		if (reader.error < 0)
			r = reader.error;
		progress_tell(&reader, &told);
	}
	*ret_lines = reader.source.line;
	list_source_close(&reader.source);
	return r;
}
