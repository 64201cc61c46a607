/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens the journal's file: makes it, checks it, sets a damaged one aside. See journal_store.h.
 */
#include "journal/journal_store.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* In the file's header, so that a stranger's SQLite file is not taken for ours. */
#define STORE_APPLICATION    0x63726e64 /* "crnd" */
/* A file of at most this size is checked page by page when it is opened; a larger one would hold
 * the start up for seconds, and its damage shows when a page is used. */
#define STORE_CHECK_BYTES    (64 << 20)
/* Damaged files kept; the oldest go. */
#define STORE_DAMAGED_KEPT   3
/* How long to wait for another's lock. The writer runs in an event loop: it tries again later. */
#define STORE_WRITER_WAIT_MS 100
#define STORE_READER_WAIT_MS 2000

static const char store_schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE findings (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE,"
	" detector TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
	" count INTEGER NOT NULL, noted INTEGER NOT NULL, sequence INTEGER NOT NULL UNIQUE,"
	" severity INTEGER NOT NULL, state INTEGER NOT NULL);"
	"CREATE INDEX findings_by_last_seen ON findings (last_seen);"
	/* Apart from the row, so that raising a count does not rewrite it. */
	"CREATE TABLE documents (id INTEGER PRIMARY KEY, document TEXT NOT NULL);"
	"CREATE TABLE sightings (id INTEGER NOT NULL, slot INTEGER NOT NULL,"
	" number INTEGER NOT NULL, time INTEGER NOT NULL, summary TEXT NOT NULL,"
	" PRIMARY KEY (id, slot)) WITHOUT ROWID;"
	"CREATE TABLE state (sequence INTEGER NOT NULL, pruned INTEGER NOT NULL);"
	/* The sequence before the first: a follower's 0 means everything. */
	"INSERT INTO state VALUES (1, 0);"
	"PRAGMA application_id = 0x63726e64;"
	"PRAGMA user_version = 1;"
	"COMMIT;";

/* From version 1: the life of findings, and its history. */
static const char store_life[] =
	"BEGIN IMMEDIATE;"
	"ALTER TABLE findings ADD COLUMN life INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE findings ADD COLUMN sinks INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE findings ADD COLUMN quiet INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE findings ADD COLUMN closing INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE findings ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE findings ADD COLUMN watched TEXT;"
	"CREATE TABLE changes (id INTEGER NOT NULL, slot INTEGER NOT NULL,"
	" number INTEGER NOT NULL, time INTEGER NOT NULL, event INTEGER NOT NULL,"
	" severity INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (id, slot)) WITHOUT ROWID;"
	"PRAGMA user_version = 2;"
	"COMMIT;";

/* What is done to a file of a version, in place and all or nothing, so that it is of the next. A
 * new file begins as version 1 and goes the same way. */
static const char *const store_migrations[STORE_VERSION] = { [1] = store_life };

/* How a reader sees a file of a version that no daemon has brought up yet: a view, of its own
 * connection only, stands before the table. */
static const char *const store_views[STORE_VERSION] = {
	[1] = "CREATE TEMP VIEW findings AS SELECT *, 0 AS life, 0 AS sinks, 0 AS quiet,"
	      " 0 AS closing, 0 AS changes, NULL AS watched FROM main.findings;"
	      "CREATE TEMP VIEW changes AS SELECT 0 AS id, 0 AS slot, 0 AS number, 0 AS time,"
	      " 0 AS event, 0 AS severity, '' AS text WHERE 0;",
};

/* What is owed to sinks (outbox.h). Versions before did not have it, and do not mind it. */
static const char store_outbox[] =
	"CREATE TABLE IF NOT EXISTS deliveries (sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
	" sink INTEGER NOT NULL, uid TEXT NOT NULL, finding INTEGER NOT NULL,"
	" severity INTEGER NOT NULL, severe INTEGER NOT NULL, enqueued INTEGER NOT NULL,"
	" next_try INTEGER NOT NULL, attempts INTEGER NOT NULL, version INTEGER NOT NULL,"
	" state INTEGER NOT NULL, size INTEGER NOT NULL, count INTEGER, last_seen INTEGER,"
	" document TEXT, UNIQUE (sink, uid));"
	"CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (sink, state, severe, next_try);"
	"CREATE INDEX IF NOT EXISTS deliveries_by_finding ON deliveries (finding);"
	/* Has all that counting and dropping looks at. */
	"CREATE INDEX IF NOT EXISTS deliveries_by_severity"
	" ON deliveries (severity, enqueued, state, sink, size);"
	/* A delivery is called by its number while it is on its way: those of a file that stood
	 * here before must not come again. */
	"INSERT INTO sqlite_sequence (name, seq) SELECT 'deliveries',"
	" strftime('%s', 'now') * 1000000 WHERE NOT EXISTS"
	" (SELECT 1 FROM sqlite_sequence WHERE name = 'deliveries');";

/* What takes the instance out of the network, and what undoes it (isolation.h). */
static const char store_isolation[] =
	"CREATE TABLE IF NOT EXISTS isolations (number INTEGER PRIMARY KEY AUTOINCREMENT,"
	" uid TEXT NOT NULL UNIQUE, instance TEXT NOT NULL, state INTEGER NOT NULL,"
	" started INTEGER NOT NULL, changed INTEGER NOT NULL, reason TEXT NOT NULL,"
	" finding TEXT NOT NULL, note TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS isolation_undo (uid TEXT NOT NULL, number INTEGER NOT NULL,"
	" kind TEXT NOT NULL, resource TEXT NOT NULL, value TEXT NOT NULL,"
	" touched INTEGER NOT NULL, PRIMARY KEY (uid, kind, resource)) WITHOUT ROWID;";

static const char store_settings[] = "PRAGMA trusted_schema = OFF;"
				     "PRAGMA cell_size_check = ON;"
				     "PRAGMA cache_size = -1024;"
				     "PRAGMA temp_store = MEMORY;";

static const char store_writer_settings[] =
	"PRAGMA journal_mode = WAL;"
	/* A commit is on disk when it returns, power failure included. */
	"PRAGMA synchronous = FULL;"
	/* Checkpoints are small and often, and the log is cut back after them. */
	"PRAGMA wal_autocheckpoint = 256;"
	"PRAGMA journal_size_limit = 4194304;";

static int store_execute(struct store *store, const char *sql)
{
	return store_error(store, sqlite3_exec(store->database, sql, NULL, NULL, NULL));
}

/* First column of the first row of a pragma: a number, or text compared to expected. */
static int pragma_read(struct store *store, const char *sql, const char *expected, int *ret)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);
	int r;

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	r = result == SQLITE_DONE ? -EBADMSG : store_error(store, result);
	if (result == SQLITE_ROW && expected) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);

		r = text && strcmp(text, expected) == 0 ? 0 : -EBADMSG;
	} else if (result == SQLITE_ROW) {
		*ret = sqlite3_column_int(statement, 0);
	}
	(void)sqlite3_finalize(statement);
	return r;
}

/* *ret_version: 0 for an empty file. */
static int store_check_version(struct store *store, int *ret_version)
{
	int version, application, tables;
	int r = pragma_read(store, "PRAGMA user_version", NULL, &version);

	if (r == 0)
		r = pragma_read(store, "PRAGMA application_id", NULL, &application);
	if (r == 0)
		r = pragma_read(store, "SELECT count(*) FROM sqlite_master", NULL, &tables);
	if (r < 0)
		return r;
	*ret_version = 0;
	if (version == 0 && application == 0 && tables == 0)
		return 0;
	if (application != STORE_APPLICATION || version < 1)
		return -EBADMSG;
	*ret_version = version;
	return version > STORE_VERSION ? -EPROTONOSUPPORT : 0;
}

/* Each step is a transaction of its own: whenever it is cut short, the file is of some version. */
static int store_migrate(struct store *store, int version)
{
	int r = 0;

	for (; r == 0 && version < STORE_VERSION; version++)
		r = store_execute(store, store_migrations[version]);
	return r;
}

static int store_connect(struct store *store, int flags, int wait_ms)
{
	int result =
		sqlite3_open_v2(store->path, &store->database, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (result != SQLITE_OK)
		return store_error(store, result);
	(void)sqlite3_extended_result_codes(store->database, 1);
	(void)sqlite3_busy_timeout(store->database, wait_ms);
	return store_execute(store, store_settings);
}

static int store_prepare_file(struct store *store, const struct stat *status)
{
	int version = 0;
	int r = store_connect(store, SQLITE_OPEN_READWRITE, STORE_WRITER_WAIT_MS);

	if (r == 0)
		r = store_check_version(store, &version);
	if (r == 0 && version > 0 && status->st_size <= STORE_CHECK_BYTES)
		r = pragma_read(store, "PRAGMA quick_check(1)", "ok", NULL);
	if (r == 0)
		r = store_execute(store, store_writer_settings);
	if (r == 0 && pragma_read(store, "PRAGMA journal_mode", "wal", NULL) < 0)
		r = -EOPNOTSUPP;
	if (r == 0 && version == 0)
		r = store_execute(store, store_schema);
	if (r == 0)
		r = store_migrate(store, version ? version : 1);
	if (r == 0)
		r = store_execute(store, store_outbox);
	if (r == 0)
		r = store_execute(store, store_isolation);
	/* All that is used later must be there. */
	for (int i = 0; r == 0 && i < STORE_STATEMENTS; i++)
		if (!store_statement(store, (enum store_statement)i))
			r = store_error(store, sqlite3_errcode(store->database));
	return r;
}

static int store_try_open(const char *path, struct store *ret)
{
	struct store store = { .lock_fd = -1 };
	struct stat status;
	int r = 0;

	store.path = strdup(path);
	if (!store.path)
		return -ENOMEM;
	/* SQLite gives the log beside it the mode of this file. The descriptor must not be closed
	 * while SQLite has the file open: POSIX locks would go with it. */
	store.lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	if (store.lock_fd < 0 || fstat(store.lock_fd, &status) < 0)
		r = -errno;
	else if (!S_ISREG(status.st_mode))
		r = -EINVAL;
	else if (flock(store.lock_fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else if (fchmod(store.lock_fd, 0600) < 0)
		r = -errno;
	if (r == 0) {
		store.inode = status.st_ino;
		store.device = status.st_dev;
		r = store_prepare_file(&store, &status);
	}
	if (r < 0)
		store_close(&store);
	else
		*ret = store;
	return r;
}

/* Names carry the time, so they sort by age. */
static void damaged_remove_oldest(const char *path)
{
	CLEANUP(free_cleanup) char *pattern = NULL;
	glob_t found = { 0 };

	if (asprintf(&pattern, "%s.damaged-*Z", path) < 0) {
		pattern = NULL;
		return;
	}
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i + STORE_DAMAGED_KEPT <= found.gl_pathc; i++) {
			char log[PATH_MAX];

			(void)unlink(found.gl_pathv[i]);
			(void)snprintf(log, sizeof(log), "%s-wal", found.gl_pathv[i]);
			(void)unlink(log);
		}
	globfree(&found);
}

/* The log goes with its file, under the name by which SQLite would look for it. */
int store_set_aside(const char *path)
{
	static const char *const parts[] = { "-wal", "" };
	char time[CLOCK_TEXT_SIZE];

	damaged_remove_oldest(path);
	clock_format(clock_realtime(), time);
	for (size_t i = 0; i < ELEMENTS(parts); i++) {
		CLEANUP(free_cleanup) char *from = NULL, *to = NULL;

		if (asprintf(&from, "%s%s", path, parts[i]) < 0) {
			from = NULL;
			return -ENOMEM;
		}
		if (asprintf(&to, "%s.damaged-%s%s", path, time, parts[i]) < 0) {
			to = NULL;
			return -ENOMEM;
		}
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int store_open_writer(const char *path, struct store *ret, bool *ret_damaged)
{
	int r = store_try_open(path, ret);

	*ret_damaged = r == -EBADMSG;
	if (r != -EBADMSG)
		return r;
	r = store_set_aside(path);
	return r < 0 ? r : store_try_open(path, ret);
}

int store_open_reader(const char *path, struct store *ret)
{
	struct store store = { .lock_fd = -1 };
	struct stat status;
	int version = 0;
	int r;

	if (stat(path, &status) < 0)
		return -errno;
	store.path = strdup(path);
	if (!store.path)
		return -ENOMEM;
	store.inode = status.st_ino;
	store.device = status.st_dev;
	r = store_connect(&store, SQLITE_OPEN_READONLY, STORE_READER_WAIT_MS);
	if (r == 0)
		r = store_check_version(&store, &version);
	if (r == 0 && version == 0)
		r = -ENOENT;
	for (; r == 0 && version < STORE_VERSION; version++)
		r = store_execute(&store, store_views[version]);
	if (r < 0)
		store_close(&store);
	else
		*ret = store;
	return r;
}

void store_close(struct store *store)
{
	for (int i = 0; i < STORE_STATEMENTS; i++) {
		(void)sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
	(void)sqlite3_close(store->database);
	store->database = NULL;
	if (store->lock_fd >= 0)
		(void)close(store->lock_fd);
	store->lock_fd = -1;
	free(store->path);
	store->path = NULL;
}
