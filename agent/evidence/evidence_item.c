/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence_item.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define FIRST_ROOM ((size_t)16 * 1024)
#define SIDE_MAX   ((size_t)1024 * 1024)
#define LINE_MAX_  4096

struct run {
	struct evidence_item *item;
	evidence_collect collect;
	const void *userdata;
};

struct evidence_item *evidence_item_new(size_t max)
{
	struct evidence_item *item = calloc(1, sizeof(*item));
	pthread_condattr_t attributes;

	if (!item)
		return NULL;
	item->max = max;
	(void)pthread_mutex_init(&item->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&item->ended_told, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return item;
}

static void item_destroy(struct evidence_item *item)
{
	(void)pthread_mutex_destroy(&item->lock);
	(void)pthread_cond_destroy(&item->ended_told);
	free(item->data);
	free(item->side);
	free(item);
}

void evidence_item_free(struct evidence_item *item)
{
	bool last;

	if (!item)
		return;
	(void)pthread_mutex_lock(&item->lock);
	item->left = true;
	last = !item->abandoned || item->ended;
	(void)pthread_mutex_unlock(&item->lock);
	if (last)
		item_destroy(item);
}

static int room_make(char **data, size_t *room, size_t wanted)
{
	size_t next = *room ? *room : FIRST_ROOM;
	char *grown;

	while (next < wanted)
		next *= 2;
	if (next == *room)
		return 0;
	grown = realloc(*data, next);
	if (!grown)
		return -ENOMEM;
	*data = grown;
	*room = next;
	return 0;
}

int evidence_item_add(struct evidence_item *item, const void *data, size_t size)
{
	size_t fits;
	int r = 0;

	(void)pthread_mutex_lock(&item->lock);
	fits = size < item->max - item->size ? size : item->max - item->size;
	if (item->abandoned)
		r = -ECANCELED;
	else
		r = room_make(&item->data, &item->room, item->size + fits);
	if (r == 0) {
		memcpy(item->data + item->size, data, fits);
		item->size += fits;
		if (fits < size) {
			item->cut = true;
			r = -ENOSPC;
		}
	}
	(void)pthread_mutex_unlock(&item->lock);
	return r;
}

int evidence_item_print(struct evidence_item *item, const char *format, ...)
{
	char line[LINE_MAX_];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length < 0)
		return -EINVAL;
	return evidence_item_add(item, line,
				 (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

int evidence_item_aside(struct evidence_item *item, const void *data, size_t size)
{
	int r = 0;

	(void)pthread_mutex_lock(&item->lock);
	if (item->abandoned)
		r = -ECANCELED;
	else if (size > SIDE_MAX - item->side_size)
		r = -ENOSPC;
	else
		r = room_make(&item->side, &item->side_room, item->side_size + size);
	if (r == 0) {
		memcpy(item->side + item->side_size, data, size);
		item->side_size += size;
	}
	if (r == -ENOSPC)
		item->cut = true;
	(void)pthread_mutex_unlock(&item->lock);
	return r;
}

void evidence_item_say(struct evidence_item *item, const char *format, ...)
{
	va_list arguments;

	(void)pthread_mutex_lock(&item->lock);
	va_start(arguments, format);
	if (!item->abandoned)
		(void)vsnprintf(item->why, sizeof(item->why), format, arguments);
	va_end(arguments);
	(void)pthread_mutex_unlock(&item->lock);
}

static void *run_thread(void *argument)
{
	struct run run = *(struct run *)argument;
	struct evidence_item *item = run.item;
	bool last;
	int r;

	free(argument);
	r = run.collect(item, run.userdata);
	(void)pthread_mutex_lock(&item->lock);
	/* Being full is no error, and told apart. */
	if (!item->abandoned && r < 0 && r != -ENOSPC)
		item->error = r;
	item->ended = true;
	last = item->left;
	(void)pthread_cond_signal(&item->ended_told);
	(void)pthread_mutex_unlock(&item->lock);
	if (last)
		item_destroy(item);
	return NULL;
}

static struct timespec deadline_of(uint64_t limit)
{
	struct timespec at;
	uint64_t nanoseconds;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	nanoseconds = (uint64_t)at.tv_nsec + limit;
	at.tv_sec += (time_t)(nanoseconds / NS_PER_SECOND);
	at.tv_nsec = (long)(nanoseconds % NS_PER_SECOND);
	return at;
}

int evidence_item_run(struct evidence_item *item, evidence_collect collect, const void *userdata,
		      uint64_t limit)
{
	struct timespec deadline = deadline_of(limit);
	struct run *run = malloc(sizeof(*run));
	pthread_t thread;
	bool ended;
	int r;

	if (!run)
		return -ENOMEM;
	*run = (struct run){ item, collect, userdata };
	r = pthread_create(&thread, NULL, run_thread, run);
	if (r != 0) {
		free(run);
		return -r;
	}
	r = 0;
	(void)pthread_mutex_lock(&item->lock);
	while (!item->ended && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&item->ended_told, &item->lock, &deadline);
	ended = item->ended;
	item->abandoned = !ended;
	(void)pthread_mutex_unlock(&item->lock);
	if (ended)
		(void)pthread_join(thread, NULL);
	else
		(void)pthread_detach(thread);
	return ended ? 0 : -ETIMEDOUT;
}
