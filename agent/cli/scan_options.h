/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of `cordon scan`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan_options {
	const char *config, *cache;
	bool json, recursive, quiet, no_cache;
	uint64_t max_size, since, threads;
	const char **rules, **excludes, **packs; /* each as long as there are arguments */
	size_t rules_count, excludes_count, packs_count;
	char **paths;
	size_t paths_count;
};

/* 0, SCAN_OPTIONS_HELP when all was said, or negative: what is wrong has been told. ret borrows
 * the arguments. */
#define SCAN_OPTIONS_HELP 1
int scan_options_parse(int argc, char **argv, struct scan_options *ret);
void scan_options_clear(struct scan_options *options);
