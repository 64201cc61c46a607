/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rule looks at: conditions, all of which must hold. Compiled when the policy is read, so
 * that asking costs a walk over a few words and no memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/domain_name.h"
#include "detect/finding.h"
#include "policy/mapping.h"

/* Three-valued: an entry alone does not tell who will ask for it. */
enum match_answer {
	MATCH_NO,
	MATCH_MAYBE,
	MATCH_YES,
};

struct match_condition;

struct match {
	struct match_condition *conditions; /* by what they cost: cheap ones first */
	size_t count;
	bool path_alone; /* it goes by exe, and says nothing of the container */
};

/* What the conditions look at. Borrows all of it. */
struct match_subject {
	const char *detector;
	enum severity severity; /* the default one, never SEVERITY_NONE */
	const struct indicator *indicator;
	const struct event *event;
	const struct process *process;
	bool entry_only; /* whatever is not the entry's is not known yet */

	/* Names in lower case, made when they are first asked for. */
	bool qname_ready, entry_ready, server_ready;
	struct domain_name qname, entry, server; /* length 0: no name */
};

/* Takes a finding, or an indicator alone, apart. */
void match_subject_finding(const struct finding *finding, struct match_subject *ret);
void match_subject_entry(const struct indicator *indicator, struct match_subject *ret);

/* Reads the mapping of `match:`; field: struct match *, empty before. */
mapping_reader match_read;
void match_free(struct match *match);

/* MATCH_MAYBE only for a subject of an entry. Without conditions everything matches. */
/* Whether the process may have made up the path that the match goes by: it is in a container, or in
 * a mount namespace that it could make itself. */
bool match_deceived(const struct match *match, const struct match_subject *subject);
/* Whether an entry alone can never rule the match out: it leaves every entry's answer open. */
bool match_open(const struct match *match);

enum match_answer match_ask(const struct match *match, struct match_subject *subject);
