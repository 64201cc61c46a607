/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns one rule's form: its keys, and which of them go together. Takes nodes from policy.c, which
 * owns the list of rules and walks it. The text is whoever wrote the policy's.
 */
#include "policy/rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "policy/match_key.h"
#include "policy/policy_private.h"

static const struct mapping_word response_words[] = {
	{ "none", RESPONSE_NONE },
	{ "block", RESPONSE_BLOCK },
	{ "contain", RESPONSE_CONTAIN },
	{ "isolate", RESPONSE_ISOLATE },
	{ "kill", RESPONSE_KILL },
	{ "stop", RESPONSE_STOP },
	{ "quarantine", RESPONSE_QUARANTINE },
	{ "quarantine-and-kill", RESPONSE_QUARANTINE_KILL },
	{ "freeze", RESPONSE_FREEZE },
	{ "isolate-on-second", RESPONSE_ISOLATE_SECOND },
	{ "stop-instance", RESPONSE_STOP_INSTANCE },
	{ "terminate-instance", RESPONSE_TERMINATE_INSTANCE },
};
const struct mapping_words rule_responses = { response_words, ELEMENTS(response_words) };

const char *response_name(enum response response)
{
	for (size_t i = 0; i < ELEMENTS(response_words); i++)
		if (response_words[i].value == (int)response)
			return response_words[i].word;
	return "unknown";
}

bool response_blocks(enum response response)
{
	return response != RESPONSE_NONE;
}

bool response_isolates(enum response response)
{
	return response == RESPONSE_ISOLATE || response == RESPONSE_ISOLATE_SECOND ||
	       response == RESPONSE_STOP_INSTANCE || response == RESPONSE_TERMINATE_INSTANCE;
}

/* ---- values ---- */

static int rule_read_match(struct document *document, const struct document_node *value,
			   const struct mapping_key *key, void *field)
{
	struct rule *rule = field;

	rule->matches = true;
	return match_read(document, value, key, &rule->match);
}

/* "high", or "+1", "-2". YAML's own numbers have a sign, too: it is all text here. */
static int severity_read(struct document *document, const struct document_node *value,
			 const struct mapping_key *key, void *field)
{
	static const char what[] =
		"critical, high, medium, low or informational, or a step (+1, -1)";
	struct rule *rule = field;
	const char *text = mapping_scalar(document, value, what);

	(void)key;
	if (!text)
		return -EINVAL;
	if ((*text == '+' || *text == '-') && text[1] >= '1' && text[1] <= '4' && !text[2]) {
		rule->step = *text == '+' ? text[1] - '0' : '0' - text[1];
		return 0;
	}
	if (severity_parse(text, &rule->severity) < 0)
		return mapping_expected(document, value, what);
	return 0;
}

int rule_read_duration(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	static const char what[] = "a span of time (90s, 15min, 24h, 7d)";
	const char *text = mapping_scalar(document, value, what);
	uint64_t duration;

	(void)key;
	if (!text)
		return -EINVAL;
	if (parse_duration(text, &duration) < 0 || duration == 0)
		return mapping_expected(document, value, what);
	*(uint64_t *)field = duration;
	return 0;
}

/* One field to count by: a match key that has a text, or the finding itself. */
static int by_read(struct document *document, const struct document_node *value,
		   const struct mapping_key *key, void *field)
{
	struct rule_counter *counter = field;
	const char *text = mapping_scalar(document, value, "the name of a match key");

	(void)key;
	if (!text)
		return -EINVAL;
	if (strcmp(text, "finding") == 0) {
		counter->by_finding = true;
		return 0;
	}
	if (counter->by_count == RULE_BY_MAX)
		return document_fail(document, value, "more than %d fields", RULE_BY_MAX);
	for (size_t i = 0; i < match_keys_count; i++) {
		const struct match_key *row = &match_keys[i];

		if (strcmp(row->name, text) != 0 || !(row->text || row->texts))
			continue;
		counter->by[counter->by_count++] = row;
		return 0;
	}
	return mapping_expected(document, value,
				"\"finding\" or a match key with a text (exe, user, detector...)");
}

static int by_list_read(struct document *document, const struct document_node *value,
			const struct mapping_key *key, void *field)
{
	return mapping_each(document, value, by_read, key, field);
}

#define SCHEMA_DURATION "{\"$ref\":\"#/$defs/duration\"}"
#define SCHEMA_BY                                                                                  \
	"{\"oneOf\":[{\"type\":\"string\"},"                                                       \
	"{\"type\":\"array\",\"minItems\":1,\"maxItems\":4,\"items\":{\"type\":\"string\"}}]}"
#define COUNTER(field) offsetof(struct rule_counter, field)
static const struct mapping_range count_range = { 2, RULE_COUNT_MAX };
static const struct mapping_key threshold_keys[] = {
	{ "count", mapping_number, .offset = COUNTER(count), .detail = &count_range,
	  .required = true },
	{ "within", rule_read_duration, .offset = COUNTER(within), .required = true,
	  .schema = SCHEMA_DURATION },
	{ .name = "by", .read = by_list_read, .schema = SCHEMA_BY },
	{ "severity", mapping_severity, .offset = COUNTER(severity), .required = true },
};
const struct mapping_table rule_threshold_table = { "a threshold", threshold_keys,
						    ELEMENTS(threshold_keys) };

static const struct mapping_key first_keys[] = {
	{ "within", rule_read_duration, .offset = COUNTER(within), .required = true,
	  .schema = SCHEMA_DURATION },
	{ .name = "by", .read = by_list_read, .schema = SCHEMA_BY },
	{ "severity", mapping_severity, .offset = COUNTER(severity), .required = true },
};
const struct mapping_table rule_first_table = { "first_only", first_keys, ELEMENTS(first_keys) };

static int counter_read(struct document *document, const struct document_node *value,
			const struct mapping_key *key, void *field)
{
	struct rule_counter *counter = field;
	int r;

	counter->given = true;
	counter->count = 1;
	r = mapping_section(document, value, key, counter);
	if (counter->by_count == 0)
		counter->by_finding = true;
	return r;
}

static int sinks_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	struct rule *rule = field;

	return policy_read_sinks(document, value, key, rule->source, &rule->sinks);
}

#define CLOSING(field) offsetof(struct policy_closing, field)
static const struct mapping_key closing_keys[] = {
	{ "quiet", rule_read_duration, .offset = CLOSING(quiet), .schema = SCHEMA_DURATION },
	{ "process_gone", mapping_boolean, .offset = CLOSING(process_gone) },
	{ "file_gone", mapping_boolean, .offset = CLOSING(file_gone) },
	{ "withdrawn", mapping_boolean, .offset = CLOSING(withdrawn) },
};
const struct mapping_table rule_closing_table = { "close", closing_keys, ELEMENTS(closing_keys) };

int rule_read_closing(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	(void)key;
	return mapping_read(document, value, &rule_closing_table, field);
}

static int closing_read(struct document *document, const struct document_node *value,
			const struct mapping_key *key, void *field)
{
	struct rule *rule = field;

	rule->closes = true;
	return rule_read_closing(document, value, key, &rule->closing);
}

/* ---- the rule ---- */

static const struct mapping_key rule_keys[] = {
	{ "name", mapping_label, .offset = offsetof(struct rule, name), .required = true },
	{ .name = "match", .read = rule_read_match, .schema = "{\"$ref\":\"#/$defs/match\"}" },
	{ .name = "severity", .read = severity_read, .schema = "{\"$ref\":\"#/$defs/step\"}" },
	{ "response", mapping_choice, .offset = offsetof(struct rule, response),
	  .detail = &rule_responses },
	{ "continue", mapping_boolean, .offset = offsetof(struct rule, goes_on) },
	{ "threshold", counter_read, .offset = offsetof(struct rule, threshold),
	  .detail = &rule_threshold_table, .schema = "{\"$ref\":\"#/$defs/threshold\"}" },
	{ "first_only", counter_read, .offset = offsetof(struct rule, first_only),
	  .detail = &rule_first_table, .schema = "{\"$ref\":\"#/$defs/first_only\"}" },
	{ .name = "sinks", .read = sinks_read, .schema = "{\"$ref\":\"#/$defs/sinks\"}" },
	{ .name = "close", .read = closing_read, .schema = "{\"$ref\":\"#/$defs/close\"}" },
	{ "except", mapping_boolean, .offset = offsetof(struct rule, except) },
	{ "suppress", mapping_boolean, .offset = offsetof(struct rule, suppress) },
	{ "reason", mapping_label, .offset = offsetof(struct rule, reason) },
	{ "owner", mapping_label, .offset = offsetof(struct rule, owner) },
	{ "until", mapping_date, .offset = offsetof(struct rule, until) },
};
const struct mapping_table rule_table = { "a rule", rule_keys, ELEMENTS(rule_keys) };

static bool rule_says_severity(const struct rule *rule)
{
	return rule->severity != SEVERITY_NONE || rule->step != 0 || rule->threshold.given ||
	       rule->first_only.given;
}

static int exception_check(struct document *document, const struct document_node *node,
			   const struct rule *rule)
{
	const char *what = rule->except ? "an exception" : "a suppression";

	if (rule->except && rule->suppress)
		return document_fail(document, node, "either \"except\" or \"suppress\"");
	if (!rule->reason)
		return document_fail(document, node, "%s without \"reason\"", what);
	if (!rule->matches)
		return document_fail(document, node,
				     "%s without \"match\" would silence everything", what);
	if (rule->goes_on || rule->sinks)
		return document_fail(document, node, "%s has neither \"continue\" nor \"sinks\"",
				     what);
	if (rule->except &&
	    (rule_says_severity(rule) || rule->response != RULE_RESPONSE_UNSAID || rule->closes))
		return document_fail(document, node,
				     "an exception has neither \"severity\" nor \"response\"");
	return 0;
}

static int continue_check(struct document *document, const struct document_node *node,
			  const struct rule *rule)
{
	if (rule->response != RULE_RESPONSE_UNSAID || rule->sinks || rule->closes)
		return document_fail(document, node,
				     "a rule with \"continue\" gives a severity, and no more");
	if (!rule_says_severity(rule))
		return document_fail(document, node, "\"continue\" without \"severity\"");
	return 0;
}

static int rule_check(struct document *document, const struct document_node *node,
		      const struct rule *rule)
{
	if (rule->except || rule->suppress)
		return exception_check(document, node, rule);
	if (rule->reason || rule->owner || rule->until != RULE_FOREVER)
		return document_fail(document, node,
				     "\"reason\", \"owner\" and \"until\" belong to an exception "
				     "(except: true) or suppression");
	if (rule->goes_on)
		return continue_check(document, node, rule);
	if (!rule_says_severity(rule) && rule->response == RULE_RESPONSE_UNSAID && !rule->sinks &&
	    !rule->closes)
		return document_fail(document, node,
				     "a rule without \"severity\", \"response\" or \"except\" "
				     "says nothing");
	return 0;
}

int rule_read(struct document *document, const struct document_node *node,
	      const struct policy_source *source, struct rule *ret)
{
	int r;

	*ret = (struct rule){ .response = RULE_RESPONSE_UNSAID,
			      .until = RULE_FOREVER,
			      .source = source,
			      .line = node->line,
			      .column = node->column };
	r = mapping_read(document, node, &rule_table, ret);
	return r < 0 ? r : rule_check(document, node, ret);
}

void rule_clear(struct rule *rule)
{
	free(rule->name);
	free(rule->reason);
	free(rule->owner);
	match_free(&rule->match);
}

bool rule_expired(const struct rule *rule, uint64_t now)
{
	return now >= rule->until;
}

enum severity rule_severity(const struct rule *rule, enum severity severity)
{
	int moved = (int)severity + rule->step;

	if (rule->severity != SEVERITY_NONE)
		return rule->severity;
	if (moved < SEVERITY_INFORMATIONAL)
		return SEVERITY_INFORMATIONAL;
	return moved > SEVERITY_CRITICAL ? SEVERITY_CRITICAL : (enum severity)moved;
}
