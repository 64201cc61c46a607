/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that this host has asked for while nothing listed them, and since when: a small history, so
 * that an entry that comes one day and covers a name in use for long is known for what it is likely
 * to be, a mistake of a feed. When another pack is in force, each name is looked up: one that was
 * in use for long and is listed now is "struck" until it is listed no more; one that was not in use
 * for long by then is forgotten.
 *
 * Names are a stranger's: of each at most its last NAME_HISTORY_LABELS labels are kept. When there
 * is no room, the name that came last goes, so that a flood of names displaces none in use for
 * long; when all are old, the oldest goes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/domain_name.h"
#include "intel/pack.h"

#define NAME_HISTORY_FILE   "names-in-use"
/* Some 50 bytes each, in memory and in the file. */
#define NAME_HISTORY_MAX    4096
#define NAME_HISTORY_LABELS 4

struct name_history;

/* Reads the file; one that cannot be read is as none. long_use: seconds. */
int name_history_open(const char *state_dir, uint64_t long_use, struct name_history **ret);
/* Saves it first. */
void name_history_close(struct name_history *history);
/* The name was asked for, and is not listed. now: seconds since the epoch. */
void name_history_note(struct name_history *history, const struct domain_name *name, uint64_t now);
/* Another pack is in force. Returns how many names it strikes that were not before. */
size_t name_history_install(struct name_history *history, const struct pack *pack, uint64_t now);
/* Whether the entry covers a name that is struck. *ret_since: in use since. name: it, to show. */
bool name_history_struck(const struct name_history *history, const struct domain_name *entry,
			 char name[static DOMAIN_NAME_TEXT_SIZE], uint64_t *ret_since);
/* Writes those to file, a line each, that were in use for long by now. Returns how many. */
size_t name_history_list(const struct name_history *history, uint64_t now, FILE *file);
/* Writes it, if it has changed, now and then. */
int name_history_save(struct name_history *history, uint64_t now);
size_t name_history_count(const struct name_history *history);
