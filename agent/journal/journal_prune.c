/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps the journal's file bounded, for journal.c: rows beyond the limit go, with all that belongs
 * to them.
 */
#include <errno.h>

#include "journal/journal_private.h"

/* Ids of the rows last seen longest ago. What is dirty in memory stays: it was seen just now. */
static int prune_choose(struct journal *journal, uint64_t wanted, int64_t *ret_ids,
			size_t *ret_count)
{
	sqlite3_stmt *statement = store_statement(&journal->store, STORE_OLDEST);
	size_t count = 0;
	int result;

	(void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)wanted);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *uid = (const char *)sqlite3_column_text(statement, 1);
		struct open_finding *finding = uid ? open_table_find(&journal->table, uid) : NULL;

		if (finding && finding->dirty)
			continue;
		if (finding)
			open_table_remove(&journal->table, finding);
		ret_ids[count++] = sqlite3_column_int64(statement, 0);
	}
	(void)sqlite3_reset(statement);
	*ret_count = count;
	return store_error(&journal->store, result);
}

int journal_prune(struct journal *journal)
{
	uint64_t over = journal->rows - journal->limits.findings;
	int64_t ids[PRUNE_ROWS];
	size_t count = 0;
	int r;

	if (journal->rows <= journal->limits.findings)
		return 0;
	r = prune_choose(journal, over < PRUNE_ROWS ? over : PRUNE_ROWS, ids, &count);
	if (r == 0)
		r = store_begin(&journal->store);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = store_delete(&journal->store, ids[i]);
	if (r == 0)
		r = store_set_state(&journal->store, journal->sequence, journal->pruned + count);
	if (r == 0)
		r = store_commit(&journal->store);
	if (r < 0) {
		store_rollback(&journal->store);
		return r;
	}
	journal->pruned += count;
	journal->rows -= count;
	return 0;
}
