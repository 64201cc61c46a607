/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the compiled policy: the rules of all files in order, and what severities do. Takes rules
 * from rule.c; policy_evaluate.c, policy_explain.c and policy_warnings.c answer from it. Policies
 * are an administrator's.
 */
#include "policy/policy_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "policy/mapping.h"

static_assert(POLICY_ERROR_SIZE == DOCUMENT_ERROR_SIZE, "errors are handed on as they are");

static const struct policy_closing closing_never;

CLEANUP_DEFINE(struct policy *, policy_free)
CLEANUP_DEFINE(struct document *, document_free)

static void default_list_clear(struct default_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].name);
	free(list->items);
}

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
	default_list_clear(&policy->detectors);
	default_list_clear(&policy->feeds);
	for (size_t i = 0; i < policy->sinks_count; i++)
		free(policy->sinks[i]);
	free(policy->glances);
	rule_index_free(policy->index);
	rule_index_free(policy->entry_index);
	free(policy);
}

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

/* ---- what severities do ---- */

/* A severity's value while it is read: which source's it is, for its sinks. */
struct action_target {
	const struct policy_source *source;
	struct severity_action *action;
};

static int action_sinks_read(struct document *document, const struct document_node *value,
			     const struct mapping_key *key, void *field)
{
	struct action_target *target = field;

	return policy_read_sinks(document, value, key, target->source, &target->action->sinks);
}

static int action_response_read(struct document *document, const struct document_node *value,
				const struct mapping_key *key, void *field)
{
	struct action_target *target = field;

	return mapping_choice(document, value, key, &target->action->response);
}

static const struct mapping_key action_keys[] = {
	{ .name = "response",
	  .read = action_response_read,
	  .detail = &rule_responses,
	  .schema = "{\"$ref\":\"#/$defs/response\"}" },
	{ .name = "sinks", .read = action_sinks_read, .schema = "{\"$ref\":\"#/$defs/sinks\"}" },
};
const struct mapping_table policy_action_table = { "what a severity does", action_keys,
						   ELEMENTS(action_keys) };

/* "block", or { response: block, sinks: [file] }. */
static int action_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	struct policy_source *source = field;
	const enum severity *severity = key->detail;
	struct action_target target = { source, &source->severities[*severity] };
	const struct mapping_key choice = { .name = key->name, .detail = &rule_responses };

	if (value->kind == DOCUMENT_MAPPING)
		return mapping_read(document, value, &policy_action_table, &target);
	return mapping_choice(document, value, &choice, &target.action->response);
}

static const enum severity severity_numbers[] = { SEVERITY_NONE, SEVERITY_INFORMATIONAL,
						  SEVERITY_LOW,	 SEVERITY_MEDIUM,
						  SEVERITY_HIGH, SEVERITY_CRITICAL };
#define SEVERITY_KEY(word, number)                                                                 \
	{                                                                                          \
		.name = word, .read = action_read, .detail = &severity_numbers[number],            \
		.schema = "{\"$ref\":\"#/$defs/action\"}"                                          \
	}
static const struct mapping_key severity_keys[] = {
	SEVERITY_KEY("critical", SEVERITY_CRITICAL),
	SEVERITY_KEY("high", SEVERITY_HIGH),
	SEVERITY_KEY("medium", SEVERITY_MEDIUM),
	SEVERITY_KEY("low", SEVERITY_LOW),
	SEVERITY_KEY("informational", SEVERITY_INFORMATIONAL),
};
const struct mapping_table policy_severity_table = { "severities", severity_keys,
						     ELEMENTS(severity_keys) };

static int severities_read(struct document *document, const struct document_node *value,
			   const struct mapping_key *key, void *field)
{
	struct policy_source *source = field;

	(void)key;
	source->has_severities = true;
	source->severities_line = value->key->line;
	source->severities_column = value->key->column;
	return mapping_read(document, value, &policy_severity_table, source);
}

/* ---- default severities ---- */

static bool default_known(const struct default_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return true;
	return false;
}

static int default_add(struct document *document, const struct document_node *value,
		       struct default_list *list)
{
	struct default_severity *items;
	enum severity severity = SEVERITY_NONE;
	int r = mapping_severity(document, value, NULL, &severity);

	/* That of an earlier file stands. */
	if (r < 0 || default_known(list, value->key->text))
		return r;
	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (!items)
		return out_of_memory(document);
	list->items = items;
	items[list->count] = (struct default_severity){ strdup(value->key->text), severity };
	if (!items[list->count].name)
		return out_of_memory(document);
	list->count++;
	return 0;
}

/* A mapping of any names to severities. */
static int default_list_read(struct document *document, const struct document_node *value,
			     struct default_list *list)
{
	int result = 0;

	if (value->kind != DOCUMENT_MAPPING)
		return mapping_expected(document, value, "names and their severities");
	for (const struct document_node *item = value->first; item; item = item->next) {
		int r = default_add(document, item, list);

		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

static int detectors_read(struct document *document, const struct document_node *value,
			  const struct mapping_key *key, void *field)
{
	struct policy_source *source = field;

	(void)key;
	return default_list_read(document, value, &source->policy->detectors);
}

static int feeds_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	struct policy_source *source = field;

	(void)key;
	return default_list_read(document, value, &source->policy->feeds);
}

#define SCHEMA_DEFAULTS "{\"$ref\":\"#/$defs/default_severities\"}"
static const struct mapping_key default_keys[] = {
	{ .name = "detectors", .read = detectors_read, .schema = SCHEMA_DEFAULTS },
	{ .name = "feeds", .read = feeds_read, .schema = SCHEMA_DEFAULTS },
};
const struct mapping_table policy_default_table = { "defaults", default_keys,
						    ELEMENTS(default_keys) };

static int defaults_read(struct document *document, const struct document_node *value,
			 const struct mapping_key *key, void *field)
{
	(void)key;
	return mapping_read(document, value, &policy_default_table, field);
}

static int closing_read(struct document *document, const struct document_node *value,
			const struct mapping_key *key, void *field)
{
	struct policy_source *source = field;

	source->has_closing = true;
	return rule_read_closing(document, value, key, &source->closing);
}

/* ---- files ---- */

static const struct mapping_range version_range = { 1, 1 };
static const struct mapping_key policy_keys[] = {
	{ "name", mapping_label, .offset = offsetof(struct policy_source, name) },
	{ "version", mapping_number, .offset = offsetof(struct policy_source, version),
	  .detail = &version_range },
	{ .name = "defaults", .read = defaults_read, .schema = "{\"$ref\":\"#/$defs/defaults\"}" },
	{ .name = "rules",
	  .read = rules_read,
	  .schema = "{\"type\":[\"array\",\"null\"],\"items\":{\"$ref\":\"#/$defs/rule\"}}" },
	{ .name = "severities",
	  .read = severities_read,
	  .schema = "{\"$ref\":\"#/$defs/severity_actions\"}" },
	{ .name = "close", .read = closing_read, .schema = "{\"$ref\":\"#/$defs/close\"}" },
};
const struct mapping_table policy_table = { "a policy", policy_keys, ELEMENTS(policy_keys) };

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
	if (source->has_closing && policy->closing == &closing_never)
		policy->closing = &source->closing;
	return 0;
}

static struct policy *policy_new(size_t sources)
{
	CLEANUP(policy_free_cleanup) struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return NULL;
	policy->closing = &closing_never;
	/* Rules point to them, so they never move. */
	policy->sources = calloc(sources ? sources : 1, sizeof(*policy->sources));
	return policy->sources ? take_ptr(policy) : NULL;
}

/* When all rules are there. */
static int policy_finish(struct policy *policy, struct document_error *error)
{
	int r = rule_index_new(policy->rules, policy->rules_count, false, &policy->index);

	if (r == 0)
		r = rule_index_new(policy->rules, policy->rules_count, true, &policy->entry_index);
	policy->glances = rule_glances_new(policy->rules, policy->rules_count);
	if (!policy->glances)
		r = -ENOMEM;
	if (r < 0)
		(void)document_error_add(error, "out of memory");
	return r;
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
	if (result == 0)
		result = policy_finish(policy, &error);
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
	if (r == 0)
		r = policy_finish(policy, &error);
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

void policy_set_host(struct policy *policy, const struct policy_host *host)
{
	policy->host = host;
}

bool policy_uses(const struct policy *policy, const char *key)
{
	for (size_t i = 0; i < policy->rules_count; i++)
		if (match_uses(&policy->rules[i].match, key))
			return true;
	return false;
}
