/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of feeds from elsewhere, in state_dir/feeds: for each the last list that was good,
 * one that came and is not in force yet, and one that is held back; and in feeds.json what is known
 * of them all, for the next start and for `cordon intel info`.
 */
#pragma once

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define FEED_ETAG_SIZE	256
#define FEED_TIME_SIZE	64
#define FEED_ERROR_SIZE 512
#define FEED_FOLDER	"feeds"
#define FEED_STATE	"feeds.json"

/* Times in seconds since the epoch; 0: never. */
struct feed_record {
	char *name;
	uint64_t checked;  /* asked, with an answer */
	uint64_t fetched;  /* it was another list than before */
	uint64_t next;	   /* to be asked again */
	uint64_t failures; /* one after the other, by now */
	uint64_t bytes;
	uint64_t version; /* of a policy: the newest that was in force */
	uint64_t items, entries, rejected, never_blocked; /* of the list in force */
	char etag[FEED_ETAG_SIZE], modified[FEED_TIME_SIZE];
	char error[FEED_ERROR_SIZE]; /* of the last attempt; "": it went well */
};

struct feed_store {
	char folder[PATH_MAX];
	struct feed_record *records;
	size_t count;
	uint64_t pack_version;	    /* of the newest signed pack that was in force */
	char held[FEED_ERROR_SIZE]; /* why an update is held back; "": none is */
	uint64_t held_since;
};

/* Makes the folder, and reads what is known. A state that cannot be read is none: feeds are asked
 * again. Errors of making the folder. */
int feed_store_open(const char *state_dir, struct feed_store *ret);
void feed_store_close(struct feed_store *store);
/* The record of that name, a new one if need be; good until the next call. NULL: no memory. */
struct feed_record *feed_store_record(struct feed_store *store, const char *name);
/* Those for which keep() says no are forgotten, and their files removed. */
void feed_store_prune(struct feed_store *store, bool (*keep)(const char *name, const void *data),
		      const void *data);
int feed_store_save(const struct feed_store *store);

enum feed_file {
	FEED_GOOD,
	FEED_NEW,
	FEED_HELD,
};
/* Names of feeds may be anything: files are called by their digest. */
void feed_store_path(const struct feed_store *store, const char *name, enum feed_file which,
		     char out[static PATH_MAX]);
/* from becomes to; nothing happens when there is none. */
int feed_store_move(const struct feed_store *store, const char *name, enum feed_file from,
		    enum feed_file to);
void feed_store_remove(const struct feed_store *store, const char *name, enum feed_file which);
