/* SPDX-License-Identifier: Apache-2.0
 *
 * Contain: the host is cut off in the kernel, both ways, but for what the agent and the SSM agent
 * need; sockets that are open are destroyed. Owns what is in force, its record on disk (so that it
 * is restored at the next boot), its end when it was provisional, and interfaces that appear while
 * it holds. Takes plans from the pipeline, from an isolation, and from the control socket; gives
 * them to sensor/containment.h, which has the programs.
 *
 * Nothing here waits for a network. Only the reason may be foreign text: escape it before it is
 * shown.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "sensor/containment.h"

struct contain;

struct contain_options {
	struct containment_options kernel; /* what is cut, what stays open, where it is pinned */
	const char *record;		   /* a file that outlives a reboot; NULL: none. Copied */
	/* Called when it went off by itself, its time being over. */
	void (*expired)(void *userdata);
	void *userdata;
};

struct contain_plan {
	const char *reason;  /* copied, UTF-8, at most CONTAIN_REASON_SIZE - 1 bytes; NULL: none */
	const char *finding; /* uid of the finding that asked for it; NULL: a person did */
	/* Lifts itself at this time of the boot clock unless it is begun again with another, or
	 * without one; also when the daemon is gone: the programs themselves look. 0: never. */
	uint64_t deadline;
	bool provisional; /* not confirmed yet; told, and nothing else */
};

/* What contain_begin() may return, beside 0 and errors. */
#define CONTAIN_PARTIAL 1

/* Loads the programs and attaches nothing, so that contain_begin() has little left to do. Takes
 * over what is in force from a daemon before. Errors are logged. loop: a reference is taken. */
int contain_open(sd_event *loop, const struct contain_options *options, struct contain **ret);
/* What is in force and pinned stays so. */
void contain_close(struct contain *contain);

/* Takes up what stays open anew (containment_configure()). */
int contain_configure(struct contain *contain, const struct containment_options *kernel);

/* Cuts the host off. Idempotent: what is in force already gets the new plan's reason, deadline and
 * mark, and what was missing is tried again. 0: in force, and looked at again afterwards.
 * CONTAIN_PARTIAL: no socket of the tree sends any more, but something else is not closed;
 * contain_state() says what. A negative errno: it is not in force. */
int contain_begin(struct contain *contain, const struct contain_plan *plan);

/* Opens it again, removes the record, detaches everything. Idempotent. */
int contain_end(struct contain *contain);

/* Each second: cgroups of exempt units that are new, the deadline. */
void contain_tick(struct contain *contain);

#define CONTAIN_PROBLEM_SIZE 512
struct contain_state {
	bool on;
	bool partial;
	bool provisional;
	uint64_t since;			    /* ns since the epoch */
	uint64_t deadline;		    /* boot clock; 0: none */
	char reason[CONTAIN_REASON_SIZE];   /* foreign text */
	char finding[CONTAIN_FINDING_SIZE]; /* "": a person */
	char problem[CONTAIN_PROBLEM_SIZE]; /* what is not closed, or not held open; "": nothing */
	uint64_t cut_ns;    /* that the last contain_begin() took until the cut held */
	uint64_t destroyed; /* sockets */
	struct containment_counters counters;
	size_t interfaces; /* with programs of ours */
	size_t exempt;	   /* cgroups */
	bool pinned;
};
/* What of it costs nothing to ask. */
bool contain_on(const struct contain *contain);
/* contain: NULL: off. */
void contain_state(const struct contain *contain, struct contain_state *ret);
