/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker that compiles feeds keeps of its rights: it reads the lists that it was handed, and
 * writes one file. It opens nothing.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "scan/compile_protocol.h"
#include "scan/compile_worker.h"

/* One for each feed, and some. */
#define DESCRIPTORS_MAX (COMPILE_FEEDS_MAX + 32)
/* A pack: its offsets are 32-bit numbers, but for the table. */
#define FILE_SIZE_MAX	(UINT64_C(8) << 30)

static const struct cage_calls calls[] = {
	{ "the channel", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(recvmsg), SCMP_SYS(sendmsg)) },
	{ "lists and packs that came over it", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(fstat),
		     SCMP_SYS(fadvise64), SCMP_SYS(close)) },
	/* The C library asks for the status of a descriptor by a call that can take a path, too:
	 * there is no file at any path. */
	{ "their size", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(newfstatat), SCMP_SYS(statx)) },
	{ "the pack", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(write)) },
	{ "memory given back or moved", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise)) },
	{ "time, where the vdso has it not", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday)) },
	{ "how much memory there is, which qsort() asks", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(sysinfo)) },
	{ "random numbers: the keys of the tables", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(getrandom)) },
	{ "locks of libcrypto, though nobody else holds them", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(futex)) },
	{ "ending, also by abort(), so that the parent sees why", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid), SCMP_SYS(gettid),
		     SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall)) },
	{ "files that libraries ask for by habit: there are none", SCMP_ACT_ERRNO(ENOENT),
	  CAGE_CALLS(SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access), SCMP_SYS(faccessat),
		     SCMP_SYS(faccessat2), SCMP_SYS(stat), SCMP_SYS(readlink),
		     SCMP_SYS(readlinkat)) },
	{ "last words of the C library on standard error: nobody hears them", SCMP_ACT_ERRNO(EBADF),
	  CAGE_CALLS(SCMP_SYS(writev)) },
#ifdef CAGE_SANITIZED
	{ "what the sanitizers do at their end", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(sched_yield),
		     SCMP_SYS(prctl)) },
#endif
};

static const struct cage_condition conditions[] = {
	{ "memory, but never to be executed", SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ "the same of what is mapped", SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
	{ "abort(): a signal to itself, nobody else", SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0,
	  UINT64_MAX, CAGE_OWN_PID },
};

const struct cage_plan compile_cage = {
	.namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
	.descriptors = DESCRIPTORS_MAX,
	.file_size = FILE_SIZE_MAX,
	.calls = calls,
	.calls_count = ELEMENTS(calls),
	.conditions = conditions,
	.conditions_count = ELEMENTS(conditions),
};
