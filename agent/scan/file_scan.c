/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the scanner as a whole: its queue, its counts, and which rule set is in force. Takes jobs
 * from cordond and `cordon scan`; file_pool.c has the workers, file_set.c the rules' process,
 * rule_session.c the compiler.
 */
#include "scan/file_scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/file_identity.h"
#include "scan/file_scan_private.h"
#include "scan/pool.h"
#include "scan/rule_store.h"

#define QUEUE_DEFAULT	 256
#define MEMORY_DEFAULT	 ((uint64_t)2 << 30)
/* Most malware is far smaller; a file of this size takes a second or two. */
#define SIZE_DEFAULT	 ((uint64_t)256 << 20)
#define TIME_DEFAULT	 (60 * NS_PER_SECOND)
#define UNPACKED_DEFAULT ((uint64_t)512 << 20)

CLEANUP_DEFINE(struct file_scan *, file_scan_free)

/* ---- rules ---- */

void file_scan_trouble(struct file_scan *scan, enum file_scan_trouble trouble, const char *text)
{
	char shown[FILE_REASON_MAX * 4];

	if (!scan->listener.trouble)
		return;
	(void)escape_text(text, strlen(text), shown, sizeof(shown));
	scan->listener.trouble(trouble, shown, scan->listener.userdata);
}

static void session_trouble(const char *text, bool warning, void *userdata)
{
	struct file_scan *scan = userdata;

	if (scan->listener.trouble)
		scan->listener.trouble(warning ? FILE_SCAN_RULE_SLOW : FILE_SCAN_RULE_LEFT_OUT,
				       text, scan->listener.userdata);
}

/* The same files may match under other limits. */
static int set_identify(const struct file_scan *scan, struct file_set *set)
{
	uint8_t bytes[SHA256_SIZE + 4 * sizeof(uint64_t)];
	const uint64_t limits[4] = { scan->options.size_max, scan->options.archive_depth,
				     scan->options.unpacked_max, FILE_PROTOCOL_VERSION };

	memcpy(bytes, set->rules.digest, SHA256_SIZE);
	memcpy(bytes + SHA256_SIZE, limits, sizeof(limits));
	return digest_sha256(bytes, sizeof(bytes), set->id);
}

/* Takes the descriptor. */
static int set_take(struct file_scan *scan, struct file_set *set, const struct rule_set *rules)
{
	file_set_clear(set);
	set->rules = *rules;
	set->rules.files = NULL;
	set->rules.troubles = NULL;
	set->generation = ++scan->generation;
	return set_identify(scan, set);
}

/* To be without what was kept costs time, and nothing else. */
static void set_keep(const struct file_scan *scan, const struct rule_set *rules)
{
	struct file_identity program;

	if (scan->store && file_identity_read(scan->program.fd, &program, NULL) == 0)
		(void)rule_store_keep(scan->store, &program, rules);
}

static void session_done(int error, const struct rule_set *rules, void *userdata)
{
	struct file_scan *scan = userdata;

	if (error == 0) {
		set_keep(scan, rules);
		error = set_take(scan, &scan->next, rules);
		/* One that cannot be started is tried again, and told. */
		(void)file_set_start(&scan->next);
		file_pool_wake(scan);
	}
	rule_session_free(scan->session);
	scan->session = NULL;
	if (error < 0 && scan->listener.loaded)
		scan->listener.loaded(error, scan->listener.userdata);
}

static int rules_compile(struct file_scan *scan)
{
	const struct rule_session_listener listener = { session_trouble, session_done, scan };
	const char *const *rules = (const char *const *)scan->rules;
	size_t count = 0;

	while (rules[count])
		count++;
	return rule_session_new(scan->loop, &scan->program, rules, count, &listener,
				&scan->session);
}

/* Moves it to where it is in force. Workers that have the set of before end when they are done. */
void file_scan_loaded(struct file_scan *scan, struct file_set *set)
{
	if (set == &scan->next) {
		file_set_clear(&scan->set);
		scan->set = *set;
		*set = (struct file_set){ .scan = scan,
					  .zygote = { .pidfd = -1, .channel = -1 },
					  .rules = { .fd = -1 } };
		(void)sd_event_source_set_userdata(scan->set.channel_source, &scan->set);
		(void)sd_event_source_set_userdata(scan->set.process_source, &scan->set);
	}
	scan->set.backoff = 0;
	/* At once: most programs wait for it. */
	file_pool_tick(scan, clock_boottime());
	if (scan->listener.loaded)
		scan->listener.loaded(0, scan->listener.userdata);
}

/* What was kept may be of another libyara: then it is compiled, as if there were nothing. */
void file_scan_unloadable(struct file_scan *scan, struct file_set *set)
{
	bool kept = set->kept;
	int r = -EIO;

	file_set_clear(set);
	if (kept) {
		rule_store_forget(scan->store);
		r = rules_compile(scan);
	}
	if (r < 0 && scan->listener.loaded)
		scan->listener.loaded(r, scan->listener.userdata);
}

static void rules_free(struct file_scan *scan)
{
	for (char **rule = scan->rules; rule && *rule; rule++)
		free(*rule);
	free(take_ptr(scan->rules));
}

static int rules_copy(struct file_scan *scan, const char *const *rules, size_t count)
{
	rules_free(scan);
	scan->rules = calloc(count + 1, sizeof(*scan->rules));
	for (size_t i = 0; scan->rules && i < count; i++) {
		scan->rules[i] = strdup(rules[i]);
		if (!scan->rules[i])
			return -ENOMEM;
	}
	return scan->rules ? 0 : -ENOMEM;
}

/* -ENOENT: none, they are to be compiled. */
static int rules_find(struct file_scan *scan, const char *const *rules, size_t count)
{
	bool first = scan->set.generation == 0;
	struct file_set *set = first && scan->options.idle ? &scan->set : &scan->next;
	struct file_identity program;
	struct rule_set found;
	int r = scan->store ? file_identity_read(scan->program.fd, &program, NULL) : -ENOENT;

	if (r == 0)
		r = rule_store_find(scan->store, &program, rules, count, session_trouble, scan,
				    &found);
	if (r == 0)
		r = set_take(scan, set, &found);
	if (r < 0)
		return -ENOENT;
	set->kept = true;
	if (set == &scan->next) {
		(void)file_set_start(set);
		file_pool_wake(scan);
	}
	return 0;
}

int file_scan_reload(struct file_scan *scan, const char *const *rules, size_t count)
{
	int r = rules_copy(scan, rules, count);

	if (r < 0)
		return r;
	/* What is being compiled is out of date already. */
	rule_session_free(scan->session);
	scan->session = NULL;
	return rules_find(scan, rules, count) == 0 ? 0 : rules_compile(scan);
}

const uint8_t *file_scan_rules_id(const struct file_scan *scan)
{
	return scan->set.generation > 0 ? scan->set.id : NULL;
}

/* ---- jobs ---- */

static int job_add(struct file_scan *scan, const int fds[static 2], bool memory,
		   const struct file_subject *subject, file_scanned done, void *userdata)
{
	struct file_job *job;

	if (scan->statistics.queued >= scan->options.queue) {
		scan->statistics.refused++;
		scan->full = true;
		return -ENOBUFS;
	}
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->fds[0] = job->fds[1] = -1;
	job->path = strdup(subject->path);
	job->owner = strdup(subject->owner ? subject->owner : "");
	if (!job->path || !job->owner) {
		file_job_free(job);
		return -ENOMEM;
	}
	job->fds[0] = fds[0];
	job->fds[1] = fds[1];
	job->memory = memory;
	job->id = ++scan->job_id;
	job->done = done;
	job->userdata = userdata;
	file_jobs_append(&scan->queue, job);
	scan->statistics.submitted++;
	scan->statistics.queued++;
	/* The first, where nothing was started before there was one. */
	if (scan->set.generation > 0 && scan->set.started == 0) {
		(void)file_set_start(&scan->set);
		file_pool_wake(scan);
	}
	file_pool_dispatch(scan);
	return 0;
}

int file_scan_submit(struct file_scan *scan, int fd, const struct file_subject *subject,
		     file_scanned done, void *userdata)
{
	const int fds[2] = { fd, -1 };

	return job_add(scan, fds, false, subject, done, userdata);
}

int file_scan_process_memory(struct file_scan *scan, int mem, int maps,
			     const struct file_subject *subject, file_scanned done, void *userdata)
{
	const int fds[2] = { mem, maps };

	return job_add(scan, fds, true, subject, done, userdata);
}

void file_scan_hashes(struct file_scan *scan, unsigned kinds)
{
	scan->hashes = kinds;
}

void file_scan_yield(struct file_scan *scan, bool yields)
{
	if (scan->yields == yields)
		return;
	scan->yields = yields;
	file_set_renice(&scan->set);
	file_set_renice(&scan->next);
}

int file_scan_listed(struct file_scan *scan, struct file_job *job, const struct file_hashes *hashes)
{
	if (!scan->listener.listed || !scan->listener.listed(hashes, scan->listener.userdata))
		return 0;
	return file_job_listed(job, hashes);
}

/* Where its SHA-256 is all that is asked for, the worker says no more than that it is done. */
static void digest_look(struct file_scan *scan, struct file_job *job,
			const struct file_message *done)
{
	struct file_hashes hashes = { .kinds = FILE_HASH_SHA256, .inside = "" };

	if (!done || scan->hashes != FILE_HASH_SHA256 ||
	    !(done->numbers[FILE_DONE_FLAGS] & FILE_DONE_HASHED))
		return;
	hashes.size = done->numbers[FILE_DONE_SIZE];
	memcpy(hashes.sha256, done->digest, sizeof(hashes.sha256));
	(void)file_scan_listed(scan, job, &hashes);
}

static void finish_count(struct file_scan *scan, const struct file_verdict *verdict)
{
	struct file_scan_statistics *statistics = &scan->statistics;

	statistics->queued--;
	statistics->clean += verdict->outcome == FILE_CLEAN;
	statistics->matched += verdict->outcome == FILE_MATCHED;
	statistics->unscannable += verdict->outcome == FILE_UNSCANNABLE;
	statistics->partial += verdict->partial;
	statistics->bytes += verdict->size;
}

void file_scan_finish(struct file_scan *scan, struct file_job *job, const struct file_message *done,
		      const char *reason)
{
	uint64_t flags = done ? done->numbers[FILE_DONE_FLAGS] : FILE_DONE_UNSCANNABLE;
	char shown[FILE_REASON_MAX * 2];
	const struct file_subject subject = { job->path, job->owner };
	struct file_verdict verdict = {
		.reason = shown,
		.partial = (flags & FILE_DONE_PARTIAL) != 0 && !(flags & FILE_DONE_UNSCANNABLE),
		.hashed = (flags & FILE_DONE_HASHED) != 0,
		.size = done ? done->numbers[FILE_DONE_SIZE] : 0,
		.fd = job->fds[0],
	};

	digest_look(scan, job, done);
	verdict.reasons =
		(struct file_reasons){ job->matches, job->count, job->listed, job->listed_count };
	verdict.outcome = job->count + job->listed_count > 0 ? FILE_MATCHED
			  : flags & FILE_DONE_UNSCANNABLE    ? FILE_UNSCANNABLE
							     : FILE_CLEAN;
	if (done)
		memcpy(verdict.sha256, done->digest, sizeof(verdict.sha256));
	(void)escape_text(reason, strlen(reason), shown, sizeof(shown));
	finish_count(scan, &verdict);
	job->done(&subject, &verdict, job->userdata);
	file_job_free(job);
	if (scan->full && scan->statistics.queued <= scan->options.queue / 2) {
		scan->full = false;
		if (scan->listener.room)
			scan->listener.room(scan->listener.userdata);
	}
}

/* ---- as a whole ---- */

static int timer_fired(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	file_pool_tick(userdata, clock_boottime());
	return 0;
}

static void options_take(struct file_scan *scan, const struct file_scan_options *options)
{
	scan->options = *options;
	scan->options.program = NULL;
	scan->options.rules = NULL;
	scan->options.store = NULL;
	if (scan->options.queue == 0)
		scan->options.queue = QUEUE_DEFAULT;
	if (scan->options.memory == 0)
		scan->options.memory = MEMORY_DEFAULT;
	if (scan->options.size_max == 0)
		scan->options.size_max = SIZE_DEFAULT;
	if (scan->options.time_max == 0)
		scan->options.time_max = TIME_DEFAULT;
	if (scan->options.unpacked_max == 0)
		scan->options.unpacked_max = UNPACKED_DEFAULT;
}

int file_scan_new(sd_event *loop, const struct file_scan_options *options,
		  const struct file_scan_listener *listener, struct file_scan **ret)
{
	CLEANUP(file_scan_free_cleanup) struct file_scan *scan = NULL;
	int r;

	if (options->workers == 0 || options->workers > FILE_SCAN_WORKERS_MAX)
		return -EINVAL;
	scan = calloc(1, sizeof(*scan));
	if (!scan)
		return -ENOMEM;
	scan->program.fd = -1;
	scan->listener = *listener;
	options_take(scan, options);
	scan->statistics.workers = options->workers;
	scan->set.scan = scan->next.scan = scan;
	scan->set.rules.fd = scan->next.rules.fd = -1;
	scan->set.zygote = scan->next.zygote =
		(struct worker_process){ .pidfd = -1, .channel = -1 };
	for (unsigned i = 0; i < FILE_SCAN_WORKERS_MAX; i++) {
		scan->workers[i].scan = scan;
		scan->workers[i].process = scan->set.zygote;
	}
	if (options->store && !(scan->store = strdup(options->store)))
		return -ENOMEM;
	r = worker_program_open(POOL_PROGRAM, options->program, &scan->program);
	if (r < 0)
		return r;
	scan->loop = sd_event_ref(loop);
	r = sd_event_add_time(loop, &scan->timer, CLOCK_BOOTTIME, 0, 1, timer_fired, scan);
	if (r >= 0)
		r = sd_event_source_set_enabled(scan->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = file_scan_reload(scan, options->rules, options->rules_count);
	if (r < 0)
		return r;
	*ret = take_ptr(scan);
	return 0;
}

void file_scan_free(struct file_scan *scan)
{
	struct file_job *job;

	if (!scan)
		return;
	rule_session_free(scan->session);
	file_pool_close(scan);
	while ((job = file_jobs_take(&scan->queue)))
		file_job_free(job);
	file_set_clear(&scan->set);
	file_set_clear(&scan->next);
	(void)sd_event_source_disable_unref(scan->timer);
	(void)sd_event_unref(scan->loop);
	worker_program_close(&scan->program);
	rules_free(scan);
	free(scan->store);
	free(scan);
}

void file_scan_statistics(const struct file_scan *scan, struct file_scan_statistics *ret)
{
	*ret = scan->statistics;
	if (scan->set.generation > 0) {
		ret->rules = scan->set.rules.rules;
		ret->left_out = scan->set.rules.left_out;
	}
	ret->running = 0;
	for (unsigned i = 0; i < scan->options.workers; i++)
		ret->running += scan->workers[i].state == FILE_WORKER_READY;
}
