/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker keeps of its rights: the plan of its cage (base/cage.h). It opens nothing, and
 * needs some 20 system calls.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "scan/scan_cage.h"

/* Of no use to a process that opens nothing; some for descriptors that are handed to it. */
#define DESCRIPTORS_MAX 16

static const struct cage_calls shared_calls[] = {
	{ "the channel", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(recvmsg), SCMP_SYS(sendmsg)) },
	{ "descriptors that came over it", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(close)) },
	{ "memory given back or moved", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise)) },
	{ "time, where the vdso has it not", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday)) },
	{ "random numbers: of malloc and libraries, and keys of tables", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(getrandom)) },
	{ "locks of libraries, though nobody else holds them", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(futex)) },
	{ "ending, also by abort(), so that the parent sees why", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid), SCMP_SYS(gettid),
		     SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall)) },
	{ "files that libraries ask for by habit (openssl.cnf, gconv, time zones): there are none",
	  SCMP_ACT_ERRNO(ENOENT),
	  CAGE_CALLS(SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access), SCMP_SYS(faccessat),
		     SCMP_SYS(faccessat2), SCMP_SYS(stat), SCMP_SYS(readlink),
		     SCMP_SYS(readlinkat)) },
	{ "last words of the C library on standard error: nobody hears them", SCMP_ACT_ERRNO(EBADF),
	  CAGE_CALLS(SCMP_SYS(writev)) },
#ifdef CAGE_SANITIZED
	{ "what the sanitizers do", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield)) },
#endif
};

static const struct cage_condition shared_conditions[] = {
	{ "memory, but never to be executed", SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ "the same of what is mapped", SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
};

const struct cage_table scan_shared = { shared_calls, ELEMENTS(shared_calls), shared_conditions,
					ELEMENTS(shared_conditions) };

static const struct cage_calls calls[] = {
	{ "the same habit", SCMP_ACT_ERRNO(ENOENT),
	  CAGE_CALLS(SCMP_SYS(newfstatat), SCMP_SYS(statx)) },
	{ "the same last words", SCMP_ACT_ERRNO(EBADF), CAGE_CALLS(SCMP_SYS(write)) },
#ifdef CAGE_SANITIZED
	{ "what the sanitizers do at their end", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(rt_sigaction), SCMP_SYS(prctl)) },
#endif
};

static const struct cage_condition conditions[] = {
	{ "abort(): a signal to itself, nobody else", SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0,
	  UINT64_MAX, CAGE_OWN_PID },
};

const struct cage_plan scan_cage = {
	.namespaces = SCAN_NAMESPACES,
	.descriptors = DESCRIPTORS_MAX,
	.shared = &scan_shared,
	.own = { calls, ELEMENTS(calls), conditions, ELEMENTS(conditions) },
};
