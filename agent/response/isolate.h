/* SPDX-License-Identifier: Apache-2.0
 *
 * Isolation: takes this instance out of the network, in an order that holds when anything fails on
 * the way, and back. Owns the state machine:
 *
 *   guards -> record on disk -> host cut off, provisionally -> tag, wait, count: a place in the
 *   budget -> what is around it -> undo record into tags -> quarantine group on each interface ->
 *   read back until it holds -> snapshots -> evidence begun -> told; then looked after, for
 * interfaces that come later, and for a release from outside.
 *
 * Each state is on disk before what it stands for is begun, and everything is idempotent: after a
 * crash isolate_resume() goes on from the record. One call is under way at a time. All that it
 * needs of others are the ports; its time is base/clock's.
 *
 * A request comes from the policy or from root; replies of AWS, passed on by cordon-cloud, are a
 * stranger's.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "journal/isolation.h"
#include "response/isolation_guard.h"
#include "response/isolation_options.h"

struct isolate;

enum isolate_news {
	ISOLATE_REFUSED_GUARD,	   /* a guard: nothing was changed */
	ISOLATE_REFUSED_PROBATION, /* its indicator is too young */
	ISOLATE_REFUSED_HISTORY,   /* its indicator covers a name that was in use for long */
	ISOLATE_REFUSED_ALONE,	   /* policy wants a second finding */
	ISOLATE_REFUSED_BUDGET,	   /* the cut was lifted */
	ISOLATE_LIFTED,	   /* the budget cannot be asked, and that is how it is configured */
	ISOLATE_CONTAINED, /* cut off; AWS has not been asked, or there is nothing to ask */
	ISOLATE_PARTIAL,
	ISOLATE_ISOLATED,
	ISOLATE_UNVERIFIED,
	ISOLATE_CHANNEL_LOST,
	ISOLATE_RELEASED,
	ISOLATE_RELEASE_PARTIAL, /* something could not be undone */
	ISOLATE_UNCONFIRMED,	 /* nobody confirmed it in time: it is being released */
	ISOLATE_ENDING,		 /* the instance is about to be stopped or terminated */
	ISOLATE_END_FAILED,	 /* and was not */
	ISOLATE_NEWS,
};

struct isolate_told {
	enum isolate_news news;
	const struct isolation_record *record; /* for a guard's refusal: one that is not kept */
	const char *text;		       /* why, or what holds; safe to show */
};

struct isolate_ports {
	/* Makes a call (cloud/call.h); isolate_replied() with its number. A negative errno: not
	 * now. */
	int (*call)(uint64_t number, const char *text, size_t size, void *userdata);
	/* Durable when it returns 0. */
	int (*save)(const struct isolation_record *record, void *userdata);
	/* Cuts the host off; deadline: boot clock, when it lifts itself; 0: never. -EOPNOTSUPP:
	 * this host cannot be cut off; positive: in part. */
	int (*cut)(const struct isolation_record *record, uint64_t deadline, bool provisional,
		   void *userdata);
	int (*lift)(void *userdata);
	/* isolate_turn() at this time of the boot clock; only the last one counts. */
	void (*wake)(uint64_t at, void *userdata);
	void (*tell)(const struct isolate_told *told, void *userdata);
	/* A random UID, in the form of RFC 9562. */
	void (*uid)(char out[static 37], void *userdata);
	/* These may be NULL. Holds the process that it was begun for: 1 if it is held, 0 if that is
	 * not configured, -ESRCH if it has gone; and lets go of it. */
	int (*hold)(pid_t pid, uint64_t start, void *userdata);
	void (*thaw)(void *userdata);
	/* Begins what is left to do for the evidence bundle, and does not wait: isolate_kept() says
	 * what came of it. May be called again while that is under way. */
	void (*evidence)(const struct isolation_record *record, void *userdata);
};

/* options: copied, its texts are borrowed for good. */
int isolate_new(const struct isolation_options *options, const struct isolate_ports *ports,
		void *userdata, struct isolate **ret);
void isolate_free(struct isolate *isolate);
void isolate_configure(struct isolate *isolate, const struct isolation_options *options);

/* Once known: the instance's own id. Facts about it are fetched, so that they are there in time. A
 * record of another instance (its disk was copied) is given up. */
void isolate_instance(struct isolate *isolate, const char *instance);
/* Holds the record of before and does nothing with it but release it when that is asked for: in
 * audit mode. Takes what it holds, and leaves it empty. */
void isolate_keep(struct isolate *isolate, struct isolation_record *record);
/* Goes on with the record of before. Takes what it holds, and leaves it empty. */
void isolate_resume(struct isolate *isolate, struct isolation_record *record);

struct isolate_request {
	const char *reason;  /* may be foreign text */
	const char *finding; /* uid; NULL: a person asks, whom neither grace nor budget holds up */
	pid_t pid;	     /* the process behind it; 0: none, or not to be held */
	uint64_t start;	     /* ns on the boot clock */
	enum isolation_end end; /* what policy asks for beside; options.end bounds it */
};
enum isolate_outcome {
	ISOLATE_BEGUN = 1,
	ISOLATE_UNDER_WAY = 2, /* before */
	ISOLATE_REFUSED = 3,   /* by a guard; told */
};
/* An isolate_outcome; -ENOSPC and others: it cannot be written down. The host is cut off then, all
 * the same, and writing is tried again. */
int isolate_begin(struct isolate *isolate, const struct isolate_request *request);
/* Whether a guard forbids what a finding asks for now, and which. */
bool isolate_guarded(const struct isolate *isolate, char why[static GUARD_TEXT_SIZE]);
/* Tells that it is not begun: ISOLATE_REFUSED_..., once a minute for one finding. Nothing, when one
 * is under way. */
void isolate_refuse(struct isolate *isolate, const struct isolate_request *request,
		    enum isolate_news news, const char *why);
/* A person confirms it: it is no longer released by itself. -ENOENT: there is none; -EALREADY: it
 * was confirmed, or need not be; others: it cannot be written down. */
int isolate_confirm(struct isolate *isolate);
/* Undoes it, from the record, or else from the instance's tags. -EALREADY: there is nothing to
 * undo, as far as is known; then tags are looked at, and what is found there is undone. */
int isolate_release(struct isolate *isolate);

/* Into the record: what became of the evidence. kind: ISOLATION_EVIDENCE... Nothing if another
 * isolation has begun meanwhile. */
void isolate_kept(struct isolate *isolate, const char *uid, const char *kind, const char *value);

/* The process that it was begun for. -ENOENT: none is known. */
int isolate_culprit(const struct isolation_record *record, pid_t *ret_pid, uint64_t *ret_start);

void isolate_turn(struct isolate *isolate);
/* The call under way will not be answered. */
void isolate_lost(struct isolate *isolate);
/* text: JSON. */
void isolate_replied(struct isolate *isolate, uint64_t number, const char *text, size_t size);

/* "": not known yet. */
const char *isolate_instance_id(const struct isolate *isolate);
const struct isolation_record *isolate_record(const struct isolate *isolate);
/* For `cordon status`: a new reference. */
json_t *isolate_json(const struct isolate *isolate);
