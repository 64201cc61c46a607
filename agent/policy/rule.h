/* SPDX-License-Identifier: Apache-2.0
 *
 * One rule of a policy: what it matches, and what it says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "detect/finding.h"
#include "policy/mapping.h"
#include "policy/match.h"
#include "policy/policy.h"

#define RULE_RESPONSE_UNSAID (-1)
#define RULE_FOREVER	     UINT64_MAX

/* Fields that a counter may go by. */
#define RULE_BY_MAX    4
/* How many times are kept of one counter, each as a number: 8 KiB at most. */
#define RULE_COUNT_MAX 1000

struct policy_source;
struct match_key;

/* Something that is counted, for a threshold or to know the first. */
struct rule_counter {
	bool given;
	uint64_t count;				 /* of a threshold; 1 for the first */
	uint64_t within;			 /* ns */
	const struct match_key *by[RULE_BY_MAX]; /* rows of the match keys */
	size_t by_count;
	bool by_finding; /* also, or when nothing else was said */
	enum severity severity;
};

struct rule {
	char *name;
	struct match match;
	bool matches;		/* `match` was given */
	enum severity severity; /* SEVERITY_NONE: the finding's own */
	int step;		/* up or down, when severity says nothing */
	int response;		/* enum response, or unsaid: what the severity calls for */
	bool except, suppress, goes_on;
	char *reason, *owner; /* of an exception or suppression */
	uint64_t until;	      /* ns since the epoch, from when on an exception is over */
	struct rule_counter threshold, first_only;
	uint32_t sinks; /* of policy_sink_name(); 0: as the severity says */
	struct policy_closing closing;
	bool closes;			    /* `close` was given */
	const struct policy_source *source; /* the file it stands in; borrowed */
	unsigned line, column;
};

/* Reads one rule of a file; ret is owned by the caller also on failure (rule_clear()). */
int rule_read(struct document *document, const struct document_node *node,
	      const struct policy_source *source, struct rule *ret);
void rule_clear(struct rule *rule);

bool rule_expired(const struct rule *rule, uint64_t now);
/* What it makes of a severity, nothing counted. */
enum severity rule_severity(const struct rule *rule, enum severity severity);

/* Words for mapping_choice: response names to enum response. */
extern const struct mapping_words rule_responses;

/* Reads a policy_closing; field: struct policy_closing *. */
mapping_reader rule_read_closing;
extern const struct mapping_table rule_closing_table;
/* Reads a duration; field: uint64_t *, ns. */
mapping_reader rule_read_duration;

/* The keys of a rule, for the schema. */
extern const struct mapping_table rule_table, rule_threshold_table, rule_first_table;
