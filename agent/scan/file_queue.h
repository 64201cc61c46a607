/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are to be scanned once they are quiet: a file that is being written again and again is
 * scanned when that is over, or after a while all the same. Bounded; knows files by path.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct file_queue;

struct queued_file {
	char *path;	   /* the taker's to free */
	unsigned trigger;  /* the owner's */
	unsigned attempts; /* times that it changed under the scan */
	pid_t pid;	   /* of whoever touched it last; 0: not known */
	uint64_t told;	   /* when that was: boot clock, ns */
};

/* room: files at most. quiet, most: ns that it waits after it was touched last, and first. */
int file_queue_new(uint32_t room, uint64_t quiet, uint64_t most, struct file_queue **ret);
void file_queue_free(struct file_queue *queue);

/* Copies the path; file->told is now. FILE_QUEUE_MERGED: it waits already. -ENOBUFS: there is no
 * room; -ENOMEM. */
enum { FILE_QUEUE_MERGED = 1 };
int file_queue_add(struct file_queue *queue, const struct queued_file *file);
/* Takes the next one that is quiet by now: 1, or 0. */
int file_queue_take(struct file_queue *queue, uint64_t now, struct queued_file *ret);
/* When the next one may be taken; UINT64_MAX: there is none. */
uint64_t file_queue_next(const struct file_queue *queue);
uint32_t file_queue_count(const struct file_queue *queue);
