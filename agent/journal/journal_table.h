/* SPDX-License-Identifier: Apache-2.0
 *
 * The findings that are open in memory: found by uid, in order of use, and those among them that
 * have something to be written. Knows nothing of the file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "journal/journal.h"

struct held_sighting {
	uint64_t time;
	char *summary; /* owned */
};

struct held_change {
	uint64_t time;
	enum journal_event event;
	int severity;
	char *text; /* owned */
};
/* Between two flushes; the first ones are kept. */
#define HELD_CHANGES 4

struct open_finding {
	struct open_finding *bucket_next;
	TAILQ_ENTRY(open_finding) by_use, by_dirt, by_due;
	int64_t id; /* row in the file; 0: not there yet */
	bool dirty;
	bool due;   /* it is new or raised: to be committed before whoever recorded it goes on */
	bool fresh; /* nobody was told of it */
	char uid[JOURNAL_UID_SIZE];
	char *detector; /* owned */
	uint64_t first_seen, last_seen, count;
	uint64_t told;	/* the count that was told last */
	uint64_t noted; /* sightings ever written: which place the next one takes */
	uint64_t sequence;
	int severity;
	unsigned state;
	char *document; /* owned; to be written; NULL: the one in the file stands */
	struct held_sighting held[JOURNAL_SIGHTINGS_HELD];
	size_t held_count;
	uint64_t witnesses[JOURNAL_WITNESSES]; /* that the document has, as far as is remembered */
	size_t witness_count;
	enum journal_life life;
	bool told_life; /* its life has changed, and sinks that knew it hear of that */
	uint32_t sinks;
	struct journal_closing closing;
	char *watched;	  /* owned; to be written; NULL: what is in the file stands */
	uint64_t changes; /* ever written: which place the next one takes */
	struct held_change held_changes[HELD_CHANGES];
	size_t change_count;
	/* Given by a transaction that is not committed yet. */
	int64_t coming_id;
	uint64_t coming_sequence;
};

TAILQ_HEAD(open_list, open_finding);

struct open_table {
	struct open_finding **buckets;
	size_t mask, count, max;
	uint64_t seed;
	size_t held_bytes, unwritten; /* in documents and summaries; findings with no row */
	size_t dirty;		      /* findings */
	struct open_list by_use;      /* least recently used first */
	struct open_list by_dirt;     /* longest dirty first */
	struct open_list by_due;
};

int open_table_init(struct open_table *table, size_t max);
void open_table_clear(struct open_table *table); /* frees all of it */

/* The finding, as the most recently used one, or NULL. */
struct open_finding *open_table_find(struct open_table *table, const char *uid);
/* A new one, zeroed but for its uid and detector (copied). NULL when memory is short. The caller
 * has made room. */
struct open_finding *open_table_add(struct open_table *table, const char *uid,
				    const char *detector);
void open_table_remove(struct open_table *table, struct open_finding *finding);

void open_table_mark(struct open_table *table, struct open_finding *finding);
void open_table_set_due(struct open_table *table, struct open_finding *finding, bool due);
/* It has a row by now, or has lost it with the file. */
void open_table_set_row(struct open_table *table, struct open_finding *finding, int64_t id);
void open_table_forget_row(struct open_table *table, struct open_finding *finding);
/* It was committed: what was coming is so, what was held is freed. */
void open_table_settle(struct open_table *table, struct open_finding *finding);

/* Copies them in, for the next flush. -ENOBUFS: over JOURNAL_HELD_BYTES; -ENOMEM. */
int open_finding_hold_document(struct open_table *table, struct open_finding *finding,
			       const char *document);
int open_finding_hold_sighting(struct open_table *table, struct open_finding *finding,
			       uint64_t time, const char *summary);
/* The text is copied. Beyond HELD_CHANGES: -ENOBUFS. */
int open_finding_hold_change(struct open_table *table, struct open_finding *finding,
			     const struct journal_change_note *change);
/* NULL: nothing is held. */
int open_finding_hold_watched(struct open_table *table, struct open_finding *finding,
			      const char *watched);
