/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_isolation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "policy/mapping.h"
#include "response/isolation_facts.h"

#define NEVER_FILE CORDON_SYSCONFDIR "/cordon/never-isolate"
#define NEVER_TAG  "cordon:never-isolate"

static int group_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	const char *text =
		mapping_scalar(document, value, "a security group (sg-0123456789abcdef0)");

	if (!text)
		return -EINVAL;
	if (!facts_id_is(text, "sg"))
		return mapping_expected(document, value, "a security group (sg-0123456789abcdef0)");
	return mapping_label(document, value, key, field);
}

static int target_group_read(struct document *document, const struct document_node *value,
			     const struct mapping_key *key, void *field)
{
	struct config_isolation *isolation = field;
	char *text = NULL;
	int r;

	if (isolation->target_group_count == ISOLATION_TARGET_GROUPS_MAX)
		return document_fail(document, value, "more than %d target groups",
				     ISOLATION_TARGET_GROUPS_MAX);
	r = mapping_label(document, value, key, &text);
	if (r < 0)
		return r;
	if (strncmp(text, "arn:", 4) != 0 || !strstr(text, ":targetgroup/")) {
		free(text);
		return mapping_expected(document, value, "the ARN of a target group");
	}
	isolation->target_groups[isolation->target_group_count++] = text;
	return 0;
}

static void target_groups_clear(struct config_isolation *isolation)
{
	for (size_t i = 0; i < isolation->target_group_count; i++)
		free(isolation->target_groups[i]);
	isolation->target_group_count = 0;
}

static int target_groups_read(struct document *document, const struct document_node *value,
			      const struct mapping_key *key, void *field)
{
	target_groups_clear(field);
	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	return mapping_each(document, value, target_group_read, key, field);
}

static const struct mapping_word scope_words[] = {
	{ "none", ISOLATION_SCOPE_NONE },
	{ "vpc", ISOLATION_SCOPE_VPC },
	{ "asg", ISOLATION_SCOPE_ASG },
	{ "tag", ISOLATION_SCOPE_TAG },
};
static const struct mapping_words scopes = { scope_words, ELEMENTS(scope_words) };

static const struct mapping_word unknown_words[] = { { "contain", ISOLATION_UNKNOWN_CONTAIN },
						     { "lift", ISOLATION_UNKNOWN_LIFT } };
static const struct mapping_words unknowns = { unknown_words, ELEMENTS(unknown_words) };

static const struct mapping_word scaling_words[] = {
	{ "none", ISOLATION_SCALING_NONE },
	{ "standby", ISOLATION_SCALING_STANDBY },
	{ "detach", ISOLATION_SCALING_DETACH },
	{ "protect", ISOLATION_SCALING_PROTECT },
};
static const struct mapping_words scalings = { scaling_words, ELEMENTS(scaling_words) };

static const struct mapping_range count_range = { 1, 100000 };
static const struct mapping_range percent_range = { 0, 100 };
/* A week: longer than an incident that is one. */
static const struct mapping_range window_range = { 60, UINT64_C(7) * 86400 };
/* The host is cut off meanwhile. */
static const struct mapping_range settle_range = { 0, 60000 };
static const struct mapping_range seconds_range = { 0, 86400 };

static const struct mapping_range long_range = { 0, UINT64_C(90) * 86400 };
static const struct mapping_range days_range = { 0, 365 };

static const struct mapping_word end_words[] = {
	{ "none", ISOLATION_END_NONE },
	{ "stop", ISOLATION_END_STOP },
	{ "terminate", ISOLATION_END_TERMINATE },
};
static const struct mapping_words ends = { end_words, ELEMENTS(end_words) };

#define FIELD(name) offsetof(struct config_isolation, name)
static const struct mapping_key budget_keys[] = {
	{ "scope", mapping_choice, .offset = FIELD(budget.scope), .detail = &scopes },
	{ "tag", mapping_label, .offset = FIELD(budget.tag) },
	{ "count", mapping_number, .offset = FIELD(budget.count), .detail = &count_range },
	{ "percent", mapping_number, .offset = FIELD(budget.percent), .detail = &percent_range },
	{ "window", mapping_number, .offset = FIELD(budget.window), .detail = &window_range },
	{ "settle", mapping_number, .offset = FIELD(budget.settle), .detail = &settle_range },
};
static const struct mapping_table budget_table = { "isolation.budget", budget_keys,
						   ELEMENTS(budget_keys) };

static const struct mapping_key never_keys[] = {
	{ "tag", mapping_label, .offset = FIELD(never_tag) },
	{ "file", mapping_path, .offset = FIELD(never_file) },
};
static const struct mapping_table never_table = { "isolation.never_isolate", never_keys,
						  ELEMENTS(never_keys) };

static const struct mapping_key around_keys[] = {
	{ "tags", mapping_boolean, .offset = FIELD(tags) },
	{ "snapshots", mapping_boolean, .offset = FIELD(snapshots) },
	{ "keep_volumes", mapping_boolean, .offset = FIELD(keep_volumes) },
	{ "termination_protection", mapping_boolean, .offset = FIELD(termination_protection) },
	{ "auto_scaling", mapping_choice, .offset = FIELD(scaling), .detail = &scalings },
	{ .name = "target_groups", .read = target_groups_read },
};
static const struct mapping_table around_table = { "isolation.surroundings", around_keys,
						   ELEMENTS(around_keys) };

static const struct mapping_word culprit_words[] = { { "none", CONFIG_CULPRIT_NONE },
						     { "freeze", CONFIG_CULPRIT_FREEZE },
						     { "kill", CONFIG_CULPRIT_KILL } };
static const struct mapping_words culprits = { culprit_words, ELEMENTS(culprit_words) };

/* Held in memory while it is collected, and the daemon's unit has 1.5 GiB. */
static const struct mapping_range memory_range = { 0, UINT64_C(256) << 20 };
static const struct mapping_range bundle_range = { UINT64_C(1) << 20, UINT64_C(512) << 20 };
static const struct mapping_range evidence_time_range = { 5, 600 };
static const struct mapping_range keep_range = { 1, 100 };
static const struct mapping_range keep_size_range = { UINT64_C(1) << 20, UINT64_C(1) << 40 };

static const struct mapping_key evidence_s3_keys[] = {
	{ "bucket", mapping_label, .offset = FIELD(evidence.bucket) },
	{ "prefix", mapping_label, .offset = FIELD(evidence.prefix) },
	{ "owner", mapping_label, .offset = FIELD(evidence.owner) },
};
static const struct mapping_table evidence_s3_table = { "isolation.evidence.s3", evidence_s3_keys,
							ELEMENTS(evidence_s3_keys) };
static const struct mapping_key evidence_keys[] = {
	{ "bundle", mapping_boolean, .offset = FIELD(evidence.bundle) },
	{ "memory", mapping_size, .offset = FIELD(evidence.memory), .detail = &memory_range },
	{ "max_size", mapping_size, .offset = FIELD(evidence.max_size), .detail = &bundle_range },
	{ "seconds", mapping_number, .offset = FIELD(evidence.seconds),
	  .detail = &evidence_time_range },
	{ "keep", mapping_number, .offset = FIELD(evidence.keep), .detail = &keep_range },
	{ "keep_size", mapping_size, .offset = FIELD(evidence.keep_size),
	  .detail = &keep_size_range },
	{ "signing_key", mapping_path, .offset = FIELD(evidence.key) },
	{ "s3", mapping_section, .detail = &evidence_s3_table },
};
static const struct mapping_table evidence_table = { "isolation.evidence", evidence_keys,
						     ELEMENTS(evidence_keys) };

static const struct mapping_key isolation_keys[] = {
	{ "quarantine_security_group", group_read, .offset = FIELD(quarantine) },
	{ "transition_security_group", group_read, .offset = FIELD(transition) },
	{ "budget", mapping_section, .detail = &budget_table },
	{ "when_unknown", mapping_choice, .offset = FIELD(when_unknown), .detail = &unknowns },
	{ "unknown_after", mapping_number, .offset = FIELD(unknown_after),
	  .detail = &seconds_range },
	{ "grace_after_boot", mapping_number, .offset = FIELD(grace), .detail = &seconds_range },
	{ "probation", mapping_number, .offset = FIELD(probation), .detail = &long_range },
	{ "names_in_use_days", mapping_number, .offset = FIELD(long_use), .detail = &days_range },
	{ "second_within", mapping_number, .offset = FIELD(second_within), .detail = &long_range },
	{ "confirm_within", mapping_number, .offset = FIELD(confirm_within),
	  .detail = &long_range },
	{ "instance_end", mapping_choice, .offset = FIELD(instance_end), .detail = &ends },
	{ "never_isolate", mapping_section, .detail = &never_table },
	{ "surroundings", mapping_section, .detail = &around_table },
	{ "culprit", mapping_choice, .offset = FIELD(culprit), .detail = &culprits },
	{ "evidence", mapping_section, .detail = &evidence_table },
};
const struct mapping_table config_isolation_table = { "isolation", isolation_keys,
						      ELEMENTS(isolation_keys) };

int config_isolation_begin(struct config_isolation *isolation)
{
	*isolation = (struct config_isolation){
		.budget = { .scope = ISOLATION_SCOPE_VPC,
			    .count = 3,
			    .percent = 10,
			    .window = 3600,
			    .settle = 2000 },
		/* A fleet that is struck by a bad entry while EC2 is out of reach must come back.
		 */
		.when_unknown = ISOLATION_UNKNOWN_LIFT,
		.unknown_after = 30,
		.grace = 120,
		.probation = 3600,
		.long_use = 7,
		.second_within = 86400,
		.never_tag = strdup(NEVER_TAG),
		.never_file = strdup(NEVER_FILE),
		.tags = true,
		.evidence = { .bundle = true,
			      .max_size = UINT64_C(128) << 20,
			      .seconds = 60,
			      .keep = 5,
			      .keep_size = UINT64_C(512) << 20,
			      .prefix = strdup("cordon/evidence/") },
	};
	return isolation->never_tag && isolation->never_file && isolation->evidence.prefix
		       ? 0
		       : -ENOMEM;
}

/* quarantine and transition are read by a reader of ours, which mapping_clear() does not know. */
void config_isolation_clear(struct config_isolation *isolation)
{
	free(isolation->quarantine);
	free(isolation->transition);
	isolation->quarantine = isolation->transition = NULL;
	target_groups_clear(isolation);
}

static const char *text_or_none(const char *text)
{
	return text ? text : "";
}

void config_isolation_options(const struct config_isolation *isolation,
			      struct isolation_options *ret)
{
	*ret = (struct isolation_options){
		.quarantine = text_or_none(isolation->quarantine),
		.transition = text_or_none(isolation->transition),
		.budget = { .scope = isolation->budget.scope,
			    .tag = text_or_none(isolation->budget.tag),
			    .count = isolation->budget.count,
			    .percent = isolation->budget.percent,
			    .window = isolation->budget.window * NS_PER_SECOND,
			    .settle = isolation->budget.settle * NS_PER_MILLISECOND },
		.unknown = isolation->when_unknown,
		.unknown_after = isolation->unknown_after * NS_PER_SECOND,
		.grace = isolation->grace * NS_PER_SECOND,
		.confirm = isolation->confirm_within * NS_PER_SECOND,
		.end = isolation->instance_end,
		.evidence = isolation->evidence.bundle,
		.evidence_s3 = isolation->evidence.bucket && *isolation->evidence.bucket,
		.never_tag = text_or_none(isolation->never_tag),
		.never_file = text_or_none(isolation->never_file),
		.tags = isolation->tags,
		.snapshots = isolation->snapshots,
		.keep_volumes = isolation->keep_volumes,
		.termination_protection = isolation->termination_protection,
		.scaling = isolation->scaling,
		.target_group_count = isolation->target_group_count,
	};
	for (size_t i = 0; i < isolation->target_group_count; i++)
		ret->target_groups[i] = isolation->target_groups[i];
}
