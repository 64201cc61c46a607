/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns an isolation's course: requests, the one call that is under way, states on disk, and what is
 * told. What is asked in each phase is isolate_phases.c's.
 */
#include "response/isolate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/log.h"
#include "response/isolate_private.h"
#include "response/isolation_guard.h"

/* cordon-cloud answers within its own time limits, three attempts of 10 s and the waits between;
 * what is not answered by then never will be. */
#define CALL_TIMEOUT	  (90 * NS_PER_SECOND)
#define RETRY_MIN	  (NS_PER_SECOND / 4)
#define RETRY_MAX	  (10 * NS_PER_SECOND)
#define FACTS_INTERVAL	  (15 * 60 * NS_PER_SECOND)
/* The same thing seen again and again is refused once a minute. */
#define REFUSAL_REPEAT	  (60 * NS_PER_SECOND)
/* A refusal by the budget, and a release, hold for a while: a host that goes on asking for the same
 * name must not be cut off and on. */
#define REFUSED_HOLDS	  (10 * 60 * NS_PER_SECOND)
#define RELEASED_HOLDS	  (60 * 60 * NS_PER_SECOND)
/* Beyond what asking the budget may take: who died meanwhile leaves no host cut off. */
#define PROVISIONAL_EXTRA (60 * NS_PER_SECOND)

CLEANUP_DEFINE(json_t *, json_decref)

/* ---- states ---- */

int state_set(struct isolate *isolate, enum isolation_state state)
{
	struct isolation_record *record = &isolate->record;
	int r;

	record->state = state;
	record->changed = clock_realtime();
	r = isolate->ports.save(record, isolate->userdata);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "isolation: \"%s\" cannot be written down",
				isolation_state_name(state));
	return r;
}

void state_note(struct isolate *isolate, const char *note)
{
	(void)snprintf(isolate->record.note, sizeof(isolate->record.note), "%s", note);
}

void news_tell(struct isolate *isolate, enum isolate_news news, const char *text)
{
	const struct isolate_told told = { .news = news, .record = &isolate->record, .text = text };

	if (isolate->told[news])
		return;
	isolate->told[news] = true;
	/* By then the swap has been tried: evidence does not wait for an EC2 that does not answer.
	 */
	if (!isolation_is_over(isolate->record.state) &&
	    isolate->record.state != ISOLATION_RELEASING)
		evidence_begin(isolate);
	isolate->ports.tell(&told, isolate->userdata);
}

void mark_text(const struct isolate *isolate, const char *state, char out[static 128])
{
	(void)snprintf(out, 128, "%s %s %s", state, isolate->time, isolate->record.uid);
}

/* ---- phases ---- */

void phase_enter(struct isolate *isolate, enum phase phase)
{
	isolate->phase = phase;
	isolate->failures = 0;
	isolate->failing_since = 0;
	isolate->step = 0;
	/* Facts are kept so fresh that an incident can do with them. */
	isolate->wake_at = phase == PHASE_IDLE ? clock_boottime() + FACTS_INTERVAL : 0;
}

void phase_next(struct isolate *isolate)
{
	enum phase next = isolate->phase + 1;

	if (isolate->preflight && isolate->phase == PHASE_INSTANCE)
		next = PHASE_SCALING;
	phase_enter(isolate, next < PHASES ? next : PHASE_IDLE);
}

void phase_after(struct isolate *isolate, enum phase phase, uint64_t ns)
{
	if (phase != isolate->phase)
		phase_enter(isolate, phase);
	isolate->wake_at = clock_boottime() + ns;
}

void phase_again(struct isolate *isolate)
{
	uint64_t wait = RETRY_MIN;

	for (unsigned i = 0; i < isolate->failures && wait < RETRY_MAX; i++)
		wait *= 2;
	isolate->failures++;
	if (!isolate->failing_since)
		isolate->failing_since = clock_boottime();
	isolate->wake_at = clock_boottime() + (wait < RETRY_MAX ? wait : RETRY_MAX);
}

bool phase_retry(struct isolate *isolate, const struct isolation_reply *reply, unsigned attempts)
{
	if (!reply->again || isolate->failures + 1 >= attempts)
		return false;
	phase_again(isolate);
	return true;
}

static void answer(struct isolate *isolate, const struct isolation_reply *reply)
{
	channel_heard(isolate, reply);
	phase_rows[isolate->phase].answered(isolate, reply);
}

static void answer_none(struct isolate *isolate, const char *why)
{
	struct isolation_reply reply = { .again = true, .no_answer = true };

	(void)snprintf(reply.text, sizeof(reply.text), "%s", why);
	isolate->number = 0;
	answer(isolate, &reply);
}

static void call_send(struct isolate *isolate, json_t *call)
{
	CLEANUP(free_cleanup) char *text = json_dumps(call, JSON_COMPACT);
	int r = -ENOMEM;

	isolate->number = ++isolate->last_number;
	isolate->call_until = clock_boottime() + CALL_TIMEOUT;
	if (text)
		r = isolate->ports.call(isolate->number, text, strlen(text), isolate->userdata);
	if (r < 0)
		answer_none(isolate, r == -ENOMEM ? "memory is short"
						  : "cordon-cloud takes no calls at present");
}

/* Until there is something to wait for. */
void isolate_turn(struct isolate *isolate)
{
	uint64_t now = clock_boottime(), wake, confirm;

	if (isolate->number && now >= isolate->call_until)
		answer_none(isolate, "cordon-cloud does not answer");
	if (confirm_turn(isolate))
		return;
	while (!isolate->number && isolate->phase != PHASE_IDLE && isolate->wake_at <= now) {
		enum phase before = isolate->phase;
		CLEANUP(json_decref_cleanup) json_t *call = NULL;

		isolate->wake_at = 0;
		call = phase_rows[before].ask(isolate);
		if (call)
			call_send(isolate, call);
		else if (isolate->phase == before && isolate->wake_at == 0)
			phase_next(isolate);
	}
	if (isolate->phase == PHASE_IDLE && isolate->wake_at && isolate->wake_at <= now) {
		phase_enter(isolate, PHASE_FACTS);
		isolate_turn(isolate);
		return;
	}
	wake = isolate->number ? isolate->call_until : isolate->wake_at;
	confirm = isolate->number ? UINT64_MAX : confirm_wake(isolate);
	if (confirm < wake)
		wake = confirm;
	if (wake)
		isolate->ports.wake(wake, isolate->userdata);
}

void isolate_replied(struct isolate *isolate, uint64_t number, const char *text, size_t size)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	struct isolation_reply reply;

	/* One that was given up is answered, too. */
	if (number == 0 || number != isolate->number)
		return;
	isolate->number = 0;
	object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (isolation_reply_read(object, &reply) < 0)
		answer_none(isolate, "cordon-cloud says what is no reply");
	else
		answer(isolate, &reply);
	isolate_turn(isolate);
}

void isolate_lost(struct isolate *isolate)
{
	if (!isolate->number)
		return;
	answer_none(isolate, "cordon-cloud was replaced");
	isolate_turn(isolate);
}

/* ---- requests ---- */

void isolate_refuse(struct isolate *isolate, const struct isolate_request *request,
		    enum isolate_news news, const char *why)
{
	struct isolation_record record = { .started = clock_realtime() };
	const struct isolate_told told = { news, &record, why };
	uint64_t now = clock_boottime();

	if (!isolation_is_over(isolate->record.state))
		return;
	if (request->finding && isolate->refused_at && isolate->refused_news == news &&
	    now - isolate->refused_at < REFUSAL_REPEAT &&
	    strcmp(isolate->refused, request->finding) == 0)
		return;
	isolate->refused_at = now;
	isolate->refused_news = news;
	(void)snprintf(isolate->refused, sizeof(isolate->refused), "%s",
		       request->finding ? request->finding : "");
	(void)snprintf(record.reason, sizeof(record.reason), "%s", request->reason);
	if (request->finding)
		(void)snprintf(record.finding, sizeof(record.finding), "%s", request->finding);
	isolate->ports.tell(&told, isolate->userdata);
}

/* Whether the last one's end still holds. */
static bool begin_is_held(const struct isolate *isolate, const struct isolate_request *request)
{
	const struct isolation_record *last = &isolate->record;
	uint64_t since = clock_realtime() - last->changed;

	if (!request->finding)
		return false;
	if (last->state == ISOLATION_REFUSED || last->state == ISOLATION_LIFTED)
		return since < REFUSED_HOLDS;
	return last->state == ISOLATION_RELEASED && since < RELEASED_HOLDS &&
	       strcmp(last->finding, request->finding) == 0;
}

static void record_begin(struct isolate *isolate, const struct isolate_request *request)
{
	struct isolation_record *record = &isolate->record;

	isolation_record_clear(record);
	isolate->ports.uid(record->uid, isolate->userdata);
	record->started = clock_realtime();
	(void)snprintf(record->instance, sizeof(record->instance), "%s", isolate->instance);
	(void)escape_text(request->reason, strlen(request->reason), record->reason,
			  sizeof(record->reason));
	(void)snprintf(record->finding, sizeof(record->finding), "%s",
		       request->finding ? request->finding : "");
	clock_format(record->started, isolate->time);
	memset(isolate->told, 0, sizeof(isolate->told));
	isolate->by_hand = !request->finding;
	isolate->watching = isolate->preflight = isolate->kept = false;
	isolate->unanswered_since = isolate->verifying_since = 0;
	isolate->steps_failed[0] = '\0';
	culprit_note(isolate, request);
	confirm_begin(isolate);
	end_begin(isolate, request->end);
	/* As far as it is known now; it is asked for again before anything is changed. */
	if (isolate->facts.interfaces_known &&
	    plan_isolation(&isolate->facts, &isolate->options, isolate->group_vpc, false,
			   &isolate->plan) == 0)
		(void)plan_note(&isolate->plan, record);
}

static void host_cut(struct isolate *isolate, bool provisional)
{
	const struct isolation_options *options = &isolate->options;
	uint64_t deadline = 0;
	int r;

	if (provisional && options->unknown == ISOLATION_UNKNOWN_LIFT)
		deadline = clock_boottime() + options->budget.settle + options->unknown_after +
			   PROVISIONAL_EXTRA;
	r = isolate->ports.cut(&isolate->record, deadline, provisional, isolate->userdata);
	isolate->cut_for_good = r >= 0 && !provisional;
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "isolation: this host itself is not cut off");
}

bool isolate_guarded(const struct isolate *isolate, char why[static GUARD_TEXT_SIZE])
{
	return isolation_guard(&isolate->options, &isolate->facts, clock_boottime(), false, why);
}

int isolate_begin(struct isolate *isolate, const struct isolate_request *request)
{
	char why[GUARD_TEXT_SIZE];
	int r;

	if (!isolation_is_over(isolate->record.state))
		return ISOLATE_UNDER_WAY;
	if (isolation_guard(&isolate->options, &isolate->facts, clock_boottime(), !request->finding,
			    why)) {
		isolate_refuse(isolate, request, ISOLATE_REFUSED_GUARD, why);
		return ISOLATE_REFUSED;
	}
	if (begin_is_held(isolate, request))
		return ISOLATE_REFUSED;
	isolate->number = 0; /* a preflight's */
	record_begin(isolate, request);
	r = state_set(isolate, ISOLATION_REQUESTED);
	host_cut(isolate, budget_is_asked(isolate));
	phase_enter(isolate, r < 0 ? PHASE_SAVE : PHASE_INSTANCE);
	isolate_turn(isolate);
	if (r == 0 && isolate->record.state == ISOLATION_REQUESTED)
		(void)state_set(isolate, ISOLATION_CONTAINED);
	return r < 0 ? r : ISOLATE_BEGUN;
}

static void record_adopt(struct isolate *isolate)
{
	struct isolation_record *record = &isolate->record;

	isolate->by_hand = !record->finding[0];
	if (isolation_is_over(record->state))
		return;
	isolate->preflight = false;
	isolate->number = 0;
	if (record->state == ISOLATION_RELEASING) {
		phase_enter(isolate, PHASE_RELEASE_STEPS);
	} else {
		host_cut(isolate, budget_is_asked(isolate));
		/* What is around it is in the plan as far as it is not done. */
		phase_enter(isolate, PHASE_INSTANCE);
	}
	log_notice("isolation %s goes on: it was %s", record->uid,
		   isolation_state_name(record->state));
}

void isolate_keep(struct isolate *isolate, struct isolation_record *record)
{
	isolation_record_clear(&isolate->record);
	isolate->record = *record;
	*record = (struct isolation_record){ 0 };
	clock_format(isolate->record.started, isolate->time);
	isolate->kept = true;
}

void isolate_resume(struct isolate *isolate, struct isolation_record *record)
{
	isolate_keep(isolate, record);
	isolate->kept = false;
	record_adopt(isolate);
	isolate_turn(isolate);
}

void isolate_instance(struct isolate *isolate, const char *instance)
{
	struct isolation_record *record = &isolate->record;

	if (!facts_id_is(instance, "i") || strcmp(isolate->instance, instance) == 0)
		return;
	(void)snprintf(isolate->instance, sizeof(isolate->instance), "%s", instance);
	if (!isolation_is_over(record->state) && record->instance[0] &&
	    strcmp(record->instance, instance) != 0) {
		log_warning("isolation %s was another instance's, %s: this disk is a copy. It is "
			    "given up",
			    record->uid, record->instance);
		state_note(isolate, "of another instance, whose disk this is a copy of");
		(void)state_set(isolate, ISOLATION_RELEASED);
		(void)isolate->ports.lift(isolate->userdata);
		isolate->number = 0;
		phase_enter(isolate, PHASE_IDLE);
	}
	if (!isolation_is_over(record->state))
		(void)snprintf(record->instance, sizeof(record->instance), "%s", instance);
	if (isolate->phase == PHASE_IDLE)
		phase_enter(isolate, PHASE_FACTS);
	isolate->wake_at = 0;
	isolate_turn(isolate);
}

void isolate_configure(struct isolate *isolate, const struct isolation_options *options)
{
	isolate->options = *options;
}

int isolate_new(const struct isolation_options *options, const struct isolate_ports *ports,
		void *userdata, struct isolate **ret)
{
	struct isolate *isolate = calloc(1, sizeof(*isolate));

	if (!isolate)
		return -ENOMEM;
	isolate->options = *options;
	isolate->ports = *ports;
	isolate->userdata = userdata;
	*ret = isolate;
	return 0;
}

void isolate_free(struct isolate *isolate)
{
	if (!isolate)
		return;
	isolation_record_clear(&isolate->record);
	plan_clear(&isolate->plan);
	free(isolate);
}

const char *isolate_instance_id(const struct isolate *isolate)
{
	return isolate->instance;
}

const struct isolation_record *isolate_record(const struct isolate *isolate)
{
	return &isolate->record;
}

json_t *isolate_json(const struct isolate *isolate)
{
	const struct isolation_record *record = &isolate->record;
	char started[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
	json_t *interfaces = json_object();
	const struct isolation_undo *end =
		isolation_undo_find(record, ISOLATION_KIND_END, ISOLATION_ITSELF);
	uint64_t confirm = confirm_until(record);

	clock_format(record->started, started);
	clock_format(confirm, until);
	for (size_t i = 0; i < record->undo_count; i++)
		if (strcmp(record->undo[i].kind, "groups") == 0)
			(void)json_object_set_new(interfaces, record->undo[i].resource,
						  json_string(record->undo[i].value));
	return json_pack(
		"{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:s, s:o, s:s?, s:s?}", "state",
		isolation_state_name(record->state), "uid", *record->uid ? record->uid : NULL,
		"started", record->state ? started : NULL, "instance",
		*isolate->instance ? isolate->instance : NULL, "reason",
		*record->reason ? record->reason : NULL, "finding",
		*record->finding ? record->finding : NULL, "note",
		*record->note ? record->note : NULL, "phase", phase_rows[isolate->phase].name,
		"original_groups", interfaces, "released_unless_confirmed_by",
		confirm ? until : NULL, "end", end ? end->value : NULL);
}
