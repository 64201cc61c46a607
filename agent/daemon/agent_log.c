/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns log lines that wait for CloudWatch Logs. Lines come from base/log.c, escaped. Nothing here
 * logs.
 */
#include "daemon/agent_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/delivery_private.h"

/* Lines that wait; 4 KiB each at most. The first ones say most: later ones are dropped, counted. */
#define LINES_MAX 256
/* Asked at a time: others have to say something, too. */
#define OUT_MAX	  32
#define PAUSE	  (60 * NS_PER_SECOND)

struct agent_log_line {
	TAILQ_ENTRY(agent_log_line) next;
	struct agent_log *log;
	bool out;
	char *text; /* owned: the event */
};

static void line_free(struct agent_log_line *line)
{
	if (!line)
		return;
	free(line->text);
	free(line);
}

static void line_remove(struct agent_log *log, struct agent_log_line *line)
{
	TAILQ_REMOVE(&log->lines, line, next);
	log->count--;
	line_free(line);
}

static char *event_make(const struct agent_log *log, const char *level, const char *text)
{
	const struct ocsf_host *host = &log->agent->host;
	char time[CLOCK_TEXT_SIZE];
	json_t *object;
	char *event;

	clock_format(clock_realtime(), time);
	object = json_pack(
		"{s:s, s:s, s:s, s:s, s:s}", "time", time, "level", level, "program", "cordond",
		"host", *host->instance_id ? host->instance_id : host->hostname, "message", text);
	event = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return event;
}

static void line_add(struct agent_log *log, const char *level, const char *text)
{
	struct agent_log_line *line = log->count < LINES_MAX ? calloc(1, sizeof(*line)) : NULL;

	if (line)
		line->text = event_make(log, level, text);
	if (!line || !line->text) {
		line_free(line);
		log->dropped++;
		return;
	}
	line->log = log;
	TAILQ_INSERT_TAIL(&log->lines, line, next);
	log->count++;
}

static void heard(int level, const char *text, void *userdata)
{
	line_add(userdata, level <= LOG_ERR ? "error" : "warning", text);
}

static void line_done(const struct ask_result *result, void *userdata)
{
	struct agent_log_line *line = userdata;
	struct agent_log *log = line->log;

	log->out--;
	if (result->outcome == MESSAGE_DELIVERED || result->outcome == MESSAGE_POISON) {
		log->delivered += result->outcome == MESSAGE_DELIVERED;
		log->dropped += result->outcome == MESSAGE_POISON;
		if (result->outcome == MESSAGE_DELIVERED)
			log->error[0] = '\0';
		line_remove(log, line);
		return;
	}
	line->out = false;
	log->paused_until = clock_boottime() + (result->after > PAUSE ? result->after : PAUSE) / 2 +
			    delivery_chance(PAUSE / 2);
	(void)snprintf(log->error, sizeof(log->error), "%s", result->text);
}

/* A gap is told where it was. */
static void gap_tell(struct agent_log *log)
{
	char text[64];

	if (log->dropped == log->dropped_told || log->count >= LINES_MAX)
		return;
	(void)snprintf(text, sizeof(text), "%llu lines before this one were dropped",
		       (unsigned long long)(log->dropped - log->dropped_told));
	log->dropped_told = log->dropped;
	line_add(log, "warning", text);
}

void agent_log_tick(struct agent *agent)
{
	struct agent_log *log = &agent->delivery->log;
	struct agent_log_line *line;

	if (!log->agent || clock_boottime() < log->paused_until)
		return;
	gap_tell(log);
	TAILQ_FOREACH(line, &log->lines, next)
	{
		if (line->out)
			continue;
		if (log->out >= OUT_MAX ||
		    delivery_ask(agent, CLOUD_AGENT_LOG, false, line->text, line_done, line) < 0)
			return;
		line->out = true;
		log->out++;
	}
}

void agent_log_open(struct agent *agent, struct agent_log *log)
{
	const char *group = agent->config.report.cloudwatch.agent_group;

	TAILQ_INIT(&log->lines);
	if (!group || !*group)
		return;
	log->agent = agent;
	log_listen(LOG_WARNING, heard, log);
}

void agent_log_close(struct agent_log *log)
{
	struct agent_log_line *line;

	if (!log->agent)
		return;
	log_listen(LOG_WARNING, NULL, NULL);
	while ((line = TAILQ_FIRST(&log->lines)))
		line_remove(log, line);
	log->agent = NULL;
}

json_t *agent_log_json(const struct agent_log *log)
{
	if (!log->agent)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:s?}", "delivered", (json_int_t)log->delivered,
			 "dropped", (json_int_t)log->dropped, "waiting", (json_int_t)log->count,
			 "error", log->error[0] ? log->error : NULL);
}
