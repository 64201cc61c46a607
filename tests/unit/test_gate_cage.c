/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "sensor/gate_cage.h"
#include "tests/unit/cage_tries.h"

/* Under the filter, in a process of its own: the signal that it died of, or 0. */
static int under_filter(const char *try)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		const struct rlimit none = { 0, 0 };
		struct timespec now;

		(void)setrlimit(RLIMIT_CORE, &none);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || cage_calls_filter(&gate_cage) < 0)
			_exit(2);
		if (try)
			(void)cage_try(try);
		(void)clock_gettime(CLOCK_BOOTTIME, &now);
		_exit(try ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void what_an_intruder_tries_is_deadly(void **state)
{
	/* Proves, from inside the filter: none of what somebody would try who has taken over
	 * cordon-gate gets as far as an answer; and what it does itself goes on. */
	static const char *const tries[] = {
		"open",	     "create",	   "socket",	"exec",	 "fork",    "ptrace",
		"kill",	     "signal",	   "protect",	"user",	 "mount",   "bpf",
		"memory-of", "executable", "namespace", "uring", "foreign", "descriptor",
	};

	(void)state;
#ifdef CAGE_SANITIZED
	/* Which need more than is left. */
	skip();
#endif
	assert_int_equal(under_filter(NULL), 0);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		print_message("%s\n", tries[i]);
		assert_int_equal(under_filter(tries[i]), SIGSYS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_intruder_tries_is_deadly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
