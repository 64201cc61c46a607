/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of deliveries: counters for problems, and their part of status. Texts of
 * cordon-cloud in it are a stranger's, escaped.
 */
#include <stdio.h>
#include <string.h>

#include "base/cage.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/agent.h"
#include "daemon/delivery_private.h"

uint64_t delivery_failing(const struct agent *agent)
{
	uint64_t count = 0;

	for (unsigned id = 0; agent->delivery && id < CLOUD_SINKS; id++)
		count += agent->delivery->sinks[id].wanted &&
			 (agent->delivery->sinks[id].error[0] || !agent->delivery->courier);
	if (agent->delivery)
		count += reports_failing(&agent->delivery->reports) +
			 preflight_denied(&agent->delivery->preflight);
	return count;
}

uint64_t delivery_dropped(const struct agent *agent)
{
	return agent->delivery ? agent->delivery->dropped : 0;
}

uint64_t delivery_poison(const struct agent *agent)
{
	uint64_t count = 0;

	for (unsigned id = 0; agent->delivery && id < CLOUD_SINKS; id++)
		count += agent->delivery->sinks[id].poison;
	return count;
}

static uint64_t seconds_since(uint64_t time)
{
	uint64_t now = clock_realtime();

	return time && now > time ? (now - time) / NS_PER_SECOND : 0;
}

static json_t *sink_json(struct delivery *delivery, unsigned id)
{
	const struct sink_state *sink = &delivery->sinks[id];
	struct outbox_statistics owed = { 0 };
	uint64_t now = clock_boottime();

	(void)outbox_statistics(delivery->agent->journal, id, &owed);
	return json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}", "name", cloud_sink_name(id),
		"delivered", (json_int_t)sink->delivered, "failed", (json_int_t)sink->failed,
		"waiting", (json_int_t)owed.waiting, "bytes", (json_int_t)owed.bytes, "oldest",
		(json_int_t)seconds_since(owed.oldest), "poison", (json_int_t)owed.poison, "paused",
		(json_int_t)(sink->paused_until > now ? (sink->paused_until - now) / NS_PER_SECOND
						      : 0),
		"error", sink->error[0] ? sink->error : NULL);
}

static json_t *cage_json(const struct courier_status *status)
{
	json_t *array = json_array();

	for (int i = 0; i < CAGE_LAYERS && status->greeted; i++) {
		int error = status->layers[i];

		if (error == CAGE_UNPLANNED)
			continue;
		(void)json_array_append_new(array, json_pack("{s:s, s:b, s:s?}", "layer",
							     cage_layer_name((enum cage_layer)i),
							     "on", error == 0, "error",
							     error ? strerror(error) : NULL));
	}
	return array;
}

static json_t *process_json(const struct courier_status *status)
{
	return json_pack(
		"{s:I, s:I, s:s, s:I, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "pid",
		(json_int_t)status->pid, "uid", (json_int_t)status->uid, "user", status->user,
		"replaced", (json_int_t)status->broken, "reason",
		*status->reason ? status->reason : NULL, "calls", (json_int_t)status->state.calls,
		"succeeded", (json_int_t)status->state.succeeded, "retries",
		(json_int_t)status->state.retries, "throttled", (json_int_t)status->state.throttled,
		"clock_skew_ms", (json_int_t)(status->state.skew / (int64_t)NS_PER_MILLISECOND),
		"held", (json_int_t)status->entries, "cage", cage_json(status));
}

json_t *delivery_json(struct agent *agent)
{
	struct delivery *delivery = agent->delivery;
	struct courier_status status;
	json_t *sinks;

	if (!delivery)
		return NULL;
	sinks = json_array();
	for (unsigned id = 0; id < CLOUD_SINKS; id++)
		if (delivery->sinks[id].wanted)
			(void)json_array_append_new(sinks, sink_json(delivery, id));
	if (delivery->courier)
		courier_status(delivery->courier, &status);
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o?}", "dropped",
			 (json_int_t)delivery->dropped, "sinks", sinks, "reports",
			 reports_json(&delivery->reports, &agent->config), "preflight",
			 preflight_json(agent), "log", agent_log_json(&delivery->log), "process",
			 delivery->courier ? process_json(&status) : NULL);
}
