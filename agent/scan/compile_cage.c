/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker that compiles feeds keeps of its rights: it reads the lists that it was handed, and
 * writes one file. It opens nothing.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>

#include "base/cleanup.h"
#include "scan/compile_protocol.h"
#include "scan/compile_worker.h"
#include "scan/scan_cage.h"

/* One for each feed, and some. */
#define DESCRIPTORS_MAX (COMPILE_FEEDS_MAX + 32)
/* A pack: its offsets are 32-bit numbers, but for the table. */
#define FILE_SIZE_MAX	(UINT64_C(8) << 30)

static const struct cage_calls calls[] = {
	{ "lists and packs that came over the channel", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(fstat),
		     SCMP_SYS(fadvise64)) },
	/* The C library asks for the status of a descriptor by a call that can take a path, too:
	 * there is no file at any path. */
	{ "their size", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(newfstatat), SCMP_SYS(statx)) },
	{ "the pack", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(write)) },
	{ "how much memory there is, which qsort() asks", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(sysinfo)) },
#ifdef CAGE_SANITIZED
	{ "what the sanitizers do at their end", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(rt_sigaction), SCMP_SYS(prctl)) },
#endif
};

static const struct cage_condition conditions[] = {
	{ "abort(): a signal to itself, nobody else", SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0,
	  UINT64_MAX, CAGE_OWN_PID },
};

const struct cage_plan compile_cage = {
	.namespaces = SCAN_NAMESPACES,
	.descriptors = DESCRIPTORS_MAX,
	.file_size = FILE_SIZE_MAX,
	.shared = &scan_shared,
	.own = { calls, ELEMENTS(calls), conditions, ELEMENTS(conditions) },
};
