/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command prints, as text for people or as one JSON object for programs, from the same
 * calls. Text is aligned; colour only on a terminal (and not with NO_COLOR or TERM=dumb). All that
 * is printed is escaped: names, paths and messages in it may be somebody else's.
 *
 *	writer_section(writer, "pack", "Indicators");       "pack": {
 *	writer_value(writer, "age", "age", PLAIN, "3 h");     "age": "3 h"
 *	writer_end(writer);                                 }
 *
 * A table is an array of objects, its columns' keys theirs. When memory is short nothing more is
 * written, and writer_finish() says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct writer;

enum writer_style {
	WRITER_PLAIN,
	WRITER_GOOD,
	WRITER_WARN,
	WRITER_BAD,
	WRITER_FAINT,
	WRITER_STYLES,
};

struct writer_column {
	const char *key, *title; /* title NULL: a table without a line of titles */
	bool right;		 /* aligned to the right: numbers */
	bool below;		 /* long: on a line of its own below the row, unless it is empty */
};

/* file is borrowed. NULL when memory is short. */
struct writer *writer_new(FILE *file, bool json);
/* Prints what is left, frees; 0 or the first error. */
int writer_finish(struct writer *writer);

/* Whether colour is wanted on file: for lines that a command prints by itself. */
bool writer_colour(FILE *file);
/* The escape sequence that starts a style; "" when colour is false. */
const char *writer_style_start(enum writer_style style, bool colour);
const char *writer_style_end(enum writer_style style, bool colour);

/* Sections and tables do not nest. */
void writer_section(struct writer *writer, const char *key, const char *title);
void writer_value(struct writer *writer, const char *key, const char *label,
		  enum writer_style style, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* columns are borrowed until writer_end(); those that are below come last. Cells fill the rows from
 * the left. */
void writer_table(struct writer *writer, const char *key, const char *title,
		  const struct writer_column *columns, size_t count);
void writer_cell(struct writer *writer, enum writer_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Ends the section or table. */
void writer_end(struct writer *writer);
