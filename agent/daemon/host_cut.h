/* SPDX-License-Identifier: Apache-2.0
 *
 * The wiring of containment: options from the configuration, orders from the control socket and
 * the pipeline, and what sinks and status hear of it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "daemon/control.h"

struct agent;
struct finding;
struct verdict;

/* In enforce mode: loads the programs, takes over or restores what was in force. In audit mode:
 * ends what an earlier daemon left. Errors are logged, and the agent runs on. */
void host_cut_open(struct agent *agent);
void host_cut_close(struct agent *agent);
void host_cut_tick(struct agent *agent);
/* The host's resolvers are known, or the configuration or the region are others. */
void host_cut_configure(struct agent *agent);

/* Notes what the policy asks for (agent->contain_asked); done by host_cut_finding(), when the
 * finding is on disk. */
void host_cut_wanted(struct agent *agent, const struct finding *finding,
		     const struct verdict *verdict);
void host_cut_finding(struct agent *agent);

/* Of the control socket: control_handlers.act. */
json_t *host_cut_act(struct agent *agent, int request, const json_t *arguments, uid_t uid,
		     char error[static CONTROL_ERROR_SIZE]);

/* For status: a new reference, or NULL when memory is short.
 * { "available": BOOLEAN, "contained": BOOLEAN, "partial": BOOLEAN, "provisional": BOOLEAN,
 *   "since": TIME or null, "until": TIME or null, "reason": TEXT, "finding": UID or null,
 *   "problem": TEXT or null, "pinned": BOOLEAN, "interfaces": N, "exempt": N, "destroyed": N,
 *   "cut_us": N, "allowed": N, "dropped": N, "link_allowed": N, "link_dropped": N,
 *   "refused": N } */
json_t *host_cut_json(const struct agent *agent);
