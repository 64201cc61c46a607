/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the index of rules. Each rule is filed under one condition that names outright what it wants
 * (the one with the fewest other rules under it), or among those that are always asked. Made when
 * the policy is read, of the administrator's text; looked up with what an attacker chose, which can
 * find rules that do not match, but cannot hide one.
 */
#include "policy/rule_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/match_event.h"
#include "policy/match_key.h"
#include "policy/rule.h"

/* One value of a condition of a rule. */
struct filed {
	uint64_t hash;
	uint32_t rule, condition;
};

struct filed_list {
	struct filed *items;
	size_t count, room;
};

/* The rules under one hash: a run of index->rules. */
struct place {
	uint64_t hash;
	uint32_t first, count; /* 0: the place is free */
};

struct rule_index {
	size_t words;
	uint64_t *always;
	uint32_t *rules;
	struct place *places;
	size_t mask;	    /* of places, a power of two less one */
	uint64_t keys_used; /* bit n: rules are filed under row n of match_keys */
	/* Bit n: rules are filed under the first n + 1 bytes of a text. */
	uint64_t heads_used;
};

/* Of a pattern's beginning so many bytes are looked at. */
#define HEAD_MAX 64

static void filed_list_free(struct filed_list *list)
{
	free(list->items);
}

static void filed_list_cleanup(struct filed_list *list)
{
	filed_list_free(list);
}

CLEANUP_DEFINE(struct rule_index *, rule_index_free)

void rule_index_free(struct rule_index *index)
{
	if (!index)
		return;
	free(index->always);
	free(index->rules);
	free(index->places);
	free(index);
}

/* ---- hashes: of a key's row, and a text or a name ---- */

static uint64_t hash_bytes(const struct match_key *key, const void *bytes, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) + (uint64_t)(key - match_keys);
	const uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static uint64_t hash_text(const struct match_key *key, const char *text)
{
	return hash_bytes(key, text, strlen(text));
}

/* Of what a text begins with: another hash than that of a text which is just this. */
static uint64_t head_start(const struct match_key *key)
{
	return UINT64_C(0x84222325cbf29ce4) + (uint64_t)(key - match_keys);
}

static uint64_t head_step(uint64_t hash, char byte)
{
	return (hash ^ (uint8_t)byte) * UINT64_C(0x100000001b3);
}

static uint64_t head_end(uint64_t hash)
{
	return hash ^ hash >> 32;
}

static size_t head_length(size_t length)
{
	return length < HEAD_MAX ? length : HEAD_MAX;
}

static uint64_t hash_head(const struct match_key *key, const char *text, size_t length)
{
	uint64_t hash = head_start(key);

	for (size_t i = 0; i < head_length(length); i++)
		hash = head_step(hash, text[i]);
	return head_end(hash);
}

static uint64_t hash_number(const struct match_key *key, uint64_t number)
{
	return hash_bytes(key, &number, sizeof(number));
}

/* Entries that are no names are compared without regard to case. */
static uint64_t hash_folded(const struct match_key *key, const char *text)
{
	char folded[INDICATOR_TEXT_SIZE];
	size_t length = 0;

	for (; text[length] && length < sizeof(folded) - 1; length++) {
		char c = text[length];

		folded[length] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	return hash_bytes(key, folded, length);
}

/* ---- making it ---- */

static int filed_add(struct filed_list *list, uint64_t hash, uint32_t rule, uint32_t condition)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 256;
		struct filed *items = reallocarray(list->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] =
		(struct filed){ .hash = hash, .rule = rule, .condition = condition };
	return 0;
}

/* Whether all that the condition takes is named outright, so that a rule can be found by it. */
static bool condition_names(const struct match_condition *condition, bool entry_only)
{
	if (condition->key->token == TOKEN_NONE || (entry_only && !condition->key->of_entry))
		return false;
	for (size_t i = 0; i < condition->count; i++)
		if ((condition->values[i].glob && condition->values[i].head == 0) ||
		    condition->values[i].number != condition->values[i].last)
			return false;
	for (size_t i = 0; i < condition->tests_count; i++)
		if (condition->key->token != TOKEN_TEXT ||
		    (text_tests_count(&condition->tests[i].tests, TEXT_IS) == 0 &&
		     text_tests_count(&condition->tests[i].tests, TEXT_PREFIX) == 0))
			return false;
	return condition->count > 0 || condition->tests_count > 0;
}

static int value_file(struct filed_list *list, const struct match_key *key,
		      const struct match_value *value, uint32_t rule, uint32_t condition)
{
	int r = 0;

	if (value->glob)
		return filed_add(list, hash_head(key, value->text, value->head), rule, condition);
	if (key->token == TOKEN_NUMBER && value->numeric)
		return filed_add(list, hash_number(key, value->number), rule, condition);
	if (key->token != TOKEN_NAME)
		return filed_add(list, hash_text(key, value->text), rule, condition);
	if (value->name->length > 0)
		r = filed_add(list, hash_bytes(key, value->name->wire, value->name->length), rule,
			      condition);
	/* An entry may be no name. */
	if (r == 0)
		r = filed_add(list, hash_folded(key, value->text), rule, condition);
	return r;
}

static int condition_file(struct filed_list *list, const struct match_condition *from,
			  uint32_t rule, uint32_t condition)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->count; i++)
		r = value_file(list, from->key, &from->values[i], rule, condition);
	for (size_t i = 0; r == 0 && i < from->tests_count; i++) {
		const struct text_tests *tests = &from->tests[i].tests;
		bool exact = text_tests_count(tests, TEXT_IS) > 0;
		enum text_operator operator= exact ? TEXT_IS : TEXT_PREFIX;

		for (size_t j = 0; r == 0 && j < text_tests_count(tests, operator); j++) {
			const char *text = text_tests_text(tests, operator, j);

			r = filed_add(list,
				      exact ? hash_text(from->key, text)
					    : hash_head(from->key, text, strlen(text)),
				      rule, condition);
		}
	}
	return r;
}

static int filed_order(const void *a, const void *b)
{
	const struct filed *first = a, *second = b;

	if (first->hash != second->hash)
		return first->hash < second->hash ? -1 : 1;
	return first->rule < second->rule ? -1 : first->rule > second->rule;
}

static int by_rule_order(const void *a, const void *b)
{
	const struct filed *first = a, *second = b;

	if (first->rule != second->rule)
		return first->rule < second->rule ? -1 : 1;
	return first->condition < second->condition ? -1 : first->condition > second->condition;
}

/* For each rule the condition to file it under; UINT32_MAX: none. */
static int conditions_choose(struct filed_list *all, size_t rules, uint32_t *chosen)
{
	CLEANUP(free_cleanup) size_t *best = calloc(rules ? rules : 1, sizeof(*best));

	if (!best)
		return -ENOMEM;
	if (all->count)
		qsort(all->items, all->count, sizeof(all->items[0]), filed_order);
	/* The hash is not needed any more: how many share it takes its place. */
	for (size_t i = 0, end; i < all->count; i = end) {
		for (end = i; end < all->count && all->items[end].hash == all->items[i].hash; end++)
			;
		for (size_t j = end; j-- > i;)
			all->items[j].hash = j == i ? all->items[j].hash : end - i;
		all->items[i].hash = end - i;
	}
	if (all->count)
		qsort(all->items, all->count, sizeof(all->items[0]), by_rule_order);
	for (size_t i = 0, end; i < all->count; i = end) {
		const struct filed *item = &all->items[i];
		size_t sum = 0;

		for (end = i; end < all->count && all->items[end].rule == item->rule &&
			      all->items[end].condition == item->condition;
		     end++)
			sum += (size_t)all->items[end].hash;
		if (chosen[item->rule] != UINT32_MAX && best[item->rule] <= sum)
			continue;
		chosen[item->rule] = item->condition;
		best[item->rule] = sum;
	}
	return 0;
}

static void place_put(struct rule_index *index, uint64_t hash, uint32_t first, uint32_t count)
{
	size_t at = (size_t)hash & index->mask;

	while (index->places[at].count > 0)
		at = (at + 1) & index->mask;
	index->places[at] = (struct place){ .hash = hash, .first = first, .count = count };
}

/* Which lengths of beginnings are to be looked up. */
static void heads_note(struct rule_index *index, const struct match_condition *condition)
{
	for (size_t i = 0; i < condition->count; i++)
		if (condition->values[i].glob)
			index->heads_used |= UINT64_C(1)
					     << (head_length(condition->values[i].head) - 1);
	for (size_t i = 0; i < condition->tests_count; i++) {
		const struct text_tests *tests = &condition->tests[i].tests;

		for (size_t j = 0; j < text_tests_count(tests, TEXT_PREFIX); j++)
			index->heads_used |=
				UINT64_C(1)
				<< (head_length(strlen(text_tests_text(tests, TEXT_PREFIX, j))) -
				    1);
	}
}

/* Files what was chosen. */
static int index_fill(struct rule_index *index, struct filed_list *chosen)
{
	size_t places = 16;

	if (chosen->count)
		qsort(chosen->items, chosen->count, sizeof(chosen->items[0]), filed_order);
	while (places < chosen->count * 2)
		places *= 2;
	index->mask = places - 1;
	index->places = calloc(places, sizeof(*index->places));
	index->rules = calloc(chosen->count ? chosen->count : 1, sizeof(*index->rules));
	if (!index->places || !index->rules)
		return -ENOMEM;
	for (size_t i = 0, end; i < chosen->count; i = end) {
		for (end = i;
		     end < chosen->count && chosen->items[end].hash == chosen->items[i].hash; end++)
			index->rules[end] = chosen->items[end].rule;
		place_put(index, chosen->items[i].hash, (uint32_t)i, (uint32_t)(end - i));
	}
	return 0;
}

/* Every condition that rules could be filed under. */
static int conditions_gather(const struct rule *rules, size_t count, bool entry_only,
			     struct filed_list *all)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		for (size_t j = 0; r == 0 && j < rules[i].match.count; j++)
			if (condition_names(&rules[i].match.conditions[j], entry_only))
				r = condition_file(all, &rules[i].match.conditions[j], (uint32_t)i,
						   (uint32_t)j);
	return r;
}

int rule_index_new(const struct rule *rules, size_t count, bool entry_only, struct rule_index **ret)
{
	CLEANUP(rule_index_free_cleanup) struct rule_index *index = calloc(1, sizeof(*index));
	CLEANUP(filed_list_cleanup) struct filed_list all = { 0 };
	CLEANUP(filed_list_cleanup) struct filed_list filed = { 0 };
	CLEANUP(free_cleanup) uint32_t *chosen = calloc(count ? count : 1, sizeof(*chosen));
	int r;

	if (!index || !chosen)
		return -ENOMEM;
	index->words = count / 64 + 1;
	index->always = calloc(index->words, sizeof(*index->always));
	if (!index->always)
		return -ENOMEM;
	memset(chosen, 0xff, count * sizeof(*chosen));
	r = conditions_gather(rules, count, entry_only, &all);
	if (r == 0)
		r = conditions_choose(&all, count, chosen);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct match_condition *condition;

		if (chosen[i] == UINT32_MAX) {
			index->always[i / 64] |= UINT64_C(1) << i % 64;
			continue;
		}
		condition = &rules[i].match.conditions[chosen[i]];
		index->keys_used |= UINT64_C(1) << (condition->key - match_keys);
		heads_note(index, condition);
		r = condition_file(&filed, condition, (uint32_t)i, chosen[i]);
	}
	if (r == 0)
		r = index_fill(index, &filed);
	if (r == 0)
		*ret = take_ptr(index);
	return r;
}

/* ---- looking up ---- */

size_t rule_index_words(const struct rule_index *index)
{
	return index->words;
}

static void set_add(const struct rule_index *index, uint64_t hash, uint64_t *set)
{
	size_t at = (size_t)hash & index->mask;

	while (index->places[at].count > 0 && index->places[at].hash != hash)
		at = (at + 1) & index->mask;
	for (uint32_t i = 0; i < index->places[at].count; i++) {
		uint32_t rule = index->rules[index->places[at].first + i];

		set[rule / 64] |= UINT64_C(1) << rule % 64;
	}
}

/* The name, and each of its parents. */
static void set_add_name(const struct rule_index *index, const struct match_key *key,
			 const struct domain_name *name, uint64_t *set)
{
	for (size_t at = 0; name && at < name->length; at += (size_t)name->wire[at] + 1)
		set_add(index, hash_bytes(key, name->wire + at, name->length - at), set);
}

/* All beginnings of the text that rules are filed under. */
static void set_add_heads(const struct rule_index *index, const struct match_key *key,
			  const char *text, uint64_t *set)
{
	uint64_t hash = head_start(key);

	for (size_t i = 0; i < HEAD_MAX && text[i] && index->heads_used >> i; i++) {
		hash = head_step(hash, text[i]);
		if (index->heads_used >> i & 1)
			set_add(index, head_end(hash), set);
	}
}

static void set_add_texts(const struct rule_index *index, const struct match_key *key,
			  struct match_subject *subject, uint64_t *set)
{
	char buffer[MATCH_TEXT_SIZE];
	const char *text;

	for (size_t i = 0; (text = match_key_text(key, subject, i, buffer)); i++) {
		set_add(index, hash_text(key, text), set);
		set_add_heads(index, key, text, set);
	}
}

static void set_add_user(const struct rule_index *index, const struct match_key *key,
			 struct match_subject *subject, uint64_t *set)
{
	if (subject->process)
		set_add(index, hash_number(key, subject->process->uid), set);
	else if (subject->event)
		set_add(index, hash_number(key, subject->event->uid), set);
	set_add_texts(index, key, subject, set);
}

static void set_add_names(const struct rule_index *index, const struct match_key *key,
			  struct match_subject *subject, uint64_t *set)
{
	if (key->ask == match_ask_sni || key->ask == match_ask_host) {
		set_add_name(index, key, match_subject_server(subject, key->ask == match_ask_host),
			     set);
	} else if (!key->of_entry) {
		set_add_name(index, key, match_subject_qname(subject), set);
	} else if (subject->indicator) {
		set_add_name(index, key, match_subject_entry_name(subject), set);
		set_add(index, hash_folded(key, subject->indicator->text), set);
	}
}

void rule_index_find(const struct rule_index *index, struct match_subject *subject, uint64_t *set)
{
	static void (*const adders[])(const struct rule_index *index, const struct match_key *key,
				      struct match_subject *subject, uint64_t *set) = {
		[TOKEN_TEXT] = set_add_texts,
		[TOKEN_NAME] = set_add_names,
		[TOKEN_NUMBER] = set_add_user,
	};

	memcpy(set, index->always, index->words * sizeof(*set));
	for (uint64_t keys = index->keys_used; keys; keys &= keys - 1) {
		const struct match_key *key = &match_keys[__builtin_ctzll(keys)];

		adders[key->token](index, key, subject, set);
	}
}
