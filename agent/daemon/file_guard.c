/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the guard: its start and end, and what comes from the watches. Gives files to guard_queue.c,
 * and what runs to guard_job.c.
 */
#include "daemon/file_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "daemon/config_scan.h"
#include "daemon/guard_private.h"
#include "detect/file_detector.h"

/* Rules that come with cordon. */
#define STARTER_RULES CORDON_DATADIR "/yara"
#define CACHE_FILE    "verdicts"
#define STORE_FILE    "rules"
/* Whoever writes files is not to be held up by their being scanned. Where executions wait for it,
 * the workers are as good as others. */
#define WORKERS_NICE  10

/* ---- what is told ---- */

/* Takes fd. What runs is scanned at once. */
static void run_begin(struct file_guard *guard, int fd, const struct file_notice *notice)
{
	struct guard_task task = { .fd = fd,
				   .path = notice->path,
				   .trigger = notice->trigger,
				   .pid = notice->pid,
				   .told = clock_boottime() };

	if (guard->jobs >= GUARD_JOBS_MAX) {
		guard->counts[GUARD_DROPPED]++;
		(void)close(fd);
		return;
	}
	(void)guard_job_begin(guard, &task);
}

static void watch_notice(const struct file_notice *notice, void *userdata)
{
	struct file_guard *guard = userdata;

	if (notice->folder) {
		guard_walk_ask(guard, notice->path, 0);
		return;
	}
	guard->counts[GUARD_SEEN]++;
	if (notice->trigger == FILE_EXECUTED) {
		run_begin(guard, notice->fd, notice);
	} else if (notice->path) {
		if (notice->fd >= 0)
			(void)close(notice->fd);
		guard_queue_add(guard, notice);
	} else {
		(void)close(notice->fd);
		guard->counts[GUARD_GONE]++;
	}
}

static void watch_overflow(void *userdata)
{
	struct file_guard *guard = userdata;

	if (!guard->missed_since)
		log_warning("more files were changed than could be followed: they are looked for");
	/* What was told last may be as old as the queue is long. */
	guard_missed(guard, clock_realtime() - 10 * NS_PER_SECOND);
}

static void watch_marked(int mount, void *userdata)
{
	struct file_guard *guard = userdata;

	if (guard->gate)
		exec_gate_mark(guard->gate, mount);
}

static void unnamed_told(int fd, pid_t pid, void *userdata)
{
	struct file_guard *guard = userdata;
	const struct file_notice notice = { .trigger = FILE_MEMORY, .pid = pid };

	guard->counts[GUARD_SEEN]++;
	run_begin(guard, fd, &notice);
}

static void gate_asked(uint64_t number, int fd, pid_t pid, uint64_t time, void *userdata)
{
	struct file_guard *guard = userdata;
	struct guard_task task = { .fd = fd,
				   .trigger = FILE_HELD,
				   .pid = pid,
				   .told = time,
				   .held = true,
				   .number = number };

	guard->counts[GUARD_SEEN]++;
	(void)guard_job_begin(guard, &task);
}

/* ---- rules ---- */

/* Verdicts hold for the rules and for the listed hashes that they were given with. */
static bool rules_identify(const struct file_guard *guard, uint8_t out[static VERDICT_RULES_SIZE])
{
	const uint8_t *rules = file_scan_rules_id(guard->scan);
	struct pack_info info = { 0 };
	uint8_t bytes[VERDICT_RULES_SIZE + SHA256_TEXT_SIZE] = { 0 };

	if (!rules)
		return false;
	memcpy(bytes, rules, VERDICT_RULES_SIZE);
	if (guard->agent->pack)
		pack_info(guard->agent->pack, &info);
	if (info.hashes)
		memcpy(bytes + VERDICT_RULES_SIZE, info.sha256, SHA256_TEXT_SIZE);
	return digest_sha256(bytes, sizeof(bytes), out) == 0;
}

static void cache_open(struct file_guard *guard, const uint8_t rules[static VERDICT_RULES_SIZE])
{
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/" CACHE_FILE, guard->agent->config.state_dir);
	r = verdict_cache_open(path, VERDICT_CACHE_DEFAULT, rules, &guard->cache);
	if (r >= 0)
		return;
	(void)log_errno(LOG_WARNING, r, "%s: verdicts are kept in memory only", path);
	if (verdict_cache_open(NULL, VERDICT_CACHE_DEFAULT, rules, &guard->cache) < 0)
		guard->cache = NULL;
}

/* Other rules, or another pack with hashes: what was said holds no more. */
static void rules_check(struct file_guard *guard)
{
	uint8_t rules[VERDICT_RULES_SIZE];
	struct verdict_cache_statistics before = { 0 }, after = { 0 };

	file_scan_hashes(guard->scan,
			 guard->agent->pack ? file_hashes_wanted(guard->agent->pack) : 0);
	if (!rules_identify(guard, rules))
		return;
	if (!guard->cache) {
		cache_open(guard, rules);
		return;
	}
	verdict_cache_statistics(guard->cache, &before);
	verdict_cache_rules(guard->cache, rules);
	verdict_cache_statistics(guard->cache, &after);
	if (after.dropped == before.dropped)
		return;
	if (guard->watch)
		file_watch_keep_none(guard->watch);
	if (guard->gate)
		exec_gate_flush(guard->gate);
}

static void scan_loaded(int error, void *userdata)
{
	struct file_guard *guard = userdata;

	guard->rules_error = error;
	if (error < 0)
		(void)log_errno(LOG_ERR, error, "files are not scanned by these rules");
	else
		rules_check(guard);
}

static void scan_trouble(enum file_scan_trouble trouble, const char *text, void *userdata)
{
	struct file_guard *guard = userdata;

	if (trouble == FILE_SCAN_WORKER) {
		log_warning("a worker that scans files was replaced: %s", text);
		pipeline_worker_broken(guard->agent, text);
	} else {
		log_warning("%s: %s",
			    trouble == FILE_SCAN_RULE_SLOW ? "slow rule" : "rule left out", text);
	}
}

static bool scan_listed(const struct file_hashes *hashes, void *userdata)
{
	const struct file_guard *guard = userdata;
	struct pack_match match;

	return guard->agent->pack &&
	       file_hashes_listed(guard->agent->pack, hashes, clock_realtime(), &match);
}

static void scan_room(void *userdata)
{
	struct file_guard *guard = userdata;

	guard->full = false;
	guard_wake(guard);
	guard_walk_wake(guard);
}

/* ---- start and end ---- */

static int told_commit(sd_event_source *source, void *userdata)
{
	(void)source;
	pipeline_commit(userdata);
	return 0;
}

static int paths_add(struct config_paths *paths, const char *path)
{
	char **larger = reallocarray(paths->paths, paths->count + 1, sizeof(*larger));

	if (!larger)
		return -ENOMEM;
	paths->paths = larger;
	/* A place that is not there yet is watched by its name. */
	larger[paths->count] = realpath(path, NULL);
	if (!larger[paths->count])
		larger[paths->count] = strdup(path);
	if (!larger[paths->count])
		return -ENOMEM;
	paths->count++;
	return 0;
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int paths_fill(struct file_guard *guard)
{
	const struct config *config = &guard->agent->config;
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->scan.watch.count; i++)
		r = paths_add(&guard->roots, config->scan.watch.paths[i]);
	for (size_t i = 0; r == 0 && i < config->scan.exclude.count; i++)
		r = paths_add(&guard->exclude, config->scan.exclude.paths[i]);
	/* Our own: written all the time, and by nobody else. */
	if (r == 0)
		r = paths_add(&guard->exclude, config->state_dir);
	if (r == 0)
		r = paths_add(&guard->exclude, config->runtime_dir);
	if (guard->roots.count)
		qsort(guard->roots.paths, guard->roots.count, sizeof(char *), text_order);
	return r;
}

static bool executions_held(const struct config *config)
{
	return config->scan.on_exec == CONFIG_EXEC_BEFORE && config->mode == CONFIG_ENFORCE;
}

static int scan_start(struct file_guard *guard, const char *const *rules, size_t count)
{
	const struct config *config = &guard->agent->config;
	char store[PATH_MAX];
	const struct file_scan_options options = {
		.program = config->scan.worker,
		.workers = (unsigned)config->scan.file_workers,
		.rules = rules,
		.rules_count = count,
		.archive_depth = 3,
		.store = store,
		.nice = executions_held(config) ? 0 : WORKERS_NICE,
	};
	const struct file_scan_listener listener = {
		.loaded = scan_loaded,
		.trouble = scan_trouble,
		.listed = scan_listed,
		.room = scan_room,
		.userdata = guard,
	};

	(void)snprintf(store, sizeof(store), "%s/" STORE_FILE, config->state_dir);
	return file_scan_new(guard->agent->loop, &options, &listener, &guard->scan);
}

static int told_add(struct file_guard *guard)
{
	int r = sd_event_add_defer(guard->agent->loop, &guard->told, told_commit, guard->agent);

	return r >= 0 ? sd_event_source_set_enabled(guard->told, SD_EVENT_OFF) : r;
}

/* Before the watches: these mark file systems for the gate as they find them. */
static void gate_start(struct file_guard *guard)
{
	const struct config *config = &guard->agent->config;
	int r;

	if (!executions_held(config))
		return;
	r = exec_gate_open(guard->agent->loop, NULL, config->scan.exec_limit * NS_PER_MILLISECOND,
			   gate_asked, guard, &guard->gate);
	guard->gate_error = r < 0 ? r : 0;
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "executions are not held, but scanned afterwards");
}

static void watches_start(struct file_guard *guard)
{
	const struct config *config = &guard->agent->config;
	const struct file_watch_options options = {
		.paths = (const char *const *)guard->roots.paths,
		.paths_count = guard->roots.count,
		.exclude = (const char *const *)guard->exclude.paths,
		.exclude_count = guard->exclude.count,
		.executions = config->scan.on_exec != CONFIG_EXEC_OFF && !guard->gate,
		.containers = config->scan.containers,
		.notice = watch_notice,
		.overflow = watch_overflow,
		.marked = watch_marked,
		.userdata = guard,
	};
	int r = file_watch_open(guard->agent->loop, &options, &guard->watch);

	guard->watch_error = r < 0 ? r : 0;
	if (r < 0)
		(void)log_errno(LOG_ERR, r,
				"files cannot be watched: they are scanned by schedule");
	if (config->scan.on_exec == CONFIG_EXEC_OFF)
		return;
	r = exec_watch_open(guard->agent->loop, unnamed_told, guard, &guard->execs);
	guard->execs_error = r < 0 ? r : 0;
	if (r < 0)
		(void)log_errno(LOG_WARNING, r, "executions of what has no name are not seen");
}

static void quarantine_start(struct file_guard *guard)
{
	char path[PATH_MAX];
	size_t ended = 0;
	int r;

	if (guard->agent->config.mode != CONFIG_ENFORCE)
		return;
	(void)snprintf(path, sizeof(path), "%s/" QUARANTINE_FOLDER, guard->agent->config.state_dir);
	r = quarantine_open(path, &guard->quarantine, &ended);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "%s: nothing can be put into quarantine", path);
	if (ended)
		log_notice("quarantine: %zu moves that were interrupted were ended", ended);
}

/* The rules of the configuration, or those that came with cordon. None: there is nothing to do. */
static size_t rules_find(const struct config *config, const char *const **ret)
{
	static const char *const starter[] = { STARTER_RULES };

	*ret = config->scan.rules.count ? (const char *const *)config->scan.rules.paths : starter;
	if (config->scan.rules.count)
		return config->scan.rules.count;
	return access(STARTER_RULES, R_OK) == 0 ? 1 : 0;
}

static int guard_start(struct agent *agent, const char *const *rules, size_t count)
{
	struct file_guard *guard = calloc(1, sizeof(*guard));
	int r;

	if (!guard)
		return -ENOMEM;
	agent->guard = guard;
	guard->agent = agent;
	r = paths_fill(guard);
	if (r >= 0)
		r = guard_queue_open(guard);
	if (r >= 0)
		r = told_add(guard);
	if (r >= 0)
		r = guard_walk_open(guard);
	if (r >= 0)
		r = scan_start(guard, rules, count);
	if (r < 0)
		return r;
	quarantine_start(guard);
	gate_start(guard);
	watches_start(guard);
	return 0;
}

void file_guard_open(struct agent *agent)
{
	const char *const *rules;
	size_t count = rules_find(&agent->config, &rules);
	int r;

	if (count == 0 || agent->config.scan.watch.count == 0)
		return;
	r = guard_start(agent, rules, count);
	if (r >= 0)
		return;
	(void)log_errno(LOG_ERR, r, "files are not scanned");
	file_guard_close(agent);
}

void file_guard_close(struct agent *agent)
{
	struct file_guard *guard = agent->guard;

	if (!guard)
		return;
	/* Whatever waits for an answer goes on from here. */
	exec_gate_close(guard->gate);
	file_watch_close(guard->watch);
	exec_watch_close(guard->execs);
	guard_walk_close(guard);
	file_scan_free(guard->scan);
	guard_jobs_free(guard);
	guard_moves_close(guard);
	quarantine_close(guard->quarantine);
	verdict_cache_close(guard->cache);
	guard_queue_close(guard);
	sd_event_source_disable_unref(guard->told);
	config_paths_clear(&guard->roots);
	config_paths_clear(&guard->exclude);
	free(guard);
	agent->guard = NULL;
}

static void gate_marks(void *userdata)
{
	struct file_guard *guard = userdata;

	if (guard->watch)
		file_watch_mark(guard->watch);
}

void file_guard_tick(struct agent *agent)
{
	struct file_guard *guard = agent->guard;

	if (!guard)
		return;
	rules_check(guard);
	if (guard->gate)
		exec_gate_tick(guard->gate, gate_marks, guard);
	/* Once it is calm again: while the storm goes on, more would be missed. */
	if (guard->missed_since && file_queue_count(guard->queue) < GUARD_QUEUE_MAX / 4) {
		guard_walk_ask(guard, NULL, guard->missed_since);
		guard->missed_since = 0;
	}
	guard_walk_tick(guard);
}

void file_guard_reload(struct agent *agent)
{
	const char *const *rules;
	size_t count = rules_find(&agent->config, &rules);
	int r;

	if (!agent->guard || count == 0)
		return;
	r = file_scan_reload(agent->guard->scan, rules, count);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "rules cannot be read again; those in force stay");
}
