/* SPDX-License-Identifier: Apache-2.0
 *
 * What a replay went through, and what it could not look into: told at its end, nothing left out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sensor/capture.h"
#include "sensor/ledger.h"

struct replay_summary {
	uint64_t files, damaged_files;
	struct capture_counters capture; /* of all files */
	uint64_t failed;		 /* packets that the probes could not be run on */
	struct ledger ledger;
	uint64_t questions, unreadable; /* events */
	uint64_t unread_flows;		/* a worker was lost over them */
	uint64_t findings, excepted; /* excepted: sightings that an exception of the policy met */
	uint64_t unkept;
};

/* One more file, with these counters. */
void replay_summary_add(struct replay_summary *summary, const struct capture_counters *counters);

/* Text, one line a figure that is not zero, or one line of JSON with all of them. 0 or -ENOMEM. */
int replay_summary_print(const struct replay_summary *summary, bool json, FILE *out);
