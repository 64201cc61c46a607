/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/list.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/list_reader.h"

/* Lines between two calls of the sink's progress. */
#define PROGRESS_LINES 65536

#define FORMAT(name) (1u << LIST_FORMAT_##name)
/* JSON shows by itself what it is. */
#define JSON_FORMATS                                                                               \
	(FORMAT(JSON) | FORMAT(STIX) | FORMAT(MISP) | FORMAT(WARNINGLIST) | FORMAT(DROP))
/* One indicator a line. */
#define TOKEN_FORMATS                                                                              \
	(FORMAT(PLAIN) | FORMAT(ADBLOCK) | FORMAT(DROP) | FORMAT(IPSET) | FORMAT(DATASET))

struct line_format {
	list_line *read;
	unsigned formats; /* that such a line may belong to */
};

static const struct line_format line_formats[] = {
	{ list_rule_adblock, FORMAT(ADBLOCK) },
	{ list_rule_dnsmasq, FORMAT(DNSMASQ) },
	{ list_rule_unbound, FORMAT(UNBOUND) },
	{ list_set_ipset, FORMAT(IPSET) },
	{ list_set_hash, FORMAT(HASHES) | FORMAT(DATASET) | FORMAT(PLAIN) },
	{ list_set_base64, FORMAT(DATASET) },
	{ list_zone_skipped, FORMAT(RPZ) },
	{ list_zone_record, FORMAT(RPZ) },
	{ list_zone_hosts, FORMAT(HOSTS) },
};

static const char *const format_names[LIST_FORMATS] = {
	"auto", "plain", "hosts",   "dnsmasq", "unbound", "rpz",  "adblock", "csv",
	"drop", "ipset", "dataset", "hashes",  "json",	  "stix", "misp",    "warninglist",
};

const char *list_format_name(enum list_format format)
{
	return format_names[format];
}

int list_format_find(const char *name, enum list_format *ret)
{
	for (unsigned i = 0; i < LIST_FORMATS; i++) {
		if (strcmp(name, format_names[i]) != 0)
			continue;
		*ret = (enum list_format)i;
		return 0;
	}
	/* The separator shows. */
	if (strcmp(name, "tsv") != 0)
		return -ENOENT;
	*ret = LIST_FORMAT_CSV;
	return 0;
}

void list_reader_reject(struct list_reader *reader, enum list_reason reason, struct span text)
{
	struct list_rejection rejection = {
		.path = reader->path, .line = reader->line, .reason = reason, .text = text
	};

	reader->told++;
	reader->sink->reject(&rejection, reader->sink->data);
}

void list_reader_skip(struct list_reader *reader, enum list_skip skip)
{
	reader->told++;
	if (reader->sink->skip)
		reader->sink->skip(skip, reader->sink->data);
}

static void indicator_take(struct list_reader *reader, struct span token, enum list_reason reason,
			   const struct list_entry *entry)
{
	if (reason) {
		list_reader_reject(reader, reason, token);
		return;
	}
	reader->told++;
	if (reader->error == 0)
		reader->error = reader->sink->entry(entry, reader->sink->data);
}

void list_reader_typed(struct list_reader *reader, struct span token, unsigned kinds,
		       const struct list_attributes *attributes)
{
	struct list_entry entry = { .attributes = attributes,
				    .path = reader->path,
				    .line = reader->line };
	enum list_reason reason =
		list_token_read(token, attributes->force_suffix, &entry.indicator);

	if (reason == LIST_TAKEN && !(kinds & LIST_KIND(entry.indicator.kind)))
		reason = LIST_OTHER_TYPE;
	indicator_take(reader, token, reason, &entry);
}

void list_reader_url(struct list_reader *reader, struct span url,
		     const struct list_attributes *attributes)
{
	if (list_token_url_narrow(url))
		list_reader_reject(reader, LIST_URL_PATH, url);
	else
		list_reader_typed(reader, url,
				  LIST_KIND(INDICATOR_DOMAIN) | LIST_KIND(INDICATOR_ADDRESS),
				  attributes);
}

void list_reader_token(struct list_reader *reader, struct span token,
		       const struct list_attributes *attributes)
{
	list_reader_typed(reader, token, UINT_MAX, attributes);
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
	list_reader_skip(reader, LIST_SKIP_COMMENT);
	/* Some CSV feeds hide their header in the comments before it. */
	if (reader->csv_columns == 0 && reader->format & FORMAT(CSV))
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

/* A line that is neither blank nor a comment. */
static void line_dispatch(struct list_reader *reader, struct span whole, struct span line,
			  const struct list_attributes *attributes)
{
	/* Zone files tell by leading blanks that a record has no name of its own. */
	if (span_blank(whole.text[0]))
		line = (struct span){ line.text - 1, line.size + 1 };
	for (size_t i = 0; i < ELEMENTS(line_formats); i++)
		if (line_formats[i].formats & reader->format &&
		    line_formats[i].read(reader, line, attributes))
			return;
	if (reader->format & TOKEN_FORMATS)
		list_reader_token(reader, span_trim(line), attributes);
	else
		list_reader_reject(reader, LIST_OTHER_FORMAT, line);
}

static void line_read(struct list_reader *reader, struct span whole)
{
	struct span line = span_trim(whole);
	struct list_attributes attributes;

	if (line.size == 0) {
		list_reader_skip(reader, LIST_SKIP_BLANK);
		return;
	}
	if (comment_mark(line) > 0) {
		comment_line(reader, line);
		return;
	}
	if (reader->csv_columns == 0 && reader->format & FORMAT(CSV) &&
	    list_csv_header(reader, line))
		return;
	attributes = reader->attributes;
	if (reader->csv_columns > 0 && span_has(line, reader->csv_separator)) {
		/* An empty first column is a tab. */
		list_csv_row(reader, reader->csv_separator == '\t' ? whole : line, &attributes);
		return;
	}
	if (comment_cut(reader, &line, &attributes))
		line_dispatch(reader, whole, line, &attributes);
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

static int line_step(struct list_reader *reader)
{
	uint64_t told = reader->told;
	struct span line;
	int r = list_source_line(&reader->source, &line);

	if (r <= 0)
		return r;
	reader->line = reader->source.line;
	if (r == LIST_SOURCE_LINE)
		line_read(reader, line);
	else
		list_reader_reject(reader, LIST_LINE_TOO_LONG, line);
	/* What a format took without a word is of its syntax. */
	if (reader->told == told)
		list_reader_skip(reader, LIST_SKIP_SYNTAX);
	return 1;
}

/* 1: went on, 0: at the end. */
static int reader_step(struct list_reader *reader)
{
	struct span ahead;
	int r = list_source_peek(&reader->source, &ahead);

	if (r < 0)
		return r;
	if (!(reader->format & JSON_FORMATS) || !list_json_ahead(ahead))
		return line_step(reader);
	list_json_read(reader);
	return 1;
}

static void progress_tell(struct list_reader *reader, uint64_t *told)
{
	if (!reader->sink->progress || reader->source.line - *told < PROGRESS_LINES)
		return;
	*told = reader->source.line;
	reader->sink->progress(*told, reader->sink->data);
}

int list_read_fd(int fd, const char *path, enum list_format format,
		 const struct list_attributes *defaults, const struct list_sink *sink,
		 struct list_counts *ret)
{
	struct list_reader reader = { .path = path, .sink = sink, .attributes = *defaults };
	uint64_t told = 0;
	int r = list_source_open(&reader.source, fd);

	*ret = (struct list_counts){ 0 };
	if (r < 0)
		return r;
	reader.format = format == LIST_FORMAT_AUTO ? UINT_MAX : 1u << format;
	r = mark_skip(&reader.source);
	while (r >= 0 && (r = reader_step(&reader)) > 0) {
		if (reader.error < 0)
			r = reader.error;
		progress_tell(&reader, &told);
	}
	ret->lines = reader.source.line;
	/* A document may have fewer items than lines. */
	ret->items = reader.told;
	list_source_close(&reader.source);
	return r;
}
