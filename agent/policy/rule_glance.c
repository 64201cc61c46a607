/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the choice of what is looked at first of a rule. Made when the policy is read; what is
 * looked up is an attacker's, who can make a rule be asked for nothing, but cannot hide one.
 */
#include "policy/rule_glance.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/match_event.h"
#include "policy/match_host.h"
#include "policy/match_key.h"
#include "policy/match_process.h"
#include "policy/rule.h"

static_assert(GLANCE_KEYS <= 64, "a bit for each");

/* What all of several have in common. */
struct common {
	struct glance glance;
	bool any;
};

static void common_take(struct common *common, const struct glance *one)
{
	for (size_t i = 0; i < GLANCE_WORDS; i++)
		common->glance.words[i] =
			common->any ? common->glance.words[i] & one->words[i] : one->words[i];
	common->any = true;
}

/* Any of the values, or of the mappings of operators, may match: what all of them need. */
static struct glance condition_needs(const struct match_condition *condition)
{
	struct common common = { .any = false };

	/* Plain values of other kinds are not compared as texts. */
	if (condition->mask || (condition->count > 0 && condition->key->read != match_value_glob))
		return (struct glance){ 0 };
	for (size_t i = 0; i < condition->count; i++) {
		struct glance one = { 0 };

		glance_add_glob(&one, condition->values[i].text);
		common_take(&common, &one);
	}
	for (size_t i = 0; i < condition->tests_count; i++) {
		struct glance one = { 0 };

		text_tests_glance(&condition->tests[i].tests, &one);
		common_take(&common, &one);
	}
	return common.glance;
}

/* Where a fact's bits are; that of what is not known is the last of them. */
static const struct {
	match_asker *ask;
	unsigned first, count;
} facts[GLANCE_FACTS] = {
	[GLANCE_WEEKDAY] = { match_ask_weekday, 0, 8 },
	[GLANCE_KIND] = { match_ask_kind, 8, 8 },
	[GLANCE_DIRECTION] = { match_ask_direction, 16, 4 },
	[GLANCE_STUB] = { match_ask_stub, 20, 3 },
	[GLANCE_BLOCKED] = { match_ask_blocked, 23, 3 },
};

static void facts_take(struct rule_glance *glance, const struct match_condition *condition)
{
	if (!condition->mask || condition->count > 0 || condition->tests_count > 0)
		return;
	for (size_t i = 0; i < GLANCE_FACTS; i++)
		if (facts[i].ask == condition->key->ask)
			glance->refused |= (~condition->mask & ((1u << facts[i].count) - 1))
					   << facts[i].first;
}

static bool number_of(const struct match_condition *condition, uint8_t *ret)
{
	static const struct {
		match_asker *ask;
		enum glance_number number;
	} numbers[] = { { match_ask_user, GLANCE_UID },
			{ match_ask_port, GLANCE_PORT },
			{ match_ask_source_port, GLANCE_SOURCE_PORT } };

	for (size_t i = 0; i < ELEMENTS(numbers); i++)
		if (condition->key->ask == numbers[i].ask) {
			*ret = (uint8_t)numbers[i].number;
			return true;
		}
	return false;
}

/* From the lowest to the highest. */
static void range_take(struct rule_glance *glance, const struct match_condition *condition)
{
	uint64_t first = UINT32_MAX, last = 0;
	uint8_t number;

	if (condition->count == 0 || condition->tests_count > 0 || !number_of(condition, &number))
		return;
	for (size_t i = 0; i < condition->count; i++) {
		const struct match_value *value = &condition->values[i];

		/* A user's name may be anybody's number. */
		if (!value->numeric)
			return;
		first = value->number < first ? value->number : first;
		last = value->last > last ? value->last : last;
	}
	if (glance->number != GLANCE_NUMBERS && glance->last - glance->first <= last - first)
		return;
	glance->number = number;
	glance->first = (uint32_t)first;
	glance->last = (uint32_t)last;
}

static void match_take(struct rule_glance *glance, const struct match *match)
{
	for (size_t i = 0; i < match->count; i++) {
		const struct match_condition *condition = &match->conditions[i];
		size_t key = (size_t)(condition->key - match_keys);
		struct glance needs;

		facts_take(glance, condition);
		range_take(glance, condition);
		if (key >= GLANCE_KEYS || condition->key->ask == match_ask_instance_tag)
			continue;
		needs = condition_needs(condition);
		if (glance_count(&needs) <= glance_count(&glance->text))
			continue;
		glance->text = needs;
		glance->key = (uint8_t)key;
	}
	/* All of it must hold, as of what is around it. */
	for (size_t i = 0; i < match->groups_count; i++)
		for (size_t j = 0;
		     match->groups[i].grouping == MATCH_ALL && j < match->groups[i].count; j++)
			match_take(glance, &match->groups[i].members[j]);
}

struct rule_glance *rule_glances_new(const struct rule *rules, size_t count)
{
	struct rule_glance *glances = calloc(count ? count : 1, sizeof(*glances));

	for (size_t i = 0; glances && i < count; i++) {
		glances[i].key = GLANCE_NO_KEY;
		glances[i].number = GLANCE_NUMBERS;
		match_take(&glances[i], &rules[i].match);
	}
	return glances;
}

/* ---- looking ---- */

/* All texts that the key may look at together. */
void glance_view_text(struct glance_view *view, unsigned key)
{
	struct glance *glance = &view->texts[key];
	char buffer[MATCH_TEXT_SIZE];
	const char *text;

	*glance = (struct glance){ 0 };
	for (size_t i = 0; (text = match_key_text(&match_keys[key], view->subject, i, buffer)); i++)
		glance_add(glance, text, strlen(text));
	view->texts_ready |= UINT64_C(1) << key;
}

void glance_view_numbers(struct glance_view *view)
{
	const struct match_subject *subject = view->subject;
	uid_t uid;

	view->numbers[GLANCE_UID] = match_process_uid(subject, &uid) ? uid : GLANCE_UNKNOWN;
	view->numbers[GLANCE_PORT] =
		subject->event ? match_event_port(subject->event) : GLANCE_UNKNOWN;
	view->numbers[GLANCE_SOURCE_PORT] =
		subject->event ? subject->event->source_port : GLANCE_UNKNOWN;
	view->numbers_ready = true;
}

/* value -1: it is not known. */
static uint32_t fact_bit(enum glance_fact fact, int value)
{
	unsigned last = facts[fact].count - 1;

	return 1u << (facts[fact].first +
		      (value < 0 || (unsigned)value > last ? last : (unsigned)value));
}

void glance_view_facts(struct glance_view *view)
{
	const struct match_subject *subject = view->subject;
	const struct event *event = subject->event;
	const struct process *process = subject->process;

	view->facts = fact_bit(GLANCE_WEEKDAY, (int)match_host_weekday(subject)) |
		      fact_bit(GLANCE_KIND, event ? (int)event->kind : -1) |
		      fact_bit(GLANCE_DIRECTION, event ? (int)event->direction : -1) |
		      fact_bit(GLANCE_STUB, process ? process->role == PROCESS_ROLE_STUB : -1) |
		      fact_bit(GLANCE_BLOCKED, event ? event->disposition == EVENT_BLOCKED : -1);
	view->facts_ready = true;
}
