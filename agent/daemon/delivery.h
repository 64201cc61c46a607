/* SPDX-License-Identifier: Apache-2.0
 *
 * Deliveries: from the journal's outbox through cordon-cloud to the sinks of AWS, and the results
 * back into the journal.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cloud/courier.h"
#include "journal/outbox.h"

struct agent;
struct config;
struct delivery;

/* Whether anything goes to AWS at all. */
bool delivery_wanted(const struct config *config);
/* After the journal, before the first finding. Does nothing when no sink of AWS is configured.
 * Without cordon-cloud the agent still runs: why is logged, and what is owed waits. Negative: the
 * outbox cannot be had. */
int delivery_open(struct agent *agent);
void delivery_close(struct agent *agent);

/* There may be something new. Cheap. */
void delivery_wake(struct agent *agent);
/* What was done about a finding, a Remediation Activity: owed with the findings that are committed
 * next. line: the same as text. */
void delivery_activity(struct agent *agent, const json_t *activity, const char *line);
/* Once a second. */
void delivery_tick(struct agent *agent);

/* Asks cordon-cloud for one call for a response (cloud/call.h). The reply goes to isolation.h.
 * -ENOENT: there is no cordon-cloud; -EAGAIN: not now. */
int delivery_call(struct agent *agent, uint64_t id, const char *text, size_t size);

/* What `cordon status` shows of it: NULL when no sink is configured. See status.h. */
json_t *delivery_json(struct agent *agent);
/* Sinks that cannot be delivered to at present; findings dropped since the start. */
uint64_t delivery_failing(const struct agent *agent);
uint64_t delivery_dropped(const struct agent *agent);
/* Set aside, because the service refuses them. */
uint64_t delivery_poison(const struct agent *agent);

/* What metrics counted when they were told last. */
struct delivery_counted {
	uint64_t found[6]; /* by severity */
	uint64_t seen, matched, blocked, lost;
	uint64_t files_scanned, files_matched, files_missed;
};
/* delivery_metrics.c: a line of metrics, or the form of a call, to be freed; NULL: memory is short.
 */
char *delivery_metrics(struct agent *agent, bool form);

/* delivery_settings.c: the region that is named there; "": none, so it is the instance's. */
const char *delivery_region(const struct config *config);
/* delivery_settings.c: what cordon-cloud is told, of configuration and environment: text to be
 * cleared and freed. Errors are logged. NULL: it cannot be made. */
char *delivery_settings(const struct config *config, const char *hostname);
