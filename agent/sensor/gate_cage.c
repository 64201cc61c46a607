/* SPDX-License-Identifier: Apache-2.0
 *
 * What cordon-gate may ask of the kernel once it runs. It parses nothing that anybody else wrote,
 * but it is root's: should it be taken over all the same, it marks and answers, and nothing else.
 * The kernel opens the files of events itself, at the read.
 */
#include "sensor/gate_cage.h"

#include <seccomp.h>

#include "base/cleanup.h"

static const struct cage_calls calls[] = {
	{ "the channel to cordond", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(recvmsg), SCMP_SYS(sendmsg)) },
	{ "the group: events, answers, marks", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(fanotify_mark)) },
	{ "descriptors of events", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(close)) },
	{ "waiting, also after it was stopped", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(restart_syscall)) },
	{ "time, where the vdso has it not", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(clock_gettime)) },
	{ "ending", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn)) },
#ifdef CAGE_SANITIZED
	{ "what the sanitizers do", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(sigaltstack), SCMP_SYS(sched_yield), SCMP_SYS(prctl), SCMP_SYS(mmap),
		     SCMP_SYS(munmap), SCMP_SYS(madvise), SCMP_SYS(getpid), SCMP_SYS(gettid),
		     SCMP_SYS(futex), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask)) },
#endif
};

const struct cage_plan gate_cage = {
	.own = { .calls = calls, .calls_count = ELEMENTS(calls) },
};
