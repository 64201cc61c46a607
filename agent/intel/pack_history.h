/* SPDX-License-Identifier: Apache-2.0
 *
 * Since when an entry is known on this host: packs that were in force are kept beside the one that
 * is, in state_dir/packs, called by the time at which they were (s since the epoch). An entry is as
 * old as the oldest of them that has it. Never more than PACK_HISTORY_MAX files, however often
 * packs change: one is kept each half span at most, and of those that are older than the span only
 * the newest. So an age is never said to be more than it is, and at most half a span less.
 *
 * The files are our own copies; one that is damaged is removed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "intel/pack.h"

#define PACK_HISTORY_FOLDER "packs"
#define PACK_HISTORY_MAX    4

struct pack_history;

/* span: the longest age that anybody asks about, seconds. Reads which files there are. */
int pack_history_open(const char *state_dir, uint64_t span, struct pack_history **ret);
void pack_history_close(struct pack_history *history);
void pack_history_span(struct pack_history *history, uint64_t span);

/* Another pack is in force from now on. */
void pack_history_install(struct pack_history *history);
/* Now and then, with the pack in force (seconds since the epoch): keeps it, when it is time. The
 * first one of a host counts from when it was made. 1: something was done, which takes as long as a
 * copy; 0: nothing; errors of writing: its entries stay young, and it is tried again. */
int pack_history_tick(struct pack_history *history, const struct pack *pack, uint64_t now);

/* Since when an entry like it, and at least as severe, is known, seconds since the epoch; 0: only
 * the pack in force has it. */
uint64_t pack_history_since(struct pack_history *history, const struct indicator *indicator);
