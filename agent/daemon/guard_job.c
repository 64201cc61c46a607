/* SPDX-License-Identifier: Apache-2.0
 *
 * One file on its way: opened, known from before or given to a worker, looked at again to be the
 * same, and told. Names are anybody's; what is opened is only read by the workers.
 */
#include "daemon/guard_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/process_proc.h"
#include "sensor/user_name.h"

static void job_free(struct guard_job *job)
{
	if (!job)
		return;
	if (job->at) {
		*job->at = job->next;
		if (job->next)
			job->next->at = job->at;
	}
	close_cleanup(&job->fd);
	free(job->path);
	free(job);
}

void guard_jobs_free(struct file_guard *guard)
{
	while (guard->submitted)
		job_free(guard->submitted);
}

/* It is with the workers. */
static void job_link(struct guard_job *job)
{
	struct file_guard *guard = job->guard;

	if (job->task.finding[0])
		guard_suspect_begin(guard, job->task.finding);
	job->next = guard->submitted;
	job->at = &guard->submitted;
	if (job->next)
		job->next->at = &job->next;
	guard->submitted = job;
	guard->jobs++;
}

CLEANUP_DEFINE(struct guard_job *, job_free)

static struct guard_job *job_new(struct file_guard *guard)
{
	struct guard_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->guard = guard;
	job->fd = -1;
	return job;
}

/* First without opening it: to open a device may do something. -EMEDIUMTYPE: no regular file. */
static int path_open(const char *path)
{
	CLEANUP(close_cleanup) int low = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	char again[32];
	int fd;

	if (low < 0 || fstat(low, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EMEDIUMTYPE;
	(void)snprintf(again, sizeof(again), "/proc/self/fd/%d", low);
	/* The time of access is evidence; only its owner may leave it alone, and we are root. */
	fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static char *path_of(int fd)
{
	char link[32], path[PATH_MAX];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length <= 0)
		return NULL;
	path[length] = '\0';
	return strdup(path);
}

/* An execution that waits is let go; whoever else waits for nothing. */
static void task_release(struct file_guard *guard, const struct guard_task *task, bool keep)
{
	if (task->held && guard->gate)
		exec_gate_answer(guard->gate, task->number, true, keep);
}

/* What runs again and again is not asked about until it changes. */
static void task_keep(struct file_guard *guard, const struct guard_task *task, int fd)
{
	task_release(guard, task, true);
	if (task->trigger == FILE_EXECUTED && guard->watch)
		(void)file_watch_keep(guard->watch, fd);
}

static void count_end(struct file_guard *guard, const struct guard_task *task,
		      enum guard_count count)
{
	guard->counts[count]++;
	task_release(guard, task, false);
}

/* The process as it is by now, if it is older than the notice. */
static void event_process(const struct guard_job *job, struct event *event)
{
	uint64_t start;

	if (job->task.pid <= 0 || process_proc_start(job->task.pid, &start) < 0 ||
	    start > job->task.told)
		return;
	event->pid = job->task.pid;
	event->pid_start = start;
	sensor_event_process(job->guard->agent->sensor, event);
}

/* The parts of a verdict that detectors are shown. */
static void job_tell(struct guard_job *job, const struct file_verdict *verdict)
{
	struct file_facts facts = { .path = job->path,
				    .size = verdict->size,
				    .hashed = verdict->hashed };
	struct event event = {
		.kind = EVENT_FILE,
		.time = clock_realtime(),
		.file = &facts,
		.trigger = file_trigger_name(job->task.trigger),
	};

	memcpy(facts.sha256, verdict->sha256, sizeof(facts.sha256));
	event_process(job, &event);
	job->guard->current = job;
	pipeline_file(job->guard->agent, &event, &verdict->reasons);
	job->guard->current = NULL;
}

/* It is scanned once more when it is quiet. */
static void job_again(struct guard_job *job)
{
	const struct queued_file file = { .path = job->path,
					  .trigger = FILE_WRITTEN,
					  .pid = job->task.pid,
					  .attempts = job->task.attempts + 1,
					  .told = clock_boottime() };
	int r;

	job->guard->counts[GUARD_CHANGED]++;
	job->guard->counts[GUARD_SEEN]++;
	r = file_queue_add(job->guard->queue, &file);
	if (r == FILE_QUEUE_MERGED)
		job->guard->counts[GUARD_MERGED]++;
	else if (r < 0)
		job->guard->counts[GUARD_DROPPED]++;
	guard_wake(job->guard);
}

static bool job_changed(const struct guard_job *job)
{
	struct file_identity now;

	return job->fd >= 0 && (file_identity_read(job->fd, &now, NULL) < 0 ||
				!file_identity_equal(&now, &job->identity));
}

static void verdict_keep(struct guard_job *job, const struct file_verdict *verdict)
{
	enum cached_verdict cached =
		verdict->outcome == FILE_CLEAN ? CACHED_CLEAN : CACHED_UNSCANNABLE;

	if (job->fd < 0 || !job->guard->cache)
		return;
	verdict_cache_store(job->guard->cache, &job->identity, job->read_from, cached);
	if (cached == CACHED_CLEAN)
		task_keep(job->guard, &job->task, job->fd);
}

/* Parts of a process that match are told by now. */
static void job_suspect(const struct guard_job *job, const struct file_verdict *verdict)
{
	if (job->task.finding[0])
		guard_suspect_end(job->guard, job->task.finding,
				  verdict->outcome != FILE_UNSCANNABLE && !verdict->partial);
}

static void job_end(struct guard_job *job, const struct file_verdict *verdict)
{
	struct file_guard *guard = job->guard;
	bool changed = job_changed(job), again;

	again = changed && verdict->outcome != FILE_MATCHED && job->path && job->path[0] == '/' &&
		job->task.attempts < GUARD_ATTEMPTS_MAX && job->task.trigger != FILE_MEMORY;
	if (verdict->outcome == FILE_MATCHED)
		job_tell(job, verdict);
	if (again) {
		job_again(job);
	} else {
		static const enum guard_count counts[] = { [FILE_CLEAN] = GUARD_CLEAN,
							   [FILE_MATCHED] = GUARD_MATCHED,
							   [FILE_UNSCANNABLE] = GUARD_UNSCANNABLE };

		guard->counts[counts[verdict->outcome]]++;
	}
	if (job->refused)
		exec_gate_answer(guard->gate, job->task.number, false, false);
	else if (!changed && verdict->outcome != FILE_MATCHED && !job->task.finding[0])
		verdict_keep(job, verdict);
	/* Once more does no harm: what was answered is not waiting. */
	if (!job->refused)
		task_release(guard, &job->task, false);
}

static void job_done(const struct file_subject *subject, const struct file_verdict *verdict,
		     void *userdata)
{
	CLEANUP(job_free_cleanup) struct guard_job *job = userdata;
	struct file_guard *guard = job->guard;

	(void)subject;
	guard->jobs--;
	if (job->task.walked)
		guard->walked_jobs--;
	else if (!job->task.held && job->task.fd < 0)
		guard->queued_jobs--;
	if (verdict->outcome == FILE_UNSCANNABLE)
		log_debug("%s is not scanned: %s", job->path, verdict->reason);
	job_end(job, verdict);
	job_suspect(job, verdict);
	(void)sd_event_source_set_enabled(guard->told, SD_EVENT_ONESHOT);
	guard_wake(guard);
	guard_walk_wake(guard);
}

/* A file that is known: its verdict is not asked for again. What was closed after it was open for
 * writing is always read: a page that is mapped is written to without a trace in the times. */
static bool job_known(struct file_guard *guard, const struct guard_job *job)
{
	if (!guard->cache || job->task.trigger == FILE_WRITTEN)
		return false;
	switch (verdict_cache_find(guard->cache, &job->identity)) {
	case CACHED_CLEAN:
		task_keep(guard, &job->task, job->fd);
		break;
	case CACHED_UNSCANNABLE:
		task_release(guard, &job->task, false);
		break;
	case CACHED_NONE:
	default:
		return false;
	}
	guard->counts[GUARD_CACHED]++;
	return true;
}

static int job_submit(struct file_guard *guard, struct guard_job *job, const struct stat *status)
{
	char owner[64];
	const struct file_subject subject = { .path = job->path, .owner = owner };
	int theirs = fcntl(job->fd, F_DUPFD_CLOEXEC, 0), r;

	if (theirs < 0)
		return -errno;
	user_name(status->st_uid, owner, sizeof(owner));
	if (!owner[0])
		(void)snprintf(owner, sizeof(owner), "%u", status->st_uid);
	job->read_from = clock_realtime();
	r = file_scan_submit(guard->scan, theirs, &subject, job_done, job);
	if (r < 0) {
		(void)close(theirs);
		return r;
	}
	job_link(job);
	if (job->task.walked)
		guard->walked_jobs++;
	else if (!job->task.held && job->task.fd < 0)
		guard->queued_jobs++;
	return 0;
}

/* Which count the file ends in without being read; GUARD_COUNTS: none. */
static enum guard_count file_skipped(int error, const struct stat *status)
{
	if (error == -ENOENT || error == -ENOTDIR || error == -ESRCH)
		return GUARD_GONE;
	if (error < 0 || !S_ISREG(status->st_mode))
		return GUARD_SPECIAL;
	return status->st_size == 0 ? GUARD_EMPTY : GUARD_COUNTS;
}

int guard_job_begin(struct file_guard *guard, struct guard_task *task)
{
	CLEANUP(job_free_cleanup) struct guard_job *job = job_new(guard);
	enum guard_count skipped;
	struct stat status = { 0 };
	int r;

	if (!job) {
		close_cleanup(&task->fd);
		count_end(guard, task, GUARD_DROPPED);
		return 0;
	}
	job->task = *task;
	job->fd = task->fd >= 0 ? task->fd : path_open(task->path);
	task->fd = -1;
	r = job->fd < 0 ? job->fd : file_identity_read(job->fd, &job->identity, &status);
	skipped = file_skipped(r, &status);
	if (skipped != GUARD_COUNTS) {
		count_end(guard, task, skipped);
		return 0;
	}
	if (job_known(guard, job))
		return 0;
	job->path = task->path ? strdup(task->path) : path_of(job->fd);
	r = job->path ? job_submit(guard, job, &status) : -ENOMEM;
	if (r == 0) {
		job = NULL;
		return 0;
	}
	if (r == -ENOBUFS && job->task.fd < 0 && !task->held)
		return GUARD_LATER;
	count_end(guard, task, GUARD_DROPPED);
	if (task->finding[0])
		guard_suspect_miss(guard, task->finding);
	if (task->trigger == FILE_WRITTEN || task->trigger == FILE_MOVED)
		guard_missed(guard, clock_realtime());
	return 0;
}

int guard_job_memory(struct file_guard *guard, pid_t pid, const char *finding)
{
	CLEANUP(job_free_cleanup) struct guard_job *job = job_new(guard);
	CLEANUP(close_cleanup) int memory = -1;
	CLEANUP(close_cleanup) int maps = -1;
	struct file_subject subject = { 0 };
	char path[32];
	int r;

	if (!job)
		return -ENOMEM;
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = open(path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	if (maps < 0 || memory < 0)
		return -errno;
	job->task = (struct guard_task){ .trigger = FILE_SUSPECT,
					 .pid = pid,
					 .held = false,
					 .fd = 0,
					 .told = clock_boottime() };
	(void)snprintf(job->task.finding, sizeof(job->task.finding), "%s", finding);
	job->path = strdup(path);
	if (!job->path)
		return -ENOMEM;
	subject.path = job->path;
	r = file_scan_process_memory(guard->scan, memory, maps, &subject, job_done, job);
	if (r < 0)
		return r;
	(void)take_fd(&memory);
	(void)take_fd(&maps);
	job_link(job);
	guard->counts[GUARD_SEEN]++;
	job = NULL;
	return 0;
}
