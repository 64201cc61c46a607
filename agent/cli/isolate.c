/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon isolate` and `cordon release`: asks the daemon, and waits until it has come to an end, or
 * prints what an isolation would do. All that it prints comes from the daemon, with what strangers
 * said escaped there.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/writer.h"
#include "daemon/control_call.h"

CLEANUP_DEFINE(json_t *, json_decref)

#define POLL_PAUSE_NS	(200 * 1000 * 1000)
/* A dry run asks EC2 once for each step. */
#define DRY_RUN_SECONDS 120

struct options {
	const char *socket, *reason;
	bool dry_run, confirm, json;
	unsigned wait; /* seconds */
};

static int reply_fails(const char *socket, int error, const json_t *reply)
{
	const char *text = json_string_value(json_object_get(reply, "error"));

	if (error == -ENOENT || error == -ECONNREFUSED)
		log_error("cordond does not run: nobody listens at %s", socket);
	else if (error < 0)
		(void)log_errno(LOG_ERR, error, "%s: no reply", socket);
	else if (text)
		log_error("the daemon says: %s", text);
	return error < 0 || text ? COMMAND_FAILED : COMMAND_FINE;
}

static int ask(const struct options *options, const char *request, json_t **ret)
{
	CLEANUP(json_decref_cleanup) json_t *reply = NULL;
	bool reason = options->reason && strcmp(request, "isolate") == 0;
	CLEANUP(json_decref_cleanup)
	json_t *object =
		reason ? json_pack("{s:s, s:s}", "request", request, "reason", options->reason)
		       : json_pack("{s:s}", "request", request);
	int r = object ? control_call_with(options->socket, object, &reply) : -EINVAL;
	int status = reply_fails(options->socket, r, reply);

	if (status == COMMAND_FINE && ret)
		*ret = json_incref(reply);
	return status;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* ---- dry run ---- */

static void steps_print(struct writer *writer, const json_t *steps)
{
	static const struct writer_column columns[] = {
		{ .key = "call", .title = "CALL" },
		{ .key = "allowed", .title = "ALLOWED" },
		{ .key = "what", .title = "WHAT IT CHANGES" },
		{ .key = "why", .title = "", .below = true },
	};
	const json_t *step;
	size_t i;

	writer_table(writer, "steps", "Steps", columns, ELEMENTS(columns));
	json_array_foreach(steps, i, step)
	{
		const json_t *allowed = json_object_get(step, "allowed");
		bool known = json_is_boolean(allowed);

		writer_cell(writer, WRITER_PLAIN, "%s", text_of(step, "call"));
		writer_cell(writer,
			    !known		    ? WRITER_WARN
			    : json_is_true(allowed) ? WRITER_GOOD
						    : WRITER_BAD,
			    "%s",
			    !known		    ? "?"
			    : json_is_true(allowed) ? "yes"
						    : "no");
		writer_cell(writer, WRITER_PLAIN, "%s", text_of(step, "what"));
		writer_cell(writer, WRITER_PLAIN, "%s", text_of(step, "why"));
	}
	writer_end(writer);
}

static void channel_print(struct writer *writer, const json_t *channel)
{
	static const struct writer_column columns[] = {
		{ .key = "service", .title = "SERVICE" },
		{ .key = "open", .title = "REACHED" },
		{ .key = "why", .title = "WHY" },
	};
	const json_t *row;
	size_t i;

	writer_table(writer, "channel", "From quarantine", columns, ELEMENTS(columns));
	json_array_foreach(channel, i, row)
	{
		bool open = json_is_true(json_object_get(row, "open"));

		writer_cell(writer, WRITER_PLAIN, "%s", text_of(row, "service"));
		writer_cell(writer, open ? WRITER_GOOD : WRITER_BAD, "%s", open ? "yes" : "no");
		writer_cell(writer, WRITER_PLAIN, "%s", text_of(row, "why"));
	}
	writer_end(writer);
}

static void problems_print(struct writer *writer, const json_t *run)
{
	static const char *const names[] = { "problem", "guard", "skipped" };
	const json_t *budget = json_object_get(run, "budget"), *error;
	size_t i;

	writer_section(writer, "plan", "Plan");
	writer_value(writer, "instance", "instance", WRITER_PLAIN, "%s", text_of(run, "instance"));
	for (i = 0; i < ELEMENTS(names); i++)
		if (*text_of(run, names[i]))
			writer_value(writer, names[i], names[i], WRITER_WARN, "%s",
				     text_of(run, names[i]));
	json_array_foreach(json_object_get(run, "errors"), i, error)
		writer_value(writer, "error", "error", WRITER_BAD, "%s", json_string_value(error));
	if (json_is_object(budget))
		writer_value(writer, "budget", "budget", WRITER_PLAIN,
			     "%lld of %lld instances (%s=%s) may be isolated, %lld are: %s",
			     (long long)json_integer_value(json_object_get(budget, "limit")),
			     (long long)json_integer_value(json_object_get(budget, "instances")),
			     text_of(budget, "filter"), text_of(budget, "value"),
			     (long long)json_integer_value(json_object_get(budget, "used")),
			     json_is_true(json_object_get(budget, "admitted"))
				     ? "this one may"
				     : "this one may not");
	writer_end(writer);
}

/* Whether something would go wrong. */
static bool run_complains(const json_t *run)
{
	const json_t *item;
	size_t i;

	if (json_array_size(json_object_get(run, "errors")) > 0 || *text_of(run, "problem") ||
	    *text_of(run, "guard"))
		return true;
	json_array_foreach(json_object_get(run, "steps"), i,
			   item) if (json_is_false(json_object_get(item, "allowed"))) return true;
	item = json_array_get(json_object_get(run, "channel"), 0);
	return item && !json_is_true(json_object_get(item, "open"));
}

static int run_print(const struct options *options, const json_t *run)
{
	struct writer *writer;

	if (options->json) {
		if (json_dumpf(run, stdout, JSON_INDENT(1)) < 0 || putchar('\n') == EOF)
			return COMMAND_FAILED;
	} else {
		writer = writer_new(stdout, false);
		if (!writer)
			return COMMAND_FAILED;
		problems_print(writer, run);
		steps_print(writer, json_object_get(run, "steps"));
		channel_print(writer, json_object_get(run, "channel"));
		if (writer_finish(writer) < 0)
			return COMMAND_FAILED;
	}
	return run_complains(run) ? COMMAND_FOUND : COMMAND_FINE;
}

/* ---- waiting ---- */

static void pause_make(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = POLL_PAUSE_NS }, NULL);
}

static int dry_run(const struct options *options)
{
	uint64_t until = clock_boottime() + DRY_RUN_SECONDS * NS_PER_SECOND;
	int status = ask(options, "isolate-dry-run", NULL);

	while (status == COMMAND_FINE) {
		CLEANUP(json_decref_cleanup) json_t *reply = NULL;
		const json_t *run;

		status = ask(options, "isolation", &reply);
		run = json_object_get(reply, "dry_run");
		if (status == COMMAND_FINE && json_is_true(json_object_get(run, "done")))
			return run_print(options, run);
		if (clock_boottime() >= until) {
			log_error("the dry run has not come to an end in %d s", DRY_RUN_SECONDS);
			return COMMAND_FAILED;
		}
		pause_make();
	}
	return status;
}

/* Whether it has come to rest, for this command. */
static bool is_settled(const char *state, bool release)
{
	static const char *const isolated[] = { "isolated",   "partial",
						"unverified", "control-channel-lost",
						"refused",    "released",
						"lifted" };

	if (release)
		return strcmp(state, "releasing") != 0;
	for (size_t i = 0; i < ELEMENTS(isolated); i++)
		if (strcmp(state, isolated[i]) == 0)
			return true;
	return false;
}

static int outcome_print(const struct options *options, const json_t *reply, bool fine)
{
	const char *state = text_of(reply, "state"), *note = text_of(reply, "note");

	if (options->json) {
		if (json_dumpf(reply, stdout, JSON_INDENT(1)) < 0 || putchar('\n') == EOF)
			return COMMAND_FAILED;
	} else {
		(void)printf("%s%s%s\n", state, *note ? ": " : "", note);
	}
	return fine ? COMMAND_FINE : COMMAND_FOUND;
}

static int begin(const struct options *options, bool release)
{
	uint64_t until = clock_boottime() + options->wait * NS_PER_SECOND;
	int status = ask(options, release ? "release" : "isolate", NULL);

	while (status == COMMAND_FINE) {
		CLEANUP(json_decref_cleanup) json_t *reply = NULL;
		const char *state;

		status = ask(options, "isolation", &reply);
		if (status != COMMAND_FINE)
			break;
		state = text_of(reply, "state");
		/* From tags a release begins a moment later. */
		if ((is_settled(state, release) &&
		     strcmp(text_of(reply, "phase"), "release-facts")) ||
		    clock_boottime() >= until)
			return outcome_print(options, reply,
					     strcmp(state, release ? "released" : "isolated") == 0);
		pause_make();
	}
	return status;
}

static int usage(FILE *file, const char *name)
{
	(void)fprintf(file, "usage: cordon %s %s[--json] [--wait SECONDS] [--socket PATH]\n", name,
		      strcmp(name, "isolate") == 0 ? "[--dry-run | --confirm] [--reason TEXT] "
						   : "");
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

static int options_read(int argc, char **argv, struct options *ret)
{
	static const struct option known[] = { { "dry-run", no_argument, NULL, 'd' },
					       { "confirm", no_argument, NULL, 'c' },
					       { "reason", required_argument, NULL, 'r' },
					       { "wait", required_argument, NULL, 'w' },
					       { "json", no_argument, NULL, 'j' },
					       { "socket", required_argument, NULL, 's' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	bool isolate = strcmp(argv[0], "isolate") == 0;
	char *end;
	int option;

	*ret = (struct options){ .socket = CONTROL_PATH, .wait = 120 };
	while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout, argv[0]);
		if (option == 'd' && isolate)
			ret->dry_run = true;
		else if (option == 'c' && isolate)
			ret->confirm = true;
		else if (option == 'r' && isolate)
			ret->reason = optarg;
		else if (option == 'j')
			ret->json = true;
		else if (option == 's')
			ret->socket = optarg;
		else if (option == 'w' &&
			 (ret->wait = (unsigned)strtoul(optarg, &end, 10)) <= 86400 && *optarg &&
			 !*end)
			continue;
		else
			return usage(stderr, argv[0]);
	}
	return optind < argc ? usage(stderr, argv[0]) : -1;
}

int command_isolate(int argc, char **argv)
{
	struct options options;
	int status = options_read(argc, argv, &options);

	if (status >= 0)
		return status;
	if (options.confirm)
		return ask(&options, "isolate-confirm", NULL);
	return options.dry_run ? dry_run(&options) : begin(&options, false);
}

int command_release(int argc, char **argv)
{
	struct options options;
	int status = options_read(argc, argv, &options);

	return status >= 0 ? status : begin(&options, true);
}
