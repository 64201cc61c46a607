/* SPDX-License-Identifier: Apache-2.0
 *
 * A YAML text as a tree of nodes that know their line and column. Configuration, policies and
 * policy tests are read through it (mapping.h turns its mappings into structs).
 *
 * Whoever wrote the text may be hostile: its size, depth and number of nodes are limited, and what
 * our files have no use for is refused: anchors and aliases (so nothing can grow when it is read),
 * tags, several documents in a file, keys that are not plain text or come twice, NUL bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Beyond these a file is refused: a list this long belongs into a feed, not into YAML. */
#define DOCUMENT_SIZE_MAX  (4u << 20)
#define DOCUMENT_NODES_MAX 200000u
#define DOCUMENT_DEPTH_MAX 16u
#define DOCUMENT_KEYS_MAX  256u /* of one mapping; keeps the search for duplicates short */

/* Errors in the order they were found, one a line, "FILE:LINE:COLUMN: text" (or "FILE: text" for a
 * file as a whole), safe to show, joined by newlines. Those that do not fit are only counted, and
 * the last line says so. Begin with all zero. */
#define DOCUMENT_ERROR_SIZE 4096
struct document_error {
	char text[DOCUMENT_ERROR_SIZE];
	size_t length;
	size_t count;
};

enum document_kind {
	DOCUMENT_SCALAR,
	DOCUMENT_SEQUENCE,
	DOCUMENT_MAPPING,
};

/* All of it belongs to the document. */
struct document_node {
	enum document_kind kind;
	bool nothing;	       /* a scalar that says nothing: empty, ~ or null, and not in quotes */
	unsigned line, column; /* from 1 */
	size_t length;
	const char *text;	     /* of a scalar; NUL-terminated, no NUL within */
	struct document_node *key;   /* of a mapping's value */
	struct document_node *first; /* of a sequence's items or a mapping's values */
	struct document_node *next;  /* in the same sequence or mapping */
	struct document_node *older; /* all nodes, for the document */
};

struct document;

/* name stands for the file in errors; borrowed, like error, as long as the document lives.
 * 0, -EINVAL with the error added to error, or -ENOMEM (that is added, too). */
int document_parse(const char *name, const char *text, size_t size, struct document_error *error,
		   struct document **ret);
/* Reads the file at path, which must outlive the document. -ENOENT and others as open(2), with an
 * error added all the same. */
int document_load(const char *path, struct document_error *error, struct document **ret);
void document_free(struct document *document);

/* The outermost node; NULL for a text with nothing in it. */
const struct document_node *document_root(const struct document *document);
const char *document_name(const struct document *document);

/* Adds an error at node (NULL: the file as a whole). Returns -EINVAL. */
int document_fail(struct document *document, const struct document_node *node, const char *format,
		  ...) __attribute__((format(printf, 3, 4)));
/* The same where there is no document. Returns -EINVAL. */
int document_error_add(struct document_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What a node is, for errors: "a list", "a mapping", "nothing", or its text in quotes, escaped and
 * cut. */
#define DOCUMENT_SHOWN_SIZE 80
const char *document_show(const struct document_node *node, char out[static DOCUMENT_SHOWN_SIZE]);
