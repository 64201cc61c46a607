/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of policies as data: events go in, verdicts are compared.
 *
 *   policy: default.yaml               # or a list; relative to this file
 *   cases:
 *     - name: a mirror asked by apt is excepted
 *       event: { domain: a.mirror.example, feed: ads, exe: /usr/lib/apt/methods/http, user: _apt }
 *       expect: { excepted: yes, rule: package-mirrors-by-apt }
 *
 * Keys of an event: domain, detector ("indicator" when not given), indicator (the entry; the domain
 * when not given), feed, tag, severity, exe, comm, user, uid, unit, container, cgroup, stub,
 * foreign (a mount namespace that the process may have made itself), source, address (the
 * destination), direction ("out" when not given), time, kind (question, answer,
 * connection, flow, file), protocol (tcp, udp, dns, tls, http, quic), port, and what a flow says:
 * sni or host, ja4, alpn (joined by commas). Keys of what is expected, at least one: severity,
 * response, excepted, suppressed, raised, lowered, rule, policy, reason, owner, sinks, entry (what
 * the kernel side may do: blocks, passes, depends).
 *
 * Further keys of an event: args, ancestors (executables, the parent's first), qtype, source_port,
 * method, title, blocked; of a file: path, rule, namespace, sha256. In its place `finding` names a
 * file with a finding as `cordon findings
 * --json` prints it. What takes time is told in steps, each of which has all its sightings as
 * expected:
 *
 *     steps:
 *       - expect: { severity: high }
 *       - { after: 1min, times: 8, every: 5min, expect: { severity: low, lowered: yes } }
 *
 * `host` of the file is what rules may ask of it: hostname, instance, region, account, image, tags.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "policy/policy.h"

/* Borrowed for the call; safe to show. */
struct case_result {
	const char *name;
	unsigned line;
	bool passed;
	const char *difference; /* "rule: expected a, got b; ..."; "" when it passed */
};
typedef void (*case_tell)(const struct case_result *result, void *userdata);

struct case_totals {
	size_t passed, failed;
};

/* The tables that a file is read by, for its schema. */
struct mapping_table;
struct case_tables {
	const struct mapping_table *file, *host, *policy_case, *event, *expect, *step;
};
extern const struct case_tables case_tables;

/* Runs the cases of the file at path; adds to totals. -EINVAL (or -ENOMEM) with ret_error filled
 * when the file or its policy is broken. */
int cases_run(const char *path, case_tell tell, void *userdata, struct case_totals *totals,
	      struct policy_error *ret_error);

/* Hands over the finding of the case of that name (NULL: of each), instead of judging it. -ENOENT:
 * there is none; others as cases_run(). */
typedef void (*case_explain)(const struct policy *policy, const struct finding *finding,
			     uint64_t now, void *userdata);
int cases_explain(const char *path, const char *name, case_explain explain, void *userdata,
		  struct policy_error *ret_error);
