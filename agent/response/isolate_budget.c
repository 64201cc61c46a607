/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the phases in which an isolation is admitted: the instance marks itself with a tag, waits
 * until others can see it, counts the marks of all (isolation_budget.c), and goes on or stands
 * back. Tags are a stranger's.
 */
#include <stdio.h>

#include "base/log.h"
#include "response/isolate_private.h"

bool budget_is_asked(const struct isolate *isolate)
{
	return !isolate->by_hand && isolate->options.budget.scope != ISOLATION_SCOPE_NONE &&
	       !isolation_is_admitted(isolate->record.state);
}

void budget_unknown(struct isolate *isolate, const char *why)
{
	char text[ISOLATION_NOTE_SIZE];

	phase_again(isolate);
	if (clock_boottime() - isolate->failing_since < isolate->options.unknown_after)
		return;
	(void)snprintf(text, sizeof(text), "the budget of isolations cannot be asked: %s", why);
	state_note(isolate, text);
	if (isolate->options.unknown == ISOLATION_UNKNOWN_CONTAIN) {
		news_tell(isolate, ISOLATE_CONTAINED, text);
		return;
	}
	(void)isolate->ports.lift(isolate->userdata);
	(void)state_set(isolate, ISOLATION_LIFTED);
	news_tell(isolate, ISOLATE_LIFTED, text);
	phase_enter(isolate, PHASE_REFUSE);
}

json_t *mark_call(struct isolate *isolate, const char *state)
{
	json_t *call = call_create_tags(isolate->instance);
	char text[128];

	mark_text(isolate, state, text);
	call_add_tag(call, ISOLATION_TAG, text);
	return call;
}

json_t *ask_tag(struct isolate *isolate)
{
	return mark_call(isolate, "isolating");
}

void tag_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (reply->fine)
		phase_after(isolate, PHASE_SETTLE, isolate->options.budget.settle);
	else
		budget_unknown(isolate, reply->text);
}

json_t *ask_settle(struct isolate *isolate)
{
	phase_enter(isolate, PHASE_COUNT);
	return NULL;
}

json_t *ask_count(struct isolate *isolate)
{
	char filter[BUDGET_FILTER_SIZE], value[2 * FACTS_NAME_SIZE];

	(void)budget_filter(&isolate->facts, &isolate->options, filter, value);
	return call_describe_instances(filter, value);
}

void count_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	struct budget_answer answer;
	char text[ISOLATION_NOTE_SIZE];

	if (!reply->fine) {
		budget_unknown(isolate, reply->text);
		return;
	}
	if (budget_judge(reply->facts, isolate->instance, isolate->time, clock_realtime(),
			 &isolate->options, &answer) < 0) {
		budget_unknown(isolate, "the tag of this instance is not seen yet");
		return;
	}
	if (answer.admitted) {
		phase_enter(isolate, PHASE_ADMIT);
		return;
	}
	(void)snprintf(text, sizeof(text),
		       "the budget of isolations is used up: %zu of %zu instances may be isolated "
		       "within its window, and %zu come before this one; the host is cut off no "
		       "longer, the indicator stays blocked",
		       answer.limit, answer.total, answer.before);
	state_note(isolate, text);
	(void)isolate->ports.lift(isolate->userdata);
	(void)state_set(isolate, ISOLATION_REFUSED);
	news_tell(isolate, ISOLATE_REFUSED_BUDGET, text);
	phase_enter(isolate, PHASE_REFUSE);
}

json_t *ask_refuse(struct isolate *isolate)
{
	return *isolate->instance ? mark_call(isolate, "refused") : NULL;
}

void refuse_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	/* A mark that stays counts as one before the others, until the window is over. */
	if (reply->fine || !phase_retry(isolate, reply, 3 * PHASE_ATTEMPTS))
		phase_enter(isolate, PHASE_IDLE);
}

json_t *ask_admit(struct isolate *isolate)
{
	int r;

	if (isolation_is_over(isolate->record.state)) {
		phase_enter(isolate, PHASE_IDLE);
		return NULL;
	}
	if (!isolation_is_admitted(isolate->record.state) &&
	    state_set(isolate, ISOLATION_ADMITTED) < 0) {
		phase_again(isolate);
		return NULL;
	}
	/* It sweeps all sockets again, which takes its time. */
	if (isolate->cut_for_good) {
		culprit_hold(isolate);
		return NULL;
	}
	r = isolate->ports.cut(&isolate->record, 0, false, isolate->userdata);
	isolate->cut_for_good = r >= 0;
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "isolation: this host itself is not cut off");
	culprit_hold(isolate);
	return NULL;
}
