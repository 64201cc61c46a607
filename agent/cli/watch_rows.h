/* SPDX-License-Identifier: Apache-2.0
 *
 * What `cordon watch` shows: the last findings, and who and what they are mostly about. A plain
 * store; knows nothing of terminals.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/view.h"

/* Findings that are remembered; those told of longest ago go. */
#define WATCH_ROWS 512
#define WATCH_TOPS 8
#define WATCH_TEXT 256

struct watch_row {
	char uid[64];
	char what[WATCH_TEXT];	  /* the name, or else the title; safe to show */
	char program[WATCH_TEXT]; /* likewise */
	int severity;		  /* 1..5 */
	int status;		  /* OCSF's: 3 suppressed, 4 resolved */
	bool blocked;
	uint64_t time, count;
	uint64_t told; /* rises with each change: the newest are the highest */
};

struct watch_top {
	const char *text; /* borrowed from a row */
	uint64_t count;
};

struct watch_rows {
	struct watch_row rows[WATCH_ROWS];
	size_t count;
	uint64_t told;
};

/* Takes a finding, new or changed. */
void watch_rows_take(struct watch_rows *rows, const struct view *view, int status);
/* The newest first; how many there are of them. */
size_t watch_rows_newest(const struct watch_rows *rows, const struct watch_row **ret, size_t most);
/* By severity, those that are not resolved. */
void watch_rows_severities(const struct watch_rows *rows, uint64_t ret[static 6]);

enum watch_by {
	WATCH_BY_PROGRAM,
	WATCH_BY_WHAT,
};
/* Those with the most sightings. */
size_t watch_rows_top(const struct watch_rows *rows, enum watch_by by,
		      struct watch_top ret[static WATCH_TOPS]);
