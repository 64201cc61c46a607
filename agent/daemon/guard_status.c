/* SPDX-License-Identifier: Apache-2.0
 *
 * What status says of the file guard:
 *
 *   "files": null, or { the counters of file_guard.h's equation, "skipped_gone", "skipped_special",
 *       "skipped_empty", "waiting": N, "balances": BOOLEAN, "rules", "rules_left_out": N,
 *       "engine": { ... }, "cache": { ... }, "watch": { ... }, "unnamed": { ... }, "gate": null or
 *       { ... }, "acts": { ... }, "walk": { "active", "full": BOOLEAN, "files", "ended": N } }
 */
#include "daemon/guard_private.h"

#include <string.h>

#include "base/cleanup.h"

static const char *const count_names[GUARD_COUNTS] = {
	[GUARD_SEEN] = "seen",
	[GUARD_CLEAN] = "clean",
	[GUARD_MATCHED] = "matched",
	[GUARD_UNSCANNABLE] = "unscannable",
	[GUARD_CACHED] = "cached",
	[GUARD_GONE] = "skipped_gone",
	[GUARD_SPECIAL] = "skipped_special",
	[GUARD_EMPTY] = "skipped_empty",
	[GUARD_CHANGED] = "changed",
	[GUARD_MERGED] = "merged",
	[GUARD_DROPPED] = "dropped",
};

static void put(json_t *object, const char *key, uint64_t value)
{
	(void)json_object_set_new(object, key, json_integer((json_int_t)(value & INT64_MAX)));
}

static void put_truth(json_t *object, const char *key, bool value)
{
	(void)json_object_set_new(object, key, json_boolean(value));
}

static json_t *watch_json(const struct file_guard *guard)
{
	struct file_watch_statistics s = { 0 };
	json_t *object = json_object();

	if (guard->watch)
		file_watch_statistics(guard->watch, &s);
	put_truth(object, "on", guard->watch != NULL);
	put_truth(object, "names", s.names);
	put(object, "named", s.named);
	put(object, "unnamed", s.unnamed);
	put(object, "unmarked", s.unmarked);
	put(object, "seen", s.seen);
	put(object, "told", s.told);
	put(object, "outside", s.outside);
	put(object, "excluded", s.excluded);
	put(object, "own", s.own);
	put(object, "other", s.other);
	put(object, "failed", s.failed);
	put(object, "overflows", s.overflows);
	return object;
}

static json_t *unnamed_json(const struct file_guard *guard)
{
	struct exec_watch_statistics s = { 0 };
	json_t *object = json_object();

	if (guard->execs)
		exec_watch_statistics(guard->execs, &s);
	put_truth(object, "on", guard->execs != NULL);
	put(object, "seen", s.seen);
	put(object, "told", s.unnamed);
	put(object, "gone", s.gone);
	put(object, "lost", s.lost);
	return object;
}

static json_t *gate_json(const struct file_guard *guard)
{
	struct exec_gate_statistics s;
	json_t *object;

	if (!guard->gate)
		return json_null();
	exec_gate_statistics(guard->gate, &s);
	object = json_object();
	put_truth(object, "running", s.running);
	put(object, "asked", s.asked);
	put(object, "answered", s.answered);
	put(object, "denied", s.denied);
	put(object, "expired", s.expired);
	put(object, "unheard", s.unheard);
	put(object, "full", s.full);
	put(object, "waiting", s.waiting);
	put(object, "unmarked", s.unmarked);
	put(object, "restarts", s.restarts);
	return object;
}

static json_t *cache_json(const struct file_guard *guard)
{
	struct verdict_cache_statistics s = { 0 };
	json_t *object = json_object();

	if (guard->cache)
		verdict_cache_statistics(guard->cache, &s);
	put(object, "found", s.found);
	put(object, "missed", s.missed);
	put(object, "stored", s.stored);
	put(object, "early", s.early);
	put(object, "evicted", s.evicted);
	put(object, "dropped", s.dropped);
	return object;
}

static json_t *acts_json(const struct file_guard *guard)
{
	json_t *object = json_object();

	put(object, "refused", guard->refused);
	put(object, "killed", guard->agent->acts.killed);
	put(object, "stopped", guard->agent->acts.stopped);
	put(object, "frozen", guard->agent->acts.frozen);
	put(object, "quarantined", guard->quarantined);
	put(object, "failed", guard->quarantine_failed);
	put(object, "limited", guard->agent->acts.limited);
	put(object, "allowed", guard->quarantine_allowed);
	put(object, "suspects", guard->suspects_scanned);
	return object;
}

static json_t *walk_json(const struct file_guard *guard)
{
	json_t *object = json_object();

	put_truth(object, "active", guard->walk.walk != NULL);
	put_truth(object, "full", guard->walk.walk && guard->walk.full);
	put(object, "files", guard->walk.files);
	put(object, "ended", guard->walk.ended);
	put(object, "asked", guard->walk.asked_count);
	return object;
}

static json_t *engine_json(const struct file_scan_statistics *s)
{
	json_t *object = json_object();

	put(object, "rules", s->rules);
	put(object, "left_out", s->left_out);
	put(object, "workers", s->workers);
	put(object, "running", s->running);
	put(object, "submitted", s->submitted);
	put(object, "queued", s->queued);
	put(object, "partial", s->partial);
	put(object, "retried", s->retried);
	put(object, "bytes", s->bytes);
	put(object, "broken", s->broken);
	return object;
}

static void problem_add(json_t *reply, bool found, uint64_t count, const char *problem,
			const char *remedy)
{
	if (found)
		(void)json_array_append_new(json_object_get(reply, "problems"),
					    json_pack("{s:s, s:I, s:s}", "problem", problem,
						      "count", (json_int_t)count, "remedy",
						      remedy));
}

static void problems_add(const struct file_guard *guard, json_t *reply, bool balances,
			 const struct file_scan_statistics *engine)
{
	struct file_watch_statistics watch = { 0 };

	if (guard->watch)
		file_watch_statistics(guard->watch, &watch);
	problem_add(reply, !balances, 1, "the file guard's counters do not balance",
		    "ask again; if it stays so, report it");
	problem_add(reply, guard->watch_error < 0, 1, "files are not watched",
		    "give cordond CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH; see its log");
	problem_add(reply, guard->execs_error < 0, 1, "executions of what has no name are not seen",
		    "the kernel has no CONFIG_PROC_EVENTS, or cordond no CAP_NET_ADMIN");
	problem_add(reply, guard->gate_error < 0, 1, "executions are not held",
		    "cordon-gate could not be run: see the log of cordond");
	problem_add(reply, watch.unmarked > 0, watch.unmarked, "file systems that are not watched",
		    "they are scanned by schedule: scan.changed_every");
	problem_add(reply, guard->rules_error < 0 && engine->rules == 0, 1,
		    "there are no rules to scan files by", "see the log of cordond");
	problem_add(reply, guard->quarantine_failed > 0, guard->quarantine_failed,
		    "files are not in quarantine that should be", "see the log of cordond");
}

void file_guard_counts(const struct agent *agent, struct file_guard_counts *ret)
{
	const uint64_t *counts = agent->guard ? agent->guard->counts : NULL;

	*ret = (struct file_guard_counts){ 0 };
	if (!counts)
		return;
	ret->matched = counts[GUARD_MATCHED];
	ret->scanned = counts[GUARD_CLEAN] + counts[GUARD_MATCHED];
	ret->missed = counts[GUARD_UNSCANNABLE] + counts[GUARD_DROPPED];
}

void file_guard_status(struct agent *agent, json_t *reply)
{
	struct file_guard *guard = agent->guard;
	struct file_scan_statistics engine = { 0 };
	uint64_t sum = 0, waiting;
	json_t *object;

	if (!guard || !reply) {
		(void)json_object_set_new(reply, "files", json_null());
		return;
	}
	object = json_object();
	waiting = guard->jobs + file_queue_count(guard->queue);
	for (size_t i = 0; i < GUARD_COUNTS; i++) {
		put(object, count_names[i], guard->counts[i]);
		sum += i == GUARD_SEEN ? 0 : guard->counts[i];
	}
	put(object, "waiting", waiting);
	put_truth(object, "balances", guard->counts[GUARD_SEEN] == sum + waiting);
	file_scan_statistics(guard->scan, &engine);
	(void)json_object_set_new(object, "engine", engine_json(&engine));
	(void)json_object_set_new(object, "cache", cache_json(guard));
	(void)json_object_set_new(object, "watch", watch_json(guard));
	(void)json_object_set_new(object, "unnamed", unnamed_json(guard));
	(void)json_object_set_new(object, "gate", gate_json(guard));
	(void)json_object_set_new(object, "acts", acts_json(guard));
	(void)json_object_set_new(object, "walk", walk_json(guard));
	(void)json_object_set_new(reply, "files", object);
	problems_add(guard, reply, guard->counts[GUARD_SEEN] == sum + waiting, &engine);
}
