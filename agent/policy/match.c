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
#include "policy/match_value.h"

/* Up to this many names are compared one by one. */
#define NAMES_FEW 8

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
	ret->qname_ready = ret->entry_ready = false;
}

void match_subject_entry(const struct indicator *indicator, struct match_subject *ret)
{
	ret->detector = "indicator";
	ret->severity = severity_default((enum severity)indicator->severity);
	ret->indicator = indicator;
	ret->event = NULL;
	ret->process = NULL;
	ret->entry_only = true;
	ret->qname_ready = ret->entry_ready = false;
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

/* ---- how it is compared ---- */

static enum match_answer answer(bool yes)
{
	return yes ? MATCH_YES : MATCH_NO;
}

static enum match_answer ask_mask(const struct match_condition *condition, unsigned value)
{
	return answer(condition->mask >> value & 1);
}

static enum match_answer ask_severity(const struct match_condition *condition,
				      struct match_subject *subject)
{
	return ask_mask(condition, subject->severity);
}

static enum match_answer ask_stub(const struct match_condition *condition,
				  struct match_subject *subject)
{
	if (!subject->process)
		return MATCH_NO;
	return ask_mask(condition, subject->process->role == PROCESS_ROLE_STUB);
}

static enum match_answer ask_direction(const struct match_condition *condition,
				       struct match_subject *subject)
{
	return subject->event ? ask_mask(condition, subject->event->direction) : MATCH_NO;
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

static bool prefix_has(const struct match_value *value, const struct address *address)
{
	size_t whole = value->length / 8, bits = value->length % 8;

	if (memcmp(address->bytes, value->address.bytes, whole) != 0)
		return false;
	return bits == 0 ||
	       (address->bytes[whole] ^ value->address.bytes[whole]) >> (8 - bits) == 0;
}

static enum match_answer ask_address(const struct match_condition *condition,
				     struct match_subject *subject)
{
	const struct event *event = subject->event;

	for (size_t i = 0; event && i < condition->count; i++)
		if (prefix_has(&condition->values[i], &event->source) ||
		    prefix_has(&condition->values[i], &event->destination))
			return MATCH_YES;
	return MATCH_NO;
}

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
static bool names_cover(const struct match_condition *condition, const struct domain_name *name)
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
	return answer(names_cover(condition, &subject->qname));
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
		return answer(names_cover(condition, subject_entry(subject)));
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
	for (size_t i = 0; i < match->count; i++)
		if (match->conditions[i].key->of_entry || match->conditions[i].key->ask_entry)
			return false;
	return match->count > 0;
}

/* The names that are asked because of an entry are the entry and what is below it. */
static enum match_answer ask_entry_domain(const struct match_condition *condition,
					  struct match_subject *subject)
{
	const struct domain_name *entry = subject_entry(subject);

	if (!entry)
		return MATCH_MAYBE;
	if (names_cover(condition, entry))
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
	{ "direction", match_value_direction, ask_direction, NULL, false, NULL },
	{ "user", match_value_user, ask_user, NULL, false, NULL },
	{ "exe", match_value_glob, ask_glob, text_exe, false, NULL },
	{ "comm", match_value_glob, ask_glob, text_comm, false, NULL },
	{ "unit", match_value_glob, ask_glob, text_unit, false, NULL },
	{ "container", match_value_glob, ask_glob, text_container, false, NULL },
	{ "cgroup", match_value_glob, ask_glob, text_cgroup, false, NULL },
	{ "address", match_value_address, ask_address, NULL, false, NULL },
	{ "tag", match_value_tag, ask_tag, NULL, true, NULL },
	{ "indicator", match_value_indicator, ask_indicator, NULL, true, NULL },
	{ "domain", match_value_domain, ask_domain, NULL, false, ask_entry_domain },
};

static int values_order(const void *a, const void *b)
{
	const struct domain_name *first = ((const struct match_value *)a)->name;
	const struct domain_name *second = ((const struct match_value *)b)->name;

	return wire_compare(first->wire, first->length, second->wire, second->length);
}

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
	if (r == 0 && condition->count > 0 && condition->values[0].name)
		qsort(condition->values, condition->count, sizeof(*condition->values),
		      values_order);
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
