/* SPDX-License-Identifier: Apache-2.0
 *
 * What the processes that scan files keep of their rights (base/cage.h). They open nothing: rules
 * and files are handed to them.
 */
#include "scan/file_cage.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>

#include "base/cleanup.h"

/* A file each for what is read and written, the channel, and one that waits. */
#define DESCRIPTORS_MAX 16
/* A compiled set of 10,000 rules has some 40 MB. */
#define SET_SIZE_MAX	((uint64_t)1 << 30)
/* Processes of its user, which others of this host may also be: a worker itself may make none. */
#define TASKS_MAX	4096

#define COMMON_ROWS                                                                                \
	{ "the channel", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(recvmsg), SCMP_SYS(sendmsg)) },       \
		{ "descriptors that came over it: their size, their bytes", SCMP_ACT_ALLOW,        \
		  CAGE_CALLS(SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(pread64)) },               \
		{ "memory given back or moved", SCMP_ACT_ALLOW,                                    \
		  CAGE_CALLS(SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap),                    \
			     SCMP_SYS(madvise)) },                                                 \
		{ "time, where the vdso has it not", SCMP_ACT_ALLOW,                               \
		  CAGE_CALLS(SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time)) },   \
		{ "random numbers of malloc, libcrypto and libyara", SCMP_ACT_ALLOW,               \
		  CAGE_CALLS(SCMP_SYS(getrandom)) },                                               \
		{ "locks of libraries, though nobody else holds them", SCMP_ACT_ALLOW,             \
		  CAGE_CALLS(SCMP_SYS(futex)) },                                                   \
		{ "ending, so that the parent sees why", SCMP_ACT_ALLOW,                           \
		  CAGE_CALLS(SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid),               \
			     SCMP_SYS(gettid), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),   \
			     SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall)) },                 \
		{ "abort(): without the signal it ends in a trap", SCMP_ACT_ERRNO(EPERM),          \
		  CAGE_CALLS(SCMP_SYS(tgkill)) },                                                  \
		{ "files that libraries ask for by habit (time zones, gconv): there are none",     \
		  SCMP_ACT_ERRNO(ENOENT),                                                          \
		  CAGE_CALLS(SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access),                   \
			     SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat),            \
			     SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(readlink),            \
			     SCMP_SYS(readlinkat)) },                                              \
		{ "last words of the C library on standard error: nobody hears them",              \
		  SCMP_ACT_ERRNO(EBADF), CAGE_CALLS(SCMP_SYS(write), SCMP_SYS(writev)) },          \
		{ "whether something is a terminal, as lexers ask: nothing is",                    \
		  SCMP_ACT_ERRNO(ENOTTY), CAGE_CALLS(SCMP_SYS(ioctl)) },                           \
	{                                                                                          \
		"questions of libraries about the machine", SCMP_ACT_ERRNO(ENOSYS),                \
			CAGE_CALLS(SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity),                 \
				   SCMP_SYS(uname))                                                \
	}

#define COMMON_CONDITIONS                                                                          \
	{ "memory, but never to be executed", SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, PROT_EXEC, 0 },   \
	{                                                                                          \
		"the same of what is mapped", SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 2, PROT_EXEC, 0  \
	}

#ifdef CAGE_SANITIZED
#define SANITIZER_ROWS                                                                             \
	,                                                                                          \
	{                                                                                          \
		"what the sanitizers do", SCMP_ACT_ALLOW,                                          \
			CAGE_CALLS(SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield), SCMP_SYS(prctl))  \
	}
#else
#define SANITIZER_ROWS
#endif

static const struct cage_calls worker_calls[] = { COMMON_ROWS SANITIZER_ROWS };

static const struct cage_calls compiler_calls[] = {
	COMMON_ROWS,
	{ "the compiled set, into the file that was handed over", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(pwrite64)) } SANITIZER_ROWS
};

static const struct cage_calls zygote_calls[] = {
	COMMON_ROWS,
	{ "a worker closes its cage", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(prctl), SCMP_SYS(seccomp), SCMP_SYS(prlimit64), SCMP_SYS(setrlimit),
		     SCMP_SYS(dup2), SCMP_SYS(dup3)) }
#ifdef CAGE_SANITIZED
	,
	{ "what the sanitizers do", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield)) }
#endif
};

static const struct cage_condition common_conditions[] = { COMMON_CONDITIONS };

static const struct cage_condition zygote_conditions[] = {
	COMMON_CONDITIONS,
	{ "a worker, and no thread or namespace", SCMP_ACT_ALLOW, SCMP_SYS(clone), 0, UINT64_MAX,
	  WORKER_CLONE_FLAGS },
};

#define NAMESPACES (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

const struct cage_plan compiler_cage = {
	.namespaces = NAMESPACES,
	.descriptors = DESCRIPTORS_MAX,
	.file_size = SET_SIZE_MAX,
	.calls = compiler_calls,
	.calls_count = ELEMENTS(compiler_calls),
	.conditions = common_conditions,
	.conditions_count = ELEMENTS(common_conditions),
};

const struct cage_plan zygote_cage = {
	.namespaces = NAMESPACES,
	.descriptors = DESCRIPTORS_MAX,
	.tasks = TASKS_MAX,
	.calls = zygote_calls,
	.calls_count = ELEMENTS(zygote_calls),
	.conditions = zygote_conditions,
	.conditions_count = ELEMENTS(zygote_conditions),
};

const struct cage_plan worker_cage = {
	.calls = worker_calls,
	.calls_count = ELEMENTS(worker_calls),
	.conditions = common_conditions,
	.conditions_count = ELEMENTS(common_conditions),
};
