/* SPDX-License-Identifier: Apache-2.0
 *
 * What has happened so far, for rules with a threshold or that tell the first only: when each key
 * of a rule was seen, the last so many times. Bounded: the keys used longest ago go first, and
 * count anew if they come again. Kept over a reload of the policy, since it goes by the rules'
 * names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/match.h"

/* Keys, and bytes of all times together: an attacker may make up any number of keys. */
#define THRESHOLD_KEYS_MAX  4096
#define THRESHOLD_BYTES_MAX (4u << 20)

struct rule_counter;
struct threshold_table;

int threshold_table_new(struct threshold_table **ret);
void threshold_table_free(struct threshold_table *table);

/* Notes that the finding was seen, for this counter of the rule, and says how many times that was
 * within the counter's time, this one included, up to its count + 1. Without memory: 1. */
uint64_t threshold_count(struct threshold_table *table, const char *policy, const char *rule,
			 const struct rule_counter *counter, struct match_subject *subject);
