/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls of a worker, by seccomp. What no row names kills the process: it is a breach,
 * or our own mistake, and the tests run under this table to find the latter.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "scan/cage.h"

#define CALLS(...) (const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)

static const struct group {
	const char *why;
	uint32_t action;
	const int *calls;
	size_t count;
} groups[] = {
	{ "the channel", SCMP_ACT_ALLOW, CALLS(SCMP_SYS(recvmsg), SCMP_SYS(sendmsg)) },
	{ "descriptors that came over it", SCMP_ACT_ALLOW, CALLS(SCMP_SYS(close)) },
	{ "memory given back or moved", SCMP_ACT_ALLOW,
	  CALLS(SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise)) },
	{ "time, where the vdso has it not", SCMP_ACT_ALLOW,
	  CALLS(SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday)) },
	{ "random numbers of malloc and libcrypto", SCMP_ACT_ALLOW, CALLS(SCMP_SYS(getrandom)) },
	{ "locks of libcrypto, though nobody else holds them", SCMP_ACT_ALLOW,
	  CALLS(SCMP_SYS(futex)) },
	{ "ending, also by abort(), so that the parent sees why", SCMP_ACT_ALLOW,
	  CALLS(SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid), SCMP_SYS(gettid),
		SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall)) },
	{ "files that libraries ask for by habit (openssl.cnf, gconv): there are none",
	  SCMP_ACT_ERRNO(ENOENT),
	  CALLS(SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access), SCMP_SYS(faccessat),
		SCMP_SYS(faccessat2), SCMP_SYS(stat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
		SCMP_SYS(readlink), SCMP_SYS(readlinkat)) },
	{ "last words of the C library on standard error: nobody hears them", SCMP_ACT_ERRNO(EBADF),
	  CALLS(SCMP_SYS(write), SCMP_SYS(writev)) },
#ifdef CAGE_SANITIZED
	{ "what the sanitizers do at their end", SCMP_ACT_ALLOW,
	  CALLS(SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(sched_yield),
		SCMP_SYS(prctl)) },
#endif
};

/* Calls that are allowed only if the argument, under the mask, has the value. */
struct condition {
	const char *why;
	int call;
	unsigned argument;
	uint64_t mask, value;
};

static int groups_add(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < ELEMENTS(groups); i++) {
		for (size_t k = 0; k < groups[i].count; k++) {
			int call = groups[i].calls[k];
			int r = seccomp_rule_add(filter, groups[i].action, call, 0);

			/* A negative number: this architecture has it not, nobody can call it. */
			if (r < 0 && call >= 0)
				return r;
		}
	}
	return 0;
}

static int conditions_add(scmp_filter_ctx filter)
{
	const struct condition conditions[] = {
		{ "memory, but never to be executed", SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
		{ "the same of what is mapped", SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
		{ "abort(): a signal to itself, nobody else", SCMP_SYS(tgkill), 0, UINT64_MAX,
		  (uint64_t)getpid() },
	};

	for (size_t i = 0; i < ELEMENTS(conditions); i++) {
		const struct condition *row = &conditions[i];
		struct scmp_arg_cmp compare =
			SCMP_CMP(row->argument, SCMP_CMP_MASKED_EQ, row->mask, row->value);
		int r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, row->call, 1, &compare);

		if (r < 0)
			return r;
	}
	return 0;
}

int cage_calls_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return -ENOMEM;
	/* A call by another architecture's numbers is a call that is in no row. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = groups_add(filter);
	if (r == 0)
		r = conditions_add(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
