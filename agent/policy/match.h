/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rule looks at: conditions, all of which must hold, and groups of such matches: all, any,
 * not. Compiled when the policy is read, so that asking costs a walk over a few words and no
 * memory.
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
struct match_group;
struct policy_host;

struct match {
	struct match_condition *conditions; /* by what they cost: cheap ones first */
	size_t count;
	struct match_group *groups;
	size_t groups_count;
	bool path_alone; /* it goes by a path, and says nothing of the container */
};

enum match_grouping {
	MATCH_ALL,
	MATCH_ANY,
	MATCH_NOT, /* none of them */
};

struct match_group {
	enum match_grouping grouping;
	struct match *members;
	size_t count;
};

/* What the conditions look at. Borrows all of it. */
struct match_subject {
	const char *detector;
	enum severity severity; /* the default one, never SEVERITY_NONE */
	const struct finding *finding;
	const struct indicator *indicator;
	const struct event *event;
	const struct process *process;
	const struct policy_host *host;
	uint64_t time;	 /* ns since the epoch, of the event */
	bool entry_only; /* whatever is not the entry's is not known yet */

	/* Names in lower case, made when they are first asked for. */
	bool qname_ready, entry_ready, server_ready;
	struct domain_name qname, entry, server; /* length 0: no name */
};

/* Takes a finding, or an indicator alone, apart. now: for an event without a time of its own. */
void match_subject_finding(const struct finding *finding, const struct policy_host *host,
			   uint64_t now, struct match_subject *ret);
void match_subject_entry(const struct indicator *indicator, const struct policy_host *host,
			 struct match_subject *ret);
/* Names of the subject in lower case; NULL: it has none. */
const struct domain_name *match_subject_qname(struct match_subject *subject);
const struct domain_name *match_subject_entry_name(struct match_subject *subject);

/* Reads the mapping of `match:`; field: struct match *, empty before. */
mapping_reader match_read;
void match_free(struct match *match);

/* Whether the process may have made up the path that the match goes by: it is in a container, or in
 * a mount namespace that it could make itself. */
bool match_deceived(const struct match *match, const struct match_subject *subject);
/* Whether an entry alone can never rule the match out: it leaves every entry's answer open. */
bool match_open(const struct match *match);
/* Whether a key is asked for anywhere in it. */
bool match_uses(const struct match *match, const char *key);
/* Whether nothing is asked: everything matches. */
bool match_empty(const struct match *match);

/* MATCH_MAYBE only for a subject of an entry. Without conditions everything matches. */
enum match_answer match_ask(const struct match *match, struct match_subject *subject);

/* The first key that does not hold, by its name: "exe", "any"; NULL: all do. */
const char *match_failing(const struct match *match, struct match_subject *subject);
