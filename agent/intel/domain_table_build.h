/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds the kernel side's table (probes/table.h) out of an ordered entry set.
 *
 * A slot lies in one of two buckets; should some slot find no place with a key, another
 * is tried, and after some of them a larger table. No entry is ever left out; each one is
 * looked up in the finished table before it is given away.
 */
#pragma once

#include <stddef.h>

#include "intel/entry_set.h"

/* *ret_table (the caller's to free) are *ret_bytes, a multiple of 64. -ENOMEM; -E2BIG: more nodes
 * than a table can have; -EIO: the table does not hold what it should. */
int domain_table_build(const struct entry_set *set, void **ret_table, size_t *ret_bytes);
