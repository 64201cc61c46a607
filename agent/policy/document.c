/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the tree of one YAML text. Takes events from libyaml (nothing else of ours includes it) and
 * gives nodes to mapping.c and to whoever walks them. The text is an administrator's, or somebody's
 * who would like to be one.
 */
#include "policy/document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/fd.h"

#define MESSAGE_SIZE 1024 /* of one error; the longest names a path and all keys of a mapping */

struct document {
	const char *name;
	struct document_error *error;
	struct document_node *root;
	struct document_node *newest; /* chain of all nodes by their older */
	size_t nodes;
};

/* A sequence or mapping that is still open while the events come in. */
struct level {
	struct document_node *node;
	struct document_node *last; /* child */
	struct document_node *key;  /* waits for its value */
	size_t keys;
};

struct builder {
	struct document *document;
	struct level levels[DOCUMENT_DEPTH_MAX];
	size_t depth;
	bool finished; /* one document was read */
};

CLEANUP_DEFINE(struct document *, document_free)

static void error_append(struct document_error *error, const char *line)
{
	static const char more[] = "\nmore errors follow";
	size_t length = strlen(line), newline = error->length > 0;

	error->count++;
	/* Once an error did not fit, later ones stay out, too: length says that no room is left. */
	if (error->length + newline + length + sizeof(more) > sizeof(error->text)) {
		if (error->length < sizeof(error->text)) {
			memcpy(error->text + error->length, more, sizeof(more));
			error->length = sizeof(error->text);
		}
		return;
	}
	if (newline)
		error->text[error->length++] = '\n';
	memcpy(error->text + error->length, line, length + 1);
	error->length += length;
}

int document_error_add(struct document_error *error, const char *format, ...)
{
	char message[MESSAGE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	error_append(error, message);
	return -EINVAL;
}

static int fail_at(struct document *document, size_t line, size_t column, const char *format,
		   va_list arguments) __attribute__((format(printf, 4, 0)));
static int fail_at(struct document *document, size_t line, size_t column, const char *format,
		   va_list arguments)
{
	char message[MESSAGE_SIZE], name[256], place[64] = "";

	(void)vsnprintf(message, sizeof(message), format, arguments);
	(void)escape_text(document->name, strlen(document->name), name, sizeof(name));
	if (line > 0)
		(void)snprintf(place, sizeof(place), ":%zu:%zu", line, column);
	return document_error_add(document->error, "%s%s: %s", name, place, message);
}

int document_fail(struct document *document, const struct document_node *node, const char *format,
		  ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = fail_at(document, node ? node->line : 0, node ? node->column : 0, format, arguments);
	va_end(arguments);
	return r;
}

static int fail_mark(struct document *document, const yaml_mark_t *mark, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int fail_mark(struct document *document, const yaml_mark_t *mark, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = fail_at(document, mark->line + 1, mark->column + 1, format, arguments);
	va_end(arguments);
	return r;
}

static int node_new(struct document *document, enum document_kind kind, const yaml_event_t *event,
		    const char *text, size_t length, struct document_node **ret)
{
	struct document_node *node;
	char *copy;

	if (document->nodes >= DOCUMENT_NODES_MAX)
		return fail_mark(document, &event->start_mark,
				 "more than %u values in one file; long lists belong into a feed",
				 DOCUMENT_NODES_MAX);
	/* The text lies behind its node: one allocation for both. */
	node = calloc(1, sizeof(*node) + length + 1);
	if (!node) {
		(void)document_fail(document, NULL, "out of memory");
		return -ENOMEM;
	}
	copy = (char *)(node + 1);
	if (length > 0)
		memcpy(copy, text, length);
	node->kind = kind;
	node->line = (unsigned)event->start_mark.line + 1;
	node->column = (unsigned)event->start_mark.column + 1;
	node->text = copy;
	node->length = length;
	node->older = document->newest;
	document->newest = node;
	document->nodes++;
	*ret = node;
	return 0;
}

static int key_take(struct document *document, struct level *level, struct document_node *node)
{
	char shown[DOCUMENT_SHOWN_SIZE];

	if (node->kind != DOCUMENT_SCALAR)
		return document_fail(document, node, "a key must be text, found %s",
				     document_show(node, shown));
	if (++level->keys > DOCUMENT_KEYS_MAX)
		return document_fail(document, node, "more than %u keys in one mapping",
				     DOCUMENT_KEYS_MAX);
	for (const struct document_node *at = level->node->first; at; at = at->next)
		if (strcmp(at->key->text, node->text) == 0)
			return document_fail(document, node,
					     "key %s is given twice, first in line %u",
					     document_show(node, shown), at->key->line);
	level->key = node;
	return 0;
}

/* Puts a node where it belongs: below the innermost level that is open, or at the root. */
static int node_place(struct builder *builder, struct document_node *node)
{
	struct level *level;

	if (builder->depth == 0) {
		builder->document->root = node;
		return 0;
	}
	level = &builder->levels[builder->depth - 1];
	if (level->node->kind == DOCUMENT_MAPPING) {
		if (!level->key)
			return key_take(builder->document, level, node);
		node->key = take_ptr(level->key);
	}
	if (level->last)
		level->last->next = node;
	else
		level->node->first = node;
	level->last = node;
	return 0;
}

static int level_open(struct builder *builder, enum document_kind kind, const yaml_event_t *event)
{
	struct document_node *node = NULL;
	int r;

	if (builder->depth >= DOCUMENT_DEPTH_MAX)
		return fail_mark(builder->document, &event->start_mark,
				 "nested more than %u levels deep", DOCUMENT_DEPTH_MAX);
	r = node_new(builder->document, kind, event, NULL, 0, &node);
	if (r < 0)
		return r;
	r = node_place(builder, node);
	if (r < 0)
		return r;
	builder->levels[builder->depth++] = (struct level){ .node = node };
	return 0;
}

static int scalar_take(struct builder *builder, const yaml_event_t *event)
{
	static const char *const nothings[] = { "", "~", "null", "Null", "NULL" };
	const char *text = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;
	struct document_node *node = NULL;
	int r;

	if (memchr(text, '\0', length))
		return fail_mark(builder->document, &event->start_mark, "text with a NUL byte");
	r = node_new(builder->document, DOCUMENT_SCALAR, event, text, length, &node);
	if (r < 0)
		return r;
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		for (size_t i = 0; i < ELEMENTS(nothings); i++)
			node->nothing = node->nothing || strcmp(node->text, nothings[i]) == 0;
	return node_place(builder, node);
}

/* Anchors and tags, which libyaml holds in each kind of event apart. */
static int decoration_refuse(struct builder *builder, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor || event->type == YAML_ALIAS_EVENT)
		return fail_mark(builder->document, &event->start_mark,
				 "anchors and aliases (&name, *name) are not taken; text that "
				 "begins with * or & must stand in quotes");
	if (tag)
		return fail_mark(
			builder->document, &event->start_mark,
			"tags (!name) are not taken; text that begins with ! must stand in "
			"quotes");
	return 0;
}

static int event_take(struct builder *builder, const yaml_event_t *event)
{
	int r = decoration_refuse(builder, event);

	if (r < 0)
		return r;
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (builder->finished)
			return fail_mark(builder->document, &event->start_mark,
					 "a second document (---) in one file");
		return 0;
	case YAML_DOCUMENT_END_EVENT:
		builder->finished = true;
		return 0;
	case YAML_SCALAR_EVENT:
		return scalar_take(builder, event);
	case YAML_SEQUENCE_START_EVENT:
		return level_open(builder, DOCUMENT_SEQUENCE, event);
	case YAML_MAPPING_START_EVENT:
		return level_open(builder, DOCUMENT_MAPPING, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		builder->depth--;
		return 0;
	default:
		return 0;
	}
}

static int parser_fail(struct document *document, const yaml_parser_t *parser)
{
	/* libyaml's texts are its own, but one of them may quote the input. */
	const char *problem = parser->problem ? parser->problem : "not YAML";
	const char *context = parser->context ? parser->context : "";
	char shown[256], around[256];

	if (parser->error == YAML_MEMORY_ERROR) {
		(void)document_fail(document, NULL, "out of memory");
		return -ENOMEM;
	}
	(void)escape_text(problem, strlen(problem), shown, sizeof(shown));
	(void)escape_text(context, strlen(context), around, sizeof(around));
	if (parser->error == YAML_READER_ERROR)
		return document_fail(document, NULL, "byte %zu: %s", parser->problem_offset, shown);
	return fail_mark(document, &parser->problem_mark, "%s%s%s", shown, *around ? " " : "",
			 around);
}

static int events_take(struct builder *builder, yaml_parser_t *parser)
{
	for (;;) {
		yaml_event_t event;
		bool last;
		int r;

		if (!yaml_parser_parse(parser, &event))
			return parser_fail(builder->document, parser);
		last = event.type == YAML_STREAM_END_EVENT;
		r = event_take(builder, &event);
		yaml_event_delete(&event);
		if (r < 0 || last)
			return r;
	}
}

int document_parse(const char *name, const char *text, size_t size, struct document_error *error,
		   struct document **ret)
{
	CLEANUP(document_free_cleanup) struct document *document = calloc(1, sizeof(*document));
	struct builder builder = { .document = document };
	yaml_parser_t parser;
	int r;

	if (!document || !yaml_parser_initialize(&parser)) {
		(void)document_error_add(error, "out of memory");
		return -ENOMEM;
	}
	document->name = name;
	document->error = error;
	/* Said, so that a byte order mark cannot make it UTF-16. */
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	if (size > DOCUMENT_SIZE_MAX)
		r = document_fail(document, NULL, "larger than %u bytes", DOCUMENT_SIZE_MAX);
	else
		r = events_take(&builder, &parser);
	yaml_parser_delete(&parser);
	if (r < 0)
		return r;
	*ret = take_ptr(document);
	return 0;
}

int document_load(const char *path, struct document_error *error, struct document **ret)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char shown[256];
	size_t size;
	int r;

	r = fd_read_file(path, DOCUMENT_SIZE_MAX, &text, &size);
	if (r < 0) {
		(void)escape_text(path, strlen(path), shown, sizeof(shown));
		(void)document_error_add(error, "%s: cannot be read: %s", shown, strerror(-r));
		return r;
	}
	return document_parse(path, text, size, error, ret);
}

void document_free(struct document *document)
{
	if (!document)
		return;
	for (struct document_node *node = document->newest, *older; node; node = older) {
		older = node->older;
		free(node);
	}
	free(document);
}

const struct document_node *document_root(const struct document *document)
{
	return document->root;
}

const char *document_name(const struct document *document)
{
	return document->name;
}

const char *document_show(const struct document_node *node, char out[static DOCUMENT_SHOWN_SIZE])
{
	size_t length;

	if (node->kind == DOCUMENT_SEQUENCE)
		return "a list";
	if (node->kind == DOCUMENT_MAPPING)
		return "a mapping";
	if (node->nothing)
		return "nothing";
	out[0] = '"';
	length = escape_text(node->text, node->length, out + 1, DOCUMENT_SHOWN_SIZE - 2);
	memcpy(out + 1 + length, "\"", 2);
	return out;
}
