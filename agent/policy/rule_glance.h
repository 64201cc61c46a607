/* SPDX-License-Identifier: Apache-2.0
 *
 * What rules out most rules that no index finds, before they are asked: one text, and one range of
 * numbers, of each rule, side by side in memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/glance.h"
#include "policy/match.h"

struct rule;

enum glance_number {
	GLANCE_UID,
	GLANCE_PORT,
	GLANCE_SOURCE_PORT,
	GLANCE_NUMBERS,
};
/* More than any of them has. */
#define GLANCE_UNKNOWN UINT64_MAX

/* What has few values: a bit for each, and one for not known. */
enum glance_fact {
	GLANCE_WEEKDAY,
	GLANCE_KIND,
	GLANCE_DIRECTION,
	GLANCE_STUB,
	GLANCE_BLOCKED,
	GLANCE_FACTS,
};

struct rule_glance {
	struct glance text; /* that the text of the key must have */
	uint32_t first, last;
	uint32_t refused; /* facts with which the rule cannot match */
	uint8_t key;	  /* row of match_keys; GLANCE_NO_KEY */
	uint8_t number;	  /* enum glance_number; GLANCE_NUMBERS: none */
};
#define GLANCE_NO_KEY UINT8_MAX

/* What is known of one subject: each is found when it is first asked for. */
#define GLANCE_KEYS 64
struct glance_view {
	struct match_subject *subject;
	uint64_t texts_ready;
	bool numbers_ready, facts_ready;
	uint32_t facts;
	struct glance texts[GLANCE_KEYS];
	uint64_t numbers[GLANCE_NUMBERS];
};

/* A glance for each rule, to be freed. NULL: no memory. */
struct rule_glance *rule_glances_new(const struct rule *rules, size_t count);

static inline void glance_view_begin(struct glance_view *view, struct match_subject *subject)
{
	view->subject = subject;
	view->texts_ready = 0;
	view->numbers_ready = view->facts_ready = false;
}

void glance_view_text(struct glance_view *view, unsigned key);
void glance_view_numbers(struct glance_view *view);
void glance_view_facts(struct glance_view *view);

/* False: the rule does not match. */
static inline bool rule_glance_passes(const struct rule_glance *glance, struct glance_view *view)
{
	if (glance->refused) {
		if (!view->facts_ready)
			glance_view_facts(view);
		if (glance->refused & view->facts)
			return false;
	}
	if (glance->number != GLANCE_NUMBERS) {
		uint64_t number;

		if (!view->numbers_ready)
			glance_view_numbers(view);
		number = view->numbers[glance->number];
		if (number < glance->first || number > glance->last)
			return false;
	}
	if (glance->key == GLANCE_NO_KEY)
		return true;
	if (!(view->texts_ready >> glance->key & 1))
		glance_view_text(view, glance->key);
	return glance_has(&view->texts[glance->key], &glance->text);
}
