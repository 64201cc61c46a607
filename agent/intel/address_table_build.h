/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds the kernel side's address table (probes/address_table.h) out of an ordered entry set, and
 * puts it behind the domain table. No entry is ever left out; each one is looked up in the finished
 * table before it is given away.
 */
#pragma once

#include <stddef.h>

#include "intel/entry_set.h"

/* *table is the domain table's image of *bytes: replaced by a longer one. A set without addresses
 * changes nothing. -ENOMEM; -E2BIG: more than a table can have; -EIO: the table does not hold what
 * it should. On failure both are as they were. */
int address_table_add(const struct entry_set *set, void **table, size_t *bytes);
