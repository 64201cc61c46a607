/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/intel.h"
#include "intel/list_token.h"
#include "intel/pack.h"

#define SHOWN_SIZE 1200

CLEANUP_DEFINE(struct pack *, pack_close)

static const char *const kinds[INDICATOR_KINDS] = { "domain", "address", "hash", "ja4" };

static const char *action_name(const struct indicator *indicator)
{
	if (indicator->never_block)
		return "never-block";
	return indicator->action == INDICATOR_ALLOW ? "allow" : "block";
}

/* What was asked, whatever form it is written in; names that no list may have can be asked for. */
static int question_read(const char *text, struct list_indicator *ret)
{
	struct span token = { text, strlen(text) };
	enum list_reason reason = list_token_read(token, true, ret);

	if (reason == LIST_TAKEN && ret->kind == INDICATOR_ADDRESS && ret->prefix != 128)
		return -1; /* a prefix is not one address */
	/* A name of more labels than entries may have, or with bytes that host names lack. */
	if (reason != LIST_TAKEN && reason != LIST_BAD_ADDRESS) {
		ret->kind = INDICATOR_DOMAIN;
		return domain_name_parse(text, &ret->name);
	}
	return reason == LIST_TAKEN ? 0 : -1;
}

static int question_ask(const struct pack *pack, const struct list_indicator *question,
			struct pack_match *ret)
{
	uint64_t now = clock_realtime() / NS_PER_SECOND;

	switch (question->kind) {
	case INDICATOR_DOMAIN:
		return pack_lookup_domain(pack, &question->name, now, ret);
	case INDICATOR_ADDRESS:
		return pack_lookup_address(pack, &question->address, now, ret);
	default:
		return pack_lookup_hash(pack, question->hash, question->hash_size, now, ret);
	}
}

static json_t *indicator_json(const struct indicator *indicator)
{
	char expiry[INTEL_TIME_SIZE];
	json_t *object = json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:I, s:i}", "kind", kinds[indicator->kind], "action",
		action_name(indicator), "entry", intel_json_text(indicator->text), "feed",
		intel_json_text(indicator->feed), "tags", intel_json_text(indicator->tags), "line",
		(json_int_t)indicator->line, "severity_id", (int)indicator->severity);

	if (object && indicator->expiry) {
		intel_time(indicator->expiry, expiry);
		(void)json_object_set_new(object, "expires", json_string(expiry));
	}
	return object;
}

static json_t *match_json(const char *asked, const struct pack_match *match)
{
	json_t *matches = json_array();

	for (size_t i = 0; i < match->count; i++)
		(void)json_array_append_new(matches, indicator_json(&match->matches[i]));
	return json_pack("{s:o, s:b, s:s, s:o}", "asked", intel_json_text(asked), "blocked",
			 match->blocked, "decision",
			 match->count > 0 ? action_name(&match->matches[0]) : "none", "matches",
			 matches);
}

static void indicator_print(const struct indicator *indicator, bool decides)
{
	char text[SHOWN_SIZE], feed[SHOWN_SIZE], tags[SHOWN_SIZE], expiry[INTEL_TIME_SIZE];

	(void)escape_text(indicator->text, strlen(indicator->text), text, sizeof(text));
	(void)escape_text(indicator->feed, strlen(indicator->feed), feed, sizeof(feed));
	(void)escape_text(indicator->tags, strlen(indicator->tags), tags, sizeof(tags));
	(void)printf("  %s %s %s, feed %s, line %" PRIu32 ", severity %s", decides ? "->" : "  ",
		     action_name(indicator), text, *feed ? feed : "(no name)", indicator->line,
		     intel_severity(indicator->severity));
	if (*tags)
		(void)printf(", tags %s", tags);
	if (indicator->expiry) {
		intel_time(indicator->expiry, expiry);
		(void)printf(", expires %s", expiry);
	}
	(void)putchar('\n');
}

static void match_print(const char *asked, const struct pack_match *match)
{
	char shown[SHOWN_SIZE];
	bool overridden = false;

	(void)escape_text(asked, strlen(asked), shown, sizeof(shown));
	for (size_t i = 1; i < match->count && !match->blocked; i++)
		overridden |= match->matches[i].action == INDICATOR_BLOCK;
	(void)printf("%s: %s%s\n", shown,
		     match->blocked	? "blocked"
		     : match->count > 0 ? "allowed"
					: "no match",
		     overridden ? " (an allow entry overrides a block entry)" : "");
	for (size_t i = 0; i < match->count; i++)
		indicator_print(&match->matches[i], i == 0);
}

/* COMMAND_FOUND when it is blocked. */
static int question_answer(const struct pack *pack, const char *asked, bool json)
{
	struct list_indicator question = { 0 };
	struct pack_match match;
	char shown[SHOWN_SIZE];
	int r;

	if (question_read(asked, &question) < 0) {
		(void)escape_text(asked, strlen(asked), shown, sizeof(shown));
		log_error("neither a name, an address nor a file's hash: %s", shown);
		return COMMAND_FAILED;
	}
	r = question_ask(pack, &question, &match);
	if (r < 0) {
		(void)log_errno(LOG_ERR, r, "the pack cannot be searched");
		return COMMAND_FAILED;
	}
	if (json) {
		if (intel_json_print(match_json(asked, &match)) != COMMAND_FINE)
			return COMMAND_FAILED;
	} else {
		match_print(asked, &match);
	}
	return match.blocked ? COMMAND_FOUND : COMMAND_FINE;
}

static void usage_print(FILE *file)
{
	(void)fputs(
		"Usage: cordon intel lookup [--pack PACK] [--json] NAME_OR_ADDRESS_OR_HASH...\n"
		"\n"
		"Says which entries of the pack (" INTEL_PACK ")\n"
		"match, the one that decides first. Exit status: 1 when one of those asked for\n"
		"is blocked, 0 when none is, 2 on an error.\n",
		file);
}

int intel_lookup(int argc, char **argv)
{
	static const struct option options[] = { { "pack", required_argument, NULL, 'p' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	const char *path = INTEL_PACK;
	int key, status = COMMAND_FINE;
	bool json = false;

	optind = 0;
	while ((key = getopt_long(argc, argv, "p:h", options, NULL)) >= 0) {
		if (key == 'p')
			path = optarg;
		else if (key == 'j')
			json = true;
		else {
			usage_print(key == 'h' ? stdout : stderr);
			return key == 'h' ? COMMAND_FINE : COMMAND_FAILED;
		}
	}
	if (optind == argc) {
		usage_print(stderr);
		return COMMAND_FAILED;
	}
	if (intel_open(path, &pack) < 0)
		return COMMAND_FAILED;
	for (int i = optind; i < argc; i++) {
		int one = question_answer(pack, argv[i], json);

		if (one > status)
			status = one;
	}
	return status;
}
