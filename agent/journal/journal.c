/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the journal as its writer sees it: what is added up in memory (journal_table.h) and when it
 * goes to the file (journal_store.h). Gets findings from the daemon, whose names and documents
 * may hold what an outsider chose; they are only stored here.
 */
#include "journal/journal_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

CLEANUP_DEFINE(struct journal *, journal_close)

static struct store_row row_of(const struct open_finding *finding, uint64_t sequence)
{
	return (struct store_row){
		.id = finding->id,
		.uid = finding->uid,
		.detector = finding->detector,
		.first_seen = finding->first_seen,
		.last_seen = finding->last_seen,
		.count = finding->count,
		.noted = finding->noted + finding->held_count,
		.sequence = sequence,
		.severity = finding->severity,
		.state = finding->state,
		.life = finding->life,
		.sinks = finding->sinks,
		.quiet = finding->closing.quiet,
		.closing = finding->closing.when,
		.changes = finding->changes + finding->change_count,
	};
}

struct journal_entry journal_entry_of(const struct open_finding *finding)
{
	return (struct journal_entry){
		.uid = finding->uid,
		.detector = finding->detector,
		.first_seen = finding->first_seen,
		.last_seen = finding->last_seen,
		.count = finding->count,
		.severity = finding->severity,
		.document = finding->document,
		.sequence = finding->sequence,
		.fresh = finding->fresh,
		.life = finding->life,
		.sinks = finding->sinks,
	};
}

int journal_open(const char *path, const struct journal_limits *limits, struct journal **ret,
		 bool *ret_damaged)
{
	CLEANUP(journal_close_cleanup) struct journal *journal = calloc(1, sizeof(*journal));
	bool damaged;
	int r;

	if (!journal)
		return -ENOMEM;
	journal->writer = true;
	journal->limits = *limits;
	if (!journal->limits.findings)
		journal->limits.findings = JOURNAL_FINDINGS;
	if (!journal->limits.open)
		journal->limits.open = JOURNAL_OPEN;
	journal->store.lock_fd = -1;
	r = open_table_init(&journal->table, journal->limits.open);
	if (r == 0)
		r = store_open_writer(path, &journal->store, &damaged);
	if (r == 0)
		r = store_get_state(&journal->store, &journal->sequence, &journal->pruned);
	if (r == 0)
		r = store_count(&journal->store, &journal->rows);
	/* The limit may have been higher once. */
	if (r == 0)
		r = store_trim_sightings(&journal->store, journal->limits.sightings);
	if (r < 0)
		return r;
	journal->statistics.damaged = damaged;
	*ret_damaged = damaged;
	*ret = take_ptr(journal);
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->writer && journal->store.database)
		(void)journal_flush(journal);
	outbox_added_clear(journal);
	open_table_clear(&journal->table);
	store_close(&journal->store);
	free(journal);
}

void journal_listen(struct journal *journal, journal_changed changed, void *userdata)
{
	journal->changed = changed;
	journal->changed_userdata = userdata;
}

/* What sinks are to hear of it is written with it. */
static int finding_owe(struct journal *journal, const struct open_finding *finding, int64_t id)
{
	const struct outbox_note note = {
		.id = id,
		.uid = finding->uid,
		.severity = finding->severity,
		.now = finding->fresh || finding->due,
		.size = finding->document ? strlen(finding->document) : 0,
		.sinks = finding->sinks,
	};

	/* What is suppressed is told only when it was told before. */
	if (finding->life == JOURNAL_LIFE_SUPPRESSED && !finding->told_life)
		return 0;
	return outbox_note(journal, &note);
}

/* One finding, within a transaction. */
static int finding_write(struct journal *journal, struct open_finding *finding, uint64_t sequence)
{
	struct store *store = &journal->store;
	struct store_row row = row_of(finding, sequence);
	int64_t id = finding->id;
	int r = id ? store_update(store, &row) : store_insert(store, &row, &id);

	if (r == 0 && finding->document)
		r = store_set_document(store, id, finding->document);
	for (size_t i = 0; r == 0 && i < finding->held_count; i++) {
		uint64_t number = finding->noted + i;

		r = store_set_sighting(store, id, number % journal->limits.sightings, number,
				       finding->held[i].time, finding->held[i].summary);
	}
	if (r == 0)
		r = journal_write_life(journal, finding, id);
	if (r == 0 && journal->outbox.options.sinks_count > 0)
		r = finding_owe(journal, finding, id);
	finding->coming_id = id;
	finding->coming_sequence = sequence;
	return r;
}

static struct open_finding *dirty_next(struct open_finding *finding, bool due)
{
	if (!due)
		return finding ? TAILQ_NEXT(finding, by_dirt) : NULL;
	do
		finding = finding ? TAILQ_NEXT(finding, by_due) : NULL;
	while (finding && !finding->dirty);
	return finding;
}

static struct open_finding *dirty_first(const struct open_table *table, bool due)
{
	struct open_finding *finding =
		due ? TAILQ_FIRST(&table->by_due) : TAILQ_FIRST(&table->by_dirt);

	return finding && !finding->dirty ? dirty_next(finding, due) : finding;
}

/* Writes all dirty findings, or those among them that are due, in one transaction. In memory
 * nothing changes until it is committed. */
static int journal_write(struct journal *journal, bool due)
{
	struct open_finding *finding = dirty_first(&journal->table, due);
	uint64_t sequence = journal->sequence, rows = journal->rows;
	int r = store_check_path(&journal->store);

	if (r == 0)
		r = store_begin(&journal->store);
	if (r < 0)
		return r;
	for (; r == 0 && finding; finding = dirty_next(finding, due)) {
		rows += finding->id == 0;
		r = finding_write(journal, finding, ++sequence);
	}
	if (r == 0)
		r = outbox_added_write(journal);
	if (r == 0)
		r = store_set_state(&journal->store, sequence, journal->pruned);
	if (r == 0)
		r = store_commit(&journal->store);
	if (r < 0) {
		store_rollback(&journal->store);
		return r;
	}
	journal->sequence = sequence;
	journal->rows = rows;
	outbox_added_clear(journal);
	return 0;
}

/* The file is damaged or gone: begins a new one. Findings whose documents are still in memory go
 * into it; the others are forgotten, and come again as new ones. */
int journal_replace(struct journal *journal, int error)
{
	CLEANUP(free_cleanup) char *path = strdup(journal->store.path);
	struct open_finding *finding = TAILQ_FIRST(&journal->table.by_use), *next;
	bool damaged;
	int r = 0;

	if (!path)
		return -ENOMEM;
	store_close(&journal->store);
	if (error == -EBADMSG)
		r = store_set_aside(path);
	if (r == 0)
		r = store_open_writer(path, &journal->store, &damaged);
	if (r < 0) {
		/* Every use now fails with -ESTALE, and comes here again. */
		journal->store = (struct store){ .lock_fd = -1, .path = take_ptr(path) };
		return r;
	}
	for (; finding; finding = next) {
		next = TAILQ_NEXT(finding, by_use);
		if (finding->document)
			open_table_forget_row(&journal->table, finding);
		else
			open_table_remove(&journal->table, finding);
	}
	journal->statistics.damaged++;
	/* What is on its way was owed by the other file. */
	outbox_release(journal);
	return store_count(&journal->store, &journal->rows);
}

/* journal_write(), once more when the file had to be replaced. What is due has its document. */
static int journal_put(struct journal *journal, bool due)
{
	bool some = dirty_first(&journal->table, due) || journal->outbox.added_count > 0;
	int r = some ? journal_write(journal, due) : 0;

	if (r != -EBADMSG && r != -ESTALE)
		return r;
	r = journal_replace(journal, r);
	return r < 0 ? r : journal_write(journal, due);
}

/* After its commit. What came while it waited to be told is told with the next flush. */
static void finding_settle(struct journal *journal, struct open_finding *finding)
{
	finding->fresh = false;
	open_table_settle(&journal->table, finding);
	if (finding->told != finding->count)
		open_table_mark(&journal->table, finding);
}

static void finding_tell(struct journal *journal, struct open_finding *finding)
{
	struct journal_entry entry = journal_entry_of(finding);

	entry.sequence = finding->coming_sequence;
	if (journal->changed) {
		if (!entry.document)
			(void)store_get_document(&journal->store, finding->coming_id,
						 &entry.document);
		/* Without a document the file is damaged: the next write will find that out. */
		if (entry.document)
			journal->changed(&entry, journal->changed_userdata);
		store_done(&journal->store);
	}
	finding->told = finding->count;
}

int journal_flush(struct journal *journal)
{
	int r = journal_put(journal, false);

	journal->flush_failed = r < 0;
	if (r < 0)
		return r;
	for (size_t left = journal->table.dirty; left > 0; left--) {
		struct open_finding *finding = TAILQ_FIRST(&journal->table.by_dirt);

		/* What is due is told by whoever recorded it. */
		if (!finding->due)
			finding_tell(journal, finding);
		finding_settle(journal, finding);
	}
	return journal_prune(journal);
}

void journal_begin(struct journal *journal)
{
	journal->batch = true;
}

/* Commits what is due. On failure it is no longer due: a later flush writes and tells it. */
int journal_commit_due(struct journal *journal)
{
	int r = journal_put(journal, true);
	struct open_finding *finding;

	while ((finding = TAILQ_FIRST(&journal->table.by_due))) {
		open_table_set_due(&journal->table, finding, false);
		if (r == 0 && finding->dirty)
			finding_settle(journal, finding);
	}
	return r;
}

int journal_commit_ahead(struct journal *journal)
{
	int r;

	store_wait_for_disk(&journal->store, false);
	r = journal_commit(journal);
	store_wait_for_disk(&journal->store, true);
	return r;
}

int journal_sync(struct journal *journal)
{
	return journal->store.database ? store_sync(&journal->store) : 0;
}

/* Should nobody flush, the file stays bounded all the same. */
void journal_prune_in_time(struct journal *journal)
{
	if (journal->rows > journal->limits.findings + PRUNE_ROWS)
		(void)journal_prune(journal);
}

int journal_commit(struct journal *journal)
{
	int r = journal_commit_due(journal);

	journal->batch = false;
	if (r == 0)
		journal_prune_in_time(journal);
	return r;
}

void journal_statistics(struct journal *journal, struct journal_statistics *ret)
{
	static const char *const parts[] = { "", "-wal", "-shm" };

	*ret = journal->statistics;
	ret->findings = journal->rows;
	ret->pruned = journal->pruned;
	ret->held = journal->table.unwritten;
	if (!journal->writer) {
		uint64_t sequence;

		(void)store_count(&journal->store, &ret->findings);
		(void)store_get_state(&journal->store, &sequence, &ret->pruned);
	}
	for (size_t i = 0; i < ELEMENTS(parts); i++) {
		CLEANUP(free_cleanup) char *path = NULL;
		struct stat status;

		if (asprintf(&path, "%s%s", journal->store.path, parts[i]) < 0)
			path = NULL;
		else if (stat(path, &status) == 0)
			ret->bytes += (uint64_t)status.st_size;
	}
}
