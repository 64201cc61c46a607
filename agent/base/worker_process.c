/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how a worker's process begins and ends. It gets an empty environment, a channel, and nothing
 * else of its parent's.
 */
#include "base/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cage.h"

#define USER	   "cordon"
#define NOBODY	   "nobody"
#define NOBODY_UID 65534

/* So that descriptors do not stand where the worker's own are put. */
#define DESCRIPTOR_MIN 16

/* From the file itself: the modules of the user database (NSS) may ask the network, which this
 * program must not wait for. */
static bool user_find(const char *name, struct worker_program *program)
{
	CLEANUP(fclose_cleanup) FILE *file = fopen("/etc/passwd", "re");
	struct passwd entry, *found;
	char line[1024];

	while (file && fgetpwent_r(file, &entry, line, sizeof(line), &found) == 0) {
		/* A user that is root is none to give rights up for. */
		if (strcmp(found->pw_name, name) != 0 || found->pw_uid == 0 || found->pw_gid == 0)
			continue;
		program->uid = found->pw_uid;
		program->gid = found->pw_gid;
		(void)snprintf(program->user, sizeof(program->user), "%s", name);
		return true;
	}
	return false;
}

/* Whoever may write our own program may do all that we may, so nothing is lost by it. */
static int writers_check(int fd)
{
	struct stat own, program;

	if (fstat(fd, &program) < 0)
		return -errno;
	if (!S_ISREG(program.st_mode))
		return -EACCES;
	if (geteuid() != 0)
		return 0;
	if (stat("/proc/self/exe", &own) < 0)
		return -errno;
	if (program.st_uid != 0 && program.st_uid != own.st_uid)
		return -EPERM;
	if ((program.st_mode & S_IWOTH) || ((program.st_mode & S_IWGRP) && program.st_gid != 0))
		return -EPERM;
	return 0;
}

static int program_open(const char *path)
{
	CLEANUP(close_cleanup) int low = open(path, O_PATH | O_CLOEXEC);
	int fd, r;

	if (low < 0)
		return -errno;
	r = writers_check(low);
	if (r < 0)
		return r;
	fd = fcntl(low, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN);
	return fd < 0 ? -errno : fd;
}

static int program_find(const char *name)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
	const char *slash = length > 0 ? memrchr(path, '/', (size_t)length) : NULL;
	size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
	int r = -ENOENT;

	if (folder > 0 && folder + WORKER_NAME_SIZE <= sizeof(path)) {
		(void)snprintf(path + folder, WORKER_NAME_SIZE, "%s", name);
		r = program_open(path);
	}
	if (r != -ENOENT)
		return r;
	(void)snprintf(path, sizeof(path), CORDON_LIBEXECDIR "/%s", name);
	return program_open(path);
}

int worker_program_open(const char *name, const char *path, struct worker_program *ret)
{
	struct worker_program program = { .uid = NOBODY_UID, .gid = NOBODY_UID };

	(void)snprintf(program.name, sizeof(program.name), "%s", name);
	program.fd = path ? program_open(path) : program_find(program.name);
	if (program.fd < 0)
		return program.fd;
	if (!user_find(USER, &program) && !user_find(NOBODY, &program))
		(void)snprintf(program.user, sizeof(program.user), "%s", NOBODY);
	*ret = program;
	return 0;
}

void worker_program_close(struct worker_program *program)
{
	if (program->fd >= 0)
		(void)close(program->fd);
	program->fd = -1;
}

/* Both ends of a channel; the worker's own is not where others are put. */
static int channel_make(int ret[static 2])
{
	int high, r = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return -errno;
	high = fcntl(ret[1], F_DUPFD_CLOEXEC, DESCRIPTOR_MIN);
	if (high < 0 || fcntl(ret[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	(void)close(ret[1]);
	ret[1] = high;
	if (r < 0) {
		close_cleanup(&ret[0]);
		close_cleanup(&ret[1]);
	}
	return r;
}

static int spawn(const struct worker_program *program, int channel, uint64_t memory, pid_t *ret)
{
	char path[64], uid[16], gid[16], bytes[24];
	char name[WORKER_NAME_SIZE];
	char mode[WORKER_NAME_SIZE];
	char *arguments[] = { name, uid, gid, bytes, program->mode ? mode : NULL, NULL },
	     *environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	(void)snprintf(name, sizeof(name), "%s", program->name);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", program->fd);
	(void)snprintf(mode, sizeof(mode), "%s", program->mode ? program->mode : "");
	(void)snprintf(uid, sizeof(uid), "%u", program->uid);
	(void)snprintf(gid, sizeof(gid), "%u", program->gid);
	(void)snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)memory);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, channel, CAGE_CHANNEL);
	/* A session of its own: Ctrl-C is for the parent, who ends its workers. */
	if (r == 0)
		r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
								  POSIX_SPAWN_SETSIGDEF |
								  POSIX_SPAWN_SETSID);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(&attributes, &all);
	if (r == 0)
		r = posix_spawn(ret, path, &actions, &attributes, arguments, environment);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int worker_process_start(const struct worker_program *program, uint64_t memory,
			 struct worker_process *ret)
{
	struct worker_process process = { .pidfd = -1 };
	int ends[2], r;

	r = channel_make(ends);
	if (r < 0)
		return r;
	process.channel = ends[0];
	r = spawn(program, ends[1], memory, &process.pid);
	(void)close(ends[1]);
	if (r < 0) {
		(void)close(ends[0]);
		return r;
	}
	/* Nobody has waited for it, so the pid is still its own. */
	process.pidfd = (int)syscall(SYS_pidfd_open, process.pid, 0);
	if (process.pidfd < 0) {
		r = -errno;
		worker_process_end(&process);
		return r;
	}
	*ret = process;
	return 0;
}

void worker_process_kill(const struct worker_process *process)
{
	if (process->pid > 0)
		(void)kill(process->pid, SIGKILL);
}

/* What a signal says of a worker. */
static const char *signal_meaning(int number)
{
	switch (number) {
	case SIGSYS:
		return "killed by its sandbox, at a system call that it never needs";
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP:
		return "crashed";
	case SIGABRT:
		return "stopped itself";
	case SIGXCPU:
		return "used up its time";
	default:
		return "killed";
	}
}

int worker_process_reap(struct worker_process *process, char ret_death[static WORKER_DEATH_MAX])
{
	siginfo_t info = { 0 };
	int r;

	if (process->pid <= 0)
		return 0;
	do
		r = waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG);
	while (r < 0 && errno == EINTR);
	if (r == 0 && info.si_pid == 0)
		return 0;
	if (r < 0)
		(void)snprintf(ret_death, WORKER_DEATH_MAX, "gone");
	else if (info.si_code == CLD_EXITED)
		(void)snprintf(ret_death, WORKER_DEATH_MAX, "ended with status %d", info.si_status);
	else
		(void)snprintf(ret_death, WORKER_DEATH_MAX, "%s (SIG%s)",
			       signal_meaning(info.si_status),
			       sigabbrev_np(info.si_status) ? sigabbrev_np(info.si_status) : "?");
	process->pid = 0;
	close_cleanup(&process->pidfd);
	close_cleanup(&process->channel);
	process->pidfd = process->channel = -1;
	return 1;
}

void worker_process_end(struct worker_process *process)
{
	worker_process_kill(process);
	if (process->pid > 0)
		while (waitid(P_PID, (id_t)process->pid, NULL, WEXITED) < 0 && errno == EINTR)
			;
	process->pid = 0;
	close_cleanup(&process->pidfd);
	close_cleanup(&process->channel);
	process->pidfd = process->channel = -1;
}
