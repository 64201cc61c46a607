/* SPDX-License-Identifier: Apache-2.0
 *
 * What is collected: a row each. evidence.c runs them in this order, each in a thread with a time
 * limit: they share nothing but options.
 */
#pragma once

#include "evidence/evidence.h"
#include "evidence/evidence_item.h"
#include "evidence/evidence_text.h"

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

struct evidence_row {
	const char *name; /* in the archive */
	size_t max;
	int (*collect)(const struct evidence_options *options, const struct evidence_row *row,
		       struct evidence_item *item);
	const char *source; /* a path; of the culprit: a name in its folder of /proc */
	/* What its side becomes: a file of that name; "": a list of paths, each to be copied. */
	const char *side;
	bool optional; /* that it is not there is not worth telling */
};

extern const struct evidence_row evidence_process_rows[]; /* end with a row without a name */
extern const struct evidence_row evidence_culprit_rows[]; /* only if there is one */
extern const struct evidence_row evidence_memory_row;
extern const struct evidence_row evidence_host_rows[];

/* ---- for rows ---- */

/* Copies a file. Only regular ones, and those of /proc: no device, pipe or socket waits for us. */
int evidence_copy(struct evidence_item *item, const char *path);
int evidence_copy_source(const struct evidence_options *options, const struct evidence_row *row,
			 struct evidence_item *item);
/* A whole text for one of evidence_text.h's readers; free it. */
int evidence_text_load(const char *path, size_t max, char **ret, struct evidence_span *ret_span);

/* evidence_host.c */
int evidence_packages(const struct evidence_options *options, const struct evidence_row *row,
		      struct evidence_item *item);
/* evidence_records.c */
int evidence_findings(const struct evidence_options *options, const struct evidence_row *row,
		      struct evidence_item *item);
int evidence_kernel_log(const struct evidence_options *options, const struct evidence_row *row,
			struct evidence_item *item);
