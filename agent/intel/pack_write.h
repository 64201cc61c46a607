/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a pack (pack_format.h): all of it beside its place, then put there in one step, so that
 * whoever opens it finds the old one or the new one.
 */
#pragma once

#include <stdbool.h>

#include "base/digest.h"
#include "intel/entry_set.h"

/* The file's size and its SHA-256 (what sha256sum says), as text. */
struct pack_written {
	uint64_t bytes;
	char sha256[SHA256_TEXT_SIZE];
};

/* set: finished, with these counts. table: see domain_table_build(). created: seconds since the
 * epoch. 0, -E2BIG, -ENOMEM, or errors of open(2), write(2), rename(2). */
int pack_write(const char *path, const struct entry_set *set, const struct entry_counts *counts,
	       const void *table, size_t table_bytes, uint64_t created, struct pack_written *ret);

/* The same into an empty file (borrowed), which is not synced. */
int pack_write_fd(int fd, const struct entry_set *set, const struct entry_counts *counts,
		  const void *table, size_t table_bytes, uint64_t created,
		  struct pack_written *ret);
