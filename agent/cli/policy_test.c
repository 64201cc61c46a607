/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon policy test`: cases against policies, as text, table, JUnit XML or JSON; recorded
 * traffic, and the journal's last findings, against a policy.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/policy.h"
#include "cli/writer.h"
#include "policy/cases.h"

#define PATH_SHOWN 512

CLEANUP_DEFINE(json_t *, json_decref)

enum format {
	FORMAT_TEXT,
	FORMAT_TABLE,
	FORMAT_JUNIT,
	FORMAT_JSON,
};

struct test {
	enum format format;
	char **paths;
	size_t count;
	bool against;
	const char *replay;
	const char **intel; /* as long as there are arguments */
	size_t intel_count;
	struct policy_against journal;
	/* on the way */
	const char *path;
	json_t *cases, *errors;
	struct case_totals totals;
	bool broken;
};

static int usage(FILE *file)
{
	(void)fputs("usage: cordon policy test [--format text|table|junit|json] FILE...\n"
		    "       cordon policy test --replay FILE.pcap [--intel FILE]... POLICY...\n"
		    "       cordon policy test --against-journal [--since TIME] [--state-dir DIR]\n"
		    "                          [--config FILE] [--json] POLICY...\n",
		    file);
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

/* All formats but text are made of the cases when all are there. */
static void case_told(const struct case_result *result, void *userdata)
{
	struct test *test = userdata;
	char path[PATH_SHOWN];

	(void)escape_text(test->path, strlen(test->path), path, sizeof(path));
	if (test->format == FORMAT_TEXT && !result->passed)
		(void)printf("%s:%u: %s: %s\n", path, result->line, result->name,
			     result->difference);
	(void)json_array_append_new(test->cases,
				    json_pack("{s:s, s:i, s:s, s:b, s:s}", "file", path, "line",
					      (int)result->line, "name", result->name, "passed",
					      result->passed, "difference", result->difference));
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void table_print(const struct test *test)
{
	static const struct writer_column columns[] = { { "result", "result", false, false },
							{ "place", "place", false, false },
							{ "name", "case", false, false },
							{ "difference", NULL, false, true } };
	struct writer *writer = writer_new(stdout, false);
	const json_t *row;
	size_t i;

	if (!writer)
		return;
	writer_table(writer, "cases", NULL, columns, ELEMENTS(columns));
	json_array_foreach(test->cases, i, row)
	{
		bool passed = json_is_true(json_object_get(row, "passed"));

		writer_cell(writer, passed ? WRITER_GOOD : WRITER_BAD, "%s",
			    passed ? "pass" : "FAIL");
		writer_cell(writer, WRITER_PLAIN, "%s:%lld", text_of(row, "file"),
			    (long long)json_integer_value(json_object_get(row, "line")));
		writer_cell(writer, WRITER_PLAIN, "%s", text_of(row, "name"));
		writer_cell(writer, WRITER_PLAIN, "%s", text_of(row, "difference"));
	}
	writer_end(writer);
	(void)writer_finish(writer);
}

/* Text of an XML attribute. What stands in it is escaped already: no control characters. */
static void xml_put(const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			(void)fputs("&amp;", stdout);
			break;
		case '<':
			(void)fputs("&lt;", stdout);
			break;
		case '>':
			(void)fputs("&gt;", stdout);
			break;
		case '"':
			(void)fputs("&quot;", stdout);
			break;
		case '\n':
			(void)fputs("&#10;", stdout);
			break;
		default:
			(void)putchar(*text);
		}
	}
}

static void junit_case_print(const json_t *row)
{
	(void)fputs("  <testcase classname=\"", stdout);
	xml_put(text_of(row, "file"));
	(void)fputs("\" name=\"", stdout);
	xml_put(text_of(row, "name"));
	(void)printf("\" line=\"%lld\"",
		     (long long)json_integer_value(json_object_get(row, "line")));
	if (json_is_true(json_object_get(row, "passed"))) {
		(void)puts("/>");
		return;
	}
	(void)fputs("><failure message=\"", stdout);
	xml_put(text_of(row, "difference"));
	(void)puts("\"/></testcase>");
}

static void junit_print(const struct test *test)
{
	const json_t *row;
	size_t i;

	(void)puts("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
	(void)printf("<testsuite name=\"cordon policy test\" tests=\"%zu\" failures=\"%zu\" "
		     "errors=\"%zu\">\n",
		     json_array_size(test->cases) + json_array_size(test->errors),
		     test->totals.failed, json_array_size(test->errors));
	json_array_foreach(test->cases, i, row) junit_case_print(row);
	json_array_foreach(test->errors, i, row)
	{
		(void)fputs("  <testcase classname=\"policy\" name=\"read\"><error message=\"",
			    stdout);
		xml_put(json_string_value(row));
		(void)puts("\"/></testcase>");
	}
	(void)puts("</testsuite>");
}

static void json_print(const struct test *test)
{
	CLEANUP(json_decref_cleanup)
	json_t *object = json_pack(
		"{s:O, s:[], s:O, s:I, s:I, s:b}", "errors", test->errors, "warnings", "cases",
		test->cases, "passed", (json_int_t)test->totals.passed, "failed",
		(json_int_t)test->totals.failed, "ok", !test->broken && test->totals.failed == 0);

	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
}

static int cases_test(struct test *test)
{
	struct policy_error error;

	for (size_t i = 0; i < test->count; i++) {
		test->path = test->paths[i];
		if (cases_run(test->path, case_told, test, &test->totals, &error) == 0)
			continue;
		policy_errors_tell(test->format >= FORMAT_JUNIT ? test->errors : NULL, error.text);
		test->broken = true;
	}
	if (test->format == FORMAT_JUNIT)
		junit_print(test);
	else if (test->format == FORMAT_JSON)
		json_print(test);
	else if (test->format == FORMAT_TABLE)
		table_print(test);
	if (test->format < FORMAT_JUNIT)
		(void)printf("%zu passed, %zu failed\n", test->totals.passed, test->totals.failed);
	if (test->broken)
		return COMMAND_FAILED;
	return test->totals.failed > 0 ? COMMAND_FOUND : COMMAND_FINE;
}

/* As `cordon replay` with these policies. */
static int replay_test(const struct test *test)
{
	size_t most = 4 + 2 * (test->count + test->intel_count), count = 0;
	CLEANUP(free_cleanup) const char **arguments = calloc(most, sizeof(*arguments));

	if (!arguments)
		return COMMAND_FAILED;
	arguments[count++] = "replay";
	for (size_t i = 0; i < test->count; i++) {
		arguments[count++] = "--policy";
		arguments[count++] = test->paths[i];
	}
	for (size_t i = 0; i < test->intel_count; i++) {
		arguments[count++] = "--intel";
		arguments[count++] = test->intel[i];
	}
	arguments[count++] = test->replay;
	return command_replay((int)count, (char **)(uintptr_t)arguments);
}

static int format_take(struct test *test, const char *name)
{
	static const char *const names[] = { "text", "table", "junit", "json" };

	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (strcmp(names[i], name) == 0) {
			test->format = (enum format)i;
			return 0;
		}
	log_error("--format: \"%s\" is none of text, table, junit, json", name);
	return -1;
}

static int option_take(struct test *test, int option)
{
	switch (option) {
	case 'f':
		return format_take(test, optarg);
	case 'j':
		test->format = FORMAT_JSON;
		return 0;
	case 'a':
		test->against = true;
		return 0;
	case 'r':
		test->replay = optarg;
		return 0;
	case 'i':
		test->intel[test->intel_count++] = optarg;
		return 0;
	case 'd':
		test->journal.state_dir = optarg;
		return 0;
	case 'c':
		test->journal.config = optarg;
		return 0;
	case 's':
		if (parse_time(optarg, &test->journal.since) == 0)
			return 0;
		log_error("--since: \"%s\" is neither a time nor a span", optarg);
		return -1;
	default:
		(void)usage(stderr);
		return -1;
	}
}

static int test_run(struct test *test)
{
	if (test->replay)
		return replay_test(test);
	if (!test->against)
		return cases_test(test);
	test->journal.paths = test->paths;
	test->journal.count = test->count;
	test->journal.json = test->format == FORMAT_JSON;
	return policy_against_run(&test->journal);
}

int policy_test_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "against-journal", no_argument, NULL, 'a' },
		{ "replay", required_argument, NULL, 'r' },
		{ "intel", required_argument, NULL, 'i' },
		{ "since", required_argument, NULL, 's' },
		{ "state-dir", required_argument, NULL, 'd' },
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	CLEANUP(free_cleanup) const char **intel = calloc((size_t)argc, sizeof(*intel));
	CLEANUP(json_decref_cleanup) json_t *cases = json_array();
	CLEANUP(json_decref_cleanup) json_t *errors = json_array();
	struct test test = { .intel = intel, .cases = cases, .errors = errors };
	int option;

	if (!intel || !cases || !errors)
		return COMMAND_FAILED;
	/* 0 makes getopt begin anew: the program's own options were read with it. */
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout);
		if (option_take(&test, option) < 0)
			return COMMAND_FAILED;
	}
	test.paths = argv + optind;
	test.count = (size_t)(argc - optind);
	return test.count > 0 ? test_run(&test) : usage(stderr);
}
