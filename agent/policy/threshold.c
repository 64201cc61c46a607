/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the counters of rules. Used by policy_evaluate.c; what keys are made of is an attacker's to
 * choose, so the hash is seeded.
 */
#include "policy/threshold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "base/fnv.h"
#include "policy/match_key.h"
#include "policy/rule.h"

#define BUCKETS 4096 /* a power of two */

struct counted {
	uint64_t hash; /* stands for rule and key: two that share it are counted together */
	struct counted *next;
	TAILQ_ENTRY(counted) by_use;
	size_t room, used, at; /* of times, a ring: at is where the next one goes */
	uint64_t times[];
};
TAILQ_HEAD(counted_list, counted);

struct threshold_table {
	uint64_t seed;
	struct counted *buckets[BUCKETS];
	struct counted_list by_use; /* least recently used first */
	size_t count, bytes;
};

int threshold_table_new(struct threshold_table **ret)
{
	struct threshold_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	TAILQ_INIT(&table->by_use);
	if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) < 0)
		table->seed = FNV_START;
	*ret = table;
	return 0;
}

static void counted_remove(struct threshold_table *table, struct counted *counted)
{
	struct counted **link = &table->buckets[counted->hash % BUCKETS];

	while (*link != counted)
		link = &(*link)->next;
	*link = counted->next;
	TAILQ_REMOVE(&table->by_use, counted, by_use);
	table->count--;
	table->bytes -= sizeof(*counted) + counted->room * sizeof(counted->times[0]);
	free(counted);
}

void threshold_table_free(struct threshold_table *table)
{
	struct counted *counted;

	if (!table)
		return;
	while ((counted = TAILQ_FIRST(&table->by_use)))
		counted_remove(table, counted);
	free(table);
}

/* FNV-1a's step, from a random start; the end of a text counts as well. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (;; text++) {
		hash = fnv_step(hash, (uint8_t)*text);
		hash ^= hash >> 29;
		if (!*text)
			return hash;
	}
}

static uint64_t key_hash(const struct threshold_table *table, const char *policy, const char *rule,
			 const struct rule_counter *counter, struct match_subject *subject)
{
	uint64_t hash = hash_text(hash_text(table->seed, policy), rule);
	char buffer[MATCH_TEXT_SIZE];

	/* A rule may have two counters. */
	hash = hash_text(hash, counter->count == 1 ? "first" : "threshold");
	if (counter->by_finding && subject->finding)
		hash = hash_text(hash, subject->finding->uid);
	for (size_t i = 0; i < counter->by_count; i++) {
		const char *text = match_key_text(counter->by[i], subject, 0, buffer);

		hash = hash_text(hash, text ? text : "");
	}
	return hash;
}

static struct counted *counted_find(const struct threshold_table *table, uint64_t hash)
{
	struct counted *counted = table->buckets[hash % BUCKETS];

	while (counted && counted->hash != hash)
		counted = counted->next;
	return counted;
}

static struct counted *counted_add(struct threshold_table *table, uint64_t hash, size_t room)
{
	size_t bytes = sizeof(struct counted) + room * sizeof(uint64_t);
	struct counted *counted;

	while (table->count > 0 &&
	       (table->count >= THRESHOLD_KEYS_MAX || table->bytes + bytes > THRESHOLD_BYTES_MAX))
		counted_remove(table, TAILQ_FIRST(&table->by_use));
	counted = calloc(1, bytes);
	if (!counted)
		return NULL;
	counted->hash = hash;
	counted->room = room;
	counted->next = table->buckets[hash % BUCKETS];
	table->buckets[hash % BUCKETS] = counted;
	TAILQ_INSERT_TAIL(&table->by_use, counted, by_use);
	table->count++;
	table->bytes += bytes;
	return counted;
}

uint64_t threshold_count(struct threshold_table *table, const char *policy, const char *rule,
			 const struct rule_counter *counter, struct match_subject *subject)
{
	uint64_t hash = key_hash(table, policy, rule, counter, subject), now = subject->time;
	struct counted *counted = counted_find(table, hash);
	size_t room = (size_t)counter->count + 1;
	uint64_t within = 0;

	/* The policy may have been changed. */
	if (counted && counted->room != room) {
		counted_remove(table, counted);
		counted = NULL;
	}
	if (!counted)
		counted = counted_add(table, hash, room);
	if (!counted)
		return 1;
	TAILQ_REMOVE(&table->by_use, counted, by_use);
	TAILQ_INSERT_TAIL(&table->by_use, counted, by_use);
	counted->times[counted->at] = now;
	counted->at = (counted->at + 1) % room;
	counted->used += counted->used < room;
	for (size_t i = 0; i < counted->used; i++)
		within += counted->times[i] > now || now - counted->times[i] <= counter->within;
	return within;
}
