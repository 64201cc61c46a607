/* SPDX-License-Identifier: Apache-2.0
 *
 * What an update changes, feed by feed, and which names of a list it would newly block: what the
 * decision to hold it back is made of (daemon/feed_check.c).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "intel/pack.h"

struct pack_change {
	char feed[64];
	uint64_t before, after; /* entries: names and addresses */
	uint64_t added, removed;
};

/* Feeds of either pack, the new one's first; ret is the caller's to free. before may be NULL.
 * -ENOMEM, -EBADMSG. */
int pack_diff(const struct pack *before, const struct pack *after, struct pack_change **ret,
	      size_t *ret_count);

/* Names of the list at fd (borrowed; a list in any format) that after blocks and before does not.
 * *ret_name: the first of them. Errors of list_read_fd(). */
int pack_newly_blocked(const struct pack *before, const struct pack *after, int fd, uint64_t now,
		       uint64_t *ret_count, char ret_name[static INDICATOR_TEXT_SIZE]);
