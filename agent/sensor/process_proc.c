/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/process_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

/* /proc/PID/stat: comm and 52 numbers. */
#define STAT_SIZE_MAX	 4096
#define STATUS_HEAD_SIZE 1024 /* of /proc/PID/status: ten short lines up to the ids */
#define CGROUP_SIZE_MAX	 16384

bool process_stat_parse(const char *text, struct process_stat *ret)
{
	/* A comm may hold blanks and parentheses: the last one closes it. */
	const char *open_ = strchr(text, '('), *close_ = strrchr(text, ')');
	unsigned long long ticks;
	struct process_stat stat;

	if (!open_ || !close_ || close_ < open_)
		return false;
	(void)snprintf(stat.comm, sizeof(stat.comm), "%.*s", (int)(close_ - open_ - 1), open_ + 1);
	if (sscanf(close_ + 1,
		   " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		   "%llu",
		   &stat.parent, &ticks) != 2)
		return false;
	stat.start = (uint64_t)ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
	*ret = stat;
	return true;
}

static int stat_read(pid_t pid, struct process_stat *ret)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char path[64];
	size_t size;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	r = fd_read_file(path, STAT_SIZE_MAX, &text, &size);
	return r < 0 || !process_stat_parse(text, ret) ? -ESRCH : 0;
}

/* The head of a file of /proc/PID, NUL-terminated; its length, 0 when there is none. */
static size_t head_read(pid_t pid, const char *name, char *out, size_t out_size)
{
	CLEANUP(close_cleanup) int fd = -1;
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, out, out_size - 1);
	if (n < 0)
		n = 0;
	out[n] = '\0';
	return (size_t)n;
}

/* The real ones, as in the kernel side's notes; the folder in /proc has the effective ones. */
static int user_read(pid_t pid, struct process *process)
{
	char text[STATUS_HEAD_SIZE];
	const char *uid, *gid;

	(void)head_read(pid, "status", text, sizeof(text));
	/* The name before them has its line feeds escaped. */
	uid = strstr(text, "\nUid:");
	gid = strstr(text, "\nGid:");
	if (!uid || !gid || sscanf(uid, "\nUid: %u", &process->uid) != 1 ||
	    sscanf(gid, "\nGid: %u", &process->gid) != 1)
		return -ESRCH;
	return 0;
}

/* A path that is too long loses its leading components, as in the kernel side's notes. Returns
 * whether it did. */
static bool path_fit(const char *path, char *out, size_t out_size)
{
	size_t size = strlen(path);
	bool cut = size >= out_size;
	const char *from =
		cut ? strchr(path + size + sizeof(PROCESS_PATH_CUT) - out_size, '/') : path;

	(void)snprintf(out, out_size, "%s%s", cut ? PROCESS_PATH_CUT : "", from ? from : "");
	return cut;
}

static void exe_read(pid_t pid, struct process *process)
{
	static const char deleted[] = " (deleted)";
	char path[64], target[PATH_MAX];
	size_t size;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, target, sizeof(target) - 1);
	size = n < 0 ? 0 : (size_t)n;
	target[size] = '\0';
	if (size >= sizeof(deleted) && strcmp(target + size - strlen(deleted), deleted) == 0) {
		target[size - strlen(deleted)] = '\0';
		process->exe_deleted = true;
	}
	process->exe_truncated = path_fit(target, process->exe, sizeof(process->exe));
}

/* Whether the mount namespace is owned by another user namespace than this process's own, which is
 * the initial one. What cannot be told is not trusted. */
static bool mounts_foreign(pid_t pid)
{
	CLEANUP(close_cleanup) int mounts = -1;
	CLEANUP(close_cleanup) int owner = -1;
	struct stat theirs, ours;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	mounts = open(path, O_RDONLY | O_CLOEXEC);
	owner = mounts < 0 ? -1 : ioctl(mounts, NS_GET_USERNS);
	return owner < 0 || fstat(owner, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0 ||
	       theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino;
}

static void arguments_read(pid_t pid, struct process *process)
{
	size_t size = head_read(pid, "cmdline", process->arguments, sizeof(process->arguments));

	process->arguments_truncated = size == sizeof(process->arguments) - 1;
	while (size > 0 && process->arguments[size - 1] == '\0')
		size--;
	for (size_t i = 0; i < size; i++)
		if (!process->arguments[i])
			process->arguments[i] = ' ';
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
	line = line ? strchr(line, '/') : NULL;
	if (!line)
		return;
	line[strcspn(line, "\n")] = '\0';
	(void)path_fit(line, process->cgroup, sizeof(process->cgroup));
}

int process_proc_key(pid_t pid, struct process_key *ret)
{
	struct process_stat fields;
	int r = stat_read(pid, &fields);

	if (r < 0)
		return r;
	*ret = (struct process_key){ .pid = (uint32_t)pid, .start = fields.start };
	return 0;
}

int process_proc_read(const struct process_key *key, struct process *ret,
		      struct process_key *ret_parent)
{
	struct process process = { .pid = (pid_t)key->pid, .start_boottime = key->start };
	struct process_stat fields, parent, after;
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
	r = user_read(process.pid, &process);
	if (r < 0)
		return r;
	exe_read(process.pid, &process);
	process.mounts_foreign = mounts_foreign(process.pid);
	arguments_read(process.pid, &process);
	cgroup_read(process.pid, &process);
	/* All of it is of one process only if that one is still there, or nobody. */
	if (stat_read(process.pid, &after) == 0 && after.start != fields.start)
		return -ESRCH;
	memset(ret_parent, 0, sizeof(*ret_parent));
	if (fields.parent > 0 && stat_read(fields.parent, &parent) == 0) {
		ret_parent->pid = (uint32_t)fields.parent;
		ret_parent->start = parent.start;
	}
	*ret = process;
	return 0;
}

int process_proc_start(pid_t pid, uint64_t *ret)
{
	struct process_stat fields;
	int r = stat_read(pid, &fields);

	if (r < 0)
		return r;
	*ret = fields.start;
	return 0;
}
