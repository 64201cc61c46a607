/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the parts of an update of the indicators: the lists (feed_lists.c), what a worker is
 * handed of them (feed_inputs.c), and what becomes of its pack (feed_update.c).
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/config.h"
#include "daemon/feeds.h"
#include "scan/compile_job.h"

struct agent;

/* feed_lists.c */

/* The file that a feed's list is in now; false: there is none yet. */
bool feed_list_path(const struct agent *agent, const struct config_feed *feed,
		    char out[static PATH_MAX]);
/* False before the first download: there is nothing to compile. */
bool feed_lists_present(const struct agent *agent);
/* The lists and what the configuration says of them, as a text: the caller's to free. -ENOMEM. */
int feed_lists_describe(const struct agent *agent, char **ret);
/* Whether they are others than the pack in force, or one that is held back, was made of. */
bool feed_lists_changed(const struct config *config, const char *description);
/* A file beside the pack: its path with this ending. */
void feed_beside(const struct config *config, const char *ending, char out[static PATH_MAX]);
/* Keeps the description of the pack with this ending. Failure is logged. */
void feed_lists_note(const struct config *config, const char *ending, const char *description);

/* feed_inputs.c */

struct feed_inputs {
	struct compile_job_feed feeds[COMPILE_FEEDS_MAX];
	size_t count;
	struct compile_job_options options;
};

/* Opens all that a compilation needs, and an empty file for the pack (feeds->pack_temporary). The
 * descriptors are the caller's to close, also on failure. A negative errno; feeds->error may say
 * more. */
int feed_inputs_open(struct feeds *feeds, struct feed_inputs *inputs);
/* Of a pack that is only to be compared: what it is compared with. */
void feed_inputs_compare(const struct agent *agent, struct feed_inputs *inputs);
void feed_inputs_close(struct feed_inputs **inputs);
