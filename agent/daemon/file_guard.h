/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: when they are scanned, what is known of them already, and what is done about those that
 * are bad. Wires the watches of sensor/ to the workers of scan/, their findings into the pipeline,
 * and the policy's word to the quarantine.
 *
 * Each notice ends as exactly one of these:
 *
 *   seen = clean + matched + unscannable + cached + skipped + changed + merged + dropped + waiting
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "detect/finding.h"
#include "policy/policy.h"

struct agent;
struct file_guard;

/* Starts it where there are rules to scan by; without, and where something cannot be had, the agent
 * runs all the same: why is logged, and shown by status. */
void file_guard_open(struct agent *agent);
void file_guard_close(struct agent *agent);
/* Once a second. */
void file_guard_tick(struct agent *agent);
/* Rules are read again. */
void file_guard_reload(struct agent *agent);

/* For pipeline.c, in this order. Whether the execution that this finding is about is held, and is
 * to be refused by this verdict: then it is. */
bool file_guard_refuses(struct agent *agent, const struct finding *finding,
			const struct verdict *verdict);
/* The finding is in the journal: what the verdict says is done, in enforce mode. */
void file_guard_respond(struct agent *agent, const struct finding *finding,
			const struct verdict *verdict);
/* A new finding that is not about a file: what its process runs is scanned. */
void file_guard_suspect(struct agent *agent, const struct finding *finding,
			const struct verdict *verdict);
/* What is known of the finding's process by now changes how severe it is. */
void file_guard_judge(const struct agent *agent, const struct finding *finding,
		      struct verdict *verdict);

/* Of files since the start; all 0 without a guard. */
struct file_guard_counts {
	uint64_t scanned, matched; /* matched are among the scanned */
	uint64_t missed;	   /* unscannable, or there was no room for them */
};
void file_guard_counts(const struct agent *agent, struct file_guard_counts *ret);

/* Puts "files" into the reply to status, and what is wrong among its problems. */
void file_guard_status(struct agent *agent, json_t *reply);
