/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what waits to be quiet. All wait equally long after they were touched, so the order of their
 * last touch is the order in which they are due. Paths are anybody's; they are not looked at.
 */
#include "scan/file_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/siphash.h"
#include "scan/lru.h"

struct queue_entry {
	struct queued_file file;
	uint64_t first;
};

struct file_queue {
	struct lru *order;
	struct queue_entry *entries;
	struct siphash_key key;
	uint64_t quiet, most;
};

CLEANUP_DEFINE(struct file_queue *, file_queue_free)

int file_queue_new(uint32_t room, uint64_t quiet, uint64_t most, struct file_queue **ret)
{
	CLEANUP(file_queue_free_cleanup) struct file_queue *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	r = lru_new(room, &queue->order);
	if (r < 0)
		return r;
	queue->entries = calloc(room, sizeof(*queue->entries));
	if (!queue->entries)
		return -ENOMEM;
	if (getrandom(&queue->key, sizeof(queue->key), 0) != sizeof(queue->key))
		return -EIO;
	queue->quiet = quiet;
	queue->most = most;
	*ret = take_ptr(queue);
	return 0;
}

void file_queue_free(struct file_queue *queue)
{
	uint32_t place;

	if (!queue)
		return;
	while (queue->entries && (place = lru_oldest(queue->order)) != LRU_NONE) {
		free(queue->entries[place].file.path);
		lru_remove(queue->order, place);
	}
	lru_free(queue->order);
	free(queue->entries);
	free(queue);
}

static uint64_t path_hash(const struct file_queue *queue, const char *path)
{
	size_t length = strlen(path);
	uint64_t words[32], hash = length;

	/* In parts, each with the hash of those before. */
	for (size_t at = 0; at < length; at += sizeof(words) - 8) {
		size_t left = length - at,
		       part = left < sizeof(words) - 8 ? left : sizeof(words) - 8;

		memset(words, 0, sizeof(words));
		words[0] = hash;
		memcpy(words + 1, path + at, part);
		hash = siphash(&queue->key, words, 1 + (part + 7) / 8);
	}
	return hash;
}

static void entry_touch(struct file_queue *queue, uint32_t place, const struct queued_file *file)
{
	struct queue_entry *entry = &queue->entries[place];

	entry->file.trigger = file->trigger;
	entry->file.pid = file->pid;
	/* Whoever goes on writing does not keep it from being scanned for ever. */
	if (file->told - entry->first + queue->quiet >= queue->most)
		return;
	entry->file.told = file->told;
	lru_touch(queue->order, place);
}

int file_queue_add(struct file_queue *queue, const struct queued_file *file)
{
	uint64_t hash = path_hash(queue, file->path);
	uint32_t place = lru_find(queue->order, hash);
	struct queue_entry *entry;
	char *path;

	if (place != LRU_NONE) {
		entry_touch(queue, place, file);
		return FILE_QUEUE_MERGED;
	}
	path = strdup(file->path);
	if (!path)
		return -ENOMEM;
	place = lru_add(queue->order, hash);
	if (place == LRU_NONE) {
		free(path);
		return -ENOBUFS;
	}
	entry = &queue->entries[place];
	*entry = (struct queue_entry){ .file = *file, .first = file->told };
	entry->file.path = path;
	return 0;
}

uint64_t file_queue_next(const struct file_queue *queue)
{
	uint32_t place = lru_oldest(queue->order);

	return place == LRU_NONE ? UINT64_MAX : queue->entries[place].file.told + queue->quiet;
}

int file_queue_take(struct file_queue *queue, uint64_t now, struct queued_file *ret)
{
	uint32_t place = lru_oldest(queue->order);

	if (place == LRU_NONE || now < queue->entries[place].file.told + queue->quiet)
		return 0;
	*ret = queue->entries[place].file;
	lru_remove(queue->order, place);
	return 1;
}

uint32_t file_queue_count(const struct file_queue *queue)
{
	return lru_count(queue->order);
}
