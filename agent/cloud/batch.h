/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries on their way to one sink, and the batch of them that fits into one call: by count, bytes
 * and the time that it spans. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cloud/message.h"

#define BATCH_WHY_SIZE 192

struct batch_entry {
	TAILQ_ENTRY(batch_entry) next;
	uint64_t id;
	uint64_t time;	 /* ms since the epoch */
	uint64_t came;	 /* boot clock */
	uint64_t number; /* order in which they came */
	bool urgent;
	bool moved; /* the service did not take it with its own time */
	/* Of a batch that the service took: what became of this one. MESSAGE_RETRY: it is queued
	 * once more, with the time of now. */
	enum message_outcome outcome;
	char why[BATCH_WHY_SIZE];
	char *document; /* owned; NUL-terminated */
	size_t size;
};
TAILQ_HEAD(batch_list, batch_entry);

/* What one call may have. */
struct batch_limits {
	size_t count;
	size_t bytes;	 /* of all documents, with the overhead of each */
	size_t overhead; /* bytes of each entry beside its document */
	size_t entry;	 /* bytes of one, with its overhead */
	uint64_t span;	 /* ms from the first to the last; 0: any */
	uint64_t period; /* ms: all are of one such part of the clock, an hour; 0: any */
};

struct batch {
	struct batch_entry **entries;
	size_t count, room, bytes;
	uint64_t first, last; /* ms */
};

/* Moves entries from the front of the queue into the batch, which is empty, until one does not fit
 * any more; then orders them by time. Those of another period are left where they are. At most
 * count of them. One that is too large for any batch is left at the front of the queue. -ENOMEM:
 * nothing was moved. */
int batch_fill(struct batch *batch, struct batch_list *queue, const struct batch_limits *limits,
	       size_t count);
/* Puts them back at the front of the queue, in the order in which they came. */
void batch_return(struct batch *batch, struct batch_list *queue);
/* Frees the memory, not the entries. */
void batch_clear(struct batch *batch);

void batch_entry_free(struct batch_entry *entry);

/* Says what became of one. code and text: the service's words, cut where they are too long; NULL:
 * it has none. */
void batch_entry_end(struct batch_entry *entry, enum message_outcome outcome, const char *code,
		     const char *text);
