/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of numbers, hours and words of few that a match key is compared with. Takes
 * nodes from mapping.c and gives conditions to match.c. The text is whoever wrote the policy's.
 */
#include "policy/match_value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "detect/finding.h"
#include "policy/match_key.h"
#include "sensor/event.h"

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

/* "443", or "8000-8099". */
static int range_read(struct document *document, const struct document_node *node, const char *what,
		      uint64_t max, struct match_condition *condition)
{
	struct match_value *value;
	char first[24];
	const char *dash;
	int r;

	r = match_value_add(document, node, what, condition, &value);
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
	r = match_value_add(document, node, what, field, &value);
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
