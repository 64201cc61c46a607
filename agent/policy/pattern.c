/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks a compiled expression over a text. The expression is whoever wrote the policy's, the text
 * is an attacker's.
 */
#include "policy/pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "policy/pattern_step.h"

/* The steps that wait for the next byte. */
struct step_list {
	uint16_t steps[PATTERN_STEPS_MAX];
	size_t count;
};

struct walk {
	const struct pattern *pattern;
	const uint8_t *text;
	size_t size, at;
	bool found;
	uint32_t turn; /* of the text's byte that a step was last reached at */
	uint32_t reached[PATTERN_STEPS_MAX];
	uint16_t stack[PATTERN_STEPS_MAX]; /* each step is put on it once a turn */
};

static bool is_word(const struct walk *walk, size_t at)
{
	return at < walk->size && (isalnum(walk->text[at]) || walk->text[at] == '_');
}

static bool at_edge(const struct walk *walk)
{
	return (walk->at > 0 && is_word(walk, walk->at - 1)) != is_word(walk, walk->at);
}

static void reach(struct walk *walk, size_t step, size_t *depth)
{
	if (walk->reached[step] == walk->turn)
		return;
	walk->reached[step] = walk->turn;
	walk->stack[(*depth)++] = (uint16_t)step;
}

/* Whether a step that takes no byte lets the walk go on. */
static bool passes(const struct walk *walk, const struct pattern_step *step)
{
	switch (step->kind) {
	case STEP_BEGIN:
		return walk->at == 0;
	case STEP_END:
		return walk->at == walk->size;
	case STEP_WORD_EDGE:
		return at_edge(walk);
	case STEP_NO_EDGE:
		return !at_edge(walk);
	default:
		return true;
	}
}

/* Adds the step, or those that it leads to without a byte. */
static void add(struct walk *walk, struct step_list *list, size_t first)
{
	size_t depth = 0;

	reach(walk, first, &depth);
	while (depth > 0) {
		size_t number = walk->stack[--depth];
		const struct pattern_step *step = &walk->pattern->steps[number];

		if (step->kind == STEP_BYTE) {
			list->steps[list->count++] = (uint16_t)number;
			continue;
		}
		if (step->kind == STEP_FOUND) {
			walk->found = true;
			return;
		}
		if (!passes(walk, step))
			continue;
		reach(walk, number + (size_t)step->first, &depth);
		if (step->kind == STEP_SPLIT)
			reach(walk, number + (size_t)step->second, &depth);
	}
}

/* The next place where a match may begin; the text's end when there is none. */
static size_t next_begin(const struct pattern *pattern, const uint8_t *text, size_t at, size_t size)
{
	while (at < size && !byte_set_has(&pattern->begins, text[at]))
		at++;
	return at;
}

bool pattern_search(const struct pattern *pattern, const char *text, size_t size)
{
	struct walk walk = { .pattern = pattern, .text = (const uint8_t *)text, .size = size };
	struct step_list lists[2];
	struct step_list *now = &lists[0], *next = &lists[1];

	now->count = 0;
	for (;; walk.at++) {
		if (now->count == 0 && pattern->begins_known) {
			walk.at = next_begin(pattern, walk.text, walk.at, size);
			if (walk.at == size)
				return false;
		}
		/* A step that was reached by the byte before is not added again. */
		if (now->count == 0)
			walk.turn++;
		add(&walk, now, 0);
		if (walk.found || walk.at >= size)
			return walk.found;
		next->count = 0;
		walk.turn++;
		walk.at++;
		for (size_t i = 0; i < now->count && !walk.found; i++) {
			const struct pattern_step *step = &pattern->steps[now->steps[i]];

			if (byte_set_has(&pattern->sets[step->set], walk.text[walk.at - 1]))
				add(&walk, next, now->steps[i] + 1u);
		}
		walk.at--;
		if (walk.found)
			return true;
		struct step_list *swap = now;

		now = next;
		next = swap;
	}
}

void pattern_free(struct pattern *pattern)
{
	free(pattern);
}
