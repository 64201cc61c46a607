/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the table of deliveries, and which of them are taken. Findings come from journal.c, within
 * its transactions; deliveries go to the daemon. The statements are in journal_store.c.
 */
#include "journal/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "journal/journal_private.h"

/* Rows dropped in one transaction, so that it stays short; the rest goes the next time. */
#define DROP_ROWS 4096

int outbox_open(struct journal *journal, const struct outbox_options *options)
{
	int r;

	if (options->sinks_count > OUTBOX_SINKS_MAX)
		return -EINVAL;
	r = store_begin(&journal->store);
	if (r == 0)
		r = store_run(&journal->store, store_statement(&journal->store, STORE_REVIVE));
	if (r == 0)
		r = store_commit(&journal->store);
	if (r < 0) {
		store_rollback(&journal->store);
		return r;
	}
	journal->outbox.options = *options;
	journal->outbox.taken_count = 0;
	return 0;
}

static bool sink_is_there(const struct outbox_options *options, uint64_t sink)
{
	for (size_t i = 0; options && i < options->sinks_count; i++)
		if (options->sinks[i].id == sink)
			return true;
	return false;
}

/* The first sink above one that something is owed to; 0: none. */
static int owed_sink(struct journal *journal, uint64_t above, uint64_t *ret)
{
	sqlite3_stmt *statement = store_statement(&journal->store, STORE_OWED_SINKS);
	int result;

	(void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)above);
	result = statement ? sqlite3_step(statement) : SQLITE_MISUSE;
	*ret = result == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	(void)sqlite3_reset(statement);
	return store_error(&journal->store, result);
}

static int sink_forget(struct journal *journal, uint64_t sink, uint64_t *ret_count)
{
	sqlite3_stmt *statement;
	int r = store_begin(&journal->store);

	if (r < 0)
		return r;
	statement = store_statement(&journal->store, STORE_FORGET);
	(void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)sink);
	r = store_run(&journal->store, statement);
	*ret_count = (uint64_t)sqlite3_changes(journal->store.database);
	if (r == 0)
		r = store_commit(&journal->store);
	if (r < 0)
		store_rollback(&journal->store);
	return r;
}

int outbox_drop_others(struct journal *journal, const struct outbox_options *options,
		       void (*dropped)(unsigned sink, uint64_t count, void *userdata),
		       void *userdata)
{
	uint64_t sink = 0, count;
	int r;

	if (!journal->store.database)
		return -ESTALE;
	for (;;) {
		r = owed_sink(journal, sink, &sink);
		if (r < 0 || sink == 0)
			return r;
		if (sink_is_there(options, sink))
			continue;
		r = sink_forget(journal, sink, &count);
		if (r < 0)
			return r;
		dropped((unsigned)sink, count, userdata);
	}
}

int outbox_note(struct journal *journal, const struct outbox_note *note)
{
	const struct outbox_options *options = &journal->outbox.options;
	uint64_t now = clock_realtime();
	int r = 0;

	for (size_t i = 0; r == 0 && i < options->sinks_count; i++) {
		sqlite3_stmt *statement = store_statement(&journal->store, STORE_OWE);

		if (note->severity < options->sinks[i].severity)
			continue;
		if (note->sinks &&
		    !(note->sinks >> (OUTBOX_ROUTE_SHIFT + options->sinks[i].id) & 1))
			continue;
		(void)sqlite3_bind_int64(statement, 1, options->sinks[i].id);
		(void)sqlite3_bind_text(statement, 2, note->uid, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(statement, 3, note->id);
		(void)sqlite3_bind_int(statement, 4, note->severity);
		(void)sqlite3_bind_int(statement, 5, note->severity >= OUTBOX_KEPT_SEVERITY);
		(void)sqlite3_bind_int64(statement, 6, (sqlite3_int64)now);
		(void)sqlite3_bind_int64(statement, 7,
					 (sqlite3_int64)(note->now ? now : now + options->repeat));
		(void)sqlite3_bind_int64(statement, 8, (sqlite3_int64)note->size);
		r = store_run(&journal->store, statement);
		journal->outbox.noted = true;
	}
	return r;
}

/* ---- documents of their own ---- */

int outbox_add(struct journal *journal, const struct outbox_document *document)
{
	struct outbox *outbox = &journal->outbox;
	struct outbox_added added = { .severity = document->severity, .time = document->time };

	if (strlen(document->document) > JOURNAL_DOCUMENT_MAX)
		return -E2BIG;
	if (outbox->added_count == OUTBOX_ADDED_MAX)
		return -ENOBUFS;
	added.uid = strdup(document->uid);
	added.document = strdup(document->document);
	if (!added.uid || !added.document) {
		free(added.uid);
		free(added.document);
		return -ENOMEM;
	}
	outbox->added[outbox->added_count++] = added;
	return 0;
}

static int added_write(struct journal *journal, const struct outbox_added *added,
		       const struct outbox_sink *sink)
{
	sqlite3_stmt *statement = store_statement(&journal->store, STORE_OWE_DOCUMENT);

	(void)sqlite3_bind_int64(statement, 1, sink->id);
	(void)sqlite3_bind_text(statement, 2, added->uid, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(statement, 3, added->severity);
	(void)sqlite3_bind_int(statement, 4, added->severity >= OUTBOX_KEPT_SEVERITY);
	(void)sqlite3_bind_int64(statement, 5, (sqlite3_int64)clock_realtime());
	(void)sqlite3_bind_int64(statement, 6, (sqlite3_int64)strlen(added->document));
	(void)sqlite3_bind_int64(statement, 7, (sqlite3_int64)added->time);
	(void)sqlite3_bind_text(statement, 8, added->document, -1, SQLITE_STATIC);
	return store_run(&journal->store, statement);
}

int outbox_added_write(struct journal *journal)
{
	const struct outbox *outbox = &journal->outbox;
	int r = 0;

	for (size_t i = 0; i < outbox->added_count; i++)
		for (size_t s = 0; r == 0 && s < outbox->options.sinks_count; s++) {
			const struct outbox_sink *sink = &outbox->options.sinks[s];

			if (sink->documents && outbox->added[i].severity >= sink->severity)
				r = added_write(journal, &outbox->added[i], sink);
		}
	return r;
}

void outbox_added_clear(struct journal *journal)
{
	struct outbox *outbox = &journal->outbox;

	outbox->noted |= outbox->added_count > 0;
	for (size_t i = 0; i < outbox->added_count; i++) {
		free(outbox->added[i].uid);
		free(outbox->added[i].document);
	}
	outbox->added_count = 0;
}

bool outbox_noted(struct journal *journal)
{
	bool noted = journal->outbox.noted;

	journal->outbox.noted = false;
	return noted;
}

/* ---- what is taken: in the order of sequence ---- */

static size_t taken_place(const struct outbox *outbox, uint64_t sequence)
{
	size_t low = 0, high = outbox->taken_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (outbox->taken[middle].sequence < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct outbox_taken *taken_find(struct outbox *outbox, uint64_t sequence)
{
	size_t place = taken_place(outbox, sequence);

	return place < outbox->taken_count && outbox->taken[place].sequence == sequence
		       ? &outbox->taken[place]
		       : NULL;
}

static void taken_add(struct outbox *outbox, uint64_t sequence, uint64_t version)
{
	size_t place = taken_place(outbox, sequence);

	memmove(&outbox->taken[place + 1], &outbox->taken[place],
		(outbox->taken_count - place) * sizeof(outbox->taken[0]));
	outbox->taken[place] = (struct outbox_taken){ sequence, version };
	outbox->taken_count++;
}

static void taken_remove(struct outbox *outbox, uint64_t sequence)
{
	struct outbox_taken *taken = taken_find(outbox, sequence);
	size_t place = taken ? (size_t)(taken - outbox->taken) : 0;

	if (!taken)
		return;
	outbox->taken_count--;
	memmove(taken, taken + 1, (outbox->taken_count - place) * sizeof(outbox->taken[0]));
}

void outbox_release(struct journal *journal)
{
	journal->outbox.taken_count = 0;
}

/* ---- taking ---- */

static int row_take(struct outbox *outbox, sqlite3_stmt *statement, unsigned sink,
		    int (*take)(const struct outbox_delivery *delivery, void *userdata),
		    void *userdata)
{
	struct outbox_delivery delivery = {
		.sequence = (uint64_t)sqlite3_column_int64(statement, 0),
		.sink = sink,
		.uid = (const char *)sqlite3_column_text(statement, 1),
		.severity = sqlite3_column_int(statement, 2),
		.enqueued = (uint64_t)sqlite3_column_int64(statement, 3),
		.attempts = (unsigned)sqlite3_column_int64(statement, 4),
		.count = (uint64_t)sqlite3_column_int64(statement, 6),
		.last_seen = (uint64_t)sqlite3_column_int64(statement, 7),
		.document = (const char *)sqlite3_column_text(statement, 8),
	};
	uint64_t version = (uint64_t)sqlite3_column_int64(statement, 5);
	int r;

	if (taken_find(outbox, delivery.sequence) || !delivery.uid || !delivery.document)
		return 0;
	if (outbox->taken_count == OUTBOX_TAKEN_MAX)
		return -ENOBUFS;
	r = take(&delivery, userdata);
	if (r == 0)
		taken_add(outbox, delivery.sequence, version);
	return r;
}

int outbox_take(struct journal *journal, unsigned sink, uint64_t now,
		int (*take)(const struct outbox_delivery *delivery, void *userdata), void *userdata)
{
	int r = 0;

	if (!journal->store.database)
		return -ESTALE;
	for (int severe = 1; r == 0 && severe >= 0; severe--) {
		sqlite3_stmt *statement = store_statement(&journal->store, STORE_DUE);
		int result;

		(void)sqlite3_bind_int64(statement, 1, sink);
		(void)sqlite3_bind_int(statement, 2, severe);
		(void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)now);
		while (r == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW)
			r = row_take(&journal->outbox, statement, sink, take, userdata);
		if (r == 0)
			r = store_error(&journal->store, result);
		/* An open statement is an open snapshot: the log could not be cut back. */
		(void)sqlite3_reset(statement);
	}
	return r;
}

/* ---- settling ---- */

static int result_write(struct journal *journal, const struct outbox_result *result, uint64_t now)
{
	const struct outbox_taken *taken = taken_find(&journal->outbox, result->sequence);
	static const enum store_statement statements[] = {
		[OUTBOX_DELIVERED] = STORE_DELIVERED,
		[OUTBOX_LATER] = STORE_LATER,
		[OUTBOX_POISON] = STORE_SET_ASIDE,
	};
	uint64_t next = result->next_try;
	sqlite3_stmt *statement;
	int r;

	if (!taken || result->fate == OUTBOX_BACK)
		return 0;
	statement = store_statement(&journal->store, statements[result->fate]);
	(void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)result->sequence);
	(void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)taken->version);
	(void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)next);
	r = store_run(&journal->store, statement);
	if (r < 0 || result->fate != OUTBOX_DELIVERED ||
	    sqlite3_changes(journal->store.database) > 0)
		return r;
	/* It was seen again since it was taken: that is owed now. */
	next = now + journal->outbox.options.repeat;
	statement = store_statement(&journal->store, STORE_AGAIN);
	(void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)result->sequence);
	(void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)now);
	(void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)next);
	return store_run(&journal->store, statement);
}

int outbox_settle(struct journal *journal, const struct outbox_result *results, size_t count,
		  uint64_t now)
{
	bool writes = false;
	int r = 0;

	for (size_t i = 0; i < count; i++)
		writes |= results[i].fate != OUTBOX_BACK;
	if (writes) {
		r = store_begin(&journal->store);
		for (size_t i = 0; r == 0 && i < count; i++)
			r = result_write(journal, &results[i], now);
		if (r == 0)
			r = store_commit(&journal->store);
		if (r < 0 && journal->store.database)
			store_rollback(&journal->store);
	}
	for (size_t i = 0; i < count; i++)
		taken_remove(&journal->outbox, results[i].sequence);
	return r;
}

/* ---- bounds ---- */

static int drop(struct journal *journal, int64_t enqueued_before, uint64_t count, uint64_t *dropped)
{
	sqlite3_stmt *statement = store_statement(&journal->store, STORE_DROP);
	int r;

	(void)sqlite3_bind_int(statement, 1, OUTBOX_KEPT_SEVERITY);
	(void)sqlite3_bind_int64(statement, 2, enqueued_before);
	(void)sqlite3_bind_int64(statement, 3,
				 (sqlite3_int64)(count < DROP_ROWS ? count : DROP_ROWS));
	r = store_run(&journal->store, statement);
	if (r == 0)
		*dropped += (uint64_t)sqlite3_changes(journal->store.database);
	return r;
}

/* How many rows are over, by number and by bytes: as many as make up for it on average. */
static uint64_t rows_over(const struct outbox_options *options,
			  const struct outbox_statistics *statistics)
{
	uint64_t rows = statistics->waiting + statistics->poison, over = 0;

	if (rows > options->entries)
		over = rows - options->entries;
	if (statistics->bytes > options->bytes) {
		uint64_t each = statistics->bytes / (rows ? rows : 1) + 1;
		uint64_t by_bytes = (statistics->bytes - options->bytes) / each + 1;

		over = over > by_bytes ? over : by_bytes;
	}
	return over;
}

int outbox_prune(struct journal *journal, uint64_t now, uint64_t *ret_dropped)
{
	const struct outbox_options *options = &journal->outbox.options;
	struct outbox_statistics statistics;
	uint64_t dropped = 0, over;
	int r = outbox_statistics(journal, 0, &statistics);

	if (r < 0)
		return r;
	over = rows_over(options, &statistics);
	*ret_dropped = 0;
	if (over == 0 && (statistics.oldest == 0 || now - statistics.oldest <= options->age))
		return 0;
	r = store_begin(&journal->store);
	if (r == 0 && now > options->age)
		r = drop(journal, (int64_t)(now - options->age), DROP_ROWS, &dropped);
	if (r == 0 && over > dropped)
		r = drop(journal, INT64_MAX, over - dropped, &dropped);
	if (r == 0)
		r = store_commit(&journal->store);
	if (r < 0) {
		store_rollback(&journal->store);
		return r;
	}
	*ret_dropped = dropped;
	return 0;
}

int outbox_next(struct journal *journal, unsigned sink, uint64_t *ret)
{
	uint64_t next = 0;

	if (!journal->store.database)
		return -ESTALE;
	for (int severe = 0; severe < 2; severe++) {
		sqlite3_stmt *statement = store_statement(&journal->store, STORE_NEXT);
		int result;

		(void)sqlite3_bind_int64(statement, 1, sink);
		(void)sqlite3_bind_int(statement, 2, severe);
		result = statement ? sqlite3_step(statement) : SQLITE_MISUSE;
		if (result == SQLITE_ROW) {
			uint64_t time = (uint64_t)sqlite3_column_int64(statement, 0);

			if (time && (!next || time < next))
				next = time;
		}
		(void)sqlite3_reset(statement);
		if (result != SQLITE_ROW && result != SQLITE_DONE)
			return store_error(&journal->store, result);
	}
	*ret = next;
	return 0;
}

int outbox_statistics(struct journal *journal, unsigned sink, struct outbox_statistics *ret)
{
	sqlite3_stmt *statement;
	int result;

	*ret = (struct outbox_statistics){ 0 };
	if (!journal->store.database)
		return -ESTALE;
	statement = store_statement(&journal->store, STORE_OWED);
	(void)sqlite3_bind_int64(statement, 1, sink);
	while (statement && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		uint64_t count = (uint64_t)sqlite3_column_int64(statement, 1);

		ret->bytes += (uint64_t)sqlite3_column_int64(statement, 2);
		if (sqlite3_column_int(statement, 0)) {
			ret->poison += count;
			continue;
		}
		ret->waiting += count;
		ret->oldest = (uint64_t)sqlite3_column_int64(statement, 3);
	}
	(void)sqlite3_reset(statement);
	return statement ? store_error(&journal->store, result) : -EBADMSG;
}
