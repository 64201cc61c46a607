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

struct policy_source;

struct rule {
	char *name;
	struct match match;
	bool matches;		/* `match` was given */
	enum severity severity; /* SEVERITY_NONE: the finding's own */
	int response;		/* enum response, or unsaid: what the severity calls for */
	bool except;
	char *reason;	/* of an exception */
	uint64_t until; /* ns since the epoch, from when on an exception is over */
	const struct policy_source *source; /* the file it stands in; borrowed */
	unsigned line, column;
};

/* Reads one rule of a file; ret is owned by the caller also on failure (rule_clear()). */
int rule_read(struct document *document, const struct document_node *node,
	      const struct policy_source *source, struct rule *ret);
void rule_clear(struct rule *rule);

bool rule_expired(const struct rule *rule, uint64_t now);

/* Words for mapping_choice: response names to enum response. */
extern const struct mapping_words rule_responses;
