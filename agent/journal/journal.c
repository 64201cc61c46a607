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
	};
}

static struct journal_entry entry_of(const struct open_finding *finding)
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
	};

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
static int journal_replace(struct journal *journal, int error)
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
	struct journal_entry entry = entry_of(finding);

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
static int due_commit(struct journal *journal)
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

/* Should nobody flush, the file stays bounded all the same. */
static void prune_in_time(struct journal *journal)
{
	if (journal->rows > journal->limits.findings + PRUNE_ROWS)
		(void)journal_prune(journal);
}

int journal_commit(struct journal *journal)
{
	int r = due_commit(journal);

	journal->batch = false;
	if (r == 0)
		prune_in_time(journal);
	return r;
}

/* One more finding must fit into memory: the least recently used one with nothing to write goes. */
static int journal_make_room(struct journal *journal)
{
	struct open_finding *finding;

	if (journal->table.count < journal->table.max)
		return 0;
	for (int attempt = 0; attempt < 2; attempt++) {
		TAILQ_FOREACH(finding, &journal->table.by_use, by_use)
		if (!finding->dirty) {
			open_table_remove(&journal->table, finding);
			return 0;
		}
		if (journal->flush_failed || journal_flush(journal) < 0)
			break;
	}
	return journal->table.count < journal->table.max ? 0 : -ENOBUFS;
}

/* The finding in memory, from the file if need be: 1 when it is known, 0 when it is new. */
static int journal_find(struct journal *journal, const struct journal_input *input,
			struct open_finding **ret)
{
	struct open_finding *finding = open_table_find(&journal->table, input->uid);
	struct store_row row = { 0 };
	int known;

	*ret = finding;
	if (finding)
		return 1;
	known = journal_make_room(journal);
	if (known < 0)
		return known;
	known = store_lookup(&journal->store, input->uid, &row);
	if (known == -EBADMSG || known == -ESTALE)
		known = journal_replace(journal, known);
	if (known < 0)
		return known;
	finding =
		open_table_add(&journal->table, input->uid, known ? row.detector : input->detector);
	store_done(&journal->store);
	if (!finding)
		return -ENOMEM;
	if (known)
		open_table_set_row(&journal->table, finding, row.id);
	finding->first_seen = known ? row.first_seen : input->time;
	finding->last_seen = row.last_seen;
	finding->count = finding->told = row.count;
	finding->noted = row.noted;
	finding->sequence = row.sequence;
	finding->severity = known ? row.severity : input->severity;
	finding->state = known ? row.state : input->state;
	finding->fresh = !known;
	*ret = finding;
	return known;
}

/* The finding as the callbacks of journal_input see it, with the document that it has by now. */
static struct journal_entry entry_before(struct journal *journal,
					 const struct open_finding *finding)
{
	struct journal_entry entry = entry_of(finding);

	if (!entry.document && finding->id)
		(void)store_get_document(&journal->store, finding->id, &entry.document);
	return entry;
}

/* Asks for the document of what the finding has become, and holds it. */
static int finding_render(struct journal *journal, struct open_finding *finding,
			  const struct journal_input *input, const char **ret_document)
{
	struct journal_entry entry = entry_before(journal, finding);
	const char *document;
	int r;

	entry.severity = input->severity;
	document = input->document(&entry, input->userdata);
	store_done(&journal->store);
	if (!document)
		return -ENOMEM;
	if (strlen(document) > JOURNAL_DOCUMENT_MAX)
		return -E2BIG;
	r = open_finding_hold_document(&journal->table, finding, document);
	if (r < 0)
		return r;
	finding->severity = input->severity;
	finding->state = input->state;
	*ret_document = document;
	return 0;
}

static bool witness_known(const struct open_finding *finding, uint64_t witness)
{
	if (witness == 0 || finding->witness_count == JOURNAL_WITNESSES)
		return true;
	for (size_t i = 0; i < finding->witness_count; i++)
		if (finding->witnesses[i] == witness)
			return true;
	return false;
}

/* Asks for the document with what was seen this time in it, and holds it when it is another one.
 * One that cannot be held is let go: the finding is there without it. */
static void finding_amend(struct journal *journal, struct open_finding *finding,
			  const struct journal_input *input)
{
	struct journal_entry entry = entry_before(journal, finding);
	const char *document = NULL;

	if (entry.document)
		document = input->amend(&entry, input->userdata);
	store_done(&journal->store);
	if (document && strlen(document) <= JOURNAL_DOCUMENT_MAX)
		(void)open_finding_hold_document(&journal->table, finding, document);
}

/* History may be missing a sighting when memory is short; the count is not. */
static void finding_note(struct journal *journal, struct open_finding *finding,
			 const struct journal_input *input)
{
	const char *summary = NULL;

	if (journal->limits.sightings > 0 && input->summary &&
	    finding->held_count < JOURNAL_SIGHTINGS_HELD)
		summary = input->summary(input->userdata);
	if (summary)
		(void)open_finding_hold_sighting(&journal->table, finding, input->time, summary);
}

/* Commits a finding that is new or raised before anything is done about it, or has it committed
 * with its batch. */
static int finding_record_now(struct journal *journal, struct open_finding *finding,
			      const char *document, int outcome, struct journal_entry *ret_entry)
{
	int r = 0;

	finding->told = finding->count;
	open_table_set_due(&journal->table, finding, true);
	if (!journal->batch)
		r = due_commit(journal);
	if (r < 0)
		return r;
	if (ret_entry) {
		*ret_entry = entry_of(finding);
		ret_entry->document = document;
		ret_entry->fresh = outcome == JOURNAL_NEW;
	}
	if (!journal->batch)
		prune_in_time(journal);
	return outcome;
}

/* What the repeat (or first sighting) adds up to. */
static void finding_count(struct open_finding *finding, uint64_t time)
{
	finding->count++;
	if (time < finding->first_seen)
		finding->first_seen = time;
	if (time > finding->last_seen)
		finding->last_seen = time;
}

/* Whether the document must be rendered, because what it says has changed. One that waits already
 * is let go out first, so that a state that goes to and fro costs one rendering a flush. */
static bool finding_differs(const struct open_finding *finding, const struct journal_input *input)
{
	return !finding->document &&
	       (input->severity != finding->severity || input->state != finding->state);
}

int journal_record(struct journal *journal, const struct journal_input *input,
		   struct journal_entry *ret_entry)
{
	struct open_finding *finding = NULL;
	const char *document = NULL;
	int known, r = 0;
	bool now;

	journal->statistics.recorded++;
	known = strlen(input->uid) < JOURNAL_UID_SIZE ? journal_find(journal, input, &finding)
						      : -EINVAL;
	if (known < 0) {
		journal->statistics.failed++;
		return known;
	}
	now = !known || input->severity > finding->severity;
	finding_count(finding, input->time);
	if (now || finding_differs(finding, input))
		r = finding_render(journal, finding, input, &document);
	else if (input->amend && !witness_known(finding, input->witness))
		finding_amend(journal, finding, input);
	if (!witness_known(finding, input->witness))
		finding->witnesses[finding->witness_count++] = input->witness;
	if (!known && r < 0) {
		open_table_remove(&journal->table, finding);
		journal->statistics.failed++;
		return r;
	}
	finding_note(journal, finding, input);
	open_table_mark(&journal->table, finding);
	if (known)
		journal->statistics.repeated++;
	else
		journal->statistics.fresh++;
	if (document && now)
		return finding_record_now(journal, finding, document,
					  known ? JOURNAL_RAISED : JOURNAL_NEW, ret_entry);
	if (ret_entry)
		*ret_entry = entry_of(finding);
	return JOURNAL_REPEATED;
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
