/* SPDX-License-Identifier: Apache-2.0
 *
 * Isolation within the daemon: the policy's word to response/isolate.h, its calls to cordon-cloud,
 * its record to the journal, what it has to tell to the sinks, and the requests of `cordon isolate`
 * and `cordon release`.
 *
 * The control socket's {"request": "isolation"} gives what isolate_json() has, and "dry_run": what
 * the last dry run found (response/dry_run.h), where there was one.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;
struct isolation;
struct isolation_ask;
struct finding;
struct verdict;

/* After the journal and before the deliveries. Without it the agent still runs; why is logged. */
void isolation_open(struct agent *agent);
/* Goes on with what a daemon before began; when all else has started. */
void isolation_resume(struct agent *agent);
void isolation_close(struct agent *agent);
/* Once a second. */
void isolation_tick(struct agent *agent);
/* The configuration has changed. */
void isolation_configure(struct agent *agent);

/* What is to be asked for when the finding is on disk, or NULL: nothing. To be freed. */
struct isolation_ask *isolation_wanted(struct agent *agent, const struct finding *finding,
				       const struct verdict *verdict);
/* Whether it would begin, as far as the brake goes. */
bool isolation_may_begin(const struct isolation_ask *ask);
void isolation_ask(struct agent *agent, const struct isolation_ask *ask);
/* Whether it is what an isolation has to tell: that asks for none itself, and for no containment,
 * whatever policy says of its severity. */
bool isolation_tells(const struct finding *finding);
/* For a finding that asks for a containment only: what keeps it from that, as it would from an
 * isolation, to be told by isolation_ask(). NULL: nothing. To be freed. */
struct isolation_ask *isolation_contain_held(struct agent *agent, const struct finding *finding,
					     const struct verdict *verdict);
/* The finding was seen again: what was held back before may go on now. */
void isolation_repeat(struct agent *agent, const struct finding *finding,
		      const struct verdict *verdict);

/* From deliveries. */
void isolation_instance(struct agent *agent, const char *instance);
void isolation_call_replied(struct agent *agent, uint64_t number, const char *text, size_t size);
/* cordon-cloud was replaced: what it was asked will not be answered. */
void isolation_call_lost(struct agent *agent);

/* isolation_ready.c: what a dry run says of whether this instance could isolate itself; it is made
 * at the start, once a day, and sooner after one that failed. */
bool isolation_ready(const struct agent *agent, char *why, size_t size);
/* Has one made now. */
void isolation_ready_hurry(struct agent *agent);

/* For the control socket; see control.h. */
json_t *isolation_act(struct agent *agent, int request, const json_t *arguments, char *error);
json_t *isolation_json(const struct agent *agent);
