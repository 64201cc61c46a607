/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon-gate and its parent's side, against the kernel's fanotify.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/exec_gate.h"
#include "sensor/gate_frame.h"
#include "tests/unit/mounted.h"

static struct {
	struct exec_gate *gate;
	unsigned asked;
	bool answer, allow, keep;
} gate;

static void gate_asked(uint64_t number, int fd, pid_t pid, uint64_t time, void *userdata)
{
	(void)pid;
	(void)time;
	(void)userdata;
	gate.asked++;
	if (gate.answer)
		exec_gate_answer(gate.gate, number, gate.allow, gate.keep);
	(void)close(fd);
}

static void gate_marks(void *userdata)
{
	CLEANUP(close_cleanup) int fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)userdata;
	exec_gate_mark(gate.gate, fd);
}

static void gate_open(uint64_t limit)
{
	char program[600];
	const char *build = getenv("CORDON_BUILD");

	(void)snprintf(program, sizeof(program), "%s/cordon-gate", build ? build : ".");
	memset(&gate, 0, sizeof(gate));
	assert_int_equal(exec_gate_open(loop, program, limit, gate_asked, NULL, &gate.gate), 0);
	exec_gate_tick(gate.gate, gate_marks, NULL);
}

static pid_t run_start(const char *path)
{
	pid_t child = fork();

	if (child == 0) {
		(void)execl(path, path, (char *)NULL);
		_exit(126);
	}
	return child;
}

/* How it ended; the loop runs meanwhile, if it is to. */
static int run_end(pid_t child, bool with_loop)
{
	uint64_t deadline = clock_boottime() + 20 * NS_PER_SECOND;
	int status;

	while (clock_boottime() < deadline) {
		if (waitpid(child, &status, WNOHANG) == child)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		if (with_loop)
			(void)sd_event_run(loop, 1000);
		else
			(void)usleep(1000);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, &status, 0);
	return -2;
}

/* Until the gate holds: its marks are set by another process. */
static void gate_holds(const char *path)
{
	uint64_t deadline = clock_boottime() + 10 * NS_PER_SECOND;

	gate.answer = gate.allow = true;
	while (gate.asked == 0 && clock_boottime() < deadline)
		assert_int_equal(run_end(run_start(path), true), 0);
	assert_true(gate.asked > 0);
	loop_settle();
}

/* What the gate has counted, when it has counted so many asked. Few pings: one that does not answer
 * several is replaced. */
static struct exec_gate_statistics counted(uint64_t asked)
{
	struct exec_gate_statistics s = { 0 };

	for (int i = 0; i < 4; i++) {
		uint64_t deadline = clock_boottime() + 5 * NS_PER_SECOND;

		exec_gate_tick(gate.gate, gate_marks, NULL);
		do {
			(void)sd_event_run(loop, 20000);
			exec_gate_statistics(gate.gate, &s);
			if (s.asked >= asked && s.waiting == 0)
				return s;
		} while (clock_boottime() < deadline);
	}
	return s;
}

static void an_execution_waits_for_its_answer(void **state)
{
	/* Proves: allowed, it runs; denied, it fails with EPERM; kept, it is not asked about again
	 * until it changes; other file systems are not held. */
	struct exec_gate_statistics s;
	unsigned before;

	(void)state;
	NEED_ROOT();
	assert_int_equal(act_write(below("held")), 0);
	gate_open(10 * NS_PER_SECOND);
	gate_holds(below("held"));
	gate.allow = false;
	assert_int_equal(run_end(run_start(below("held")), true), 126);
	gate.allow = gate.keep = true;
	before = gate.asked;
	assert_int_equal(run_end(run_start(below("held")), true), 0);
	assert_true(gate.asked > before);
	before = gate.asked;
	gate.answer = false;
	assert_int_equal(run_end(run_start("/bin/true"), true), 0);
	if (run_end(run_start(below("held")), true) == 0 && gate.asked == before)
		print_message("kept\n");
	s = counted(gate.asked);
	assert_int_equal(s.asked, s.answered + s.expired + s.unheard + s.full + s.waiting);
	assert_true(s.denied == 1);
	exec_gate_close(gate.gate);
}

static void nothing_waits_longer_than_the_limit(void **state)
{
	/* Proves: though nobody answers, nobody even reads, an execution goes on at the limit. */
	(void)state;
	NEED_ROOT();
	assert_int_equal(act_write(below("late")), 0);
	gate_open(200 * NS_PER_MILLISECOND);
	gate_holds(below("late"));
	gate.answer = false;
	assert_int_equal(run_end(run_start(below("late")), true), 0);
	/* The loop does not run at all, as in a daemon that is stopped. */
	assert_int_equal(run_end(run_start(below("late")), false), 0);
	exec_gate_close(gate.gate);
}

/* A script whose interpreter is the next one's, and so on. */
static void scripts_write(const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		FILE *file = fopen(below(names[i]), "w");

		assert_non_null(file);
		(void)fprintf(file, "#!%s\n", i + 1 < count ? below(names[i + 1]) : "/bin/true");
		assert_int_equal(fchmod(fileno(file), 0755) | fclose(file), 0);
	}
}

static void the_files_of_an_execution_share_the_limit(void **state)
{
	/* Proves: a script, whose interpreter is one, and so on, waits for the limit once and not
	 * for each file; and an execution after it has a limit of its own. */
	static const char *const names[] = { "first", "second", "third", "fourth" };
	const uint64_t limit = 2 * NS_PER_SECOND;
	struct exec_gate_statistics s;
	uint64_t began;
	unsigned before;

	(void)state;
	NEED_ROOT();
	scripts_write(names, ELEMENTS(names));
	gate_open(limit);
	gate_holds(below("fourth"));
	gate.answer = false;
	before = gate.asked;
	for (unsigned i = 1; i <= 2; i++) {
		exec_gate_tick(gate.gate, gate_marks, NULL);
		began = clock_boottime();
		assert_int_equal(run_end(run_start(below("first")), true), 0);
		assert_in_range(clock_boottime() - began, limit, 3 * limit);
		assert_int_equal(gate.asked, before + i * ELEMENTS(names));
	}
	s = counted(gate.asked);
	assert_int_equal(s.expired, 2 * ELEMENTS(names));
	exec_gate_close(gate.gate);
}

static void nothing_is_held_for_who_is_silent(void **state)
{
	/* Proves: when we were not heard for a while, executions are not held any more, but we are
	 * told of them; when we are heard, they are held. */
	struct exec_gate_statistics s;
	uint64_t silent;
	unsigned before, runs = 0;

	(void)state;
	NEED_ROOT();
	assert_int_equal(act_write(below("silent")), 0);
	gate_open(100 * NS_PER_MILLISECOND);
	gate_holds(below("silent"));
	gate.answer = false;
	before = gate.asked;
	silent = clock_boottime() + GATE_SILENCE + 200 * NS_PER_MILLISECOND;
	do {
		assert_int_equal(run_end(run_start(below("silent")), false), 0);
		runs++;
	} while (clock_boottime() < silent);
	assert_int_equal(run_end(run_start(below("silent")), false), 0);
	loop_settle();
	assert_int_equal(gate.asked, before + runs + 1);
	s = counted(gate.asked);
	assert_true(s.expired > 0 && s.unheard > 0);
	assert_int_equal(s.expired + s.unheard, runs + 1);
	gate.answer = true;
	gate.allow = false;
	assert_int_equal(run_end(run_start(below("silent")), true), 126);
	exec_gate_close(gate.gate);
}

static void its_end_lets_everything_go(void **state)
{
	/* Proves: what waits goes on when the channel's other end is gone, long before the limit.
	 */
	pid_t children[20];

	(void)state;
	NEED_ROOT();
	assert_int_equal(act_write(below("many")), 0);
	gate_open(29 * NS_PER_SECOND);
	gate_holds(below("many"));
	gate.answer = false;
	gate.asked = 0;
	for (size_t i = 0; i < ELEMENTS(children); i++)
		children[i] = run_start(below("many"));
	while (gate.asked < ELEMENTS(children))
		(void)sd_event_run(loop, 10000);
	exec_gate_close(gate.gate);
	for (size_t i = 0; i < ELEMENTS(children); i++)
		assert_int_equal(run_end(children[i], false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_execution_waits_for_its_answer),
		cmocka_unit_test(nothing_waits_longer_than_the_limit),
		cmocka_unit_test(the_files_of_an_execution_share_the_limit),
		cmocka_unit_test(nothing_is_held_for_who_is_silent),
		cmocka_unit_test(its_end_lets_everything_go),
	};

	return cmocka_run_group_tests(tests, mounts_make, mounts_remove);
}
