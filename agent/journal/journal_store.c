/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the statements. The file is root's own, but may be damaged, or be another's that was put in
 * its place: whatever comes out of it is checked by SQLite (cell_size_check) and taken as plain
 * values only.
 */
#include "journal/journal_store.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define ROW_COLUMNS                                                                                \
	"id, uid, detector, first_seen, last_seen, count, noted, sequence, severity, state,"       \
	" life, sinks, quiet, closing, changes"

static const char *const store_sql[STORE_STATEMENTS] = {
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_LOOKUP] = "SELECT " ROW_COLUMNS " FROM findings WHERE uid = ?1",
	[STORE_INSERT] = "INSERT INTO findings (uid, detector, first_seen, last_seen, count, noted,"
			 " sequence, severity, state, life, sinks, quiet, closing, changes)"
			 " VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
	[STORE_UPDATE] = "UPDATE findings SET first_seen = ?4, last_seen = ?5, count = ?6,"
			 " noted = ?7, sequence = ?8, severity = ?9, state = ?10, life = ?11,"
			 " sinks = ?12, quiet = ?13, closing = ?14, changes = ?15 WHERE id = ?1",
	[STORE_SET_DOCUMENT] = "INSERT OR REPLACE INTO documents (id, document) VALUES (?1, ?2)",
	[STORE_GET_DOCUMENT] = "SELECT document FROM documents WHERE id = ?1",
	[STORE_SET_SIGHTING] = "INSERT OR REPLACE INTO sightings (id, slot, number, time, summary)"
			       " VALUES (?1, ?2, ?3, ?4, ?5)",
	[STORE_SET_STATE] = "UPDATE state SET sequence = ?1, pruned = ?2",
	[STORE_GET_STATE] = "SELECT sequence, pruned FROM state",
	[STORE_COUNT] = "SELECT count(*) FROM findings",
	[STORE_OLDEST] = "SELECT id, uid FROM findings ORDER BY last_seen LIMIT ?1",
	[STORE_DELETE] = "DELETE FROM findings WHERE id = ?1",
	[STORE_DELETE_DOCUMENT] = "DELETE FROM documents WHERE id = ?1",
	[STORE_DELETE_SIGHTINGS] = "DELETE FROM sightings WHERE id = ?1",
	[STORE_TRIM_SIGHTINGS] = "DELETE FROM sightings WHERE slot >= ?1",
	[STORE_LIST_BY_TIME] = "SELECT id FROM findings WHERE last_seen >= ?1 AND severity >= ?2"
			       " AND (?4 = 0 OR ?4 >> life & 1) ORDER BY last_seen, id",
	[STORE_LIST_BY_SEQUENCE] = "SELECT id FROM findings WHERE sequence > ?3"
				   " AND last_seen >= ?1 AND severity >= ?2"
				   " AND (?4 = 0 OR ?4 >> life & 1) ORDER BY sequence",
	[STORE_GET] = "SELECT " ROW_COLUMNS ", document FROM findings JOIN documents USING (id)"
		      " WHERE id = ?1",
	[STORE_NEWEST] = "SELECT max(id) FROM findings",
	[STORE_SIGHTINGS] = "SELECT time, summary FROM sightings"
			    " WHERE id = (SELECT id FROM findings WHERE uid = ?1) ORDER BY number",
	[STORE_SET_CHANGE] =
		"INSERT OR REPLACE INTO changes (id, slot, number, time, event, severity,"
		" text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[STORE_CHANGES] = "SELECT time, event, severity, text FROM changes"
			  " WHERE id = (SELECT id FROM findings WHERE uid = ?1) ORDER BY number",
	[STORE_DELETE_CHANGES] = "DELETE FROM changes WHERE id = ?1",
	[STORE_SET_WATCHED] = "UPDATE findings SET watched = ?2 WHERE id = ?1",
	[STORE_CANDIDATES] = "SELECT id, uid, last_seen, quiet, closing, watched FROM findings"
			     " WHERE life <> 2 AND (quiet > 0 OR closing > 0) AND id > ?1"
			     " ORDER BY id LIMIT ?2",
	[STORE_DATA_VERSION] = "PRAGMA data_version",
	[STORE_OWE] =
		"INSERT INTO deliveries (sink, uid, finding, severity, severe, enqueued, next_try,"
		" size, attempts, version, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, 0)"
		" ON CONFLICT (sink, uid) DO UPDATE SET finding = excluded.finding,"
		" severity = excluded.severity, severe = excluded.severe,"
		" next_try = CASE state WHEN 1 THEN excluded.next_try"
		" ELSE min(next_try, excluded.next_try) END, size = max(size, excluded.size),"
		" version = version + 1, state = 0, document = NULL, count = NULL,"
		" last_seen = NULL",
	[STORE_OWE_DOCUMENT] =
		"INSERT INTO deliveries (sink, uid, finding, severity, severe, enqueued, next_try,"
		" size, count, last_seen, document, attempts, version, state)"
		" VALUES (?1, ?2, 0, ?3, ?4, ?5, ?5, ?6, 1, ?7, ?8, 0, 0, 0)"
		" ON CONFLICT (sink, uid) DO NOTHING",
	[STORE_DUE] = "SELECT d.sequence, d.uid, d.severity, enqueued, attempts, version,"
		      " coalesce(d.count, f.count), coalesce(d.last_seen, f.last_seen),"
		      " coalesce(d.document, c.document) FROM deliveries d"
		      " LEFT JOIN findings f ON f.id = d.finding"
		      " LEFT JOIN documents c ON c.id = d.finding"
		      " WHERE d.sink = ?1 AND d.state = 0 AND severe = ?2 AND next_try <= ?3"
		      " ORDER BY next_try",
	[STORE_NEXT] = "SELECT min(next_try) FROM deliveries WHERE sink = ?1 AND state = 0 AND "
		       "severe = ?2",
	[STORE_DELIVERED] = "DELETE FROM deliveries WHERE sequence = ?1 AND version = ?2",
	[STORE_AGAIN] = "UPDATE deliveries SET next_try = ?3, enqueued = ?2, attempts = 0 WHERE "
			"sequence = ?1",
	[STORE_LATER] =
		"UPDATE deliveries SET next_try = ?3, attempts = attempts + 1 WHERE sequence = ?1",
	[STORE_SET_ASIDE] = "UPDATE deliveries SET state = 1, attempts = attempts + 1"
			    " WHERE sequence = ?1 AND version = ?2",
	[STORE_REVIVE] = "UPDATE deliveries SET state = 0 WHERE state = 1",
	[STORE_DROP] = "DELETE FROM deliveries WHERE sequence IN (SELECT sequence FROM deliveries"
		       " WHERE severity < ?1 AND enqueued < ?2 ORDER BY severity, enqueued"
		       " LIMIT ?3)",
	[STORE_OWED] = "SELECT state, count(*), sum(size), min(enqueued) FROM deliveries"
		       " WHERE ?1 = 0 OR sink = ?1 GROUP BY state",
	[STORE_OWED_SINKS] = "SELECT DISTINCT sink FROM deliveries WHERE sink > ?1"
			     " ORDER BY sink LIMIT 1",
	[STORE_FORGET] = "DELETE FROM deliveries WHERE sink = ?1",
	[STORE_BEQUEATH] =
		"UPDATE deliveries SET document = (SELECT document FROM documents WHERE id = ?1),"
		" (count, last_seen) = (SELECT count, last_seen FROM findings WHERE id = ?1)"
		" WHERE finding = ?1 AND document IS NULL",
	[STORE_ISOLATION_SAVE] =
		"INSERT INTO isolations (uid, instance, state, started, changed, reason, finding,"
		" note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (uid) DO UPDATE SET"
		" instance = excluded.instance, state = excluded.state,"
		" changed = excluded.changed, note = excluded.note",
	[STORE_ISOLATION_UNDO] =
		"INSERT INTO isolation_undo (uid, number, kind, resource, value, touched)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (uid, kind, resource) DO UPDATE SET"
		" value = excluded.value, touched = excluded.touched"
		" WHERE isolation_undo.touched = 0",
	[STORE_ISOLATION_LOAD] = "SELECT uid, instance, state, started, changed, reason, finding,"
				 " note FROM isolations ORDER BY number DESC LIMIT 1",
	[STORE_ISOLATION_UNDO_LOAD] = "SELECT kind, resource, value, touched FROM isolation_undo"
				      " WHERE uid = ?1 ORDER BY number",
};

struct store_errno {
	int sqlite, error;
};

static const struct store_errno store_errnos[] = {
	{ SQLITE_OK, 0 },
	{ SQLITE_DONE, 0 },
	{ SQLITE_ROW, 0 },
	{ SQLITE_FULL, -ENOSPC },
	{ SQLITE_BUSY, -EBUSY },
	{ SQLITE_LOCKED, -EBUSY },
	{ SQLITE_NOMEM, -ENOMEM },
	{ SQLITE_PERM, -EACCES },
	{ SQLITE_READONLY, -EROFS },
	{ SQLITE_NOTADB, -EBADMSG },
	{ SQLITE_CORRUPT, -EBADMSG },
	/* Our statements are right, so a schema they do not fit is a damaged one. */
	{ SQLITE_ERROR, -EBADMSG },
	{ SQLITE_CONSTRAINT, -EBADMSG },
	{ SQLITE_MISMATCH, -EBADMSG },
};

int store_error(const struct store *store, int sqlite_error)
{
	int system = store->database ? sqlite3_system_errno(store->database) : 0;

	for (size_t i = 0; i < ELEMENTS(store_errnos); i++)
		if (store_errnos[i].sqlite == (sqlite_error & 0xff))
			return store_errnos[i].error;
	/* IOERR, CANTOPEN: what the system said, where it said anything. */
	return system > 0 ? -system : -EIO;
}

int store_check_path(const struct store *store)
{
	struct stat status;

	if (stat(store->path, &status) < 0 || status.st_ino != store->inode ||
	    status.st_dev != store->device)
		return -ESTALE;
	return 0;
}

/* Statements are prepared when they are first used: a reader needs few of them. NULL when that
 * fails; binding to NULL does nothing, and store_run() and sqlite3_step() then say SQLITE_MISUSE.
 */
sqlite3_stmt *store_statement(struct store *store, enum store_statement which)
{
	sqlite3_stmt **statement = &store->statements[which];

	if (*statement) {
		(void)sqlite3_reset(*statement);
		return *statement;
	}
	if (sqlite3_prepare_v3(store->database, store_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
			       statement, NULL) != SQLITE_OK)
		*statement = NULL;
	return *statement;
}

int store_run(struct store *store, sqlite3_stmt *statement)
{
	int result = statement ? sqlite3_step(statement) : sqlite3_errcode(store->database);
	int r = store_error(store, result);

	if (statement)
		(void)sqlite3_reset(statement);
	return r;
}

int store_begin(struct store *store)
{
	if (!store->database)
		return -ESTALE;
	return store_run(store, store_statement(store, STORE_BEGIN));
}

void store_rollback(struct store *store)
{
	/* SQLite has rolled back by itself after some errors. */
	if (!sqlite3_get_autocommit(store->database))
		(void)store_run(store, store_statement(store, STORE_ROLLBACK));
}

int store_commit(struct store *store)
{
	int r = store_run(store, store_statement(store, STORE_COMMIT));

	if (r < 0)
		store_rollback(store);
	return r;
}

void store_wait_for_disk(struct store *store, bool wait)
{
	if (store->database)
		(void)sqlite3_exec(store->database,
				   wait ? "PRAGMA synchronous = FULL"
					: "PRAGMA synchronous = NORMAL",
				   NULL, NULL, NULL);
}

int store_sync(struct store *store)
{
	sqlite3_file *log = NULL;
	int result =
		sqlite3_file_control(store->database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);

	if (result == SQLITE_OK && log && log->pMethods)
		result = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
	return store_error(store, result);
}

static void row_bind(sqlite3_stmt *statement, const struct store_row *row)
{
	(void)sqlite3_bind_int64(statement, 4, (sqlite3_int64)row->first_seen);
	(void)sqlite3_bind_int64(statement, 5, (sqlite3_int64)row->last_seen);
	(void)sqlite3_bind_int64(statement, 6, (sqlite3_int64)row->count);
	(void)sqlite3_bind_int64(statement, 7, (sqlite3_int64)row->noted);
	(void)sqlite3_bind_int64(statement, 8, (sqlite3_int64)row->sequence);
	(void)sqlite3_bind_int(statement, 9, row->severity);
	(void)sqlite3_bind_int64(statement, 10, row->state);
	(void)sqlite3_bind_int64(statement, 11, row->life);
	(void)sqlite3_bind_int64(statement, 12, row->sinks);
	(void)sqlite3_bind_int64(statement, 13, (sqlite3_int64)row->quiet);
	(void)sqlite3_bind_int64(statement, 14, row->closing);
	(void)sqlite3_bind_int64(statement, 15, (sqlite3_int64)row->changes);
}

int store_lookup(struct store *store, const char *uid, struct store_row *ret)
{
	sqlite3_stmt *statement;
	int result;

	if (!store->database)
		return -ESTALE;
	statement = store_statement(store, STORE_LOOKUP);
	(void)sqlite3_bind_text(statement, 1, uid, -1, SQLITE_STATIC);
	result = statement ? sqlite3_step(statement) : sqlite3_errcode(store->database);
	if (result != SQLITE_ROW) {
		int r = store_error(store, result);

		(void)sqlite3_reset(statement);
		return r;
	}
	*ret = (struct store_row){
		.id = sqlite3_column_int64(statement, 0),
		.uid = (const char *)sqlite3_column_text(statement, 1),
		.detector = (const char *)sqlite3_column_text(statement, 2),
		.first_seen = (uint64_t)sqlite3_column_int64(statement, 3),
		.last_seen = (uint64_t)sqlite3_column_int64(statement, 4),
		.count = (uint64_t)sqlite3_column_int64(statement, 5),
		.noted = (uint64_t)sqlite3_column_int64(statement, 6),
		.sequence = (uint64_t)sqlite3_column_int64(statement, 7),
		.severity = sqlite3_column_int(statement, 8),
		.state = (unsigned)sqlite3_column_int64(statement, 9),
		.life = (enum journal_life)sqlite3_column_int(statement, 10),
		.sinks = (uint32_t)sqlite3_column_int64(statement, 11),
		.quiet = (uint64_t)sqlite3_column_int64(statement, 12),
		.closing = (unsigned)sqlite3_column_int64(statement, 13),
		.changes = (uint64_t)sqlite3_column_int64(statement, 14),
	};
	return ret->uid && ret->detector ? 1 : -EBADMSG;
}

void store_done(struct store *store)
{
	(void)sqlite3_reset(store->statements[STORE_LOOKUP]);
	(void)sqlite3_reset(store->statements[STORE_GET_DOCUMENT]);
}

int store_insert(struct store *store, const struct store_row *row, int64_t *ret_id)
{
	sqlite3_stmt *statement = store_statement(store, STORE_INSERT);
	int r;

	(void)sqlite3_bind_text(statement, 2, row->uid, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 3, row->detector, -1, SQLITE_STATIC);
	row_bind(statement, row);
	r = store_run(store, statement);
	if (r < 0)
		return r;
	*ret_id = sqlite3_last_insert_rowid(store->database);
	return 0;
}

int store_update(struct store *store, const struct store_row *row)
{
	sqlite3_stmt *statement = store_statement(store, STORE_UPDATE);

	(void)sqlite3_bind_int64(statement, 1, row->id);
	row_bind(statement, row);
	return store_run(store, statement);
}

int store_set_document(struct store *store, int64_t id, const char *document)
{
	sqlite3_stmt *statement = store_statement(store, STORE_SET_DOCUMENT);

	(void)sqlite3_bind_int64(statement, 1, id);
	(void)sqlite3_bind_text(statement, 2, document, -1, SQLITE_STATIC);
	return store_run(store, statement);
}

int store_get_document(struct store *store, int64_t id, const char **ret)
{
	sqlite3_stmt *statement = store_statement(store, STORE_GET_DOCUMENT);
	int result;

	(void)sqlite3_bind_int64(statement, 1, id);
	result = statement ? sqlite3_step(statement) : sqlite3_errcode(store->database);
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		return store_error(store, result);
	*ret = result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	return 0;
}

int store_set_sighting(struct store *store, int64_t id, uint64_t slot, uint64_t number,
		       uint64_t time, const char *summary)
{
	sqlite3_stmt *statement = store_statement(store, STORE_SET_SIGHTING);

	(void)sqlite3_bind_int64(statement, 1, id);
	(void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)slot);
	(void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)number);
	(void)sqlite3_bind_int64(statement, 4, (sqlite3_int64)time);
	(void)sqlite3_bind_text(statement, 5, summary, -1, SQLITE_STATIC);
	return store_run(store, statement);
}

int store_set_state(struct store *store, uint64_t sequence, uint64_t pruned)
{
	sqlite3_stmt *statement = store_statement(store, STORE_SET_STATE);

	(void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)sequence);
	(void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)pruned);
	return store_run(store, statement);
}

/* First row's first columns as numbers. */
static int read_numbers(struct store *store, enum store_statement which, int count, uint64_t *ret)
{
	sqlite3_stmt *statement = store_statement(store, which);
	int result = statement ? sqlite3_step(statement) : sqlite3_errcode(store->database);
	int r = result == SQLITE_DONE ? -EBADMSG : store_error(store, result);

	if (result == SQLITE_ROW)
		for (int i = 0; i < count; i++)
			ret[i] = (uint64_t)sqlite3_column_int64(statement, i);
	(void)sqlite3_reset(statement);
	return r;
}

int store_get_state(struct store *store, uint64_t *ret_sequence, uint64_t *ret_pruned)
{
	uint64_t numbers[2] = { 0 };
	int r = read_numbers(store, STORE_GET_STATE, 2, numbers);

	if (r < 0)
		return r;
	*ret_sequence = numbers[0];
	*ret_pruned = numbers[1];
	return 0;
}

int store_count(struct store *store, uint64_t *ret)
{
	return read_numbers(store, STORE_COUNT, 1, ret);
}

static int delete_from(struct store *store, enum store_statement which, int64_t key)
{
	sqlite3_stmt *statement = store_statement(store, which);

	(void)sqlite3_bind_int64(statement, 1, key);
	return store_run(store, statement);
}

int store_delete(struct store *store, int64_t id)
{
	static const enum store_statement all[] = { STORE_BEQUEATH, STORE_DELETE,
						    STORE_DELETE_DOCUMENT, STORE_DELETE_SIGHTINGS,
						    STORE_DELETE_CHANGES };

	for (size_t i = 0; i < ELEMENTS(all); i++) {
		int r = delete_from(store, all[i], id);

		if (r < 0)
			return r;
	}
	return 0;
}

int store_trim_sightings(struct store *store, size_t places)
{
	return delete_from(store, STORE_TRIM_SIGHTINGS, (int64_t)places);
}

int store_set_change(struct store *store, int64_t id, uint64_t slot, uint64_t number,
		     const struct journal_change_note *change)
{
	sqlite3_stmt *statement = store_statement(store, STORE_SET_CHANGE);

	(void)sqlite3_bind_int64(statement, 1, id);
	(void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)slot);
	(void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)number);
	(void)sqlite3_bind_int64(statement, 4, (sqlite3_int64)change->time);
	(void)sqlite3_bind_int(statement, 5, (int)change->event);
	(void)sqlite3_bind_int(statement, 6, change->severity);
	(void)sqlite3_bind_text(statement, 7, change->text, -1, SQLITE_STATIC);
	return store_run(store, statement);
}

int store_set_watched(struct store *store, int64_t id, const char *watched)
{
	sqlite3_stmt *statement = store_statement(store, STORE_SET_WATCHED);

	(void)sqlite3_bind_int64(statement, 1, id);
	(void)sqlite3_bind_text(statement, 2, watched, -1, SQLITE_STATIC);
	return store_run(store, statement);
}
