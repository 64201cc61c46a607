/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal's file: schema, statements, transactions. One step above SQLite; what is added up in
 * memory is not known here. All functions return 0 or a negative errno: -ENOSPC, -EIO, -EBUSY,
 * -EROFS..., -EBADMSG when the file is damaged, -ESTALE when it is no longer the one at its path.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>
#include <sys/types.h>

#include "journal/journal.h"

/* Version of the schema, in the file's user_version. */
#define STORE_VERSION 2

enum store_statement {
	STORE_BEGIN,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_LOOKUP,
	STORE_INSERT,
	STORE_UPDATE,
	STORE_SET_DOCUMENT,
	STORE_GET_DOCUMENT,
	STORE_SET_SIGHTING,
	STORE_SET_STATE,
	STORE_GET_STATE,
	STORE_COUNT,
	STORE_OLDEST,
	STORE_DELETE,
	STORE_DELETE_DOCUMENT,
	STORE_DELETE_SIGHTINGS,
	STORE_TRIM_SIGHTINGS,
	STORE_LIST_BY_TIME,
	STORE_LIST_BY_SEQUENCE,
	STORE_GET,
	STORE_NEWEST,
	STORE_SIGHTINGS,
	STORE_DATA_VERSION,
	STORE_SET_CHANGE,
	STORE_CHANGES,
	STORE_DELETE_CHANGES,
	STORE_SET_WATCHED,
	STORE_CANDIDATES,
	/* Deliveries: outbox.c. */
	STORE_OWE,
	STORE_OWE_DOCUMENT,
	STORE_DUE,
	STORE_NEXT,
	STORE_DELIVERED,
	STORE_AGAIN,
	STORE_LATER,
	STORE_SET_ASIDE,
	STORE_REVIVE,
	STORE_DROP,
	STORE_OWED,
	STORE_BEQUEATH,
	STORE_OWED_SINKS,
	STORE_FORGET,
	/* isolation.c */
	STORE_ISOLATION_SAVE,
	STORE_ISOLATION_UNDO,
	STORE_ISOLATION_LOAD,
	STORE_ISOLATION_UNDO_LOAD,
	STORE_STATEMENTS,
};

struct store {
	char *path;
	sqlite3 *database;
	sqlite3_stmt *statements[STORE_STATEMENTS];
	int lock_fd; /* of the file itself, locked by the writer; -1 for readers */
	dev_t device;
	ino_t inode;
};

/* A row of findings. Text is borrowed until the statement is used again. */
struct store_row {
	int64_t id;
	const char *uid, *detector;
	uint64_t first_seen, last_seen, count, noted, sequence;
	int severity;
	unsigned state;
	enum journal_life life;
	uint32_t sinks;
	uint64_t quiet, changes;
	unsigned closing;
};

/* As store_open_writer(), with a damaged file set aside first: *ret_damaged. */
int store_open_writer(const char *path, struct store *ret, bool *ret_damaged);
/* Renames a file and its log, with the time. */
int store_set_aside(const char *path);
int store_open_reader(const char *path, struct store *ret);
void store_close(struct store *store);

/* 0 or -ESTALE. */
int store_check_path(const struct store *store);

int store_error(const struct store *store, int sqlite_error);
/* The statement, ready for its parameters to be bound. */
sqlite3_stmt *store_statement(struct store *store, enum store_statement which);
/* Steps a statement that returns no row, and resets it. */
int store_run(struct store *store, sqlite3_stmt *statement);

int store_begin(struct store *store);
/* Rolls back when it cannot commit. */
int store_commit(struct store *store);
/* Whether commits do; otherwise the next one that does, or store_sync(), brings them to disk. Not
 * within a transaction. */
void store_wait_for_disk(struct store *store, bool wait);
int store_sync(struct store *store);
void store_rollback(struct store *store);

/* After store_lookup() and store_get_document(), when what they borrowed is no longer needed: an
 * open statement is an open snapshot, and the log could not be cut back. */
void store_done(struct store *store);

/* 1 found, 0 not. */
int store_lookup(struct store *store, const char *uid, struct store_row *ret);
int store_insert(struct store *store, const struct store_row *row, int64_t *ret_id);
int store_update(struct store *store, const struct store_row *row);
int store_set_document(struct store *store, int64_t id, const char *document);
/* *ret is NULL when there is none; borrowed until the next call. */
int store_get_document(struct store *store, int64_t id, const char **ret);
int store_set_sighting(struct store *store, int64_t id, uint64_t slot, uint64_t number,
		       uint64_t time, const char *summary);
int store_set_state(struct store *store, uint64_t sequence, uint64_t pruned);
int store_get_state(struct store *store, uint64_t *ret_sequence, uint64_t *ret_pruned);
int store_count(struct store *store, uint64_t *ret);
/* Deletes a finding with all that belongs to it. */
int store_delete(struct store *store, int64_t id);
/* Sightings beyond the first so many places go. */
int store_trim_sightings(struct store *store, size_t places);
int store_set_change(struct store *store, int64_t id, uint64_t slot, uint64_t number,
		     const struct journal_change_note *change);
int store_set_watched(struct store *store, int64_t id, const char *watched);
