/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/brake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/isolation_private.h"
#include "intel/name_history.h"
#include "intel/pack_history.h"

/* A host asks for few names that it never asked for before; what comes beyond is noted later. */
#define UNSEEN_RATE 20
#define ASKS_MAX    16
#define DAY	    UINT64_C(86400)

/* A finding that asked for an isolation, as far as a second one is compared with it. */
struct asked {
	uint64_t time; /* boot clock; 0: none */
	char uid[FINDING_UID_SIZE];
	char detector[32], feed[64], entry[128];
};

struct brake {
	struct pack_history *packs; /* NULL: it cannot be had */
	struct name_history *names; /* NULL: likewise, or not wanted */
	struct asked asks[ASKS_MAX];
	size_t next;
	bool failing; /* a pack cannot be kept */
};

/* ---- start and end ---- */

/* The longest that anybody asks for, seconds. */
static uint64_t span_of(const struct config *config)
{
	uint64_t longest = config->isolation.probation;

	for (size_t i = 0; i < config->intel.feeds_count; i++) {
		uint64_t probation = config->intel.feeds[i].probation;

		if (probation != FEED_PROBATION_DEFAULT && probation / NS_PER_SECOND > longest)
			longest = probation / NS_PER_SECOND;
	}
	return longest;
}

unsigned brake_unseen_rate(const struct config *config)
{
	if (config->sensor.unseen_rate)
		return (unsigned)config->sensor.unseen_rate;
	if (config->mode != CONFIG_ENFORCE && !config->isolation.quarantine)
		return 0;
	return config->isolation.long_use ? UNSEEN_RATE : 0;
}

int brake_open(struct agent *agent, struct brake **ret)
{
	const struct config *config = &agent->config;
	struct brake *brake = calloc(1, sizeof(*brake));
	int r = 0;

	if (!brake)
		return -ENOMEM;
	*ret = brake;
	if (config->mode == CONFIG_ENFORCE || config->isolation.quarantine)
		r = pack_history_open(config->state_dir, span_of(config), &brake->packs);
	if (r < 0)
		(void)log_errno(LOG_ERR, r,
				"since when indicators are known cannot be kept: those "
				"with a probation do not isolate");
	r = 0;
	if (brake_unseen_rate(config) && config->isolation.long_use)
		r = name_history_open(config->state_dir, config->isolation.long_use * DAY,
				      &brake->names);
	if (r < 0)
		(void)log_errno(LOG_WARNING, r, "names in use are not noted");
	return 0;
}

void brake_close(struct brake *brake)
{
	if (!brake)
		return;
	pack_history_close(brake->packs);
	name_history_close(brake->names);
	free(brake);
}

int brake_names_open(const struct agent *agent)
{
	const struct brake *brake = agent->isolation ? agent->isolation->brake : NULL;
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size = 0, count;
	FILE *file;

	if (!brake || !brake->names)
		return 0;
	file = open_memstream(&text, &size);
	if (!file)
		return -ENOMEM;
	count = name_history_list(brake->names, clock_realtime() / NS_PER_SECOND, file);
	if (fclose(file) != 0)
		return -ENOMEM;
	return count > 0 ? fd_open_memory(text, size) : 0;
}

/* ---- what is noted ---- */

void brake_pack(struct agent *agent)
{
	struct brake *brake = agent->isolation ? agent->isolation->brake : NULL;
	size_t struck;

	if (!brake)
		return;
	if (brake->packs)
		pack_history_install(brake->packs);
	if (!brake->names)
		return;
	struck = name_history_install(brake->names, agent->pack, clock_realtime() / NS_PER_SECOND);
	if (struck > 0)
		log_warning("the indicators list %zu names that this host has used for long: they "
			    "do not isolate it",
			    struck);
}

void brake_name(struct agent *agent, const struct event *event)
{
	if (agent->isolation && agent->isolation->brake->names)
		name_history_note(agent->isolation->brake->names, &event->name,
				  clock_realtime() / NS_PER_SECOND);
}

void brake_tick(struct agent *agent)
{
	struct brake *brake = agent->isolation->brake;
	uint64_t now = clock_realtime() / NS_PER_SECOND;
	int r = 0;

	if (brake->packs) {
		pack_history_span(brake->packs, span_of(&agent->config));
		r = pack_history_tick(brake->packs, agent->pack, now);
	}
	if (r < 0 && !brake->failing)
		(void)log_errno(LOG_WARNING, r,
				"the pack in force cannot be kept: its new entries "
				"stay in probation");
	if (r != 0)
		brake->failing = r < 0;
	if (brake->names)
		(void)name_history_save(brake->names, now);
}

/* ---- what holds it back ---- */

/* Seconds. A list that the administrator wrote on this host is his will, as it stands. */
static uint64_t probation_of(const struct config *config, const char *feed)
{
	for (size_t i = 0; i < config->intel.feeds_count; i++) {
		const struct config_feed *known = &config->intel.feeds[i];

		if (strcmp(known->name, feed) != 0)
			continue;
		if (known->probation != FEED_PROBATION_DEFAULT)
			return known->probation / NS_PER_SECOND;
		return known->path ? 0 : config->isolation.probation;
	}
	return config->isolation.probation;
}

#define SHOWN_SIZE 128
static void text_show(const char *text, char out[static SHOWN_SIZE])
{
	(void)escape_text(text, strnlen(text, SHOWN_SIZE / 4 - 1), out, SHOWN_SIZE);
}

static bool is_young(const struct agent *agent, const struct indicator *indicator,
		     char why[static ISOLATION_NOTE_SIZE])
{
	uint64_t probation = probation_of(&agent->config, indicator->feed);
	struct pack_history *packs = agent->isolation->brake->packs;
	uint64_t now = clock_realtime() / NS_PER_SECOND, since;
	char entry[SHOWN_SIZE], feed[SHOWN_SIZE], time[CLOCK_TEXT_SIZE];

	if (probation == 0)
		return false;
	since = packs ? pack_history_since(packs, indicator) : 0;
	if (since && since <= now && now - since >= probation)
		return false;
	text_show(indicator->text, entry);
	text_show(indicator->feed, feed);
	clock_format(since * NS_PER_SECOND, time);
	(void)snprintf(why, ISOLATION_NOTE_SIZE,
		       "the entry %s of feed %s is in probation: known here %s%s, and isolating "
		       "after %" PRIu64 " s",
		       entry, feed, since ? "since " : "for a short time only", since ? time : "",
		       probation);
	return true;
}

static bool is_long_used(const struct agent *agent, const struct indicator *indicator,
			 char why[static ISOLATION_NOTE_SIZE])
{
	const struct name_history *names = agent->isolation->brake->names;
	char entry[SHOWN_SIZE], feed[SHOWN_SIZE], shown[SHOWN_SIZE], since[CLOCK_TEXT_SIZE];
	char used[DOMAIN_NAME_TEXT_SIZE];
	struct domain_name name;
	uint64_t time;

	if (!names || indicator->kind != INDICATOR_DOMAIN ||
	    domain_name_parse(indicator->text, &name) < 0 ||
	    !name_history_struck(names, &name, used, &time))
		return false;
	text_show(indicator->text, entry);
	text_show(indicator->feed, feed);
	text_show(used, shown);
	clock_format(time * NS_PER_SECOND, since);
	(void)snprintf(why, ISOLATION_NOTE_SIZE,
		       "the entry %s of feed %s covers %s, which this host had been using since "
		       "%s when it came",
		       entry, feed, shown, since);
	return true;
}

/* Another entry, found by another detector or listed by another feed. */
static bool is_independent(const struct asked *one, const struct asked *other)
{
	return strcmp(one->uid, other->uid) != 0 && strcmp(one->entry, other->entry) != 0 &&
	       (strcmp(one->detector, other->detector) != 0 || strcmp(one->feed, other->feed) != 0);
}

static void asked_fill(const struct finding *finding, struct asked *ret)
{
	const struct indicator *indicator = finding->indicator;

	*ret = (struct asked){ .time = clock_boottime() };
	(void)snprintf(ret->uid, sizeof(ret->uid), "%s", finding->uid);
	(void)snprintf(ret->detector, sizeof(ret->detector), "%s", finding->detector);
	(void)snprintf(ret->feed, sizeof(ret->feed), "%.63s", indicator ? indicator->feed : "");
	(void)snprintf(ret->entry, sizeof(ret->entry), "%.127s",
		       indicator ? indicator->text : finding->subject);
}

/* Notes it, in the place of an older one of its own. true: another has asked lately. */
static bool second_find(struct agent *agent, const struct finding *finding)
{
	struct brake *brake = agent->isolation->brake;
	uint64_t within = agent->config.isolation.second_within * NS_PER_SECOND;
	struct asked own, *place = NULL;
	bool found = false;

	asked_fill(finding, &own);
	for (size_t i = 0; i < ASKS_MAX; i++) {
		struct asked *other = &brake->asks[i];

		if (other->time && strcmp(other->uid, own.uid) == 0)
			place = other;
		else if (other->time && own.time - other->time < within)
			found |= is_independent(&own, other);
	}
	if (!place)
		place = &brake->asks[brake->next++ % ASKS_MAX];
	*place = own;
	return found;
}

bool brake_holds(struct agent *agent, const struct finding *finding, const struct verdict *verdict,
		 enum isolate_news *ret_news, char why[static ISOLATION_NOTE_SIZE])
{
	const struct indicator *indicator = finding->indicator;

	if (indicator && is_young(agent, indicator, why))
		*ret_news = ISOLATE_REFUSED_PROBATION;
	else if (indicator && is_long_used(agent, indicator, why))
		*ret_news = ISOLATE_REFUSED_HISTORY;
	/* What is held back above does not count as one of two. */
	else if (!second_find(agent, finding) && verdict->response == RESPONSE_ISOLATE_SECOND)
		*ret_news = ISOLATE_REFUSED_ALONE;
	else
		return false;
	if (*ret_news == ISOLATE_REFUSED_ALONE)
		(void)snprintf(why, ISOLATION_NOTE_SIZE,
			       "policy rule %.100s wants a second finding, of another entry and "
			       "another feed or detector, within %" PRIu64 " s",
			       verdict->rule, agent->config.isolation.second_within);
	return true;
}
