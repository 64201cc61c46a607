/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns whether this instance could isolate itself, found out before it must: a dry run at the
 * start, once a day, and sooner after one that failed. What it finds is in the status, in
 * compliance and metrics, and a finding when it turns bad. Only in enforce mode: the role of a host
 * in audit mode need not have the rights.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/delivery_private.h"
#include "daemon/isolation_private.h"

/* Facts and credentials are there by then, and what is done at the start is over. */
#define FIRST_WAIT (30 * NS_PER_SECOND)
#define DAILY	   (UINT64_C(86400) * NS_PER_SECOND)
#define BAD_WAIT   (600 * NS_PER_SECOND)

static bool is_wanted(const struct agent *agent)
{
	return agent->config.mode == CONFIG_ENFORCE && agent->config.isolation.quarantine;
}

void isolation_ready_instance(struct agent *agent)
{
	struct isolation_ready *ready = &agent->isolation->ready;

	if (!ready->due)
		ready->due = clock_boottime() + FIRST_WAIT + delivery_chance(FIRST_WAIT);
}

void isolation_ready_hurry(struct agent *agent)
{
	if (agent->isolation && agent->isolation->ready.due)
		agent->isolation->ready.due = 1;
}

/* ---- what it found ---- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* The first call that would be refused; NULL: none. */
static const json_t *refused_find(const json_t *result)
{
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(result, "steps"), i, step)
	{
		if (json_is_false(json_object_get(step, "allowed")))
			return step;
	}
	return NULL;
}

/* What is wrong, in words that change only when that does; "": nothing. Texts of AWS are escaped by
 * isolation_call.c. */
static void fault_find(const json_t *result, char why[static ISOLATION_NOTE_SIZE])
{
	const json_t *errors = json_object_get(result, "errors");
	const json_t *channel = json_array_get(json_object_get(result, "channel"), 0);
	const json_t *refused = refused_find(result);

	why[0] = '\0';
	if (json_array_size(errors) > 0)
		(void)snprintf(why, ISOLATION_NOTE_SIZE, "%.400s",
			       json_string_value(json_array_get(errors, 0)));
	else if (*text_of(result, "problem"))
		(void)snprintf(why, ISOLATION_NOTE_SIZE, "%.400s", text_of(result, "problem"));
	else if (refused)
		(void)snprintf(why, ISOLATION_NOTE_SIZE, "%.90s would be refused (%.200s): %.200s",
			       text_of(refused, "call"), text_of(refused, "what"),
			       text_of(refused, "why"));
	else if (channel && !json_is_true(json_object_get(channel, "open")))
		(void)snprintf(why, ISOLATION_NOTE_SIZE,
			       "%.60s would not be reached from quarantine: %.300s",
			       text_of(channel, "service"), text_of(channel, "why"));
}

static void fault_tell(struct agent *agent, const char *why)
{
	const struct pipeline_isolation told = {
		.subject = "not-ready",
		.title = "This instance could not isolate itself",
		.why = why,
		.severity = SEVERITY_HIGH,
		.again = true,
	};

	log_warning("isolation: this instance could not isolate itself: %s", why);
	pipeline_isolation(agent, &told, NULL);
}

static void result_take(struct agent *agent, const json_t *result)
{
	struct isolation_ready *ready = &agent->isolation->ready;
	char why[ISOLATION_NOTE_SIZE];
	bool was_sound = ready->runs == 0 || ready->sound;

	fault_find(result, why);
	ready->running = false;
	ready->runs++;
	ready->time = clock_realtime();
	ready->sound = !*why;
	if (!ready->sound && was_sound)
		fault_tell(agent, why);
	else if (ready->sound && !was_sound)
		log_notice("isolation: this instance can isolate itself");
	(void)snprintf(ready->why, sizeof(ready->why), "%s",
		       *why ? why : "each call would be allowed, and AWS be reached afterwards");
	ready->due = clock_boottime() + (ready->sound ? DAILY : BAD_WAIT) +
		     delivery_chance(ready->sound ? DAILY / 24 : BAD_WAIT / 10);
}

/* ---- runs ---- */

void isolation_ready_replied(struct agent *agent, uint64_t number, const char *text, size_t size)
{
	isolation_dry_replied(agent->isolation->ready.dry, number, text, size);
}

static void run_begin(struct agent *agent)
{
	struct isolation_ready *ready = &agent->isolation->ready;
	int r = isolation_dry_begin(agent, DRY_READY, &ready->dry);

	ready->running = r == 0;
	if (r < 0)
		ready->due = clock_boottime() + BAD_WAIT;
}

/* From the loop, and not from a reply: a finding comes of it. */
void isolation_ready_tick(struct agent *agent)
{
	struct isolation_ready *ready = &agent->isolation->ready;
	json_t *result;

	if (!is_wanted(agent) || !ready->due)
		return;
	result = isolation_dry_result(ready->dry);
	if (ready->running && json_is_true(json_object_get(result, "done")))
		result_take(agent, result);
	/* While it is isolated a dry run would speak of the quarantine group only. */
	else if (!ready->running && clock_boottime() >= ready->due &&
		 isolation_is_over(isolate_record(agent->isolation->isolate)->state))
		run_begin(agent);
}

bool isolation_ready(const struct agent *agent, char *why, size_t size)
{
	const struct isolation_ready *ready = agent->isolation ? &agent->isolation->ready : NULL;

	if (!is_wanted(agent))
		(void)snprintf(why, size, "%s",
			       agent->config.mode != CONFIG_ENFORCE
				       ? "mode audit: it is not to isolate itself"
				       : "no quarantine group is configured");
	else if (!ready)
		(void)snprintf(why, size, "isolation is not to be had: see the log of cordond");
	else
		(void)snprintf(why, size, "%s", ready->runs ? ready->why : "not tried yet");
	return !is_wanted(agent) || (ready && (!ready->runs || ready->sound));
}

json_t *isolation_ready_json(const struct agent *agent)
{
	const struct isolation_ready *ready = &agent->isolation->ready;
	char time[CLOCK_TEXT_SIZE];

	if (!is_wanted(agent))
		return NULL;
	clock_format(ready->time, time);
	return json_pack("{s:o, s:s?, s:s?, s:I}", "ready",
			 ready->runs ? json_boolean(ready->sound) : json_null(), "why",
			 ready->runs ? ready->why : NULL, "time", ready->runs ? time : NULL, "runs",
			 (json_int_t)ready->runs);
}
