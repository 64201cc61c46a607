/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns `cordon policy`: checks policies, and runs their tests, without a daemon. Takes files that
 * the user names and gives words to the terminal, or one JSON object.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "cli/command.h"
#include "policy/cases.h"
#include "policy/policy.h"

#define PATH_SHOWN 512

/* Where the words go: told as they come, or put into the object that is printed at the end. */
struct output {
	json_t *object; /* NULL: text */
	const char *path;
};

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(struct policy *, policy_free)

static int usage(FILE *file)
{
	(void)fputs("usage: cordon policy check [--json] FILE...\n"
		    "       cordon policy test [--json] FILE...\n",
		    file);
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

/* json_array_append_new() takes the value also when it fails. */
static void list_add(struct output *output, const char *list, json_t *value)
{
	(void)json_array_append_new(json_object_get(output->object, list), value);
}

/* One error a line. */
static void errors_tell(struct output *output, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (output->object)
			list_add(output, "errors", json_stringn(text, length));
		else
			(void)fprintf(stderr, "%.*s\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void warning_tell(const char *text, void *userdata)
{
	struct output *output = userdata;

	if (output->object)
		list_add(output, "warnings", json_string(text));
	else
		(void)fprintf(stderr, "%s (warning)\n", text);
}

static void case_told(const struct case_result *result, void *userdata)
{
	struct output *output = userdata;
	char path[PATH_SHOWN];

	(void)escape_text(output->path, strlen(output->path), path, sizeof(path));
	if (output->object)
		list_add(output, "cases",
			 json_pack("{s:s, s:i, s:s, s:b, s:s}", "file", path, "line",
				   (int)result->line, "name", result->name, "passed",
				   result->passed, "difference", result->difference));
	else if (!result->passed)
		(void)printf("%s:%u: %s: %s\n", path, result->line, result->name,
			     result->difference);
}

/* Prints the object, if there is one, and whether all went well. */
static void output_close(struct output *output, bool ok)
{
	if (!output->object)
		return;
	(void)json_object_set_new(output->object, "ok", json_boolean(ok));
	(void)json_dumpf(output->object, stdout, JSON_COMPACT);
	(void)putchar('\n');
}

static int policy_check(struct output *output, char **paths, size_t count)
{
	CLEANUP(policy_free_cleanup) struct policy *policy = NULL;
	struct policy_error error;

	if (policy_load((const char *const *)paths, count, &policy, &error) < 0) {
		errors_tell(output, error.text);
		output_close(output, false);
		return COMMAND_FAILED;
	}
	(void)policy_warnings(policy, clock_realtime(), warning_tell, output);
	if (output->object)
		(void)json_object_set_new(output->object, "rules",
					  json_integer((json_int_t)policy_rules(policy)));
	else
		(void)printf("%zu rule%s\n", policy_rules(policy),
			     policy_rules(policy) == 1 ? "" : "s");
	output_close(output, true);
	return COMMAND_FINE;
}

static int policy_test(struct output *output, char **paths, size_t count)
{
	struct case_totals totals = { 0 };
	struct policy_error error;
	bool broken = false;

	for (size_t i = 0; i < count; i++) {
		output->path = paths[i];
		if (cases_run(paths[i], case_told, output, &totals, &error) == 0)
			continue;
		errors_tell(output, error.text);
		broken = true;
	}
	if (output->object) {
		(void)json_object_set_new(output->object, "passed",
					  json_integer((json_int_t)totals.passed));
		(void)json_object_set_new(output->object, "failed",
					  json_integer((json_int_t)totals.failed));
	} else {
		(void)printf("%zu passed, %zu failed\n", totals.passed, totals.failed);
	}
	output_close(output, !broken && totals.failed == 0);
	if (broken)
		return COMMAND_FAILED;
	return totals.failed > 0 ? COMMAND_FOUND : COMMAND_FINE;
}

int command_policy(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	static const struct {
		const char *name;
		int (*run)(struct output *output, char **paths, size_t count);
	} actions[] = { { "check", policy_check }, { "test", policy_test } };
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	struct output output = { 0 };
	int option;

	/* 0 makes getopt begin anew: the program's own options were read with it. */
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout);
		if (option != 'j')
			return usage(stderr);
		if (!object)
			object = json_pack("{s:[], s:[], s:[]}", "errors", "warnings", "cases");
		if (!object)
			return COMMAND_FAILED;
	}
	output.object = object;
	if (argc - optind < 2)
		return usage(stderr);
	for (size_t i = 0; i < ELEMENTS(actions); i++)
		if (strcmp(argv[optind], actions[i].name) == 0)
			return actions[i].run(&output, argv + optind + 1,
					      (size_t)(argc - optind - 1));
	return usage(stderr);
}
