/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of what a match key may be compared with: one reader a kind of value. Takes
 * nodes from mapping.c and gives conditions to match.c. The text is whoever wrote the policy's.
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
	value->last = value->number;
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
static int range_read(struct document *document, const struct document_node *node, const char *what,
		      uint64_t max, struct match_condition *condition)
{
	struct match_value *value;
	char first[24];
	const char *dash;
	int r;

	r = value_add(document, node, what, condition, &value);
	if (r < 0)
		return r;
	dash = strchr(value->text, '-');
	(void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(value->text, "-"), value->text);
	if (parse_u64(first, max, &value->number) < 0 ||
	    parse_u64(dash ? dash + 1 : first, max, &value->last) < 0)
		return mapping_expected(document, node, what);
	value->numeric = true;
	if (value->last < value->number)
		return document_fail(document, node, "a range that ends before it begins");
	return 0;
}

int match_value_port(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	(void)key;
	return range_read(document, node, "a port, or a range of them (8000-8099)", UINT16_MAX,
			  field);
}

int match_value_uid(struct document *document, const struct document_node *node,
		    const struct mapping_key *key, void *field)
{
	(void)key;
	return range_read(document, node, "a user's number, or a range of them (1000-59999)",
			  UINT32_MAX, field);
}

/* "22:00" as a second of the day; 24:00 is the day's end. */
static int clock_read(const char *text, size_t length, uint64_t *ret)
{
	char hour[3], minute[3];
	uint64_t hours, minutes;

	if (length != 5 || text[2] != ':')
		return -EINVAL;
	(void)snprintf(hour, sizeof(hour), "%.2s", text);
	(void)snprintf(minute, sizeof(minute), "%.2s", text + 3);
	if (parse_u64(hour, 24, &hours) < 0 || parse_u64(minute, 59, &minutes) < 0 ||
	    hours * 60 + minutes > 24 * 60)
		return -EINVAL;
	*ret = (hours * 60 + minutes) * 60;
	return 0;
}

/* "22:00-06:00" in UTC: from the first on, before the second. */
int match_value_time(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	static const char what[] = "a time of day in UTC, from and to (22:00-06:00)";
	struct match_value *value;
	size_t dash;
	int r;

	(void)key;
	r = value_add(document, node, what, field, &value);
	if (r < 0)
		return r;
	dash = strcspn(value->text, "-");
	if (!value->text[dash] || clock_read(value->text, dash, &value->number) < 0 ||
	    clock_read(value->text + dash + 1, strlen(value->text + dash + 1), &value->last) < 0)
		return mapping_expected(document, node, what);
	if (value->number == value->last)
		return document_fail(document, node, "a time that ends as it begins");
	return 0;
}

static int weekday_read(const char *text, size_t length)
{
	static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

	for (size_t i = 0; i < ELEMENTS(days); i++)
		if (length == strlen(days[i]) && memcmp(text, days[i], length) == 0)
			return (int)i;
	return -EINVAL;
}

/* "mon", or "mon-fri". */
int match_value_weekday(struct document *document, const struct document_node *node,
			const struct mapping_key *key, void *field)
{
	static const char what[] = "a day (mon, tue, wed, thu, fri, sat, sun), or days (mon-fri)";
	struct match_condition *condition = field;
	const char *text;
	size_t dash;
	int first, last;

	(void)key;
	text = mapping_scalar(document, node, what);
	if (!text)
		return -EINVAL;
	dash = strcspn(text, "-");
	first = last = weekday_read(text, dash);
	if (text[dash])
		last = weekday_read(text + dash + 1, strlen(text + dash + 1));
	if (first < 0 || last < 0)
		return mapping_expected(document, node, what);
	for (;; first = (first + 1) % 7) {
		condition->mask |= 1u << first;
		if (first == last)
			return 0;
	}
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
						  { "flow", EVENT_FLOW },
						  { "file", EVENT_FILE } };
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
	for (size_t i = 0; i < condition->tests_count; i++) {
		free(condition->tests[i].name);
		text_tests_clear(&condition->tests[i].tests);
	}
	free(condition->tests);
	*condition = (struct match_condition){ 0 };
}
