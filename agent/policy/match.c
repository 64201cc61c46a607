/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the match keys: one row of keys[] each says how its values are read and how they are
 * compared with a finding. Takes values from match_value.c and gives answers to policy.c. The
 * names, paths and whatever else is compared are an attacker's to choose.
 */
#include "policy/match.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "policy/match_event.h"
#include "policy/match_value.h"
#include "sensor/flow_facts.h"

struct match_key {
	const char *name;
	mapping_reader *read; /* of one item; field: struct match_condition * */
	enum match_answer (*ask)(const struct match_condition *condition,
				 struct match_subject *subject);
	/* Text that is compared, for keys with a shared ask. NULL or "": not known, no match. */
	const char *(*text)(const struct match_subject *subject);
	bool of_entry; /* the entry alone tells */
	/* What the entry alone tells, where that is something; else it may be or not. */
	enum match_answer (*ask_entry)(const struct match_condition *condition,
				       struct match_subject *subject);
};

static enum severity severity_default(enum severity severity)
{
	if (severity < SEVERITY_INFORMATIONAL || severity > SEVERITY_CRITICAL)
		return SEVERITY_MEDIUM;
	return severity;
}

void match_subject_finding(const struct finding *finding, struct match_subject *ret)
{
	ret->detector = finding->detector;
	ret->severity = severity_default(finding->default_severity);
	ret->indicator = finding->indicator;
	ret->event = finding->event;
	ret->process = finding->event ? finding->event->process : NULL;
	ret->entry_only = false;
	ret->qname_ready = ret->entry_ready = ret->server_ready = false;
}

void match_subject_entry(const struct indicator *indicator, struct match_subject *ret)
{
	ret->detector = "indicator";
	ret->severity = severity_default((enum severity)indicator->severity);
	ret->indicator = indicator;
	ret->event = NULL;
	ret->process = NULL;
	ret->entry_only = true;
	ret->qname_ready = ret->entry_ready = ret->server_ready = false;
}

/* ---- what is compared ---- */

static const char *text_detector(const struct match_subject *subject)
{
	return subject->detector;
}

static const char *text_feed(const struct match_subject *subject)
{
	return subject->indicator ? subject->indicator->feed : NULL;
}

static const char *text_exe(const struct match_subject *subject)
{
	/* A path that was cut is not the path: nothing may be granted or excused by it. */
	if (!subject->process || subject->process->exe_truncated)
		return NULL;
	return subject->process->exe;
}

static const char *text_comm(const struct match_subject *subject)
{
	return subject->process ? subject->process->comm : NULL;
}

static const char *text_unit(const struct match_subject *subject)
{
	return subject->process ? subject->process->unit : NULL;
}

static const char *text_container(const struct match_subject *subject)
{
	return subject->process ? subject->process->container : NULL;
}

static const char *text_cgroup(const struct match_subject *subject)
{
	/* As with an executable's path: what was cut does not begin with a slash. */
	if (!subject->process || subject->process->cgroup[0] != '/')
		return NULL;
	return subject->process->cgroup;
}

static const char *text_ja4(const struct match_subject *subject)
{
	const struct flow_facts *flow = subject->event ? subject->event->flow : NULL;

	return flow ? flow->ja4 : NULL;
}

/* ---- how it is compared ---- */

static enum match_answer ask_severity(const struct match_condition *condition,
				      struct match_subject *subject)
{
	return match_mask(condition, subject->severity);
}

static enum match_answer ask_stub(const struct match_condition *condition,
				  struct match_subject *subject)
{
	if (!subject->process)
		return MATCH_NO;
	return match_mask(condition, subject->process->role == PROCESS_ROLE_STUB);
}

static enum match_answer ask_exact(const struct match_condition *condition,
				   struct match_subject *subject)
{
	const char *text = condition->key->text(subject);

	for (size_t i = 0; text && i < condition->count; i++)
		if (strcmp(text, condition->values[i].text) == 0)
			return MATCH_YES;
	return MATCH_NO;
}

static bool glob_matches(const struct match_value *value, const char *text)
{
	if (!value->glob)
		return strcmp(text, value->text) == 0;
	return strncmp(text, value->text, value->head) == 0 &&
	       fnmatch(value->text + value->head, text + value->head, 0) == 0;
}

static enum match_answer ask_glob(const struct match_condition *condition,
				  struct match_subject *subject)
{
	const char *text = condition->key->text(subject);

	if (!text || !*text)
		return MATCH_NO;
	for (size_t i = 0; i < condition->count; i++)
		if (glob_matches(&condition->values[i], text))
			return MATCH_YES;
	return MATCH_NO;
}

/* The tags are one text, joined by commas. */
static bool tags_have(const char *tags, const char *tag)
{
	size_t length = strlen(tag);

	for (const char *at = tags; at && *at;) {
		size_t part = strcspn(at, ",");

		if (part == length && memcmp(at, tag, length) == 0)
			return true;
		at += part + (at[part] == ',');
	}
	return false;
}

static enum match_answer ask_tag(const struct match_condition *condition,
				 struct match_subject *subject)
{
	for (size_t i = 0; subject->indicator && i < condition->count; i++)
		if (tags_have(subject->indicator->tags, condition->values[i].text))
			return MATCH_YES;
	return MATCH_NO;
}

static enum match_answer ask_user(const struct match_condition *condition,
				  struct match_subject *subject)
{
	const struct process *process = subject->process;
	const struct event *event = subject->event;
	const char *name = process ? process->user : "";
	uid_t uid;

	/* Without a process the socket's owner is known; a recorded packet has neither. */
	if (process)
		uid = process->uid;
	else if (event && event->attribution != EVENT_ATTRIBUTION_NONE)
		uid = event->uid;
	else
		return MATCH_NO;
	for (size_t i = 0; i < condition->count; i++) {
		const struct match_value *value = &condition->values[i];

		if (value->numeric ? value->number == uid : strcmp(value->text, name) == 0)
			return MATCH_YES;
	}
	return MATCH_NO;
}

static enum match_answer ask_domain(const struct match_condition *condition,
				    struct match_subject *subject)
{
	if (!subject->event)
		return MATCH_NO;
	if (!subject->qname_ready) {
		subject->qname = subject->event->name;
		domain_name_lower(&subject->qname);
		subject->qname_ready = true;
	}
	return match_answer_of(match_names_cover(condition, &subject->qname));
}

/* The name that the entry is; NULL: it is none. */
static const struct domain_name *subject_entry(struct match_subject *subject)
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

static enum match_answer ask_indicator(const struct match_condition *condition,
				       struct match_subject *subject)
{
	const struct indicator *indicator = subject->indicator;

	if (!indicator)
		return MATCH_NO;
	if (indicator->kind == INDICATOR_DOMAIN)
		return match_answer_of(match_names_cover(condition, subject_entry(subject)));
	for (size_t i = 0; i < condition->count; i++)
		if (strcasecmp(condition->values[i].text, indicator->text) == 0)
			return MATCH_YES;
	return MATCH_NO;
}

bool match_deceived(const struct match *match, const struct match_subject *subject)
{
	const struct process *process = subject->process;

	return match->path_alone && process && (process->container[0] || process->mounts_foreign);
}

bool match_open(const struct match *match)
{
	for (size_t i = 0; i < match->count; i++) {
		const struct match_condition *condition = &match->conditions[i];

		if (condition->key->of_entry)
			return false;
		/* Entries' lookups are questions: naming that kind rules none out. */
		if (condition->key->ask_entry && !(condition->key->ask == match_ask_kind &&
						   condition->mask >> EVENT_QUESTION & 1))
			return false;
	}
	return match->count > 0;
}

/* The names that are asked because of an entry are the entry and what is below it. */
static enum match_answer ask_entry_domain(const struct match_condition *condition,
					  struct match_subject *subject)
{
	const struct domain_name *entry = subject_entry(subject);

	if (!entry)
		return MATCH_MAYBE;
	if (match_names_cover(condition, entry))
		return MATCH_YES;
	for (size_t i = 0; i < condition->count; i++)
		if (domain_name_within(condition->values[i].name, entry))
			return MATCH_MAYBE;
	return MATCH_NO;
}

/* What an entry alone tells about a condition. */
static enum match_answer condition_ask_entry(const struct match_condition *condition,
					     struct match_subject *subject)
{
	const struct match_key *key = condition->key;

	if (key->of_entry)
		return key->ask(condition, subject);
	return key->ask_entry ? key->ask_entry(condition, subject) : MATCH_MAYBE;
}

enum match_answer match_ask(const struct match *match, struct match_subject *subject)
{
	enum match_answer result = MATCH_YES;

	for (size_t i = 0; i < match->count; i++) {
		const struct match_condition *condition = &match->conditions[i];
		enum match_answer one = subject->entry_only
						? condition_ask_entry(condition, subject)
						: condition->key->ask(condition, subject);

		if (one < result)
			result = one;
		if (result == MATCH_NO)
			break;
	}
	return result;
}

/* Cheap ones first: that is the order in which they are asked. */
static const struct match_key keys[] = {
	{ "severity", match_value_severity, ask_severity, NULL, true, NULL },
	{ "detector", match_value_exact, ask_exact, text_detector, true, NULL },
	{ "feed", match_value_exact, ask_exact, text_feed, true, NULL },
	{ "stub", match_value_stub, ask_stub, NULL, false, NULL },
	{ "direction", match_value_direction, match_ask_direction, NULL, false, NULL },
	{ "kind", match_value_kind, match_ask_kind, NULL, false, match_ask_entry_kind },
	{ "protocol", match_value_protocol, match_ask_protocol, NULL, false, NULL },
	{ "port", match_value_port, match_ask_port, NULL, false, NULL },
	{ "user", match_value_user, ask_user, NULL, false, NULL },
	{ "exe", match_value_glob, ask_glob, text_exe, false, NULL },
	{ "comm", match_value_glob, ask_glob, text_comm, false, NULL },
	{ "unit", match_value_glob, ask_glob, text_unit, false, NULL },
	{ "container", match_value_glob, ask_glob, text_container, false, NULL },
	{ "cgroup", match_value_glob, ask_glob, text_cgroup, false, NULL },
	{ "address", match_value_address, match_ask_address, NULL, false, NULL },
	{ "tag", match_value_tag, ask_tag, NULL, true, NULL },
	{ "indicator", match_value_indicator, ask_indicator, NULL, true, NULL },
	{ "domain", match_value_domain, ask_domain, NULL, false, ask_entry_domain },
	{ "alpn", match_value_exact, match_ask_alpn, NULL, false, match_ask_entry_flow },
	{ "ja4", match_value_glob, ask_glob, text_ja4, false, match_ask_entry_flow },
	{ "sni", match_value_domain, match_ask_sni, NULL, false, match_ask_entry_flow },
	{ "host", match_value_domain, match_ask_host, NULL, false, match_ask_entry_flow },
};

/* Reads one key of a match into its own condition. */
static int condition_read(struct document *document, const struct document_node *value,
			  const struct mapping_key *key, void *field)
{
	const struct match_key *row = key->detail;
	struct match *match = field;
	struct match_condition *condition = &match->conditions[row - keys];
	int r;

	condition->key = row;
	r = mapping_each(document, value, row->read, key, condition);
	if (r == 0)
		match_names_sort(condition);
	return r;
}

/* Conditions stood at their key's place; closes the gaps. */
static void conditions_close(struct match *match)
{
	bool path = false, container = false;
	size_t count = 0;

	for (size_t i = 0; i < ELEMENTS(keys); i++)
		if (match->conditions[i].key) {
			path |= match->conditions[i].key->text == text_exe;
			container |= match->conditions[i].key->text == text_container;
			match->conditions[count++] = match->conditions[i];
		}
	match->count = count;
	match->path_alone = path && !container;
}

int match_read(struct document *document, const struct document_node *value,
	       const struct mapping_key *key, void *field)
{
	struct mapping_key rows[ELEMENTS(keys)];
	const struct mapping_table table = { "match", rows, ELEMENTS(rows) };
	struct match *match = field;
	int r;

	(void)key;
	for (size_t i = 0; i < ELEMENTS(keys); i++)
		rows[i] = (struct mapping_key){ .name = keys[i].name,
						.read = condition_read,
						.detail = &keys[i] };
	match->conditions = calloc(ELEMENTS(keys), sizeof(*match->conditions));
	if (!match->conditions) {
		(void)document_fail(document, NULL, "out of memory");
		return -ENOMEM;
	}
	r = mapping_read(document, value, &table, match);
	conditions_close(match);
	/* Emptied by mistake it would match everything. */
	if (r == 0 && match->count == 0)
		return document_fail(document, value,
				     "match with nothing in it; leave it out to match everything");
	return r;
}

void match_free(struct match *match)
{
	for (size_t i = 0; i < match->count; i++)
		match_condition_clear(&match->conditions[i]);
	free(match->conditions);
	*match = (struct match){ 0 };
}
