/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the open findings. Used by journal.c; the uids come from detectors, which derive them by
 * digest, but an outsider has a say in what goes in, so the hash is seeded.
 */
#include "journal/journal_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/fnv.h"

static uint64_t uid_hash(const struct open_table *table, const char *uid)
{
	uint64_t hash = table->seed;

	/* From a random start. */
	hash = fnv_add(hash, uid, strlen(uid));
	return hash ^ (hash >> 32);
}

static struct open_finding **bucket_of(const struct open_table *table, const char *uid)
{
	return &table->buckets[uid_hash(table, uid) & table->mask];
}

int open_table_init(struct open_table *table, size_t max)
{
	size_t buckets = 16;

	while (buckets < max && buckets < (SIZE_MAX >> 8))
		buckets *= 2;
	*table = (struct open_table){ .max = max, .mask = buckets - 1 };
	TAILQ_INIT(&table->by_use);
	TAILQ_INIT(&table->by_dirt);
	TAILQ_INIT(&table->by_due);
	if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) < 0)
		table->seed = FNV_START;
	table->buckets = calloc(buckets, sizeof(struct open_finding *));
	return table->buckets ? 0 : -ENOMEM;
}

void open_table_clear(struct open_table *table)
{
	struct open_finding *finding;

	if (!table->buckets)
		return;
	while ((finding = TAILQ_FIRST(&table->by_use)))
		open_table_remove(table, finding);
	free(table->buckets);
	table->buckets = NULL;
}

struct open_finding *open_table_find(struct open_table *table, const char *uid)
{
	struct open_finding *finding = *bucket_of(table, uid);

	while (finding && strcmp(finding->uid, uid) != 0)
		finding = finding->bucket_next;
	if (finding && TAILQ_NEXT(finding, by_use)) {
		TAILQ_REMOVE(&table->by_use, finding, by_use);
		TAILQ_INSERT_TAIL(&table->by_use, finding, by_use);
	}
	return finding;
}

struct open_finding *open_table_add(struct open_table *table, const char *uid, const char *detector)
{
	struct open_finding *finding = calloc(1, sizeof(*finding));
	struct open_finding **bucket = bucket_of(table, uid);
	size_t length = strlen(uid);

	if (!finding)
		return NULL;
	finding->detector = strdup(detector);
	if (!finding->detector || length >= sizeof(finding->uid)) {
		free(finding->detector);
		free(finding);
		return NULL;
	}
	memcpy(finding->uid, uid, length + 1);
	finding->bucket_next = *bucket;
	*bucket = finding;
	TAILQ_INSERT_TAIL(&table->by_use, finding, by_use);
	table->count++;
	table->unwritten++;
	return finding;
}

static void held_free(struct open_table *table, struct open_finding *finding)
{
	for (size_t i = 0; i < finding->held_count; i++) {
		table->held_bytes -= strlen(finding->held[i].summary);
		free(finding->held[i].summary);
	}
	finding->held_count = 0;
	if (finding->document)
		table->held_bytes -= strlen(finding->document);
	free(finding->document);
	finding->document = NULL;
	for (size_t i = 0; i < finding->change_count; i++) {
		table->held_bytes -= strlen(finding->held_changes[i].text);
		free(finding->held_changes[i].text);
	}
	finding->change_count = 0;
	if (finding->watched)
		table->held_bytes -= strlen(finding->watched);
	free(finding->watched);
	finding->watched = NULL;
	finding->told_life = false;
}

static void dirt_remove(struct open_table *table, struct open_finding *finding)
{
	if (!finding->dirty)
		return;
	TAILQ_REMOVE(&table->by_dirt, finding, by_dirt);
	finding->dirty = false;
	table->dirty--;
}

void open_table_remove(struct open_table *table, struct open_finding *finding)
{
	struct open_finding **link = bucket_of(table, finding->uid);

	while (*link != finding)
		link = &(*link)->bucket_next;
	*link = finding->bucket_next;
	TAILQ_REMOVE(&table->by_use, finding, by_use);
	open_table_set_due(table, finding, false);
	dirt_remove(table, finding);
	if (finding->id == 0)
		table->unwritten--;
	table->count--;
	held_free(table, finding);
	free(finding->detector);
	free(finding);
}

void open_table_mark(struct open_table *table, struct open_finding *finding)
{
	if (finding->dirty)
		return;
	finding->dirty = true;
	table->dirty++;
	TAILQ_INSERT_TAIL(&table->by_dirt, finding, by_dirt);
}

void open_table_set_due(struct open_table *table, struct open_finding *finding, bool due)
{
	if (finding->due == due)
		return;
	finding->due = due;
	if (due)
		TAILQ_INSERT_TAIL(&table->by_due, finding, by_due);
	else
		TAILQ_REMOVE(&table->by_due, finding, by_due);
}

void open_table_set_row(struct open_table *table, struct open_finding *finding, int64_t id)
{
	if (finding->id == 0)
		table->unwritten--;
	finding->id = id;
}

void open_table_forget_row(struct open_table *table, struct open_finding *finding)
{
	if (finding->id != 0)
		table->unwritten++;
	finding->id = 0;
	finding->noted = 0;
	finding->changes = 0;
}

void open_table_settle(struct open_table *table, struct open_finding *finding)
{
	open_table_set_row(table, finding, finding->coming_id);
	finding->sequence = finding->coming_sequence;
	finding->noted += finding->held_count;
	finding->changes += finding->change_count;
	held_free(table, finding);
	dirt_remove(table, finding);
}

static int hold(struct open_table *table, const char *text, char **ret)
{
	size_t length = strlen(text);
	char *copy;

	if (table->held_bytes + length > JOURNAL_HELD_BYTES)
		return -ENOBUFS;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	table->held_bytes += length;
	*ret = copy;
	return 0;
}

int open_finding_hold_document(struct open_table *table, struct open_finding *finding,
			       const char *document)
{
	char *copy;
	int r = hold(table, document, &copy);

	if (r < 0)
		return r;
	if (finding->document)
		table->held_bytes -= strlen(finding->document);
	free(finding->document);
	finding->document = copy;
	return 0;
}

int open_finding_hold_sighting(struct open_table *table, struct open_finding *finding,
			       uint64_t time, const char *summary)
{
	struct held_sighting *sighting = &finding->held[finding->held_count];
	int r = hold(table, summary, &sighting->summary);

	if (r < 0)
		return r;
	sighting->time = time;
	finding->held_count++;
	return 0;
}

int open_finding_hold_change(struct open_table *table, struct open_finding *finding,
			     const struct journal_change_note *change)
{
	struct held_change *held = &finding->held_changes[finding->change_count];
	int r = finding->change_count < HELD_CHANGES ? hold(table, change->text, &held->text)
						     : -ENOBUFS;

	if (r < 0)
		return r;
	held->time = change->time;
	held->event = change->event;
	held->severity = change->severity;
	finding->change_count++;
	return 0;
}

int open_finding_hold_watched(struct open_table *table, struct open_finding *finding,
			      const char *watched)
{
	char *copy;
	int r = watched ? hold(table, watched, &copy) : 0;

	if (r < 0 || !watched)
		return r;
	if (finding->watched)
		table->held_bytes -= strlen(finding->watched);
	free(finding->watched);
	finding->watched = copy;
	return 0;
}
