/* SPDX-License-Identifier: Apache-2.0
 *
 * Ends findings: by hand, over the control socket, and by the closing that their rule had when they
 * were last seen. What is watched of a finding was noted in the journal with it; it is looked at
 * here, a few findings a turn. A finding that ends is told to sinks as an update of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "daemon/agent.h"
#include "daemon/routes.h"
#include "intel/fingerprint.h"
#include "sensor/process_proc.h"

/* Every so often, and so many at a time: 20,000 findings are gone through in some minutes. */
#define SWEEP_INTERVAL (2 * NS_PER_SECOND)
#define SWEEP_MOST     256

CLEANUP_DEFINE(json_t *, json_decref)

/* ---- what is watched ---- */

static void put(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

char *life_watched(const struct agent *agent, const struct finding *finding)
{
	const struct process *process = finding->event->process;
	CLEANUP(json_decref_cleanup) json_t *object = json_object();

	if (!object)
		return NULL;
	if (process && process->start_boottime) {
		put(object, "pid", json_integer(process->pid));
		put(object, "start", json_integer((json_int_t)process->start_boottime));
		put(object, "boot", json_string(agent->host.boot_id));
	}
	/* A path that is not text cannot be kept here, and is not watched. Nor is that of a program
	 * in a container: another file, or none, stands at it here. */
	if (finding->event->file)
		put(object, "path", json_string(finding->event->file->path));
	else if (process && process->exe[0] == '/' && !process->container[0] &&
		 !process->mounts_foreign)
		put(object, "path", json_string(process->exe));
	if (finding->indicator) {
		put(object, "indicator", json_string(finding->indicator->text));
		put(object, "kind", json_integer(finding->indicator->kind));
	}
	return json_dumps(object, JSON_COMPACT);
}

/* A pid and its start name one process ever; of another boot none is left. */
static bool process_gone(const struct agent *agent, const json_t *watched)
{
	const char *boot = json_string_value(json_object_get(watched, "boot"));
	pid_t pid = (pid_t)json_integer_value(json_object_get(watched, "pid"));
	uint64_t start = (uint64_t)json_integer_value(json_object_get(watched, "start"));
	struct process_key now;

	if (!boot || pid <= 0)
		return false;
	if (strcmp(boot, agent->host.boot_id) != 0)
		return true;
	/* /proc counts in clock ticks. */
	return process_proc_key(pid, &now) < 0 || now.start > start ||
	       start - now.start >= NS_PER_SECOND / 50;
}

static bool file_gone(const json_t *watched)
{
	const char *path = json_string_value(json_object_get(watched, "path"));
	struct stat status;

	return path && stat(path, &status) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Bytes of a hash or of a fingerprint; 0: it is none. */
static size_t hash_read(enum indicator_kind kind, const char *text,
			uint8_t ret[static INDICATOR_TEXT_SIZE])
{
	size_t length = strlen(text);

	if (kind == INDICATOR_JA4)
		return fingerprint_read(text, length, ret) ? FINGERPRINT_SIZE : 0;
	if (length % 2 || length / 2 > INDICATOR_TEXT_SIZE)
		return 0;
	for (size_t i = 0; i < length; i++) {
		int digit = parse_hex_digit(text[i]);

		if (digit < 0)
			return 0;
		ret[i / 2] = (uint8_t)(i % 2 ? ret[i / 2] << 4 | digit : digit);
	}
	return length / 2;
}

/* Whether the pack has the entry still, as one that is not only there to allow. */
static bool pack_has(const struct pack *pack, enum indicator_kind kind, const char *text)
{
	uint64_t now = clock_realtime() / NS_PER_SECOND;
	struct pack_match match = { .count = 0 };
	struct domain_name name;
	struct address address;
	uint8_t hash[INDICATOR_TEXT_SIZE];
	unsigned prefix;
	size_t size;

	if (kind == INDICATOR_DOMAIN && domain_name_parse(text, &name) == 0) {
		domain_name_lower(&name);
		(void)pack_lookup_domain(pack, &name, now, &match);
	} else if (kind == INDICATOR_ADDRESS &&
		   address_parse_prefix(text, &address, &prefix) == 0) {
		(void)pack_lookup_prefix(pack, &address, prefix, now, &match);
	} else if ((size = hash_read(kind, text, hash)) > 0) {
		(void)pack_lookup_hash(pack, hash, size, now, &match);
	} else {
		return true;
	}
	for (size_t i = 0; i < match.count; i++)
		if (match.matches[i].action == INDICATOR_BLOCK &&
		    strcasecmp(match.matches[i].text, text) == 0)
			return true;
	return false;
}

static bool withdrawn(const struct agent *agent, const json_t *watched)
{
	const char *text = json_string_value(json_object_get(watched, "indicator"));
	json_int_t kind = json_integer_value(json_object_get(watched, "kind"));

	/* Without a pack nothing is known of it. */
	return text && agent->pack && kind >= 0 && kind < INDICATOR_KINDS &&
	       !pack_has(agent->pack, (enum indicator_kind)kind, text);
}

/* ---- ending ---- */

/* A change of one finding, and what sinks are told of it. */
struct told {
	uint64_t time;
	const char *why;
	bool by_hand;
	json_t *object;
	char *line;
};

static const char *ending_document(const struct journal_entry *entry, void *userdata)
{
	struct told *told = userdata;

	told->object = json_loads(entry->document, 0, NULL);
	if (!told->object || ocsf_finding_amend(told->object, entry->count, entry->last_seen) < 0 ||
	    ocsf_finding_close(told->object, told->time, told->why, told->by_hand) < 0 ||
	    ocsf_finding_amend(told->object, entry->count, entry->last_seen) < 0)
		return NULL;
	told->line = ocsf_line(told->object);
	return told->line;
}

/* Writes it down, and then tells whom the finding was told. Errors of journal_change(). */
static int finding_change(struct agent *agent, struct journal_change *change, struct told *told)
{
	struct journal_entry entry;
	int r;

	told->time = change->time = clock_realtime();
	told->why = change->text;
	change->userdata = told;
	/* What is on its way goes first. */
	pipeline_commit(agent);
	r = journal_change(agent->journal, change, &entry);
	for (size_t i = 0; r == 0 && i < agent->sinks_count; i++)
		if (routes_have(entry.sinks, agent->sink_bits[i]))
			sink_deliver(agent->sinks[i], told->object, told->line);
	json_decref(told->object);
	free(told->line);
	delivery_wake(agent);
	return r;
}

static int finding_end(struct agent *agent, const char *uid, const char *why, bool by_hand)
{
	struct told told = { .by_hand = by_hand };
	struct journal_change change = {
		.uid = uid, .life = JOURNAL_LIFE_CLOSED, .text = why, .document = ending_document
	};

	return finding_change(agent, &change, &told);
}

int life_close(struct agent *agent, const char *uid, const char *comment,
	       char error[static CONTROL_ERROR_SIZE])
{
	int r = finding_end(agent, uid, comment, true);

	if (r == -ENOENT)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "no finding has this uid");
	else if (r == -EALREADY)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "the finding is closed already");
	else if (r < 0)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "the finding cannot be closed: %s",
			       strerror(-r));
	return r;
}

/* ---- what was learnt of it later ---- */

static const char *scanned_document(const struct journal_entry *entry, void *userdata)
{
	struct told *told = userdata;

	told->object = json_loads(entry->document, 0, NULL);
	if (!told->object ||
	    ocsf_finding_scanned(told->object, told->time, entry->severity, told->why) < 0 ||
	    ocsf_finding_amend(told->object, entry->count, entry->last_seen) < 0)
		return NULL;
	told->line = ocsf_line(told->object);
	return told->line;
}

void life_scanned(struct agent *agent, const char *uid, int severity, const char *why)
{
	struct told told = { 0 };
	struct journal_change change = {
		.uid = uid, .severity = severity, .text = why, .document = scanned_document
	};
	int r = finding_change(agent, &change, &told);

	if (r < 0 && r != -EALREADY && r != -ENOENT)
		(void)log_errno(LOG_ERR, r, "finding %s: what the scan of its process says", uid);
}

/* Those that are over in one turn; they are ended when the reading is done. */
struct sweep {
	struct agent *agent;
	uint64_t now;
	int64_t last; /* id */
	struct {
		char uid[JOURNAL_UID_SIZE];
		const char *why;
	} over[SWEEP_MOST];
	size_t count;
};

/* NULL: it is not over. */
static const char *candidate_over(const struct sweep *sweep,
				  const struct journal_candidate *candidate)
{
	CLEANUP(json_decref_cleanup) json_t *watched = json_loads(candidate->watched, 0, NULL);
	const struct journal_closing *closing = &candidate->closing;

	if (closing->quiet && sweep->now > candidate->last_seen &&
	    sweep->now - candidate->last_seen >= closing->quiet)
		return "not seen for as long as its rule says";
	if (closing->when & JOURNAL_PROCESS_GONE && process_gone(sweep->agent, watched))
		return "its process is gone";
	if (closing->when & JOURNAL_FILE_GONE && file_gone(watched))
		return "its file is gone";
	if (closing->when & JOURNAL_WITHDRAWN && withdrawn(sweep->agent, watched))
		return "its indicator is in no list any more";
	return NULL;
}

static void candidate_found(const struct journal_candidate *candidate, void *userdata)
{
	struct sweep *sweep = userdata;
	const char *why = candidate_over(sweep, candidate);

	sweep->last = candidate->id;
	if (!why || sweep->count == SWEEP_MOST)
		return;
	(void)snprintf(sweep->over[sweep->count].uid, sizeof(sweep->over[0].uid), "%s",
		       candidate->uid);
	sweep->over[sweep->count++].why = why;
}

void life_tick(struct agent *agent)
{
	struct sweep sweep = { .agent = agent, .now = clock_realtime() };
	uint64_t boot = clock_boottime();
	int r;

	if (boot - agent->life_swept < SWEEP_INTERVAL)
		return;
	agent->life_swept = boot;
	r = journal_candidates(agent->journal, agent->life_at, SWEEP_MOST, candidate_found, &sweep);
	/* The next turn begins anew when this one has reached the end. */
	agent->life_at = r == SWEEP_MOST ? sweep.last : 0;
	for (size_t i = 0; i < sweep.count; i++) {
		r = finding_end(agent, sweep.over[i].uid, sweep.over[i].why, false);
		if (r < 0 && r != -EALREADY && r != -ENOENT)
			(void)log_errno(LOG_ERR, r, "finding %s cannot be closed",
					sweep.over[i].uid);
	}
}
