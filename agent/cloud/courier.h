/* SPDX-License-Identifier: Apache-2.0
 *
 * The parent's side of cordon-cloud: starts it, tells it its settings, hands it entries, and checks
 * what it says. It talks to strangers and may be in their hands: it may answer only what it was
 * given, once, in form. Else it is killed and replaced. Nothing here waits for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "cloud/message.h"

struct courier;

#define COURIER_PROGRAM "cordon-cloud"
/* Bytes of the documents that it may have of one sink: two of the largest calls. */
#define COURIER_BYTES	((size_t)2 * 1024 * 1024)
/* It says something every few seconds. */
#define COURIER_SILENCE (60 * UINT64_C(1000000000))

struct courier_options {
	const char *program;  /* NULL: beside our own, else where it is installed */
	uint64_t memory;      /* bytes of address space */
	const char *settings; /* JSON (settings.h); copied */
};

/* May call into the courier, but for courier_free(). */
struct courier_handlers {
	/* id and sink: as they were given. text: safe to show. */
	void (*result)(uint64_t id, unsigned sink, enum message_outcome outcome, uint64_t after,
		       const char *text, void *userdata);
	/* Of an entry to a sink that answers (cloud_sink_answers()), at most once, before its
	 * result: a stranger's bytes, borrowed, without a NUL behind them. */
	void (*answer)(uint64_t id, unsigned sink, const char *bytes, size_t size, void *userdata);
	/* What became of a call (call.h): JSON, its text is a stranger's. NUL behind it. */
	void (*replied)(uint64_t id, const char *text, size_t size, void *userdata);
	void (*turned)(void *userdata); /* after a turn: there may be room again */
	void (*instance)(const struct message_instance *instance, void *userdata);
	/* It is gone, and what it was given will not be answered. reason: safe to show. */
	void (*broken)(const char *reason, void *userdata);
};

/* -ENOENT, -EPERM: of the program, see worker_process.h; -ENOMEM. */
int courier_new(sd_event *loop, const struct courier_options *options,
		const struct courier_handlers *handlers, void *userdata, struct courier **ret);
/* Kills it; no handler is called. */
void courier_free(struct courier *courier);

/* Whether an entry of that size would be taken for that sink now. */
bool courier_has_room(const struct courier *courier, unsigned sink, size_t size);
/* Copies the document. -EAGAIN: no room now. -EMSGSIZE: it is larger than it may be. */
int courier_send(struct courier *courier, uint64_t id, const struct message_entry *entry,
		 const char *document, size_t size);

/* Asks for a call for a response (call.h); text: JSON, copied. It goes before all entries that
 * wait. -EAGAIN: too many are under way, or the process is down. */
int courier_call(struct courier *courier, uint64_t id, const char *text, size_t size);

struct courier_status {
	pid_t pid;    /* 0: it is not running */
	bool greeted; /* its cage is up */
	uint32_t uid;
	const char *user;
	uint16_t layers[CAGE_LAYERS]; /* 0: on; CAGE_UNPLANNED; else why it is not */
	const char *reason;	      /* why it was last replaced; "": never */
	struct message_state state;
	uint64_t entries, broken; /* that it has; times that it was replaced */
};
void courier_status(const struct courier *courier, struct courier_status *ret);

/* For the fuzzer: takes one frame as if it had come from a process that was given entries with the
 * ids 1 to count; the first of them asks for an answer. */
struct courier *courier_for_fuzzing(const struct courier_handlers *handlers, void *userdata,
				    size_t count, bool greeted);
/* False: it was a breach. */
bool courier_take(struct courier *courier, const struct message_frame *frame);
