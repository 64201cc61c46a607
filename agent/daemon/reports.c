/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns when each report goes: when it has changed, and once a day if it has not, so that what is
 * seen there is known to be of today; metrics once a minute.
 */
#include "daemon/reports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/delivery_private.h"

#define METRICS_INTERVAL (60 * NS_PER_SECOND)
#define DAILY		 (UINT64_C(86400) * NS_PER_SECOND)
/* After a failure: a minute, two, four... */
#define PAUSE_MIN	 (60 * NS_PER_SECOND)
#define PAUSE_MAX	 (3600 * NS_PER_SECOND)
/* Another look when cordon-cloud has no room, or does not run yet. */
#define SOON		 NS_PER_SECOND

static bool metrics_wanted(const struct config *config)
{
	return config->report.cloudwatch.metrics == CONFIG_METRICS_LINE &&
	       config->report.cloudwatch.group && *config->report.cloudwatch.group;
}

static bool metrics_call_wanted(const struct config *config)
{
	return config->report.cloudwatch.metrics == CONFIG_METRICS_CALL;
}

static bool inventory_wanted(const struct config *config)
{
	return config->report.ssm.inventory == CONFIG_INVENTORY_CALL;
}

static bool inventory_file_wanted(const struct config *config)
{
	return config->report.ssm.inventory == CONFIG_INVENTORY_FILE;
}

static bool compliance_wanted(const struct config *config)
{
	return config->report.ssm.compliance;
}

static char *metrics_make(struct agent *agent, bool known)
{
	(void)known;
	return delivery_metrics(agent, false);
}

static char *metrics_form_make(struct agent *agent, bool known)
{
	(void)known;
	return delivery_metrics(agent, true);
}

/* The table of reports. */
static const struct report {
	const char *name;
	unsigned sink; /* of cordon-cloud; 0: write */
	bool (*wanted)(const struct config *config);
	char *(*make)(struct agent *agent, bool known);
	int (*write)(struct agent *agent, const char *text);
	uint64_t every; /* ns, changed or not; 0: on change, and daily */
} table[REPORTS] = {
	[REPORT_METRICS] = { "metrics", CLOUD_CLOUDWATCH, metrics_wanted, metrics_make, NULL,
			     METRICS_INTERVAL },
	[REPORT_METRICS_CALL] = { "metrics", CLOUD_METRICS, metrics_call_wanted, metrics_form_make,
				  NULL, METRICS_INTERVAL },
	[REPORT_INVENTORY] = { "inventory", CLOUD_INVENTORY, inventory_wanted, report_inventory,
			       NULL, 0 },
	[REPORT_INVENTORY_FILE] = { "inventory-file", 0, inventory_file_wanted,
				    report_inventory_file, report_inventory_write, 0 },
	[REPORT_COMPLIANCE] = { "compliance", CLOUD_COMPLIANCE, compliance_wanted,
				report_compliance, NULL, 0 },
};

bool reports_wanted(const struct config *config)
{
	for (size_t i = 0; i < REPORTS; i++)
		if (table[i].wanted(config))
			return true;
	return false;
}

static size_t number_of(const struct report_state *state)
{
	return (size_t)(state - state->agent->delivery->reports.states);
}

static void report_taken(struct report_state *state, const struct report *report)
{
	uint64_t now = clock_boottime();

	if (state->error[0])
		log_notice("report %s is taken again", report->name);
	state->error[0] = '\0';
	state->pause = 0;
	state->delivered++;
	free(state->sent);
	state->sent = take_ptr(state->going);
	state->due_at = now + DAILY - delivery_chance(DAILY / 24);
	state->look_at =
		now + (report->every ? report->every
				     : state->agent->config.report.ssm.interval * NS_PER_SECOND);
}

static void report_failed(struct report_state *state, const struct report *report, uint64_t after,
			  const char *text)
{
	state->failed++;
	state->pause = state->pause ? state->pause * 2 : PAUSE_MIN;
	if (state->pause > PAUSE_MAX)
		state->pause = PAUSE_MAX;
	if (after < state->pause)
		after = state->pause;
	state->look_at = clock_boottime() + after / 2 + delivery_chance(after / 2);
	/* Whether it was taken is not known: the next one goes as a whole. */
	free(take_ptr(state->sent));
	free(take_ptr(state->going));
	if (!state->error[0])
		log_warning("report %s fails: %s", report->name, text);
	(void)snprintf(state->error, sizeof(state->error), "%s", text);
}

static void report_done(const struct ask_result *result, void *userdata)
{
	struct report_state *state = userdata;
	const struct report *report = &table[number_of(state)];

	state->under_way = false;
	if (result->outcome == MESSAGE_DELIVERED)
		report_taken(state, report);
	else
		report_failed(state, report, result->after, result->text);
}

/* Takes the text. */
static void report_give(struct report_state *state, const struct report *report, char *text)
{
	struct agent *agent = state->agent;
	CLEANUP(free_cleanup) char *shorter = NULL;
	bool known = state->sent && strcmp(state->sent, text) == 0;
	int r;

	free(state->going);
	state->going = text;
	if (known)
		shorter = report->make(agent, true);
	if (report->write)
		r = report->write(agent, text);
	else
		r = delivery_ask(agent, report->sink, false, shorter ? shorter : text, report_done,
				 state);
	if (r == -EAGAIN)
		state->look_at = clock_boottime() + SOON;
	else if (r < 0)
		report_failed(state, report, 0, strerror(-r));
	else if (report->write)
		report_taken(state, report);
	else
		state->under_way = true;
}

static void report_look(struct report_state *state, const struct report *report)
{
	char *text = report->make(state->agent, false);

	if (text && !report->every && state->sent && strcmp(state->sent, text) == 0 &&
	    clock_boottime() < state->due_at) {
		free(text);
		text = NULL;
	}
	if (text)
		report_give(state, report, text);
	else
		state->look_at =
			clock_boottime() + state->agent->config.report.ssm.interval * NS_PER_SECOND;
}

void reports_tick(struct agent *agent)
{
	for (size_t i = 0; i < REPORTS; i++) {
		struct report_state *state = &agent->delivery->reports.states[i];

		if (!table[i].wanted(&agent->config) || state->under_way ||
		    clock_boottime() < state->look_at)
			continue;
		/* Else it would be made each second for nothing. */
		if (!table[i].write &&
		    (!agent->delivery->courier ||
		     !courier_has_room(agent->delivery->courier, table[i].sink, 1)))
			continue;
		state->agent = agent;
		report_look(state, &table[i]);
	}
}

void reports_hurry(struct reports *reports)
{
	for (size_t i = 0; i < REPORTS; i++)
		if (reports->states[i].error[0])
			reports->states[i].look_at = reports->states[i].pause = 0;
}

void reports_clear(struct reports *reports)
{
	for (size_t i = 0; i < REPORTS; i++) {
		free(take_ptr(reports->states[i].sent));
		free(take_ptr(reports->states[i].going));
	}
}

uint64_t reports_failing(const struct reports *reports)
{
	uint64_t count = 0;

	for (size_t i = 0; i < REPORTS; i++)
		count += reports->states[i].error[0] != '\0';
	return count;
}

json_t *reports_json(const struct reports *reports, const struct config *config)
{
	json_t *array = json_array();

	for (size_t i = 0; i < REPORTS; i++) {
		const struct report_state *state = &reports->states[i];

		if (table[i].wanted(config))
			(void)json_array_append_new(
				array, json_pack("{s:s, s:I, s:I, s:s?}", "name", table[i].name,
						 "delivered", (json_int_t)state->delivered,
						 "failed", (json_int_t)state->failed, "error",
						 state->error[0] ? state->error : NULL));
	}
	return array;
}
