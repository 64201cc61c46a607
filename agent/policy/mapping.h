/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML mappings read by table: a row names a key, how its value is read, and where it goes. Keys
 * that no row names, and values of another form than a row wants, are errors at their place. All
 * errors of a mapping are found, not only its first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/document.h"

struct mapping_key;

/* Reads a value into field; on failure adds an error, returns a negative errno and leaves field as
 * it was. */
typedef int mapping_reader(struct document *document, const struct document_node *value,
			   const struct mapping_key *key, void *field);

struct mapping_key {
	const char *name;
	mapping_reader *read;
	size_t offset;	    /* of the field in the struct that the table fills */
	const void *detail; /* what its reader asks for: see below */
	bool required;
	const char *schema; /* JSON Schema of its values, where its reader is not one of these */
};

struct mapping_table {
	const char *what; /* for errors: "a rule" */
	const struct mapping_key *keys;
	size_t count;
};

/* Bounds of a number, both within. */
struct mapping_range {
	uint64_t min, max;
};

/* Words and the values that they stand for. */
struct mapping_word {
	const char *word;
	int value;
};
struct mapping_words {
	const struct mapping_word *words;
	size_t count;
};

/* Fills target from node, which is a mapping or says nothing. 0 or the first error. */
int mapping_read(struct document *document, const struct document_node *node,
		 const struct mapping_table *table, void *target);

/* Frees the texts in target that the table's own readers put there. */
void mapping_clear(const struct mapping_table *table, void *target);

/* Readers. Each names its field's type and its detail. */
mapping_reader mapping_section;	 /* a struct within; const struct mapping_table * */
mapping_reader mapping_boolean;	 /* bool */
mapping_reader mapping_text;	 /* char *, owned: what stood there before is freed */
mapping_reader mapping_path;	 /* the same, made relative to the document's folder */
mapping_reader mapping_number;	 /* uint64_t; const struct mapping_range * */
mapping_reader mapping_size;	 /* uint64_t, "64K"; const struct mapping_range * */
mapping_reader mapping_choice;	 /* int or an enum; const struct mapping_words * */
mapping_reader mapping_date;	 /* uint64_t, ns since the epoch: a day or an instant in UTC */
mapping_reader mapping_severity; /* enum severity */
mapping_reader mapping_label;	 /* char *, owned: a name that is safe to show, LABEL_MAX bytes */

/* Of names and reasons: they stand in findings, tables and log lines. */
#define MAPPING_LABEL_MAX 200

/* Calls read for each item of a list, or once for a value that is no list. An empty list, or lists
 * and mappings within, are errors. */
int mapping_each(struct document *document, const struct document_node *value, mapping_reader *read,
		 const struct mapping_key *key, void *field);

/* The text of one scalar, or NULL when it is something else, which was told: "expected WHAT". */
const char *mapping_scalar(struct document *document, const struct document_node *value,
			   const char *what);

/* "expected WHAT, found VALUE" at value. Returns -EINVAL. */
int mapping_expected(struct document *document, const struct document_node *value,
		     const char *what);
