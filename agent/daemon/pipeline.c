/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of an event: detectors make it a finding, the policy gives a verdict, the journal has it
 * on disk, and only then sinks hear of it and responses run.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/agent.h"

CLEANUP_DEFINE(json_t *, json_decref)

/* One finding on its way, and what was rendered of it. */
struct passage {
	struct agent *agent;
	struct ocsf_finding input;
	json_t *object;
	char *line, *summary;
};

static void passage_end(struct passage *passage)
{
	json_decref(passage->object);
	free(passage->line);
	free(passage->summary);
}

static const char *passage_document(const struct journal_entry *entry, void *userdata)
{
	struct passage *passage = userdata;

	passage->input.count = entry->count;
	passage->input.first_seen = entry->first_seen;
	passage->input.last_seen = entry->last_seen;
	json_decref(passage->object);
	free(passage->line);
	passage->line = NULL;
	passage->object = ocsf_finding(&passage->input, entry->count > 1 ? 2 : 1);
	if (passage->object)
		passage->line = ocsf_line(passage->object);
	return passage->line;
}

static const char *passage_summary(void *userdata)
{
	struct passage *passage = userdata;
	json_t *sighting = ocsf_sighting(&passage->input);

	free(passage->summary);
	passage->summary = sighting ? ocsf_line(sighting) : NULL;
	json_decref(sighting);
	return passage->summary;
}

static void sinks_tell(struct agent *agent, const json_t *object, const char *line)
{
	for (size_t i = 0; i < agent->sinks_count; i++)
		sink_deliver(agent->sinks[i], object, line);
}

static void block_tell(const struct passage *passage)
{
	CLEANUP(json_decref_cleanup) json_t *object = ocsf_block_activity(&passage->input);
	CLEANUP(free_cleanup) char *line = object ? ocsf_line(object) : NULL;

	if (line)
		sinks_tell(passage->agent, object, line);
	else
		(void)log_errno(LOG_ERR, -ENOMEM, "sinks are not told of the block of finding %s",
				passage->input.finding->uid);
}

static int finding_found(const struct finding *finding, void *userdata)
{
	struct agent *agent = userdata;
	struct verdict verdict;
	CLEANUP(passage_end)
	struct passage passage = {
		.agent = agent,
		.input = { .finding = finding,
			   .verdict = &verdict,
			   .host = &agent->host,
			   .enforce = agent->config.mode == CONFIG_ENFORCE },
	};
	struct journal_input input = {
		.uid = finding->uid,
		.detector = finding->detector,
		.time = finding->event->time,
		.document = passage_document,
		.summary = passage_summary,
		.userdata = &passage,
	};
	int r;

	policy_evaluate(agent->policy, finding, clock_realtime(), &verdict);
	if (verdict.excepted && finding->event->disposition != EVENT_BLOCKED) {
		agent->excepted++;
		return 0;
	}
	input.severity = (int)verdict.severity;
	input.state = ocsf_finding_state(&passage.input);
	r = journal_record(agent->journal, &input, NULL);
	if (r < 0)
		return log_errno(LOG_ERR, r, "finding %s is not in the journal yet", finding->uid);
	if ((r != JOURNAL_NEW && r != JOURNAL_RAISED) || !passage.line)
		return 0;
	sinks_tell(agent, passage.object, passage.line);
	if (passage.input.enforce && finding->event->disposition == EVENT_BLOCKED)
		block_tell(&passage);
	return 0;
}

static void name_tell(struct agent *agent, const struct event *event)
{
	CLEANUP(json_decref_cleanup) json_t *object = ocsf_dns_activity(event, &agent->host);
	CLEANUP(free_cleanup) char *line = object ? ocsf_line(object) : NULL;

	if (line)
		sink_deliver(agent->names, object, line);
}

void pipeline_event(const struct event *event, void *userdata)
{
	struct agent *agent = userdata;

	/* What the agent itself sends: answers in the resolver's place. */
	if (event->process && event->process->pid == getpid())
		return;
	(void)detect_event(agent->detect, event, agent->pack, clock_realtime(), finding_found,
			   agent);
	/* Not matched, and handed up all the same: it was never seen before. */
	if (agent->names && !event->matched && !event->unreadable)
		name_tell(agent, event);
	if (agent->block)
		block_fail_fast(agent->block, event);
}

void pipeline_loss(struct agent *agent, uint64_t records)
{
	(void)detect_loss(agent->detect, records, clock_realtime(), finding_found, agent);
}

void pipeline_changed(const struct journal_entry *entry, void *userdata)
{
	struct agent *agent = userdata;

	for (size_t i = 0; i < agent->sinks_count; i++)
		sink_repeat(agent->sinks[i], entry);
}

void pipeline_flush(struct agent *agent)
{
	int r = journal_flush(agent->journal);

	if (r < 0)
		(void)log_errno(LOG_ERR, r, "the journal cannot be written; counts wait in memory");
	for (size_t i = 0; i < agent->sinks_count; i++)
		sink_flush(agent->sinks[i]);
}
