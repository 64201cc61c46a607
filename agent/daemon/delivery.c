/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what goes on between the journal's outbox and cordon-cloud: which deliveries it has, how
 * they ended, and when a sink that could not be reached is tried again. What cordon-cloud says was
 * checked by courier.c; its texts are a stranger's, escaped.
 */
#include "daemon/delivery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cage.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud/settings.h"
#include "daemon/agent.h"

/* A finding that is seen again is told of at most so often. */
#define REPEAT_INTERVAL	 (60 * NS_PER_SECOND)
/* A sink that cannot be reached is tried again after one second, two, four... with chance, so that
 * a fleet does not come back all at once. */
#define PAUSE_MIN	 NS_PER_SECOND
#define PAUSE_MAX	 (60 * NS_PER_SECOND)
/* Limits are looked after every so many seconds. */
#define PRUNE_SECONDS	 10
#define METRICS_INTERVAL (60 * NS_PER_SECOND)
/* In the place of a delivery's number: what is not in the journal, and is not tried again. */
#define METRICS_ID	 UINT64_MAX
#define ERROR_SIZE	 (2 * MESSAGE_TEXT_SIZE)
/* curl, TLS, and a stack for each thread that resolves a name. */
#define COURIER_MEMORY	 (UINT64_C(1) << 30)

struct sink_state {
	bool wanted;
	uint64_t paused_until, pause; /* boot clock; ns */
	uint64_t delivered, failed, poison;
	char error[ERROR_SIZE]; /* why nothing is delivered at present; "": it is */
};

struct delivery {
	struct agent *agent;
	struct courier *courier; /* NULL: it cannot be had */
	sd_event_source *turn, *timer;
	struct sink_state sinks[CLOUD_SINKS];
	struct outbox_result results[OUTBOX_TAKEN_MAX];
	size_t results_count;
	uint64_t dropped, ticks;
	uint64_t metrics_next; /* boot clock */
};

CLEANUP_DEFINE(json_t *, json_decref)

static uint64_t chance(uint64_t below)
{
	uint64_t bits = 0;

	(void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
	return below ? bits % below : 0;
}

/* ---- out ---- */

/* The document with the count and time that it has by now. */
static char *document_of(const struct outbox_delivery *delivery)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(delivery->document, 0, NULL);

	if (!object || ocsf_finding_amend(object, delivery->count, delivery->last_seen) < 0)
		return NULL;
	return ocsf_line(object);
}

#define STOP 1 /* no more room at present */

static int delivery_send(const struct outbox_delivery *owed, void *userdata)
{
	struct delivery *delivery = userdata;
	const struct message_entry entry = {
		.sink = owed->sink,
		.urgent = owed->severity >= SEVERITY_CRITICAL,
		.time = owed->last_seen / NS_PER_MILLISECOND,
	};
	CLEANUP(free_cleanup) char *line = NULL;
	int r;

	if (!courier_has_room(delivery->courier, strlen(owed->document)))
		return STOP;
	line = document_of(owed);
	/* As it is, then: it was rendered with the count that it had when it was new. */
	r = courier_send(delivery->courier, owed->sequence, &entry, line ? line : owed->document,
			 strlen(line ? line : owed->document));
	return r == -EAGAIN || r == -ENOMEM ? STOP : r;
}

static void timer_set(struct delivery *delivery, uint64_t ns)
{
	(void)sd_event_source_set_time_relative(delivery->timer, ns / 1000 + 1);
	(void)sd_event_source_set_enabled(delivery->timer, SD_EVENT_ONESHOT);
}

/* ns until the sink is to be looked at again; UINT64_MAX: when something is new. */
static uint64_t sink_fill(struct delivery *delivery, unsigned id)
{
	struct journal *journal = delivery->agent->journal;
	struct sink_state *sink = &delivery->sinks[id];
	uint64_t now = clock_realtime(), boot = clock_boottime(), next;
	int r;

	if (!sink->wanted)
		return UINT64_MAX;
	if (sink->paused_until > boot)
		return sink->paused_until - boot;
	if (!courier_has_room(delivery->courier, 1))
		return UINT64_MAX;
	r = outbox_take(journal, id, now, delivery_send, delivery);
	/* The courier says when there is room; the journal is mended by who writes to it. */
	if (r == STOP || r == -ENOBUFS)
		return UINT64_MAX;
	if (r < 0 || outbox_next(journal, id, &next) < 0)
		return NS_PER_SECOND;
	return next > now ? next - now : UINT64_MAX;
}

static void delivery_turn(struct delivery *delivery)
{
	uint64_t soonest = UINT64_MAX;

	if (!delivery->courier)
		return;
	for (unsigned id = 0; id < CLOUD_SINKS; id++) {
		uint64_t wait = sink_fill(delivery, id);

		soonest = wait < soonest ? wait : soonest;
	}
	if (soonest != UINT64_MAX)
		timer_set(delivery, soonest);
}

static int turn_due(sd_event_source *source, void *userdata)
{
	(void)source;
	delivery_turn(userdata);
	return 0;
}

static int timer_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	delivery_turn(userdata);
	return 0;
}

void delivery_wake(struct agent *agent)
{
	if (agent->delivery && outbox_noted(agent->journal))
		(void)sd_event_source_set_enabled(agent->delivery->turn, SD_EVENT_ONESHOT);
}

/* ---- back ---- */

static void results_settle(struct delivery *delivery)
{
	int r = outbox_settle(delivery->agent->journal, delivery->results, delivery->results_count,
			      clock_realtime());

	if (r < 0)
		(void)log_errno(LOG_ERR, r,
				"%zu deliveries cannot be settled in the journal: they go again",
				delivery->results_count);
	delivery->results_count = 0;
}

/* Says once that it fails, and once that it works again. */
static void sink_fails(struct sink_state *sink, unsigned id, uint64_t after, const char *text)
{
	uint64_t now = clock_boottime();

	sink->failed++;
	/* One call that failed has many results. */
	if (sink->paused_until > now)
		return;
	sink->pause = sink->pause ? sink->pause * 2 : PAUSE_MIN;
	if (sink->pause > PAUSE_MAX)
		sink->pause = PAUSE_MAX;
	if (after > sink->pause)
		sink->paused_until = now + after + chance(after / 4);
	else
		sink->paused_until = now + sink->pause / 2 + chance(sink->pause / 2);
	if (!sink->error[0])
		log_warning("sink %s fails: %s; what it is owed waits in the journal",
			    cloud_sink_name(id), text);
	(void)snprintf(sink->error, sizeof(sink->error), "%s", text);
}

static void sink_works(struct sink_state *sink, unsigned id)
{
	if (sink->error[0])
		log_notice("sink %s works again", cloud_sink_name(id));
	sink->error[0] = '\0';
	sink->pause = 0;
	sink->paused_until = 0;
}

static void result_came(uint64_t id, unsigned sink_id, enum message_outcome outcome, uint64_t after,
			const char *text, void *userdata)
{
	static const enum outbox_fate fates[MESSAGE_OUTCOMES] = {
		[MESSAGE_DELIVERED] = OUTBOX_DELIVERED,
		[MESSAGE_RETRY] = OUTBOX_BACK,
		[MESSAGE_DENIED] = OUTBOX_BACK,
		[MESSAGE_POISON] = OUTBOX_POISON,
	};
	struct delivery *delivery = userdata;
	struct sink_state *sink = &delivery->sinks[sink_id];

	if (delivery->results_count == OUTBOX_TAKEN_MAX)
		results_settle(delivery);
	if (id != METRICS_ID)
		delivery->results[delivery->results_count++] =
			(struct outbox_result){ .sequence = id, .fate = fates[outcome] };
	if (outcome == MESSAGE_DELIVERED) {
		sink->delivered += id != METRICS_ID;
		sink_works(sink, sink_id);
	} else if (id == METRICS_ID && outcome == MESSAGE_POISON) {
		log_debug("sink %s refuses metrics: %s", cloud_sink_name(sink_id), text);
	} else if (outcome == MESSAGE_POISON) {
		sink->poison++;
		/* The first, the second, the fourth...: a service may refuse all of them. */
		if ((sink->poison & (sink->poison - 1)) == 0)
			log_warning(
				"sink %s refuses a finding, which is set aside, %llu by now: %s",
				cloud_sink_name(sink_id), (unsigned long long)sink->poison, text);
	} else {
		sink_fails(sink, sink_id, after, text);
	}
}

static void courier_turned(void *userdata)
{
	struct delivery *delivery = userdata;

	if (delivery->results_count > 0)
		results_settle(delivery);
	delivery_turn(delivery);
}

static void courier_broke(const char *reason, void *userdata)
{
	struct delivery *delivery = userdata;

	log_warning("cordon-cloud was replaced: %s", reason);
	if (delivery->results_count > 0)
		results_settle(delivery);
	outbox_release(delivery->agent->journal);
}

static void text_replace(const char **field, const char *text)
{
	char *copy = *text ? strdup(text) : NULL;

	if (!copy)
		return;
	free((char *)*field);
	*field = copy;
}

/* Findings from here on name the instance. */
static void instance_came(const struct message_instance *instance, void *userdata)
{
	struct delivery *delivery = userdata;
	struct ocsf_host *host = &delivery->agent->host;

	text_replace(&host->instance_id, instance->id);
	text_replace(&host->region, instance->region);
	text_replace(&host->zone, instance->zone);
	text_replace(&host->account, instance->account);
	text_replace(&host->image_id, instance->image);
	log_info("this is instance %s in %s", instance->id, instance->region);
	/* What was missing may have been just this. */
	for (unsigned id = 0; id < CLOUD_SINKS; id++)
		delivery->sinks[id].paused_until = 0;
}

/* ---- start and end ---- */

static int outbox_start(struct delivery *delivery)
{
	const struct config *config = &delivery->agent->config;
	struct outbox_options options = {
		.entries = config->report.outbox.max_entries,
		.bytes = config->report.outbox.max_size,
		.age = config->report.outbox.max_age * 86400 * NS_PER_SECOND,
		.repeat = REPEAT_INTERVAL,
	};

	for (unsigned id = 0; id < CLOUD_SINKS; id++)
		if (delivery->sinks[id].wanted)
			options.sinks[options.sinks_count++] =
				(struct outbox_sink){ .id = id, .severity = 1 };
	return outbox_open(delivery->agent->journal, &options);
}

static int courier_open(struct delivery *delivery)
{
	static const struct courier_handlers handlers = {
		.result = result_came,
		.turned = courier_turned,
		.instance = instance_came,
		.broken = courier_broke,
	};
	const struct agent *agent = delivery->agent;
	struct courier_options options = { .memory = COURIER_MEMORY };
	char *settings = delivery_settings(&agent->config, agent->host.hostname);
	int r;

	if (!settings)
		return -EINVAL;
	options.settings = settings;
	r = courier_new(agent->loop, &options, &handlers, delivery, &delivery->courier);
	explicit_bzero(settings, strlen(settings));
	free(settings);
	if (r == -ENOENT)
		log_error("cordon-cloud is not there: nothing goes to AWS");
	else if (r == -EPERM)
		log_error("cordon-cloud may be written by others than root, and is not run: "
			  "nothing goes to AWS");
	else if (r < 0)
		(void)log_errno(LOG_ERR, r, "cordon-cloud cannot be run: nothing goes to AWS");
	return r;
}

int delivery_open(struct agent *agent)
{
	struct delivery *delivery;
	int r;

	if (!agent->config.report.cloudwatch.group || !*agent->config.report.cloudwatch.group)
		return 0;
	delivery = calloc(1, sizeof(*delivery));
	if (!delivery)
		return -ENOMEM;
	agent->delivery = delivery;
	delivery->agent = agent;
	delivery->sinks[CLOUD_CLOUDWATCH].wanted = true;
	r = outbox_start(delivery);
	if (r == 0)
		r = sd_event_add_defer(agent->loop, &delivery->turn, turn_due, delivery);
	if (r >= 0)
		r = sd_event_add_time_relative(agent->loop, &delivery->timer, CLOCK_BOOTTIME, 0, 1,
					       timer_due, delivery);
	if (r < 0)
		return log_errno(LOG_ERR, r, "deliveries");
	/* What is owed from before goes when cordon-cloud has said hello. */
	(void)courier_open(delivery);
	return 0;
}

void delivery_close(struct agent *agent)
{
	struct delivery *delivery = agent->delivery;

	if (!delivery)
		return;
	courier_free(delivery->courier);
	(void)sd_event_source_disable_unref(delivery->turn);
	(void)sd_event_source_disable_unref(delivery->timer);
	free(delivery);
	agent->delivery = NULL;
}

/* Metrics of a minute in which nobody can be reached are not worth keeping. */
static void metrics_send(struct delivery *delivery)
{
	const struct message_entry entry = { .sink = CLOUD_CLOUDWATCH,
					     .time = clock_realtime() / NS_PER_MILLISECOND };
	CLEANUP(free_cleanup) char *line = NULL;

	if (!delivery->agent->config.report.cloudwatch.metrics || !delivery->courier ||
	    clock_boottime() < delivery->metrics_next || !courier_has_room(delivery->courier, 1))
		return;
	line = delivery_metrics(delivery->agent);
	if (line)
		(void)courier_send(delivery->courier, METRICS_ID, &entry, line, strlen(line));
	delivery->metrics_next = clock_boottime() + METRICS_INTERVAL;
}

void delivery_tick(struct agent *agent)
{
	struct delivery *delivery = agent->delivery;
	uint64_t dropped;

	if (!delivery)
		return;
	metrics_send(delivery);
	if (delivery->ticks++ % PRUNE_SECONDS != 0)
		return;
	if (outbox_prune(agent->journal, clock_realtime(), &dropped) < 0 || dropped == 0)
		return;
	delivery->dropped += dropped;
	pipeline_dropped(agent, dropped);
}

/* ---- what is said of it ---- */

uint64_t delivery_failing(const struct agent *agent)
{
	uint64_t count = 0;

	for (unsigned id = 0; agent->delivery && id < CLOUD_SINKS; id++)
		count += agent->delivery->sinks[id].wanted &&
			 (agent->delivery->sinks[id].error[0] || !agent->delivery->courier);
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
	return json_pack("{s:I, s:o, s:o?}", "dropped", (json_int_t)delivery->dropped, "sinks",
			 sinks, "process", delivery->courier ? process_json(&status) : NULL);
}
