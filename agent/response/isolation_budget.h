/* SPDX-License-Identifier: Apache-2.0
 *
 * The brake: whether this instance may be isolated, given what the tags of all instances of its
 * scope say. Each counts for itself, and all that see the same tags come to the same answer: those
 * that are admitted already, and those before us in the order of time and id, take their places
 * first. Pure.
 */
#pragma once

#include <jansson.h>

#include "response/isolation_facts.h"
#include "response/isolation_options.h"

struct budget_answer {
	bool admitted;
	size_t total;  /* running instances in the scope */
	size_t limit;  /* of them that may be isolated within the window */
	size_t before; /* that have their places before us */
};

/* facts: of DescribeInstances for the scope. time: as our own tag has it. now: ns since the epoch.
 * -EBADMSG: we ourselves are not in it with our tag, so that it cannot be whole yet. */
int budget_judge(const json_t *facts, const char *instance, const char *time, uint64_t now,
		 const struct isolation_options *options, struct budget_answer *ret);

/* The same before there is a tag: what it would be if it came now. */
void budget_look(const json_t *facts, const char *instance, uint64_t now,
		 const struct isolation_options *options, struct budget_answer *ret);

/* The filter of DescribeInstances that makes the scope. false: the instance is in none (there is no
 * such tag, or it is in no Auto Scaling group): it is the VPC's then. */
#define BUDGET_FILTER_SIZE 160
bool budget_filter(const struct isolation_facts *facts, const struct isolation_options *options,
		   char name[static BUDGET_FILTER_SIZE], char value[static 2 * FACTS_NAME_SIZE]);
