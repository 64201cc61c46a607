/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/feed_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/log.h"

/* Of the state: a few hundred feeds. */
#define STATE_MAX   ((size_t)4 << 20)
/* Bytes of the name's digest in a file's name. */
#define NAME_DIGEST 16

CLEANUP_DEFINE(json_t *, json_decref)

static const char *const endings[] = {
	[FEED_GOOD] = "", [FEED_NEW] = ".new", [FEED_HELD] = ".held"
};

void feed_store_path(const struct feed_store *store, const char *name, enum feed_file which,
		     char out[static PATH_MAX])
{
	uint8_t digest[SHA256_SIZE] = { 0 };
	char text[2 * NAME_DIGEST + 1];

	(void)digest_sha256(name, strlen(name), digest);
	digest_text(digest, NAME_DIGEST, text);
	(void)snprintf(out, PATH_MAX, "%.4000s/%s%s", store->folder, text, endings[which]);
}

int feed_store_move(const struct feed_store *store, const char *name, enum feed_file from,
		    enum feed_file to)
{
	char old[PATH_MAX], new[PATH_MAX];

	feed_store_path(store, name, from, old);
	feed_store_path(store, name, to, new);
	return rename(old, new) < 0 && errno != ENOENT ? -errno : 0;
}

void feed_store_remove(const struct feed_store *store, const char *name, enum feed_file which)
{
	char path[PATH_MAX];

	feed_store_path(store, name, which, path);
	(void)unlink(path);
}

struct feed_record *feed_store_record(struct feed_store *store, const char *name)
{
	struct feed_record *records;
	char *copy;

	for (size_t i = 0; i < store->count; i++)
		if (strcmp(store->records[i].name, name) == 0)
			return &store->records[i];
	records = reallocarray(store->records, store->count + 1, sizeof(*records));
	if (!records)
		return NULL;
	store->records = records;
	copy = strdup(name);
	if (!copy)
		return NULL;
	records[store->count] = (struct feed_record){ .name = copy };
	return &records[store->count++];
}

void feed_store_prune(struct feed_store *store, bool (*keep)(const char *name, const void *data),
		      const void *data)
{
	size_t kept = 0;

	for (size_t i = 0; i < store->count; i++) {
		if (keep(store->records[i].name, data)) {
			store->records[kept++] = store->records[i];
			continue;
		}
		feed_store_remove(store, store->records[i].name, FEED_GOOD);
		feed_store_remove(store, store->records[i].name, FEED_NEW);
		feed_store_remove(store, store->records[i].name, FEED_HELD);
		free(store->records[i].name);
	}
	store->count = kept;
}

static void text_load(const json_t *object, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	(void)snprintf(out, size, "%s", text ? text : "");
}

static uint64_t number_load(const json_t *object, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(object, key));

	return number > 0 ? (uint64_t)number : 0;
}

static void record_load(struct feed_store *store, const json_t *object)
{
	const char *name = json_string_value(json_object_get(object, "name"));
	struct feed_record *record = name ? feed_store_record(store, name) : NULL;

	if (!record)
		return;
	record->checked = number_load(object, "checked");
	record->fetched = number_load(object, "fetched");
	record->next = number_load(object, "next");
	record->failures = number_load(object, "failures");
	record->bytes = number_load(object, "bytes");
	record->version = number_load(object, "version");
	record->items = number_load(object, "items");
	record->entries = number_load(object, "entries");
	record->rejected = number_load(object, "rejected");
	record->never_blocked = number_load(object, "never_blocked");
	text_load(object, "etag", record->etag, sizeof(record->etag));
	text_load(object, "modified", record->modified, sizeof(record->modified));
	text_load(object, "error", record->error, sizeof(record->error));
}

static void state_path(const struct feed_store *store, char out[static PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%.4000s/" FEED_STATE, store->folder);
}

static void state_load(struct feed_store *store)
{
	CLEANUP(json_decref_cleanup) json_t *state = NULL;
	CLEANUP(free_cleanup) char *text = NULL;
	char path[PATH_MAX];
	const json_t *feeds;
	size_t size;
	int r;

	state_path(store, path);
	r = fd_read_file(path, STATE_MAX, &text, &size);
	if (r == -ENOENT)
		return;
	state = r == 0 ? json_loadb(text, size, 0, NULL) : NULL;
	if (!state) {
		log_warning("%s cannot be read: feeds are asked again", path);
		return;
	}
	feeds = json_object_get(state, "feeds");
	for (size_t i = 0; i < json_array_size(feeds); i++)
		record_load(store, json_array_get(feeds, i));
	store->pack_version = number_load(state, "pack_version");
	store->held_since = number_load(state, "held_since");
	text_load(state, "held", store->held, sizeof(store->held));
}

int feed_store_open(const char *state_dir, struct feed_store *ret)
{
	struct feed_store store = { 0 };
	int r;

	(void)snprintf(store.folder, sizeof(store.folder), "%.4000s/" FEED_FOLDER, state_dir);
	r = fd_make_folders(store.folder, 0750);
	if (r < 0)
		return r;
	*ret = store;
	state_load(ret);
	return 0;
}

void feed_store_close(struct feed_store *store)
{
	for (size_t i = 0; i < store->count; i++)
		free(store->records[i].name);
	free(store->records);
	*store = (struct feed_store){ 0 };
}

static json_t *record_save(const struct feed_record *record)
{
	return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s}",
			 "version", (json_int_t)record->version, "name", record->name, "checked",
			 (json_int_t)record->checked, "fetched", (json_int_t)record->fetched,
			 "next", (json_int_t)record->next, "failures", (json_int_t)record->failures,
			 "bytes", (json_int_t)record->bytes, "items", (json_int_t)record->items,
			 "entries", (json_int_t)record->entries, "rejected",
			 (json_int_t)record->rejected, "never_blocked",
			 (json_int_t)record->never_blocked, "etag", record->etag, "modified",
			 record->modified, "error", record->error);
}

int feed_store_save(const struct feed_store *store)
{
	CLEANUP(json_decref_cleanup)
	json_t *state = json_pack(
		"{s:I, s:s, s:I, s:o}", "pack_version", (json_int_t)store->pack_version, "held",
		store->held, "held_since", (json_int_t)store->held_since, "feeds", json_array());
	CLEANUP(free_cleanup) char *text = NULL;
	char path[PATH_MAX];

	for (size_t i = 0; i < store->count; i++)
		(void)json_array_append_new(json_object_get(state, "feeds"),
					    record_save(&store->records[i]));
	text = state ? json_dumps(state, JSON_INDENT(1)) : NULL;
	if (!text)
		return -ENOMEM;
	state_path(store, path);
	return fd_write_file(path, 0640, text, strlen(text));
}
