/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of YAML mappings into structs by table. Takes nodes from document.c and gives
 * fields to the policy, its tests and the configuration, which own the tables. The text is whoever
 * wrote the file's.
 */
#include "policy/mapping.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/parse.h"
#include "detect/finding.h"

#define LIST_SIZE 512 /* of the known keys or words, as an error lists them */

int mapping_expected(struct document *document, const struct document_node *value, const char *what)
{
	char shown[DOCUMENT_SHOWN_SIZE];

	return document_fail(document, value, "expected %s, found %s", what,
			     document_show(value, shown));
}

const char *mapping_scalar(struct document *document, const struct document_node *value,
			   const char *what)
{
	if (value->kind == DOCUMENT_SCALAR && !value->nothing)
		return value->text;
	(void)mapping_expected(document, value, what);
	return NULL;
}

static void list_add(char list[static LIST_SIZE], const char *word)
{
	size_t used = strlen(list);

	(void)snprintf(list + used, LIST_SIZE - used, "%s%s", used ? ", " : "", word);
}

static int key_unknown(struct document *document, const struct document_node *key,
		       const struct mapping_table *table)
{
	char list[LIST_SIZE] = "", shown[DOCUMENT_SHOWN_SIZE];
	const char *names[DOCUMENT_KEYS_MAX];
	const char *nearest;

	for (size_t i = 0; i < table->count; i++) {
		names[i] = table->keys[i].name;
		list_add(list, names[i]);
	}
	nearest = parse_nearest(key->text, names, table->count);
	if (nearest)
		return document_fail(document, key, "unknown key %s in %s; did you mean \"%s\"?",
				     document_show(key, shown), table->what, nearest);
	return document_fail(document, key, "unknown key %s in %s; known: %s",
			     document_show(key, shown), table->what, list);
}

static const struct mapping_key *key_find(const struct mapping_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->keys[i].name, name) == 0)
			return &table->keys[i];
	return NULL;
}

static const struct document_node *value_find(const struct document_node *node, const char *name)
{
	for (const struct document_node *value = node->first; value; value = value->next)
		if (strcmp(value->key->text, name) == 0)
			return value;
	return NULL;
}

int mapping_read(struct document *document, const struct document_node *node,
		 const struct mapping_table *table, void *target)
{
	int result = 0;

	if (node->kind != DOCUMENT_MAPPING && !node->nothing)
		return mapping_expected(document, node, table->what);
	for (const struct document_node *value = node->first; value; value = value->next) {
		const struct mapping_key *key = key_find(table, value->key->text);
		int r;

		if (key)
			r = key->read(document, value, key, (char *)target + key->offset);
		else
			r = key_unknown(document, value->key, table);
		if (r < 0 && result == 0)
			result = r;
	}
	for (size_t i = 0; i < table->count; i++) {
		if (!table->keys[i].required || value_find(node, table->keys[i].name))
			continue;
		(void)document_fail(document, node, "%s without \"%s\"", table->what,
				    table->keys[i].name);
		result = result < 0 ? result : -EINVAL;
	}
	return result;
}

int mapping_each(struct document *document, const struct document_node *value, mapping_reader *read,
		 const struct mapping_key *key, void *field)
{
	int result = 0;

	if (value->kind != DOCUMENT_SEQUENCE)
		return read(document, value, key, field);
	if (!value->first)
		return document_fail(document, value, "an empty list");
	for (const struct document_node *item = value->first; item; item = item->next) {
		int r = read(document, item, key, field);

		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

int mapping_section(struct document *document, const struct document_node *value,
		    const struct mapping_key *key, void *field)
{
	return mapping_read(document, value, key->detail, field);
}

int mapping_boolean(struct document *document, const struct document_node *value,
		    const struct mapping_key *key, void *field)
{
	static const char what[] = "yes or no";
	const char *text;
	int r;

	(void)key;
	text = mapping_scalar(document, value, what);
	if (!text)
		return -EINVAL;
	r = parse_boolean(text);
	if (r < 0)
		return mapping_expected(document, value, what);
	*(bool *)field = r > 0;
	return 0;
}

/* Puts copy, which may be NULL for want of memory, into the field. */
static int text_set(struct document *document, char *copy, char **field)
{
	if (!copy) {
		(void)document_fail(document, NULL, "out of memory");
		return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

int mapping_text(struct document *document, const struct document_node *value,
		 const struct mapping_key *key, void *field)
{
	const char *text;

	(void)key;
	text = mapping_scalar(document, value, "text");
	return text ? text_set(document, strdup(text), field) : -EINVAL;
}

int mapping_path(struct document *document, const struct document_node *value,
		 const struct mapping_key *key, void *field)
{
	const char *name = document_name(document), *slash = strrchr(name, '/'), *text;
	char *path;

	(void)key;
	text = mapping_scalar(document, value, "a path");
	if (!text)
		return -EINVAL;
	if (!*text)
		return mapping_expected(document, value, "a path");
	if (*text == '/' || !slash)
		path = strdup(text);
	else if (asprintf(&path, "%.*s%s", (int)(slash + 1 - name), name, text) < 0)
		path = NULL;
	return text_set(document, path, field);
}

static int number_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, int (*parse)(const char *, uint64_t *),
		       const char *form, uint64_t *field)
{
	const struct mapping_range *range = key->detail;
	char what[128];
	const char *text;
	uint64_t number;

	(void)snprintf(what, sizeof(what), "%s from %llu to %llu", form,
		       (unsigned long long)range->min, (unsigned long long)range->max);
	text = mapping_scalar(document, value, what);
	if (!text)
		return -EINVAL;
	if (parse(text, &number) < 0 || number < range->min || number > range->max)
		return mapping_expected(document, value, what);
	*field = number;
	return 0;
}

static int number_parse(const char *text, uint64_t *ret)
{
	return parse_u64(text, UINT64_MAX, ret);
}

int mapping_number(struct document *document, const struct document_node *value,
		   const struct mapping_key *key, void *field)
{
	return number_read(document, value, key, number_parse, "a number", field);
}

int mapping_size(struct document *document, const struct document_node *value,
		 const struct mapping_key *key, void *field)
{
	return number_read(document, value, key, parse_size, "a number of bytes (64K, 1M, 2G)",
			   field);
}

int mapping_choice(struct document *document, const struct document_node *value,
		   const struct mapping_key *key, void *field)
{
	const struct mapping_words *words = key->detail;
	char list[LIST_SIZE] = "";
	const char *text;

	for (size_t i = 0; i < words->count; i++)
		list_add(list, words->words[i].word);
	text = mapping_scalar(document, value, list);
	if (!text)
		return -EINVAL;
	for (size_t i = 0; i < words->count; i++) {
		if (strcmp(words->words[i].word, text) != 0)
			continue;
		*(int *)field = words->words[i].value;
		return 0;
	}
	return mapping_expected(document, value, list);
}

int mapping_date(struct document *document, const struct document_node *value,
		 const struct mapping_key *key, void *field)
{
	static const char what[] = "a date (2027-01-31, 2027-01-31T12:00:00Z)";
	const char *text;
	uint64_t time;

	(void)key;
	text = mapping_scalar(document, value, what);
	if (!text)
		return -EINVAL;
	/* parse_time() takes durations, too, which look back from now: no meaning here. */
	if (!strchr(text, '-') || parse_time(text, &time) < 0)
		return mapping_expected(document, value, what);
	*(uint64_t *)field = time;
	return 0;
}

int mapping_label(struct document *document, const struct document_node *value,
		  const struct mapping_key *key, void *field)
{
	char escaped[MAPPING_LABEL_MAX + 1];
	const char *text;

	(void)key;
	text = mapping_scalar(document, value, "a name");
	if (!text)
		return -EINVAL;
	if (!*text || value->length > MAPPING_LABEL_MAX)
		return document_fail(document, value, "expected 1 to %d bytes of text, found %zu",
				     MAPPING_LABEL_MAX, value->length);
	/* It is shown as it is from here on, so it must be what its escaped form is. */
	(void)escape_text(text, value->length, escaped, sizeof(escaped));
	if (strcmp(escaped, text) != 0)
		return document_fail(document, value,
				     "text with a backslash or characters that cannot be shown");
	return text_set(document, strdup(text), field);
}

int mapping_severity(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	static const char what[] = "critical, high, medium, low or informational";
	enum severity severity;
	const char *text;

	(void)key;
	text = mapping_scalar(document, value, what);
	if (!text)
		return -EINVAL;
	if (severity_parse(text, &severity) < 0)
		return mapping_expected(document, value, what);
	*(enum severity *)field = severity;
	return 0;
}

void mapping_clear(const struct mapping_table *table, void *target)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct mapping_key *key = &table->keys[i];
		void *field = (char *)target + key->offset;

		if (key->read == mapping_section)
			mapping_clear(key->detail, field);
		if (key->read != mapping_text && key->read != mapping_path &&
		    key->read != mapping_label)
			continue;
		free(*(char **)field);
		*(char **)field = NULL;
	}
}
