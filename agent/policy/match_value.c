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

/* Up to this many names are compared one by one. */
#define NAMES_FEW 8

/* An order of wire forms for sorting and searching; what it is does not matter. */
static int wire_compare(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	return memcmp(a, b, a_length);
}

static bool names_have(const struct match_condition *condition, const uint8_t *wire, size_t length)
{
	size_t low = 0, high = condition->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct domain_name *name = condition->values[middle].name;
		int order = wire_compare(wire, length, name->wire, name->length);

		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* Whether the value is the name or a parent of it. Both are in lower case, so a glance at the bytes
 * settles nearly all; where they are equal, a label must begin there. */
static bool name_covers(const struct domain_name *value, const struct domain_name *name)
{
	return value->length <= name->length &&
	       memcmp(name->wire + name->length - value->length, value->wire, value->length) == 0 &&
	       domain_name_within(name, value);
}

/* The values are sorted: a long list costs a search for each label of the name, not a comparison
 * with each value. */
bool match_names_cover(const struct match_condition *condition, const struct domain_name *name)
{
	if (condition->count <= NAMES_FEW) {
		for (size_t i = 0; i < condition->count; i++)
			if (name_covers(condition->values[i].name, name))
				return true;
		return false;
	}
	for (size_t at = 0; at < name->length; at += (size_t)name->wire[at] + 1)
		if (names_have(condition, name->wire + at, name->length - at))
			return true;
	return false;
}

static int values_order(const void *a, const void *b)
{
	const struct domain_name *first = ((const struct match_value *)a)->name;
	const struct domain_name *second = ((const struct match_value *)b)->name;

	return wire_compare(first->wire, first->length, second->wire, second->length);
}

void match_names_sort(struct match_condition *condition)
{
	if (condition->count > 0 && condition->values[0].name)
		qsort(condition->values, condition->count, sizeof(*condition->values),
		      values_order);
}

/* "443", or "8000-8099". */
int match_value_port(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	static const char what[] = "a port, or a range of them (8000-8099)";
	struct match_value *value;
	char first[8];
	const char *dash;
	int r;

	(void)key;
	r = value_add(document, node, what, field, &value);
	if (r < 0)
		return r;
	dash = strchr(value->text, '-');
	(void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(value->text, "-"), value->text);
	if (parse_u64(first, UINT16_MAX, &value->number) < 0 ||
	    parse_u64(dash ? dash + 1 : first, UINT16_MAX, &value->last) < 0)
		return mapping_expected(document, node, what);
	if (value->last < value->number)
		return document_fail(document, node, "a range that ends before it begins");
	return 0;
}

static int word_read(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, const struct mapping_words *words, void *field)
{
	const struct mapping_key chosen = { .name = key->name, .detail = words };
	struct match_condition *condition = field;
	int word;
	int r = mapping_choice(document, node, &chosen, &word);

	if (r == 0)
		condition->mask |= 1u << word;
	return r;
}

static const struct mapping_word kind_words[] = { { "question", EVENT_QUESTION },
						  { "answer", EVENT_ANSWER },
						  { "connection", EVENT_CONNECTION },
						  { "flow", EVENT_FLOW } };
const struct mapping_words match_kinds = { kind_words, ELEMENTS(kind_words) };

int match_value_kind(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	return word_read(document, node, key, &match_kinds, field);
}

static const struct mapping_word protocol_words[] = {
	{ "tcp", MATCH_TCP }, { "udp", MATCH_UDP },   { "dns", MATCH_DNS },
	{ "tls", MATCH_TLS }, { "http", MATCH_HTTP }, { "quic", MATCH_QUIC },
};
const struct mapping_words match_protocols = { protocol_words, ELEMENTS(protocol_words) };

int match_value_protocol(struct document *document, const struct document_node *node,
			 const struct mapping_key *key, void *field)
{
	return word_read(document, node, key, &match_protocols, field);
}

int match_value_direction(struct document *document, const struct document_node *node,
			  const struct mapping_key *key, void *field)
{
	static const struct mapping_word words[] = { { "out", EVENT_DIRECTION_OUT },
						     { "in", EVENT_DIRECTION_IN } };
	static const struct mapping_words choice = { words, ELEMENTS(words) };

	return word_read(document, node, key, &choice, field);
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
