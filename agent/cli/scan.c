/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns `cordon scan`: walks the paths, has the files scanned by workers of its own, and tells what
 * they found. Needs no daemon. Whoever owns the files controls names and bytes; the bytes are never
 * touched here.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/scan_cache.h"
#include "cli/scan_options.h"
#include "cli/scan_report.h"
#include "cli/scan_screen.h"
#include "cli/scan_walk.h"
#include "daemon/config.h"
#include "scan/file_scan.h"
#include "sensor/user_name.h"

/* Files on their way: enough that no worker waits while folders are read. */
#define QUEUE	      256
/* Read from folders in one turn of the loop. */
#define FILES_A_TURN  64
#define THREADS_MAX   FILE_SCAN_WORKERS_MAX
/* Workers that fail one after the other, without a file that was scanned: none will do. */
#define FAILURES_MAX  20
#define ARCHIVE_DEPTH 4
#define STARTER_RULES CORDON_DATADIR "/yara"

struct scan;

/* A file that the workers have. */
struct scan_job {
	struct scan *scan;
	struct stat status;
	uint64_t read_from; /* wall clock */
};

struct scan {
	const struct scan_options *options;
	struct config config;
	struct scan_report *report;
	struct scan_walk *walk;
	sd_event *loop;
	sd_event_source *pump;
	struct file_scan *files;
	struct scan_cache *cache;   /* NULL: nothing is known, and kept */
	struct scan_screen *screen; /* NULL: no terminal */
	uint64_t started;
	uint64_t too_large, unreadable, known;
	uint64_t pending;			     /* submitted, not answered */
	struct scan_job jobs[QUEUE], *unused[QUEUE]; /* as many of them as are not pending */
	unsigned failures;			     /* of workers, since a file was scanned */
	bool loaded, walked, interrupted;
	int error;
};

/* ---- files ---- */

static void path_failed(const char *path, int error, void *userdata)
{
	struct scan *scan = userdata;
	CLEANUP(free_cleanup) char *shown = escape_text_dup(path, strlen(path));

	scan->unreadable++;
	scan_screen_clear(scan->screen);
	log_error("%s: %s", shown ? shown : "?", strerror(-error));
}

static int scan_end(struct scan *scan, int error)
{
	if (error < 0 && scan->error == 0)
		scan->error = error;
	return sd_event_exit(scan->loop, 0);
}

/* What is said on standard error; the progress is out of its way. */
static void verdict_warn(const struct file_subject *subject, const struct file_verdict *verdict)
{
	CLEANUP(free_cleanup) char *path = escape_text_dup(subject->path, strlen(subject->path));

	log_warning("%s: %s: %s", path ? path : "?",
		    verdict->partial ? "partly scanned" : "not scanned", verdict->reason);
}

static void file_done(const struct file_subject *subject, const struct file_verdict *verdict,
		      void *userdata)
{
	struct scan_job *job = userdata;
	struct scan *scan = job->scan;
	int r;

	scan->unused[QUEUE - scan->pending--] = job;
	scan->failures = 0;
	scan_screen_file(scan->screen, subject->path, verdict->size);
	if (verdict->outcome == FILE_UNSCANNABLE || verdict->partial ||
	    verdict->outcome == FILE_MATCHED)
		scan_screen_clear(scan->screen);
	if (verdict->outcome == FILE_UNSCANNABLE || verdict->partial)
		verdict_warn(subject, verdict);
	r = scan_report_file(scan->report, subject, verdict);
	if (r > 0 && scan->screen)
		(void)fflush(stdout);
	if (r == 0 && scan->cache)
		scan_cache_keep(scan->cache, subject->path, &job->status, job->read_from, verdict);
	if (r < 0 || ferror(stdout))
		(void)scan_end(scan, r < 0 ? r : -EIO);
	else
		(void)sd_event_source_set_enabled(scan->pump, SD_EVENT_ONESHOT);
}

static int file_submit(struct scan *scan, struct scan_walk_file *file)
{
	struct scan_job *job = scan->unused[QUEUE - 1 - scan->pending];
	char owner[64];
	const struct file_subject subject = { file->path, owner };
	int r;

	if ((uint64_t)file->status.st_size > scan->options->max_size) {
		scan->too_large++;
		close_cleanup(&file->fd);
		return 0;
	}
	*job = (struct scan_job){ scan, file->status, clock_realtime() };
	user_name(file->status.st_uid, owner, sizeof(owner));
	if (!owner[0])
		(void)snprintf(owner, sizeof(owner), "%u", (unsigned)file->status.st_uid);
	r = file_scan_submit(scan->files, file->fd, &subject, file_done, job);
	if (r < 0) {
		close_cleanup(&file->fd);
		return r;
	}
	scan->pending++;
	return 0;
}

/* For the walk: it need not be opened. */
static bool file_known(const char *path, const struct stat *status, void *userdata)
{
	struct scan *scan = userdata;

	if (!scan->cache || (uint64_t)status->st_size > scan->options->max_size ||
	    !scan_cache_knows(scan->cache, path, status))
		return false;
	scan->known++;
	scan_screen_file(scan->screen, path, (uint64_t)status->st_size);
	return true;
}

/* As much as is missing in the queue. */
static int pump_run(sd_event_source *source, void *userdata)
{
	struct scan *scan = userdata;
	struct scan_walk_file file;
	int r = 1;

	for (unsigned i = 0; i < FILES_A_TURN && scan->pending < QUEUE && !scan->walked; i++) {
		r = scan_walk_next(scan->walk, true, &file);
		if (r > 0)
			r = file_submit(scan, &file);
		else if (r == 0)
			scan->walked = true;
		if (r < 0)
			return scan_end(scan, r);
	}
	/* With nothing to scan, it is still said what is wrong with the rules. */
	if (scan->walked && scan->pending == 0 && scan->loaded)
		return scan_end(scan, 0);
	return sd_event_source_set_enabled(
		source, !scan->walked && scan->pending < QUEUE ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* ---- rules ---- */

/* Without it all files are read. */
static void cache_begin(struct scan *scan)
{
	int r = scan->cache ? scan_cache_rules(scan->cache, file_scan_rules_id(scan->files)) : 0;

	if (r == 0)
		return;
	if (scan->options->cache)
		(void)log_errno(LOG_WARNING, r, "the cache in %s", scan->options->cache);
	scan_cache_free(take_ptr(scan->cache));
}

static void rules_loaded(int error, void *userdata)
{
	struct scan *scan = userdata;
	struct file_scan_statistics statistics;

	if (error < 0) {
		scan->loaded = false;
		(void)scan_end(scan, log_errno(LOG_ERR, error, "the rules"));
		return;
	}
	cache_begin(scan);
	/* They were known before, and their process has been started by now. */
	if (scan->loaded)
		return;
	file_scan_statistics(scan->files, &statistics);
	if (statistics.rules == 0) {
		log_error("there is no rule to scan with");
		(void)scan_end(scan, -ENOENT);
		return;
	}
	scan->loaded = true;
	scan->started = clock_boottime();
	scan_screen_begin(scan->screen);
	(void)sd_event_source_set_enabled(scan->pump, SD_EVENT_ONESHOT);
}

static bool hashes_listed(const struct file_hashes *hashes, void *userdata)
{
	const struct scan *scan = userdata;

	return scan_report_listed(scan->report, hashes);
}

static void trouble_met(enum file_scan_trouble trouble, const char *text, void *userdata)
{
	struct scan *scan = userdata;

	scan_screen_clear(scan->screen);
	if (trouble == FILE_SCAN_RULE_LEFT_OUT)
		log_error("rule left out: %s", text);
	else if (trouble == FILE_SCAN_RULE_SLOW)
		log_warning("slow rule: %s", text);
	else
		log_warning("%s", text);
	if (trouble == FILE_SCAN_WORKER && ++scan->failures == FAILURES_MAX)
		(void)scan_end(scan, -EIO);
}

static unsigned cpus(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return count > (int)THREADS_MAX ? THREADS_MAX : (unsigned)(count > 0 ? count : 1);
}

static void cache_open(struct scan *scan, const struct file_scan_options *pool)
{
	const struct scan_options *options = scan->options;
	const char *own = scan->config.intel.pack;
	const struct scan_cache_options cache = {
		.folder = options->cache,
		.state_dir = scan->config.state_dir,
		.rules = pool->rules,
		.rules_count = pool->rules_count,
		.packs = options->packs_count ? options->packs : &own,
		.packs_count = options->packs_count ? options->packs_count : 1,
		.max_size = options->max_size,
	};
	int r = options->no_cache ? 0 : scan_cache_new(&cache, &scan->cache);

	if (r < 0 && options->cache)
		(void)log_errno(LOG_WARNING, r, "the cache in %s", options->cache);
}

static int files_open(struct scan *scan)
{
	static const char *const starter[] = { STARTER_RULES };
	const struct scan_options *options = scan->options;
	const struct config_paths *configured = &scan->config.scan.rules;
	const struct file_scan_listener listener = { .loaded = rules_loaded,
						     .trouble = trouble_met,
						     .listed = hashes_listed,
						     .userdata = scan };
	struct file_scan_options pool = {
		.program = scan->config.scan.worker,
		.workers = options->threads ? (unsigned)options->threads : cpus(),
		.queue = QUEUE,
		.size_max = options->max_size,
		/* Beyond what is read there is what is unpacked, and searched once more. */
		.memory = ((uint64_t)2 << 30) + 4 * options->max_size,
		.archive_depth = ARCHIVE_DEPTH,
		.rules = options->rules,
		.rules_count = options->rules_count,
		.idle = true,
	};
	int r;

	if (pool.rules_count == 0) {
		pool.rules = configured->count ? (const char *const *)configured->paths : starter;
		pool.rules_count = configured->count ? configured->count : 1;
	}
	cache_open(scan, &pool);
	pool.store = scan->cache ? scan_cache_store(scan->cache) : NULL;
	r = file_scan_new(scan->loop, &pool, &listener, &scan->files);
	if (r == 0)
		file_scan_hashes(scan->files, scan_report_hashes(scan->report));
	/* They were kept, and nothing changed: whether they are needed, the files will tell. */
	if (r == 0 && file_scan_rules_id(scan->files))
		rules_loaded(0, scan);
	return r;
}

/* ---- as a whole ---- */

static int signal_came(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct scan *scan = userdata;

	(void)source;
	(void)info;
	scan->interrupted = true;
	return scan_end(scan, 0);
}

static int signals_watch(struct scan *scan)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t set;
	int r = 0;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ELEMENTS(signals); i++)
		(void)sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < ELEMENTS(signals) && r >= 0; i++)
		r = sd_event_add_signal(scan->loop, NULL, signals[i], signal_came, scan);
	return r < 0 ? r : 0;
}

static int loop_open(struct scan *scan)
{
	int r = sd_event_new(&scan->loop);

	if (r >= 0)
		r = signals_watch(scan);
	if (r >= 0)
		r = sd_event_add_defer(scan->loop, &scan->pump, pump_run, scan);
	return r < 0 ? r : 0;
}

static int walk_open(struct scan *scan)
{
	const struct scan_options *options = scan->options;
	const struct scan_walk_options walk = {
		.paths = options->paths,
		.paths_count = options->paths_count,
		.excludes = options->excludes,
		.excludes_count = options->excludes_count,
		.since = options->since,
		.recursive = options->recursive,
		.known = file_known,
		.trouble = path_failed,
		.userdata = scan,
	};
	struct rlimit files;
	int r = scan_walk_new(&walk, &scan->walk);

	if (r == 0 && !options->quiet && isatty(STDERR_FILENO))
		r = scan_screen_new(scan->loop, &walk, options->max_size, scan->report,
				    &scan->screen);
	/* Folders in folders, and what is on its way. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return r;
}

static int scan_open(struct scan *scan)
{
	const struct scan_options *options = scan->options;
	struct document_error error = { 0 };
	int r;

	for (size_t i = 0; i < QUEUE; i++)
		scan->unused[i] = &scan->jobs[i];
	if (config_load(options->config, &scan->config, &error) < 0) {
		log_error("%s", error.text);
		return -EINVAL;
	}
	r = scan_report_new(&scan->config, options->packs, options->packs_count, options->json,
			    &scan->report);
	if (r < 0)
		return r;
	r = loop_open(scan);
	if (r == 0)
		r = walk_open(scan);
	if (r == 0)
		r = files_open(scan);
	return r < 0 ? log_errno(LOG_ERR, r, "scan") : 0;
}

static void scan_close(struct scan *scan)
{
	file_scan_free(scan->files);
	scan_cache_free(scan->cache);
	(void)sd_event_source_disable_unref(scan->pump);
	scan_screen_free(scan->screen);
	(void)sd_event_unref(scan->loop);
	scan_walk_free(scan->walk);
	scan_report_free(scan->report);
	config_free(&scan->config);
}

static int scan_tell(struct scan *scan)
{
	struct file_scan_statistics statistics;
	const struct scan_summary summary = {
		.statistics = &statistics,
		.walk = scan_walk_counters(scan->walk),
		.too_large = scan->too_large,
		.unreadable = scan->unreadable,
		.known = scan->known,
		.elapsed = clock_boottime() - scan->started,
		.interrupted = scan->interrupted,
		.failed = scan->error < 0,
	};

	file_scan_statistics(scan->files, &statistics);
	scan_screen_clear(scan->screen);
	if (!scan->options->quiet && scan->loaded)
		scan_report_summary(scan->report, &summary, scan->options->json ? stderr : stdout);
	if (fflush(stdout) != 0 || ferror(stdout))
		scan->error = log_errno(LOG_ERR, -EIO, "standard output");
	if (scan->error < 0)
		return COMMAND_FAILED;
	if (scan_report_matches(scan->report) > 0)
		return COMMAND_FOUND;
	return statistics.unscannable > 0 || scan->unreadable > 0 || scan->interrupted
		       ? COMMAND_FAILED
		       : COMMAND_FINE;
}

static int scan_run(struct scan *scan)
{
	int r = scan_open(scan);

	if (r < 0)
		return COMMAND_FAILED;
	scan->started = clock_boottime();
	r = sd_event_loop(scan->loop);
	if (r < 0)
		scan->error = log_errno(LOG_ERR, r, "scan");
	return scan_tell(scan);
}

int command_scan(int argc, char **argv)
{
	struct scan_options options;
	struct scan scan = { .options = &options };
	int r = scan_options_parse(argc, argv, &options);

	if (r == 0) {
		r = scan_run(&scan);
		scan_close(&scan);
	} else {
		r = r < 0 ? COMMAND_FAILED : COMMAND_FINE;
	}
	scan_options_clear(&options);
	return r;
}
