/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the ports of an isolation: who makes its calls, where its record is, who is told. See
 * isolation.h.
 */
#include "daemon/isolation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/freeze.h"
#include "daemon/brake.h"
#include "daemon/isolation_private.h"

/* A finding that is seen again asks again at most so often. */
#define REPEAT_INTERVAL (10 * NS_PER_SECOND)

struct isolation_ask {
	char uid[FINDING_UID_SIZE];
	char reason[ISOLATION_REASON_SIZE];
	pid_t pid;
	uint64_t start;
	enum isolation_end end;
	bool held; /* by the brake: then what is told, and why */
	enum isolate_news news;
	char why[ISOLATION_NOTE_SIZE];
};

/* ---- what is told ---- */

static const struct {
	const char *name, *title;
	enum severity severity;
	bool activity, done, restored;
} news_rows[ISOLATE_NEWS] = {
	[ISOLATE_REFUSED_GUARD] = { "refused-by-guard", "This instance was not isolated",
				    SEVERITY_HIGH, true, false, false },
	[ISOLATE_REFUSED_PROBATION] = { "refused-by-probation",
					"This instance was not isolated: the indicator is new",
					SEVERITY_HIGH, true, false, false },
	[ISOLATE_REFUSED_HISTORY] = { "refused-by-history",
				      "This instance was not isolated: the indicator lists a name "
				      "long in use",
				      SEVERITY_HIGH, true, false, false },
	[ISOLATE_REFUSED_ALONE] = { "refused-alone",
				    "This instance was not isolated: there is one finding only",
				    SEVERITY_HIGH, true, false, false },
	[ISOLATE_UNCONFIRMED] = { "unconfirmed",
				  "This instance's isolation was not confirmed in time",
				  SEVERITY_HIGH, false, false, false },
	[ISOLATE_ENDING] = { "ending", "This instance is about to be stopped or terminated",
			     SEVERITY_CRITICAL, false, false, false },
	[ISOLATE_END_FAILED] = { "end-failed", "This instance was not stopped or terminated",
				 SEVERITY_HIGH, false, false, false },
	[ISOLATE_REFUSED_BUDGET] = { "refused-by-budget",
				     "This instance was not isolated: too many others are",
				     SEVERITY_HIGH, true, false, false },
	[ISOLATE_LIFTED] = { "lifted", "This instance was not isolated: EC2 cannot be asked",
			     SEVERITY_HIGH, true, false, false },
	[ISOLATE_CONTAINED] = { "contained",
				"This host is cut off, and its instance is not in "
				"quarantine",
				SEVERITY_HIGH, false, false, false },
	[ISOLATE_PARTIAL] = { "partial", "This instance is isolated in part", SEVERITY_CRITICAL,
			      true, false, false },
	[ISOLATE_ISOLATED] = { "isolated", "This instance is isolated", SEVERITY_CRITICAL, true,
			       true, false },
	[ISOLATE_UNVERIFIED] = { "unverified",
				 "This instance was isolated, and EC2 does not show it",
				 SEVERITY_CRITICAL, true, false, false },
	[ISOLATE_CHANNEL_LOST] = { "channel-lost",
				   "This instance is being isolated, and cannot ask AWS any more",
				   SEVERITY_CRITICAL, false, false, false },
	[ISOLATE_RELEASED] = { "released", "This instance was released", SEVERITY_HIGH, true, true,
			       true },
	[ISOLATE_RELEASE_PARTIAL] = { "release-failed", "This instance could not be released",
				      SEVERITY_HIGH, true, false, true },
};

static void news_say(struct agent *agent, const struct isolation_news *news)
{
	const char *title = news_rows[news->news].title;
	char subject[128], why[ISOLATION_NOTE_SIZE + ISOLATION_REASON_SIZE + 64];
	const struct pipeline_isolation told = { .subject = subject,
						 .title = title,
						 .why = why,
						 .severity = news_rows[news->news].severity };
	const struct ocsf_isolation activity = {
		.time = news->time,
		.uid = *news->uid ? news->uid : news->finding,
		.state = news_rows[news->news].name,
		.finding = news->finding,
		.reason = news->reason,
		.title = title,
		.why = why,
		.severity = news_rows[news->news].severity,
		.done = news_rows[news->news].done,
		.restored = news_rows[news->news].restored,
	};

	(void)snprintf(subject, sizeof(subject), "%s %s", news_rows[news->news].name,
		       *news->uid ? news->uid : news->finding);
	(void)snprintf(why, sizeof(why), "%s%s%s%s", news->text,
		       *news->reason ? "; asked for by: " : "", news->reason,
		       *news->finding ? "" : " (a person)");
	log_notice("%s: %s", title, why);
	pipeline_isolation(agent, &told,
			   news_rows[news->news].activity
				   ? ocsf_isolation_activity(&activity, &agent->host)
				   : NULL);
}

static int news_due(sd_event_source *source, void *userdata)
{
	struct agent *agent = userdata;
	struct isolation *isolation = agent->isolation;

	(void)source;
	for (size_t i = 0; i < isolation->news_count; i++)
		news_say(agent, &isolation->news[i]);
	isolation->news_count = 0;
	return 0;
}

/* From the loop: whoever has something to tell may be in the middle of a batch. */
static void port_tell(const struct isolate_told *told, void *userdata)
{
	struct agent *agent = userdata;
	struct isolation *isolation = agent->isolation;
	const struct isolation_record *record = told->record;
	struct isolation_news *news;

	if (isolation->news_count == ISOLATION_NEWS_MAX)
		return;
	news = &isolation->news[isolation->news_count++];
	*news = (struct isolation_news){ .news = told->news, .time = clock_realtime() };
	(void)snprintf(news->uid, sizeof(news->uid), "%s", record->uid);
	(void)snprintf(news->finding, sizeof(news->finding), "%s", record->finding);
	(void)escape_text(record->reason, strlen(record->reason), news->reason,
			  sizeof(news->reason));
	(void)snprintf(news->text, sizeof(news->text), "%s", told->text);
	(void)sd_event_source_set_enabled(isolation->tell, SD_EVENT_ONESHOT);
}

/* ---- the other ports ---- */

static int port_call(uint64_t number, const char *text, size_t size, void *userdata)
{
	struct agent *agent = userdata;

	return delivery_call(agent, number << 1, text, size);
}

static int port_save(const struct isolation_record *record, void *userdata)
{
	struct agent *agent = userdata;

	return isolation_save(agent->journal, record);
}

static int wake_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	(void)usec;
	isolate_turn(agent->isolation->isolate);
	return 0;
}

static void port_wake(uint64_t at, void *userdata)
{
	struct agent *agent = userdata;
	sd_event_source *timer = agent->isolation->timer;

	(void)sd_event_source_set_time(timer, at / 1000 + 1);
	(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* RFC 9562, version 4. */
static void port_uid(char out[static 37], void *userdata)
{
	uint8_t b[16] = { 0 };

	(void)userdata;
	(void)!getrandom(b, sizeof(b), 0);
	(void)snprintf(out, 37,
		       "%02x%02x%02x%02x-%02x%02x-4%01x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		       b[0], b[1], b[2], b[3], b[4], b[5], b[6] & 15, b[7], (b[8] & 0x3f) | 0x80,
		       b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static const struct isolate_ports ports = {
	.call = port_call,
	.save = port_save,
	.cut = isolation_cut,
	.lift = isolation_lift,
	.wake = port_wake,
	.tell = port_tell,
	.uid = port_uid,
	.hold = isolation_hold,
	.thaw = isolation_thaw,
	.evidence = isolation_evidence,
};

/* ---- from the policy ---- */

static enum isolation_end end_of(enum response response)
{
	if (response == RESPONSE_STOP_INSTANCE)
		return ISOLATION_END_STOP;
	return response == RESPONSE_TERMINATE_INSTANCE ? ISOLATION_END_TERMINATE
						       : ISOLATION_END_NONE;
}

bool isolation_tells(const struct finding *finding)
{
	return strcmp(finding->detector, "isolation") == 0;
}

static struct isolation_ask *ask_new(const struct finding *finding)
{
	struct isolation_ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return NULL;
	(void)snprintf(ask->uid, sizeof(ask->uid), "%s", finding->uid);
	(void)snprintf(ask->reason, sizeof(ask->reason), "%.240s", finding->title);
	return ask;
}

struct isolation_ask *isolation_wanted(struct agent *agent, const struct finding *finding,
				       const struct verdict *verdict)
{
	struct isolation_ask *ask;

	if (agent->config.mode != CONFIG_ENFORCE || !agent->isolation || verdict->excepted ||
	    !response_isolates(verdict->response) || isolation_tells(finding))
		return NULL;
	ask = ask_new(finding);
	if (!ask)
		return NULL;
	freeze_suspect(finding, &ask->pid, &ask->start);
	ask->end = end_of(verdict->response);
	ask->held = brake_holds(agent, finding, verdict, &ask->news, ask->why);
	return ask;
}

struct isolation_ask *isolation_contain_held(struct agent *agent, const struct finding *finding,
					     const struct verdict *verdict)
{
	CLEANUP(free_cleanup) struct isolation_ask *ask = ask_new(finding);
	char why[GUARD_TEXT_SIZE];

	if (!agent->isolation || !ask)
		return NULL;
	ask->held = true;
	if (isolate_guarded(agent->isolation->isolate, why)) {
		ask->news = ISOLATE_REFUSED_GUARD;
		(void)snprintf(ask->why, sizeof(ask->why), "%s", why);
	} else if (!brake_holds(agent, finding, verdict, &ask->news, ask->why)) {
		return NULL;
	}
	return take_ptr(ask);
}

bool isolation_may_begin(const struct isolation_ask *ask)
{
	return !ask->held;
}

void isolation_ask(struct agent *agent, const struct isolation_ask *ask)
{
	const struct isolate_request request = { .reason = ask->reason,
						 .finding = ask->uid,
						 .pid = ask->pid,
						 .start = ask->start,
						 .end = ask->end };

	if (ask->held)
		isolate_refuse(agent->isolation->isolate, &request, ask->news, ask->why);
	else if (isolate_begin(agent->isolation->isolate, &request) == ISOLATE_BEGUN)
		log_notice("isolation begins: %s", ask->reason);
}

void isolation_repeat(struct agent *agent, const struct finding *finding,
		      const struct verdict *verdict)
{
	uint64_t now = clock_boottime();
	struct isolation_ask *ask;

	if (!response_isolates(verdict->response) || !agent->isolation ||
	    (agent->isolation->repeated && now - agent->isolation->repeated < REPEAT_INTERVAL))
		return;
	agent->isolation->repeated = now;
	ask = isolation_wanted(agent, finding, verdict);
	if (ask)
		isolation_ask(agent, ask);
	free(ask);
}

/* ---- from deliveries: even numbers are the isolation's, odd ones a dry run's (DRY_...) ---- */

void isolation_instance(struct agent *agent, const char *instance)
{
	if (!agent->isolation)
		return;
	isolate_instance(agent->isolation->isolate, instance);
	isolation_ready_instance(agent);
}

void isolation_call_replied(struct agent *agent, uint64_t number, const char *text, size_t size)
{
	if (!agent->isolation)
		return;
	if ((number & 3) == DRY_READY)
		isolation_ready_replied(agent, number, text, size);
	else if (number & 1)
		isolation_dry_replied(agent->isolation->dry, number, text, size);
	else
		isolate_replied(agent->isolation->isolate, number >> 1, text, size);
}

void isolation_call_lost(struct agent *agent)
{
	if (!agent->isolation)
		return;
	isolation_dry_replied(agent->isolation->dry, 0, NULL, 0);
	isolation_ready_replied(agent, 0, NULL, 0);
	isolate_lost(agent->isolation->isolate);
}

/* ---- start and end ---- */

void isolation_configure(struct agent *agent)
{
	struct isolation_options options;

	if (!agent->isolation)
		return;
	config_isolation_options(&agent->config.isolation, &options);
	isolate_configure(agent->isolation->isolate, &options);
}

void isolation_open(struct agent *agent)
{
	struct isolation *isolation = calloc(1, sizeof(*isolation));
	struct isolation_options options;
	int r = isolation ? 0 : -ENOMEM;

	config_isolation_options(&agent->config.isolation, &options);
	if (r == 0)
		r = isolate_new(&options, &ports, agent, &isolation->isolate);
	if (r == 0)
		r = sd_event_add_defer(agent->loop, &isolation->tell, news_due, agent);
	if (r >= 0)
		r = sd_event_source_set_enabled(isolation->tell, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(agent->loop, &isolation->timer, CLOCK_BOOTTIME, 0, 1,
					       wake_due, agent);
	if (r >= 0)
		r = sd_event_source_set_enabled(isolation->timer, SD_EVENT_OFF);
	agent->isolation = isolation;
	if (r >= 0)
		r = brake_open(agent, &isolation->brake);
	if (r < 0) {
		(void)log_errno(LOG_ERR, r, "this instance cannot isolate itself");
		isolation_close(agent);
	}
}

void isolation_tick(struct agent *agent)
{
	if (!agent->isolation)
		return;
	brake_tick(agent);
	isolation_ready_tick(agent);
}

/* What the daemon before may not have come to tell: how it ended. */
static void end_tell(struct agent *agent)
{
	static const enum isolate_news news[ISOLATION_STATES] = {
		[ISOLATION_REFUSED] = ISOLATE_REFUSED_BUDGET,
		[ISOLATION_RELEASED] = ISOLATE_RELEASED,
		[ISOLATION_LIFTED] = ISOLATE_LIFTED,
	};
	const struct isolation_record *record = isolate_record(agent->isolation->isolate);
	const struct isolate_told told = { news[record->state], record, record->note };

	port_tell(&told, agent);
}

void isolation_resume(struct agent *agent)
{
	struct isolation_record record = { 0 };
	bool over;
	int r;

	if (!agent->isolation)
		return;
	r = isolation_load(agent->journal, &record);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "the record of isolations cannot be read");
	if (r <= 0)
		return;
	over = record.state != ISOLATION_NONE && isolation_is_over(record.state);
	if (agent->config.mode != CONFIG_ENFORCE && !over && record.state != ISOLATION_NONE) {
		log_warning("isolation %s, which is %s, does not go on in audit mode; cordon "
			    "release undoes it",
			    record.uid, isolation_state_name(record.state));
		isolate_keep(agent->isolation->isolate, &record);
		return;
	}
	isolate_resume(agent->isolation->isolate, &record);
	if (over)
		end_tell(agent);
}

void isolation_close(struct agent *agent)
{
	struct isolation *isolation = agent->isolation;

	if (!isolation)
		return;
	isolation_dry_free(isolation->dry);
	isolation_evidence_close(isolation);
	isolation_dry_free(isolation->ready.dry);
	brake_close(isolation->brake);
	isolate_free(isolation->isolate);
	(void)sd_event_source_disable_unref(isolation->tell);
	(void)sd_event_source_disable_unref(isolation->timer);
	free(isolation);
	agent->isolation = NULL;
}
