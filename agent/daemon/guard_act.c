/* SPDX-License-Identifier: Apache-2.0
 *
 * What the policy's word does to files and processes: refuse an execution that waits, kill or stop
 * what runs, move the file into quarantine. Only after the finding is in the journal, only in
 * enforce mode, and so many a minute: a bad rule must not take a host apart.
 *
 * A file may be copied for seconds when it is on another file system: a thread does that, one after
 * the other. It is given all that it needs, and touches nothing else.
 */
#include "daemon/guard_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "daemon/freeze.h"
#include "response/process_end.h"
#include "sensor/process.h"

/* Files and processes that are acted on in a minute. */
#define ACTS_A_MINUTE 100
#define MOVES_MAX     32

/* One file on its way into the quarantine. */
struct guard_move {
	int fd;
	struct file_identity identity;
	char finding[FINDING_UID_SIZE], rule[256], sha256[SHA256_TEXT_SIZE];
	char id[QUARANTINE_ID_SIZE];
	int result;
	json_t *activity; /* told when it has ended */
};

struct guard_moves {
	struct guard_move moves[MOVES_MAX]; /* a ring: first is with the thread */
	size_t first, count;
	pthread_t thread;
	bool running;
	int done; /* eventfd */
	sd_event_source *source;
	struct quarantine *quarantine;
};

static void *move_run(void *argument)
{
	struct guard_moves *moves = argument;
	struct guard_move *move = &moves->moves[moves->first];
	const struct quarantine_reason reason = {
		.finding = move->finding,
		.rule = move->rule,
		.sha256 = move->sha256[0] ? move->sha256 : NULL,
	};
	const uint64_t one = 1;

	move->result =
		quarantine_take(moves->quarantine, move->fd, &move->identity, &reason, move->id);
	(void)!write(moves->done, &one, sizeof(one));
	return NULL;
}

static void move_start(struct guard_moves *moves)
{
	if (moves->count == 0 || moves->running)
		return;
	moves->running = true;
	if (pthread_create(&moves->thread, NULL, move_run, moves) == 0)
		return;
	/* Without a thread it takes the loop's time. */
	moves->running = false;
	(void)move_run(moves);
}

static void move_tell(struct file_guard *guard, struct guard_move *move)
{
	if (move->result == 0) {
		guard->quarantined++;
		log_notice("finding %s: the file is in quarantine as %s", move->finding, move->id);
	} else {
		guard->quarantine_failed++;
		(void)log_errno(LOG_ERR, move->result, "finding %s: the file is not in quarantine",
				move->finding);
	}
	if (move->activity) {
		ocsf_remedy_end(move->activity, move->result, move->result == 0 ? move->id : NULL);
		pipeline_tell(guard->agent, move->activity);
	}
	json_decref(move->activity);
	close_cleanup(&move->fd);
	*move = (struct guard_move){ .fd = -1 };
}

static int move_done(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct file_guard *guard = userdata;
	struct guard_moves *moves = guard->moves;
	uint64_t count;

	(void)source;
	(void)events;
	if (read(fd, &count, sizeof(count)) < 0)
		return 0;
	if (moves->running)
		(void)pthread_join(moves->thread, NULL);
	moves->running = false;
	move_tell(guard, &moves->moves[moves->first]);
	moves->first = (moves->first + 1) % MOVES_MAX;
	moves->count--;
	move_start(moves);
	return 0;
}

static int moves_open(struct file_guard *guard)
{
	struct guard_moves *moves = calloc(1, sizeof(*moves));
	int r;

	if (!moves)
		return -ENOMEM;
	guard->moves = moves;
	moves->quarantine = guard->quarantine;
	r = moves->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r >= 0)
		r = sd_event_add_io(guard->agent->loop, &moves->source, moves->done, EPOLLIN,
				    move_done, guard);
	if (r < 0)
		guard_moves_close(guard);
	return r < 0 ? r : 0;
}

void guard_moves_close(struct file_guard *guard)
{
	struct guard_moves *moves = take_ptr(guard->moves);

	if (!moves)
		return;
	/* The one that is under way is brought to its end; the others are where they were. */
	if (moves->running)
		(void)pthread_join(moves->thread, NULL);
	for (size_t i = 0; i < moves->count; i++) {
		struct guard_move *move = &moves->moves[(moves->first + i) % MOVES_MAX];

		close_cleanup(&move->fd);
		json_decref(move->activity);
	}
	sd_event_source_disable_unref(moves->source);
	close_cleanup(&moves->done);
	free(moves);
}

/* What the host and we ourselves run on stays where it is, whatever a rule says. */
static bool untouchable(const struct file_identity *file)
{
	static const char *const paths[] = { "/proc/1/exe", "/proc/self/exe" };
	struct stat status;

	for (size_t i = 0; i < ELEMENTS(paths); i++)
		if (stat(paths[i], &status) == 0 && status.st_dev == file->device &&
		    status.st_ino == file->inode)
			return true;
	return false;
}

static bool acts_limited(struct agent *agent)
{
	uint64_t minute = clock_boottime() / (60 * NS_PER_SECOND);

	if (minute != agent->acts.minute) {
		agent->acts.minute = minute;
		agent->acts.in_minute = 0;
	}
	if (agent->acts.in_minute++ < ACTS_A_MINUTE)
		return false;
	if (agent->acts.limited++ == 0)
		log_error("more than %d files or processes were to be acted on in a minute: the "
			  "others are told only",
			  ACTS_A_MINUTE);
	return true;
}

static void file_move(struct file_guard *guard, const struct finding *finding,
		      const struct verdict *verdict)
{
	const struct guard_job *job = guard->current;
	const struct file_facts *file = finding->event->file;
	const char *rule = file->match		? file->match->rule
			   : finding->indicator ? finding->indicator->text
						: "";
	struct guard_moves *moves;
	struct guard_move *move;

	if (!guard->quarantine || job->fd < 0 || untouchable(&job->identity) ||
	    (!guard->moves && moves_open(guard) < 0) || guard->moves->count == MOVES_MAX) {
		guard->quarantine_failed++;
		return;
	}
	moves = guard->moves;
	/* Several rules match it, and it is moved once. */
	for (size_t i = 0; i < moves->count; i++)
		if (file_identity_equal(&moves->moves[(moves->first + i) % MOVES_MAX].identity,
					&job->identity))
			return;
	move = &moves->moves[(moves->first + moves->count) % MOVES_MAX];
	*move = (struct guard_move){ .identity = job->identity };
	if (file->hashed)
		digest_text(file->sha256, sizeof(file->sha256), move->sha256);
	if (quarantine_allows(guard->quarantine, move->sha256)) {
		guard->quarantine_allowed++;
		move->fd = -1;
		return;
	}
	move->fd = fcntl(job->fd, F_DUPFD_CLOEXEC, 0);
	(void)snprintf(move->finding, sizeof(move->finding), "%s", finding->uid);
	(void)snprintf(move->rule, sizeof(move->rule), "%.255s", rule);
	move->activity = pipeline_activity(guard->agent, finding, verdict, OCSF_REMEDY_QUARANTINE);
	moves->count++;
	move_start(moves);
}

/* To the file's processes, or to the one that the finding is about: never one that only asked for
 * others, as a stub resolver does. How many, or a negative errno. */
static int processes_act(struct agent *agent, const struct event *event, process_act act,
			 void *userdata)
{
	const struct guard_job *job = agent->guard ? agent->guard->current : NULL;
	int r;

	if (event->file && job && job->fd >= 0)
		return untouchable(&job->identity)
			       ? -EPERM
			       : process_act_running(&job->identity, act, userdata);
	if (event->process && event->process->role == PROCESS_ROLE_STUB)
		return -EPERM;
	r = event->pid > 0 ? process_act_one(event->pid, event->pid_start, act, userdata) : -ESRCH;
	return r == 0 && !event->file ? 1 : r;
}

static void process_end(struct agent *agent, const struct finding *finding,
			const struct verdict *verdict, enum ocsf_remedy remedy)
{
	json_t *activity = pipeline_activity(agent, finding, verdict, remedy);
	int number = remedy == OCSF_REMEDY_KILL ? SIGKILL : SIGSTOP;
	bool freeze = remedy == OCSF_REMEDY_FREEZE;
	int count = processes_act(agent, finding->event, freeze ? freeze_act : process_signal_act,
				  freeze ? (void *)agent : &number);
	uint64_t *counter = freeze			 ? &agent->acts.frozen
			    : remedy == OCSF_REMEDY_KILL ? &agent->acts.killed
							 : &agent->acts.stopped;

	if (count > 0)
		*counter += (uint64_t)count;
	/* Nothing runs from a file that was only written. */
	if (activity && count != 0) {
		ocsf_remedy_end(activity, count < 0 ? count : 0, NULL);
		pipeline_tell(agent, activity);
	}
	json_decref(activity);
}

bool file_guard_refuses(struct agent *agent, const struct finding *finding,
			const struct verdict *verdict)
{
	struct file_guard *guard = agent->guard;
	struct guard_job *job = guard ? guard->current : NULL;

	/* What has waited so long may be let go any moment: it is not told as refused, then. */
	uint64_t most = agent->config.scan.exec_limit * NS_PER_MILLISECOND * 7 / 8;

	if (!job || finding->event->kind != EVENT_FILE || !job->task.held || verdict->excepted ||
	    clock_boottime() - job->task.told > most || verdict->response == RESPONSE_NONE ||
	    agent->config.mode != CONFIG_ENFORCE)
		return false;
	if (!job->refused)
		guard->refused++;
	job->refused = true;
	return true;
}

/* Each execution that was refused is told, by the first rule that wanted it. */
static void refusal_tell(struct file_guard *guard, const struct finding *finding,
			 const struct verdict *verdict)
{
	json_t *activity;

	if (guard->current->told)
		return;
	guard->current->told = true;
	pipeline_commit(guard->agent);
	activity = pipeline_activity(guard->agent, finding, verdict, OCSF_REMEDY_REFUSE);
	if (activity)
		pipeline_tell(guard->agent, activity);
	json_decref(activity);
}

void file_guard_respond(struct agent *agent, const struct finding *finding,
			const struct verdict *verdict)
{
	static const struct {
		bool process, move;
		enum ocsf_remedy remedy; /* of the process */
	} acts[RESPONSES] = {
		[RESPONSE_KILL] = { true, false, OCSF_REMEDY_KILL },
		[RESPONSE_STOP] = { true, false, OCSF_REMEDY_STOP },
		[RESPONSE_FREEZE] = { true, false, OCSF_REMEDY_FREEZE },
		[RESPONSE_QUARANTINE] = { .move = true },
		[RESPONSE_QUARANTINE_KILL] = { true, true, OCSF_REMEDY_KILL },
	};
	struct file_guard *guard = agent->guard;

	if (guard && guard->current && guard->current->task.finding[0] && !verdict->excepted)
		guard_suspect_matched(guard, guard->current->task.finding, verdict->severity);
	if (guard && guard->current && guard->current->refused)
		refusal_tell(guard, finding, verdict);
	if (agent->config.mode != CONFIG_ENFORCE || verdict->excepted ||
	    !(acts[verdict->response].process || acts[verdict->response].move))
		return;
	pipeline_commit(agent);
	if (acts_limited(agent))
		return;
	/* First what runs: a process may notice that its file goes. */
	if (acts[verdict->response].process)
		process_end(agent, finding, verdict, acts[verdict->response].remedy);
	if (guard && acts[verdict->response].move && finding->event->kind == EVENT_FILE)
		file_move(guard, finding, verdict);
}
