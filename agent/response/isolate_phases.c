/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the phases of an isolation up to the swap, and after it was verified: what is asked of AWS
 * in each, and what follows from the answer. Answers are a stranger's, checked by
 * isolation_facts.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "response/isolate_private.h"

#define INSTANCE_PAUSE NS_PER_SECOND
#define FACTS_FRESH    (60 * 60 * NS_PER_SECOND)

/* ---- facts ---- */

static json_t *ask_facts(struct isolate *isolate)
{
	if (!*isolate->instance) {
		phase_enter(isolate, PHASE_IDLE);
		return NULL;
	}
	isolate->preflight = true;
	phase_enter(isolate, PHASE_INSTANCE);
	return NULL;
}

static json_t *ask_save(struct isolate *isolate)
{
	if (state_set(isolate, ISOLATION_REQUESTED) < 0) {
		phase_again(isolate);
		return NULL;
	}
	phase_enter(isolate, PHASE_INSTANCE);
	return NULL;
}

static json_t *ask_instance(struct isolate *isolate)
{
	bool fresh =
		isolate->facts.instance_known && clock_boottime() - isolate->facts_at < FACTS_FRESH;

	if (*isolate->instance && (isolate->preflight || !fresh))
		return call_describe_instance(isolate->instance);
	if (!*isolate->instance) {
		if (budget_is_asked(isolate))
			budget_unknown(isolate, "this instance's id is not known");
		else
			phase_after(isolate, PHASE_INSTANCE, INSTANCE_PAUSE);
		return NULL;
	}
	phase_enter(isolate, budget_is_asked(isolate) ? PHASE_TAG : PHASE_ADMIT);
	return NULL;
}

static void instance_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (reply->fine &&
	    facts_read_instance(reply->facts, isolate->instance, &isolate->facts) == 0)
		isolate->facts_at = clock_boottime();
	if (isolate->preflight) {
		if (reply->fine || !phase_retry(isolate, reply, PHASE_ATTEMPTS))
			phase_next(isolate);
	} else if (isolate->facts.instance_known && (reply->fine || !budget_is_asked(isolate))) {
		phase_enter(isolate, budget_is_asked(isolate) ? PHASE_TAG : PHASE_ADMIT);
	} else if (budget_is_asked(isolate)) {
		budget_unknown(isolate, reply->text);
	} else if (!phase_retry(isolate, reply, PHASE_ATTEMPTS)) {
		phase_enter(isolate, PHASE_ADMIT);
	}
}

/* ---- what is around it ---- */

static bool group_is_wanted(const struct isolate *isolate)
{
	return isolate->options.scaling != ISOLATION_SCALING_NONE;
}

static json_t *ask_scaling(struct isolate *isolate)
{
	return group_is_wanted(isolate) ? call_describe_scaling(isolate->instance) : NULL;
}

static void scaling_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (reply->fine && facts_read_scaling(reply->facts, isolate->instance, &isolate->facts) < 0)
		log_warning("isolation: Auto Scaling says what cannot be read");
	if (reply->fine || !phase_retry(isolate, reply, PHASE_ATTEMPTS)) {
		if (!reply->fine)
			state_note(isolate, reply->text);
		phase_next(isolate);
	}
}

static json_t *ask_termination(struct isolate *isolate)
{
	return isolate->options.termination_protection
		       ? call_describe_termination(isolate->instance)
		       : NULL;
}

static void termination_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (reply->fine)
		(void)facts_read_termination(reply->facts, &isolate->facts);
	if (reply->fine || !phase_retry(isolate, reply, PHASE_ATTEMPTS)) {
		if (!reply->fine)
			state_note(isolate, reply->text);
		phase_next(isolate);
	}
}

static json_t *ask_targets(struct isolate *isolate)
{
	if (isolate->step == 0)
		isolate->facts.target_count = 0;
	if (isolate->step >= isolate->options.target_group_count)
		return NULL;
	return call_describe_targets(isolate->options.target_groups[isolate->step],
				     isolate->instance);
}

static void targets_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (reply->fine)
		(void)facts_read_targets(reply->facts,
					 isolate->options.target_groups[isolate->step],
					 isolate->instance, &isolate->facts);
	else if (phase_retry(isolate, reply, PHASE_ATTEMPTS))
		return;
	else
		state_note(isolate, reply->text);
	isolate->failures = 0;
	isolate->step++;
}

static json_t *ask_group(struct isolate *isolate)
{
	const char *group = isolate->options.quarantine;

	/* In an incident EC2 says soon enough what does not fit. */
	return isolate->preflight && *group ? call_describe_groups(&group, 1) : NULL;
}

static void group_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	const json_t *group = json_array_get(json_object_get(reply->facts, "securityGroupInfo"), 0);
	const char *vpc = facts_text(group, "vpcId");

	if (!reply->fine && phase_retry(isolate, reply, PHASE_ATTEMPTS))
		return;
	if (facts_id_is(vpc, "vpc"))
		(void)snprintf(isolate->group_vpc, sizeof(isolate->group_vpc), "%s", vpc);
	if (!reply->fine)
		log_warning("isolation: the quarantine group %s cannot be looked at: %s",
			    isolate->options.quarantine, reply->text);
	else if (isolate->facts.instance_known && *isolate->group_vpc &&
		 strcmp(vpc, isolate->facts.vpc) != 0)
		log_warning("isolation: the quarantine group %s is in %s, this instance in %s",
			    isolate->options.quarantine, isolate->group_vpc, isolate->facts.vpc);
	phase_next(isolate);
}

/* ---- the interfaces ---- */

static void facts_end(struct isolate *isolate)
{
	isolate->preflight = false;
	phase_enter(isolate, PHASE_IDLE);
}

/* The plan, and how all that it changes is now: on disk before the first change. */
void plan_begin(struct isolate *isolate)
{
	struct isolation_record *record = &isolate->record;
	int r = plan_isolation(&isolate->facts, &isolate->options, isolate->group_vpc,
			       isolate->watching, &isolate->plan);

	if (r == 0)
		r = plan_note(&isolate->plan, record);
	for (size_t i = 0; r == 0 && i < isolate->plan.count; i++) {
		const struct plan_step *step = &isolate->plan.steps[i];
		struct isolation_undo *undo = NULL;

		if (step->undo_kind)
			undo = isolation_undo_find(record, step->undo_kind, step->resource);
		if (undo)
			undo->touched = true;
	}
	if (r == 0)
		r = state_set(isolate, record->state);
	if (r < 0) {
		state_note(isolate, "what would undo the swap cannot be written down");
		phase_again(isolate);
		return;
	}
	isolate->steps_failed[0] = '\0';
	if (*isolate->plan.problem)
		state_note(isolate, isolate->plan.problem);
	phase_enter(isolate, isolate->watching ? PHASE_STEPS : PHASE_UNDO_TAGS);
}

static json_t *ask_interfaces(struct isolate *isolate)
{
	if (!*isolate->options.quarantine) {
		if (isolate->preflight) {
			facts_end(isolate);
			return NULL;
		}
		news_tell(isolate, ISOLATE_CONTAINED,
			  "the host is cut off; there is no isolation.quarantine_security_group");
		plan_begin(isolate);
		return NULL;
	}
	return call_describe_interfaces(isolate->instance, false);
}

static void interfaces_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	bool read = reply->fine && facts_read_interfaces(reply->facts, &isolate->facts) == 0;

	if (isolate->preflight) {
		if (read || !phase_retry(isolate, reply, PHASE_ATTEMPTS))
			facts_end(isolate);
	} else if (read) {
		plan_begin(isolate);
	} else if (isolate->facts.interfaces_known && !isolate->watching &&
		   !phase_retry(isolate, reply, PHASE_ATTEMPTS)) {
		/* What was read minutes ago is better than an instance that stays where it is. */
		plan_begin(isolate);
	} else if (!isolate->wake_at) {
		state_note(isolate, reply->fine ? "what EC2 says of the interfaces cannot be read"
						: reply->text);
		if (!reply->again && isolate->record.state == ISOLATION_ADMITTED) {
			(void)state_set(isolate, ISOLATION_PARTIAL);
			news_tell(isolate, ISOLATE_PARTIAL, isolate->record.note);
		}
		phase_again(isolate);
	}
}

static json_t *ask_undo_tags(struct isolate *isolate)
{
	json_t *call;

	if (!isolate->options.tags && isolate->options.budget.scope == ISOLATION_SCOPE_NONE)
		return NULL;
	call = mark_call(isolate, "admitted");
	if (isolate->options.tags) {
		plan_undo_tags(&isolate->record, call);
		if (*isolate->record.reason) {
			char reason[200];

			(void)snprintf(reason, sizeof(reason), "%.180s", isolate->record.reason);
			call_add_tag(call, ISOLATION_TAG_REASON, reason);
		}
	}
	return call;
}

static void undo_tags_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (!reply->fine && phase_retry(isolate, reply, PHASE_ATTEMPTS))
		return;
	if (!reply->fine)
		state_note(isolate, reply->text);
	phase_next(isolate);
}

static json_t *ask_step(struct isolate *isolate)
{
	if (isolate->step >= isolate->plan.count)
		return NULL;
	return json_incref(isolate->plan.steps[isolate->step].call);
}

static void step_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	struct plan_step *step = &isolate->plan.steps[isolate->step];
	size_t used = strlen(isolate->steps_failed);

	if (!reply->fine && phase_retry(isolate, reply, PHASE_ATTEMPTS))
		return;
	if (!reply->fine) {
		char name[CALL_NAME_SIZE], text[ISOLATION_NOTE_SIZE];

		call_name(step->call, name);
		step->failed = true;
		(void)snprintf(text, sizeof(text), "%s of %.60s: %.300s", name, step->resource,
			       reply->text);
		log_warning("isolation: %s", text);
		state_note(isolate, text);
		if (step->kind == PLAN_SWAP)
			(void)snprintf(isolate->steps_failed + used,
				       sizeof(isolate->steps_failed) - used, "%s%s",
				       used ? "; " : "", text);
	}
	isolate->failures = 0;
	isolate->step++;
}

/* ---- afterwards ---- */

static json_t *ask_snapshots_seen(struct isolate *isolate)
{
	if (!isolate->options.snapshots ||
	    isolation_undo_find(&isolate->record, "snapshots", isolate->instance)) {
		phase_enter(isolate, PHASE_EVIDENCE);
		return NULL;
	}
	return call_describe_snapshots(isolate->record.uid);
}

static void snapshots_noted(struct isolate *isolate)
{
	struct isolation_undo *undo;

	(void)isolation_undo_add(&isolate->record, "snapshots", isolate->instance, "made");
	undo = isolation_undo_find(&isolate->record, "snapshots", isolate->instance);
	if (undo)
		undo->touched = true;
	(void)state_set(isolate, isolate->record.state);
	phase_enter(isolate, PHASE_EVIDENCE);
}

static void snapshots_seen(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (!reply->fine && phase_retry(isolate, reply, PHASE_ATTEMPTS))
		return;
	if (json_array_size(json_object_get(reply->facts, "snapshotSet")) > 0)
		snapshots_noted(isolate);
	else
		phase_next(isolate);
}

static json_t *ask_snapshots(struct isolate *isolate)
{
	return call_create_snapshots(isolate->instance, isolate->record.uid);
}

static void snapshots_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (!reply->fine && phase_retry(isolate, reply, PHASE_ATTEMPTS)) {
		/* Whether the call before was carried out is asked first. */
		isolate->phase = PHASE_SNAPSHOTS_SEEN;
		return;
	}
	if (reply->fine) {
		snapshots_noted(isolate);
		return;
	}
	state_note(isolate, reply->text);
	phase_next(isolate);
}

static json_t *ask_tag_done(struct isolate *isolate)
{
	return isolate->options.tags || isolate->options.budget.scope != ISOLATION_SCOPE_NONE
		       ? mark_call(isolate, "isolated")
		       : NULL;
}

static void tag_done_answered(struct isolate *isolate, const struct isolation_reply *reply)
{
	if (!reply->fine && phase_retry(isolate, reply, PHASE_ATTEMPTS))
		return;
	phase_next(isolate);
}

const struct phase_row phase_rows[PHASES] = {
	[PHASE_IDLE] = { "idle", NULL, NULL },
	[PHASE_FACTS] = { "facts", ask_facts, NULL },
	[PHASE_SAVE] = { "save", ask_save, NULL },
	[PHASE_INSTANCE] = { "instance", ask_instance, instance_answered },
	[PHASE_TAG] = { "tag", ask_tag, tag_answered },
	[PHASE_SETTLE] = { "settle", ask_settle, NULL },
	[PHASE_COUNT] = { "count", ask_count, count_answered },
	[PHASE_REFUSE] = { "refuse", ask_refuse, refuse_answered },
	[PHASE_ADMIT] = { "admit", ask_admit, NULL },
	[PHASE_SCALING] = { "scaling", ask_scaling, scaling_answered },
	[PHASE_TERMINATION] = { "termination", ask_termination, termination_answered },
	[PHASE_TARGETS] = { "targets", ask_targets, targets_answered },
	[PHASE_GROUP] = { "group", ask_group, group_answered },
	[PHASE_INTERFACES] = { "interfaces", ask_interfaces, interfaces_answered },
	[PHASE_UNDO_TAGS] = { "undo-tags", ask_undo_tags, undo_tags_answered },
	[PHASE_STEPS] = { "steps", ask_step, step_answered },
	[PHASE_VERIFY] = { "verify", ask_verify, verify_answered },
	[PHASE_SNAPSHOTS_SEEN] = { "snapshots-seen", ask_snapshots_seen, snapshots_seen },
	[PHASE_SNAPSHOTS] = { "snapshots", ask_snapshots, snapshots_answered },
	[PHASE_EVIDENCE] = { "evidence", ask_evidence, NULL },
	[PHASE_TAG_DONE] = { "tag-done", ask_tag_done, tag_done_answered },
	[PHASE_END] = { "end", ask_instance_end, instance_end_answered },
	[PHASE_WATCH] = { "watch", ask_watch, watch_answered },
	[PHASE_RELEASE_FACTS] = { "release-facts", ask_release_facts, release_facts_answered },
	[PHASE_RELEASE_STEPS] = { "release-steps", ask_release_step, release_step_answered },
	[PHASE_RELEASE_VERIFY] = { "release-verify", ask_release_verify, release_verify_answered },
	[PHASE_RELEASE_TAG] = { "release-tag", ask_release_tag, release_tag_answered },
};
