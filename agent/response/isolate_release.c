/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the way back: what undoes an isolation is done from the record, or from the tags of the
 * instance when there is no record, in the reverse order; read back; and only then is the host
 * opened. Where the role of the host may not do it, the host stays isolated, and says so.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "response/isolate_private.h"

#define ATTEMPTS     5
#define VERIFY_TIME  (60 * NS_PER_SECOND)
#define VERIFY_PAUSE (NS_PER_SECOND / 2)

static void released(struct isolate *isolate, const char *text)
{
	int r = isolate->ports.lift(isolate->userdata);

	if (r < 0)
		(void)log_errno(LOG_ERR, r, "release: the host is still cut off");
	if (isolate->ports.thaw)
		isolate->ports.thaw(isolate->userdata);
	(void)state_set(isolate, ISOLATION_RELEASED);
	isolate->watching = false;
	news_tell(isolate, ISOLATE_RELEASED, text);
}

void release_adopt(struct isolate *isolate)
{
	released(isolate, "it was released from outside: the tag " ISOLATION_TAG " says so");
	phase_enter(isolate, PHASE_IDLE);
}

/* Whether state RELEASING is on disk, and the steps may begin. */
static int steps_begin(struct isolate *isolate)
{
	int r = state_set(isolate, ISOLATION_RELEASING);

	if (r < 0)
		return r;
	isolate->told[ISOLATE_RELEASED] = isolate->told[ISOLATE_RELEASE_PARTIAL] = false;
	state_note(isolate, "");
	isolate->steps_failed[0] = '\0';
	phase_enter(isolate, PHASE_RELEASE_STEPS);
	return 0;
}

int isolate_release(struct isolate *isolate)
{
	int r = 0;

	isolate->number = 0;
	isolate->preflight = false;
	if (isolation_is_over(isolate->record.state)) {
		phase_enter(isolate, PHASE_RELEASE_FACTS);
		r = -EALREADY;
	} else {
		r = steps_begin(isolate);
	}
	isolate_turn(isolate);
	return r;
}

/* ---- from tags ---- */

json_t *ask_release_facts(struct isolate *isolate)
{
	if (!*isolate->instance) {
		phase_enter(isolate, PHASE_IDLE);
		return NULL;
	}
	return call_describe_instance(isolate->instance);
}

/* The uid that the mark has, so that it is the same isolation. */
static void record_from_mark(struct isolate *isolate, const char *mark)
{
	struct isolation_record *record = &isolate->record;
	char state[32], uid[JOURNAL_UID_SIZE];

	isolation_record_clear(record);
	if (!mark || sscanf(mark, "%31s %31s %63s", state, isolate->time, uid) != 3 ||
	    strspn(uid, "0123456789abcdef-") != strlen(uid))
		isolate->ports.uid(uid, isolate->userdata);
	(void)snprintf(record->uid, sizeof(record->uid), "%s", uid);
	(void)snprintf(record->instance, sizeof(record->instance), "%s", isolate->instance);
	(void)snprintf(record->reason, sizeof(record->reason), "from the tags of the instance");
	record->started = clock_realtime();
	memset(isolate->told, 0, sizeof(isolate->told));
}

void release_facts_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (!reply->fine && phase_retry(isolate, reply, ATTEMPTS))
		return;
	if (!reply->fine ||
	    facts_read_instance(reply->facts, isolate->instance, &isolate->facts) < 0) {
		log_warning("release: the tags of this instance cannot be read: %s", reply->text);
		phase_enter(isolate, PHASE_IDLE);
		return;
	}
	record_from_mark(isolate, facts_tag(&isolate->facts, ISOLATION_TAG));
	if (plan_undo_from_tags(&isolate->facts, &isolate->record) == 0) {
		log_notice("release: neither the journal nor the tags of this instance know what "
			   "to undo");
		isolation_record_clear(&isolate->record);
		phase_enter(isolate, PHASE_IDLE);
	} else if (steps_begin(isolate) < 0) {
		phase_enter(isolate, PHASE_IDLE);
	}
}

/* ---- steps ---- */

json_t *ask_release_step(struct isolate *isolate)
{
	if (isolate->step == 0 && plan_release(&isolate->record, &isolate->plan) < 0)
		(void)snprintf(isolate->steps_failed, sizeof(isolate->steps_failed), "%s",
			       isolate->plan.problem);
	if (!*isolate->instance && isolate->plan.count > 0) {
		phase_after(isolate, PHASE_RELEASE_STEPS, NS_PER_SECOND);
		return NULL;
	}
	if (isolate->step >= isolate->plan.count) {
		isolate->verifying_since = clock_boottime();
		return NULL;
	}
	return json_incref(isolate->plan.steps[isolate->step].call);
}

void release_step_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	struct plan_step *step = &isolate->plan.steps[isolate->step];
	size_t used = strlen(isolate->steps_failed);
	char name[CALL_NAME_SIZE];

	if (!reply->fine && phase_retry(isolate, reply, ATTEMPTS))
		return;
	if (!reply->fine) {
		call_name(step->call, name);
		step->failed = true;
		log_warning("release: %s of %s: %s", name, step->resource, reply->text);
		/* An interface that has gone needs no groups. */
		if (step->kind == PLAN_SWAP &&
		    strcmp(reply->code, "InvalidNetworkInterfaceID.NotFound") != 0)
			(void)snprintf(isolate->steps_failed + used,
				       sizeof(isolate->steps_failed) - used,
				       "%s%s of %.60s: %.200s", used ? "; " : "", name,
				       step->resource, reply->text);
		else
			state_note(isolate, reply->text);
	}
	isolate->failures = 0;
	isolate->step++;
}

/* The host may not undo it, or not now: it stays as it is, and goes on being looked after. */
static void release_fails(struct isolate *isolate, const char *why)
{
	char text[ISOLATION_NOTE_SIZE];

	(void)snprintf(text, sizeof(text),
		       "it cannot be released from here, and stays isolated: %.400s", why);
	state_note(isolate, text);
	(void)state_set(isolate, ISOLATION_PARTIAL);
	news_tell(isolate, ISOLATE_RELEASE_PARTIAL, text);
	isolate->watching = true;
	phase_enter(isolate, PHASE_WATCH);
}

json_t *ask_release_verify(struct isolate *isolate)
{
	if (*isolate->steps_failed) {
		release_fails(isolate, isolate->steps_failed);
		return NULL;
	}
	if (isolate->plan.count == 0)
		return NULL;
	return call_describe_interfaces(isolate->instance, true);
}

/* The groups in any order. */
static bool interface_is_back(const struct facts_interface *interface, const char *groups)
{
	size_t count = 0;

	for (const char *at = groups; *at; at += strspn(at, " ")) {
		at += strcspn(at, " ");
		count++;
	}
	for (size_t i = 0; i < interface->group_count; i++)
		if (!strstr(groups, interface->groups[i]))
			return false;
	return count == interface->group_count;
}

static bool all_are_back(const struct isolate *isolate)
{
	for (size_t i = 0; i < isolate->facts.interface_count; i++) {
		const struct facts_interface *interface = &isolate->facts.interfaces[i];
		const struct isolation_undo *undo =
			isolation_undo_find(&isolate->record, "groups", interface->id);

		if (undo && undo->touched && !interface_is_back(interface, undo->value))
			return false;
	}
	return true;
}

void release_verify_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (reply->fine && facts_read_interfaces(reply->facts, &isolate->facts) == 0 &&
	    all_are_back(isolate))
		phase_next(isolate);
	else if (clock_boottime() - isolate->verifying_since >= VERIFY_TIME)
		release_fails(isolate,
			      reply->fine ? "EC2 does not show the groups of before" : reply->text);
	else
		phase_after(isolate, PHASE_RELEASE_VERIFY, VERIFY_PAUSE);
}

json_t *ask_release_tag(struct isolate *isolate)
{
	json_t *call;
	char text[128];

	/* The mark first: once the record says "released" nobody would set it any more. */
	if (isolate->step > 0 || !*isolate->instance) {
		released(isolate, isolate->plan.count > 0
					  ? "every interface has the groups of before"
					  : "nothing had been changed but this host itself");
		phase_enter(isolate, PHASE_IDLE);
		return NULL;
	}
	call = call_create_tags(isolate->instance);
	mark_text(isolate, "released", text);
	call_add_tag(call, ISOLATION_TAG, text);
	return call;
}

void release_tag_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (!reply->fine && phase_retry(isolate, reply, ATTEMPTS))
		return;
	isolate->step = 1;
}
