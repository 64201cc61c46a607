/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/writer.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"

#define INDENT "  "
#define GAP    2 /* blanks between columns */

struct cell {
	char *text;   /* escaped */
	size_t width; /* characters */
	enum writer_style style;
};

struct writer {
	FILE *file;
	bool json, colour;
	bool begun; /* something stands above: sections are set off by an empty line */
	int error;  /* the first */
	json_t *root;
	json_t *open; /* the section's object or the table's array, borrowed from root */
	const char *title;
	const struct writer_column *columns;
	size_t count; /* of columns */
	struct cell *cells;
	size_t used, room;
};

/* A section is a table of labels and values. */
static const struct writer_column section_columns[] = { { .key = "label" }, { .key = "value" } };

static const char *const style_starts[WRITER_STYLES] = {
	[WRITER_PLAIN] = "",	     [WRITER_GOOD] = "\033[32m", [WRITER_WARN] = "\033[33m",
	[WRITER_BAD] = "\033[1;31m", [WRITER_FAINT] = "\033[2m",
};

bool writer_colour(FILE *file)
{
	const char *terminal = getenv("TERM"), *refused = getenv("NO_COLOR");

	return isatty(fileno(file)) && (!refused || !refused[0]) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

const char *writer_style_start(enum writer_style style, bool colour)
{
	return colour ? style_starts[style] : "";
}

const char *writer_style_end(enum writer_style style, bool colour)
{
	return colour && style != WRITER_PLAIN ? "\033[0m" : "";
}

struct writer *writer_new(FILE *file, bool json)
{
	struct writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->file = file;
	writer->json = json;
	writer->colour = writer_colour(file);
	writer->root = json_object();
	if (!writer->root)
		writer->error = -ENOMEM;
	return writer;
}

static void cells_clear(struct writer *writer)
{
	for (size_t i = 0; i < writer->used; i++)
		free(writer->cells[i].text);
	writer->used = 0;
}

static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* Takes the text. */
static void cell_add(struct writer *writer, enum writer_style style, char *text)
{
	if (writer->used == writer->room) {
		size_t room = writer->room ? writer->room * 2 : 64;
		struct cell *cells = reallocarray(writer->cells, room, sizeof(*cells));

		if (!cells) {
			writer->error = -ENOMEM;
			free(text);
			return;
		}
		writer->cells = cells;
		writer->room = room;
	}
	writer->cells[writer->used++] = (struct cell){ text, text_width(text), style };
}

/* Formatted and escaped, the caller's to free; NULL after an error. */
__attribute__((format(printf, 2, 0))) static char *text_make(struct writer *writer,
							     const char *format, va_list arguments)
{
	CLEANUP(free_cleanup) char *raw = NULL;
	char *text;

	if (writer->error < 0)
		return NULL;
	if (vasprintf(&raw, format, arguments) < 0)
		raw = NULL;
	text = raw ? escape_text_dup(raw, strlen(raw)) : NULL;
	if (!text)
		writer->error = -ENOMEM;
	return text;
}

static void part_open(struct writer *writer, const char *key, const char *title, json_t *value)
{
	writer->title = title;
	writer->open = value;
	/* json_object_set_new() takes the reference even when it fails. */
	if (json_object_set_new(writer->root, key, value) < 0 && writer->error == 0)
		writer->error = -ENOMEM;
}

void writer_section(struct writer *writer, const char *key, const char *title)
{
	writer->columns = section_columns;
	writer->count = ELEMENTS(section_columns);
	part_open(writer, key, title, json_object());
}

void writer_table(struct writer *writer, const char *key, const char *title,
		  const struct writer_column *columns, size_t count)
{
	writer->columns = columns;
	writer->count = count;
	part_open(writer, key, title, json_array());
}

void writer_value(struct writer *writer, const char *key, const char *label,
		  enum writer_style style, const char *format, ...)
{
	va_list arguments;
	char *text, *name;

	va_start(arguments, format);
	text = text_make(writer, format, arguments);
	va_end(arguments);
	name = text ? strdup(label) : NULL;
	if (!name) {
		writer->error = -ENOMEM;
		free(text);
		return;
	}
	if (writer->json && json_object_set_new(writer->open, key, json_string(text)) < 0)
		writer->error = -ENOMEM;
	cell_add(writer, WRITER_PLAIN, name);
	cell_add(writer, style, text);
}

void writer_cell(struct writer *writer, enum writer_style style, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = text_make(writer, format, arguments);
	va_end(arguments);
	if (text)
		cell_add(writer, style, text);
}

static void rows_to_json(struct writer *writer)
{
	for (size_t i = 0; i < writer->used; i++) {
		size_t column = i % writer->count;
		json_t *row;

		if (column == 0)
			(void)json_array_append_new(writer->open, json_object());
		row = json_array_get(writer->open, json_array_size(writer->open) - 1);
		if (json_object_set_new(row, writer->columns[column].key,
					json_string(writer->cells[i].text)) < 0)
			writer->error = -ENOMEM;
	}
}

static size_t column_width(const struct writer *writer, size_t column)
{
	const char *title = writer->columns[column].title;
	size_t width = title ? text_width(title) : 0;

	for (size_t i = column; i < writer->used; i += writer->count)
		if (writer->cells[i].width > width)
			width = writer->cells[i].width;
	return width;
}

/* Columns that stand side by side. */
static size_t columns_abreast(const struct writer *writer)
{
	size_t count = writer->count;

	while (count > 0 && writer->columns[count - 1].below)
		count--;
	return count;
}

static void cell_print(const struct writer *writer, size_t column, size_t width,
		       enum writer_style style, const char *text)
{
	bool right = writer->columns[column].right, last = column + 1 == columns_abreast(writer);
	int blanks = (int)(width - text_width(text));

	(void)fprintf(writer->file, "%s%*s%s%s%s%*s", column == 0 ? INDENT : "", right ? blanks : 0,
		      "", writer_style_start(style, writer->colour), text,
		      writer_style_end(style, writer->colour),
		      last ? 0 : (right ? 0 : blanks) + GAP, "");
	if (last)
		(void)fputc('\n', writer->file);
}

static void cell_print_below(const struct writer *writer, const struct cell *cell)
{
	if (cell->width > 0)
		(void)fprintf(writer->file, INDENT INDENT "-> %s%s%s\n",
			      writer_style_start(cell->style, writer->colour), cell->text,
			      writer_style_end(cell->style, writer->colour));
}

static void rows_print(struct writer *writer)
{
	CLEANUP(free_cleanup) size_t *widths = calloc(writer->count, sizeof(*widths));
	size_t abreast = columns_abreast(writer);

	if (!widths) {
		writer->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < writer->count; i++)
		widths[i] = column_width(writer, i);
	(void)fprintf(writer->file, "%s%s\n", writer->begun ? "\n" : "", writer->title);
	writer->begun = true;
	for (size_t i = 0; i < abreast && writer->columns[0].title; i++)
		cell_print(writer, i, widths[i], WRITER_FAINT, writer->columns[i].title);
	for (size_t i = 0; i < writer->used; i++) {
		const struct cell *cell = &writer->cells[i];
		size_t column = i % writer->count;

		if (column < abreast)
			cell_print(writer, column, widths[column], cell->style, cell->text);
		else
			cell_print_below(writer, cell);
	}
}

void writer_end(struct writer *writer)
{
	if (writer->error < 0)
		return;
	if (!writer->json)
		rows_print(writer);
	else if (json_is_array(writer->open))
		rows_to_json(writer);
	cells_clear(writer);
}

int writer_finish(struct writer *writer)
{
	int r = writer->error;

	if (writer->json && r >= 0) {
		if (json_dumpf(writer->root, writer->file, JSON_COMPACT) < 0)
			r = -EIO;
		(void)fputc('\n', writer->file);
	}
	if (fflush(writer->file) == EOF || ferror(writer->file))
		r = r < 0 ? r : -EIO;
	cells_clear(writer);
	free(writer->cells);
	json_decref(writer->root);
	free(writer);
	return r;
}
