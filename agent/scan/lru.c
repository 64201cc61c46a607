/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/lru.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_MAX 65536u

struct entry {
	uint64_t key;
	uint32_t next;	       /* in its bucket, or in the list of free places */
	uint32_t older, newer; /* by use */
};

struct lru {
	uint32_t room, count;
	uint32_t mask; /* of buckets: a power of two of them, less one */
	uint32_t oldest, newest;
	uint32_t free;	  /* given back; first in, last out */
	uint32_t touched; /* places that were ever given */
	uint32_t *buckets;
	struct entry *entries;
};

int lru_new(uint32_t room, struct lru **ret)
{
	struct lru *lru;
	uint32_t buckets = 1;

	if (room == 0 || room > ROOM_MAX)
		return -EINVAL;
	while (buckets < room)
		buckets *= 2;
	lru = calloc(1, sizeof(*lru));
	if (!lru)
		return -ENOMEM;
	*lru = (struct lru){ .room = room,
			     .mask = buckets - 1,
			     .oldest = LRU_NONE,
			     .newest = LRU_NONE,
			     .free = LRU_NONE,
			     .buckets = calloc(buckets, sizeof(*lru->buckets)),
			     .entries = calloc(room, sizeof(*lru->entries)) };
	if (!lru->buckets || !lru->entries) {
		lru_free(lru);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < buckets; i++)
		lru->buckets[i] = LRU_NONE;
	*ret = lru;
	return 0;
}

void lru_free(struct lru *lru)
{
	if (!lru)
		return;
	free(lru->buckets);
	free(lru->entries);
	free(lru);
}

static uint32_t *bucket_of(const struct lru *lru, uint64_t key)
{
	/* The upper half decides as well: keys that count up must not share their buckets. */
	return &lru->buckets[(key ^ key >> 32) & lru->mask];
}

uint32_t lru_find(const struct lru *lru, uint64_t key)
{
	uint32_t place = *bucket_of(lru, key);

	while (place != LRU_NONE && lru->entries[place].key != key)
		place = lru->entries[place].next;
	return place;
}

static void use_unlink(struct lru *lru, const struct entry *entry)
{
	if (entry->older == LRU_NONE)
		lru->oldest = entry->newer;
	else
		lru->entries[entry->older].newer = entry->newer;
	if (entry->newer == LRU_NONE)
		lru->newest = entry->older;
	else
		lru->entries[entry->newer].older = entry->older;
}

static void use_append(struct lru *lru, uint32_t place)
{
	struct entry *entry = &lru->entries[place];

	entry->newer = LRU_NONE;
	entry->older = lru->newest;
	if (lru->newest == LRU_NONE)
		lru->oldest = place;
	else
		lru->entries[lru->newest].newer = place;
	lru->newest = place;
}

static uint32_t place_take(struct lru *lru)
{
	uint32_t place = lru->free;

	if (place != LRU_NONE)
		lru->free = lru->entries[place].next;
	else if (lru->touched < lru->room)
		place = lru->touched++;
	return place;
}

uint32_t lru_add(struct lru *lru, uint64_t key)
{
	uint32_t *bucket = bucket_of(lru, key), place = place_take(lru);

	if (place == LRU_NONE)
		return LRU_NONE;
	lru->entries[place].key = key;
	lru->entries[place].next = *bucket;
	*bucket = place;
	use_append(lru, place);
	lru->count++;
	return place;
}

void lru_touch(struct lru *lru, uint32_t place)
{
	if (lru->newest == place)
		return;
	use_unlink(lru, &lru->entries[place]);
	use_append(lru, place);
}

void lru_remove(struct lru *lru, uint32_t place)
{
	struct entry *entry = &lru->entries[place];
	uint32_t *link = bucket_of(lru, entry->key);

	while (*link != place)
		link = &lru->entries[*link].next;
	*link = entry->next;
	use_unlink(lru, entry);
	entry->next = lru->free;
	lru->free = place;
	lru->count--;
}

uint32_t lru_oldest(const struct lru *lru)
{
	return lru->oldest;
}

uint32_t lru_newer(const struct lru *lru, uint32_t place)
{
	return lru->entries[place].newer;
}

uint32_t lru_count(const struct lru *lru)
{
	return lru->count;
}
