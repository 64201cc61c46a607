/* SPDX-License-Identifier: Apache-2.0
 *
 * The never-block list while a pack is compiled: names and prefixes that no list may block, since
 * the host, and the agent's way to be helped, depend on them. In a pack they are allow entries that
 * nothing overrides (pack.h).
 */
#pragma once

#include <stdbool.h>

#include "intel/domain_hash.h"
#include "intel/list.h"

struct never_block;
struct pack;

/* Where the list is installed; an administrator may add to it. */
#define NEVER_BLOCK_PATH CORDON_DATADIR "/never-block.list"

/* The list to read: at path, or for NULL the installed one, and where that is missing the copy of
 * it that is part of the program. A descriptor, or errors of open(2). *ret_path: its name in
 * messages. */
int never_block_open(const char *path, const char **ret_path);

int never_block_new(struct never_block **ret);
void never_block_free(struct never_block *never);

/* hashes: of a domain's name, under the key that all calls share. */
int never_block_add(struct never_block *never, const struct list_entry *entry,
		    const struct domain_hashes *hashes);

/* The entry is on the list, or below or within what is. */
bool never_block_covers(const struct never_block *never, const struct list_indicator *indicator,
			const struct domain_hashes *hashes);

/* For whoever is to use a pack that somebody else compiled: 0 when it blocks nothing of the list
 * at list_path (NULL as above), and nothing below or within what is on it; 1 when it does
 * (*ret_indicator: one of those that are blocked, INDICATOR_TEXT_SIZE bytes), -EINVAL when a line
 * of it is not valid, or errors of reading it. */
int pack_check_never_block(const struct pack *pack, const char *list_path, char *ret_indicator);
