/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the file scanner's parent side share: jobs, workers, rule sets.
 */
#pragma once

#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/worker_process.h"
#include "scan/file_protocol.h"
#include "scan/file_scan.h"
#include "scan/rule_session.h"

#define FILE_REASON_MAX 512

/* Jobs that a worker has: the one that it is at, and those that wait in its socket, so that it
 * never waits for us. */
#define FILE_WINDOW	      4
/* Both times a worker died of it. */
#define FILE_TRIES_MAX	      2
/* Starts of a set that was never loaded: it will not be. */
#define FILE_SET_FAILURES_MAX 3
/* Beyond the time that the worker keeps by itself. */
#define FILE_GRACE	      (5 * NS_PER_SECOND)
/* For finding a slow rule. */
#define FILE_BLAME_TIME	      (20 * NS_PER_SECOND)
#define FILE_HELLO_TIMEOUT    (20 * NS_PER_SECOND)
#define FILE_BACKOFF_MIN      (50 * NS_PER_MILLISECOND)
#define FILE_BACKOFF_MAX      (30 * NS_PER_SECOND)
/* A thirtieth of a CPU that others want, too. */
#define FILE_YIELD_NICE	      15
/* How often deadlines are looked at while something is due. */
#define FILE_TICK	      (100 * NS_PER_MILLISECOND)
/* Processes that never said who they are, and are to be reaped. */
#define FILE_ORPHANS_MAX      64

struct file_job {
	struct file_job *next;
	uint64_t id;
	int fds[2];
	bool memory;
	char *path, *owner;
	file_scanned done;
	void *userdata;
	unsigned tries;
	struct file_match *matches; /* each owns its texts, in one piece at rule */
	size_t count, room;
	struct file_hashes *listed; /* each owns its text */
	size_t listed_count;
};

struct file_jobs {
	struct file_job *oldest, *newest;
	unsigned count;
};
void file_jobs_append(struct file_jobs *jobs, struct file_job *job);
void file_jobs_prepend(struct file_jobs *jobs, struct file_job *job);
struct file_job *file_jobs_take(struct file_jobs *jobs); /* the oldest, or NULL */
void file_job_free(struct file_job *job);
/* A match, checked and copied. -ENOMEM; -EBADMSG: more than there can be. */
int file_job_match(struct file_job *job, const struct file_message *message);
/* Hashes that are listed, copied; more than are told of are left out. */
int file_job_listed(struct file_job *job, const struct file_hashes *hashes);
/* What a message says; inside is the frame's. */
void file_job_hashes_read(const struct file_message *message, struct file_hashes *ret);
void file_job_reasons_clear(struct file_job *job);

/* A compiled set, and the process that forks workers with it. */
struct file_set {
	struct file_scan *scan;
	struct rule_set rules;
	uint8_t id[SHA256_SIZE];
	uint64_t generation; /* 0: there is none */
	struct worker_process zygote;
	sd_event_source *channel_source, *process_source;
	bool greeted, loaded;
	uint64_t started, restart_at, backoff;
	unsigned failures; /* before it was ever loaded */
	bool kept;	   /* it comes from the store */
	bool held;	   /* it was loaded once */
	char reason[FILE_REASON_MAX];
};

enum file_worker_state {
	FILE_WORKER_DOWN,     /* started at restart_at */
	FILE_WORKER_STARTING, /* the zygote was asked; until its hello */
	FILE_WORKER_READY,
	FILE_WORKER_DYING, /* killed; until it is reaped */
};

struct file_worker {
	struct file_scan *scan;
	enum file_worker_state state;
	struct worker_process process;
	sd_event_source *channel_source, *process_source;
	uint64_t generation; /* of its rule set */
	uint64_t started, restart_at, backoff;
	uint64_t since; /* when it began with its oldest job */
	struct file_jobs jobs;
	bool blames, blamed; /* it looks for a slow rule; it has told of it */
	char reason[FILE_REASON_MAX];
};

struct file_scan {
	sd_event *loop;
	struct file_scan_options options; /* with its defaults; its lists are our own */
	struct file_scan_listener listener;
	struct worker_program program;
	struct rule_session *session;
	char **rules; /* ends with NULL */
	char *store;
	struct file_set set, next; /* in force; being loaded */
	uint64_t generation;	   /* of the newest */
	sd_event_source *timer;
	bool ticking, full, yields;
	unsigned hashes; /* FILE_HASH_* that are computed */
	struct file_jobs queue;
	uint64_t job_id;
	struct file_scan_statistics statistics;
	pid_t orphans[FILE_ORPHANS_MAX];
	struct file_worker workers[FILE_SCAN_WORKERS_MAX];
	struct file_frame frame;
};

/* file_scan.c: answers the job and frees it. reason: raw. */
void file_scan_finish(struct file_scan *scan, struct file_job *job, const struct file_message *done,
		      const char *reason);
/* Asks the listener, and keeps what is listed. */
int file_scan_listed(struct file_scan *scan, struct file_job *job,
		     const struct file_hashes *hashes);
void file_scan_trouble(struct file_scan *scan, enum file_scan_trouble trouble, const char *text);

/* file_set.c. */
int file_set_start(struct file_set *set);
void file_set_clear(struct file_set *set);
void file_set_renice(const struct file_set *set);
void file_set_tick(struct file_set *set, uint64_t now);
/* The zygote is to fork worker number, with this end of its channel. */
int file_set_fork(struct file_set *set, unsigned number, int channel);
/* The set is loaded: it comes into force. */
void file_scan_loaded(struct file_scan *scan, struct file_set *set);
/* It cannot be loaded: what was in force stays. */
void file_scan_unloadable(struct file_scan *scan, struct file_set *set);

/* file_pool.c. */
void file_pool_dispatch(struct file_scan *scan);
void file_pool_tick(struct file_scan *scan, uint64_t now);
/* Deadlines are near, or something is to be started. */
void file_pool_wake(struct file_scan *scan);
void file_pool_close(struct file_scan *scan);
