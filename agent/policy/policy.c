/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the compiled policy: the rules of all files in order, and what severities do. Takes rules
 * from rule.c, gives verdicts to whoever has a finding, and answers about entries to the sensor,
 * which flags the kernel side's table with them. Policies are an administrator's; what a finding
 * holds is an attacker's.
 */
#include "policy/policy.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "policy/mapping.h"
#include "policy/rule.h"

/* Of all files together. Each finding walks them all; more belongs into feeds and their tags. */
#define RULES_MAX 10000

#define FILE_SHOWN 256

#define DEFAULT_RULE   "default"
#define DEFAULT_POLICY "built-in"

static_assert(POLICY_ERROR_SIZE == DOCUMENT_ERROR_SIZE, "errors are handed on as they are");

/* One file. */
struct policy_source {
	struct policy *policy;
	char file[FILE_SHOWN]; /* escaped */
	char *name;
	uint64_t version;
	bool has_severities;
	unsigned severities_line, severities_column;
	int severities[SEVERITY_CRITICAL + 1]; /* enum response */
};

struct policy {
	struct policy_source *sources;
	size_t sources_count;
	struct rule *rules;
	size_t rules_count;
	const struct policy_source *chosen; /* whose severities count; NULL: built in */
};

static const int severities_default[SEVERITY_CRITICAL + 1] = {
	[SEVERITY_HIGH] = RESPONSE_BLOCK,
	[SEVERITY_CRITICAL] = RESPONSE_BLOCK,
};

CLEANUP_DEFINE(struct policy *, policy_free)
CLEANUP_DEFINE(struct document *, document_free)

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->rules_count; i++)
		rule_clear(&policy->rules[i]);
	free(policy->rules);
	for (size_t i = 0; i < policy->sources_count; i++)
		free(policy->sources[i].name);
	free(policy->sources);
	free(policy);
}

/* ---- reading ---- */

static int out_of_memory(struct document *document)
{
	(void)document_fail(document, NULL, "out of memory");
	return -ENOMEM;
}

/* Reads one rule at the end of the list; the source is its file. */
static int rule_append(struct document *document, const struct document_node *node,
		       const struct mapping_key *key, void *field)
{
	struct policy_source *source = field;
	struct policy *policy = source->policy;
	struct rule *rule;

	(void)key;
	if (policy->rules_count >= RULES_MAX)
		return document_fail(document, node, "more than %d rules", RULES_MAX);
	if ((policy->rules_count & (policy->rules_count - 1)) == 0) {
		size_t room = policy->rules_count ? policy->rules_count * 2 : 1;
		struct rule *rules = reallocarray(policy->rules, room, sizeof(*rules));

		if (!rules)
			return out_of_memory(document);
		policy->rules = rules;
	}
	rule = &policy->rules[policy->rules_count++];
	return rule_read(document, node, source, rule);
}

static int names_order(const void *a, const void *b)
{
	const struct rule *first = *(const struct rule *const *)a;
	const struct rule *second = *(const struct rule *const *)b;
	int order = strcmp(first->name, second->name);

	if (order != 0)
		return order;
	return first < second ? -1 : first > second;
}

/* Findings name the rule that decided, so its name must tell which one. */
static int names_check(struct document *document, const struct rule *rules, size_t count)
{
	CLEANUP(free_cleanup) const struct rule **sorted = NULL;
	int result = 0;

	if (count < 2)
		return 0;
	sorted = reallocarray(NULL, count, sizeof(*sorted));
	if (!sorted)
		return out_of_memory(document);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &rules[i];
	qsort(sorted, count, sizeof(*sorted), names_order);
	for (size_t i = 1; i < count; i++) {
		const struct document_node at = { .line = sorted[i]->line,
						  .column = sorted[i]->column };

		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			result = document_fail(document, &at,
					       "a second rule \"%s\", the first is in line %u",
					       sorted[i]->name, sorted[i - 1]->line);
	}
	return result;
}

static int rules_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	struct policy_source *source = field;
	struct policy *policy = source->policy;
	size_t before = policy->rules_count;
	int r;

	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	if (value->kind != DOCUMENT_SEQUENCE)
		return mapping_expected(document, value, "a list of rules");
	r = mapping_each(document, value, rule_append, key, source);
	if (r < 0)
		return r;
	return names_check(document, policy->rules + before, policy->rules_count - before);
}

#define SEVERITY_KEY(name, severity)                                                               \
	{                                                                                          \
		name, mapping_choice, .offset = sizeof(int) * (severity),                          \
				      .detail = &rule_responses                                    \
	}
static const struct mapping_key severity_keys[] = {
	SEVERITY_KEY("critical", SEVERITY_CRITICAL),
	SEVERITY_KEY("high", SEVERITY_HIGH),
	SEVERITY_KEY("medium", SEVERITY_MEDIUM),
	SEVERITY_KEY("low", SEVERITY_LOW),
	SEVERITY_KEY("informational", SEVERITY_INFORMATIONAL),
};
static const struct mapping_table severity_table = { "severities", severity_keys,
						     ELEMENTS(severity_keys) };

static int severities_read(struct document *document, const struct document_node *value,
			   const struct mapping_key *key, void *field)
{
	struct policy_source *source = field;

	(void)key;
	source->has_severities = true;
	source->severities_line = value->key->line;
	source->severities_column = value->key->column;
	return mapping_read(document, value, &severity_table, source->severities);
}

static const struct mapping_range version_range = { 1, 1 };
static const struct mapping_key policy_keys[] = {
	{ "name", mapping_label, .offset = offsetof(struct policy_source, name) },
	{ "version", mapping_number, .offset = offsetof(struct policy_source, version),
	  .detail = &version_range },
	{ .name = "rules", .read = rules_read },
	{ .name = "severities", .read = severities_read },
};
static const struct mapping_table policy_table = { "a policy", policy_keys, ELEMENTS(policy_keys) };

/* A policy that does not name itself goes by its file's name without ending. */
static char *name_from_file(const char *file)
{
	const char *slash = strrchr(file, '/'), *start = slash ? slash + 1 : file;
	size_t length = strcspn(start, ".");

	return escape_text_dup(start, length);
}

/* Reads a document as the policy's next source. */
static int source_read(struct policy *policy, struct document *document)
{
	struct policy_source *source = &policy->sources[policy->sources_count++];
	const struct document_node *root = document_root(document);
	const char *file = document_name(document);
	int r;

	*source = (struct policy_source){ .policy = policy };
	(void)escape_text(file, strlen(file), source->file, sizeof(source->file));
	if (!root || root->nothing)
		return document_fail(document, NULL, "nothing in it; expected a policy");
	r = mapping_read(document, root, &policy_table, source);
	if (r < 0)
		return r;
	if (!source->name)
		source->name = name_from_file(file);
	if (!source->name)
		return out_of_memory(document);
	if (source->has_severities && !policy->chosen)
		policy->chosen = source;
	return 0;
}

static struct policy *policy_new(size_t sources)
{
	CLEANUP(policy_free_cleanup) struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return NULL;
	/* Rules point to them, so they never move. */
	policy->sources = calloc(sources ? sources : 1, sizeof(*policy->sources));
	return policy->sources ? take_ptr(policy) : NULL;
}

int policy_load(const char *const *paths, size_t count, struct policy **ret,
		struct policy_error *ret_error)
{
	CLEANUP(policy_free_cleanup) struct policy *policy = policy_new(count);
	struct document_error error = { 0 };
	int result = 0;

	if (!policy) {
		(void)document_error_add(&error, "out of memory");
		result = -ENOMEM;
	}
	for (size_t i = 0; policy && i < count; i++) {
		CLEANUP(document_free_cleanup) struct document *document = NULL;
		int r = document_load(paths[i], &error, &document);

		if (r == 0)
			r = source_read(policy, document);
		if (r < 0 && result == 0)
			result = r == -ENOMEM ? r : -EINVAL;
	}
	if (result < 0) {
		memcpy(ret_error->text, error.text, sizeof(error.text));
		return result;
	}
	*ret = take_ptr(policy);
	return 0;
}

int policy_parse(const char *name, const char *text, size_t size, struct policy **ret,
		 struct policy_error *ret_error)
{
	CLEANUP(policy_free_cleanup) struct policy *policy = policy_new(1);
	CLEANUP(document_free_cleanup) struct document *document = NULL;
	struct document_error error = { 0 };
	int r = -ENOMEM;

	if (!policy)
		(void)document_error_add(&error, "out of memory");
	else
		r = document_parse(name, text, size, &error, &document);
	if (r == 0)
		r = source_read(policy, document);
	if (r < 0) {
		memcpy(ret_error->text, error.text, sizeof(error.text));
		return r;
	}
	*ret = take_ptr(policy);
	return 0;
}

size_t policy_rules(const struct policy *policy)
{
	return policy->rules_count;
}

/* ---- warnings ---- */

struct warnings {
	policy_tell tell;
	void *userdata;
	size_t count;
};

static void warn_at(struct warnings *warnings, const struct policy_source *source, unsigned line,
		    unsigned column, const char *format, ...) __attribute__((format(printf, 5, 6)));
static void warn_at(struct warnings *warnings, const struct policy_source *source, unsigned line,
		    unsigned column, const char *format, ...)
{
	char message[1024], text[POLICY_ERROR_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	(void)snprintf(text, sizeof(text), "%s:%u:%u: %s", source->file, line, column, message);
	warnings->tell(text, warnings->userdata);
	warnings->count++;
}

static void warn_rules(const struct policy *policy, uint64_t now, struct warnings *warnings)
{
	const struct rule *all = NULL; /* matches everything */
	char time[CLOCK_TEXT_SIZE];

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule_expired(rule, now)) {
			clock_format(rule->until, time);
			warn_at(warnings, rule->source, rule->line, rule->column,
				"exception \"%s\" ended at %s and excepts nothing any more",
				rule->name, time);
		} else if (all) {
			warn_at(warnings, rule->source, rule->line, rule->column,
				"rule \"%s\" is never reached: \"%s\" before it matches everything",
				rule->name, all->name);
		} else if (rule->match.count == 0) {
			all = rule;
		}
	}
}

static enum response severity_response(const struct policy *policy, enum severity severity);

static bool rule_lets_go(const struct policy *policy, const struct rule *rule)
{
	if (rule->except || rule->response == RESPONSE_NONE)
		return true;
	return rule->response == RULE_RESPONSE_UNSAID &&
	       severity_response(policy, rule->severity) == RESPONSE_NONE;
}

static bool rule_blocks(const struct policy *policy, const struct rule *rule)
{
	return !rule->except && !rule_lets_go(policy, rule);
}

/* Whether anything from the rule at number on, severities last, blocks. */
static bool blocks_below(const struct policy *policy, size_t number)
{
	for (size_t i = number; i < policy->rules_count; i++) {
		if (rule_blocks(policy, &policy->rules[i]))
			return true;
		if (policy->rules[i].match.count == 0)
			return false;
	}
	for (int severity = SEVERITY_INFORMATIONAL; severity <= SEVERITY_CRITICAL; severity++)
		if (severity_response(policy, (enum severity)severity) != RESPONSE_NONE)
			return true;
	return false;
}

/* A rule that may let anything go, whatever the entry, leaves the kernel side nothing to block: it
 * cannot wait for who asked. */
static void warn_open(const struct policy *policy, uint64_t now, struct warnings *warnings)
{
	bool above = false; /* rules that block by the entry alone come first */

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule_expired(rule, now))
			continue;
		if (rule->match.count == 0)
			return;
		if (match_open(&rule->match) && rule_lets_go(policy, rule) &&
		    blocks_below(policy, i + 1)) {
			warn_at(warnings, rule->source, rule->line, rule->column,
				"nothing %swould be blocked in the kernel because of rule \"%s\" "
				"at line %u: it may let any lookup go, and looks at nothing that "
				"the list alone tells (severity, feed, tag, indicator, domain)",
				above ? "below " : "", rule->name, rule->line);
			return;
		}
		above |= rule_blocks(policy, rule) && !match_open(&rule->match);
	}
}

size_t policy_warnings(const struct policy *policy, uint64_t now, policy_tell tell, void *userdata)
{
	struct warnings warnings = { .tell = tell, .userdata = userdata };

	warn_rules(policy, now, &warnings);
	warn_open(policy, now, &warnings);
	for (size_t i = 0; i < policy->sources_count; i++) {
		const struct policy_source *source = &policy->sources[i];

		if (source->has_severities && source != policy->chosen)
			warn_at(&warnings, source, source->severities_line,
				source->severities_column,
				"these severities are not used: those of %s come first",
				policy->chosen->file);
	}
	return warnings.count;
}

/* ---- evaluating ---- */

static enum response severity_response(const struct policy *policy, enum severity severity)
{
	const int *map = policy->chosen ? policy->chosen->severities : severities_default;

	return (enum response)map[severity];
}

/* What a rule (NULL: none matched) says of the subject. */
static void answer_make(const struct policy *policy, const struct rule *rule,
			const struct match_subject *subject, enum severity *ret_severity,
			enum response *ret_response)
{
	enum severity severity = subject->severity;
	enum response response;

	if (rule && rule->severity != SEVERITY_NONE)
		severity = rule->severity;
	if (rule && rule->except)
		response = RESPONSE_NONE;
	else if (rule && rule->response != RULE_RESPONSE_UNSAID)
		response = (enum response)rule->response;
	else
		response = severity_response(policy, severity);
	/* Whatever the rules say, an allow entry is never blocked. */
	if (subject->indicator && subject->indicator->action == INDICATOR_ALLOW)
		response = RESPONSE_NONE;
	*ret_severity = severity;
	*ret_response = response;
}

/* Whether the rule makes less of the subject than no rule would. */
static bool rule_excuses(const struct policy *policy, const struct rule *rule,
			 const struct match_subject *subject)
{
	enum severity severity, plain_severity;
	enum response response, plain_response;

	answer_make(policy, rule, subject, &severity, &response);
	answer_make(policy, NULL, subject, &plain_severity, &plain_response);
	return rule->except || severity < plain_severity || response < plain_response;
}

static bool rule_decides(const struct policy *policy, const struct rule *rule,
			 struct match_subject *subject, uint64_t now)
{
	if (rule_expired(rule, now) || match_ask(&rule->match, subject) != MATCH_YES)
		return false;
	/* A path that a process can make up may make things worse for it, never better. */
	return !match_deceived(&rule->match, subject) || !rule_excuses(policy, rule, subject);
}

void policy_evaluate(const struct policy *policy, const struct finding *finding, uint64_t now,
		     struct verdict *ret)
{
	const struct policy_source *source = policy->chosen;
	const struct rule *decided = NULL;
	struct match_subject subject;

	match_subject_finding(finding, &subject);
	for (size_t i = 0; i < policy->rules_count && !decided; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule_decides(policy, rule, &subject, now))
			decided = rule;
	}
	if (decided)
		source = decided->source;
	else if (!source && policy->sources_count > 0)
		source = &policy->sources[0];
	*ret = (struct verdict){
		.excepted = decided && decided->except,
		.policy = source ? source->name : DEFAULT_POLICY,
		.rule = decided ? decided->name : DEFAULT_RULE,
		.reason = decided && decided->reason ? decided->reason : "",
	};
	answer_make(policy, decided, &subject, &ret->severity, &ret->response);
}

/* The same walk with less known: a rule that may match leaves both its answer and those below it
 * open; one that does match ends it. */
enum policy_entry_answer policy_entry(const struct policy *policy,
				      const struct indicator *indicator, uint64_t now)
{
	bool blocks = false, passes = false, decided = false;
	struct match_subject subject;

	match_subject_entry(indicator, &subject);
	for (size_t i = 0; i <= policy->rules_count && !decided; i++) {
		const struct rule *rule = i < policy->rules_count ? &policy->rules[i] : NULL;
		enum match_answer matches = MATCH_YES;
		enum severity severity;
		enum response response;

		if (rule && rule_expired(rule, now))
			continue;
		if (rule)
			matches = match_ask(&rule->match, &subject);
		if (matches == MATCH_NO)
			continue;
		answer_make(policy, rule, &subject, &severity, &response);
		if (response == RESPONSE_BLOCK)
			blocks = true;
		else
			passes = true;
		decided = matches == MATCH_YES;
	}
	if (blocks && passes)
		return POLICY_DEPENDS;
	return blocks ? POLICY_BLOCKS : POLICY_PASSES;
}

uint64_t policy_next_change(const struct policy *policy, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < policy->rules_count; i++) {
		uint64_t until = policy->rules[i].until;

		if (until > now && until < next)
			next = until;
	}
	return next;
}
