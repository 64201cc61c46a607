/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings of one replay: each is kept once, in the order in which they were first seen, and
 * printed at the end with its count. The OCSF objects are made when a finding is first seen, since
 * what it borrows is gone after the call.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct finding;
struct ocsf_host;
struct replay_findings;
struct verdict;

/* Findings kept: a capture made to ask for every name of a large list costs memory for so many.
 * More are counted, and told in the summary. */
#define REPLAY_FINDINGS_MAX 100000

int replay_findings_new(struct replay_findings **ret);
void replay_findings_free(struct replay_findings *findings);

/* Takes a sighting into account. file: the capture's name, borrowed for the call. An answer that
 * repeats its question counts only where no question was seen. 0 or -ENOMEM. */
int replay_findings_add(struct replay_findings *findings, const struct finding *finding,
			const struct verdict *verdict, const struct ocsf_host *host,
			const char *file);

/* Findings kept, and sightings of others that found no room. */
size_t replay_findings_count(const struct replay_findings *findings);
uint64_t replay_findings_unkept(const struct replay_findings *findings);

/* One line each. 0 or -ENOMEM; errors of out are for the caller to look for. */
int replay_findings_print(struct replay_findings *findings, FILE *out);
