/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence within the daemon: the process behind an isolation is held, cordon-evidence is started
 * for the bundle, and the bundle goes to S3. The loop waits for none of it. A bundle's name is made
 * of its isolation, so one that is there is not made again; what became of it is in the record of
 * the isolation, so it is not told again either.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/worker_process.h"
#include "daemon/agent.h"
#include "daemon/freeze.h"
#include "daemon/isolation_private.h"
#include "evidence/evidence_order.h"
#include "response/process_end.h"

/* Beyond the bundle's own time: what it still has to write. */
#define MARGIN	   (60 * NS_PER_SECOND)
#define NAME_SIZE_ 128

struct isolation_bundle {
	struct agent *agent;
	char uid[JOURNAL_UID_SIZE], name[NAME_SIZE_], path[PATH_MAX];
	struct worker_process process;
	sd_event_source *answer, *ended, *timer;
	struct isolation_put *put;
	bool made, answered;
	int error;
	struct evidence_result result;
	char why[EVIDENCE_TEXT_SIZE];		   /* there is none; "": there is, or will be */
	char s3[2048], s3_why[EVIDENCE_TEXT_SIZE]; /* where it is; why it is not there */
};

/* ---- the culprit ---- */

int isolation_hold(pid_t pid, uint64_t start, void *userdata)
{
	struct agent *agent = userdata;
	enum config_culprit culprit = agent->config.isolation.culprit;
	int r;

	if (culprit == CONFIG_CULPRIT_NONE)
		return 0;
	r = process_act_one(pid, start,
			    culprit == CONFIG_CULPRIT_FREEZE ? freeze_act : freeze_stop_act, agent);
	if (r < 0)
		log_warning("isolation: process %d is not held: %s", (int)pid, strerror(-r));
	else
		log_notice("isolation: process %d is held", (int)pid);
	return r < 0 ? r : 1;
}

void isolation_thaw(void *userdata)
{
	freeze_thaw(userdata);
}

/* When there is nothing more to be read of it. */
static void culprit_end(struct agent *agent, const struct isolation_record *record)
{
	int number = SIGKILL, r;
	uint64_t start;
	pid_t pid;

	if (agent->config.isolation.culprit != CONFIG_CULPRIT_KILL ||
	    isolation_is_over(record->state) || isolate_culprit(record, &pid, &start) < 0)
		return;
	r = process_act_one(pid, start, process_signal_act, &number);
	if (r < 0 && r != -ESRCH)
		log_warning("isolation: process %d is not killed: %s", (int)pid, strerror(-r));
	else if (r == 0)
		log_notice("isolation: process %d is killed", (int)pid);
}

/* ---- what is told ---- */

/* A bundle that is there is no finding: what is wrong with it is. */
static void trouble_tell(struct isolation_bundle *bundle, const char *title, const char *why)
{
	char subject[JOURNAL_UID_SIZE + 32];
	const struct pipeline_isolation told = {
		.subject = subject, .title = title, .why = why, .severity = SEVERITY_MEDIUM
	};

	(void)snprintf(subject, sizeof(subject), "%s %s", bundle->made ? "evidence-s3" : "evidence",
		       bundle->uid);
	log_warning("%s: %s", title, why);
	pipeline_isolation(bundle->agent, &told, NULL);
}

static void row_keep(struct isolation_bundle *bundle, const char *kind, const char *value)
{
	isolate_kept(bundle->agent->isolation->isolate, bundle->uid, kind, value);
}

/* ---- S3 ---- */

static void put_done(const char *where, const char *why, bool given_up, void *userdata)
{
	struct isolation_bundle *bundle = userdata;
	char text[EVIDENCE_TEXT_SIZE + 64];

	if (!why) {
		(void)snprintf(bundle->s3, sizeof(bundle->s3), "%s", where);
		bundle->s3_why[0] = '\0';
		log_notice("isolation: its evidence is in %s", where);
		row_keep(bundle, ISOLATION_EVIDENCE_S3, where);
		return;
	}
	(void)snprintf(bundle->s3_why, sizeof(bundle->s3_why), "%s", why);
	(void)snprintf(text, sizeof(text), "%s: %s", given_up ? "given up" : "tried again", why);
	if (given_up)
		row_keep(bundle, ISOLATION_EVIDENCE_S3, text);
	else
		trouble_tell(bundle, "The evidence of this host is not in S3", text);
}

static void put_begin(struct isolation_bundle *bundle)
{
	const struct config *config = &bundle->agent->config;
	const struct isolation_record *record = isolate_record(bundle->agent->isolation->isolate);
	int r;

	if (!config->isolation.evidence.bucket || !*config->isolation.evidence.bucket ||
	    bundle->put || isolation_undo_find(record, ISOLATION_EVIDENCE_S3, bundle->uid))
		return;
	r = isolation_put_begin(bundle->agent, bundle->path, bundle->name, put_done, bundle,
				&bundle->put);
	if (r == 0)
		return;
	(void)snprintf(bundle->s3_why, sizeof(bundle->s3_why), "%s", strerror(-r));
	log_warning("isolation: its evidence does not go to S3: %s", bundle->s3_why);
}

/* ---- the bundle ---- */

static int folder_prune(const struct agent *agent, size_t keep)
{
	char folder[PATH_MAX];

	(void)snprintf(folder, sizeof(folder), "%s/" EVIDENCE_FOLDER, agent->config.state_dir);
	return evidence_prune(folder, keep, agent->config.isolation.evidence.keep_size);
}

static void bundle_end(struct isolation_bundle *bundle)
{
	struct agent *agent = bundle->agent;
	char text[EVIDENCE_TEXT_SIZE];

	(void)sd_event_source_set_enabled(bundle->timer, SD_EVENT_OFF);
	bundle->made = bundle->error == 0;
	if (bundle->made) {
		log_notice("isolation: its evidence is in %s: %u files, %u could not be read, %u "
			   "not to their end; sha256 %s",
			   bundle->path, bundle->result.files, bundle->result.missing,
			   bundle->result.cut, bundle->result.sha256);
		row_keep(bundle, ISOLATION_EVIDENCE, bundle->name);
		/* Its own size is known only now. */
		(void)folder_prune(agent, agent->config.isolation.evidence.keep);
		put_begin(bundle);
	} else {
		if (!*bundle->why)
			(void)snprintf(bundle->why, sizeof(bundle->why), "%s",
				       bundle->error == -ENOSPC ? "the disk has too little room"
				       : bundle->error == -ENOKEY
					       ? "isolation.evidence.signing_key is no key"
					       : strerror(-bundle->error));
		(void)snprintf(text, sizeof(text), "none: %.200s", bundle->why);
		row_keep(bundle, ISOLATION_EVIDENCE, text);
		trouble_tell(bundle, "The evidence of this host could not be gathered", text);
	}
	culprit_end(agent, isolate_record(agent->isolation->isolate));
}

static int answer_came(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct isolation_bundle *bundle = userdata;
	char frame[4096];
	ssize_t n = channel_receive(fd, frame, sizeof(frame));

	(void)events;
	if (n == -EAGAIN)
		return 0;
	if (n > 0 && !bundle->answered &&
	    evidence_answer_read(frame, (size_t)n, &bundle->error, &bundle->result) == 0)
		bundle->answered = true;
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static int process_ended(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct isolation_bundle *bundle = userdata;
	char death[WORKER_DEATH_MAX];

	(void)fd;
	/* Its last words may be behind its end. */
	if (!bundle->answered)
		(void)answer_came(bundle->answer, bundle->process.channel, events, bundle);
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(bundle->answer, SD_EVENT_OFF);
	if (worker_process_reap(&bundle->process, death) == 0)
		return 0;
	/* It took too long: that was told. */
	if (*bundle->why)
		return 0;
	if (!bundle->answered) {
		bundle->error = -EIO;
		(void)snprintf(bundle->why, sizeof(bundle->why), EVIDENCE_PROGRAM " %s", death);
	}
	bundle_end(bundle);
	return 0;
}

/* It may not even die, while the kernel waits for what it reads: nobody waits for that. Or it could
 * not be begun: that is told from the loop, since whoever asked may be in the middle of a batch. */
static int time_is_up(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct isolation_bundle *bundle = userdata;

	(void)source;
	(void)usec;
	worker_process_kill(&bundle->process);
	if (bundle->error == 0) {
		bundle->error = -ETIMEDOUT;
		(void)snprintf(bundle->why, sizeof(bundle->why), "it took too long");
	}
	bundle_end(bundle);
	return 0;
}

static int order_send(struct isolation_bundle *bundle, const struct isolation_record *record)
{
	const struct agent *agent = bundle->agent;
	const struct config_isolation *config = &agent->config.isolation;
	CLEANUP(free_cleanup) char *order = NULL;
	char journal[PATH_MAX], reason[ISOLATION_REASON_SIZE];
	struct evidence_options options = {
		.root = "",
		.output = bundle->path,
		.journal = journal,
		.key = config->evidence.key ? config->evidence.key : "",
		.isolation = record->uid,
		.finding = record->finding,
		.reason = reason,
		.host = agent->host.hostname,
		.size_max = config->evidence.max_size,
		.memory_max = config->evidence.memory,
		.time = config->evidence.seconds * NS_PER_SECOND,
	};

	(void)escape_text(record->reason, strlen(record->reason), reason, sizeof(reason));
	(void)snprintf(journal, sizeof(journal), "%s/" JOURNAL_FILE, agent->config.state_dir);
	(void)isolate_culprit(record, &options.pid, &options.start);
	order = evidence_order_write(&options);
	if (!order)
		return -ENOMEM;
	return channel_send(bundle->process.channel, order, strlen(order));
}

static int process_begin(struct isolation_bundle *bundle, const struct isolation_record *record)
{
	sd_event *loop = bundle->agent->loop;
	struct worker_program program;
	int r = worker_program_open(EVIDENCE_PROGRAM, NULL, &program);

	if (r < 0)
		return r;
	r = worker_process_start(&program, 0, &bundle->process);
	worker_program_close(&program);
	if (r == 0)
		r = order_send(bundle, record);
	if (r == 0)
		r = sd_event_add_io(loop, &bundle->answer, bundle->process.channel, EPOLLIN,
				    answer_came, bundle);
	if (r >= 0)
		r = sd_event_add_io(loop, &bundle->ended, bundle->process.pidfd, EPOLLIN,
				    process_ended, bundle);
	return r < 0 ? r : 0;
}

static void bundle_free(struct isolation_bundle *bundle)
{
	if (!bundle)
		return;
	isolation_put_free(bundle->put);
	(void)sd_event_source_disable_unref(bundle->answer);
	(void)sd_event_source_disable_unref(bundle->ended);
	(void)sd_event_source_disable_unref(bundle->timer);
	/* Not waited for: see time_is_up(). */
	worker_process_kill(&bundle->process);
	close_cleanup(&bundle->process.pidfd);
	close_cleanup(&bundle->process.channel);
	free(bundle);
}

/* "20261121T021501Z-UID.tar.gz" */
static int names_make(struct isolation_bundle *bundle, const struct isolation_record *record)
{
	char time[CLOCK_TEXT_SIZE];
	int length;

	clock_format(record->started, time);
	(void)snprintf(bundle->uid, sizeof(bundle->uid), "%s", record->uid);
	(void)snprintf(bundle->name, sizeof(bundle->name),
		       "%.4s%.2s%.2sT%.2s%.2s%.2sZ-%s" EVIDENCE_SUFFIX, time, time + 5, time + 8,
		       time + 11, time + 14, time + 17, record->uid);
	length = snprintf(bundle->path, sizeof(bundle->path), "%s/" EVIDENCE_FOLDER "/%s",
			  bundle->agent->config.state_dir, bundle->name);
	return length >= (int)sizeof(bundle->path) ? -ENAMETOOLONG : 0;
}

static struct isolation_bundle *bundle_new(struct agent *agent,
					   const struct isolation_record *record)
{
	struct isolation_bundle *bundle = calloc(1, sizeof(*bundle));

	if (!bundle)
		return NULL;
	bundle->agent = agent;
	bundle->process = (struct worker_process){ .pidfd = -1, .channel = -1 };
	if (names_make(bundle, record) < 0) {
		free(bundle);
		return NULL;
	}
	return bundle;
}

static void bundle_begin(struct isolation_bundle *bundle, const struct isolation_record *record)
{
	const struct config_isolation *config = &bundle->agent->config.isolation;
	uint64_t limit = config->evidence.seconds * NS_PER_SECOND + MARGIN;
	int r = sd_event_add_time_relative(bundle->agent->loop, &bundle->timer, CLOCK_BOOTTIME,
					   limit / 1000, 0, time_is_up, bundle);

	if (r >= 0)
		r = bundle->error = folder_prune(bundle->agent, config->evidence.keep - 1);
	if (r == 0)
		r = bundle->error = process_begin(bundle, record);
	if (r < 0 && bundle->timer)
		(void)sd_event_source_set_time_relative(bundle->timer, 0);
}

void isolation_evidence(const struct isolation_record *record, void *userdata)
{
	struct agent *agent = userdata;
	struct isolation *isolation = agent->isolation;
	struct isolation_bundle *bundle = isolation->bundle;
	const struct isolation_undo *row =
		isolation_undo_find(record, ISOLATION_EVIDENCE, record->uid);

	if (bundle && strcmp(bundle->uid, record->uid) == 0)
		return;
	if (!agent->config.isolation.evidence.bundle || agent->config.mode != CONFIG_ENFORCE) {
		culprit_end(agent, record);
		return;
	}
	bundle_free(bundle);
	isolation->bundle = bundle = bundle_new(agent, record);
	if (!bundle)
		return;
	bundle->made = access(bundle->path, F_OK) == 0;
	if (bundle->made && !row)
		row_keep(bundle, ISOLATION_EVIDENCE, bundle->name);
	if (bundle->made || row) {
		if (!bundle->made)
			(void)snprintf(bundle->why, sizeof(bundle->why), "%.200s", row->value);
		else
			put_begin(bundle);
		culprit_end(agent, record);
		return;
	}
	bundle_begin(bundle, record);
}

json_t *isolation_evidence_json(const struct agent *agent)
{
	const struct isolation_bundle *bundle = agent->isolation->bundle;
	const struct evidence_result *result = bundle ? &bundle->result : NULL;
	const char *state;

	if (!bundle)
		return json_null();
	state = *bundle->why ? "failed" : bundle->made ? "made" : "being made";
	return json_pack("{s:s, s:s, s:s?, s:s?, s:I, s:i, s:i, s:i, s:b, s:s?, s:s?}", "state",
			 state, "file", bundle->path, "error", *bundle->why ? bundle->why : NULL,
			 "sha256", *result->sha256 ? result->sha256 : NULL, "size",
			 (json_int_t)result->size, "files", (int)result->files, "missing",
			 (int)result->missing, "cut", (int)result->cut, "signed",
			 (int)result->is_signed, "s3", *bundle->s3 ? bundle->s3 : NULL, "s3_error",
			 *bundle->s3_why ? bundle->s3_why : NULL);
}

void isolation_evidence_close(struct isolation *isolation)
{
	bundle_free(isolation->bundle);
	isolation->bundle = NULL;
}
