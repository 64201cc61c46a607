/* SPDX-License-Identifier: Apache-2.0
 *
 * A process from /proc, for when the kernel side has no note of it: it is older than the agent, or
 * the note made room. Told as such, since /proc may be of a later moment.
 */
#pragma once

#include "probes/record.h"
#include "sensor/process.h"

/* Who has the pid now. -ESRCH: nobody. */
int process_proc_key(pid_t pid, struct process_key *ret);

/* -ESRCH when there is no such process, or the pid is another's by now. */
int process_proc_read(const struct process_key *key, struct process *ret,
		      struct process_key *ret_parent);

/* When the process started (boot clock, ns, cut to clock ticks): with its pid a key for the above.
 * -ESRCH. */
int process_proc_start(pid_t pid, uint64_t *ret);

struct process_stat {
	char comm[17];
	pid_t parent;
	uint64_t start; /* ns on the boot clock, in steps of a clock tick */
};
/* The text of a /proc/PID/stat; the process chose its comm. False: it is none. */
bool process_stat_parse(const char *text, struct process_stat *ret);
