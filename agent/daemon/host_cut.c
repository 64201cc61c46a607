/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/host_cut.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/control_request.h"

CLEANUP_DEFINE(json_t *, json_decref)

/* Below state_dir. */
#define RECORD_FILE "contained"
/* After a failure a finding asks again soon; the log and sinks need not hear it each time. */
#define RETRY_PAUSE NS_PER_SECOND

/* Names that the agent and the SSM agent ask for in a region: SERVICE.REGION.amazonaws.com. */
static const char *const services[] = {
	"ssm",	       "ssmmessages",
	"ec2messages", "ec2",
	"logs",	       "monitoring",
	"sts",	       "events",
	"securityhub", "sns",
	"s3",	       "kms",
	"autoscaling", "elasticloadbalancing",
};
#define HOST_NAME_SIZE 128

/* ---- options ---- */

struct names {
	char aws[ELEMENTS(services)][HOST_NAME_SIZE];
	const char *all[ELEMENTS(services) + CONFIG_CONTAIN_LIST_MAX];
	size_t count;
};

static const char *region_of(const struct agent *agent)
{
	const char *region = agent->config.aws.region;

	if (!region || !*region)
		region = getenv("AWS_REGION");
	if (!region || !*region)
		region = agent->host.region;
	return region ? region : "";
}

static void names_fill(const struct agent *agent, struct names *names)
{
	const struct config_texts *texts = &agent->config.contain.names;
	const char *region = region_of(agent);
	/* Regions of China have a domain of their own. */
	const char *suffix = strncmp(region, "cn-", 3) == 0 ? ".cn" : "";

	names->count = 0;
	for (size_t i = 0; *region && i < ELEMENTS(services); i++) {
		(void)snprintf(names->aws[i], sizeof(names->aws[i]), "%s.%.64s.amazonaws.com%s",
			       services[i], region, suffix);
		names->all[names->count++] = names->aws[i];
	}
	for (size_t i = 0; i < texts->count; i++)
		names->all[names->count++] = texts->texts[i];
}

static bool interfaces_wanted(const struct config *config)
{
	if (config->contain.interfaces == CONFIG_INTERFACES_AUTO)
		return config->sensor.cgroup == NULL;
	return config->contain.interfaces == CONFIG_INTERFACES_YES;
}

static struct containment_options options_make(const struct agent *agent, struct names *names)
{
	const struct config *config = &agent->config;
	struct containment_options options = {
		.cgroup = config->sensor.cgroup,
		.pin_dir = config->sensor.pin ? config->sensor.pin_dir : NULL,
		.interfaces = interfaces_wanted(config),
		.exempt = (const char *const *)config->contain.units.texts,
		.exempt_count = config->contain.units.count,
		.resolving = (const char *const *)config->contain.resolvers.texts,
		.resolving_count = config->contain.resolvers.count,
		.open = config->contain.open,
		.open_count = config->contain.open_count,
		.ntp = config->contain.ntp,
	};

	names_fill(agent, names);
	options.names = names->all;
	options.names_count = names->count;
	if (agent->resolvers)
		options.resolvers = resolvers_addresses(agent->resolvers, &options.resolvers_count);
	return options;
}

/* ---- telling ---- */

static void sinks_tell(struct agent *agent, const struct ocsf_containment *input)
{
	CLEANUP(json_decref_cleanup) json_t *object = ocsf_containment(input);
	CLEANUP(free_cleanup) char *line = object ? ocsf_line(object) : NULL;

	if (!line) {
		(void)log_errno(LOG_ERR, -ENOMEM, "sinks are not told of the containment");
		return;
	}
	for (size_t i = 0; i < agent->sinks_count; i++)
		sink_deliver(agent->sinks[i], object, line);
}

static void told(struct agent *agent, bool lifted, int r, const char *reason)
{
	struct contain_state state;
	struct ocsf_containment input = { .host = &agent->host,
					  .time = clock_realtime(),
					  .lifted = lifted,
					  .reason = reason ? reason : "",
					  .finding = "",
					  .problem = "" };

	contain_state(agent->contain, &state);
	if (agent->config.mode != CONFIG_ENFORCE)
		input.outcome = OCSF_CONTAINMENT_AUDIT;
	else if (r < 0)
		input.outcome = OCSF_CONTAINMENT_FAILED;
	else
		input.outcome = r > 0 ? OCSF_CONTAINMENT_PARTIAL : OCSF_CONTAINMENT_DONE;
	if (r < 0)
		input.problem = strerror(-r);
	else if (state.on)
		input.problem = state.problem;
	if (!lifted && state.on) {
		input.finding = state.finding;
		input.provisional = state.provisional;
		input.until = state.deadline ? clock_from_boottime(state.deadline) : 0;
	}
	sinks_tell(agent, &input);
}

/* ---- orders ---- */

static int cut_begin(struct agent *agent, const struct contain_plan *plan)
{
	struct contain_state before, after;
	int r;

	contain_state(agent->contain, &before);
	r = contain_begin(agent->contain, plan);
	contain_state(agent->contain, &after);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "the host cannot be contained");
	else if (!before.on)
		log_warning("the host is contained: cut off within %llu us, %llu sockets destroyed",
			    (unsigned long long)(after.cut_ns / 1000),
			    (unsigned long long)(after.destroyed - before.destroyed));
	if (r >= 0 && after.problem[0])
		log_warning("containment: %s", after.problem);
	told(agent, false, r, plan->reason);
	return r;
}

static void cut_expired(void *userdata)
{
	struct agent *agent = userdata;

	log_warning("the host is open again: nobody confirmed its containment in time");
	told(agent, true, 0, "its time was over");
}

static uint64_t deadline_of(uint64_t seconds)
{
	return seconds ? clock_boottime() + seconds * NS_PER_SECOND : 0;
}

void host_cut_wanted(struct agent *agent, const struct finding *finding,
		     const struct verdict *verdict)
{
	uint64_t now = clock_boottime();

	if (verdict->response != RESPONSE_CONTAIN || verdict->excepted || !agent->contain ||
	    contain_on(agent->contain) || isolation_tells(finding))
		return;
	/* One that was kept from it is not looked at each time that it comes again. */
	if (agent->contain_held_at && now - agent->contain_held_at < RETRY_PAUSE &&
	    strcmp(agent->contain_uid, finding->uid) == 0)
		return;
	(void)snprintf(agent->contain_uid, sizeof(agent->contain_uid), "%s", finding->uid);
	(void)snprintf(agent->contain_title, sizeof(agent->contain_title), "%s", finding->title);
	free(agent->contain_held);
	agent->contain_held = isolation_contain_held(agent, finding, verdict);
	agent->contain_held_at = agent->contain_held ? now : 0;
	agent->contain_asked = true;
}

static void asked_do(struct agent *agent)
{
	uint64_t seconds = agent->config.contain.seconds;
	const struct contain_plan plan = { .reason = agent->contain_title,
					   .finding = agent->contain_uid,
					   .deadline = deadline_of(seconds),
					   .provisional = seconds != 0 };
	struct contain_state state;

	contain_state(agent->contain, &state);
	if (!agent->contain || state.on || clock_boottime() < agent->contain_pause)
		return;
	if (cut_begin(agent, &plan) < 0)
		agent->contain_pause = clock_boottime() + RETRY_PAUSE;
}

void host_cut_finding(struct agent *agent)
{
	CLEANUP(free_cleanup) struct isolation_ask *held = take_ptr(agent->contain_held);
	bool asked = agent->contain_asked;

	agent->contain_asked = false;
	if (held)
		isolation_ask(agent, held);
	else if (asked)
		asked_do(agent);
}

static int request_run(struct agent *agent, int request, const json_t *arguments)
{
	const char *reason = json_string_value(json_object_get(arguments, "reason"));
	json_int_t seconds = json_integer_value(json_object_get(arguments, "seconds"));
	const struct contain_plan plan = { .reason = reason,
					   .deadline = deadline_of((uint64_t)seconds) };
	int r;

	if (request == CONTROL_CONTAIN)
		return cut_begin(agent, &plan);
	r = contain_end(agent->contain);
	log_warning("the host is open again: a person lifted its containment");
	told(agent, true, r, reason);
	return r;
}

/* A century of boot time: far from the end of the clock. */
#define SECONDS_MAX (INT64_C(100) * 366 * 86400)

json_t *host_cut_act(struct agent *agent, int request, const json_t *arguments, uid_t uid,
		     char error[static CONTROL_ERROR_SIZE])
{
	const char *verb = request == CONTROL_CONTAIN ? "cut off" : "opened again";
	int r;

	(void)uid;
	if (agent->config.mode != CONFIG_ENFORCE) {
		told(agent, request == CONTROL_UNCONTAIN, 0,
		     json_string_value(json_object_get(arguments, "reason")));
		(void)snprintf(error, CONTROL_ERROR_SIZE,
			       "mode is audit: nothing was done; the host would have been %s",
			       verb);
		return NULL;
	}
	if (!agent->contain) {
		(void)snprintf(error, CONTROL_ERROR_SIZE,
			       "this host cannot be contained: see the log of cordond");
		return NULL;
	}
	if (json_integer_value(json_object_get(arguments, "seconds")) > SECONDS_MAX) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "seconds: too many");
		return NULL;
	}
	r = request_run(agent, request, arguments);
	if (r < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "the host was not %s: %s", verb,
			       strerror(-r));
		return NULL;
	}
	return host_cut_json(agent);
}

/* ---- start and end ---- */

static void line_log(const char *line, void *userdata)
{
	(void)userdata;
	log_notice("%s", line);
}

/* Audit mode changes nothing, and lets nothing stand that drops. */
static void leftovers_end(struct agent *agent)
{
	const struct config *config = &agent->config;
	char path[PATH_MAX];
	int r = containment_unload(config->sensor.pin_dir, false, line_log, NULL);

	(void)snprintf(path, sizeof(path), "%s/" RECORD_FILE, config->state_dir);
	if (r > 0 || access(path, F_OK) == 0)
		log_warning("the host was contained; the mode is audit now: it is open again");
	(void)unlink(path);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "what is left of a containment cannot be removed");
}

void host_cut_open(struct agent *agent)
{
	char record[PATH_MAX];
	struct names names;
	struct contain_options options = { .expired = cut_expired, .userdata = agent };
	int r;

	if (agent->config.mode != CONFIG_ENFORCE) {
		leftovers_end(agent);
		return;
	}
	(void)snprintf(record, sizeof(record), "%s/" RECORD_FILE, agent->config.state_dir);
	options.kernel = options_make(agent, &names);
	options.record = record;
	r = contain_open(agent->loop, &options, &agent->contain);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "this host cannot be contained");
}

void host_cut_configure(struct agent *agent)
{
	struct containment_options options;
	struct names names;

	if (!agent->contain)
		return;
	options = options_make(agent, &names);
	(void)contain_configure(agent->contain, &options);
}

void host_cut_close(struct agent *agent)
{
	contain_close(agent->contain);
	agent->contain = NULL;
	free(take_ptr(agent->contain_held));
}

void host_cut_tick(struct agent *agent)
{
	contain_tick(agent->contain);
}

/* ---- status ---- */

static json_t *time_json(uint64_t time)
{
	char text[CLOCK_TEXT_SIZE];

	if (!time)
		return json_null();
	clock_format(time, text);
	return json_string(text);
}

static json_t *text_json(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static struct contain_state state_of(const struct agent *agent)
{
	struct contain_state state;

	contain_state(agent->contain, &state);
	return state;
}

json_t *host_cut_json(const struct agent *agent)
{
	const struct contain_state state = state_of(agent);
	const struct {
		const char *key;
		json_t *value;
	} members[] = {
		{ "available", json_boolean(agent->contain != NULL) },
		{ "contained", json_boolean(state.on) },
		{ "partial", json_boolean(state.partial) },
		{ "provisional", json_boolean(state.provisional) },
		{ "since", time_json(state.since) },
		{ "until", time_json(state.deadline ? clock_from_boottime(state.deadline) : 0) },
		{ "reason", text_json(state.reason) },
		{ "finding", text_json(state.finding) },
		{ "problem", text_json(state.problem) },
		{ "pinned", json_boolean(state.pinned) },
		{ "interfaces", json_integer((json_int_t)state.interfaces) },
		{ "exempt", json_integer((json_int_t)state.exempt) },
		{ "destroyed", json_integer((json_int_t)state.destroyed) },
		{ "cut_us", json_integer((json_int_t)(state.cut_ns / 1000)) },
		{ "allowed", json_integer((json_int_t)state.counters.allowed) },
		{ "dropped", json_integer((json_int_t)state.counters.dropped) },
		{ "link_allowed", json_integer((json_int_t)state.counters.link_allowed) },
		{ "link_dropped", json_integer((json_int_t)state.counters.link_dropped) },
		{ "refused", json_integer((json_int_t)state.counters.refused) },
	};
	CLEANUP(json_decref_cleanup) json_t *object = json_object();
	bool failed = !object;

	for (size_t i = 0; i < ELEMENTS(members); i++)
		failed |= json_object_set_new(object, members[i].key, members[i].value) < 0;
	return failed ? NULL : take_ptr(object);
}
