/* SPDX-License-Identifier: Apache-2.0
 *
 * What isolate.c (requests, the call under way, states), isolate_phases.c (what is asked, and what
 * follows from the answer), isolate_budget.c, isolate_release.c, isolate_confirm.c and
 * isolate_end.c share.
 */
#pragma once

#include "base/clock.h"
#include "response/isolate.h"
#include "response/isolation_budget.h"
#include "response/isolation_call.h"
#include "response/isolation_plan.h"

/* In this order, but for what phase_enter() says. */
enum phase {
	PHASE_IDLE,
	PHASE_FACTS, /* preflight: PHASE_INSTANCE to PHASE_GROUP, and back to idle */
	PHASE_SAVE,  /* the record could not be written */
	PHASE_INSTANCE,
	PHASE_TAG,
	PHASE_SETTLE,
	PHASE_COUNT,
	PHASE_REFUSE, /* say so in the tag */
	PHASE_ADMIT,
	PHASE_SCALING,
	PHASE_TERMINATION,
	PHASE_TARGETS,
	PHASE_GROUP,
	PHASE_INTERFACES,
	PHASE_UNDO_TAGS,
	PHASE_STEPS,
	PHASE_VERIFY,
	PHASE_SNAPSHOTS_SEEN,
	PHASE_SNAPSHOTS,
	PHASE_EVIDENCE,
	PHASE_TAG_DONE,
	PHASE_END,
	PHASE_WATCH,
	PHASE_RELEASE_FACTS,
	PHASE_RELEASE_STEPS,
	PHASE_RELEASE_VERIFY,
	PHASE_RELEASE_TAG,
	PHASES,
};

struct isolate {
	struct isolation_options options;
	struct isolate_ports ports;
	void *userdata;
	char instance[FACTS_ID_SIZE]; /* "": not known yet */
	struct isolation_record record;
	struct isolation_facts facts;
	struct isolation_plan plan;
	char group_vpc[FACTS_ID_SIZE]; /* of the quarantine group; "": not known */
	enum phase phase;
	size_t step;	/* of the plan; of target groups */
	bool preflight; /* facts only */
	bool watching;	/* a later pass: nothing around the interfaces */
	bool by_hand;
	bool kept;	   /* only held, in audit mode: it is not gone on with */
	bool cut_for_good; /* the host is, and not only until the budget has been asked */
	bool told[ISOLATE_NEWS];
	uint64_t wake_at; /* boot clock: when the phase goes on; 0: at once; UINT64_MAX: never */
	uint64_t number;  /* of the call under way; 0: none */
	uint64_t last_number;
	uint64_t call_until;				   /* boot clock */
	unsigned failures;				   /* of the phase, one after the other */
	uint64_t failing_since, verifying_since, facts_at; /* boot clock; 0: not */
	uint64_t unanswered_since;
	char time[CLOCK_TEXT_SIZE];	/* as our tag has it */
	uint64_t refused_at;		/* boot clock, by a guard: not told again at once */
	char refused[JOURNAL_UID_SIZE]; /* that finding */
	enum isolate_news refused_news;
	uint64_t end_since;	 /* boot clock: the end waits for the evidence */
	uint64_t unconfirmed_at; /* boot clock: of the last release because nobody confirmed it */
	char steps_failed[ISOLATION_NOTE_SIZE];
};

struct phase_row {
	const char *name;
	/* The call to be made; NULL: there is nothing to ask, and the next phase follows, unless
	 * another was entered. */
	json_t *(*ask)(struct isolate *isolate);
	void (*answered)(struct isolate *isolate, const struct isolation_reply *reply);
};
extern const struct phase_row phase_rows[PHASES];

/* Goes to a phase, at once. */
void phase_enter(struct isolate *isolate, enum phase phase);
void phase_next(struct isolate *isolate);
/* The same phase again, later and later. */
void phase_again(struct isolate *isolate);
/* The same after so long. */
void phase_after(struct isolate *isolate, enum phase phase, uint64_t ns);
/* Whether a call that failed is worth another try in this phase, for which it then sees. */
bool phase_retry(struct isolate *isolate, const struct isolation_reply *reply, unsigned attempts);

/* Writes the state down. Negative: it is not on disk. */
int state_set(struct isolate *isolate, enum isolation_state state);
void state_note(struct isolate *isolate, const char *note);
/* Each is told once in an isolation. */
void news_tell(struct isolate *isolate, enum isolate_news news, const char *text);
/* "STATE TIME UID" */
void mark_text(const struct isolate *isolate, const char *state, char out[static 128]);

/* Of what is not the swap itself: it is tried, and then gone without. */
#define PHASE_ATTEMPTS 3

/* isolate_budget.c */
/* Whether it may go on only if there is room in the budget. */
bool budget_is_asked(const struct isolate *isolate);
/* The budget cannot be asked: as it is configured for that. */
void budget_unknown(struct isolate *isolate, const char *why);
/* Our tag, with this state. */
json_t *mark_call(struct isolate *isolate, const char *state);
json_t *ask_tag(struct isolate *isolate);
void tag_answered(struct isolate *isolate, const struct isolation_reply *reply);
json_t *ask_settle(struct isolate *isolate);
json_t *ask_count(struct isolate *isolate);
void count_answered(struct isolate *isolate, const struct isolation_reply *reply);
json_t *ask_refuse(struct isolate *isolate);
void refuse_answered(struct isolate *isolate, const struct isolation_reply *reply);
json_t *ask_admit(struct isolate *isolate);

/* isolate_release.c */
json_t *ask_release_facts(struct isolate *isolate);
void release_facts_answered(struct isolate *isolate, const struct isolation_reply *reply);
json_t *ask_release_step(struct isolate *isolate);
void release_step_answered(struct isolate *isolate, const struct isolation_reply *reply);
json_t *ask_release_verify(struct isolate *isolate);
void release_verify_answered(struct isolate *isolate, const struct isolation_reply *reply);
json_t *ask_release_tag(struct isolate *isolate);
void release_tag_answered(struct isolate *isolate, const struct isolation_reply *reply);
/* It was released from outside. */
void release_adopt(struct isolate *isolate);
/* What is to be moved, of the facts as they are known. */
void plan_begin(struct isolate *isolate);

/* isolate_evidence.c */
void culprit_note(struct isolate *isolate, const struct isolate_request *request);
/* Once, when the host is cut off for good. */
void culprit_hold(struct isolate *isolate);
/* Begins what is left of it. */
void evidence_begin(struct isolate *isolate);
json_t *ask_evidence(struct isolate *isolate);

/* isolate_verify.c */
json_t *ask_verify(struct isolate *isolate);
void verify_answered(struct isolate *isolate, const struct isolation_reply *reply);
json_t *ask_watch(struct isolate *isolate);
void watch_answered(struct isolate *isolate, const struct isolation_reply *reply);
/* Says that it is isolated, once it is. */
void isolated_tell(struct isolate *isolate);
/* What calls under way mean for the state: nobody answers any more, or does again. */
void channel_heard(struct isolate *isolate, const struct isolation_reply *reply);

/* isolate_confirm.c */
/* The time until which a person may confirm it goes into a new record. */
void confirm_begin(struct isolate *isolate);
/* Releases what nobody confirmed in time. true: it did. */
bool confirm_turn(struct isolate *isolate);
/* When that is to be looked at, boot clock; UINT64_MAX: never. */
uint64_t confirm_wake(const struct isolate *isolate);
/* What the tags of the instance say. */
void confirm_look(struct isolate *isolate);
/* ns since the epoch; 0: it need not be confirmed, or was. */
uint64_t confirm_until(const struct isolation_record *record);

/* isolate_end.c */
void end_begin(struct isolate *isolate, enum isolation_end wanted);
json_t *ask_instance_end(struct isolate *isolate);
void instance_end_answered(struct isolate *isolate, const struct isolation_reply *reply);
