/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal: every finding, durable before anything happens because of it. One SQLite file
 * (write-ahead log), owned by cordond; others read it read-only.
 *
 * A finding is one row, found by its uid. A new one is committed (and synced) before
 * journal_record() returns. Repeats raise its count: they are added up in memory and written by
 * journal_flush(), at most a second later, so a flood costs one transaction a second, not one a
 * lookup. What a reader of the journal sees is on disk.
 *
 * Bounded: at most journal_limits.findings rows, the ones last seen longest ago go first, and how
 * many went is counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

struct journal_limits {
	uint64_t findings; /* rows kept */
	size_t open;	   /* findings held in memory to add up repeats; least recently used goes */
	size_t sightings;  /* of each finding, the last so many are kept as its history */
};

struct journal_entry {
	const char *uid;
	uint64_t first_seen, last_seen; /* ns since the epoch */
	uint64_t count;
	int severity;	      /* 1..5 */
	const char *detector; /* borrowed for the callback */
	const char *document; /* the finding as one line of JSON, count and times as last written */
	uint64_t sequence;    /* rises with every change of any entry: where a follower goes on */
};

/* One time the thing was seen: kept small, the last so many of each finding. */
struct journal_sighting {
	uint64_t time;
	const char *summary; /* short JSON object: name asked, process, disposition */
};

enum journal_outcome {
	JOURNAL_NEW = 1,      /* first time: it is on disk */
	JOURNAL_REPEATED = 2, /* seen before: counted, to be flushed */
};

/* Opens or creates it. A damaged file is set aside (renamed, with the time) and a new one begun;
 * *ret_damaged is then true: a finding of its own is owed. */
int journal_open(const char *path, const struct journal_limits *limits, struct journal **ret,
		 bool *ret_damaged);
/* Read-only, for the command line while no daemon runs. */
int journal_open_reader(const char *path, struct journal **ret);
/* Flushes and closes. */
void journal_close(struct journal *journal);

/* document is asked for only when it must be written (new, or at a flush), so that a repeat costs
 * no rendering: the caller renders entry->count, first_seen and last_seen into it. Returned text
 * is the caller's own and stays valid until the next call; NULL: -ENOMEM. */
typedef const char *(*journal_render)(const struct journal_entry *entry, void *userdata);

/* Records that uid was seen at time. Returns a journal_outcome or a negative errno (-ENOSPC, -EIO:
 * nothing was recorded, the caller says so and goes on). ret_entry, if not NULL, is filled and
 * valid until the next call. */
int journal_record(struct journal *journal, const char *uid, const char *detector, int severity,
		   const struct journal_sighting *sighting, journal_render render, void *userdata,
		   struct journal_entry *ret_entry);

/* Writes what was added up; calls changed for each entry that it wrote, after the commit. render
 * as above cannot know the event any more: the stored document is handed to amend instead, which
 * returns it with the new count and times. */
typedef const char *(*journal_amend)(const char *document, const struct journal_entry *entry,
				     void *userdata);
typedef void (*journal_changed)(const struct journal_entry *entry, void *userdata);
int journal_flush(struct journal *journal, journal_amend amend, journal_changed changed,
		  void *userdata);

struct journal_query {
	uint64_t since;		 /* ns; last seen at or after */
	int severity;		 /* at least */
	uint64_t after_sequence; /* entries changed after it, in that order; 0: all, by last seen */
	const char *uid;	 /* only this one; NULL: any */
};
/* Calls found for each; a non-zero return stops and is returned. */
int journal_read(struct journal *journal, const struct journal_query *query,
		 int (*found)(const struct journal_entry *entry, void *userdata), void *userdata);
int journal_read_sightings(struct journal *journal, const char *uid,
			   int (*found)(const struct journal_sighting *sighting, void *userdata),
			   void *userdata);

struct journal_statistics {
	uint64_t findings; /* rows */
	uint64_t recorded; /* journal_record() calls since it was opened */
	uint64_t fresh, repeated, failed, pruned;
	uint64_t bytes; /* of the files */
};
void journal_statistics(struct journal *journal, struct journal_statistics *ret);
