/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon`: finds the command's row and runs it. Holds nothing itself; its arguments come from
 * whoever may run it.
 */
#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"

static const struct command commands[] = {
	{ "status", command_status, "[--json] [--socket PATH]", "what the daemon does and counts" },
	{ "doctor", command_doctor, "[--json] [--config FILE] | --unload [--force]",
	  "check this host, and say what to do about it" },
	{ "findings", command_findings,
	  "[--since TIME] [--severity NAME] [--follow] [--json] [UID] | close UID --comment TEXT",
	  "show what was found, and close what is over" },
	{ "watch", command_watch, "[--severity NAME] [--json]",
	  "show what is found, as it is found" },
	{ "contain", command_contain, "[--reason TEXT] [--seconds N] [--json] [--socket PATH]",
	  "cut this host off in the kernel, but for the agent" },
	{ "uncontain", command_uncontain, "[--reason TEXT] [--json] [--socket PATH]",
	  "open it again" },
	{ "intel", command_intel, "compile -o PACK LIST... | lookup NAME... | info [PACK]",
	  "compile and search indicators" },
	{ "quarantine", command_quarantine, "list | restore ID... | delete ID...",
	  "files that were taken out of the way" },
	{ "isolate", command_isolate, "[--dry-run] [--reason TEXT] [--wait SECONDS] [--json]",
	  "take this instance out of the network" },
	{ "evidence", command_evidence, "[--pid PID] [--memory SIZE] [--key KEY] -o FILE",
	  "gather what tells of this host, and of a process, in one archive" },
	{ "release", command_release, "[--wait SECONDS] [--json]", "put it back" },
	{ "policy", command_policy, "check FILE... | test FILE... | explain UID | schema NAME",
	  "check and test policies, and say why one said what it did" },
	{ "reload", command_reload, "[--json] [--socket PATH]",
	  "have the daemon read its configuration and policy again" },
	{ "replay", command_replay,
	  "[--intel PACK_OR_LIST]... [--policy FILE]... [--events] FILE.pcap...",
	  "run recorded packets through the probes" },
	{ "scan", command_scan,
	  "[--rules PATH]... [--json] [--exclude GLOB]... [--since TIME] PATH...",
	  "scan files with YARA rules" },
};

static void help_print(FILE *file)
{
	(void)fputs("Usage: cordon COMMAND [OPTION...]\n\nCommands:\n", file);
	for (size_t i = 0; i < ELEMENTS(commands); i++)
		(void)fprintf(file, "  %-9s %s\n            cordon %s %s\n", commands[i].name,
			      commands[i].summary, commands[i].name, commands[i].usage);
	(void)fputs("\nExit status: 0 fine, 1 findings, matches or something to do, 2 usage or an "
		    "error.\nMore: cordon(1)\n",
		    file);
}

static int unknown_tell(const char *name)
{
	const char *names[ELEMENTS(commands)], *nearest;

	for (size_t i = 0; i < ELEMENTS(commands); i++)
		names[i] = commands[i].name;
	nearest = parse_nearest(name, names, ELEMENTS(names));
	if (nearest)
		log_error("no such command: %s; did you mean %s?", name, nearest);
	else
		log_error("no such command: %s; see cordon --help", name);
	return COMMAND_FAILED;
}

int main(int argc, char **argv)
{
	log_open("cordon", LOG_INFO);
	if (argc < 2) {
		help_print(stderr);
		return COMMAND_FAILED;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help_print(stdout);
		return COMMAND_FINE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts(PACKAGE_STRING);
		return COMMAND_FINE;
	}
	for (size_t i = 0; i < ELEMENTS(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return unknown_tell(argv[1]);
}
