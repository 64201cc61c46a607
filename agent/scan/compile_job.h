/* SPDX-License-Identifier: Apache-2.0
 *
 * One compilation of feeds in a worker, as its parent sees it: starts cordon-scan, hands it the
 * lists, checks its answers, and ends it. The lists are not looked at here.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "scan/compile_protocol.h"

struct compile_job;

/* Without a word of progress for so long, it hangs; and no compilation takes longer than that. */
#define COMPILE_SILENCE	 (120 * UINT64_C(1000000000))
#define COMPILE_DEADLINE (900 * UINT64_C(1000000000))

struct compile_job_options {
	const char *program; /* NULL: cordon-scan beside our own, else where it is installed */
	uint64_t memory;     /* bytes of address space */
	/* Descriptors, borrowed for the call; 0: none. */
	int never_block, resolvers, before, popular, in_use;
	int output; /* an empty file, to be read again by its path only after the end */
	int ready;  /* instead: a pack that is only to be compared; there are no feeds */
};

/* feeds: each with its descriptor. */
struct compile_job_feed {
	struct compile_hand hand;
	int fd; /* borrowed for the call */
};

/* Borrowed for the callback. */
struct compile_result {
	int error;			   /* 0: the pack is written; else a negative errno */
	uint32_t feed;			   /* on failure: the one it is about, or UINT32_MAX */
	const char *text;		   /* on failure: why, safe to show */
	bool broken;			   /* the worker died or broke its rules */
	const struct compile_answer *done; /* NULL on failure */
	const struct compile_feed_report *feeds;
	size_t feeds_count;
	const struct pack_change *changes;
	size_t changes_count;
};

/* After it the job is gone. */
typedef void (*compile_job_done)(const struct compile_result *result, void *userdata);

/* loop: NULL when it is only to be waited for. done is called once, not from within.
 * -ENOENT, -EPERM: of the program, see worker_process.h. */
int compile_job_start(sd_event *loop, const struct compile_job_options *options,
		      const struct compile_job_feed *feeds, size_t count, compile_job_done done,
		      void *userdata, struct compile_job **ret);
/* Waits for its end; done is called. */
void compile_job_wait(struct compile_job *job);
/* Kills it; done is not called. */
void compile_job_free(struct compile_job *job);
