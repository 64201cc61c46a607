/* SPDX-License-Identifier: Apache-2.0
 *
 * Verdicts on files that were scanned, so that a file is read once and not each time it is seen: by
 * its identity (device, inode, ctime, size) and the rules that were in force. In a file, so that it
 * outlives the process; a file has one user at a time, and works without the daemon.
 *
 * It is bounded by the number of entries, and knows in each bucket which was used longest ago. What
 * is stored is checked when it is read: what a crash left half written is not there.
 */
#pragma once

#include <stdint.h>

#include "base/file_identity.h"

struct verdict_cache;

#define VERDICT_RULES_SIZE 32

/* What is worth to be kept. A match is not: who sees the file again has to say what matched. */
enum cached_verdict {
	CACHED_NONE,
	CACHED_CLEAN,
	CACHED_UNSCANNABLE, /* and will be, with these rules and limits */
};

#define VERDICT_CACHE_MIN     64
#define VERDICT_CACHE_MAX     (16u << 20)
#define VERDICT_CACHE_DEFAULT (64u << 10) /* 3 MiB */

struct verdict_cache_statistics {
	uint64_t found, missed;
	uint64_t stored;
	uint64_t early;	  /* not stored: changed too short a time before it was read */
	uint64_t evicted; /* entries that made room */
	uint64_t dropped; /* times that all were dropped, for other rules */
};

/* path: a file in a folder that only we (and root) write to; it is made when it is missing, and
 * begun anew when it is damaged, or of another size. NULL: in memory only. entries: rounded up to a
 * power of two. -EBUSY: another process has it; -EPERM: others may write it, or it has another
 * name; -ENOSPC. */
int verdict_cache_open(const char *path, uint32_t entries,
		       const uint8_t rules[static VERDICT_RULES_SIZE], struct verdict_cache **ret);
void verdict_cache_close(struct verdict_cache *cache);

/* From here on these rules are in force: verdicts of others are gone at once. */
void verdict_cache_rules(struct verdict_cache *cache,
			 const uint8_t rules[static VERDICT_RULES_SIZE]);

/* CACHED_NONE: it is not known. */
enum cached_verdict verdict_cache_find(struct verdict_cache *cache,
				       const struct file_identity *file);
/* file: as it was both before and after it was read. read_from: wall-clock ns before its first byte
 * was read. Within the kernel's tick a file may change twice and keep its ctime: what changed so
 * shortly before is not stored. */
void verdict_cache_store(struct verdict_cache *cache, const struct file_identity *file,
			 uint64_t read_from, enum cached_verdict verdict);
/* Its verdict does not hold any more. */
void verdict_cache_forget(struct verdict_cache *cache, const struct file_identity *file);

void verdict_cache_statistics(const struct verdict_cache *cache,
			      struct verdict_cache_statistics *ret);
