/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the file guard share: file_guard.c (start, end, what is told), guard_queue.c
 * (what waits), guard_job.c (one file on its way through the workers), guard_walk.c (schedule, and
 * what was missed), guard_act.c (what is done), guard_status.c.
 */
#pragma once

#include <sys/types.h>

#include "base/file_identity.h"
#include "daemon/agent.h"
#include "daemon/file_guard.h"
#include "response/quarantine.h"
#include "scan/file_queue.h"
#include "scan/file_scan.h"
#include "scan/verdict_cache.h"
#include "sensor/exec_gate.h"
#include "sensor/exec_watch.h"
#include "sensor/file_walk.h"
#include "sensor/file_watch.h"

/* Files that wait to be quiet. Each is its path and 64 bytes: with all of it full, some 10 MB. */
#define GUARD_QUEUE_MAX	   32768
/* A file that never gets quiet is scanned after so long all the same. */
#define GUARD_SETTLE_MOST  (30 * NS_PER_SECOND)
/* Open files that are being scanned at once; each has two descriptors. */
#define GUARD_JOBS_MAX	   192
/* Of them, those that waited in the queue: the others are left for executions. */
#define GUARD_QUEUED_MAX   64
/* Times that a file may change under the scan before it is told as it was. */
#define GUARD_ATTEMPTS_MAX 5
/* Bytes that a folder of walks waits for. */
#define GUARD_WALKS_MAX	   16

enum guard_count {
	GUARD_SEEN,
	GUARD_CLEAN,
	GUARD_MATCHED,
	GUARD_UNSCANNABLE,
	GUARD_CACHED,
	GUARD_GONE,    /* skipped: there is no such file any more */
	GUARD_SPECIAL, /* skipped: no regular file, or not to be opened */
	GUARD_EMPTY,   /* skipped */
	GUARD_CHANGED, /* under the scan: it is scanned again */
	GUARD_MERGED,  /* waits already */
	GUARD_DROPPED, /* no room, or no workers: a walk follows */
	GUARD_COUNTS,
};

/* One file that is to be scanned now. */
struct guard_task {
	int fd;		  /* -1: by path */
	const char *path; /* NULL: fd says it */
	enum file_trigger trigger;
	pid_t pid;
	uint64_t told; /* boot clock */
	unsigned attempts;
	bool held;
	uint64_t number; /* of what is held */
	bool walked;
	char finding[FINDING_UID_SIZE]; /* whose process it is of; "": none */
};

struct guard_job {
	struct file_guard *guard;
	struct guard_job *next, **at; /* of those that the workers have */
	int fd;			      /* -1: memory of a process */
	struct file_identity identity;
	uint64_t read_from; /* wall clock */
	struct guard_task task;
	char *path;
	bool refused, told; /* an execution; and so its activity */
};

/* Processes whose files were scanned for a finding lately. */
#define GUARD_SUSPECTS 256
struct guard_suspect {
	pid_t pid;
	uint64_t start;
	char finding[FINDING_UID_SIZE];
	enum severity severity; /* of that finding, as policy has it */
	enum severity matched;	/* the highest of what was found in the process */
	unsigned pending;	/* parts that are with the workers */
	bool incomplete, ended;
};

struct guard_walk {
	struct file_walk *walk; /* NULL: none is under way */
	bool full;
	uint64_t since, begun;
	uint64_t full_done, changed_done; /* when the last ones began, wall clock; 0: never */
	uint64_t saved;
	/* Folders that were moved in, and what was missed: one after the other. */
	struct {
		char *path; /* NULL: all places */
		uint64_t since;
	} asked[GUARD_WALKS_MAX];
	size_t asked_count;
	bool of_asked;
	sd_event_source *source;
	uint64_t files, ended;
};

struct guard_moves;

struct file_guard {
	struct agent *agent;
	struct file_scan *scan;
	struct verdict_cache *cache; /* NULL until rules are in force */
	struct file_queue *queue;
	struct file_watch *watch; /* NULL: cannot be had; error says why */
	struct exec_watch *execs;
	struct exec_gate *gate;	       /* NULL: executions are not held */
	struct quarantine *quarantine; /* NULL: not in enforce mode, or cannot be had */
	struct guard_moves *moves;
	struct config_paths roots, exclude; /* without symbolic links */
	sd_event_source *timer, *due, *told;
	uint64_t counts[GUARD_COUNTS];
	unsigned jobs, queued_jobs, walked_jobs;
	bool full;   /* the workers' queue is */
	bool refill; /* they have enough of what waited */
	struct guard_job *submitted, *current;
	struct guard_walk walk;
	struct guard_suspect suspects[GUARD_SUSPECTS];
	size_t suspects_next;
	uint64_t suspects_scanned;
	uint64_t missed_since; /* wall clock; 0: nothing was */
	uint64_t quarantined, quarantine_failed, quarantine_allowed, refused;
	int watch_error, execs_error, gate_error, rules_error;
};

/* guard_queue.c */
int guard_queue_open(struct file_guard *guard);
void guard_queue_close(struct file_guard *guard);
/* A file with a path, once it is quiet. */
void guard_queue_add(struct file_guard *guard, const struct file_notice *notice);
void guard_wake(struct file_guard *guard);
/* Something was missed from now on, or since the time (wall clock): a walk looks for it. */
void guard_missed(struct file_guard *guard, uint64_t since);

/* guard_job.c */
/* Takes task->fd. 0; GUARD_LATER: no room, and nothing was taken. Counts what becomes of it. */
enum { GUARD_LATER = 1 };
int guard_job_begin(struct file_guard *guard, struct guard_task *task);
/* Those that are with the workers, when these are gone. */
void guard_jobs_free(struct file_guard *guard);
/* The memory of a process that a finding is about. */
int guard_job_memory(struct file_guard *guard, pid_t pid, const char *finding);

/* guard_walk.c */
int guard_walk_open(struct file_guard *guard);
void guard_walk_close(struct file_guard *guard);
void guard_walk_tick(struct file_guard *guard);
/* path NULL: all watched places. since: ctime, wall clock; 0: all. */
void guard_walk_ask(struct file_guard *guard, const char *path, uint64_t since);
void guard_walk_wake(struct file_guard *guard);

/* guard_suspect.c: a part of the process behind a finding is with the workers; it was scanned;
 * it could not be; it is told, so severe. */
void guard_suspect_begin(struct file_guard *guard, const char *finding);
void guard_suspect_end(struct file_guard *guard, const char *finding, bool complete);
void guard_suspect_miss(struct file_guard *guard, const char *finding);
void guard_suspect_matched(struct file_guard *guard, const char *finding, enum severity severity);

/* guard_act.c */
void guard_moves_close(struct file_guard *guard);
