/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns `cordon scan`: walks the paths, has the files scanned by workers of its own, and tells what
 * they found. Needs no daemon. Whoever owns the files controls names and bytes; the bytes are never
 * touched here.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/scan_progress.h"
#include "cli/scan_report.h"
#include "cli/scan_walk.h"
#include "daemon/config.h"
#include "scan/file_scan.h"
#include "sensor/user_name.h"

/* Files on their way: enough that no worker waits while folders are read. */
#define QUEUE		 256
/* Read from folders in one turn of the loop. */
#define FILES_A_TURN	 64
#define PROGRESS_TICK	 (200 * NS_PER_MILLISECOND)
/* Of each tick, for counting what there is to do. */
#define COUNT_TIME	 (40 * NS_PER_MILLISECOND)
#define THREADS_MAX	 FILE_SCAN_WORKERS_MAX
/* Workers that fail one after the other, without a file that was scanned: none will do. */
#define FAILURES_MAX	 20
/* So much is also held in memory. */
#define SIZE_MAX_LIMIT	 ((uint64_t)64 << 30)
/* clamscan's is 100 MB; most malware is far smaller, some is padded to escape scanners. */
#define SIZE_MAX_DEFAULT ((uint64_t)256 << 20)
#define ARCHIVE_DEPTH	 4
#define STARTER_RULES	 CORDON_DATADIR "/yara"

struct options {
	const char *config;
	bool json, recursive, quiet;
	uint64_t max_size, since, threads;
	const char **rules, **excludes, **packs; /* each as long as there are arguments */
	size_t rules_count, excludes_count, packs_count;
	char **paths;
	size_t paths_count;
};

struct scan {
	const struct options *options;
	struct config config;
	struct scan_report *report;
	struct scan_walk *walk, *count; /* count: ahead of walk, for the progress; or NULL */
	sd_event *loop;
	sd_event_source *pump, *timer;
	struct file_scan *files;
	struct scan_progress progress;
	uint64_t too_large, unreadable;
	uint64_t pending;  /* submitted, not answered */
	unsigned failures; /* of workers, since a file was scanned */
	bool terminal, loaded, walked, interrupted;
	char last[256]; /* the path in the progress */
	int error;
};

static int usage(FILE *out, int r)
{
	(void)fputs(
		"Usage: cordon scan [OPTION...] PATH...\n"
		"\n"
		"Scans files and folders with YARA rules, in sandboxed workers.\n"
		"\n"
		"  -r, --rules PATH    a file or folder of rules (again for more); else the\n"
		"                      configuration's, or those that come with cordon\n"
		"      --intel FILE    a pack or list whose hashes are matched (again for more)\n"
		"      --json          findings as lines of OCSF\n"
		"      --exclude GLOB  leave out paths or names (again for more)\n"
		"      --max-size SIZE leave out larger files (256M)\n"
		"      --since TIME    only files that were changed since\n"
		"      --threads N     workers; else one for each CPU\n"
		"      --recursive, --no-recursive   with or without folders in folders\n"
		"      --quiet         no progress and no summary\n"
		"      --config FILE   for its rules and policies\n"
		"\n"
		"Exit status: 0 nothing found, 1 something was, 2 nothing was, but not all could "
		"be\n"
		"scanned.\n",
		out);
	return r;
}

static int value_fail(const char *option, const char *value, const char *expected)
{
	CLEANUP(free_cleanup) char *shown = escape_text_dup(value, strlen(value));

	log_error("--%s: \"%s\" is no %s", option, shown ? shown : "?", expected);
	return -EINVAL;
}

#define OPTIONS_HELP 1
static int option_take(struct options *options, int option)
{
	switch (option) {
	case 'r':
		options->rules[options->rules_count++] = optarg;
		return 0;
	case 'i':
		options->packs[options->packs_count++] = optarg;
		return 0;
	case 'x':
		options->excludes[options->excludes_count++] = optarg;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case 'R':
	case 'N':
		options->recursive = option == 'R';
		return 0;
	case 'c':
		options->config = optarg;
		return 0;
	case 'm':
		return parse_size(optarg, &options->max_size) == 0 && options->max_size > 0 &&
				       options->max_size <= SIZE_MAX_LIMIT
			       ? 0
			       : value_fail("max-size", optarg, "size (64K, 100M)");
	case 's':
		return parse_time(optarg, &options->since) == 0
			       ? 0
			       : value_fail("since", optarg, "time (2026-11-21) or span (24h)");
	case 't':
		return parse_u64(optarg, THREADS_MAX, &options->threads) == 0 &&
				       options->threads > 0
			       ? 0
			       : value_fail("threads", optarg, "number from 1 to 64");
	case 'h':
		return usage(stdout, OPTIONS_HELP);
	default:
		return usage(stderr, -EINVAL);
	}
}

/* 0, OPTIONS_HELP when all was said, or -EINVAL. */
static int options_parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "rules", required_argument, NULL, 'r' },
		{ "intel", required_argument, NULL, 'i' },
		{ "exclude", required_argument, NULL, 'x' },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "recursive", no_argument, NULL, 'R' },
		{ "no-recursive", no_argument, NULL, 'N' },
		{ "config", required_argument, NULL, 'c' },
		{ "max-size", required_argument, NULL, 'm' },
		{ "since", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, r = 0;

	optind = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "r:", known, NULL)) != -1)
		r = option_take(options, option);
	options->paths = argv + optind;
	options->paths_count = (size_t)(argc - optind);
	if (r == 0 && options->paths_count == 0)
		return usage(stderr, -EINVAL);
	return r;
}

/* ---- the terminal ---- */

static void progress_clear(const struct scan *scan)
{
	if (scan->terminal)
		(void)fputs("\r\033[K", stderr);
}

static void progress_count(struct scan *scan)
{
	uint64_t until = clock_boottime() + COUNT_TIME;
	struct scan_walk_file file;

	while (scan->count && clock_boottime() < until) {
		int r = scan_walk_next(scan->count, false, &file);

		if (r <= 0) {
			scan_walk_free(scan->count);
			scan->count = NULL;
			scan->progress.counted = true;
		} else if ((uint64_t)file.status.st_size <= scan->options->max_size) {
			scan->progress.all_files++;
			scan->progress.all_bytes += (uint64_t)file.status.st_size;
		}
	}
}

static void progress_show(struct scan *scan)
{
	struct winsize window = { .ws_col = 80 };
	char line[1024];

	(void)ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
	scan->progress.now = clock_boottime();
	scan->progress.matches = scan_report_matches(scan->report);
	scan->progress.path = scan->last;
	scan_progress_line(&scan->progress, window.ws_col ? window.ws_col : 80, line, sizeof(line));
	(void)fprintf(stderr, "\r%s\033[K", scan->loaded ? line : "reading rules");
	(void)fflush(stderr);
}

static int timer_fired(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct scan *scan = userdata;

	(void)usec;
	progress_count(scan);
	progress_show(scan);
	(void)sd_event_source_set_time_relative(source, PROGRESS_TICK / 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- files ---- */

static void path_failed(const char *path, int error, void *userdata)
{
	struct scan *scan = userdata;
	CLEANUP(free_cleanup) char *shown = escape_text_dup(path, strlen(path));

	scan->unreadable++;
	progress_clear(scan);
	log_error("%s: %s", shown ? shown : "?", strerror(-error));
}

static int scan_end(struct scan *scan, int error)
{
	if (error < 0 && scan->error == 0)
		scan->error = error;
	return sd_event_exit(scan->loop, 0);
}

static void file_done(const struct file_subject *subject, const struct file_verdict *verdict,
		      void *userdata)
{
	struct scan *scan = userdata;
	int r = 0;

	scan->pending--;
	scan->failures = 0;
	scan->progress.files++;
	scan->progress.bytes += verdict->size;
	if (scan->terminal)
		(void)snprintf(scan->last, sizeof(scan->last), "%s", subject->path);
	if (verdict->outcome == FILE_UNSCANNABLE || verdict->partial) {
		CLEANUP(free_cleanup)
		char *path = escape_text_dup(subject->path, strlen(subject->path));

		progress_clear(scan);
		log_warning("%s: %s: %s", path ? path : "?",
			    verdict->partial ? "partly scanned" : "not scanned", verdict->reason);
	}
	if (verdict->count > 0)
		progress_clear(scan);
	r = scan_report_file(scan->report, subject, verdict);
	if (verdict->count > 0 && scan->terminal)
		(void)fflush(stdout);
	if (r < 0 || ferror(stdout))
		(void)scan_end(scan, r < 0 ? r : -EIO);
	else
		(void)sd_event_source_set_enabled(scan->pump, SD_EVENT_ONESHOT);
}

static int file_submit(struct scan *scan, struct scan_walk_file *file)
{
	char owner[64];
	const struct file_subject subject = { file->path, owner };
	int r;

	if ((uint64_t)file->status.st_size > scan->options->max_size) {
		scan->too_large++;
		close_cleanup(&file->fd);
		return 0;
	}
	user_name(file->status.st_uid, owner, sizeof(owner));
	if (!owner[0])
		(void)snprintf(owner, sizeof(owner), "%u", (unsigned)file->status.st_uid);
	r = file_scan_submit(scan->files, file->fd, &subject, file_done, scan);
	if (r < 0) {
		close_cleanup(&file->fd);
		return r;
	}
	scan->pending++;
	return 0;
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

static void rules_loaded(int error, void *userdata)
{
	struct scan *scan = userdata;
	struct file_scan_statistics statistics;

	scan->loaded = error == 0;
	if (error < 0) {
		(void)scan_end(scan, log_errno(LOG_ERR, error, "the rules"));
		return;
	}
	file_scan_statistics(scan->files, &statistics);
	if (statistics.rules == 0) {
		log_error("there is no rule to scan with");
		(void)scan_end(scan, -ENOENT);
		return;
	}
	scan->progress.started = clock_boottime();
	(void)sd_event_source_set_enabled(scan->pump, SD_EVENT_ONESHOT);
}

static void trouble_met(enum file_scan_trouble trouble, const char *text, void *userdata)
{
	struct scan *scan = userdata;

	progress_clear(scan);
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

static int files_open(struct scan *scan)
{
	static const char *const starter[] = { STARTER_RULES };
	const struct options *options = scan->options;
	const struct config_paths *configured = &scan->config.scan.rules;
	const struct file_scan_listener listener = { rules_loaded, trouble_met, NULL, scan };
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
	};

	if (pool.rules_count == 0) {
		pool.rules = configured->count ? (const char *const *)configured->paths : starter;
		pool.rules_count = configured->count ? configured->count : 1;
	}
	return file_scan_new(scan->loop, &pool, &listener, &scan->files);
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
	if (r >= 0 && scan->terminal)
		r = sd_event_add_time_relative(scan->loop, &scan->timer, CLOCK_BOOTTIME,
					       PROGRESS_TICK / 1000, 0, timer_fired, scan);
	return r < 0 ? r : 0;
}

static int walk_open(struct scan *scan)
{
	const struct options *options = scan->options;
	const struct scan_walk_options walk = {
		.paths = options->paths,
		.paths_count = options->paths_count,
		.excludes = options->excludes,
		.excludes_count = options->excludes_count,
		.since = options->since,
		.recursive = options->recursive,
		.trouble = path_failed,
		.userdata = scan,
	};
	struct rlimit files;
	int r = scan_walk_new(&walk, &scan->walk);

	if (r == 0 && scan->terminal)
		r = scan_walk_new(&walk, &scan->count);
	/* Folders in folders, and what is on its way. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return r;
}

static int scan_open(struct scan *scan)
{
	const struct options *options = scan->options;
	struct document_error error = { 0 };
	int r;

	scan->terminal = !options->quiet && isatty(STDERR_FILENO);
	if (config_load(options->config, &scan->config, &error) < 0) {
		log_error("%s", error.text);
		return -EINVAL;
	}
	r = scan_report_new(&scan->config, options->packs, options->packs_count, options->json,
			    &scan->report);
	if (r < 0)
		return r;
	r = walk_open(scan);
	if (r == 0)
		r = loop_open(scan);
	if (r == 0)
		r = files_open(scan);
	return r < 0 ? log_errno(LOG_ERR, r, "scan") : 0;
}

static void scan_close(struct scan *scan)
{
	file_scan_free(scan->files);
	(void)sd_event_source_disable_unref(scan->pump);
	(void)sd_event_source_disable_unref(scan->timer);
	(void)sd_event_unref(scan->loop);
	scan_walk_free(scan->walk);
	scan_walk_free(scan->count);
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
		.elapsed = clock_boottime() - scan->progress.started,
		.interrupted = scan->interrupted,
	};

	file_scan_statistics(scan->files, &statistics);
	progress_clear(scan);
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
	scan->progress.started = clock_boottime();
	r = sd_event_loop(scan->loop);
	if (r < 0)
		scan->error = log_errno(LOG_ERR, r, "scan");
	return scan_tell(scan);
}

int command_scan(int argc, char **argv)
{
	CLEANUP(free_cleanup) const char **rules = calloc((size_t)argc, sizeof(*rules));
	CLEANUP(free_cleanup) const char **excludes = calloc((size_t)argc, sizeof(*excludes));
	CLEANUP(free_cleanup) const char **packs = calloc((size_t)argc, sizeof(*packs));
	struct options options = { .rules = rules,
				   .excludes = excludes,
				   .packs = packs,
				   .recursive = true,
				   .max_size = SIZE_MAX_DEFAULT };
	struct scan scan = { .options = &options };
	int r;

	if (!rules || !excludes || !packs)
		return COMMAND_FAILED;
	r = options_parse(argc, argv, &options);
	if (r != 0)
		return r < 0 ? COMMAND_FAILED : COMMAND_FINE;
	r = scan_run(&scan);
	scan_close(&scan);
	return r;
}
