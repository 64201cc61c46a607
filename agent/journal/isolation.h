/* SPDX-License-Identifier: Apache-2.0
 *
 * The isolation record: what is done to take this instance out of the network, how far it has come,
 * and all that undoes it. It is on disk before anything is changed, so that a crash at any point
 * leaves enough to go on, and to go back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"

/* Numbers stay what they are: they are in the file. */
enum isolation_state {
	ISOLATION_NONE = 0,
	ISOLATION_REQUESTED = 1,    /* written down; nothing is changed yet */
	ISOLATION_CONTAINED = 2,    /* the host is cut off; the budget is being asked */
	ISOLATION_ADMITTED = 3,	    /* within the budget: the swap is under way */
	ISOLATION_REFUSED = 4,	    /* over: the cut was lifted */
	ISOLATION_PARTIAL = 5,	    /* some interfaces cannot be moved */
	ISOLATION_ISOLATED = 6,	    /* every interface is seen in quarantine */
	ISOLATION_UNVERIFIED = 7,   /* moved, but EC2 does not show it */
	ISOLATION_CHANNEL_LOST = 8, /* EC2 cannot be asked any more */
	ISOLATION_RELEASING = 9,
	ISOLATION_RELEASED = 10, /* over */
	ISOLATION_LIFTED = 11,	 /* the budget could not be asked: the cut was lifted */
	ISOLATION_STATES,
};
const char *isolation_state_name(enum isolation_state state);
/* There is none, or nothing is left to be done or undone. */
bool isolation_is_over(enum isolation_state state);
/* Whether the host stays cut off in this state, budget or not. */
bool isolation_is_admitted(enum isolation_state state);

#define ISOLATION_KIND_SIZE	24
#define ISOLATION_RESOURCE_SIZE 256 /* an ARN of a target group */
#define ISOLATION_VALUE_SIZE	384 /* 16 security groups with blanks between */
#define ISOLATION_REASON_SIZE	256
#define ISOLATION_NOTE_SIZE	512
/* Of one instance: interfaces (15 at most, but for trunks), volumes (up to 128), and a few more. */
#define ISOLATION_UNDO_MAX	256

/* Rows that undo nothing, but are to be kept as safely: */
#define ISOLATION_ITSELF "instance" /* their resource */
#define ISOLATION_KIND_CONFIRM                                                                     \
	"confirm"		       /* a time, s since the epoch; touched: it was confirmed     \
					*/
#define ISOLATION_KIND_END	 "end" /* "stop", "terminate"; touched: it is over */
#define ISOLATION_KIND_END_BEGUN "end-begun" /* the boot id; touched: the call may be made */

/* How something was before. Once it is touched it never changes: what stands there then may be our
 * own doing. */
struct isolation_undo {
	char kind[ISOLATION_KIND_SIZE];		/* "groups", "standby"... */
	char resource[ISOLATION_RESOURCE_SIZE]; /* "eni-..." */
	char value[ISOLATION_VALUE_SIZE];	/* "sg-... sg-..." */
	bool touched;
};

/* Kinds of what is kept beside that, and undone by nobody: the process behind it (resource: its
 * pid; value: when it started), what was done to it, the evidence bundle (resource: the isolation's
 * uid; value: its file, or why there is none) and where in S3 it is. */
#define ISOLATION_CULPRIT     "culprit"
#define ISOLATION_HELD	      "held"
#define ISOLATION_EVIDENCE    "evidence"
#define ISOLATION_EVIDENCE_S3 "evidence-s3"

struct isolation_record {
	char uid[JOURNAL_UID_SIZE];
	char instance[64]; /* "": not known yet */
	enum isolation_state state;
	uint64_t started, changed;	    /* ns since the epoch */
	char reason[ISOLATION_REASON_SIZE]; /* may be foreign text */
	char finding[JOURNAL_UID_SIZE];	    /* "": a person asked for it */
	char note[ISOLATION_NOTE_SIZE];	    /* what is wrong with it; "": nothing */
	struct isolation_undo *undo;
	size_t undo_count;
};

void isolation_record_clear(struct isolation_record *record);
/* Adds how a thing was; what is there of it already and is touched stays as it is. -ENOBUFS;
 * -EMSGSIZE: it does not fit; -ENOMEM. */
int isolation_undo_add(struct isolation_record *record, const char *kind, const char *resource,
		       const char *value);
/* NULL: there is none. */
struct isolation_undo *isolation_undo_find(const struct isolation_record *record, const char *kind,
					   const char *resource);

/* Durable when it returns 0: the record of that uid, with all that undoes it. In the file, too,
 * what is touched never changes. */
int isolation_save(struct journal *journal, const struct isolation_record *record);
/* The last one that was begun. 1: there is one, the caller's to clear. 0: none. Also for readers,
 * also of files that have no such table yet. */
int isolation_load(struct journal *journal, struct isolation_record *ret);
