/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon findings close`: asks the daemon to end a finding, with a comment that its history keeps.
 * The comment is whoever runs it's.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/control_show.h"
#include "cli/findings.h"
#include "daemon/control_call.h"

/* A request is 1 KiB at most, with the escapes that JSON needs. */
#define COMMENT_MAX 400

CLEANUP_DEFINE(json_t *, json_decref)

static int usage(FILE *file)
{
	(void)fputs("usage: cordon findings close UID --comment TEXT [--json] [--socket PATH]\n",
		    file);
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

static int close_ask(const char *socket, const char *uid, const char *comment, bool json)
{
	CLEANUP(json_decref_cleanup)
	json_t *request =
		json_pack("{s:s, s:s, s:s}", "request", "close", "uid", uid, "comment", comment);
	CLEANUP(json_decref_cleanup) json_t *reply = NULL;
	int r = request ? control_call_with(socket, request, &reply) : -EINVAL;

	return control_show(r, socket, reply, json, uid, "closed");
}

int findings_close(int argc, char **argv)
{
	static const struct option options[] = {
		{ "comment", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *comment = NULL, *socket = CONTROL_PATH;
	bool json = false;
	int option;

	/* 0 makes getopt begin anew: the program's own options were read with it. */
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			comment = optarg;
		else if (option == 's')
			socket = optarg;
		else if (option == 'j')
			json = true;
		else
			return usage(option == 'h' ? stdout : stderr);
	}
	if (argc - optind != 1 || !comment)
		return usage(stderr);
	if (!*comment || strlen(comment) > COMMENT_MAX) {
		log_error("--comment: expected 1 to %d bytes of text", COMMENT_MAX);
		return COMMAND_FAILED;
	}
	return close_ask(socket, argv[optind], comment, json);
}
