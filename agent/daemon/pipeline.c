/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of an event: detectors make it a finding, the policy gives a verdict, the journal has it
 * on disk, and only then sinks hear of it and responses run.
 *
 * New findings of one turn of the loop go to disk together, with one sync: what is to be told of
 * them waits in a batch until then. A batch ends with its turn, or earlier when it is full or old.
 * What repeats waits for nothing; the program whose lookup was dropped is told at once, since that
 * says nothing to anybody else.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fnv.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/brake.h"
#include "daemon/routes.h"
#include "daemon/host_cut.h"
#include "detect/file_detector.h"

CLEANUP_DEFINE(json_t *, json_decref)

static_assert(JOURNAL_WITNESSES == OCSF_EVIDENCES_MAX, "what the journal asks for has its place");

/* A finding that comes while others do is told at most so much later. */
#define BATCH_AGE (10 * NS_PER_MILLISECOND)

/* One finding on its way, and what was rendered of it. */
struct passage {
	struct agent *agent;
	struct ocsf_finding input;
	json_t *object;
	char *line, *summary, *watched;
	uint32_t sinks;
};

static void passage_end(struct passage *passage)
{
	json_decref(passage->object);
	free(passage->line);
	free(passage->summary);
	free(passage->watched);
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
	if (passage->object && entry->document &&
	    ocsf_finding_inherit(passage->object, entry->document) < 0)
		log_warning("finding %s: the evidence of other names is lost", entry->uid);
	if (passage->object)
		passage->line = ocsf_line(passage->object);
	return passage->line;
}

/* The document with what was seen this time, when that is something else than before. */
static const char *passage_amend(const struct journal_entry *entry, void *userdata)
{
	struct passage *passage = userdata;
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(entry->document, 0, NULL);

	if (!object || ocsf_finding_witness(object, passage->input.finding->event) <= 0)
		return NULL;
	free(passage->line);
	passage->line = ocsf_line(object);
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

static const char *passage_watched(void *userdata)
{
	struct passage *passage = userdata;

	free(passage->watched);
	passage->watched = life_watched(passage->agent, passage->input.finding);
	return passage->watched;
}

static void sinks_tell(struct agent *agent, uint32_t sinks, const json_t *object, const char *line)
{
	for (size_t i = 0; i < agent->sinks_count; i++)
		if (routes_have(sinks, agent->sink_bits[i]))
			sink_deliver(agent->sinks[i], object, line);
}

/* Of what is to be told, what the event says is taken now: it is gone when the batch ends. */
static void batch_add(struct passage *passage)
{
	struct agent *agent = passage->agent;
	struct batched *place = &agent->batch[agent->batch_count];

	if (agent->batch_count == 0)
		agent->batch_began = clock_boottime();
	*place = (struct batched){ .object = take_ptr(passage->object),
				   .line = take_ptr(passage->line),
				   .sinks = passage->sinks };
	agent->batch_count++;
	place->ask = isolation_wanted(agent, passage->input.finding, passage->input.verdict);
	/* What is done about files is told when it has ended: file_guard_respond(). */
	if (!passage->input.enforce ||
	    passage->input.finding->event->disposition != EVENT_BLOCKED ||
	    passage->input.finding->event->kind == EVENT_FILE)
		return;
	place->activity = ocsf_block_activity(&passage->input);
	place->activity_line = place->activity ? ocsf_line(place->activity) : NULL;
	if (!place->activity_line)
		(void)log_errno(LOG_ERR, -ENOMEM, "sinks are not told of the block of finding %s",
				passage->input.finding->uid);
	else
		delivery_activity(agent, place->activity, place->activity_line);
}

static void batched_end(struct agent *agent, struct batched *place, bool tell)
{
	if (tell) {
		sinks_tell(agent, place->sinks, place->object, place->line);
		if (place->activity_line)
			sinks_tell(agent, place->sinks, place->activity, place->activity_line);
	}
	json_decref(place->object);
	free(place->line);
	json_decref(place->activity);
	free(place->activity_line);
	free(place->ask);
	*place = (struct batched){ 0 };
}

/* An isolation is written down itself before the host is cut off: that brings its reason to disk,
 * too, and the host is cut off one sync earlier. */
static bool batch_isolates(const struct agent *agent)
{
	for (size_t i = 0; i < agent->batch_count; i++)
		if (agent->batch[i].ask && isolation_may_begin(agent->batch[i].ask))
			return true;
	return false;
}

void pipeline_commit(struct agent *agent)
{
	bool ahead = batch_isolates(agent);
	int r = ahead ? journal_commit_ahead(agent->journal) : journal_commit(agent->journal);

	if (r < 0)
		(void)log_errno(LOG_ERR, r, "%zu findings are not in the journal yet",
				agent->batch_count);
	/* What is done to the whole instance is done when its reason is on disk, and before anybody
	 * is told. */
	for (size_t i = 0; i < agent->batch_count; i++)
		if (agent->batch[i].ask)
			isolation_ask(agent, agent->batch[i].ask);
	if (r == 0 && ahead)
		r = journal_sync(agent->journal);
	for (size_t i = 0; i < agent->batch_count; i++)
		batched_end(agent, &agent->batch[i], r >= 0);
	agent->batch_count = 0;
	/* Also when the disk is full: it must not be a way around. */
	host_cut_finding(agent);
	delivery_wake(agent);
}

/* Stands for the name (or else the address) that the event is about. Who makes two names alike
 * keeps one of them out of a list of eight. */
static uint64_t event_witness(const struct event *event)
{
	struct domain_name name = event->name;
	const uint8_t *bytes = name.length ? name.wire : event->destination.bytes;
	size_t size = name.length ? name.length : sizeof(event->destination.bytes);

	domain_name_lower(&name);
	return fnv_add(FNV_START, bytes, size) | 1;
}

/* A flow that is under way is ended here, where policy wants that: the kernel side has refused its
 * first bytes, a worker has read its name, or it was open before its address was listed. */
static bool flow_cut(struct agent *agent, const struct finding *finding,
		     const struct verdict *verdict)
{
	const struct event *event = finding->event;

	return (event->kind == EVENT_FLOW || event->watch == EVENT_WATCH_OPEN) && agent->cut &&
	       (event->disposition == EVENT_BLOCKED ||
		(!verdict->excepted && response_blocks(verdict->response))) &&
	       cut_flow(agent->cut, event) >= 0;
}

static struct journal_closing closing_of(const struct policy_closing *closing)
{
	return (struct journal_closing){
		.quiet = closing->quiet,
		.when = (closing->process_gone ? JOURNAL_PROCESS_GONE : 0u) |
			(closing->file_gone ? JOURNAL_FILE_GONE : 0u) |
			(closing->withdrawn ? JOURNAL_WITHDRAWN : 0u),
	};
}

/* What the journal is to know of the finding beside what it was made of. */
static void verdict_fill(const struct verdict *verdict, uint32_t sinks, struct journal_input *input)
{
	input->life = verdict->suppressed ? JOURNAL_LIFE_SUPPRESSED : JOURNAL_LIFE_OPEN;
	input->because = verdict->rule;
	input->sinks = sinks;
	input->closing = closing_of(verdict->closing);
	input->severity = (int)verdict->severity;
}

/* Whether what waits for its commit is to wait no longer. */
static bool batch_is_due(const struct agent *agent)
{
	return agent->batch_count == AGENT_BATCH_MAX || agent->contain_asked ||
	       (agent->batch_count > 0 && agent->batch[agent->batch_count - 1].ask) ||
	       (agent->batch_count > 0 && clock_boottime() - agent->batch_began > BATCH_AGE);
}

static int finding_found(const struct finding *found, void *userdata)
{
	struct agent *agent = userdata;
	struct finding copy = *found;
	const struct finding *finding = &copy;
	struct event event = *found->event;
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
		.time = event.time,
		.witness = event_witness(&event),
		.document = passage_document,
		.amend = passage_amend,
		.summary = passage_summary,
		.watched = passage_watched,
		.userdata = &passage,
	};
	int r;

	copy.event = &event;
	policy_judge(agent->policy, agent->thresholds, finding, clock_realtime(), &verdict);
	file_guard_judge(agent, finding, &verdict);
	if (flow_cut(agent, finding, &verdict) || file_guard_refuses(agent, finding, &verdict))
		event.disposition = EVENT_BLOCKED;
	if (verdict.excepted && finding->event->disposition != EVENT_BLOCKED) {
		agent->excepted++;
		return 0;
	}
	passage.sinks = routes_of(agent->routes, verdict.sinks);
	verdict_fill(&verdict, passage.sinks, &input);
	input.state = ocsf_finding_state(&passage.input);
	host_cut_wanted(agent, finding, &verdict);
	journal_begin(agent->journal);
	r = journal_record(agent->journal, &input, NULL);
	if (r < 0)
		return log_errno(LOG_ERR, r, "finding %s is not in the journal yet", finding->uid);
	if (r == JOURNAL_NEW)
		agent->found[verdict.severity]++;
	/* Its reason is on disk already. */
	if (r == JOURNAL_REPEATED)
		isolation_repeat(agent, finding, &verdict);
	if (r != JOURNAL_REPEATED && !verdict.suppressed && passage.object && passage.line)
		batch_add(&passage);
	if (batch_is_due(agent))
		pipeline_commit(agent);
	file_guard_respond(agent, finding, &verdict);
	if (!verdict.excepted)
		file_guard_suspect(agent, finding, &verdict);
	return 0;
}

void pipeline_file(struct agent *agent, const struct event *event,
		   const struct file_reasons *reasons)
{
	(void)detect_file(agent->detect, event, reasons, agent->pack, clock_realtime(),
			  finding_found, agent);
}

json_t *pipeline_activity(struct agent *agent, const struct finding *finding,
			  const struct verdict *verdict, enum ocsf_remedy remedy)
{
	const struct ocsf_finding input = { .finding = finding,
					    .verdict = verdict,
					    .host = &agent->host,
					    .enforce = agent->config.mode == CONFIG_ENFORCE };

	return ocsf_remedy_activity(&input, remedy);
}

void pipeline_tell(struct agent *agent, const json_t *object)
{
	CLEANUP(free_cleanup) char *line = ocsf_line(object);

	for (size_t i = 0; line && i < agent->sinks_count; i++)
		sink_deliver(agent->sinks[i], object, line);
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

	if (event->kind == EVENT_PAYLOAD) {
		payload_take(agent, event);
		return;
	}
	/* What the agent itself sends: answers in the resolver's place. */
	if (event->process && event->process->pid == getpid())
		return;
	(void)detect_event(agent->detect, event, agent->pack, clock_realtime(), finding_found,
			   agent);
	/* Not matched, and handed up all the same: it was never seen before. */
	if (event->kind == EVENT_QUESTION && !event->matched && !event->unreadable) {
		brake_name(agent, event);
		if (agent->names)
			name_tell(agent, event);
	}
	if (agent->block && event->kind == EVENT_QUESTION)
		block_fail_fast(agent->block, event);
}

void pipeline_flow(const struct event *event, void *userdata)
{
	struct agent *agent = userdata;
	struct event flow = *event;

	sensor_event_process(agent->sensor, &flow);
	pipeline_event(&flow, agent);
}

void pipeline_worker_broken(struct agent *agent, const char *reason)
{
	(void)detect_worker(agent->detect, reason, clock_realtime(), finding_found, agent);
	pipeline_commit(agent);
}

void pipeline_cloud_broken(struct agent *agent, const char *reason)
{
	(void)detect_cloud(agent->detect, reason, clock_realtime(), finding_found, agent);
	pipeline_commit(agent);
}

void pipeline_loss(struct agent *agent, uint64_t records, uint64_t unattended)
{
	(void)detect_loss(agent->detect, records, unattended, clock_realtime(), finding_found,
			  agent);
	pipeline_commit(agent);
}

static int once(const struct journal_entry *entry, void *userdata)
{
	(void)entry;
	(void)userdata;
	return 1;
}

/* After a restart a state may be come to again: it is told once. */
static int finding_once(const struct finding *found, void *userdata)
{
	struct agent *agent = userdata;
	const struct journal_query query = { .uid = found->uid };

	return journal_read(agent->journal, &query, once, NULL) > 0 ? 0
								    : finding_found(found, agent);
}

void pipeline_isolation(struct agent *agent, const struct pipeline_isolation *told,
			json_t *activity)
{
	size_t before = agent->batch_count;
	struct batched *place = &agent->batch[before];

	(void)detect_response(agent->detect, told->subject, told->title, told->why, told->severity,
			      clock_realtime(), told->again ? finding_found : finding_once, agent);
	if (agent->batch_count > before && activity) {
		place->activity = json_incref(activity);
		place->activity_line = ocsf_line(activity);
	}
	json_decref(activity);
	pipeline_commit(agent);
}

void pipeline_update(struct agent *agent, bool held, const char *why)
{
	(void)detect_update(agent->detect, held, why, clock_realtime(), finding_found, agent);
	pipeline_commit(agent);
}

void pipeline_exception(struct agent *agent, const struct policy_ending *ending, const char *why)
{
	(void)detect_exception(agent->detect, ending->over, ending->policy, ending->rule,
			       ending->until, why, clock_realtime(), finding_once, agent);
	pipeline_commit(agent);
}

void pipeline_dropped(struct agent *agent, uint64_t count)
{
	(void)detect_dropped(agent->detect, count, clock_realtime(), finding_found, agent);
	pipeline_commit(agent);
}

void pipeline_changed(const struct journal_entry *entry, void *userdata)
{
	struct agent *agent = userdata;

	if (entry->life == JOURNAL_LIFE_SUPPRESSED)
		return;
	for (size_t i = 0; i < agent->sinks_count; i++)
		if (routes_have(entry->sinks, agent->sink_bits[i]))
			sink_repeat(agent->sinks[i], entry);
}

void pipeline_flush(struct agent *agent)
{
	int r;

	pipeline_commit(agent);
	r = journal_flush(agent->journal);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "the journal cannot be written; counts wait in memory");
	delivery_wake(agent);
	for (size_t i = 0; i < agent->sinks_count; i++)
		sink_flush(agent->sinks[i]);
	log_flush();
}
