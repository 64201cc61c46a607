/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns which calls of AWS the configuration needs, what each needs in a policy of IAM, and what
 * came of trying them. Texts of AWS in it are a stranger's, escaped by courier.c.
 */
#include "daemon/preflight.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud/endpoint.h"
#include "daemon/agent.h"
#include "daemon/delivery_private.h"

#define DAILY	  (UINT64_C(86400) * NS_PER_SECOND)
/* After a run that left something open. */
#define OPEN_WAIT (300 * NS_PER_SECOND)
#define ARN_SIZE  2048

CLEANUP_DEFINE(json_t *, json_decref)

static bool always(const struct config *config)
{
	(void)config;
	return true;
}

static bool group_wanted(const struct config *config)
{
	return config->report.cloudwatch.group && *config->report.cloudwatch.group;
}

static bool agent_group_wanted(const struct config *config)
{
	return config->report.cloudwatch.agent_group && *config->report.cloudwatch.agent_group;
}

static bool inventory_wanted(const struct config *config)
{
	return config->report.ssm.inventory == CONFIG_INVENTORY_CALL;
}

static bool compliance_wanted(const struct config *config)
{
	return config->report.ssm.compliance;
}

static bool opsitems_wanted(const struct config *config)
{
	return config->report.ssm.opsitems != SEVERITY_NONE;
}

static bool metrics_wanted(const struct config *config)
{
	return config->report.cloudwatch.metrics == CONFIG_METRICS_CALL;
}

#define POINTER "ssm:"

const char *preflight_pointer(const struct config *config)
{
	const char *url = config->policy.source.url;

	if (!url || strncmp(url, POINTER, strlen(POINTER)) != 0)
		url = config->intel.source.url;
	for (size_t i = 0;
	     i < config->intel.feeds_count && (!url || strncmp(url, POINTER, strlen(POINTER)) != 0);
	     i++)
		url = config->intel.feeds[i].url;
	return url && strncmp(url, POINTER, strlen(POINTER)) == 0 ? url + strlen(POINTER) : NULL;
}

static bool pointer_wanted(const struct config *config)
{
	return preflight_pointer(config) != NULL;
}

/* As ARNs have it: parameter/cordon/policy. */
static const char *pointer_shown(const struct config *config)
{
	const char *name = preflight_pointer(config);

	return name ? name + (*name == '/') : "";
}

static bool bus_wanted(const struct config *config)
{
	return config->report.eventbridge.bus && *config->report.eventbridge.bus;
}

static bool hub_wanted(const struct config *config)
{
	return config->report.security_hub.on;
}

static bool topic_wanted(const struct config *config)
{
	return config->report.sns.topic && *config->report.sns.topic;
}

static bool bucket_wanted(const struct config *config)
{
	return config->report.s3.bucket && *config->report.s3.bucket;
}

#define REPORT(member) offsetof(struct config, report.member)
/* A row a call; cordon-cloud knows by its name how it is tried. What stands before a second ':' is
 * only to tell two uses of one action apart. */
static const struct row {
	const char *name;
	const char *used_by; /* key of the configuration */
	bool (*wanted)(const struct config *config);
	const char *resource; /* behind "arn:aws:"; NULL: any */
	size_t value;	      /* of struct config: the text in resource's %s, or an ARN itself */
	const char *(*text)(const struct config *config); /* in its place */
} rows[] = {
	{ .name = "sts:GetCallerIdentity", .used_by = "aws", .wanted = always },
	{ .name = "logs:PutLogEvents",
	  .used_by = "report.cloudwatch.group",
	  .wanted = group_wanted,
	  .resource = "logs:*:*:log-group:%s:*",
	  .value = REPORT(cloudwatch.group) },
	{ .name = "logs:CreateLogStream",
	  .used_by = "report.cloudwatch.group",
	  .wanted = group_wanted,
	  .resource = "logs:*:*:log-group:%s:*",
	  .value = REPORT(cloudwatch.group) },
	{ .name = "agent:logs:PutLogEvents",
	  .used_by = "report.cloudwatch.agent_group",
	  .wanted = agent_group_wanted,
	  .resource = "logs:*:*:log-group:%s:*",
	  .value = REPORT(cloudwatch.agent_group) },
	{ .name = "agent:logs:CreateLogStream",
	  .used_by = "report.cloudwatch.agent_group",
	  .wanted = agent_group_wanted,
	  .resource = "logs:*:*:log-group:%s:*",
	  .value = REPORT(cloudwatch.agent_group) },
	{ .name = "cloudwatch:PutMetricData",
	  .used_by = "report.cloudwatch.metrics",
	  .wanted = metrics_wanted },
	{ .name = "ssm:PutInventory",
	  .used_by = "report.ssm.inventory",
	  .wanted = inventory_wanted },
	{ .name = "ssm:PutComplianceItems",
	  .used_by = "report.ssm.compliance",
	  .wanted = compliance_wanted },
	{ .name = "ssm:CreateOpsItem",
	  .used_by = "report.ssm.opsitems",
	  .wanted = opsitems_wanted },
	{ .name = "ssm:UpdateOpsItem",
	  .used_by = "report.ssm.opsitems",
	  .wanted = opsitems_wanted,
	  .resource = "ssm:*:*:opsitem/*" },
	{ .name = "ssm:DescribeOpsItems",
	  .used_by = "report.ssm.opsitems",
	  .wanted = opsitems_wanted },
	{ .name = "events:PutEvents",
	  .used_by = "report.eventbridge.bus",
	  .wanted = bus_wanted,
	  .resource = "events:*:*:event-bus/%s",
	  .value = REPORT(eventbridge.bus) },
	{ .name = "securityhub:BatchImportFindings",
	  .used_by = "report.security_hub.enabled",
	  .wanted = hub_wanted,
	  .resource = "securityhub:*:*:product/*/default" },
	{ .name = "sns:Publish",
	  .used_by = "report.sns.topic",
	  .wanted = topic_wanted,
	  .resource = "sns:%s",
	  .value = REPORT(sns.topic) },
	{ .name = "s3:PutObject",
	  .used_by = "report.s3.bucket",
	  .wanted = bucket_wanted,
	  .resource = "s3:::%s/*",
	  .value = REPORT(s3.bucket) },
	{ .name = "ssm:GetParameter",
	  .used_by = "policy.url, intel.url or a feed's",
	  .wanted = pointer_wanted,
	  .resource = "ssm:*:*:parameter/%s",
	  .text = pointer_shown },
};
_Static_assert(ELEMENTS(rows) <= PREFLIGHT_ROWS_MAX, "each has its place");

/* ---- a run ---- */

static void run_end(struct preflight *preflight)
{
	bool open = false;

	preflight->running = false;
	preflight->runs++;
	preflight->ended = clock_realtime();
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		open |= preflight->found[i].state == PREFLIGHT_OPEN;
	preflight->next_run = clock_boottime() + (open ? OPEN_WAIT : DAILY) +
			      delivery_chance(open ? OPEN_WAIT / 10 : DAILY / 24);
}

static void row_found(struct preflight *preflight, enum preflight_state state, const char *text)
{
	const struct row *row = &rows[preflight->row];

	/* Once for each that comes to be missing. */
	if (state == PREFLIGHT_DENIED && preflight->found[preflight->row].state != PREFLIGHT_DENIED)
		log_warning("AWS refuses what %s needs: %s", row->used_by, text);
	preflight->found[preflight->row].state = state;
	(void)snprintf(preflight->found[preflight->row].text, PREFLIGHT_TEXT_SIZE, "%s", text);
	preflight->row++;
}

/* The first row is allowed to whoever has keys: without them no other call can be tried, and each
 * would only wait as long. */
static void run_give_up(struct preflight *preflight)
{
	for (; preflight->row < ELEMENTS(rows); preflight->row++) {
		preflight->found[preflight->row].state = PREFLIGHT_OPEN;
		(void)snprintf(preflight->found[preflight->row].text, PREFLIGHT_TEXT_SIZE,
			       "not tried: %s did not succeed", rows[0].name);
	}
	run_end(preflight);
}

static void run_go_on(struct preflight *preflight);

static void row_done(const struct ask_result *result, void *userdata)
{
	static const enum preflight_state states[MESSAGE_OUTCOMES] = {
		[MESSAGE_DELIVERED] = PREFLIGHT_ALLOWED, [MESSAGE_RETRY] = PREFLIGHT_OPEN,
		[MESSAGE_LATER] = PREFLIGHT_OPEN,	 [MESSAGE_DENIED] = PREFLIGHT_DENIED,
		[MESSAGE_POISON] = PREFLIGHT_OPEN,
	};
	struct preflight *preflight = userdata;

	preflight->waits = false;
	row_found(preflight, states[result->outcome], result->text);
	if (preflight->row == 1 && result->outcome != MESSAGE_DELIVERED)
		run_give_up(preflight);
	else
		run_go_on(preflight);
}

static void run_go_on(struct preflight *preflight)
{
	struct agent *agent = preflight->agent;
	int r = 0;

	while (preflight->row < ELEMENTS(rows) && !rows[preflight->row].wanted(&agent->config)) {
		preflight->found[preflight->row].state = PREFLIGHT_UNTRIED;
		preflight->row++;
	}
	if (preflight->row == ELEMENTS(rows)) {
		run_end(preflight);
		return;
	}
	r = delivery_ask(agent, CLOUD_PREFLIGHT, true, rows[preflight->row].name, row_done,
			 preflight);
	preflight->waits = r == 0;
	/* -EAGAIN: the next tick goes on. */
	if (r < 0 && r != -EAGAIN)
		run_end(preflight);
}

int preflight_begin(struct agent *agent, uint64_t *ret_run)
{
	struct preflight *preflight;

	if (!agent->delivery || !agent->delivery->courier)
		return -ENOTCONN;
	preflight = &agent->delivery->preflight;
	if (!preflight->running) {
		preflight->agent = agent;
		preflight->running = true;
		preflight->row = 0;
		run_go_on(preflight);
	}
	*ret_run = preflight->runs + preflight->running;
	return 0;
}

void preflight_hurry(struct preflight *preflight)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (preflight->found[i].state == PREFLIGHT_OPEN)
			preflight->next_run = 0;
}

int preflight_ask(void *userdata, uint64_t *ret_run, char error[static CONTROL_ERROR_SIZE])
{
	struct agent *agent = userdata;
	int r = agent->delivery ? preflight_begin(agent, ret_run) : 0;

	isolation_ready_hurry(agent);
	if (r == -ENOTCONN)
		(void)snprintf(error, CONTROL_ERROR_SIZE,
			       "cordon-cloud does not run: see the log of cordond");
	return r;
}

void preflight_tick(struct agent *agent)
{
	struct preflight *preflight = &agent->delivery->preflight;
	uint64_t run;

	if (preflight->running && !preflight->waits)
		run_go_on(preflight);
	else if (!preflight->running && clock_boottime() >= preflight->next_run)
		(void)preflight_begin(agent, &run);
}

/* ---- what is said of it ---- */

uint64_t preflight_denied(const struct preflight *preflight)
{
	uint64_t count = 0;

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		count += preflight->found[i].state == PREFLIGHT_DENIED;
	return count;
}

/* The action in a row's name. */
static const char *action_of(const struct row *row)
{
	const char *first = strchr(row->name, ':');

	return first && strchr(first + 1, ':') ? first + 1 : row->name;
}

bool preflight_sound(const struct preflight *preflight, char *why, size_t size)
{
	size_t open = 0;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		open += preflight->found[i].state == PREFLIGHT_OPEN;
		if (preflight->found[i].state != PREFLIGHT_DENIED)
			continue;
		(void)snprintf(why, size, "%s is refused, which %s needs", action_of(&rows[i]),
			       rows[i].used_by);
		return false;
	}
	if (!preflight->ended)
		(void)snprintf(why, size, "not tried yet");
	else if (open)
		(void)snprintf(why, size, "%zu calls could not be tried", open);
	else
		(void)snprintf(why, size, "all calls are allowed");
	return true;
}

static void resource_of(const struct agent *agent, const struct row *row, char out[static ARN_SIZE])
{
	const char *region = *agent->host.region ? agent->host.region : agent->config.aws.region;
	const char *place = row->resource ? strstr(row->resource, "%s") : NULL;
	const char *value = "";

	if (row->text)
		value = row->text(&agent->config);
	else if (row->value)
		value = *(char *const *)((const char *)&agent->config + row->value);
	if (!row->resource)
		(void)snprintf(out, ARN_SIZE, "*");
	else if (value && strncmp(value, "arn:", 4) == 0)
		(void)snprintf(out, ARN_SIZE, "%s", value);
	else
		/* A parameter's version is no part of its name. */
		(void)snprintf(out, ARN_SIZE, "arn:%s:%.*s%.*s%s",
			       endpoint_partition(region ? region : ""),
			       place ? (int)(place - row->resource) : (int)strlen(row->resource),
			       row->resource, place && value ? (int)strcspn(value, ":") : 0,
			       value ? value : "", place ? place + 2 : "");
}

/* To be added to the policy of the instance's role. */
static json_t *statement_of(const struct agent *agent, const struct row *row)
{
	char resource[ARN_SIZE];

	resource_of(agent, row, resource);
	return json_pack("{s:s, s:s, s:s}", "Effect", "Allow", "Action", action_of(row), "Resource",
			 resource);
}

static json_t *row_json(const struct agent *agent, size_t number)
{
	static const char *const states[] = {
		[PREFLIGHT_UNTRIED] = "untried",
		[PREFLIGHT_ALLOWED] = "allowed",
		[PREFLIGHT_DENIED] = "denied",
		[PREFLIGHT_OPEN] = "open",
	};
	const struct preflight *preflight = &agent->delivery->preflight;
	enum preflight_state state = preflight->found[number].state;
	json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "call", action_of(&rows[number]), "used_by",
				rows[number].used_by, "state", states[state], "found",
				preflight->found[number].text);

	if (state == PREFLIGHT_DENIED)
		(void)json_object_set_new(row, "statement", statement_of(agent, &rows[number]));
	return row;
}

json_t *preflight_json(const struct agent *agent)
{
	const struct preflight *preflight = &agent->delivery->preflight;
	char time[CLOCK_TEXT_SIZE] = "";
	json_t *calls = json_array();

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (rows[i].wanted(&agent->config))
			(void)json_array_append_new(calls, row_json(agent, i));
	if (preflight->ended)
		clock_format(preflight->ended, time);
	return json_pack("{s:b, s:I, s:s?, s:o}", "running", preflight->running, "runs",
			 (json_int_t)preflight->runs, "time", time[0] ? time : NULL, "calls",
			 calls);
}
