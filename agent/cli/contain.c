/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon contain` and `cordon uncontain`: ask the daemon to cut this host off, or to open it
 * again, and show what came of it (daemon/host_cut.h). Own nothing. The reply is taken as a
 * stranger's.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/writer.h"
#include "daemon/control_call.h"
#include "daemon/control_request.h"

CLEANUP_DEFINE(json_t *, json_decref)

struct asked {
	const char *request, *path, *reason;
	uint64_t seconds;
	bool json;
};

static json_t *request_make(const struct asked *asked)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_pack("{s:s}", "request", asked->request);
	int r = object ? 0 : -1;

	if (r == 0 && asked->reason)
		r = json_object_set_new(object, "reason", json_string(asked->reason));
	if (r == 0 && asked->seconds)
		r = json_object_set_new(object, "seconds",
					json_integer((json_int_t)asked->seconds));
	return r == 0 ? take_ptr(object) : NULL;
}

static const char *text_of(const json_t *reply, const char *key)
{
	return json_string_value(json_object_get(reply, key));
}

static void value_print(struct writer *writer, const json_t *reply, const char *key,
			const char *label)
{
	const char *text = text_of(reply, key);

	if (text)
		writer_value(writer, key, label, WRITER_PLAIN, "%s", text);
}

static int text_print(const json_t *reply)
{
	bool contained = json_is_true(json_object_get(reply, "contained"));
	bool partial = json_is_true(json_object_get(reply, "partial"));
	struct writer *writer = writer_new(stdout, false);

	if (!writer)
		return -ENOMEM;
	writer_section(writer, "contain", "Containment");
	writer_value(writer, "contained", "contained", partial ? WRITER_WARN : WRITER_GOOD, "%s",
		     !contained ? "no"
		     : partial	? "yes, in part"
				: "yes");
	value_print(writer, reply, "since", "since");
	value_print(writer, reply, "until", "until");
	value_print(writer, reply, "reason", "reason");
	value_print(writer, reply, "problem", "not as it should be");
	writer_end(writer);
	return writer_finish(writer);
}

static int reply_show(const json_t *reply, bool json)
{
	const char *error = text_of(reply, "error");
	int r = 0;

	if (error) {
		log_error("the daemon says: %s", error);
		return COMMAND_FAILED;
	}
	if (!json)
		r = text_print(reply);
	else if (json_dumpf(reply, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF ||
		 fflush(stdout) == EOF)
		r = -EIO;
	if (r < 0) {
		(void)log_errno(LOG_ERR, r, "cannot print");
		return COMMAND_FAILED;
	}
	return json_is_true(json_object_get(reply, "partial")) ? COMMAND_FOUND : COMMAND_FINE;
}

static int daemon_ask(const struct asked *asked)
{
	CLEANUP(json_decref_cleanup) json_t *request = request_make(asked);
	CLEANUP(json_decref_cleanup) json_t *reply = NULL;
	int r;

	if (!request) {
		log_error("the reason is not UTF-8");
		return COMMAND_FAILED;
	}
	r = control_call_with(asked->path, request, &reply);
	if (r == -ENOENT || r == -ECONNREFUSED)
		log_error("cordond does not run: nobody listens at %s", asked->path);
	else if (r < 0)
		(void)log_errno(LOG_ERR, r, "%s: no reply", asked->path);
	return r < 0 ? COMMAND_FAILED : reply_show(reply, asked->json);
}

static int usage(const struct asked *asked, FILE *file)
{
	bool contain = strcmp(asked->request, "contain") == 0;

	(void)fprintf(file, "usage: cordon %s [--reason TEXT]%s [--json] [--socket PATH]\n",
		      asked->request, contain ? " [--seconds N]" : "");
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

static int command_run(struct asked *asked, const struct option *options, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'h')
			return usage(asked, stdout);
		if (option == 'j')
			asked->json = true;
		else if (option == 's')
			asked->path = optarg;
		else if (option == 'r' && strlen(optarg) <= CONTROL_TEXT_MAX)
			asked->reason = optarg;
		else if (option == 'n' && parse_u64(optarg, INT64_MAX, &asked->seconds) == 0)
			continue;
		else
			return usage(asked, stderr);
	}
	if (optind < argc)
		return usage(asked, stderr);
	return daemon_ask(asked);
}

int command_contain(int argc, char **argv)
{
	static const struct option options[] = { { "reason", required_argument, NULL, 'r' },
						 { "seconds", required_argument, NULL, 'n' },
						 { "json", no_argument, NULL, 'j' },
						 { "socket", required_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct asked asked = { .request = "contain", .path = CONTROL_PATH };

	return command_run(&asked, options, argc, argv);
}

int command_uncontain(int argc, char **argv)
{
	static const struct option options[] = { { "reason", required_argument, NULL, 'r' },
						 { "json", no_argument, NULL, 'j' },
						 { "socket", required_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct asked asked = { .request = "uncontain", .path = CONTROL_PATH };

	return command_run(&asked, options, argc, argv);
}
