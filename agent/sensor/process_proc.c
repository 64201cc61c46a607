/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/process_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

/* /proc/PID/stat: comm and 52 numbers. */
#define STAT_SIZE_MAX	4096
#define CGROUP_SIZE_MAX 16384

struct stat_fields {
	char comm[17];
	pid_t parent;
	uint64_t start; /* ns on the boot clock, in steps of a clock tick */
};

static int stat_read(pid_t pid, struct stat_fields *ret)
{
	CLEANUP(free_cleanup) char *text = NULL;
	unsigned long long ticks;
	char path[64], *open_, *close_;
	size_t size;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	r = fd_read_file(path, STAT_SIZE_MAX, &text, &size);
	if (r < 0)
		return -ESRCH;
	/* A comm may hold blanks and parentheses: the last one closes it. */
	open_ = strchr(text, '(');
	close_ = strrchr(text, ')');
	if (!open_ || !close_ || close_ < open_)
		return -ESRCH;
	(void)snprintf(ret->comm, sizeof(ret->comm), "%.*s", (int)(close_ - open_ - 1), open_ + 1);
	if (sscanf(close_ + 1,
		   " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &ret->parent, &ticks) != 2)
		return -ESRCH;
	ret->start = (uint64_t)ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
	return 0;
}

static void exe_read(pid_t pid, struct process *process)
{
	static const char deleted[] = " (deleted)";
	char path[64];
	ssize_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	size = readlink(path, process->exe, sizeof(process->exe) - 1);
	if (size < 0)
		size = 0;
	process->exe_truncated = (size_t)size == sizeof(process->exe) - 1;
	process->exe[size] = '\0';
	if ((size_t)size > sizeof(deleted) &&
	    strcmp(process->exe + (size_t)size - (sizeof(deleted) - 1), deleted) == 0) {
		process->exe[(size_t)size - (sizeof(deleted) - 1)] = '\0';
		process->exe_deleted = true;
	}
}

static void arguments_read(pid_t pid, struct process *process)
{
	CLEANUP(close_cleanup) int fd = -1;
	char path[64];
	ssize_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? 0 : read(fd, process->arguments, sizeof(process->arguments) - 1);
	if (size < 0)
		size = 0;
	process->arguments_truncated = (size_t)size == sizeof(process->arguments) - 1;
	while (size > 0 && process->arguments[size - 1] == '\0')
		size--;
	for (ssize_t i = 0; i < size; i++)
		if (!process->arguments[i])
			process->arguments[i] = ' ';
	process->arguments[size] = '\0';
}

static void cgroup_read(pid_t pid, struct process *process)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char path[64], *line;
	size_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (fd_read_file(path, CGROUP_SIZE_MAX, &text, &size) < 0)
		return;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return;
	line = strchr(line, '/');
	if (line)
		(void)snprintf(process->cgroup, sizeof(process->cgroup), "%.*s",
			       (int)strcspn(line, "\n"), line);
}

int process_proc_read(const struct process_key *key, struct process *ret,
		      struct process_key *ret_parent)
{
	struct process process = { .pid = (pid_t)key->pid, .start_boottime = key->start };
	struct stat_fields fields, parent;
	char path[64];
	struct stat owner;
	int r = stat_read(process.pid, &fields);

	if (r < 0)
		return r;
	/* /proc tells in clock ticks, cut off. */
	if (fields.start > key->start || key->start - fields.start >= NS_PER_SECOND / 50)
		return -ESRCH;
	process.source = PROCESS_SOURCE_PROC;
	process.start_time = clock_from_boottime(key->start);
	process.parent_pid = fields.parent;
	memcpy(process.comm, fields.comm, sizeof(process.comm));
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)process.pid);
	if (stat(path, &owner) < 0)
		return -ESRCH;
	process.uid = owner.st_uid;
	process.gid = owner.st_gid;
	exe_read(process.pid, &process);
	arguments_read(process.pid, &process);
	cgroup_read(process.pid, &process);
	memset(ret_parent, 0, sizeof(*ret_parent));
	if (fields.parent > 0 && stat_read(fields.parent, &parent) == 0) {
		ret_parent->pid = (uint32_t)fields.parent;
		ret_parent->start = parent.start;
	}
	*ret = process;
	return 0;
}
