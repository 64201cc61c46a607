/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/intel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/log.h"
#include "cli/command.h"
#include "intel/pack.h"

#define SHOWN_SIZE 512

static const struct command subcommands[] = {
	{ "compile", intel_compile, "-o PACK [--json] [OPTION...] LIST...",
	  "compile lists into a pack" },
	{ "lookup", intel_lookup, "[--pack PACK] [--json] NAME_OR_ADDRESS_OR_HASH...",
	  "say what would match, and why" },
	{ "info", intel_info, "[--json] [PACK]", "say what is in a pack, and how its feeds are" },
	{ "update", intel_update, "[--json]", "ask the feeds now, without waiting for their time" },
	{ "accept", intel_accept, "", "put an update in force that is held back" },
	{ "rollback", intel_rollback, "", "go back to the pack before" },
	{ "keygen", intel_keygen, "-o KEY", "make a key to sign with" },
	{ "sign", intel_sign, "--key KEY [OPTION...] FILE...", "sign packs or policies" },
	{ "verify", intel_verify, "--key PUBLIC... FILE...", "check signatures" },
};

static void help_print(FILE *file)
{
	(void)fputs("Usage: cordon intel COMMAND [OPTION...]\n\n", file);
	for (size_t i = 0; i < ELEMENTS(subcommands); i++)
		(void)fprintf(file, "  %-8s %s\n           cordon intel %s %s\n",
			      subcommands[i].name, subcommands[i].summary, subcommands[i].name,
			      subcommands[i].usage);
}

int command_intel(int argc, char **argv)
{
	if (argc < 2) {
		help_print(stderr);
		return COMMAND_FAILED;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help_print(stdout);
		return COMMAND_FINE;
	}
	for (size_t i = 0; i < ELEMENTS(subcommands); i++)
		if (strcmp(argv[1], subcommands[i].name) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	log_error("no such command: intel %s; see cordon intel --help", argv[1]);
	return COMMAND_FAILED;
}

int intel_open(const char *path, struct pack **ret)
{
	char shown[SHOWN_SIZE];
	const char *why;
	int r = pack_open(path, ret, &why);

	if (r == 0)
		return 0;
	(void)escape_text(path, strlen(path), shown, sizeof(shown));
	/* What is wrong with the content is all in the reason. */
	if (r == -EBADMSG || r == -EPROTONOSUPPORT)
		log_error("%s: %s", shown, why);
	else
		(void)log_errno(LOG_ERR, r, "%s: %s", shown, why);
	return r;
}

json_t *intel_json_text(const char *text)
{
	CLEANUP(free_cleanup) char *escaped = escape_text_dup(text, strlen(text));

	return escaped ? json_string(escaped) : NULL;
}

int intel_json_print(json_t *object)
{
	int r = object ? json_dumpf(object, stdout, JSON_COMPACT) : -1;

	json_decref(object);
	if (r < 0 || putchar('\n') == EOF || fflush(stdout) == EOF) {
		log_error("the result cannot be printed");
		return COMMAND_FAILED;
	}
	return COMMAND_FINE;
}

const char *intel_severity(unsigned severity)
{
	static const char *const names[] = { "not set", "informational", "low",
					     "medium",	"high",		 "critical" };

	return names[severity < ELEMENTS(names) ? severity : 0];
}

void intel_time(uint64_t seconds, char out[static INTEL_TIME_SIZE])
{
	time_t time = (time_t)seconds;
	struct tm utc;

	if (seconds > (uint64_t)INT64_MAX || !gmtime_r(&time, &utc) ||
	    strftime(out, INTEL_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		(void)snprintf(out, INTEL_TIME_SIZE, "beyond all dates");
}
