/* SPDX-License-Identifier: Apache-2.0
 *
 * What journal.c (the writer's side) and journal_read.c (everybody's) share.
 */
#pragma once

#include "journal/journal.h"
#include "journal/journal_store.h"
#include "journal/journal_table.h"
#include "journal/outbox.h"

/* outbox.c */
struct outbox_taken {
	uint64_t sequence, version;
};

struct outbox_added {
	char *uid, *document;
	int severity;
	uint64_t time;
};

struct outbox {
	struct outbox_options options;
	struct outbox_taken taken[OUTBOX_TAKEN_MAX];
	size_t taken_count;
	bool noted;
	struct outbox_added added[OUTBOX_ADDED_MAX]; /* to be written with what is next */
	size_t added_count;
};

struct journal {
	struct store store;
	bool writer;
	/* the writer's */
	struct journal_limits limits;
	struct open_table table;
	uint64_t sequence, rows, pruned;
	bool batch;	   /* journal_begin() was called */
	bool flush_failed; /* room is made by writing only when that worked last time */
	journal_changed changed;
	void *changed_userdata;
	struct outbox outbox;
	struct journal_statistics statistics; /* only what journal.c counts itself */
	/* a reader's */
	uint64_t data_version;
};

/* journal.c */
struct journal_entry journal_entry_of(const struct open_finding *finding);
int journal_replace(struct journal *journal, int error);
int journal_commit_due(struct journal *journal);
void journal_prune_in_time(struct journal *journal);

/* journal_record.c */
/* The finding in memory, from the file if need be: 1 when it is known, 0 when it is new. */
int journal_find(struct journal *journal, const struct journal_input *input,
		 struct open_finding **ret);
/* With the document that it has by now. */
struct journal_entry journal_entry_before(struct journal *journal,
					  const struct open_finding *finding);

/* journal_life.c */
int journal_note_change(struct journal *journal, struct open_finding *finding,
			enum journal_event event, const struct journal_input *input);
void journal_note_closing(struct journal *journal, struct open_finding *finding,
			  const struct journal_input *input);
int journal_write_life(struct journal *journal, struct open_finding *finding, int64_t id);

/* journal_prune.c: removes rows beyond the limit, those that were last seen longest ago. */
int journal_prune(struct journal *journal);
/* Rows pruned in one transaction, so that it stays short. */
#define PRUNE_ROWS 512

/* A finding that is written, within its transaction. */
struct outbox_note {
	int64_t id;
	const char *uid;
	int severity;
	bool now; /* it is new, or worse than before */
	size_t size;
	uint32_t sinks; /* 0: all; else bit OUTBOX_ROUTE_SHIFT + id for each */
};
int outbox_note(struct journal *journal, const struct outbox_note *note);
/* Within a transaction: what was added. outbox_added_clear() when that is committed. */
int outbox_added_write(struct journal *journal);
void outbox_added_clear(struct journal *journal);
