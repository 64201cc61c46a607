/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the rules that may match a finding without asking each: by the detector, feed, tag, name,
 * executable and others that a rule names outright. Only those are asked then, in their order; so
 * thousands of rules that each name something of their own cost little more than ten.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/match.h"

struct rule;
struct rule_index;

/* entry_only: only what an entry alone tells is looked at. Rules are borrowed. 0 or -ENOMEM. */
int rule_index_new(const struct rule *rules, size_t count, bool entry_only,
		   struct rule_index **ret);
void rule_index_free(struct rule_index *index);

/* Words of a set with a bit for each rule. */
size_t rule_index_words(const struct rule_index *index);
/* Fills the set with the rules that may match: none that is not in it does. */
void rule_index_find(const struct rule_index *index, struct match_subject *subject, uint64_t *set);
