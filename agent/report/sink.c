/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the pace at which a sink is told of repeats, and its failures. Gets findings from the
 * daemon as OCSF objects.
 */
#include "report/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "journal/journal.h"
#include "report/ocsf.h"

/* Findings whose last delivery is remembered, by uid: so many sets of so many. When all of a set
 * wait to be told, one more is told at once, more often than the interval says. */
#define PACE_SETS 512
#define PACE_WAYS 4

struct pace {
	char uid[JOURNAL_UID_SIZE]; /* "" for a free one */
	uint64_t told;		    /* boot clock */
	bool waiting;		    /* it has repeated since */
};

struct sink {
	const struct sink_type *type;
	void *state;
	struct journal *journal;
	uint64_t interval;
	uint64_t delivered, failed, lost; /* lost: since it began to fail */
	int error;
	struct pace places[PACE_SETS][PACE_WAYS];
};

CLEANUP_DEFINE(json_t *, json_decref)

static const struct sink_type *const sink_types[SINK_TYPES_MAX] = { &sink_file, &sink_journald,
								    &sink_screen };

int sink_open(const char *name, const struct sink_options *options, struct sink **ret)
{
	CLEANUP(free_cleanup) struct sink *sink = calloc(1, sizeof(*sink));
	int r;

	if (!sink)
		return -ENOMEM;
	for (size_t i = 0; i < ELEMENTS(sink_types); i++)
		if (strcmp(sink_types[i]->name, name) == 0)
			sink->type = sink_types[i];
	if (!sink->type)
		return -ENOENT;
	sink->interval = sink->type->repeat_interval ? sink->type->repeat_interval
						     : options->repeat_interval;
	sink->journal = options->journal;
	r = sink->type->open(options, &sink->state);
	if (r < 0)
		return r;
	*ret = take_ptr(sink);
	return 0;
}

/* Says once that it fails, and once that it works again. */
static void sink_account(struct sink *sink, int r)
{
	if (r < 0) {
		sink->failed++;
		sink->lost++;
		if (sink->error == 0)
			log_errno(LOG_ERR, r,
				  "sink %s fails; findings stay in the journal, and in "
				  "'cordon findings'",
				  sink->type->name);
	} else {
		sink->delivered++;
		if (sink->error < 0) {
			log_notice(
				"sink %s works again; %llu findings and updates did not reach it",
				sink->type->name, (unsigned long long)sink->lost);
			sink->lost = 0;
		}
	}
	sink->error = r < 0 ? r : 0;
}

static void sink_send(struct sink *sink, const json_t *object, const char *line, bool repeat)
{
	struct sink_message message = {
		.object = object,
		.line = line,
		.length = strlen(line),
		.repeat = repeat,
	};

	view_read(object, &message.view);
	if (message.view.activity && sink->type->findings_only)
		return;
	sink_account(sink, sink->type->deliver(sink->state, &message));
}

/* The place of uid, or one that it may take; NULL when all are taken. */
static struct pace *pace_find(struct sink *sink, const char *uid)
{
	struct pace *set, *oldest = NULL;
	uint32_t hash = 2166136261u;

	for (const char *at = uid; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619u;
	set = sink->places[hash % PACE_SETS];
	for (size_t i = 0; i < PACE_WAYS; i++) {
		if (strcmp(set[i].uid, uid) == 0)
			return &set[i];
		if (!set[i].waiting && (!oldest || set[i].told < oldest->told))
			oldest = &set[i];
	}
	return oldest;
}

static void pace_told(struct pace *pace, const char *uid)
{
	(void)snprintf(pace->uid, sizeof(pace->uid), "%s", uid);
	pace->told = clock_boottime();
	pace->waiting = false;
}

void sink_deliver(struct sink *sink, const json_t *object, const char *line)
{
	const char *uid =
		json_string_value(json_object_get(json_object_get(object, "finding_info"), "uid"));
	struct pace *pace = uid ? pace_find(sink, uid) : NULL;

	if (pace)
		pace_told(pace, uid);
	sink_send(sink, object, line, false);
}

static int entry_send(const struct journal_entry *entry, void *userdata)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(entry->document, 0, NULL);
	CLEANUP(free_cleanup) char *line = NULL;
	struct sink *sink = userdata;

	if (object && ocsf_finding_amend(object, entry->count, entry->last_seen) == 0)
		line = ocsf_line(object);
	if (line)
		sink_send(sink, object, line, !entry->fresh);
	else
		sink_account(sink, object ? -ENOMEM : -EBADMSG);
	return 0;
}

void sink_repeat(struct sink *sink, const struct journal_entry *entry)
{
	struct pace *pace = sink->interval ? pace_find(sink, entry->uid) : NULL;
	bool known = pace && strcmp(pace->uid, entry->uid) == 0;

	if (known && !entry->fresh && clock_boottime() - pace->told < sink->interval) {
		pace->waiting = true;
		return;
	}
	if (pace)
		pace_told(pace, entry->uid);
	(void)entry_send(entry, sink);
}

/* One that has been pruned since has nothing more to say. */
static void pace_send_waiting(struct sink *sink, struct pace *pace)
{
	const struct journal_query query = { .uid = pace->uid };
	int r = journal_read(sink->journal, &query, entry_send, sink);

	if (r < 0)
		sink_account(sink, r);
	pace->told = clock_boottime();
	pace->waiting = false;
}

/* age: told at least so long ago. */
static void sink_send_waiting(struct sink *sink, uint64_t age)
{
	uint64_t now = clock_boottime();

	for (size_t set = 0; set < PACE_SETS; set++)
		for (size_t way = 0; way < PACE_WAYS; way++) {
			struct pace *pace = &sink->places[set][way];

			if (pace->waiting && now - pace->told >= age)
				pace_send_waiting(sink, pace);
		}
}

void sink_flush(struct sink *sink)
{
	sink_send_waiting(sink, sink->interval);
	if (sink->type->flush)
		(void)sink->type->flush(sink->state);
}

void sink_reopen(struct sink *sink)
{
	int r = sink->type->reopen ? sink->type->reopen(sink->state) : 0;

	if (r < 0)
		log_errno(LOG_ERR, r, "sink %s cannot be opened again", sink->type->name);
}

void sink_close(struct sink *sink)
{
	if (!sink)
		return;
	sink_send_waiting(sink, 0);
	sink->type->close(sink->state);
	free(sink);
}

void sink_statistics(const struct sink *sink, struct sink_statistics *ret)
{
	*ret = (struct sink_statistics){
		.name = sink->type->name,
		.delivered = sink->delivered,
		.failed = sink->failed,
		.error = sink->error,
	};
	for (size_t set = 0; set < PACE_SETS; set++)
		for (size_t way = 0; way < PACE_WAYS; way++)
			ret->held += sink->places[set][way].waiting;
}
