/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy: the word on a finding. Rules are read from YAML and compiled; evaluating them is pure:
 * the same finding and the same policy give the same verdict, and nothing is touched.
 *
 *   name: built-in                      # of this policy file
 *   version: 1
 *   rules:                              # the first that matches decides
 *     - name: test-indicators
 *       match: { feed: cordon-test }    # every key given must match; a list: any of it
 *       severity: low
 *       response: block
 *     - name: package-mirrors-by-apt
 *       match: { domain: [mirror.example], exe: "/usr/lib/apt/methods/?*", user: _apt }
 *       except: true                    # no finding; needs reason, may have until
 *       reason: our own mirror, see TICKET-1
 *       until: 2027-01-01
 *   severities:                         # what a severity does when its rule says nothing
 *     critical: block
 *     high: block
 *
 * Match keys: detector, feed, tag, indicator (domain entries: the entry or below it), domain (the
 * name asked: it or below it), exe and unit and container and cgroup and comm (glob, fnmatch(3)
 * with FNM_PATHNAME off), user (name or number), address (a prefix; either end), severity (the
 * default one: name, or ">=high"), stub (boolean), direction, kind (question, answer, connection,
 * flow), protocol (tcp, udp, dns, tls, http, quic), port (the server's; 8000-8099 for a range); of
 * what a flow says: sni and host (that name or below it), alpn (any one offered), ja4 (glob). A key
 * about something that is not known of a finding (its process, say) does not match.
 *
 * A path is what the process sees. In a container, and in a mount namespace that anybody can make,
 * whatever is wanted can stand at it: there a rule with exe that makes less of a finding (an
 * exception, a lower severity, no response) does not hold, unless it names the container, too.
 *
 * A rule has a severity, a response, or both, or is an exception. Without a severity the finding
 * keeps its own (medium when it has none); without a response the severity's is taken: one map for
 * all rules, from the first file that has `severities`, in which what is not named is none;
 * critical and high block when no file has it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "detect/finding.h"

struct policy;

enum response {
	RESPONSE_NONE,
	RESPONSE_BLOCK, /* the lookup is dropped in the kernel, and whoever asked fails at once */
	RESPONSES,
};

struct verdict {
	enum severity severity;
	enum response response;
	bool excepted;	    /* no finding is to be shown; it is counted by rule all the same */
	const char *policy; /* name of the policy file's policy; borrowed from the policy */
	const char *rule; /* name of the rule that decided; "default" when none matched; borrowed */
	const char *reason; /* of an exception; "" for none; borrowed */
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

/* What is allowed but hardly meant, at time now (ns since the epoch): exceptions that are over,
 * rules that are never reached, rules that leave the kernel side nothing to block, severities that
 * are not used. One call a warning, in the form of
 * errors. Returns how many. */
typedef void (*policy_tell)(const char *text, void *userdata);
size_t policy_warnings(const struct policy *policy, uint64_t now, policy_tell tell, void *userdata);

/* now: ns since the epoch, for exceptions that end. */
void policy_evaluate(const struct policy *policy, const struct finding *finding, uint64_t now,
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

/* When the next exception ends after now, and answers may change with nothing reloaded; UINT64_MAX:
 * never. */
uint64_t policy_next_change(const struct policy *policy, uint64_t now);

size_t policy_rules(const struct policy *policy);
const char *response_name(enum response response);
