/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the end of an instance: it is stopped or terminated, where policy asks for that and the
 * configuration lets it (never by default), once it is in quarantine and what is to be kept of it
 * is kept. Termination protection is heeded, whoever set it.
 *
 * That it was begun is on disk before the call is made: an instance that was stopped and is started
 * again by a person must not stop itself again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "response/isolate_private.h"

#define ATTEMPTS      8
#define BOOT_SIZE     64
/* For the bundle, and its way to S3; then it ends without. */
#define EVIDENCE_WAIT (900 * NS_PER_SECOND)
/* From telling of it to the call: findings leave the host meanwhile, and nothing does after it. */
#define END_DELAY     (10 * NS_PER_SECOND)

enum end_step {
	END_LOOK, /* at the protection */
	END_TELL,
	END_CALL,
};

static const char *const names[ISOLATION_ENDS] = {
	[ISOLATION_END_STOP] = "stop",
	[ISOLATION_END_TERMINATE] = "terminate",
};
static const char *const participles[ISOLATION_ENDS] = {
	[ISOLATION_END_STOP] = "stopped",
	[ISOLATION_END_TERMINATE] = "terminated",
};

/* What is left to be done; NULL: nothing. */
static struct isolation_undo *end_row(const struct isolate *isolate, enum isolation_end *ret)
{
	struct isolation_undo *row =
		isolation_undo_find(&isolate->record, ISOLATION_KIND_END, ISOLATION_ITSELF);

	if (!row || row->touched)
		return NULL;
	*ret = strcmp(row->value, names[ISOLATION_END_TERMINATE]) == 0 ? ISOLATION_END_TERMINATE
								       : ISOLATION_END_STOP;
	return row;
}

static bool evidence_is_awaited(struct isolate *isolate)
{
	const struct isolation_record *record = &isolate->record;
	const struct isolation_undo *bundle =
		isolation_undo_find(record, ISOLATION_EVIDENCE, record->uid);

	if (!isolate->end_since)
		isolate->end_since = clock_boottime();
	if (!isolate->options.evidence || clock_boottime() - isolate->end_since >= EVIDENCE_WAIT)
		return false;
	if (!bundle)
		return true;
	/* One that failed has nothing to be put anywhere. */
	return isolate->options.evidence_s3 && strncmp(bundle->value, "none", 4) != 0 &&
	       !isolation_undo_find(record, ISOLATION_EVIDENCE_S3, record->uid);
}

void end_begin(struct isolate *isolate, enum isolation_end wanted)
{
	enum isolation_end most = isolate->options.end, end = wanted < most ? wanted : most;

	isolate->end_since = 0;
	if (wanted > most)
		log_warning("isolation: policy asks that the instance be %s; "
			    "isolation.instance_end lets it be %s",
			    participles[wanted], most ? participles[most] : "isolated only");
	if (end && isolation_undo_add(&isolate->record, ISOLATION_KIND_END, ISOLATION_ITSELF,
				      names[end]) < 0)
		log_warning("isolation: the instance will not be %s: memory is short",
			    participles[end]);
}

/* It is not tried again. */
static void end_over(struct isolate *isolate, struct isolation_undo *row, const char *failure)
{
	row->touched = true;
	if (failure) {
		state_note(isolate, failure);
		news_tell(isolate, ISOLATE_END_FAILED, failure);
	}
	(void)state_set(isolate, isolate->record.state);
	phase_enter(isolate, PHASE_WATCH);
}

static json_t *end_tell(struct isolate *isolate, enum isolation_end end)
{
	char text[ISOLATION_NOTE_SIZE];

	isolated_tell(isolate);
	(void)snprintf(text, sizeof(text), "the instance will be %s in %llu s, as policy asks",
		       participles[end], (unsigned long long)(END_DELAY / NS_PER_SECOND));
	news_tell(isolate, ISOLATE_ENDING, text);
	isolate->step = END_CALL;
	isolate->wake_at = clock_boottime() + END_DELAY;
	return NULL;
}

/* Tells one start of the machine from the next. */
static void boot_read(char out[static BOOT_SIZE])
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;

	out[0] = '\0';
	if (fd_read_file("/proc/sys/kernel/random/boot_id", BOOT_SIZE, &text, &size) == 0)
		(void)snprintf(out, BOOT_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
}

/* Writes down that it is begun, in this boot. 1: it was, in another one: then it was carried out,
 * and a person started the instance again. */
static int end_note(struct isolate *isolate)
{
	struct isolation_record *record = &isolate->record;
	const char *kind = ISOLATION_KIND_END_BEGUN;
	struct isolation_undo *begun = isolation_undo_find(record, kind, ISOLATION_ITSELF);
	char boot[BOOT_SIZE];
	int r;

	boot_read(boot);
	if (begun && begun->touched)
		return strcmp(begun->value, boot) != 0;
	r = isolation_undo_add(record, kind, ISOLATION_ITSELF, boot);
	if (r < 0)
		return r;
	begun = isolation_undo_find(record, kind, ISOLATION_ITSELF);
	begun->touched = true;
	r = state_set(isolate, record->state);
	if (r < 0)
		begun->touched = false;
	return r;
}

json_t *ask_instance_end(struct isolate *isolate)
{
	enum isolation_end end;
	struct isolation_undo *row = end_row(isolate, &end);
	int r;

	if (!row)
		return NULL;
	if (isolate->step == END_LOOK && evidence_is_awaited(isolate)) {
		isolate->wake_at = clock_boottime() + NS_PER_SECOND;
		return NULL;
	}
	if (isolate->step == END_LOOK && end == ISOLATION_END_TERMINATE)
		return call_describe_termination(isolate->instance);
	if (isolate->step != END_CALL)
		return end_tell(isolate, end);
	r = end_note(isolate);
	if (r == 0)
		return call_end(isolate->instance, end);
	if (r < 0)
		phase_again(isolate);
	else
		end_over(isolate, row, NULL);
	return NULL;
}

static void look_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	struct isolation_undo *row =
		isolation_undo_find(&isolate->record, ISOLATION_KIND_END, ISOLATION_ITSELF);

	if (!reply->fine && phase_retry(isolate, reply, ATTEMPTS))
		return;
	isolate->facts.termination_known = false;
	if (reply->fine)
		(void)facts_read_termination(reply->facts, &isolate->facts);
	if (isolate->facts.termination_known && isolate->facts.termination_protected) {
		end_over(isolate, row,
			 "the instance is not terminated: its termination protection is on");
		return;
	}
	/* Without the right to look EC2 itself heeds it. */
	isolate->failures = 0;
	isolate->step = END_TELL;
}

void instance_end_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	struct isolation_undo *row =
		isolation_undo_find(&isolate->record, ISOLATION_KIND_END, ISOLATION_ITSELF);
	char text[ISOLATION_NOTE_SIZE];

	if (isolate->step == END_LOOK) {
		look_answered(isolate, reply);
		return;
	}
	if (!reply->fine && phase_retry(isolate, reply, ATTEMPTS))
		return;
	(void)snprintf(text, sizeof(text), "EC2 does not %.20s the instance: %.300s", row->value,
		       reply->text);
	end_over(isolate, row, reply->fine ? NULL : text);
}
