/* SPDX-License-Identifier: Apache-2.0
 *
 * One file of a bundle while it is collected: bounded in bytes, and in time. A thread of its own
 * collects it, since a read from /proc may wait for what another program holds (a lock of its
 * memory, a file system that it serves); who waits in vain is left behind with what there is.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVIDENCE_WHY_SIZE 192

struct evidence_item {
	pthread_mutex_t lock;
	pthread_cond_t ended_told;
	bool ended, abandoned, left; /* left: whoever comes last frees it */
	char *data;
	size_t size, max, room;
	bool cut; /* there was more */
	/* A second text beside it: a list of paths, an index. NUL-terminated parts, or lines. */
	char *side;
	size_t side_size, side_room;
	int error;		     /* negative errno: it could not be read, or not to its end */
	char why[EVIDENCE_WHY_SIZE]; /* what is wrong beside that; "": nothing */
};

struct evidence_item *evidence_item_new(size_t max);
/* One that was abandoned is freed when its thread ends. */
void evidence_item_free(struct evidence_item *item);

/* Adds bytes, as many as there is room for. -ENOSPC: it is full; -ECANCELED: nobody waits any more;
 * -ENOMEM. */
int evidence_item_add(struct evidence_item *item, const void *data, size_t size);
int evidence_item_print(struct evidence_item *item, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* To its side, of at most 1 MiB. */
int evidence_item_aside(struct evidence_item *item, const void *data, size_t size);
void evidence_item_say(struct evidence_item *item, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

typedef int (*evidence_collect)(struct evidence_item *item, const void *userdata);
/* Runs it for at most so many ns. 0: it ended; -ETIMEDOUT: it is abandoned, with what it has so
 * far, and does not change any more. */
int evidence_item_run(struct evidence_item *item, evidence_collect collect, const void *userdata,
		      uint64_t limit);
