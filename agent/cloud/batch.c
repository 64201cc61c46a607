/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM_MIN 64

void batch_entry_free(struct batch_entry *entry)
{
	if (!entry)
		return;
	free(entry->document);
	free(entry);
}

void batch_entry_end(struct batch_entry *entry, enum message_outcome outcome, const char *code,
		     const char *text)
{
	entry->outcome = outcome;
	(void)snprintf(entry->why, sizeof(entry->why), "%.60s%s%s", code ? code : "",
		       code && text ? ": " : "", text ? text : "");
}

void batch_clear(struct batch *batch)
{
	free(batch->entries);
	*batch = (struct batch){ 0 };
}

static bool entry_fits(const struct batch *batch, const struct batch_entry *entry,
		       const struct batch_limits *limits)
{
	size_t size = entry->size + limits->overhead;
	uint64_t first = entry->time < batch->first ? entry->time : batch->first;
	uint64_t last = entry->time > batch->last ? entry->time : batch->last;

	if (size > limits->entry || size > limits->bytes - batch->bytes)
		return false;
	return batch->count == 0 || limits->span == 0 || last - first <= limits->span;
}

static bool entry_is_of_period(const struct batch *batch, const struct batch_entry *entry,
			       const struct batch_limits *limits)
{
	return limits->period == 0 || batch->count == 0 ||
	       entry->time / limits->period == batch->first / limits->period;
}

static int batch_add(struct batch *batch, struct batch_entry *entry,
		     const struct batch_limits *limits)
{
	if (batch->count == batch->room) {
		size_t room = batch->room ? batch->room * 2 : ROOM_MIN;
		struct batch_entry **grown =
			reallocarray(batch->entries, room, sizeof(struct batch_entry *));

		if (!grown)
			return -ENOMEM;
		batch->entries = grown;
		batch->room = room;
	}
	if (batch->count == 0 || entry->time < batch->first)
		batch->first = entry->time;
	if (batch->count == 0 || entry->time > batch->last)
		batch->last = entry->time;
	batch->entries[batch->count++] = entry;
	batch->bytes += entry->size + limits->overhead;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct batch_entry *x = *(struct batch_entry *const *)a;
	const struct batch_entry *y = *(struct batch_entry *const *)b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int by_number(const void *a, const void *b)
{
	const struct batch_entry *x = *(struct batch_entry *const *)a;
	const struct batch_entry *y = *(struct batch_entry *const *)b;

	return x->number < y->number ? -1 : x->number > y->number;
}

int batch_fill(struct batch *batch, struct batch_list *queue, const struct batch_limits *limits,
	       size_t count)
{
	struct batch_entry *entry, *next;

	batch->count = batch->bytes = 0;
	batch->first = batch->last = 0;
	if (count > limits->count)
		count = limits->count;
	for (entry = TAILQ_FIRST(queue); entry && batch->count < count; entry = next) {
		next = TAILQ_NEXT(entry, next);
		if (!entry_is_of_period(batch, entry, limits))
			continue;
		if (!entry_fits(batch, entry, limits))
			break;
		if (batch_add(batch, entry, limits) < 0) {
			batch_return(batch, queue);
			return -ENOMEM;
		}
		TAILQ_REMOVE(queue, entry, next);
	}
	if (batch->count > 1)
		qsort(batch->entries, batch->count, sizeof(struct batch_entry *), by_time);
	return 0;
}

void batch_return(struct batch *batch, struct batch_list *queue)
{
	if (batch->count > 1)
		qsort(batch->entries, batch->count, sizeof(struct batch_entry *), by_number);
	for (size_t i = batch->count; i-- > 0;)
		TAILQ_INSERT_HEAD(queue, batch->entries[i], next);
	batch->count = batch->bytes = 0;
}
