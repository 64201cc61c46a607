/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of texts, names and addresses that a match key is compared with, and of
 * operators on them; match_number.c has numbers and words. Takes nodes from mapping.c and gives
 * conditions to match.c. The text is whoever wrote the policy's.
 */
#include "policy/match_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "detect/finding.h"
#include "policy/match_key.h"
#include "sensor/event.h"

#define PATTERN_MAX 512 /* bytes of a value; no path or name that is compared is longer */

/* What stands for something else in a shell pattern. */
#define GLOB_SPECIAL "*?[\\"

static int out_of_memory(struct document *document)
{
	(void)document_fail(document, NULL, "out of memory");
	return -ENOMEM;
}

int match_value_add(struct document *document, const struct document_node *node, const char *what,
		    struct match_condition *condition, struct match_value **ret)
{
	struct match_value *values = condition->values, *value;
	const char *text;

	text = mapping_scalar(document, node, what);
	if (!text)
		return -EINVAL;
	if (!*text || node->length > PATTERN_MAX)
		return document_fail(document, node, "expected 1 to %d bytes of text, found %zu",
				     PATTERN_MAX, node->length);
	/* Room doubles at each power of two. */
	if ((condition->count & (condition->count - 1)) == 0) {
		size_t room = condition->count ? condition->count * 2 : 1;

		values = reallocarray(values, room, sizeof(*values));
		if (!values)
			return out_of_memory(document);
		condition->values = values;
	}
	value = &values[condition->count];
	*value = (struct match_value){ .text = strdup(text), .size = strlen(text) };
	if (!value->text)
		return out_of_memory(document);
	condition->count++;
	*ret = value;
	return 0;
}

int match_value_exact(struct document *document, const struct document_node *node,
		      const struct mapping_key *key, void *field)
{
	struct match_value *value;

	(void)key;
	return match_value_add(document, node, "text", field, &value);
}

int match_value_tag(struct document *document, const struct document_node *node,
		    const struct mapping_key *key, void *field)
{
	struct match_value *value;
	int r;

	(void)key;
	r = match_value_add(document, node, "a tag", field, &value);
	if (r == 0 && strchr(value->text, ','))
		return document_fail(document, node, "a tag with a comma; write a list: [a, b]");
	return r;
}

int match_value_glob(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	struct match_value *value;
	int r;

	(void)key;
	r = match_value_add(document, node, "a pattern", field, &value);
	if (r < 0)
		return r;
	value->head = strcspn(value->text, GLOB_SPECIAL);
	value->glob = value->text[value->head] != '\0';
	for (const char *at = value->text; *at; at++)
		value->tail = strchr(GLOB_SPECIAL "]", *at) ? 0 : value->tail + 1;
	return 0;
}

int match_value_user(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	struct match_value *value;
	int r;

	(void)key;
	r = match_value_add(document, node, "a user's name or number", field, &value);
	if (r < 0)
		return r;
	r = parse_u64(value->text, UINT32_MAX, &value->number);
	if (r == -ERANGE)
		return mapping_expected(document, node, "a user's name or number");
	value->numeric = r == 0;
	value->last = value->number;
	return 0;
}

int match_value_address(struct document *document, const struct document_node *node,
			const struct mapping_key *key, void *field)
{
	struct match_value *value;
	int r;

	(void)key;
	r = match_value_add(document, node, "an address or prefix", field, &value);
	if (r < 0)
		return r;
	r = address_parse_prefix(value->text, &value->address, &value->length);
	if (r == -EDOM)
		return document_fail(document, node, "bits are set beyond the prefix's length");
	if (r < 0)
		return mapping_expected(document, node, "an address or prefix (10.0.0.0/8)");
	for (unsigned i = 0; i < value->length; i++)
		((uint8_t *)value->mask)[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return 0;
}

/* Adds a value that is a name, if it is one; *ret_error says what domain_name_parse() did. */
static int name_add(struct document *document, const struct document_node *node, const char *what,
		    struct match_condition *condition, int *ret_error)
{
	struct match_value *value;
	int r;

	r = match_value_add(document, node, what, condition, &value);
	if (r < 0)
		return r;
	value->name = calloc(1, sizeof(*value->name));
	if (!value->name)
		return out_of_memory(document);
	/* A wildcard would be taken for a label of that name, and never match. */
	if (strchr(value->text, '*'))
		return document_fail(document, node,
				     "a name stands for all below it, too: write it without *");
	for (const char *at = value->text; *at; at++)
		if ((unsigned char)*at >= 0x80)
			return document_fail(document, node,
					     "expected a name in ASCII (xn--... for others)");
	*ret_error = domain_name_parse(value->text, value->name);
	if (*ret_error == 0)
		domain_name_lower(value->name);
	return 0;
}

int match_value_domain(struct document *document, const struct document_node *node,
		       const struct mapping_key *key, void *field)
{
	int error;
	int r;

	(void)key;
	r = name_add(document, node, "a domain name", field, &error);
	if (r == 0 && error < 0)
		return mapping_expected(document, node, "a domain name");
	return r;
}

/* An entry of any kind: a hash is no domain name, but an indicator all the same. */
int match_value_indicator(struct document *document, const struct document_node *node,
			  const struct mapping_key *key, void *field)
{
	int error;
	int r;

	(void)key;
	r = name_add(document, node, "a name, prefix or hash", field, &error);
	if (r == 0 && error == -EINVAL)
		return mapping_expected(document, node, "a name, prefix or hash");
	return r;
}

static int tests_add(struct document *document, const struct document_node *node, bool lower,
		     struct match_condition *condition, struct match_tests **ret)
{
	struct match_tests *tests =
		reallocarray(condition->tests, condition->tests_count + 1, sizeof(*tests));

	if (!tests)
		return out_of_memory(document);
	condition->tests = tests;
	*ret = &tests[condition->tests_count];
	**ret = (struct match_tests){ .name = NULL };
	condition->tests_count++;
	return text_tests_read(document, node, lower, &(*ret)->tests);
}

int match_value_tests(struct document *document, const struct document_node *node,
		      const struct mapping_key *key, void *field)
{
	struct match_condition *condition = field;
	struct match_tests *tests;

	(void)key;
	return tests_add(document, node, condition->key->lower, condition, &tests);
}

/* A plain value is a shell pattern: { Name: "web-*" }. */
static int tag_value_read(struct document *document, const struct document_node *value,
			  struct match_condition *condition)
{
	struct document_node key = { .kind = DOCUMENT_SCALAR, .text = "glob", .length = 4 };
	struct document_node copy = *value;
	struct document_node plain = { .kind = DOCUMENT_MAPPING,
				       .line = value->line,
				       .column = value->column,
				       .first = &copy };
	struct match_tests *tests;
	int r;

	copy.key = &key;
	copy.next = NULL;
	r = tests_add(document, value->kind == DOCUMENT_MAPPING ? value : &plain, false, condition,
		      &tests);
	if (r < 0)
		return r;
	tests->name = strdup(value->key->text);
	return tests->name ? 0 : out_of_memory(document);
}

int match_value_instance_tag(struct document *document, const struct document_node *node,
			     const struct mapping_key *key, void *field)
{
	int result = 0;

	(void)key;
	if (node->kind != DOCUMENT_MAPPING || !node->first)
		return mapping_expected(document, node, "tags and their values (Name: \"web-*\")");
	for (const struct document_node *value = node->first; value; value = value->next) {
		int r = tag_value_read(document, value, field);

		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

const char *match_list_item(const char *list, size_t i, char *buffer)
{
	size_t length;

	for (; i > 0 && *list; i--) {
		list += strcspn(list, ",");
		list += *list == ',';
	}
	if (!*list)
		return NULL;
	length = strcspn(list, ",");
	/* Longer than what any pattern may be: what is cut matches no less. */
	(void)snprintf(buffer, MATCH_TEXT_SIZE, "%.*s", (int)length, list);
	return buffer;
}

void match_condition_clear(struct match_condition *condition)
{
	for (size_t i = 0; i < condition->count; i++) {
		free(condition->values[i].text);
		free(condition->values[i].name);
	}
	free(condition->values);
	for (size_t i = 0; i < condition->tests_count; i++) {
		free(condition->tests[i].name);
		text_tests_clear(&condition->tests[i].tests);
	}
	free(condition->tests);
	*condition = (struct match_condition){ 0 };
}
