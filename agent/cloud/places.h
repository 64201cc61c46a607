/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries that cordon-cloud has, as its parent counts them: each is called by its place's
 * number and how often that place was used, so that what was answered once is not answered again.
 * What comes in as a name is the other side's word. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloud/settings.h"

/* Entries of one sink that it may have and not have answered: a few calls' worth. Each sink has
 * room of its own, so that one that hangs takes none from the others. */
#define PLACES_SINK_MAX ((size_t)512)
/* Of all: eight sinks that are full (OUTBOX_TAKEN_MAX). */
#define PLACES_MAX	((size_t)4096)

struct place {
	uint64_t id; /* the daemon's */
	uint32_t uses, sink;
	bool taken;
	bool answers; /* an answer may come, once */
	size_t size;
};

struct places {
	struct place places[PLACES_MAX];
	uint32_t free_places[PLACES_MAX];
	size_t free_count;
	struct places_share {
		size_t entries, bytes;
	} shares[CLOUD_SINKS]; /* of each sink */
};

/* All of them are free; names that were given mean nothing any more. */
void places_clear(struct places *places);
/* There must be a free one, and such a sink. Returns its name. */
uint64_t places_take(struct places *places, uint64_t id, uint32_t sink, bool answers, size_t size);
/* NULL: nothing of that name is out. */
struct place *places_find(struct places *places, uint64_t name);
void places_return(struct places *places, struct place *place);
