/* SPDX-License-Identifier: Apache-2.0
 *
 * What cordon-cloud keeps of its rights: the plan of its cage (base/cage.h). It talks to the
 * network, resolves names, and reads what both need; it writes no file, starts no program, and
 * listens nowhere.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "cloud/cloud_cage.h"

/* Connections, a resolver's thread for each new one with its sockets, and files it reads. */
#define DESCRIPTORS_MAX 128
/* Threads of its user: those that resolve names, and what else of "nobody" runs. */
#define TASKS_MAX	512

/* Any of these flags makes an open one that writes. O_TMPFILE has one that others have, too. */
#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

static const struct cage_calls calls[] = {
	{ "the channel, and connections", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(connect), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom),
		     SCMP_SYS(sendto), SCMP_SYS(recvmmsg), SCMP_SYS(sendmmsg), SCMP_SYS(shutdown),
		     SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
		     SCMP_SYS(setsockopt)) },
	{ "the resolver's netlink socket: ports are Landlock's to refuse", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(bind)) },
	{ "what is open", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv),
		     SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(fcntl),
		     SCMP_SYS(dup)) },
	{ "waking a thread", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(pipe2), SCMP_SYS(eventfd2), SCMP_SYS(socketpair)) },
	{ "waiting", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
		     SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
		     SCMP_SYS(epoll_pwait), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
		     SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep)) },
#ifdef __SNR_epoll_pwait2
	{ "the same, of newer libraries", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(epoll_pwait2)) },
#endif
	{ "files to be read: which of them, Landlock says", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
		     SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
		     SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
		     SCMP_SYS(getcwd), SCMP_SYS(fstatfs), SCMP_SYS(fadvise64)) },
	{ "memory given back or moved", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise)) },
	{ "threads", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
		     SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(membarrier)) },
	{ "its arguments are in memory, out of the filter's sight: clone() is used instead",
	  SCMP_ACT_ERRNO(ENOSYS), CAGE_CALLS(SCMP_SYS(clone3)) },
	{ "time, and random numbers", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),
		     SCMP_SYS(getrandom)) },
	{ "who and where it is", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid),
		     SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname),
		     SCMP_SYS(sysinfo), SCMP_SYS(getrusage)) },
	{ "its own limits", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(getrlimit)) },
	{ "signals of its own, and its end", SCMP_ACT_ALLOW,
	  CAGE_CALLS(SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
		     SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(exit),
		     SCMP_SYS(exit_group)) },
#ifdef CAGE_SANITIZED
	{ "what the sanitizers do", SCMP_ACT_ALLOW, CAGE_CALLS(SCMP_SYS(prctl)) },
#endif
};

static const struct cage_condition conditions[] = {
	{ "files, but to be read only", SCMP_ACT_ALLOW, SCMP_SYS(open), 1, WRITING, 0 },
	{ "the same", SCMP_ACT_ALLOW, SCMP_SYS(openat), 2, WRITING, 0 },
	{ "the network", SCMP_ACT_ALLOW, SCMP_SYS(socket), 0, UINT64_MAX, AF_INET },
	{ "the network", SCMP_ACT_ALLOW, SCMP_SYS(socket), 0, UINT64_MAX, AF_INET6 },
	{ "which addresses this host has", SCMP_ACT_ALLOW, SCMP_SYS(socket), 0, UINT64_MAX,
	  AF_NETLINK },
	{ "caches of names on this host: the resolver does without", SCMP_ACT_ERRNO(EAFNOSUPPORT),
	  SCMP_SYS(socket), 0, UINT64_MAX, AF_UNIX },
	{ "threads, but no processes", SCMP_ACT_ALLOW, SCMP_SYS(clone), 0, CLONE_THREAD,
	  CLONE_THREAD },
	{ "memory, but never to be executed", SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ "modules of the resolver, which goes on without", SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mmap),
	  2, PROT_EXEC, PROT_EXEC },
	{ "memory, but never to be executed", SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
	{ "how much there is to read", SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, UINT64_MAX, FIONREAD },
	{ "sockets that do not block", SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, UINT64_MAX, FIONBIO },
	{ "whether it is a terminal", SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1, UINT64_MAX,
	  TCGETS },
	{ "names of interfaces", SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, UINT64_MAX, SIOCGIFINDEX },
	{ "names of interfaces", SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, UINT64_MAX, SIOCGIFNAME },
	{ "its own limits: a thread's stack", SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 0, UINT64_MAX,
	  0 },
#ifndef CAGE_SANITIZED
	{ "names of threads", SCMP_ACT_ALLOW, SCMP_SYS(prctl), 0, UINT64_MAX, PR_SET_NAME },
	{ "names of memory", SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 0, UINT64_MAX, 0x53564d41 },
#endif
	{ "abort(): a signal to itself, nobody else", SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0,
	  UINT64_MAX, CAGE_OWN_PID },
};

/* Whole folders where a file is replaced by renaming another, as resolv.conf is. */
static const char *const readable[] = {
	"/etc",
	"/run/systemd/resolve",
	"/run/resolvconf",
	"/run/NetworkManager",
	"/run/connman",
	"/usr/lib/ssl",
	"/usr/share/ca-certificates",
	"/usr/share/pki",
	"/var/lib/ca-certificates",
	"/dev/urandom",
	NULL,
};

const struct cage_plan cloud_cage = {
	.namespaces = CLONE_NEWIPC | CLONE_NEWUTS,
	.root_kept = true,
	.network = true,
	.tasks = TASKS_MAX,
	.descriptors = DESCRIPTORS_MAX,
	.own = { calls, ELEMENTS(calls), conditions, ELEMENTS(conditions) },
	.readable = readable,
};
