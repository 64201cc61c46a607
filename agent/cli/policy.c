/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns `cordon policy`: finds the action and runs it, and checks policies. Takes files that the
 * user names and gives words to the terminal, or one JSON object; no daemon is asked.
 */
#include "cli/policy.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/command.h"
#include "daemon/config.h"

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(struct policy *, policy_free)

static int usage(FILE *file)
{
	(void)fputs(
		"usage: cordon policy check [--json] FILE...\n"
		"       cordon policy test [--format text|table|junit|json] FILE...\n"
		"       cordon policy test --replay FILE.pcap [--intel FILE]... POLICY...\n"
		"       cordon policy test --against-journal [--since TIME] [--json] POLICY...\n"
		"       cordon policy explain [--json] [--policy FILE]... UID\n"
		"       cordon policy explain [--json] --cases FILE [NAME]\n"
		"       cordon policy schema config|policy|cases\n",
		file);
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

void policy_errors_tell(json_t *list, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (list)
			(void)json_array_append_new(list, json_stringn(text, length));
		else
			(void)fprintf(stderr, "%.*s\n", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static struct policy *policy_read_config(const char *path, json_t *errors)
{
	struct document_error document_error = { .count = 0 };
	struct policy_error error;
	struct policy *policy = NULL;
	struct config config;

	if (config_load(path, &config, &document_error) < 0) {
		policy_errors_tell(errors, document_error.text);
		return NULL;
	}
	if (policy_load((const char *const *)config.policy.files, config.policy.count, &policy,
			&error) < 0)
		policy_errors_tell(errors, error.text);
	config_free(&config);
	return policy;
}

struct policy *policy_read(const char *config, char **paths, size_t count, json_t *errors)
{
	struct policy *policy = NULL;
	struct policy_error error;

	if (count == 0)
		return policy_read_config(config, errors);
	if (policy_load((const char *const *)paths, count, &policy, &error) < 0)
		policy_errors_tell(errors, error.text);
	return policy;
}

void policy_verdict_show(const struct policy *policy, const struct verdict *verdict, char *out,
			 size_t size)
{
	int used =
		snprintf(out, size, "%s, %s%s%s by %s (%s)", severity_name(verdict->severity),
			 response_name(verdict->response), verdict->excepted ? ", excepted" : "",
			 verdict->suppressed ? ", suppressed" : "", verdict->rule, verdict->policy);
	size_t at = used > 0 && (size_t)used < size ? (size_t)used : size - 1;

	for (size_t i = 0; verdict->sinks && policy_sink_name(policy, i) && at < size; i++)
		if (verdict->sinks >> i & 1) {
			used = snprintf(out + at, size - at, ", to %s",
					policy_sink_name(policy, i));
			at += used > 0 ? (size_t)used : 0;
		}
}

static void warning_tell(const char *text, void *userdata)
{
	json_t *object = userdata;

	if (object)
		(void)json_array_append_new(json_object_get(object, "warnings"), json_string(text));
	else
		(void)fprintf(stderr, "%s (warning)\n", text);
}

static int check(json_t *object, char **paths, size_t count)
{
	CLEANUP(policy_free_cleanup)
	struct policy *policy = policy_read(NULL, paths, count, json_object_get(object, "errors"));

	if (policy)
		(void)policy_warnings(policy, clock_realtime(), warning_tell, object);
	if (object && policy)
		(void)json_object_set_new(object, "rules",
					  json_integer((json_int_t)policy_rules(policy)));
	if (object) {
		(void)json_object_set_new(object, "ok", json_boolean(policy != NULL));
		(void)json_dumpf(object, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else if (policy) {
		(void)printf("%zu rule%s\n", policy_rules(policy),
			     policy_rules(policy) == 1 ? "" : "s");
	}
	return policy ? COMMAND_FINE : COMMAND_FAILED;
}

int policy_check_run(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	int option;

	/* 0 makes getopt begin anew: the program's own options were read with it. */
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'j')
			return usage(option == 'h' ? stdout : stderr);
		if (!object)
			object = json_pack("{s:[], s:[], s:[]}", "errors", "warnings", "cases");
		if (!object)
			return COMMAND_FAILED;
	}
	if (optind == argc)
		return usage(stderr);
	return check(object, argv + optind, (size_t)(argc - optind));
}

int command_policy(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} actions[] = { { "check", policy_check_run },
			{ "test", policy_test_run },
			{ "explain", policy_explain_run },
			{ "schema", policy_schema_run } };

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	/* The action may stand after options that all of them have. */
	for (int at = 1; at < argc; at++) {
		for (size_t i = 0; i < ELEMENTS(actions); i++) {
			if (strcmp(argv[at], actions[i].name) != 0)
				continue;
			memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof(*argv));
			argv[1] = (char *)(uintptr_t)actions[i].name;
			return actions[i].run(argc - 1, argv + 1);
		}
		if (argv[at][0] != '-')
			break;
	}
	return usage(stderr);
}
