/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel side's table (probes/table.h) seen from user space: checked, walked as the probes walk
 * it, and changed before it is handed to the kernel. An image is borrowed bytes; a lying one is
 * refused or answers wrongly, but is never read out of bounds.
 */
#pragma once

#include <stdint.h>

#include "base/domain_name.h"
#include "probes/table.h"

/* Whether the header fits an image of so many bytes: 0 or -EBADMSG. The image may be longer, for
 * the addresses come after the names. */
int domain_table_check(const struct table_header *header, uint64_t bytes);
/* The element after the names' last one; the header was checked. */
uint64_t domain_table_end(const struct table_header *header);

/* What the walk over the name ends with: the flags of the deepest node that is listed or allowed,
 * or 0. *ret_labels (unless NULL) is the number of labels of that node, or 0. */
uint64_t domain_table_walk(const void *table, size_t bytes, const struct domain_name *name,
			   size_t *ret_labels);

/* Sets flags (among TABLE_FLAGS), and clears others, in the slot of this very name. 1: done, 0:
 * the name is no node. */
int domain_table_change(void *table, size_t bytes, const struct domain_name *name, uint64_t set,
			uint64_t clear);
int domain_table_mark(void *table, size_t bytes, const struct domain_name *name,
		      uint64_t set_flags);
