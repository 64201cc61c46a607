/* SPDX-License-Identifier: Apache-2.0
 *
 * Downloads of feeds, and files put to S3, as their parent sees them: a cordon-cloud that is
 * started for a round of them and ended after it. What it sends is bounded, written to a file, and
 * not looked at.
 */
#pragma once

#include <systemd/sd-event.h>

#include "cloud/fetch_protocol.h"

struct fetch_job;

struct fetch_job_options {
	const char *program;  /* NULL: cordon-cloud beside our own, else where it is installed */
	uint64_t memory;      /* bytes of address space */
	const char *settings; /* JSON (settings.h) */
};

/* Borrowed for the callback. */
struct fetch_result {
	enum fetch_outcome outcome;
	uint64_t size;		     /* bytes in the file */
	const char *etag, *modified; /* "" for none; they can be header values */
	const char *text;	     /* FETCH_FAILED: why, safe to show */
	bool broken; /* it died or broke its rules: the job takes no further question */
};

/* May call fetch_job_ask() and fetch_job_free(). */
typedef void (*fetch_job_done)(const struct fetch_result *result, void *userdata);

/* -ENOENT, -EPERM: of the program, see worker_process.h; -ENOMEM. */
int fetch_job_new(sd_event *loop, const struct fetch_job_options *options, fetch_job_done done,
		  void *userdata, struct fetch_job **ret);
void fetch_job_free(struct fetch_job *job);

/* One at a time. file: an empty one, or that to be put; borrowed until done. done is called once,
 * from the loop. -EBUSY: there is one already; -EPIPE: it is broken. */
int fetch_job_ask(struct fetch_job *job, const struct fetch_ask *ask, int file);
