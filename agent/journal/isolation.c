/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the tables of isolations and of what undoes them. The statements are in journal_store.c.
 */
#include "journal/isolation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "journal/journal_private.h"

const char *isolation_state_name(enum isolation_state state)
{
	static const char *const names[ISOLATION_STATES] = {
		[ISOLATION_NONE] = "none",
		[ISOLATION_REQUESTED] = "requested",
		[ISOLATION_CONTAINED] = "contained",
		[ISOLATION_ADMITTED] = "admitted",
		[ISOLATION_REFUSED] = "refused",
		[ISOLATION_PARTIAL] = "partial",
		[ISOLATION_ISOLATED] = "isolated",
		[ISOLATION_UNVERIFIED] = "unverified",
		[ISOLATION_CHANNEL_LOST] = "control-channel-lost",
		[ISOLATION_RELEASING] = "releasing",
		[ISOLATION_RELEASED] = "released",
		[ISOLATION_LIFTED] = "lifted",
	};

	return (size_t)state < ELEMENTS(names) ? names[state] : "unknown";
}

bool isolation_is_over(enum isolation_state state)
{
	return state == ISOLATION_NONE || state == ISOLATION_REFUSED ||
	       state == ISOLATION_RELEASED || state == ISOLATION_LIFTED;
}

bool isolation_is_admitted(enum isolation_state state)
{
	return state == ISOLATION_ADMITTED ||
	       (state >= ISOLATION_PARTIAL && state <= ISOLATION_CHANNEL_LOST);
}

void isolation_record_clear(struct isolation_record *record)
{
	free(record->undo);
	*record = (struct isolation_record){ 0 };
}

struct isolation_undo *isolation_undo_find(const struct isolation_record *record, const char *kind,
					   const char *resource)
{
	for (size_t i = 0; i < record->undo_count; i++)
		if (strcmp(record->undo[i].kind, kind) == 0 &&
		    strcmp(record->undo[i].resource, resource) == 0)
			return &record->undo[i];
	return NULL;
}

int isolation_undo_add(struct isolation_record *record, const char *kind, const char *resource,
		       const char *value)
{
	struct isolation_undo *undo = isolation_undo_find(record, kind, resource);

	if (undo && undo->touched)
		return 0;
	if (strlen(kind) >= ISOLATION_KIND_SIZE || strlen(resource) >= ISOLATION_RESOURCE_SIZE ||
	    strlen(value) >= ISOLATION_VALUE_SIZE)
		return -EMSGSIZE;
	if (!undo && record->undo_count == ISOLATION_UNDO_MAX)
		return -ENOBUFS;
	if (!record->undo)
		record->undo = calloc(ISOLATION_UNDO_MAX, sizeof(*record->undo));
	if (!record->undo)
		return -ENOMEM;
	if (!undo)
		undo = &record->undo[record->undo_count++];
	*undo = (struct isolation_undo){ 0 };
	(void)snprintf(undo->kind, sizeof(undo->kind), "%s", kind);
	(void)snprintf(undo->resource, sizeof(undo->resource), "%s", resource);
	(void)snprintf(undo->value, sizeof(undo->value), "%s", value);
	return 0;
}

static int row_save(struct store *store, const struct isolation_record *record)
{
	sqlite3_stmt *statement = store_statement(store, STORE_ISOLATION_SAVE);

	(void)sqlite3_bind_text(statement, 1, record->uid, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 2, record->instance, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(statement, 3, (int)record->state);
	(void)sqlite3_bind_int64(statement, 4, (sqlite3_int64)record->started);
	(void)sqlite3_bind_int64(statement, 5, (sqlite3_int64)record->changed);
	(void)sqlite3_bind_text(statement, 6, record->reason, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 7, record->finding, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 8, record->note, -1, SQLITE_STATIC);
	return store_run(store, statement);
}

static int undo_save(struct store *store, const char *uid, size_t number,
		     const struct isolation_undo *undo)
{
	sqlite3_stmt *statement = store_statement(store, STORE_ISOLATION_UNDO);

	(void)sqlite3_bind_text(statement, 1, uid, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)number);
	(void)sqlite3_bind_text(statement, 3, undo->kind, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 4, undo->resource, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 5, undo->value, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(statement, 6, undo->touched);
	return store_run(store, statement);
}

int isolation_save(struct journal *journal, const struct isolation_record *record)
{
	int r;

	if (!journal->store.database)
		return -ESTALE;
	r = store_begin(&journal->store);
	if (r < 0)
		return r;
	r = row_save(&journal->store, record);
	for (size_t i = 0; r == 0 && i < record->undo_count; i++)
		r = undo_save(&journal->store, record->uid, i, &record->undo[i]);
	if (r == 0)
		return store_commit(&journal->store);
	store_rollback(&journal->store);
	return r;
}

static void column_copy(sqlite3_stmt *statement, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	(void)snprintf(out, size, "%s", text ? text : "");
}

#define COLUMN(statement, column, field) column_copy(statement, column, field, sizeof(field))

static int undo_load(struct store *store, struct isolation_record *record)
{
	sqlite3_stmt *statement = store_statement(store, STORE_ISOLATION_UNDO_LOAD);
	int result = SQLITE_MISUSE, r = 0;

	(void)sqlite3_bind_text(statement, 1, record->uid, -1, SQLITE_STATIC);
	while (statement && r == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct isolation_undo undo;

		COLUMN(statement, 0, undo.kind);
		COLUMN(statement, 1, undo.resource);
		COLUMN(statement, 2, undo.value);
		r = isolation_undo_add(record, undo.kind, undo.resource, undo.value);
		if (r == 0)
			record->undo[record->undo_count - 1].touched =
				sqlite3_column_int(statement, 3) != 0;
	}
	(void)sqlite3_reset(statement);
	return r < 0 ? r : store_error(store, result);
}

int isolation_load(struct journal *journal, struct isolation_record *ret)
{
	CLEANUP(isolation_record_clear) struct isolation_record record = { 0 };
	struct store *store = &journal->store;
	sqlite3_stmt *statement;
	int result, state, r;

	if (!store->database)
		return -ESTALE;
	statement = store_statement(store, STORE_ISOLATION_LOAD);
	/* A reader of a file that an older version wrote. */
	if (!statement)
		return journal->writer ? store_error(store, sqlite3_errcode(store->database)) : 0;
	result = sqlite3_step(statement);
	if (result == SQLITE_ROW) {
		COLUMN(statement, 0, record.uid);
		COLUMN(statement, 1, record.instance);
		state = sqlite3_column_int(statement, 2);
		record.state = state > 0 && state < ISOLATION_STATES ? (enum isolation_state)state
								     : ISOLATION_NONE;
		record.started = (uint64_t)sqlite3_column_int64(statement, 3);
		record.changed = (uint64_t)sqlite3_column_int64(statement, 4);
		COLUMN(statement, 5, record.reason);
		COLUMN(statement, 6, record.finding);
		COLUMN(statement, 7, record.note);
	}
	(void)sqlite3_reset(statement);
	if (result != SQLITE_ROW)
		return result == SQLITE_DONE ? 0 : store_error(store, result);
	r = undo_load(store, &record);
	if (r < 0)
		return r;
	*ret = record;
	record = (struct isolation_record){ 0 };
	return 1;
}
