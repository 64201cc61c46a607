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

#include "base/cleanup.h"
#include "scan/scan_cage.h"

/* A file each for what is read and written, the channel, and one that waits. */
#define DESCRIPTORS_MAX 16
/* A compiled set of 10,000 rules has some 40 MB. */
#define SET_SIZE_MAX	((uint64_t)1 << 30)
/* Processes of its user, which others of this host may also be: a worker itself may make none. */
#define TASKS_MAX	4096

/* Of all three, besides what is shared with the other modes of cordon-scan. */
#define FILE_ROWS                                                                                  \
	{ "sizes and bytes of what came over the channel", SCMP_ACT_ALLOW,                         \
	  CAGE_CALLS(SCMP_SYS(fstat), SCMP_SYS(pread64)) },                                        \
		{ "time and signals, as libyara wants them", SCMP_ACT_ALLOW,                       \
		  CAGE_CALLS(SCMP_SYS(time), SCMP_SYS(rt_sigaction)) },                            \
		{ "abort(): without the signal it ends in a trap", SCMP_ACT_ERRNO(EPERM),          \
		  CAGE_CALLS(SCMP_SYS(tgkill)) },                                                  \
		{ "files that are asked for by habit: there are none", SCMP_ACT_ERRNO(ENOENT),     \
		  CAGE_CALLS(SCMP_SYS(newfstatat), SCMP_SYS(statx)) },                             \
		{ "last words: nobody hears them", SCMP_ACT_ERRNO(EBADF),                          \
		  CAGE_CALLS(SCMP_SYS(write)) },                                                   \
		{ "whether something is a terminal, as lexers ask: nothing is",                    \
		  SCMP_ACT_ERRNO(ENOTTY), CAGE_CALLS(SCMP_SYS(ioctl)) },                           \
	{                                                                                          \
		"questions of libraries about the machine", SCMP_ACT_ERRNO(ENOSYS),                \
			CAGE_CALLS(SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity),                 \
				   SCMP_SYS(uname))                                                \
	}

#ifdef CAGE_SANITIZED
#define SANITIZER_ROWS                                                                             \
	,                                                                                          \
	{                                                                                          \
		"what the sanitizers do", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(prctl))              \
	}
#else
#define SANITIZER_ROWS
#endif

static const struct cage_calls worker_calls[] = { FILE_ROWS SANITIZER_ROWS };

static const struct cage_calls compiler_calls[] = {
	FILE_ROWS,
	{ "the compiled set, into the file that was handed over", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(pwrite64)) } SANITIZER_ROWS
};

static const struct cage_calls zygote_calls[] = {
	FILE_ROWS,
	{ "a worker closes its cage", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(prctl), SCMP_SYS(seccomp), SCMP_SYS(prlimit64), SCMP_SYS(setrlimit),
		     SCMP_SYS(dup2), SCMP_SYS(dup3)) },
};

static const struct cage_condition zygote_conditions[] = {
	{ "a worker, and no thread or namespace", SCMP_ACT_ALLOW, SCMP_SYS(clone), 0, UINT64_MAX,
	  WORKER_CLONE_FLAGS },
};

const struct cage_plan compiler_cage = {
	.namespaces = SCAN_NAMESPACES,
	.descriptors = DESCRIPTORS_MAX,
	.file_size = SET_SIZE_MAX,
	.shared = &scan_shared,
	.own = { .calls = compiler_calls, .calls_count = ELEMENTS(compiler_calls) },
};

const struct cage_plan zygote_cage = {
	.namespaces = SCAN_NAMESPACES,
	.descriptors = DESCRIPTORS_MAX,
	.tasks = TASKS_MAX,
	.shared = &scan_shared,
	.own = { zygote_calls, ELEMENTS(zygote_calls), zygote_conditions,
		 ELEMENTS(zygote_conditions) },
};

const struct cage_plan worker_cage = {
	.shared = &scan_shared,
	.own = { .calls = worker_calls, .calls_count = ELEMENTS(worker_calls) },
};
