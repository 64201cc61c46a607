/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the journal, for the command line in a process of its own, or for the daemon. No statement
 * is left open while a callback runs: a reader that stands still would keep the writer's log from
 * being cut back.
 */
#include "journal/journal_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

CLEANUP_DEFINE(struct journal *, journal_close)

struct id_list {
	int64_t *ids;
	size_t count, room;
};

static void id_list_cleanup(struct id_list *list)
{
	free(list->ids);
}

int journal_open_reader(const char *path, struct journal **ret)
{
	CLEANUP(journal_close_cleanup) struct journal *journal = calloc(1, sizeof(*journal));
	int r;

	if (!journal)
		return -ENOMEM;
	journal->store.lock_fd = -1;
	r = store_open_reader(path, &journal->store);
	if (r < 0)
		return r;
	*ret = take_ptr(journal);
	return 0;
}

static int id_list_add(struct id_list *list, int64_t id)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		int64_t *larger = reallocarray(list->ids, room, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		list->ids = larger;
		list->room = room;
	}
	list->ids[list->count++] = id;
	return 0;
}

static int list_ids(struct store *store, const struct journal_query *query, struct id_list *list)
{
	sqlite3_stmt *statement = store_statement(
		store, query->after_sequence ? STORE_LIST_BY_SEQUENCE : STORE_LIST_BY_TIME);
	int result = statement ? SQLITE_OK : sqlite3_errcode(store->database), r = 0;

	(void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)(query->since & INT64_MAX));
	(void)sqlite3_bind_int(statement, 2, query->severity);
	(void)sqlite3_bind_int64(statement, 4, query->lives);
	if (query->after_sequence)
		(void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)query->after_sequence);
	while (statement && r == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW)
		r = id_list_add(list, sqlite3_column_int64(statement, 0));
	(void)sqlite3_reset(statement);
	return r < 0 ? r : store_error(store, result);
}

/* The copies that an entry points to; one block of memory. */
struct entry_copy {
	char *text;
	struct journal_entry entry;
};

static int entry_copy_make(sqlite3_stmt *statement, struct entry_copy *ret)
{
	static const int columns[] = { 1, 2, 15 };
	const char *texts[3];
	size_t sizes[3], total = 0;
	char *at;

	for (size_t i = 0; i < ELEMENTS(columns); i++) {
		texts[i] = (const char *)sqlite3_column_text(statement, columns[i]);
		if (!texts[i])
			return -EBADMSG;
		sizes[i] = strlen(texts[i]) + 1;
		total += sizes[i];
	}
	at = malloc(total);
	if (!at)
		return -ENOMEM;
	ret->text = at;
	for (size_t i = 0; i < ELEMENTS(columns); i++) {
		memcpy(at, texts[i], sizes[i]);
		texts[i] = at;
		at += sizes[i];
	}
	ret->entry = (struct journal_entry){
		.uid = texts[0],
		.detector = texts[1],
		.document = texts[2],
		.first_seen = (uint64_t)sqlite3_column_int64(statement, 3),
		.last_seen = (uint64_t)sqlite3_column_int64(statement, 4),
		.count = (uint64_t)sqlite3_column_int64(statement, 5),
		.sequence = (uint64_t)sqlite3_column_int64(statement, 7),
		.severity = sqlite3_column_int(statement, 8),
		.life = (enum journal_life)sqlite3_column_int(statement, 10),
		.sinks = (uint32_t)sqlite3_column_int64(statement, 11),
	};
	return 0;
}

/* 1 when it was there: it may have been pruned since it was listed. */
static int entry_read(struct store *store, int64_t id, struct entry_copy *ret)
{
	sqlite3_stmt *statement = store_statement(store, STORE_GET);
	int result, r;

	(void)sqlite3_bind_int64(statement, 1, id);
	result = statement ? sqlite3_step(statement) : sqlite3_errcode(store->database);
	if (result == SQLITE_ROW) {
		r = entry_copy_make(statement, ret);
		r = r < 0 ? r : 1;
	} else {
		r = store_error(store, result);
	}
	(void)sqlite3_reset(statement);
	return r;
}

int journal_read(struct journal *journal, const struct journal_query *query,
		 int (*found)(const struct journal_entry *entry, void *userdata), void *userdata)
{
	CLEANUP(id_list_cleanup) struct id_list list = { 0 };
	struct store_row row;
	int r;

	if (query->uid) {
		r = store_lookup(&journal->store, query->uid, &row);
		if (r > 0)
			r = id_list_add(&list, row.id);
		store_done(&journal->store);
	} else {
		r = list_ids(&journal->store, query, &list);
	}
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		struct entry_copy copy = { 0 };

		r = entry_read(&journal->store, list.ids[i], &copy);
		if (r > 0)
			r = found(&copy.entry, userdata);
		free(copy.text);
	}
	return r;
}

int journal_newest(struct journal *journal,
		   int (*found)(const struct journal_entry *entry, void *userdata), void *userdata)
{
	struct entry_copy copy = { 0 };
	sqlite3_stmt *statement;
	int64_t id = 0;
	int result, r;

	if (!journal->store.database)
		return -ESTALE;
	statement = store_statement(&journal->store, STORE_NEWEST);
	result = statement ? sqlite3_step(statement) : sqlite3_errcode(journal->store.database);
	if (result == SQLITE_ROW)
		id = sqlite3_column_int64(statement, 0);
	(void)sqlite3_reset(statement);
	if (result != SQLITE_ROW)
		return store_error(&journal->store, result);
	r = entry_read(&journal->store, id, &copy);
	if (r > 0)
		r = found(&copy.entry, userdata);
	free(copy.text);
	return r;
}

struct sighting_list {
	struct journal_sighting sightings[JOURNAL_SIGHTINGS_READ];
	size_t count;
};

static void sighting_list_free(struct sighting_list *list)
{
	for (size_t i = 0; list && i < list->count; i++)
		free((char *)(uintptr_t)list->sightings[i].summary);
	free(list);
}

CLEANUP_DEFINE(struct sighting_list *, sighting_list_free)

static int sighting_list_read(struct store *store, const char *uid, struct sighting_list *list)
{
	sqlite3_stmt *statement = store_statement(store, STORE_SIGHTINGS);
	int result = statement ? SQLITE_OK : sqlite3_errcode(store->database), r = 0;

	(void)sqlite3_bind_text(statement, 1, uid, -1, SQLITE_STATIC);
	while (statement && r == 0 && list->count < JOURNAL_SIGHTINGS_READ &&
	       (result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct journal_sighting *sighting = &list->sightings[list->count];
		const char *summary = (const char *)sqlite3_column_text(statement, 1);

		sighting->time = (uint64_t)sqlite3_column_int64(statement, 0);
		sighting->summary = summary ? strdup(summary) : NULL;
		r = sighting->summary ? 0 : -ENOMEM;
		list->count += r == 0;
	}
	(void)sqlite3_reset(statement);
	return r < 0 ? r : store_error(store, result);
}

int journal_read_sightings(struct journal *journal, const char *uid,
			   int (*found)(const struct journal_sighting *sighting, void *userdata),
			   void *userdata)
{
	CLEANUP(sighting_list_free_cleanup) struct sighting_list *list = calloc(1, sizeof(*list));
	int r;

	if (!list)
		return -ENOMEM;
	r = sighting_list_read(&journal->store, uid, list);
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = found(&list->sightings[i], userdata);
	return r;
}

struct change_list {
	struct journal_change_note changes[JOURNAL_CHANGES];
	size_t count;
};

static void change_list_cleanup(struct change_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((char *)(uintptr_t)list->changes[i].text);
}

int journal_read_changes(struct journal *journal, const char *uid,
			 int (*found)(const struct journal_change_note *change, void *userdata),
			 void *userdata)
{
	CLEANUP(change_list_cleanup) struct change_list list = { .count = 0 };
	sqlite3_stmt *statement = store_statement(&journal->store, STORE_CHANGES);
	int result = statement ? SQLITE_OK : sqlite3_errcode(journal->store.database), r = 0;

	(void)sqlite3_bind_text(statement, 1, uid, -1, SQLITE_STATIC);
	while (statement && r == 0 && list.count < JOURNAL_CHANGES &&
	       (result = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(statement, 3);
		struct journal_change_note *change = &list.changes[list.count];

		*change = (struct journal_change_note){
			.time = (uint64_t)sqlite3_column_int64(statement, 0),
			.event = (enum journal_event)sqlite3_column_int(statement, 1),
			.severity = sqlite3_column_int(statement, 2),
			.text = text ? strdup(text) : NULL,
		};
		r = change->text ? 0 : -ENOMEM;
		list.count += r == 0;
	}
	(void)sqlite3_reset(statement);
	if (r == 0)
		r = store_error(&journal->store, result);
	for (size_t i = 0; r == 0 && i < list.count; i++)
		r = found(&list.changes[i], userdata);
	return r;
}

static int candidate_copy(sqlite3_stmt *statement, struct journal_candidate *ret)
{
	const char *uid = (const char *)sqlite3_column_text(statement, 1);
	const char *watched = (const char *)sqlite3_column_text(statement, 5);

	*ret = (struct journal_candidate){
		.id = sqlite3_column_int64(statement, 0),
		.uid = uid ? strdup(uid) : NULL,
		.last_seen = (uint64_t)sqlite3_column_int64(statement, 2),
		.closing = { .quiet = (uint64_t)sqlite3_column_int64(statement, 3),
			     .when = (unsigned)sqlite3_column_int64(statement, 4) },
		.watched = strdup(watched ? watched : ""),
	};
	return ret->uid && ret->watched ? 0 : -ENOMEM;
}

int journal_candidates(struct journal *journal, int64_t after, size_t most,
		       void (*found)(const struct journal_candidate *candidate, void *userdata),
		       void *userdata)
{
	CLEANUP(free_cleanup) struct journal_candidate *list = calloc(most, sizeof(*list));
	sqlite3_stmt *statement = store_statement(&journal->store, STORE_CANDIDATES);
	int result = statement ? SQLITE_OK : sqlite3_errcode(journal->store.database), r = 0;
	size_t count = 0;

	if (!list)
		return -ENOMEM;
	(void)sqlite3_bind_int64(statement, 1, after);
	(void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)most);
	while (statement && r == 0 && count < most &&
	       (result = sqlite3_step(statement)) == SQLITE_ROW)
		r = candidate_copy(statement, &list[count++]);
	(void)sqlite3_reset(statement);
	if (r == 0)
		r = store_error(&journal->store, result);
	for (size_t i = 0; i < count; i++) {
		if (r == 0)
			found(&list[i], userdata);
		free((char *)(uintptr_t)list[i].uid);
		free((char *)(uintptr_t)list[i].watched);
	}
	return r < 0 ? r : (int)count;
}

int journal_sequence(struct journal *journal, uint64_t *ret)
{
	uint64_t pruned;

	return store_get_state(&journal->store, ret, &pruned);
}

int journal_poll(struct journal *journal)
{
	sqlite3_stmt *statement;
	uint64_t version;
	int result;

	if (store_check_path(&journal->store) < 0)
		return -ESTALE;
	statement = store_statement(&journal->store, STORE_DATA_VERSION);
	result = statement ? sqlite3_step(statement) : sqlite3_errcode(journal->store.database);
	if (result != SQLITE_ROW)
		return store_error(&journal->store, result);
	version = (uint64_t)sqlite3_column_int64(statement, 0);
	(void)sqlite3_reset(statement);
	if (version == journal->data_version)
		return 0;
	journal->data_version = version;
	return JOURNAL_CHANGED;
}
