/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the workers: has them forked, gives them jobs, checks what they say, and replaces those that
 * die, hang or break the rules. They read hostile bytes. They are our children, though another
 * process forks them; who talks on a channel, the kernel says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "scan/file_scan_private.h"

/* Frames read in one turn, so that a worker that floods does not keep the loop. */
#define FRAMES_A_TURN 256

static void worker_unwatch(struct file_worker *worker)
{
	worker->channel_source = sd_event_source_disable_unref(worker->channel_source);
	worker->process_source = sd_event_source_disable_unref(worker->process_source);
}

static void worker_clear(struct file_worker *worker)
{
	worker_unwatch(worker);
	worker_process_end(&worker->process);
	worker->state = FILE_WORKER_DOWN;
}

static unsigned worker_number(const struct file_worker *worker)
{
	return (unsigned)(worker - worker->scan->workers);
}

/* ---- the end of a worker ---- */

/* The job that it was at has killed it, perhaps. The others are done by the next. */
static void jobs_return(struct file_worker *worker, const char *why)
{
	struct file_scan *scan = worker->scan;
	struct file_jobs jobs = worker->jobs;
	struct file_job *first = file_jobs_take(&jobs);
	char text[FILE_REASON_MAX + 32];

	worker->jobs = (struct file_jobs){ 0 };
	if (jobs.newest) {
		jobs.newest->next = scan->queue.oldest;
		if (!scan->queue.newest)
			scan->queue.newest = jobs.newest;
		scan->queue.oldest = jobs.oldest;
		scan->queue.count += jobs.count;
	}
	if (!first)
		return;
	file_job_reasons_clear(first);
	if (++first->tries < FILE_TRIES_MAX) {
		scan->statistics.retried++;
		file_jobs_prepend(&scan->queue, first);
		return;
	}
	(void)snprintf(text, sizeof(text), "twice: %s", why);
	file_scan_finish(scan, first, NULL, text);
}

static void worker_down(struct file_worker *worker, const char *death)
{
	struct file_scan *scan = worker->scan;
	const struct file_job *job = worker->jobs.oldest;
	char why[FILE_REASON_MAX], text[FILE_REASON_MAX * 3];

	(void)snprintf(why, sizeof(why), "%s", worker->reason[0] ? worker->reason : death);
	worker_clear(worker);
	/* One that died of its work was well until then. */
	worker->backoff = job ? 0 : worker->backoff ? worker->backoff * 2 : FILE_BACKOFF_MIN;
	if (worker->backoff > FILE_BACKOFF_MAX)
		worker->backoff = FILE_BACKOFF_MAX;
	worker->restart_at = clock_boottime() + worker->backoff;
	scan->statistics.broken++;
	if (job)
		(void)snprintf(text, sizeof(text), "a worker that scanned %.900s: %s", job->path,
			       why);
	else
		(void)snprintf(text, sizeof(text), "a worker: %s", why);
	file_pool_wake(scan);
	jobs_return(worker, why);
	file_scan_trouble(scan, FILE_SCAN_WORKER, text);
}

/* reason NULL: what it died of will tell. */
static void worker_break(struct file_worker *worker, const char *reason)
{
	if (worker->state == FILE_WORKER_DYING)
		return;
	(void)snprintf(worker->reason, sizeof(worker->reason), "%s", reason ? reason : "");
	worker->state = FILE_WORKER_DYING;
	worker->channel_source = sd_event_source_disable_unref(worker->channel_source);
	if (worker->process.pid == 0) {
		worker_down(worker, "it was not started");
		return;
	}
	worker_process_kill(&worker->process);
	file_pool_wake(worker->scan);
}

/* ---- what it says ---- */

static int process_ended(sd_event_source *source, int fd, uint32_t events, void *userdata);

/* NULL, or what is wrong. */
static const char *hello_take(struct file_worker *worker, const struct file_message *message,
			      pid_t sender)
{
	siginfo_t info;

	if (message->numbers[FILE_HELLO_VERSION] != FILE_PROTOCOL_VERSION)
		return "is of another version";
	/* Only a child of ours can be waited for, and its pid is not another's meanwhile. */
	if (sender <= 0 || waitid(P_PID, (id_t)sender, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return "broke the rules: no child of ours";
	worker->process.pidfd = (int)syscall(SYS_pidfd_open, sender, 0);
	if (worker->process.pidfd < 0)
		return "cannot be watched";
	worker->process.pid = sender;
	for (size_t i = 0; i < FILE_ORPHANS_MAX; i++)
		if (worker->scan->orphans[i] == sender)
			worker->scan->orphans[i] = 0;
	if (sd_event_add_io(worker->scan->loop, &worker->process_source, worker->process.pidfd,
			    EPOLLIN, process_ended, worker) < 0)
		return "cannot be watched";
	worker->state = FILE_WORKER_READY;
	worker->backoff = 0;
	return NULL;
}

static const char *match_take(struct file_worker *worker, const struct file_message *message)
{
	struct file_job *job = worker->jobs.oldest;

	if (!job || job->id != message->id)
		return "broke the rules: a match that nobody asked for";
	return file_job_match(job, message) < 0 ? "broke the rules: too many matches" : NULL;
}

static const char *hashes_take(struct file_worker *worker, const struct file_message *message)
{
	struct file_job *job = worker->jobs.oldest;
	struct file_hashes hashes;

	if (!job || job->id != message->id)
		return "broke the rules: hashes that nobody asked for";
	file_job_hashes_read(message, &hashes);
	return file_scan_listed(worker->scan, job, &hashes) < 0 ? "memory is short" : NULL;
}

static const char *done_take(struct file_worker *worker, const struct file_message *message)
{
	struct file_job *job = worker->jobs.oldest;

	if (!job || job->id != message->id)
		return "broke the rules: a reply that nobody waits for";
	(void)file_jobs_take(&worker->jobs);
	worker->since = clock_boottime();
	if (message->numbers[FILE_DONE_FLAGS] & FILE_DONE_BLAMES) {
		if (!worker->blames)
			worker->since += FILE_BLAME_TIME;
		worker->blames = true;
	}
	file_scan_finish(worker->scan, job, message, message->texts[0]);
	return NULL;
}

static const char *slow_take(struct file_worker *worker, const struct file_message *message)
{
	char text[FILE_REASON_MAX];

	/* It looks for the rule once in its life. */
	if (!worker->blames || worker->blamed)
		return "broke the rules: more slow rules than it may tell";
	worker->blamed = true;
	worker->since = clock_boottime();
	(void)snprintf(text, sizeof(text), "%.120s of %.240s: took more than %.1f s for a file",
		       message->texts[FILE_SLOW_RULE], message->texts[FILE_SLOW_NAMESPACE],
		       (double)message->numbers[FILE_SLOW_TIME] / (double)NS_PER_SECOND);
	file_scan_trouble(worker->scan, FILE_SCAN_RULE_SLOW, text);
	return NULL;
}

static const char *message_take(struct file_worker *worker, const struct file_message *message,
				pid_t sender)
{
	switch (message->type) {
	case FILE_HELLO:
		return hello_take(worker, message, sender);
	case FILE_MATCH:
		return match_take(worker, message);
	case FILE_HASHES:
		return hashes_take(worker, message);
	case FILE_DONE:
		return done_take(worker, message);
	case FILE_SLOW:
		return slow_take(worker, message);
	case FILE_FAILED:
		(void)snprintf(worker->reason, sizeof(worker->reason), "gave up: %.400s",
			       message->texts[0]);
		return worker->reason;
	default:
		return "broke the rules: a request";
	}
}

static void worker_receive(struct file_worker *worker)
{
	struct file_frame *frame = &worker->scan->frame;

	for (unsigned i = 0; i < FRAMES_A_TURN; i++) {
		struct file_message message;
		const char *why = NULL;
		int r;

		if (worker->state != FILE_WORKER_STARTING && worker->state != FILE_WORKER_READY)
			return;
		r = file_frame_receive(worker->process.channel, frame, false);
		if (r == -EAGAIN)
			return;
		if (r == -EPIPE) {
			worker_break(worker, NULL);
			return;
		}
		if (r == 0)
			r = file_message_read(frame,
					      worker->state == FILE_WORKER_READY
						      ? FILE_READER_PARENT_WORKER
						      : FILE_READER_PARENT_UNGREETED,
					      &message, &why);
		why = r < 0 ? "broke the rules: a frame of no allowed form"
			    : message_take(worker, &message, frame->sender);
		if (why) {
			char reason[FILE_REASON_MAX];

			(void)snprintf(reason, sizeof(reason), "%s", why);
			worker_break(worker, reason);
			return;
		}
	}
}

static int channel_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct file_worker *worker = userdata;

	(void)source;
	(void)fd;
	(void)events;
	worker_receive(worker);
	file_pool_dispatch(worker->scan);
	return 0;
}

static int process_ended(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct file_worker *worker = userdata;
	char death[WORKER_DEATH_MAX];

	(void)source;
	(void)fd;
	(void)events;
	/* What it said before it died counts. */
	worker_receive(worker);
	if (worker_process_reap(&worker->process, death) > 0)
		worker_down(worker, death);
	return 0;
}

/* ---- starting ---- */

/* Both ends; ours says with each message who sent it. */
static int channel_make(int ret[static 2])
{
	int on = 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return -errno;
	if (setsockopt(ret[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0) {
		close_cleanup(&ret[0]);
		close_cleanup(&ret[1]);
		return -errno;
	}
	return 0;
}

static void worker_start(struct file_worker *worker, uint64_t now)
{
	struct file_scan *scan = worker->scan;
	int ends[2], r;

	worker->restart_at = now + FILE_BACKOFF_MIN;
	if (!scan->set.loaded || channel_make(ends) < 0)
		return;
	r = file_set_fork(&scan->set, worker_number(worker), ends[1]);
	(void)close(ends[1]);
	if (r == 0)
		r = sd_event_add_io(scan->loop, &worker->channel_source, ends[0], EPOLLIN,
				    channel_ready, worker);
	if (r < 0) {
		(void)close(ends[0]);
		return;
	}
	worker->process = (struct worker_process){ .pidfd = -1, .channel = ends[0] };
	worker->reason[0] = '\0';
	worker->blames = worker->blamed = false;
	worker->generation = scan->set.generation;
	worker->started = now;
	worker->state = FILE_WORKER_STARTING;
}

/* ---- jobs ---- */

/* The one with the least to do; NULL: all have enough. */
static struct file_worker *worker_find(struct file_scan *scan)
{
	struct file_worker *best = NULL;

	for (unsigned i = 0; i < scan->options.workers; i++) {
		struct file_worker *worker = &scan->workers[i];

		if (worker->state == FILE_WORKER_READY &&
		    worker->generation == scan->set.generation &&
		    worker->jobs.count < FILE_WINDOW &&
		    (!best || worker->jobs.count < best->jobs.count))
			best = worker;
	}
	return best;
}

static int job_send(struct file_worker *worker, const struct file_job *job)
{
	struct file_message message = {
		.type = FILE_SCAN,
		.id = job->id,
		.numbers = { [FILE_SCAN_MEMORY] = job->memory,
			     [FILE_SCAN_HASHES] = worker->scan->hashes },
		.texts = { [FILE_SCAN_PATH] = job->path, [FILE_SCAN_OWNER] = job->owner },
		.descriptors = { job->fds[0], job->fds[1] },
	};

	return file_message_send(worker->process.channel, &message, false);
}

void file_pool_dispatch(struct file_scan *scan)
{
	struct file_worker *worker;

	while (scan->queue.oldest && (worker = worker_find(scan))) {
		struct file_job *job = file_jobs_take(&scan->queue);
		int r = job_send(worker, job);

		if (r < 0) {
			file_jobs_prepend(&scan->queue, job);
			/* A window of messages fits into any socket. */
			worker_break(worker, r == -EPIPE ? NULL : "takes no requests");
			continue;
		}
		if (worker->jobs.count == 0 && worker->since < clock_boottime())
			worker->since = clock_boottime();
		file_jobs_append(&worker->jobs, job);
		file_pool_wake(scan);
	}
	for (unsigned i = 0; i < scan->options.workers; i++) {
		worker = &scan->workers[i];
		/* It has the rules of before, and nothing to do. */
		if (worker->state == FILE_WORKER_READY && worker->jobs.count == 0 &&
		    worker->generation != scan->set.generation) {
			worker_clear(worker);
			worker->restart_at = 0;
			file_pool_wake(scan);
		}
	}
}

/* ---- time ---- */

static void worker_tick(struct file_worker *worker, uint64_t now)
{
	uint64_t limit = worker->scan->options.time_max + FILE_GRACE;
	char reason[64];

	if (worker->state == FILE_WORKER_DOWN && now >= worker->restart_at)
		worker_start(worker, now);
	else if (worker->state == FILE_WORKER_STARTING &&
		 now - worker->started >= FILE_HELLO_TIMEOUT)
		worker_break(worker, "it was not ready in time");
	else if (worker->state == FILE_WORKER_READY && worker->jobs.count > 0 &&
		 now >= worker->since + limit) {
		(void)snprintf(reason, sizeof(reason), "no answer within %.1f s",
			       (double)limit / (double)NS_PER_SECOND);
		worker_break(worker, reason);
	}
}

static bool worker_waits(const struct file_worker *worker)
{
	return worker->state != FILE_WORKER_READY || worker->jobs.count > 0;
}

static bool orphans_reap(struct file_scan *scan)
{
	bool left = false;

	for (size_t i = 0; i < FILE_ORPHANS_MAX; i++) {
		siginfo_t info = { 0 };

		if (scan->orphans[i] == 0)
			continue;
		if (waitid(P_PID, (id_t)scan->orphans[i], &info, WEXITED | WNOHANG) < 0 ||
		    info.si_pid != 0)
			scan->orphans[i] = 0;
		left |= scan->orphans[i] != 0;
	}
	return left;
}

/* While nothing is due, nothing wakes. */
void file_pool_tick(struct file_scan *scan, uint64_t now)
{
	bool busy = false;

	file_set_tick(&scan->set, now);
	file_set_tick(&scan->next, now);
	for (unsigned i = 0; i < scan->options.workers; i++)
		worker_tick(&scan->workers[i], now);
	file_pool_dispatch(scan);
	busy = orphans_reap(scan) || scan->next.generation > 0 ||
	       (scan->set.generation > 0 && !scan->set.loaded);
	for (unsigned i = 0; scan->set.generation > 0 && i < scan->options.workers; i++)
		busy |= worker_waits(&scan->workers[i]);
	scan->ticking = false;
	if (busy)
		file_pool_wake(scan);
}

void file_pool_wake(struct file_scan *scan)
{
	if (scan->ticking)
		return;
	scan->ticking = true;
	(void)sd_event_source_set_time_relative(scan->timer, FILE_TICK / 1000);
	(void)sd_event_source_set_enabled(scan->timer, SD_EVENT_ONESHOT);
}

void file_pool_close(struct file_scan *scan)
{
	for (unsigned i = 0; i < scan->options.workers; i++) {
		struct file_job *job;

		worker_clear(&scan->workers[i]);
		while ((job = file_jobs_take(&scan->workers[i].jobs)))
			file_job_free(job);
	}
	(void)orphans_reap(scan);
}
