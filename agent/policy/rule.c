/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns one rule's form: its keys, and which of them go together. Takes nodes from policy.c, which
 * owns the list of rules and walks it. The text is whoever wrote the policy's.
 */
#include "policy/rule.h"

#include <stdlib.h>

#include "base/cleanup.h"

static const struct mapping_word response_words[] = {
	{ "none", RESPONSE_NONE },
	{ "block", RESPONSE_BLOCK },
};
const struct mapping_words rule_responses = { response_words, ELEMENTS(response_words) };

const char *response_name(enum response response)
{
	for (size_t i = 0; i < ELEMENTS(response_words); i++)
		if (response_words[i].value == (int)response)
			return response_words[i].word;
	return "unknown";
}

static int rule_read_match(struct document *document, const struct document_node *value,
			   const struct mapping_key *key, void *field)
{
	struct rule *rule = field;

	rule->matches = true;
	return match_read(document, value, key, &rule->match);
}

static const struct mapping_key rule_keys[] = {
	{ "name", mapping_label, .offset = offsetof(struct rule, name), .required = true },
	{ .name = "match", .read = rule_read_match },
	{ "severity", mapping_severity, .offset = offsetof(struct rule, severity) },
	{ "response", mapping_choice, .offset = offsetof(struct rule, response),
	  .detail = &rule_responses },
	{ "except", mapping_boolean, .offset = offsetof(struct rule, except) },
	{ "reason", mapping_label, .offset = offsetof(struct rule, reason) },
	{ "until", mapping_date, .offset = offsetof(struct rule, until) },
};
static const struct mapping_table rule_table = { "a rule", rule_keys, ELEMENTS(rule_keys) };

static int exception_check(struct document *document, const struct document_node *node,
			   const struct rule *rule)
{
	if (!rule->reason)
		return document_fail(document, node, "an exception without \"reason\"");
	if (!rule->matches)
		return document_fail(document, node,
				     "an exception without \"match\" would silence everything");
	if (rule->severity != SEVERITY_NONE || rule->response != RULE_RESPONSE_UNSAID)
		return document_fail(document, node,
				     "an exception has neither \"severity\" nor \"response\"");
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
	if (r < 0)
		return r;
	if (ret->except)
		return exception_check(document, node, ret);
	if (ret->reason || ret->until != RULE_FOREVER)
		return document_fail(document, node,
				     "\"reason\" and \"until\" belong to an exception "
				     "(except: true)");
	if (ret->severity == SEVERITY_NONE && ret->response == RULE_RESPONSE_UNSAID)
		return document_fail(document, node,
				     "a rule without \"severity\", \"response\" or \"except\" "
				     "says nothing");
	return 0;
}

void rule_clear(struct rule *rule)
{
	free(rule->name);
	free(rule->reason);
	match_free(&rule->match);
}

bool rule_expired(const struct rule *rule, uint64_t now)
{
	return now >= rule->until;
}
