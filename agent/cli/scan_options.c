/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scan_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/parse.h"
#include "scan/file_scan.h"

#define THREADS_MAX	 FILE_SCAN_WORKERS_MAX
/* So much is also held in memory. */
#define SIZE_MAX_LIMIT	 ((uint64_t)64 << 30)
/* clamscan's is 100 MB; most malware is far smaller, some is padded to escape scanners. */
#define SIZE_MAX_DEFAULT ((uint64_t)256 << 20)

static int usage(FILE *out, int r)
{
	(void)fputs(
		"Usage: cordon scan [OPTION...] PATH...\n"
		"\n"
		"Scans files and folders with YARA rules, in sandboxed workers.\n"
		"\n"
		"  -r, --rules PATH    a file or folder of rules (again for more); else the\n"
		"                      configuration's, or those that come with cordon\n"
		"      --intel FILE    a pack or list whose hashes are matched (again for more)\n"
		"      --json          findings as lines of OCSF\n"
		"      --exclude GLOB  leave out paths or names (again for more)\n"
		"      --max-size SIZE leave out larger files (256M)\n"
		"      --since TIME    only files that were changed since\n"
		"      --threads N     workers; else one for each CPU\n"
		"      --recursive, --no-recursive   with or without folders in folders\n"
		"      --quiet         no progress and no summary\n"
		"      --cache FOLDER  where it is kept which files were clean, and the compiled\n"
		"                      rules, for the next scan\n"
		"      --no-cache      read all files, and keep nothing\n"
		"      --config FILE   for its rules and policies\n"
		"\n"
		"Exit status: 0 nothing found, 1 something was, 2 nothing was, but not all could "
		"be\n"
		"scanned.\n",
		out);
	return r;
}

static int value_fail(const char *option, const char *value, const char *expected)
{
	CLEANUP(free_cleanup) char *shown = escape_text_dup(value, strlen(value));

	log_error("--%s: \"%s\" is no %s", option, shown ? shown : "?", expected);
	return -EINVAL;
}

static int option_take(struct scan_options *options, int option)
{
	switch (option) {
	case 'r':
		options->rules[options->rules_count++] = optarg;
		return 0;
	case 'i':
		options->packs[options->packs_count++] = optarg;
		return 0;
	case 'x':
		options->excludes[options->excludes_count++] = optarg;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	case 'k':
		options->cache = optarg;
		return 0;
	case 'K':
		options->no_cache = true;
		return 0;
	case 'R':
	case 'N':
		options->recursive = option == 'R';
		return 0;
	case 'c':
		options->config = optarg;
		return 0;
	case 'm':
		return parse_size(optarg, &options->max_size) == 0 && options->max_size > 0 &&
				       options->max_size <= SIZE_MAX_LIMIT
			       ? 0
			       : value_fail("max-size", optarg, "size (64K, 100M)");
	case 's':
		return parse_time(optarg, &options->since) == 0
			       ? 0
			       : value_fail("since", optarg, "time (2026-11-21) or span (24h)");
	case 't':
		return parse_u64(optarg, THREADS_MAX, &options->threads) == 0 &&
				       options->threads > 0
			       ? 0
			       : value_fail("threads", optarg, "number from 1 to 64");
	case 'h':
		return usage(stdout, SCAN_OPTIONS_HELP);
	default:
		return usage(stderr, -EINVAL);
	}
}

/* getopt_long() puts options first, so that no list is longer than the arguments. */
static int lists_make(struct scan_options *options, int argc)
{
	*options = (struct scan_options){ .recursive = true, .max_size = SIZE_MAX_DEFAULT };
	options->rules = calloc((size_t)argc, sizeof(*options->rules));
	options->excludes = calloc((size_t)argc, sizeof(*options->excludes));
	options->packs = calloc((size_t)argc, sizeof(*options->packs));
	return options->rules && options->excludes && options->packs ? 0 : -ENOMEM;
}

int scan_options_parse(int argc, char **argv, struct scan_options *options)
{
	static const struct option known[] = {
		{ "rules", required_argument, NULL, 'r' },
		{ "intel", required_argument, NULL, 'i' },
		{ "exclude", required_argument, NULL, 'x' },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "recursive", no_argument, NULL, 'R' },
		{ "no-recursive", no_argument, NULL, 'N' },
		{ "cache", required_argument, NULL, 'k' },
		{ "no-cache", no_argument, NULL, 'K' },
		{ "config", required_argument, NULL, 'c' },
		{ "max-size", required_argument, NULL, 'm' },
		{ "since", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, r = lists_make(options, argc);

	optind = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "r:", known, NULL)) != -1)
		r = option_take(options, option);
	options->paths = argv + optind;
	options->paths_count = (size_t)(argc - optind);
	if (r == 0 && options->paths_count == 0)
		return usage(stderr, -EINVAL);
	return r;
}

void scan_options_clear(struct scan_options *options)
{
	free(options->rules);
	free(options->excludes);
	free(options->packs);
}
