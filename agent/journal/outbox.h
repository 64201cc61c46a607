/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox: what the journal owes to sinks that may be out of reach. A finding that is written
 * to the journal is owed to each of them in the same transaction, so neither a crash nor a power
 * failure comes between; it is owed until the sink has taken it. At least once: what was taken, but
 * not settled when the process ended, goes again.
 *
 * At most one delivery of a finding waits for a sink: what is seen again meanwhile changes that
 * one, and the document is read when it is taken. So order holds for each finding, and the last
 * state of it arrives. A finding that is pruned leaves its document with what is owed of it.
 *
 * Documents that are no findings (what was done about one) are owed by the same rules, to the sinks
 * that want them: outbox_add().
 *
 * Bounded: beyond the limits the least severe and oldest go, and are counted. Findings of high and
 * critical severity never do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"

#define OUTBOX_SINKS_MAX     8
/* Deliveries that are taken at one time, over all sinks. */
#define OUTBOX_TAKEN_MAX     4096
/* From here on never dropped. */
#define OUTBOX_KEPT_SEVERITY 4

/* Of a finding's sinks (journal_input), the bit of the sink with id 0. Those below are the
 * caller's.
 */
#define OUTBOX_ROUTE_SHIFT 8

struct outbox_sink {
	unsigned id;	/* the caller's; it stays what it is from one start to the next */
	int severity;	/* findings of at least this */
	bool documents; /* others than findings, too */
};

struct outbox_options {
	struct outbox_sink sinks[OUTBOX_SINKS_MAX];
	size_t sinks_count;
	uint64_t entries, bytes; /* limits of what waits */
	uint64_t age;		 /* ns */
	uint64_t repeat;	 /* ns: a finding seen again is told of at most so often */
};

/* Once, after journal_open(), before the first finding. What was set aside before is tried again.
 * Without it the journal owes nothing. */
int outbox_open(struct journal *journal, const struct outbox_options *options);

/* After outbox_open(), or in its place when there is no sink at all (options NULL): drops what is
 * owed to sinks that are not in options any more, and tells of each. */
int outbox_drop_others(struct journal *journal, const struct outbox_options *options,
		       void (*dropped)(unsigned sink, uint64_t count, void *userdata),
		       void *userdata);

/* Borrowed for the call. */
struct outbox_document {
	const char *uid; /* unlike every finding's */
	const char *document;
	int severity;
	uint64_t time; /* ns since the epoch */
};
/* Owes it, with the findings that are committed next; until then it is in memory. Copies. -ENOBUFS:
 * OUTBOX_ADDED_MAX wait for a commit already, so the disk is full; -E2BIG, -ENOMEM. */
#define OUTBOX_ADDED_MAX 256
int outbox_add(struct journal *journal, const struct outbox_document *document);

/* Borrowed for the call. */
struct outbox_delivery {
	uint64_t sequence; /* which one: for outbox_settle() */
	unsigned sink;
	const char *uid, *document;
	int severity;
	uint64_t count, last_seen; /* stand over those in the document */
	uint64_t enqueued;
	unsigned attempts;
};

/* Calls take for deliveries that are due, severe ones first, and are not taken yet. It returns 0
 * and has then taken it, or else something that ends the call and is returned. */
int outbox_take(struct journal *journal, unsigned sink, uint64_t now,
		int (*take)(const struct outbox_delivery *delivery, void *userdata),
		void *userdata);

enum outbox_fate {
	OUTBOX_DELIVERED,
	OUTBOX_LATER,  /* not before next_try */
	OUTBOX_POISON, /* set aside, until the next start */
	OUTBOX_BACK,   /* as if it had not been taken */
};
struct outbox_result {
	uint64_t sequence;
	enum outbox_fate fate;
	uint64_t next_try; /* ns since the epoch */
};
/* In one transaction. On failure all of them are given back, and go again. */
int outbox_settle(struct journal *journal, const struct outbox_result *results, size_t count,
		  uint64_t now);
/* Whether something was owed since the last call. */
bool outbox_noted(struct journal *journal);
/* Gives back all that was taken. */
void outbox_release(struct journal *journal);

/* Drops what is beyond the limits; how many. To be called every few seconds. */
int outbox_prune(struct journal *journal, uint64_t now, uint64_t *ret_dropped);

/* When the next delivery to that sink is due, ns since the epoch; 0: nothing waits. Those that are
 * taken count as well. */
int outbox_next(struct journal *journal, unsigned sink, uint64_t *ret);

struct outbox_statistics {
	uint64_t waiting, bytes; /* taken ones included */
	uint64_t oldest;	 /* ns since the epoch, when it was owed first; 0: none waits */
	uint64_t poison;	 /* set aside */
};
/* sink 0: of all. */
int outbox_statistics(struct journal *journal, unsigned sink, struct outbox_statistics *ret);
