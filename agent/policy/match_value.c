/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of what a match key may be compared with: one reader a kind of value. Takes
 * nodes from mapping.c and gives conditions to match.c. The text is whoever wrote the policy's.
 */
#include "policy/match_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "detect/finding.h"
#include "sensor/event.h"

#define PATTERN_MAX 512 /* bytes of a value; no path or name that is compared is longer */

static int out_of_memory(struct document *document)
{
	(void)document_fail(document, NULL, "out of memory");
	return -ENOMEM;
}

/* Adds a value with the node's text to the condition. */
static int value_add(struct document *document, const struct document_node *node, const char *what,
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
	*value = (struct match_value){ .text = strdup(text) };
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
	return value_add(document, node, "text", field, &value);
}

int match_value_tag(struct document *document, const struct document_node *node,
		    const struct mapping_key *key, void *field)
{
	struct match_value *value;
	int r;

	(void)key;
	r = value_add(document, node, "a tag", field, &value);
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
	r = value_add(document, node, "a pattern", field, &value);
	if (r < 0)
		return r;
	value->head = strcspn(value->text, "*?[\\");
	value->glob = value->text[value->head] != '\0';
	return 0;
}

int match_value_user(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	struct match_value *value;
	int r;

	(void)key;
	r = value_add(document, node, "a user's name or number", field, &value);
	if (r < 0)
		return r;
	r = parse_u64(value->text, UINT32_MAX, &value->number);
	if (r == -ERANGE)
		return mapping_expected(document, node, "a user's name or number");
	value->numeric = r == 0;
	return 0;
}

int match_value_address(struct document *document, const struct document_node *node,
			const struct mapping_key *key, void *field)
{
	struct match_value *value;
	int r;

	(void)key;
	r = value_add(document, node, "an address or prefix", field, &value);
	if (r < 0)
		return r;
	r = address_parse_prefix(value->text, &value->address, &value->length);
	if (r == -EDOM)
		return document_fail(document, node, "bits are set beyond the prefix's length");
	return r < 0 ? mapping_expected(document, node, "an address or prefix (10.0.0.0/8)") : 0;
}

/* Adds a value that is a name, if it is one; *ret_error says what domain_name_parse() did. */
static int name_add(struct document *document, const struct document_node *node, const char *what,
		    struct match_condition *condition, int *ret_error)
{
	struct match_value *value;
	int r;

	r = value_add(document, node, what, condition, &value);
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

/* "high", or with ">=", "<=", ">" or "<" before it. */
int match_value_severity(struct document *document, const struct document_node *node,
			 const struct mapping_key *key, void *field)
{
	static const char what[] = "a severity (critical, high, medium, low, informational; "
				   ">=high for it and above)";
	struct match_condition *condition = field;
	bool above, below, equal;
	enum severity severity;
	const char *text;

	(void)key;
	text = mapping_scalar(document, node, what);
	if (!text)
		return -EINVAL;
	above = *text == '>';
	below = *text == '<';
	text += above || below;
	equal = !(above || below) || *text == '=';
	text += (above || below) && equal;
	text += strspn(text, " ");
	if (severity_parse(text, &severity) < 0)
		return mapping_expected(document, node, what);
	for (unsigned i = SEVERITY_INFORMATIONAL; i <= SEVERITY_CRITICAL; i++)
		if ((above && i > severity) || (below && i < severity) || (equal && i == severity))
			condition->mask |= 1u << i;
	if (!condition->mask)
		return document_fail(document, node, "no severity is beyond that");
	return 0;
}

int match_value_stub(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	struct match_condition *condition = field;
	bool stub;
	int r;

	r = mapping_boolean(document, node, key, &stub);
	if (r == 0)
		condition->mask |= 1u << stub;
	return r;
}

int match_value_direction(struct document *document, const struct document_node *node,
			  const struct mapping_key *key, void *field)
{
	static const struct mapping_word words[] = { { "out", EVENT_DIRECTION_OUT },
						     { "in", EVENT_DIRECTION_IN } };
	static const struct mapping_words choice = { words, ELEMENTS(words) };
	const struct mapping_key chosen = { .name = key->name, .detail = &choice };
	struct match_condition *condition = field;
	int direction;
	int r;

	r = mapping_choice(document, node, &chosen, &direction);
	if (r == 0)
		condition->mask |= 1u << direction;
	return r;
}

void match_condition_clear(struct match_condition *condition)
{
	for (size_t i = 0; i < condition->count; i++) {
		free(condition->values[i].text);
		free(condition->values[i].name);
	}
	free(condition->values);
	*condition = (struct match_condition){ 0 };
}
