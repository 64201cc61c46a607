/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy: the word on a finding. Rules are read from YAML and compiled; evaluating them is pure:
 * the same finding and the same policy give the same verdict, and nothing is touched. What counts
 * over time (thresholds) is in a state that the caller owns (policy_judge()).
 *
 *   name: built-in                      # of this policy file
 *   version: 1
 *   defaults:                           # severities where no rule gives one
 *     detectors: { resolver-bypass: low }
 *     feeds: { urlhaus: high }          # stands over the detector's, and the feed's own
 *   rules:                              # the first that matches decides
 *     - name: test-indicators
 *       match: { feed: cordon-test }    # every key given must match; a list: any of it
 *       severity: low                   # or a step: +1, -1
 *       response: block
 *     - name: build-hosts-are-noisy
 *       match: { instance_tag: { role: ci }, not: { tag: c2 } }
 *       severity: -1
 *       continue: yes                   # the rules below go on from that severity
 *     - name: many-times
 *       match: { detector: rebinding }
 *       severity: medium
 *       threshold: { count: 10, within: 1h, by: [exe, user], severity: critical }
 *       first_only: { within: 1d, by: exe, severity: low }    # the next ones are low
 *       sinks: [file, sns]              # and no others
 *       close: { quiet: 7d }            # or process_gone, file_gone, withdrawn: yes
 *     - name: package-mirrors-by-apt
 *       match: { domain: [mirror.example], exe: "/usr/lib/apt/methods/?*", user: _apt }
 *       except: true                    # no finding; `suppress: true`: recorded, not told
 *       reason: our own mirror, see TICKET-1
 *       owner: web team
 *       until: 2027-01-01
 *   severities:                         # what a severity does when its rule says nothing
 *     critical: { response: block, sinks: [file, sns] }
 *     high: block
 *   close: { quiet: 30d }               # of findings whose rule has none
 *
 * Match keys are the rows of match_key.c; the manual cordon-policy(7) lists them. Plain values are
 * compared in the key's own way: names with what is below them, paths and other texts as shell
 * patterns, addresses as prefixes, numbers as ranges (8000-8099). A mapping asks by operator: is,
 * prefix, suffix, contains, glob, regex, min, max, known. `all`, `any` and `not` have matches
 * within. A key about something that is not known of a finding (its process, say) does not match;
 * so `not` of it does.
 *
 * A path is what the process sees. In a container, and in a mount namespace that anybody can make,
 * whatever is wanted can stand at it: there a rule with exe that makes less of a finding (an
 * exception, a lower severity, no response) does not hold, unless it names the container, too.
 *
 * Without a severity the finding keeps its own (medium when it has none); without a response the
 * severity's is taken. The maps for all rules (severities, defaults, close) are from the first file
 * that has one; what is not named in severities is none; critical and high block when no file has
 * it. A threshold that is reached may add a response; first_only lowers only how loud it is told.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "detect/finding.h"

struct policy;

enum response {
	RESPONSE_NONE,
	RESPONSE_BLOCK,	  /* the lookup is dropped in the kernel, and whoever asked fails at once */
	RESPONSE_CONTAIN, /* the same, and the host is cut off */
	RESPONSE_ISOLATE, /* the same, and the instance is taken out of the network */
	RESPONSE_KILL,	  /* of the process, or of all that run the file */
	RESPONSE_STOP,	  /* likewise: it can be looked at, and goes on with SIGCONT */
	RESPONSE_QUARANTINE, /* the file is moved out of the way */
	RESPONSE_QUARANTINE_KILL,
	RESPONSE_FREEZE,	 /* of the process with its cgroup, until `cordon release` */
	RESPONSE_ISOLATE_SECOND, /* isolate, once another finding asks for it, too */
	RESPONSE_STOP_INSTANCE,	 /* isolate, and then stop the instance; never a default */
	RESPONSE_TERMINATE_INSTANCE,
	RESPONSES,
};

/* When a finding is over without anybody saying so. All zero: never. */
struct policy_closing {
	uint64_t quiet; /* ns without a sighting; 0: no matter */
	bool process_gone, file_gone;
	bool withdrawn; /* its indicator is in no list any more */
};

struct verdict {
	enum severity severity;
	enum response response;
	bool excepted;	    /* no finding is to be shown; it is counted by rule all the same */
	bool suppressed;    /* it is recorded, and nobody is told */
	bool raised;	    /* a threshold was reached */
	bool lowered;	    /* it is not the first */
	const char *policy; /* name of the policy file's policy; borrowed from the policy */
	const char *rule; /* name of the rule that decided; "default" when none matched; borrowed */
	const char *reason; /* of an exception or suppression; "" for none; borrowed */
	const char *owner;  /* likewise */
	uint64_t until;	    /* likewise, ns since the epoch; UINT64_MAX: for good */
	uint32_t sinks;	    /* bit n: sink number n of policy_sink_name(); 0: all */
	const struct policy_closing *closing; /* borrowed; never NULL */
};

/* What is known of the host; texts may be "" or NULL. Borrowed. */
struct policy_tag {
	const char *name, *value;
};
struct policy_host {
	const char *hostname, *instance_id, *region, *account, *image_id;
	const struct policy_tag *tags;
	size_t tags_count;
};

/* What is wrong, one error a line: "FILE:LINE:COLUMN: text", or "FILE: text" for a file as a whole.
 * Safe to show; as many as fit. */
#define POLICY_ERROR_SIZE 4096
struct policy_error {
	char text[POLICY_ERROR_SIZE];
};

/* Reads and compiles files in order: rules of an earlier file come first. 0, or -EINVAL with
 * ret_error filled (also for unreadable files: then it says so). -ENOMEM likewise. */
int policy_load(const char *const *paths, size_t count, struct policy **ret,
		struct policy_error *ret_error);
/* From memory; name stands in errors for the file's. */
int policy_parse(const char *name, const char *text, size_t size, struct policy **ret,
		 struct policy_error *ret_error);
void policy_free(struct policy *policy);

/* For keys about the host; kept as long as the policy. NULL: nothing is known. */
void policy_set_host(struct policy *policy, const struct policy_host *host);

/* Whether a rule looks at what this key of a match is about ("instance_tag"). */
bool policy_uses(const struct policy *policy, const char *key);

/* What is allowed but hardly meant, at time now (ns since the epoch): exceptions that are over
 * or soon will be, rules that are never reached, rules that leave the
 * kernel side nothing to block, severities that are not used. One call a warning, in the form of
 * errors. Returns how many. */
typedef void (*policy_tell)(const char *text, void *userdata);
size_t policy_warnings(const struct policy *policy, uint64_t now, policy_tell tell, void *userdata);

/* An exception is told of so long before it ends. */
#define POLICY_ENDS_SOON (UINT64_C(7) * 24 * 3600 * 1000000000)
/* One exception or suppression that has an end. */
struct policy_ending {
	const char *policy, *rule, *reason, *owner; /* borrowed */
	uint64_t until;
	bool over;
};
/* Those that are over, or will be within POLICY_ENDS_SOON. Returns how many. */
size_t policy_endings(const struct policy *policy, uint64_t now,
		      void (*tell)(const struct policy_ending *ending, void *userdata),
		      void *userdata);

/* now: ns since the epoch, for exceptions that end. Nothing is counted: no threshold is reached,
 * and each is the first. */
void policy_evaluate(const struct policy *policy, const struct finding *finding, uint64_t now,
		     struct verdict *ret);

/* The same, with what came before it: see threshold.h. */
struct threshold_table;
void policy_judge(const struct policy *policy, struct threshold_table *thresholds,
		  const struct finding *finding, uint64_t now, struct verdict *ret);

/* Why a rule did not decide, or that it did. */
struct policy_step {
	const char *rule, *file; /* borrowed */
	unsigned line;
	enum policy_step_kind {
		STEP_DECIDED,
		STEP_ADJUSTED,	/* and went on */
		STEP_DIFFERS,	/* key says of what */
		STEP_ENDED,	/* its exception is over */
		STEP_DECEIVED,	/* it would make less of the finding because of a path that the
				 * process can make up */
		STEP_UNREACHED, /* another decided before */
	} kind;
	const char *key;	/* of the match; NULL for other kinds */
	enum severity severity; /* after it */
};
/* Tells of each rule in order, and gives the verdict as policy_evaluate() does. */
void policy_explain(const struct policy *policy, const struct finding *finding, uint64_t now,
		    void (*tell)(const struct policy_step *step, void *userdata), void *userdata,
		    struct verdict *ret);

/* What becomes of a lookup that this entry matches, as far as the entry alone tells. The kernel
 * side decides before anybody can ask for the process, so it drops only where the answer is
 * POLICY_BLOCKS: a rule above that looks at the process, the user, the name asked or the address
 * and would let the lookup go makes it POLICY_DEPENDS. Expired exceptions do not count.
 *
 * It holds for findings of the detector "indicator" whose default severity is the entry's, or not
 * said (or medium) where the entry has none. */
enum policy_entry_answer {
	POLICY_PASSES,
	POLICY_BLOCKS,
	POLICY_DEPENDS,
};
enum policy_entry_answer policy_entry(const struct policy *policy,
				      const struct indicator *indicator, uint64_t now);

/* When the next exception ends after now, and answers may change with nothing reloaded, or when it
 * is time to tell that it will (policy_endings()); UINT64_MAX: never. */
uint64_t policy_next_change(const struct policy *policy, uint64_t now);

size_t policy_rules(const struct policy *policy);
/* Names that `sinks` lists anywhere in the policy, numbered from 0; NULL: there are no more. */
#define POLICY_SINKS_MAX 32
const char *policy_sink_name(const struct policy *policy, size_t number);
const char *response_name(enum response response);
/* Whether what the finding is about is dropped, whatever else is done. */
bool response_blocks(enum response response);
/* Whether it takes the instance out of the network. */
bool response_isolates(enum response response);
