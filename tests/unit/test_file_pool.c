/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cage.h"
#include "tests/unit/file_rig.h"

static void double_open(struct rig *rig, uint64_t time_max)
{
	rig_folder(rig);
	rig_write(rig, "a.yar", "rule a { condition: true }\n");
	assert_int_equal(
		rig_open(rig, &(struct file_scan_options){ .program = rig_program("file_double"),
							   .workers = 1,
							   .time_max = time_max }),
		0);
}

static void nothing_gets_out(void **state)
{
	/* Proves, from inside the cage of a worker that has files: none of what an intruder would
	 * try succeeds. */
	static const struct {
		const char *what, *error; /* NULL: it dies of it */
	} cases[] = {
		{ "open", "ENOENT" }, { "create", "ENOENT" }, { "socket", NULL },
		{ "exec", NULL },     { "fork", NULL },	      { "ptrace", NULL },
		{ "kill", NULL },     { "signal", "EPERM" },  { "executable", NULL },
		{ "protect", NULL },  { "user", NULL },	      { "namespace", NULL },
		{ "mount", NULL },    { "bpf", NULL },	      { "memory-of", NULL },
		{ "prctl", NULL },    { "descriptor", NULL }, { "uring", NULL },
		{ "foreign", NULL },
	};
	struct rig rig;

	(void)state;
	double_open(&rig, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];

#ifdef CAGE_SANITIZED
		if (strcmp(cases[i].what, "prctl") == 0)
			continue;
#endif
		(void)snprintf(text, sizeof(text), "try %s", cases[i].what);
		RIG_SCAN(&rig, "/x", text, strlen(text));
		if (cases[i].error ? strcmp(rig.rules, cases[i].error) != 0
				   : !strstr(rig.reason, "killed by its sandbox"))
			fail_msg("%s: \"%s\" \"%s\"", cases[i].what, rig.rules, rig.reason);
	}
	assert_int_equal(access("/tmp/cordon-escaped", F_OK), -1);
	rig_close(&rig);
}

static void deaths_are_told(void **state)
{
	/* Proves: a file that its worker dies of is tried twice and named, the others are scanned,
	 * and the pool heals. */
	static const struct {
		const char *what, *reason;
	} cases[] = {
#ifdef CAGE_SANITIZED
		/* Which has calls of its own to make at its end. */
		{ "crash", "twice: " },
#else
		{ "crash", "twice: crashed" },
#endif
		{ "abort", "twice: " },
		{ "leave", "twice: ended with status 7" },
		{ "lie hello", "twice: broke the rules" },
		{ "lie other", "twice: broke the rules" },
		{ "lie match", "twice: broke the rules" },
		{ "lie scan", "twice: broke the rules" },
		{ "lie failed", "twice: gave up: no more" },
		{ "lie flood", "twice: broke the rules: too many matches" },
	};
	struct file_scan_statistics statistics;
	struct rig rig;

	(void)state;
	double_open(&rig, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned broken = rig.workers_broken;

		RIG_SCAN(&rig, "/x/evil", cases[i].what, strlen(cases[i].what));
		assert_int_equal(rig.outcome, FILE_UNSCANNABLE);
		if (strncmp(rig.reason, cases[i].reason, strlen(cases[i].reason)) != 0)
			fail_msg("%s: \"%s\"", cases[i].what, rig.reason);
		RIG_WAIT(&rig, rig.workers_broken == broken + 2);
		assert_non_null(strstr(rig.trouble, "/x/evil"));
		assert_null(strchr(rig.trouble, 033));
		/* Those behind it in the same worker. */
		for (unsigned k = 0; k < 5; k++)
			assert_int_equal(rig_submit(&rig, "/x", "fine", 4), 0);
		RIG_WAIT(&rig, rig.pending == 0);
		assert_int_equal(rig.outcome, FILE_CLEAN);
	}
	file_scan_statistics(rig.scan, &statistics);
	assert_int_equal(statistics.unscannable, 9);
	assert_int_equal(statistics.clean, 45);
	assert_int_equal(statistics.retried, 9);
	rig_close(&rig);
}

static void hanging_is_ended(void **state)
{
	/* Proves: a worker that does not answer is killed, and its file told. */
	struct rig rig;

	(void)state;
	double_open(&rig, NS_PER_SECOND / 10);
	RIG_SCAN(&rig, "/x/slow", "hang", 4);
	assert_int_equal(rig.outcome, FILE_UNSCANNABLE);
	assert_non_null(strstr(rig.reason, "twice: no answer within"));
	RIG_SCAN(&rig, "/x", "fine", 4);
	assert_int_equal(rig.outcome, FILE_CLEAN);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_gets_out),
		cmocka_unit_test(deaths_are_told),
		cmocka_unit_test(hanging_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
