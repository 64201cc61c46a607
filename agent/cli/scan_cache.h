/* SPDX-License-Identifier: Apache-2.0
 *
 * What `cordon scan` keeps for the next scan by the same rules: the rules as they were compiled,
 * and which files were clean. In a folder of the user who scans; each of a few sets of rules has
 * its place in it, the size of which is bounded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_verdict;
struct scan_cache;

struct scan_cache_options {
	const char *folder;    /* NULL: the user's own */
	const char *state_dir; /* in which root's own lies, where it is there */
	const char *const *rules, *const *packs;
	size_t rules_count, packs_count;
	uint64_t max_size;
};

/* -ENOENT: there is no place for it. */
int scan_cache_new(const struct scan_cache_options *options, struct scan_cache **ret);
void scan_cache_free(struct scan_cache *cache);

/* For file_scan_options.store; borrowed. */
const char *scan_cache_store(const struct scan_cache *cache);
/* The rules in force, by file_scan_rules_id(). -EBUSY: another scan has it. */
int scan_cache_rules(struct scan_cache *cache, const uint8_t *rules_id);

/* Was clean, by these rules, and is as it was. */
bool scan_cache_knows(struct scan_cache *cache, const char *path, const struct stat *status);
/* status: as the file was before it was read, at read_from (wall clock). */
void scan_cache_keep(struct scan_cache *cache, const char *path, const struct stat *status,
		     uint64_t read_from, const struct file_verdict *verdict);
