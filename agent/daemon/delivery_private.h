/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of deliveries share: delivery.c (findings out, results back), delivery_status.c
 * (what is said of it), ask.c, reports.c, preflight.c and agent_log.c (what the daemon itself says
 * and asks).
 */
#pragma once

#include <systemd/sd-event.h>

#include "cloud/courier.h"
#include "cloud/settings.h"
#include "daemon/agent_log.h"
#include "daemon/ask.h"
#include "daemon/delivery.h"
#include "daemon/preflight.h"
#include "daemon/reports.h"
#include "journal/outbox.h"

#define DELIVERY_ERROR_SIZE (2 * MESSAGE_TEXT_SIZE)

struct sink_state {
	bool wanted;
	uint64_t paused_until, pause; /* boot clock; ns */
	uint64_t delivered, failed, poison;
	size_t held;			 /* deliveries that cordon-cloud has of it */
	char error[DELIVERY_ERROR_SIZE]; /* why nothing is delivered at present; "": it is */
};

struct delivery {
	struct agent *agent;
	struct courier *courier; /* NULL: it cannot be had */
	sd_event_source *turn, *timer;
	struct sink_state sinks[CLOUD_SINKS];
	struct outbox_result results[OUTBOX_TAKEN_MAX];
	size_t results_count;
	uint64_t dropped, ticks, opened;   /* opened: boot clock */
	char partition[MESSAGE_NAME_SIZE]; /* the instance's; "": not known */
	struct ask asks[ASKS_MAX];
	struct reports reports;
	struct preflight preflight;
	struct agent_log log;
};

/* delivery_sinks.c: which sinks of findings the configuration wants; into the outbox's options as
 * well. */
void delivery_sinks_choose(struct delivery *delivery, struct outbox_options *options);
bool delivery_sinks_wanted(const struct config *config);
/* NULL: what is owed to the sink can be made into what it takes; else why not, static text. */
const char *delivery_sink_lacks(const struct delivery *delivery, unsigned sink);
/* What the sink is sent for it, to be freed, with the count and time that it has by now. -EBADMSG:
 * nothing can be made of it; -ENOMEM. */
int delivery_render(const struct delivery *delivery, const struct outbox_delivery *owed,
		    char **ret);

/* Evenly from 0 to below: so that a fleet does not come all at once. */
uint64_t delivery_chance(uint64_t below);
