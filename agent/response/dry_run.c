/* SPDX-License-Identifier: Apache-2.0 */
#include "response/dry_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "response/isolation_budget.h"
#include "response/isolation_call.h"
#include "response/isolation_channel.h"
#include "response/isolation_guard.h"
#include "response/isolation_plan.h"

/* Of one VPC; what is over is not looked at. */
#define ENDPOINTS_MAX 64

struct dry_run {
	struct isolation_options options;
	dry_run_call call;
	void *userdata;
	json_t *result, *endpoints, *groups, *interfaces;
	struct isolation_facts facts;
	struct isolation_plan plan;
	struct isolation_record record;
	size_t row, step;
};

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(struct dry_run *, dry_run_free)

/* ---- what is asked ---- */

static json_t *ask_instance(struct dry_run *run)
{
	return call_describe_instance(run->facts.instance);
}

static void take_instance(struct dry_run *run, const struct isolation_reply *reply)
{
	char instance[FACTS_ID_SIZE];

	(void)snprintf(instance, sizeof(instance), "%s", run->facts.instance);
	(void)facts_read_instance(reply->facts, instance, &run->facts);
}

static json_t *ask_interfaces(struct dry_run *run)
{
	return call_describe_interfaces(run->facts.instance, false);
}

static void take_interfaces(struct dry_run *run, const struct isolation_reply *reply)
{
	(void)facts_read_interfaces(reply->facts, &run->facts);
}

static json_t *ask_scaling(struct dry_run *run)
{
	return run->options.scaling != ISOLATION_SCALING_NONE
		       ? call_describe_scaling(run->facts.instance)
		       : NULL;
}

static void take_scaling(struct dry_run *run, const struct isolation_reply *reply)
{
	(void)facts_read_scaling(reply->facts, run->facts.instance, &run->facts);
}

static json_t *ask_termination(struct dry_run *run)
{
	return run->options.termination_protection || run->options.end == ISOLATION_END_TERMINATE
		       ? call_describe_termination(run->facts.instance)
		       : NULL;
}

static void take_termination(struct dry_run *run, const struct isolation_reply *reply)
{
	(void)facts_read_termination(reply->facts, &run->facts);
}

static json_t *ask_endpoints(struct dry_run *run)
{
	return *run->facts.vpc ? call_describe_endpoints(run->facts.vpc) : NULL;
}

static void take_endpoints(struct dry_run *run, const struct isolation_reply *reply)
{
	json_decref(run->endpoints);
	run->endpoints = json_incref(reply->facts);
}

/* The endpoints' groups, or interfaces: their ids, without those that are none. */
static size_t endpoint_ids(const struct dry_run *run, const char *list, const char *prefix,
			   const char *ids[static ENDPOINTS_MAX], size_t count)
{
	const json_t *endpoint, *item;
	size_t i, j;

	json_array_foreach(json_object_get(run->endpoints, "vpcEndpointSet"), i, endpoint)
		json_array_foreach(json_object_get(endpoint, list), j, item)
	{
		const char *id = json_is_string(item) ? json_string_value(item)
						      : facts_text(item, "groupId");
		bool there = !facts_id_is(id, prefix);

		for (size_t k = 0; k < count; k++)
			there |= strcmp(ids[k], id) == 0;
		if (!there && count < ENDPOINTS_MAX)
			ids[count++] = id;
	}
	return count;
}

static json_t *ask_groups(struct dry_run *run)
{
	const char *ids[ENDPOINTS_MAX] = { run->options.quarantine };

	if (!*run->options.quarantine)
		return NULL;
	return call_describe_groups(ids, endpoint_ids(run, "groupSet", "sg", ids, 1));
}

static void take_groups(struct dry_run *run, const struct isolation_reply *reply)
{
	json_decref(run->groups);
	run->groups = json_incref(reply->facts);
}

static json_t *ask_endpoint_interfaces(struct dry_run *run)
{
	const char *ids[ENDPOINTS_MAX];
	size_t count = endpoint_ids(run, "networkInterfaceIdSet", "eni", ids, 0);

	return count ? call_describe_interfaces_by_id(ids, count) : NULL;
}

static void take_endpoint_interfaces(struct dry_run *run, const struct isolation_reply *reply)
{
	json_decref(run->interfaces);
	run->interfaces = json_incref(reply->facts);
}

static json_t *ask_count(struct dry_run *run)
{
	char filter[BUDGET_FILTER_SIZE], value[2 * FACTS_NAME_SIZE];

	if (run->options.budget.scope == ISOLATION_SCOPE_NONE || !*run->facts.vpc)
		return NULL;
	(void)budget_filter(&run->facts, &run->options, filter, value);
	return call_describe_instances(filter, value);
}

static void take_count(struct dry_run *run, const struct isolation_reply *reply)
{
	char filter[BUDGET_FILTER_SIZE], value[2 * FACTS_NAME_SIZE];
	struct budget_answer answer;

	(void)budget_filter(&run->facts, &run->options, filter, value);
	budget_look(reply->facts, run->facts.instance, clock_realtime(), &run->options, &answer);
	(void)json_object_set_new(
		run->result, "budget",
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "filter", filter, "value", value,
			  "instances", (json_int_t)answer.total, "limit", (json_int_t)answer.limit,
			  "used", (json_int_t)answer.before, "admitted", answer.admitted));
}

static const struct {
	const char *what;
	json_t *(*ask)(struct dry_run *run);
	void (*take)(struct dry_run *run, const struct isolation_reply *reply);
} rows[] = {
	{ "this instance", ask_instance, take_instance },
	{ "its interfaces", ask_interfaces, take_interfaces },
	{ "its Auto Scaling group", ask_scaling, take_scaling },
	{ "its termination protection", ask_termination, take_termination },
	{ "the VPC's endpoints", ask_endpoints, take_endpoints },
	{ "the quarantine group", ask_groups, take_groups },
	{ "the endpoints' interfaces", ask_endpoint_interfaces, take_endpoint_interfaces },
	{ "the budget", ask_count, take_count },
};

/* ---- what comes of it ---- */

static const char *quarantine_vpc(const struct dry_run *run)
{
	const json_t *group;
	size_t i;

	json_array_foreach(
		json_object_get(run->groups, "securityGroupInfo"), i,
		group) if (strcmp(facts_text(group, "groupId"), run->options.quarantine) ==
			   0) return facts_text(group, "vpcId");
	return "";
}

static void channel_add(struct dry_run *run)
{
	static const char *const services[] = { "ec2", "logs", "ssm" };
	const struct channel_facts facts = { .quarantine = run->options.quarantine,
					     .endpoints = run->endpoints,
					     .groups = run->groups,
					     .interfaces = run->interfaces,
					     .own = &run->facts };
	json_t *channel = json_array();

	for (size_t i = 0; *run->options.quarantine && i < ELEMENTS(services); i++)
		(void)json_array_append_new(channel, channel_check(&facts, services[i]));
	(void)json_object_set_new(run->result, "channel", channel);
}

/* What policy may ask for at most: whether it would be allowed, and what protects the instance. */
static void end_add(struct dry_run *run)
{
	bool terminate = run->options.end == ISOLATION_END_TERMINATE;
	struct plan_step *step = &run->plan.steps[run->plan.count];
	json_t *call = call_end(run->facts.instance, run->options.end);

	if (!call || run->plan.count == PLAN_STEPS_MAX) {
		json_decref(call);
		return;
	}
	*step = (struct plan_step){ .kind = PLAN_END, .call = call };
	(void)snprintf(step->what, sizeof(step->what),
		       "the instance is %s, if policy asks for it%s",
		       terminate ? "terminated" : "stopped",
		       terminate && run->facts.termination_protected
			       ? "; not at present: termination protection is on"
			       : "");
	run->plan.count++;
}

static void plan_make(struct dry_run *run)
{
	char why[GUARD_TEXT_SIZE] = "";
	json_t *call;

	(void)plan_isolation(&run->facts, &run->options, quarantine_vpc(run), false, &run->plan);
	(void)isolation_guard(&run->options, &run->facts, clock_boottime(), false, why);
	if (run->options.tags && plan_note(&run->plan, &run->record) == 0 &&
	    run->plan.count < PLAN_STEPS_MAX) {
		struct plan_step *step = &run->plan.steps[run->plan.count];

		call = call_create_tags(run->facts.instance);
		call_add_tag(call, ISOLATION_TAG, "dry-run");
		plan_undo_tags(&run->record, call);
		*step = (struct plan_step){ .kind = PLAN_TAGS, .call = call };
		(void)snprintf(step->what, sizeof(step->what),
			       "tags " ISOLATION_TAG " and " ISOLATION_TAG_UNDO "*");
		run->plan.count += call != NULL;
	}
	end_add(run);
	channel_add(run);
	(void)json_object_set_new(run->result, "guard", *why ? json_string(why) : json_null());
	(void)json_object_set_new(run->result, "problem",
				  *run->plan.problem ? json_string(run->plan.problem)
						     : json_null());
	(void)json_object_set_new(run->result, "skipped",
				  *run->plan.skipped ? json_string(run->plan.skipped)
						     : json_null());
}

/* allowed: -1: nobody can say. */
static void step_add(struct dry_run *run, int allowed, const char *why)
{
	const struct plan_step *step = &run->plan.steps[run->step];
	char name[CALL_NAME_SIZE];

	call_name(step->call, name);
	(void)json_array_append_new(json_object_get(run->result, "steps"),
				    json_pack("{s:s, s:s, s:O, s:o, s:s?}", "what", step->what,
					      "call", name, "parameters",
					      json_object_get(step->call, "parameters"), "allowed",
					      allowed < 0 ? json_null() : json_boolean(allowed),
					      "why", *why ? why : NULL));
}

static void turn(struct dry_run *run);

static void send(struct dry_run *run, const json_t *call)
{
	CLEANUP(free_cleanup) char *text = json_dumps(call, JSON_COMPACT);

	if (!text || run->call(text, strlen(text), run->userdata) < 0)
		dry_run_replied(run, NULL, 0);
}

static void turn(struct dry_run *run)
{
	while (run->row < ELEMENTS(rows)) {
		CLEANUP(json_decref_cleanup) json_t *call = rows[run->row].ask(run);

		if (call) {
			send(run, call);
			return;
		}
		run->row++;
	}
	if (run->row == ELEMENTS(rows)) {
		plan_make(run);
		run->row++;
	}
	while (run->step < run->plan.count) {
		json_t *call = run->plan.steps[run->step].call;

		if (strcmp(facts_text(call, "service"), "ec2") == 0) {
			CLEANUP(json_decref_cleanup) json_t *dry = json_deep_copy(call);

			call_make_dry(dry);
			send(run, dry);
			return;
		}
		step_add(run, -1, "the service has no dry run");
		run->step++;
	}
	(void)json_object_set_new(run->result, "done", json_true());
}

static void row_take(struct dry_run *run, const struct isolation_reply *reply)
{
	char text[CALL_TEXT_SIZE + 64];

	if (reply->fine) {
		rows[run->row].take(run, reply);
	} else {
		(void)snprintf(text, sizeof(text), "%s cannot be looked at: %s",
			       rows[run->row].what, reply->text);
		(void)json_array_append_new(json_object_get(run->result, "errors"),
					    json_string(text));
	}
	run->row++;
}

void dry_run_replied(struct dry_run *run, const char *text, size_t size)
{
	CLEANUP(json_decref_cleanup) json_t *object = text ? json_loadb(text, size, 0, NULL) : NULL;
	struct isolation_reply reply;

	if (json_is_true(json_object_get(run->result, "done")))
		return;
	if (isolation_reply_read(object, &reply) < 0) {
		reply = (struct isolation_reply){ .again = true };
		(void)snprintf(reply.text, sizeof(reply.text), "cordon-cloud does not answer");
	}
	if (run->row < ELEMENTS(rows)) {
		row_take(run, &reply);
	} else {
		step_add(run, reply.again ? -1 : reply.allowed, reply.allowed ? "" : reply.text);
		run->step++;
	}
	turn(run);
}

json_t *dry_run_result(const struct dry_run *run)
{
	return run->result;
}

int dry_run_new(const struct isolation_options *options, const char *instance, dry_run_call call,
		void *userdata, struct dry_run **ret)
{
	CLEANUP(dry_run_free_cleanup) struct dry_run *run = calloc(1, sizeof(*run));

	if (!run)
		return -ENOMEM;
	if (!facts_id_is(instance, "i"))
		return -ENODEV;
	run->options = *options;
	run->call = call;
	run->userdata = userdata;
	(void)snprintf(run->facts.instance, sizeof(run->facts.instance), "%s", instance);
	run->result = json_pack("{s:b, s:s, s:[], s:[], s:n}", "done", 0, "instance", instance,
				"steps", "errors", "budget");
	if (!run->result)
		return -ENOMEM;
	turn(run);
	*ret = take_ptr(run);
	return 0;
}

void dry_run_free(struct dry_run *run)
{
	if (!run)
		return;
	plan_clear(&run->plan);
	isolation_record_clear(&run->record);
	json_decref(run->result);
	json_decref(run->endpoints);
	json_decref(run->groups);
	json_decref(run->interfaces);
	free(run);
}
