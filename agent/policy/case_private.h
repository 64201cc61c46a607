/* SPDX-License-Identifier: Apache-2.0
 *
 * What case_read.c (the keys of a file of cases) and cases.c (running them) share.
 */
#pragma once

#include "policy/case_finding.h"
#include "policy/cases.h"

#define POLICIES_MAX  64
#define CASE_TAGS_MAX 50 /* of an instance; AWS allows no more */

struct case_expectation {
	char *rule, *policy, *reason, *owner;
	char *sinks; /* joined by commas */
	enum severity severity;
	int response, excepted, suppressed, raised, lowered, entry;
};
#define EXPECTATION_UNSAID                                                                         \
	{                                                                                          \
		.response = UNSAID, .excepted = UNSAID, .suppressed = UNSAID, .raised = UNSAID,    \
		.lowered = UNSAID, .entry = UNSAID                                                 \
	}

/* So many sightings of the case's event, each of which is as expected. */
struct case_step {
	uint64_t after; /* ns since the sighting before */
	uint64_t times, every;
	struct case_expectation expect;
};

struct policy_case {
	char *name;
	struct case_event event;
	char *finding; /* path of an OCSF object, in the place of an event */
	bool has_event;
	struct case_expectation expect;
	bool expects;
	const struct document_node *steps;
};

/* A file while it is run. */
struct run {
	char *paths[POLICIES_MAX];
	size_t paths_count;
	const struct document_node *cases;
	uint64_t now; /* of cases that give no time */
	struct policy_host host;
	struct policy_tag tags[CASE_TAGS_MAX];
	struct policy *policy;
	case_tell tell;
	void *userdata;
	struct case_totals *totals;
	const char *only; /* the case to be explained; NULL: cases are run */
	case_explain explain;
	bool explained;
};

void case_expectation_clear(struct case_expectation *expect);
void case_clear(struct policy_case *policy_case);
/* Of case_expectation.entry: "blocks", and others. */
const char *case_entry_word(int entry);
