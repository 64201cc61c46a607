/* SPDX-License-Identifier: Apache-2.0
 *
 * What policy.c and policy_sinks.c (reading), policy_evaluate.c, policy_explain.c and
 * policy_warnings.c share.
 */
#pragma once

#include "policy/policy.h"
#include "policy/rule.h"
#include "policy/rule_glance.h"
#include "policy/rule_index.h"
#include "policy/threshold.h"

/* Of all files together. */
#define RULES_MAX 10000

#define FILE_SHOWN 256

#define DEFAULT_RULE   "default"
#define DEFAULT_POLICY "built-in"

/* What a severity does. */
struct severity_action {
	int response; /* enum response */
	uint32_t sinks;
};

/* A severity for findings of a detector or feed. */
struct default_severity {
	char *name;
	enum severity severity;
};
struct default_list {
	struct default_severity *items;
	size_t count;
};

/* One file. */
struct policy_source {
	struct policy *policy;
	char file[FILE_SHOWN]; /* escaped */
	char *name;
	uint64_t version;
	bool has_severities;
	unsigned severities_line, severities_column;
	struct severity_action severities[SEVERITY_CRITICAL + 1];
	bool has_closing;
	struct policy_closing closing;
};

struct policy {
	struct policy_source *sources;
	size_t sources_count;
	struct rule *rules;
	size_t rules_count;
	const struct policy_source *chosen;   /* whose severities count; NULL: built in */
	const struct policy_closing *closing; /* of rules that have none */
	struct default_list detectors, feeds; /* earlier files first */
	char *sinks[POLICY_SINKS_MAX];
	size_t sinks_count;
	const struct policy_host *host; /* borrowed */
	struct rule_index *index;	/* of what a finding says */
	struct rule_glance *glances;	/* one a rule */
	struct rule_index *entry_index; /* of what an entry alone says */
};

/* Reads `sinks` of a rule or severity: names, as bits of the policy's own numbers. */
int policy_read_sinks(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, const struct policy_source *source,
		      uint32_t *ret);

/* For the schema. */
extern const struct mapping_table policy_table, policy_severity_table, policy_action_table,
	policy_default_table;

/* What a severity does when its rule says nothing. */
const struct severity_action *policy_severity_action(const struct policy *policy,
						     enum severity severity);
/* The severity before any rule. */
enum severity policy_default_severity(const struct policy *policy,
				      const struct match_subject *subject);

/* How a rule stands to a finding. severity: before it. */
bool policy_rule_holds(const struct policy *policy, const struct rule *rule,
		       struct match_subject *subject);
bool policy_rule_excuses(const struct policy *policy, const struct rule *rule,
			 const struct match_subject *subject);
