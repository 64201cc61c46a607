/* SPDX-License-Identifier: Apache-2.0 */
#include "response/process_end.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "sensor/process_proc.h"

/* A start time from /proc is cut to ticks of at least this. */
#define TICK (NS_PER_SECOND / 50)

/* Whatever the policy says, the host goes on, and so do we. */
static bool untouchable(pid_t pid)
{
	return pid <= 1 || pid == getpid() || getpgid(pid) == 0;
}

static bool runs(pid_t pid, const struct file_identity *file)
{
	struct stat status;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return stat(path, &status) == 0 && status.st_dev == file->device &&
	       status.st_ino == file->inode;
}

int process_signal(int pidfd, int number)
{
	return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno : 0;
}

/* The pidfd is opened before it is looked at: then what was looked at is what is hit. */
static int act_if_runs(pid_t pid, const struct file_identity *file, process_act act, void *userdata)
{
	CLEANUP(close_cleanup) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return -errno;
	return runs(pid, file) ? act(pid, pidfd, userdata) : -ESRCH;
}

int process_act_running(const struct file_identity *file, process_act act, void *userdata)
{
	DIR *stream = opendir("/proc");
	const struct dirent *entry;
	int count = 0;

	if (!stream)
		return -errno;
	while ((entry = readdir(stream))) {
		uint64_t pid;

		if (parse_u64(entry->d_name, INT32_MAX, &pid) < 0 || untouchable((pid_t)pid) ||
		    !runs((pid_t)pid, file))
			continue;
		if (act_if_runs((pid_t)pid, file, act, userdata) == 0)
			count++;
	}
	(void)closedir(stream);
	return count;
}

int process_act_one(pid_t pid, uint64_t start, process_act act, void *userdata)
{
	CLEANUP(close_cleanup) int pidfd = -1;
	uint64_t there;

	if (untouchable(pid))
		return -EPERM;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	if (process_proc_start(pid, &there) < 0 || there > start || start - there >= TICK)
		return -ESRCH;
	return act(pid, pidfd, userdata);
}

int process_signal_act(pid_t pid, int pidfd, void *userdata)
{
	const int *number = userdata;

	(void)pid;
	return process_signal(pidfd, *number);
}
