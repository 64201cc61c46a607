/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what is read back: whether every interface is seen in quarantine, on a connection that is
 * newer than the swap; and the look that is taken again and again, for interfaces that come later
 * and for a release from outside. What it finds decides the state, and nothing else does: a call
 * that EC2 said yes to proves nothing.
 */
#include <stdio.h>
#include <string.h>

#include "response/isolate_private.h"

/* EC2 shows what was changed after seconds, as a rule. */
#define VERIFY_TIME    (60 * NS_PER_SECOND)
#define VERIFY_PAUSE   (NS_PER_SECOND / 2)
#define VERIFY_SLOW    (5 * NS_PER_SECOND)
/* Seen as they were for so long: they are moved once more. */
#define SWAP_AGAIN     (10 * NS_PER_SECOND)
#define WATCH_INTERVAL (30 * NS_PER_SECOND)
#define WATCH_TROUBLE  (10 * NS_PER_SECOND)
/* Nobody has answered for so long. */
#define CHANNEL_TIME   (60 * NS_PER_SECOND)

void channel_heard(struct isolate *isolate, const struct isolation_reply *reply)
{
	const struct isolation_record *record = &isolate->record;
	char text[ISOLATION_NOTE_SIZE];

	if (!reply->no_answer) {
		isolate->unanswered_since = 0;
		return;
	}
	if (!isolate->unanswered_since)
		isolate->unanswered_since = clock_boottime();
	if (!isolation_is_admitted(record->state) || record->state == ISOLATION_CHANNEL_LOST ||
	    clock_boottime() - isolate->unanswered_since < CHANNEL_TIME)
		return;
	(void)snprintf(text, sizeof(text), "AWS cannot be asked any more, while it was \"%s\": %s",
		       isolation_state_name(record->state), reply->text);
	state_note(isolate, text);
	(void)state_set(isolate, ISOLATION_CHANNEL_LOST);
	news_tell(isolate, ISOLATE_CHANNEL_LOST, text);
}

json_t *ask_verify(struct isolate *isolate)
{
	if (!*isolate->options.quarantine)
		return NULL;
	if (!isolate->verifying_since)
		isolate->verifying_since = clock_boottime();
	return call_describe_interfaces(isolate->instance, true);
}

static void holds(struct isolate *isolate)
{
	char text[ISOLATION_NOTE_SIZE];

	isolate->verifying_since = 0;
	isolate->told[ISOLATE_PARTIAL] = isolate->told[ISOLATE_UNVERIFIED] = false;
	isolate->told[ISOLATE_CHANNEL_LOST] = false;
	if (isolate->record.state != ISOLATION_ISOLATED)
		(void)state_set(isolate, ISOLATION_ISOLATED);
	(void)snprintf(text, sizeof(text), "%zu interfaces are seen in %s%s%.300s",
		       isolate->facts.interface_count, isolate->options.quarantine,
		       *isolate->plan.skipped ? "; not ours to move: " : "", isolate->plan.skipped);
	/* It is told when the snapshots are begun; a later pass has nothing to do around it. */
	phase_enter(isolate, isolate->watching && isolate->told[ISOLATE_ISOLATED]
				     ? PHASE_WATCH
				     : PHASE_SNAPSHOTS_SEEN);
}

/* The interfaces are read before the mark: a release from outside sets the mark first, and what it
 * has moved back by then is not to be taken for an interface that came later. */
enum watch_step {
	WATCH_WAIT,
	WATCH_INTERFACES,
	WATCH_MARK,
	WATCH_MARK_ONLY, /* the interfaces could not be read */
};

static void watch_look(struct isolate *isolate)
{
	isolate->step = *isolate->options.quarantine ? WATCH_INTERFACES : WATCH_MARK_ONLY;
}

/* Some are not in quarantine, or not seen there. */
static void holds_not(struct isolate *isolate, const char *outside)
{
	uint64_t since = clock_boottime() - isolate->verifying_since;
	char text[ISOLATION_NOTE_SIZE];

	if (*isolate->steps_failed) {
		(void)snprintf(text, sizeof(text), "not in quarantine: %.150s; %.300s", outside,
			       isolate->steps_failed);
		state_note(isolate, text);
		if (isolate->record.state != ISOLATION_PARTIAL)
			(void)state_set(isolate, ISOLATION_PARTIAL);
		news_tell(isolate, ISOLATE_PARTIAL, text);
		isolate->watching = true;
		phase_enter(isolate, PHASE_SNAPSHOTS_SEEN);
		return;
	}
	if (since >= VERIFY_TIME && isolate->record.state != ISOLATION_UNVERIFIED) {
		(void)snprintf(text, sizeof(text), "moved, but not seen in quarantine: %.300s",
			       outside);
		state_note(isolate, text);
		(void)state_set(isolate, ISOLATION_UNVERIFIED);
		news_tell(isolate, ISOLATE_UNVERIFIED, text);
	}
	isolate->step++;
	if (isolate->step * VERIFY_PAUSE >= SWAP_AGAIN) {
		isolate->watching = true;
		/* They may have been moved back, and that be said. */
		phase_enter(isolate, PHASE_WATCH);
		watch_look(isolate);
		return;
	}
	phase_after(isolate, PHASE_VERIFY, since < VERIFY_TIME ? VERIFY_PAUSE : VERIFY_SLOW);
}

void verify_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	char outside[256];

	if (!reply->fine || facts_read_interfaces(reply->facts, &isolate->facts) < 0) {
		uint64_t since = clock_boottime() - isolate->verifying_since;

		/* Without the right to look there is nothing to wait for. */
		if ((!reply->again || since >= VERIFY_TIME) &&
		    isolate->record.state == ISOLATION_ADMITTED && !reply->no_answer) {
			state_note(isolate, reply->text);
			(void)state_set(isolate, ISOLATION_UNVERIFIED);
			news_tell(isolate, ISOLATE_UNVERIFIED, reply->text);
		}
		phase_again(isolate);
	} else if (plan_outside(&isolate->facts, isolate->options.quarantine, outside,
				sizeof(outside)) == 0) {
		holds(isolate);
	} else {
		holds_not(isolate, outside);
	}
}

/* ---- again and again ---- */

void isolated_tell(struct isolate *isolate)
{
	char text[ISOLATION_NOTE_SIZE];

	if (isolate->record.state != ISOLATION_ISOLATED)
		return;
	(void)snprintf(text, sizeof(text), "every interface is seen in %s%s%.300s",
		       isolate->options.quarantine,
		       *isolate->plan.skipped ? "; not ours to move: " : "", isolate->plan.skipped);
	news_tell(isolate, ISOLATE_ISOLATED, text);
}

json_t *ask_watch(struct isolate *isolate)
{
	bool fine = isolate->record.state == ISOLATION_ISOLATED;

	if (isolate->step == WATCH_WAIT) {
		isolated_tell(isolate);
		isolate->watching = true;
		watch_look(isolate);
		isolate->wake_at = clock_boottime() + (fine ? WATCH_INTERVAL : WATCH_TROUBLE);
		return NULL;
	}
	if (!*isolate->instance)
		return NULL;
	return isolate->step == WATCH_INTERFACES
		       ? call_describe_interfaces(isolate->instance, false)
		       : call_describe_instance(isolate->instance);
}

void watch_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	const char *mark;

	if (isolate->step == WATCH_INTERFACES) {
		isolate->step =
			reply->fine && facts_read_interfaces(reply->facts, &isolate->facts) == 0
				? WATCH_MARK
				: WATCH_MARK_ONLY;
		return;
	}
	/* Without the right to look nobody can say that it was released. */
	if (reply->fine ? facts_read_instance(reply->facts, isolate->instance, &isolate->facts) < 0
			: reply->again) {
		phase_again(isolate);
		return;
	}
	if (reply->fine)
		confirm_look(isolate);
	mark = reply->fine ? facts_tag(&isolate->facts, ISOLATION_TAG) : NULL;
	if (mark && strncmp(mark, "releas", 6) == 0 && strstr(mark, isolate->record.uid) != NULL)
		release_adopt(isolate);
	else if (isolate->step == WATCH_MARK)
		plan_begin(isolate);
	else
		phase_enter(isolate, PHASE_INTERFACES);
}
