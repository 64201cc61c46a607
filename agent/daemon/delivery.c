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

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud/places.h"
#include "daemon/agent.h"
#include "daemon/delivery_private.h"
#include "daemon/host_cut.h"

/* A finding that is seen again is told of at most so often. */
#define REPEAT_INTERVAL (60 * NS_PER_SECOND)
/* A sink that cannot be reached is tried again after one second, two, four... with chance, so that
 * a fleet does not come back all at once. */
#define PAUSE_MIN	NS_PER_SECOND
#define PAUSE_MAX	(60 * NS_PER_SECOND)
/* More is looked for when cordon-cloud has so few entries of a sink: those that it has are passed
 * over each time. */
#define REFILL_BELOW	(PLACES_SINK_MAX / 2)
/* The metadata service has said who we are by then, or nobody will. */
#define INSTANCE_WAIT	(60 * NS_PER_SECOND)
/* Limits are looked after every so many seconds. */
#define PRUNE_SECONDS	10
/* curl, TLS, and a stack for each thread that resolves a name. */
#define COURIER_MEMORY	(UINT64_C(1) << 30)

CLEANUP_DEFINE(json_t *, json_decref)

uint64_t delivery_chance(uint64_t below)
{
	uint64_t bits = 0;

	(void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
	return below ? bits % below : 0;
}

/* ---- out ---- */

#define STOP 1 /* no more room at present */

/* Nothing can be made of it: that is not tried again before the next start. */
static int delivery_refuse(struct delivery *delivery, const struct outbox_delivery *owed)
{
	if (delivery->results_count == OUTBOX_TAKEN_MAX)
		return STOP;
	delivery->results[delivery->results_count++] =
		(struct outbox_result){ .sequence = owed->sequence, .fate = OUTBOX_POISON };
	delivery->sinks[owed->sink].poison++;
	log_warning("finding %s cannot be told to sink %s: what is stored of it is not a finding",
		    owed->uid, cloud_sink_name(owed->sink));
	return 0;
}

static int delivery_send(const struct outbox_delivery *owed, void *userdata)
{
	struct delivery *delivery = userdata;
	const struct message_entry entry = {
		.sink = owed->sink,
		.urgent = owed->severity >= SEVERITY_CRITICAL,
		.time = owed->last_seen / NS_PER_MILLISECOND,
	};
	struct sink_state *sink = &delivery->sinks[owed->sink];
	CLEANUP(free_cleanup) char *text = NULL;
	int r;

	/* One that fails is tried with one: to render and carry all of them each time, and back,
	 * would be for nothing. */
	if (sink->pause > 0 && sink->held > 0)
		return STOP;
	if (!courier_has_room(delivery->courier, owed->sink, strlen(owed->document)))
		return STOP;
	r = delivery_render(delivery, owed, &text);
	if (r == 0)
		r = courier_send(delivery->courier, owed->sequence, &entry, text, strlen(text));
	sink->held += r == 0;
	if (r == -EBADMSG || r == -EMSGSIZE)
		return delivery_refuse(delivery, owed);
	return r == -EAGAIN || r == -ENOMEM ? STOP : r;
}

static void timer_set(struct delivery *delivery, uint64_t ns)
{
	(void)sd_event_source_set_time_relative(delivery->timer, ns / 1000 + 1);
	(void)sd_event_source_set_enabled(delivery->timer, SD_EVENT_ONESHOT);
}

/* What is missing is told when it is not just yet to come. */
static uint64_t sink_lacks(struct delivery *delivery, unsigned id)
{
	uint64_t waited = clock_boottime() - delivery->opened;
	const char *text = delivery_sink_lacks(delivery, id);
	struct sink_state *sink = &delivery->sinks[id];

	if (waited < INSTANCE_WAIT)
		return INSTANCE_WAIT - waited;
	if (!sink->error[0])
		log_warning("sink %s: %s; what it is owed waits in the journal",
			    cloud_sink_name(id), text);
	(void)snprintf(sink->error, sizeof(sink->error), "%s", text);
	return UINT64_MAX;
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
	if (sink->held > REFILL_BELOW || !courier_has_room(delivery->courier, id, 1))
		return UINT64_MAX;
	if (delivery_sink_lacks(delivery, id))
		return sink_lacks(delivery, id);
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

void delivery_activity(struct agent *agent, const json_t *activity, const char *line)
{
	const json_t *metadata = json_object_get(activity, "metadata");
	const struct outbox_document document = {
		.uid = json_string_value(json_object_get(metadata, "uid")),
		.document = line,
		.severity = (int)json_integer_value(json_object_get(activity, "severity_id")),
		.time = clock_realtime(),
	};
	int r;

	if (!agent->delivery || !document.uid)
		return;
	r = outbox_add(agent->journal, &document);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "sinks of AWS are not told of response %s",
				document.uid);
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
		sink->paused_until = now + after + delivery_chance(after / 4);
	else
		sink->paused_until = now + sink->pause / 2 + delivery_chance(sink->pause / 2);
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
		[MESSAGE_DELIVERED] = OUTBOX_DELIVERED, [MESSAGE_RETRY] = OUTBOX_BACK,
		[MESSAGE_LATER] = OUTBOX_LATER,		[MESSAGE_DENIED] = OUTBOX_BACK,
		[MESSAGE_POISON] = OUTBOX_POISON,
	};
	const struct ask_result asked = { .outcome = outcome, .after = after, .text = text };
	struct delivery *delivery = userdata;
	struct sink_state *sink = &delivery->sinks[sink_id];

	if (ask_is(id)) {
		ask_end(delivery, id, &asked);
		return;
	}
	if (delivery->results_count == OUTBOX_TAKEN_MAX)
		results_settle(delivery);
	delivery->results[delivery->results_count++] = (struct outbox_result){
		.sequence = id, .fate = fates[outcome], .next_try = clock_realtime() + after
	};
	sink->held--;
	if (outcome == MESSAGE_DELIVERED) {
		sink->delivered++;
		sink_works(sink, sink_id);
	} else if (outcome == MESSAGE_LATER) {
		log_debug("sink %s does not take a finding now: %s", cloud_sink_name(sink_id),
			  text);
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

static void answer_came(uint64_t id, unsigned sink, const char *bytes, size_t size, void *userdata)
{
	(void)sink;
	if (ask_is(id))
		ask_answered(userdata, id, bytes, size);
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
	for (unsigned id = 0; id < CLOUD_SINKS; id++)
		delivery->sinks[id].held = 0;
	ask_end_all(delivery, reason);
	isolation_call_lost(delivery->agent);
	/* Before the sensor is there no finding can be made: then it could not even be started. */
	if (delivery->agent->sensor)
		pipeline_cloud_broken(delivery->agent, reason);
}

static void call_replied(uint64_t id, const char *text, size_t size, void *userdata)
{
	struct delivery *delivery = userdata;

	isolation_call_replied(delivery->agent, id, text, size);
}

int delivery_call(struct agent *agent, uint64_t id, const char *text, size_t size)
{
	if (!agent->delivery || !agent->delivery->courier)
		return -ENOENT;
	return courier_call(agent->delivery->courier, id, text, size);
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
	(void)snprintf(delivery->partition, sizeof(delivery->partition), "%s", instance->partition);
	host_cut_configure(delivery->agent);
	log_info("this is instance %s in %s", instance->id, instance->region);
	policy_host_changed(delivery->agent);
	isolation_instance(delivery->agent, instance->id);
	/* What was missing may have been just this. */
	for (unsigned id = 0; id < CLOUD_SINKS; id++)
		delivery->sinks[id].paused_until = 0;
	reports_hurry(&delivery->reports);
	preflight_hurry(&delivery->preflight);
	delivery->log.paused_until = 0;
}

/* ---- start and end ---- */

static void others_dropped(unsigned sink, uint64_t count, void *userdata)
{
	const char *name = cloud_sink_name(sink);

	(void)userdata;
	log_notice("%llu findings that sink %s was owed are dropped: it is turned off; the journal "
		   "has them",
		   (unsigned long long)count, name ? name : "of no known name");
}

static int outbox_start(struct delivery *delivery)
{
	int r;

	const struct config *config = &delivery->agent->config;
	struct outbox_options options = {
		.entries = config->report.outbox.max_entries,
		.bytes = config->report.outbox.max_size,
		.age = config->report.outbox.max_age * 86400 * NS_PER_SECOND,
		.repeat = REPEAT_INTERVAL,
	};

	delivery_sinks_choose(delivery, &options);
	r = outbox_open(delivery->agent->journal, &options);
	if (r < 0)
		return r;
	return outbox_drop_others(delivery->agent->journal, &options, others_dropped, NULL);
}

bool delivery_wanted(const struct config *config)
{
	const char *agent_group = config->report.cloudwatch.agent_group;

	return delivery_sinks_wanted(config) || (agent_group && *agent_group) ||
	       reports_wanted(config) || config->isolation.quarantine;
}

static int courier_open(struct delivery *delivery)
{
	static const struct courier_handlers handlers = {
		.result = result_came,
		.answer = answer_came,
		.turned = courier_turned,
		.instance = instance_came,
		.replied = call_replied,
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

	if (!delivery_wanted(&agent->config) && !policy_host_asks(agent))
		return outbox_drop_others(agent->journal, NULL, others_dropped, NULL);
	delivery = calloc(1, sizeof(*delivery));
	if (!delivery)
		return -ENOMEM;
	agent->delivery = delivery;
	delivery->agent = agent;
	delivery->opened = clock_boottime();
	agent_log_open(agent, &delivery->log);
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
	agent_log_close(&delivery->log);
	ask_forget_all(delivery);
	reports_clear(&delivery->reports);
	(void)sd_event_source_disable_unref(delivery->turn);
	(void)sd_event_source_disable_unref(delivery->timer);
	free(delivery);
	agent->delivery = NULL;
}

void delivery_tick(struct agent *agent)
{
	struct delivery *delivery = agent->delivery;
	uint64_t dropped;

	if (!delivery)
		return;
	preflight_tick(agent);
	reports_tick(agent);
	agent_log_tick(agent);
	if (delivery->ticks++ % PRUNE_SECONDS != 0)
		return;
	if (outbox_prune(agent->journal, clock_realtime(), &dropped) < 0 || dropped == 0)
		return;
	delivery->dropped += dropped;
	pipeline_dropped(agent, dropped);
}
