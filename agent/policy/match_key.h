/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of a match: one row each says how values are read, how they are compared, and which
 * texts of a finding operators look at.
 */
#pragma once

#include <assert.h>

#include "policy/match.h"
#include "policy/match_value.h"

/* Texts are made here where they do not stand anywhere as they are. */
#define MATCH_TEXT_SIZE 1100
static_assert(MATCH_TEXT_SIZE >= DOMAIN_NAME_TEXT_SIZE, "a name's text is made there");

typedef enum match_answer match_asker(const struct match_condition *condition,
				      struct match_subject *subject);

/* How rules with a key are found by what a finding says (rule_index.c). */
enum match_token {
	TOKEN_NONE,
	TOKEN_TEXT,   /* a plain value is this text */
	TOKEN_NAME,   /* it is this name, or a parent of it */
	TOKEN_NUMBER, /* as text, or a user by number */
};

struct match_key {
	const char *name;
	mapping_reader *read; /* of one plain item; field: struct match_condition *. NULL: it has
			       * operators only */
	match_asker *ask;
	/* Text that is compared. NULL or "": not known, no match. */
	const char *(*text)(const struct match_subject *subject);
	/* The same where there may be several, or must be made: number i, or NULL. */
	const char *(*texts)(struct match_subject *subject, size_t i, char buffer[MATCH_TEXT_SIZE]);
	bool of_entry; /* the entry alone tells */
	/* What the entry alone tells, where that is something; else it may be or not. */
	match_asker *ask_entry;
	bool lower; /* texts are in lower case */
	bool path;  /* it goes by a path that a process may have made up */
	enum match_token token;
	const char *schema; /* of one plain item; NULL: text */
};

extern const struct match_key match_keys[];
extern const size_t match_keys_count;

/* Whether any text passes an operator's tests. */
bool match_texts_pass(const struct match_condition *condition, struct match_subject *subject);
/* Text number i of the key, however it has them. */
const char *match_key_text(const struct match_key *key, struct match_subject *subject, size_t i,
			   char buffer[MATCH_TEXT_SIZE]);

static inline enum match_answer match_answer_of(bool yes)
{
	return yes ? MATCH_YES : MATCH_NO;
}

static inline enum match_answer match_mask(const struct match_condition *condition, unsigned value)
{
	return match_answer_of(condition->mask >> value & 1);
}
