/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal: every finding, durable before anything happens because of it. One SQLite file
 * (write-ahead log), owned by cordond; others read it read-only.
 *
 * A finding is one row, found by its uid. A new one is committed (and synced) before
 * journal_record() returns, or, between journal_begin() and journal_commit(), with all others of
 * that batch when journal_commit() does. Repeats raise its count: they are added up in memory and
 * written by journal_flush(), at most a second later, so a flood costs one transaction a second,
 * not one a lookup. What a reader of the journal sees is on disk.
 *
 * Bounded: at most journal_limits.findings rows are left by journal_flush(), the ones last seen
 * longest ago go first, and how many went is counted. Memory is bounded by journal_limits.open and
 * by JOURNAL_HELD_BYTES.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal;

/* Its name in the folder for state. */
#define JOURNAL_FILE "journal.db"

/* Longest uid, with its NUL. */
#define JOURNAL_UID_SIZE       64
/* Largest document; a finding is a few KiB, so a larger one is a mistake. */
#define JOURNAL_DOCUMENT_MAX   (256u << 10)
/* Documents and summaries that wait in memory for the next flush, all together: while the disk is
 * full, new findings beyond this are refused. */
#define JOURNAL_HELD_BYTES     (4u << 20)
/* Sightings of one finding that are kept between two flushes, the first ones: history shows that
 * and when a thing went on, not every packet of a flood. */
#define JOURNAL_SIGHTINGS_HELD 4
/* Things seen of one finding that its document tells one by one (journal_input, witness). */
#define JOURNAL_WITNESSES      8

struct journal_limits {
	uint64_t findings; /* rows kept; 0: JOURNAL_FINDINGS */
	size_t open;	   /* findings held in memory to add up repeats; 0: JOURNAL_OPEN */
	size_t sightings;  /* of each finding, the last so many are kept as its history; 0: none */
};
/* A finding with its document and 16 sightings takes about 9 KiB: 180 MB. */
#define JOURNAL_FINDINGS 20000
#define JOURNAL_OPEN	 4096 /* about 300 bytes each */

/* Numbers stand in the file. */
enum journal_life {
	JOURNAL_LIFE_OPEN = 0,
	JOURNAL_LIFE_SUPPRESSED = 1, /* recorded, nobody is told */
	JOURNAL_LIFE_CLOSED = 2,     /* over; seen again, it is open again */
};
const char *journal_life_name(enum journal_life life); /* "open", "suppressed", "closed" */

/* What has happened to a finding; numbers stand in the file. */
enum journal_event {
	JOURNAL_OPENING = 0,
	JOURNAL_SUPPRESSING = 1,
	JOURNAL_SEVERITY = 2, /* it is another one */
	JOURNAL_REOPENING = 3,
	JOURNAL_CLOSING = 4,
	JOURNAL_COMMENT = 5,
};
const char *journal_event_name(enum journal_event event);
/* The last so many of each finding are kept. */
#define JOURNAL_CHANGES 32
struct journal_change_note {
	uint64_t time;
	enum journal_event event;
	int severity;	  /* from then on */
	const char *text; /* why: a rule, or what somebody wrote; "" for nothing */
};

/* When a finding is over by itself. */
enum journal_closing_when {
	JOURNAL_PROCESS_GONE = 1,
	JOURNAL_FILE_GONE = 2,
	JOURNAL_WITHDRAWN = 4, /* its indicator */
};
struct journal_closing {
	uint64_t quiet; /* ns without a sighting; 0: no matter */
	unsigned when;	/* of enum journal_closing_when */
};

/* Strings are borrowed for the callback, or until the next call for this journal. */
struct journal_entry {
	const char *uid;
	const char *detector;
	uint64_t first_seen, last_seen; /* ns since the epoch */
	uint64_t count;
	int severity;	      /* 1..5 */
	const char *document; /* the finding as one line of JSON, as it was last rendered: count and
			       * times of this entry stand over those in it */
	uint64_t sequence;    /* rises with every change of any entry: where a follower goes on */
	bool fresh;	      /* told of for the first time */
	enum journal_life life;
	uint32_t sinks; /* bits of the caller's; 0: all */
};

/* One time the thing was seen: kept small, the last so many of each finding. */
struct journal_sighting {
	uint64_t time;
	const char *summary; /* short JSON object: name asked, process, disposition */
};

enum journal_outcome {
	JOURNAL_NEW = 1,      /* first time: it is on disk */
	JOURNAL_REPEATED = 2, /* seen before: counted, to be flushed */
	JOURNAL_RAISED = 3,   /* seen before, with a higher severity by now: that is on disk */
	JOURNAL_CHANGED = 4,  /* of journal_poll() */
	JOURNAL_REOPENED = 5, /* it was closed, and is seen again: that is on disk */
};

/* Opens or creates it, for its one writer (-EBUSY: there is one already). A damaged file is set
 * aside (renamed, with the time) and a new one begun; *ret_damaged is then true: a finding of its
 * own is owed. -EPROTONOSUPPORT: written by a newer version; nothing is touched. */
int journal_open(const char *path, const struct journal_limits *limits, struct journal **ret,
		 bool *ret_damaged);
/* Read-only, for the command line, whether a daemon runs or not. -ENOENT: nothing was ever written;
 * -EPROTONOSUPPORT, -EBADMSG (damaged) and others. */
int journal_open_reader(const char *path, struct journal **ret);
/* Flushes and closes. */
void journal_close(struct journal *journal);

/* One sighting of a finding. */
struct journal_input {
	const char *uid;
	const char *detector;
	uint64_t time; /* ns since the epoch */
	int severity;
	unsigned state; /* stands for all else that the document says and that may change (what was
			 * done about it): when it does, the document is rendered anew */
	uint64_t witness; /* stands for what was seen of the finding this time (the name asked);
			   * 0: nothing of interest. The first JOURNAL_WITNESSES of them are put
			   * into the document with amend */
	/* All are asked only when there is something to write, so that a repeat costs no
	 * rendering. What they return is the callee's own and stays valid until the next call;
	 * NULL: memory is short (document), nothing to keep or to change (the others). The entry's
	 * document is the one before; NULL: there is none. */
	const char *(*document)(const struct journal_entry *entry, void *userdata);
	const char *(*amend)(const struct journal_entry *entry, void *userdata); /* may be NULL */
	const char *(*summary)(void *userdata);					 /* may be NULL */
	const char *(*watched)(void *userdata);					 /* may be NULL */
	void *userdata;
	enum journal_life life;		/* open or suppressed */
	const char *because;		/* the rule, for the history; may be NULL */
	uint32_t sinks;			/* who is to be told: bits of the caller's; 0: all */
	struct journal_closing closing; /* with watched: what to look at, as a JSON object */
};

/* Records it. Returns a journal_outcome or a negative errno. -ENOSPC, -EIO, -EROFS, -EBUSY: it is
 * not on disk. It is then held in memory and comes with a later flush, as a fresh entry, unless
 * there is no room for it: -ENOBUFS. ret_entry, if not NULL, is filled when the outcome is
 * positive, its document only when that is new; its sequence is not known yet within a batch. */
int journal_record(struct journal *journal, const struct journal_input *input,
		   struct journal_entry *ret_entry);

/* A change of a finding that is no sighting: of its life, or of its severity. */
struct journal_change {
	const char *uid;
	enum journal_life life;
	int severity; /* 0: it is about its life; else its life stays as it is */
	uint64_t time;
	const char *text; /* why */
	/* The document as it is from now on; as in journal_input. */
	const char *(*document)(const struct journal_entry *entry, void *userdata);
	void *userdata;
};
/* It is on disk when it returns 0, and owed to sinks. -ENOENT: there is no such finding, -EALREADY:
 * that is its life already, others as journal_record(). ret_entry, if not NULL, has no document. */
int journal_change(struct journal *journal, const struct journal_change *change,
		   struct journal_entry *ret_entry);

/* A finding that may be over. */
struct journal_candidate {
	int64_t id; /* to go on from */
	const char *uid;
	uint64_t last_seen;
	struct journal_closing closing;
	const char *watched; /* a JSON object; "" for nothing */
};
/* Findings that are not closed and would be by themselves, after the one of that id, at most so
 * many; no lock is held meanwhile. Returns how many, or a negative errno. */
int journal_candidates(struct journal *journal, int64_t after, size_t most,
		       void (*found)(const struct journal_candidate *candidate, void *userdata),
		       void *userdata);

/* A batch: what journal_record() then returns as new or raised is on disk when journal_commit() has
 * returned 0, all with one sync; until then nobody may hear of it. Whoever begins a batch ends it
 * soon, and bounds what it holds itself meanwhile. When journal_commit() fails, what was recorded
 * waits in memory as it does when journal_record() fails. Without a batch it does nothing. */
void journal_begin(struct journal *journal);
int journal_commit(struct journal *journal);
/* As journal_commit(), but it does not wait for the disk: what it commits is there when whatever is
 * committed next is, an isolation (isolation_save()) for one, or after journal_sync(). */
int journal_commit_ahead(struct journal *journal);
int journal_sync(struct journal *journal);

/* changed is called for each entry whose repeats were committed, by journal_flush(), by
 * journal_close() and, when it must make room, by journal_record(); it may not call back into the
 * journal. The entry that journal_record() itself returns as new or raised is not told again. */
typedef void (*journal_changed)(const struct journal_entry *entry, void *userdata);
void journal_listen(struct journal *journal, journal_changed changed, void *userdata);

/* Writes what was added up, and prunes. On failure all of it stays in memory for the next time. */
int journal_flush(struct journal *journal);

struct journal_query {
	uint64_t since;		 /* ns; last seen at or after */
	int severity;		 /* at least */
	uint64_t after_sequence; /* entries changed after it, in that order; 0: all, by last seen */
	const char *uid;	 /* only this one; NULL: any */
	unsigned lives;		 /* bits of enum journal_life; 0: any */
};
/* Calls found for each; a non-zero return stops and is returned. No lock is held meanwhile, so a
 * slow reader is in nobody's way. */
int journal_read(struct journal *journal, const struct journal_query *query,
		 int (*found)(const struct journal_entry *entry, void *userdata), void *userdata);
/* Calls found for the finding that was new last, if there is one. What found returns, or a negative
 * errno. */
int journal_newest(struct journal *journal,
		   int (*found)(const struct journal_entry *entry, void *userdata), void *userdata);
/* Oldest first; at most JOURNAL_SIGHTINGS_READ of them. */
#define JOURNAL_SIGHTINGS_READ 10000
int journal_read_sightings(struct journal *journal, const char *uid,
			   int (*found)(const struct journal_sighting *sighting, void *userdata),
			   void *userdata);
/* A finding's history, oldest first. */
int journal_read_changes(struct journal *journal, const char *uid,
			 int (*found)(const struct journal_change_note *change, void *userdata),
			 void *userdata);
/* The highest sequence given so far, never 0: whoever wants to read and then go on from there asks
 * for it first. */
int journal_sequence(struct journal *journal, uint64_t *ret);
/* Whether the file has changed since the last call: JOURNAL_CHANGED or 0, cheap. -ESTALE: another
 * file stands at the path by now, to be opened anew. */
int journal_poll(struct journal *journal);

struct journal_statistics {
	uint64_t findings;	  /* rows */
	uint64_t recorded;	  /* journal_record() calls since it was opened */
	uint64_t fresh, repeated; /* of those: first times, and others */
	uint64_t failed;	  /* of those: lost, because there was no room */
	uint64_t held;		  /* findings that are only in memory, by now */
	uint64_t pruned;	  /* rows, ever */
	uint64_t damaged;	  /* files set aside since it was opened, and at it */
	uint64_t bytes;		  /* of the files */
};
void journal_statistics(struct journal *journal, struct journal_statistics *ret);
