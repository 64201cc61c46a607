/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "cli/command.h"
#include "cli/intel.h"
#include "intel/pack.h"

#define SHOWN_SIZE 512

CLEANUP_DEFINE(struct pack *, pack_close)
CLEANUP_DEFINE(json_t *, json_decref)

static json_t *feeds_json(const struct pack *pack, size_t count)
{
	json_t *feeds = json_array();

	for (size_t i = 0; i < count; i++) {
		struct pack_feed feed;

		pack_feed(pack, i, &feed);
		(void)json_array_append_new(feeds, json_pack("{s:o, s:I}", "name",
							     intel_json_text(feed.name), "entries",
							     (json_int_t)feed.entries));
	}
	return feeds;
}

static json_t *info_json(const struct pack *pack, const char *path)
{
	char created[INTEL_TIME_SIZE];
	struct pack_info info;

	pack_info(pack, &info);
	intel_time(info.created, created);
	return json_pack("{s:o, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "path",
			 intel_json_text(path), "bytes", (json_int_t)info.bytes, "sha256",
			 info.sha256, "created", created, "domains", (json_int_t)info.domains,
			 "addresses", (json_int_t)info.addresses, "hashes", (json_int_t)info.hashes,
			 "allows", (json_int_t)info.allows, "table_bytes",
			 (json_int_t)info.table_bytes, "never_block", info.never_block, "feeds",
			 feeds_json(pack, info.feeds));
}

static void info_print(const struct pack *pack, const char *path)
{
	char shown[SHOWN_SIZE], created[INTEL_TIME_SIZE];
	struct pack_info info;

	pack_info(pack, &info);
	intel_time(info.created, created);
	(void)escape_text(path, strlen(path), shown, sizeof(shown));
	(void)printf("%s: %" PRIu64 " bytes, compiled %s\n", shown, info.bytes, created);
	(void)printf("SHA-256      %s\n", info.sha256);
	(void)printf("entries      %" PRIu64 " domains, %" PRIu64 " addresses, %" PRIu64
		     " hashes (%" PRIu64 " of them allowed)\n",
		     info.domains, info.addresses, info.hashes, info.allows);
	(void)printf("kernel table %" PRIu64 " bytes\n", info.table_bytes);
	(void)printf("never-block  %s\n", info.never_block ? "compiled in" : "not compiled in");
	for (size_t i = 0; i < info.feeds; i++) {
		struct pack_feed feed;

		pack_feed(pack, i, &feed);
		(void)escape_text(feed.name, strlen(feed.name), shown, sizeof(shown));
		(void)printf("feed         %s: %" PRIu64 "\n", *shown ? shown : "(no name)",
			     feed.entries);
	}
}

/* state_dir/feeds/feeds.json, where the pack is where it is by default. */
static json_t *state_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char state[PATH_MAX];

	(void)snprintf(state, sizeof(state), "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path,
		       "feeds/feeds.json");
	return intel_feeds_state(state);
}

int intel_info(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	CLEANUP(json_decref_cleanup) json_t *state = NULL;
	json_t *object;
	const char *path;
	bool json = false;
	int key;

	optind = 0;
	while ((key = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (key != 'j') {
			(void)fputs("Usage: cordon intel info [--json] [PACK]\n",
				    key == 'h' ? stdout : stderr);
			return key == 'h' ? COMMAND_FINE : COMMAND_FAILED;
		}
		json = true;
	}
	if (argc - optind > 1) {
		(void)fputs("Usage: cordon intel info [--json] [PACK]\n", stderr);
		return COMMAND_FAILED;
	}
	path = optind < argc ? argv[optind] : INTEL_PACK;
	if (intel_open(path, &pack) < 0)
		return COMMAND_FAILED;
	state = state_of(path);
	if (json) {
		object = info_json(pack, path);
		if (object && state)
			(void)json_object_set(object, "state", state);
		return intel_json_print(object);
	}
	info_print(pack, path);
	if (state)
		intel_feeds_print(state);
	return fflush(stdout) == EOF ? COMMAND_FAILED : COMMAND_FINE;
}
