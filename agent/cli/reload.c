/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon reload`: asks the daemon to read its configuration, policy and pack again. What is broken
 * is refused there, and what was in force stays.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/control_show.h"
#include "daemon/control_call.h"

CLEANUP_DEFINE(json_t *, json_decref)

static int usage(FILE *file)
{
	(void)fputs("usage: cordon reload [--json] [--socket PATH]\n", file);
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

static int reload_ask(const char *socket, bool json)
{
	CLEANUP(json_decref_cleanup) json_t *reply = NULL;
	int r = control_call(socket, "reload", &reply);

	return control_show(r, socket, reply, json, "refused, and what was in force stays",
			    "reloaded");
}

int command_reload(int argc, char **argv)
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	const char *socket = CONTROL_PATH;
	bool json = false;
	int option;

	/* 0 makes getopt begin anew: the program's own options were read with it. */
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			socket = optarg;
		else if (option == 'j')
			json = true;
		else
			return usage(option == 'h' ? stdout : stderr);
	}
	return optind < argc ? usage(stderr) : reload_ask(socket, json);
}
