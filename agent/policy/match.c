/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns matches: conditions and groups, how they are read, and what they say of a finding or of an
 * entry alone. Takes keys from match_key.c and gives answers to policy.c. What is compared is an
 * attacker's to choose.
 */
#include "policy/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/match_event.h"
#include "policy/match_host.h"
#include "policy/match_key.h"
#include "policy/match_process.h"

/* ---- what is looked at ---- */

static enum severity severity_default(enum severity severity)
{
	if (severity < SEVERITY_INFORMATIONAL || severity > SEVERITY_CRITICAL)
		return SEVERITY_MEDIUM;
	return severity;
}

void match_subject_finding(const struct finding *finding, const struct policy_host *host,
			   uint64_t now, struct match_subject *ret)
{
	const struct event *event = finding->event;

	ret->detector = finding->detector;
	ret->severity = severity_default(finding->default_severity);
	ret->finding = finding;
	ret->indicator = finding->indicator;
	ret->event = event;
	ret->process = event ? event->process : NULL;
	ret->host = host;
	ret->time = event && event->time ? event->time : now;
	ret->entry_only = false;
	ret->qname_ready = ret->entry_ready = ret->server_ready = false;
}

void match_subject_entry(const struct indicator *indicator, const struct policy_host *host,
			 struct match_subject *ret)
{
	ret->detector = "indicator";
	ret->severity = severity_default((enum severity)indicator->severity);
	ret->finding = NULL;
	ret->indicator = indicator;
	ret->event = NULL;
	ret->process = NULL;
	ret->host = host;
	ret->time = 0;
	ret->entry_only = true;
	ret->qname_ready = ret->entry_ready = ret->server_ready = false;
}

const struct domain_name *match_subject_qname(struct match_subject *subject)
{
	if (!subject->event || subject->event->name.length == 0)
		return NULL;
	if (!subject->qname_ready) {
		subject->qname = subject->event->name;
		domain_name_lower(&subject->qname);
		subject->qname_ready = true;
	}
	return &subject->qname;
}

const struct domain_name *match_subject_entry_name(struct match_subject *subject)
{
	if (!subject->indicator || subject->indicator->kind != INDICATOR_DOMAIN)
		return NULL;
	if (!subject->entry_ready) {
		if (domain_name_parse(subject->indicator->text, &subject->entry) < 0)
			subject->entry.length = 0;
		domain_name_lower(&subject->entry);
		subject->entry_ready = true;
	}
	return &subject->entry;
}

/* ---- asking ---- */

static enum match_answer condition_ask_event(const struct match_condition *condition,
					     struct match_subject *subject)
{
	/* Nearly all are plain values. */
	if (condition->tests_count == 0)
		return condition->key->ask(condition, subject);
	/* Tags of an instance are all tests, and each has a name. */
	if (condition->key->ask == match_ask_instance_tag)
		return match_ask_instance_tag(condition, subject);
	if ((condition->count > 0 || condition->mask) &&
	    condition->key->ask(condition, subject) == MATCH_YES)
		return MATCH_YES;
	return match_answer_of(match_texts_pass(condition, subject));
}

/* What an entry alone tells about a condition. */
static enum match_answer condition_ask_entry(const struct match_condition *condition,
					     struct match_subject *subject)
{
	const struct match_key *key = condition->key;

	/* Of flows an entry has nothing: that is known. */
	if (key->of_entry || key->ask_entry == match_ask_entry_flow)
		return condition_ask_event(condition, subject);
	if (!key->ask_entry || condition->tests_count > 0)
		return MATCH_MAYBE;
	return key->ask_entry(condition, subject);
}

static enum match_answer condition_ask(const struct match_condition *condition,
				       struct match_subject *subject)
{
	return subject->entry_only ? condition_ask_entry(condition, subject)
				   : condition_ask_event(condition, subject);
}

static enum match_answer group_ask(const struct match_group *group, struct match_subject *subject)
{
	enum match_answer least = MATCH_YES, most = MATCH_NO;

	for (size_t i = 0; i < group->count; i++) {
		enum match_answer one = match_ask(&group->members[i], subject);

		least = one < least ? one : least;
		most = one > most ? one : most;
		if (group->grouping == MATCH_ALL ? one == MATCH_NO : one == MATCH_YES)
			break;
	}
	if (group->grouping == MATCH_ALL)
		return least;
	if (group->grouping == MATCH_ANY)
		return most;
	return (enum match_answer)(MATCH_YES - most);
}

enum match_answer match_ask(const struct match *match, struct match_subject *subject)
{
	enum match_answer result = MATCH_YES;

	for (size_t i = 0; i < match->count && result != MATCH_NO; i++) {
		enum match_answer one = condition_ask(&match->conditions[i], subject);

		result = one < result ? one : result;
	}
	for (size_t i = 0; i < match->groups_count && result != MATCH_NO; i++) {
		enum match_answer one = group_ask(&match->groups[i], subject);

		result = one < result ? one : result;
	}
	return result;
}

static const char *const grouping_names[] = { "all", "any", "not" };

const char *match_failing(const struct match *match, struct match_subject *subject)
{
	for (size_t i = 0; i < match->count; i++)
		if (condition_ask(&match->conditions[i], subject) != MATCH_YES)
			return match->conditions[i].key->name;
	for (size_t i = 0; i < match->groups_count; i++)
		if (group_ask(&match->groups[i], subject) != MATCH_YES)
			return grouping_names[match->groups[i].grouping];
	return NULL;
}

bool match_empty(const struct match *match)
{
	return match->count == 0 && match->groups_count == 0;
}

static bool process_deceives(const struct process *process)
{
	return process->container[0] || process->mounts_foreign;
}

bool match_deceived(const struct match *match, const struct match_subject *subject)
{
	const struct process *process = match->path_alone ? subject->process : NULL;

	/* Paths of those that started it count as well. */
	for (size_t i = 0; process && i <= PROCESS_ANCESTORS_MAX; i++, process = process->parent)
		if (process_deceives(process))
			return true;
	return false;
}

/* Whether the condition can be ruled out by the entry alone. */
static bool condition_tells(const struct match_condition *condition)
{
	const struct match_key *key = condition->key;

	if (key->of_entry)
		return true;
	/* Entries' lookups are questions: naming that kind rules none out. */
	return key->ask_entry &&
	       !(key->ask == match_ask_kind && condition->mask >> EVENT_QUESTION & 1);
}

static bool group_tells(const struct match_group *group)
{
	bool all = true, any = false;

	for (size_t i = 0; i < group->count; i++) {
		bool one = !match_open(&group->members[i]) && !match_empty(&group->members[i]);

		all &= one;
		any |= one;
	}
	return group->grouping == MATCH_ALL || group->grouping == MATCH_NOT ? any : all;
}

bool match_open(const struct match *match)
{
	for (size_t i = 0; i < match->count; i++)
		if (condition_tells(&match->conditions[i]))
			return false;
	for (size_t i = 0; i < match->groups_count; i++)
		if (group_tells(&match->groups[i]))
			return false;
	return !match_empty(match);
}

/* ---- reading ---- */

static int out_of_memory(struct document *document)
{
	(void)document_fail(document, NULL, "out of memory");
	return -ENOMEM;
}

static int item_read(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	struct match_condition *condition = field;

	if (node->kind == DOCUMENT_MAPPING && condition->key->read != match_value_instance_tag &&
	    (condition->key->text || condition->key->texts))
		return match_value_tests(document, node, key, field);
	return condition->key->read(document, node, key, field);
}

/* Reads one key of a match into its own condition. */
static int condition_read(struct document *document, const struct document_node *value,
			  const struct mapping_key *key, void *field)
{
	const struct match_key *row = key->detail;
	struct match *match = field;
	struct match_condition *condition = &match->conditions[row - match_keys];
	int r;

	condition->key = row;
	r = mapping_each(document, value, item_read, key, condition);
	if (r == 0)
		match_names_sort(condition);
	return r;
}

static int member_read(struct document *document, const struct document_node *node,
		       const struct mapping_key *key, void *field)
{
	struct match_group *group = field;
	struct match *members = reallocarray(group->members, group->count + 1, sizeof(*members));

	if (!members)
		return out_of_memory(document);
	group->members = members;
	members[group->count] = (struct match){ 0 };
	return match_read(document, node, key, &members[group->count++]);
}

static int group_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	struct match *match = field;
	struct match_group *groups =
		reallocarray(match->groups, match->groups_count + 1, sizeof(*groups));
	const enum match_grouping *grouping = key->detail;

	if (!groups)
		return out_of_memory(document);
	match->groups = groups;
	groups[match->groups_count] = (struct match_group){ .grouping = *grouping };
	return mapping_each(document, value, member_read, key, &groups[match->groups_count++]);
}

bool match_uses(const struct match *match, const char *key)
{
	for (size_t i = 0; i < match->count; i++)
		if (strcmp(match->conditions[i].key->name, key) == 0)
			return true;
	for (size_t i = 0; i < match->groups_count; i++)
		for (size_t j = 0; j < match->groups[i].count; j++)
			if (match_uses(&match->groups[i].members[j], key))
				return true;
	return false;
}

/* A path is looked at somewhere. */
static bool match_has_path(const struct match *match)
{
	for (size_t i = 0; i < match->count; i++)
		if (match->conditions[i].key->path)
			return true;
	for (size_t i = 0; i < match->groups_count; i++)
		for (size_t j = 0; j < match->groups[i].count; j++)
			if (match_has_path(&match->groups[i].members[j]))
				return true;
	return false;
}

/* That there is a container, or none, does not say which. */
static bool condition_names_container(const struct match_condition *condition)
{
	if (condition->key->text != match_text_container)
		return false;
	for (size_t i = 0; i < condition->tests_count; i++)
		if (text_tests_presence_only(&condition->tests[i].tests))
			return false;
	return true;
}

/* Conditions stood at their key's place; closes the gaps. */
static void conditions_close(struct match *match)
{
	struct match_condition *shrunk;
	bool container = false;
	size_t count = 0;

	for (size_t i = 0; i < match_keys_count; i++)
		if (match->conditions[i].key) {
			container |= condition_names_container(&match->conditions[i]);
			match->conditions[count++] = match->conditions[i];
		}
	match->count = count;
	/* There are thousands of rules, and most have two or three of all the keys. */
	shrunk = realloc(match->conditions, (count ? count : 1) * sizeof(*shrunk));
	if (shrunk)
		match->conditions = shrunk;
	match->path_alone = match_has_path(match) && !container;
}

/* As many keys as there are, and the groups. */
#define KEYS_MAX 64

static const enum match_grouping groupings[] = { MATCH_ALL, MATCH_ANY, MATCH_NOT };

static size_t rows_make(struct mapping_key rows[static KEYS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < match_keys_count && count < KEYS_MAX - ELEMENTS(groupings); i++)
		rows[count++] = (struct mapping_key){ .name = match_keys[i].name,
						      .read = condition_read,
						      .detail = &match_keys[i] };
	for (size_t i = 0; i < ELEMENTS(groupings); i++)
		rows[count++] = (struct mapping_key){ .name = grouping_names[i],
						      .read = group_read,
						      .detail = &groupings[i] };
	return count;
}

int match_read(struct document *document, const struct document_node *value,
	       const struct mapping_key *key, void *field)
{
	struct mapping_key rows[KEYS_MAX];
	const struct mapping_table table = { "match", rows, rows_make(rows) };
	struct match *match = field;
	int r;

	(void)key;
	match->conditions = calloc(match_keys_count, sizeof(*match->conditions));
	if (!match->conditions)
		return out_of_memory(document);
	r = mapping_read(document, value, &table, match);
	conditions_close(match);
	/* Emptied by mistake it would match everything. */
	if (r == 0 && match_empty(match))
		return document_fail(document, value,
				     "match with nothing in it; leave it out to match everything");
	return r;
}

void match_free(struct match *match)
{
	for (size_t i = 0; i < match->count; i++)
		match_condition_clear(&match->conditions[i]);
	free(match->conditions);
	for (size_t i = 0; i < match->groups_count; i++) {
		for (size_t j = 0; j < match->groups[i].count; j++)
			match_free(&match->groups[i].members[j]);
		free(match->groups[i].members);
	}
	free(match->groups);
	*match = (struct match){ 0 };
}
