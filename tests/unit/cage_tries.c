/* SPDX-License-Identifier: Apache-2.0
 *
 * What somebody would do who has taken over a worker, tried from within its cage.
 */
#include "tests/unit/cage_tries.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cage.h"
#include "base/cleanup.h"

static long try_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long try_create(void)
{
	return syscall(SYS_openat, AT_FDCWD, "/tmp/cordon-escaped", O_CREAT | O_WRONLY, 0600);
}

static long try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_exec(void)
{
	char *const nothing[] = { NULL };

	return execve("/bin/true", nothing, nothing);
}

static long try_fork(void)
{
	return fork();
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static long try_kill(void)
{
	return kill(-1, 0);
}

static long try_signal(void)
{
	return syscall(SYS_tgkill, 1, 1, 0);
}

static long try_executable(void)
{
	return (long)(intptr_t)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long try_protect(void)
{
	return mprotect((void *)((uintptr_t)&try_protect & ~(uintptr_t)4095), 4096,
			PROT_READ | PROT_WRITE | PROT_EXEC);
}

static long try_user(void)
{
	return setuid(0);
}

static long try_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static long try_mount(void)
{
	return mount("none", "/", "tmpfs", 0, NULL);
}

static long try_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}

static long try_memory_of(void)
{
	return syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
}

static long try_prctl(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long try_descriptor(void)
{
	return dup(CAGE_CHANNEL);
}

static long try_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

/* Numbers of another architecture: on x86-64, those of x32. */
static long try_foreign(void)
{
	return syscall(0x40000000 | SYS_getpid);
}

static long try_memory(void)
{
	void *volatile place = malloc((size_t)1 << 32);

	if (place)
		return 0;
	errno = ENOMEM;
	return -1;
}

static const struct {
	const char *name;
	long (*call)(void);
} tries[] = {
	{ "open", try_open },
	{ "create", try_create },
	{ "socket", try_socket },
	{ "exec", try_exec },
	{ "fork", try_fork },
	{ "ptrace", try_ptrace },
	{ "kill", try_kill },
	{ "signal", try_signal },
	{ "executable", try_executable },
	{ "protect", try_protect },
	{ "user", try_user },
	{ "namespace", try_namespace },
	{ "mount", try_mount },
	{ "bpf", try_bpf },
	{ "memory-of", try_memory_of },
	{ "prctl", try_prctl },
	{ "descriptor", try_descriptor },
	{ "uring", try_uring },
	{ "foreign", try_foreign },
	{ "memory", try_memory },
};

const char *cage_try(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(tries); i++)
		if (strcmp(tries[i].name, name) == 0)
			return tries[i].call() < 0 ? strerrorname_np(errno) : "succeeded";
	return NULL;
}
