/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scan_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Folders in folders; each holds a descriptor open. */
#define DEPTH_MAX 512

#ifndef SELINUX_MAGIC
#define SELINUX_MAGIC 0xf97cff8c
#endif

/* File systems whose files are the kernel's words, and may never end or do something when they are
 * read. */
static const unsigned long pseudo[] = {
	PROC_SUPER_MAGIC,
	SYSFS_MAGIC,
	CGROUP_SUPER_MAGIC,
	CGROUP2_SUPER_MAGIC,
	DEBUGFS_MAGIC,
	TRACEFS_MAGIC,
	SECURITYFS_MAGIC,
	BPF_FS_MAGIC,
	PSTOREFS_MAGIC,
	EFIVARFS_MAGIC,
	DEVPTS_SUPER_MAGIC,
	SELINUX_MAGIC,
	0x62656570 /* configfs */,
	0x65735543 /* fusectl */,
	BINFMTFS_MAGIC,
	NSFS_MAGIC,
	0x19800202 /* mqueue */,
	RDTGROUP_SUPER_MAGIC,
};

struct level {
	DIR *folder;
	dev_t device;
	size_t length; /* of the path */
};

struct scan_walk {
	struct scan_walk_options options;
	struct scan_walk_counters counters;
	size_t next; /* of the paths */
	struct level levels[DEPTH_MAX];
	size_t depth;
	char *path;
	size_t room;
	bool opened;
};

int scan_walk_new(const struct scan_walk_options *options, struct scan_walk **ret)
{
	struct scan_walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return -ENOMEM;
	walk->options = *options;
	*ret = walk;
	return 0;
}

void scan_walk_free(struct scan_walk *walk)
{
	if (!walk)
		return;
	while (walk->depth > 0)
		(void)closedir(walk->levels[--walk->depth].folder);
	free(walk->path);
	free(walk);
}

const struct scan_walk_counters *scan_walk_counters(const struct scan_walk *walk)
{
	return &walk->counters;
}

static void trouble(struct scan_walk *walk, int error)
{
	if (walk->opened)
		walk->options.trouble(walk->path, error, walk->options.userdata);
}

/* The path: the first length bytes of it, and the name. */
static int path_set(struct scan_walk *walk, size_t length, const char *name)
{
	size_t more = strlen(name), needed = length + more + 2;

	if (needed > walk->room) {
		char *path = realloc(walk->path, needed * 2);

		if (!path)
			return -ENOMEM;
		walk->path = path;
		walk->room = needed * 2;
	}
	if (length > 0 && walk->path[length - 1] != '/')
		walk->path[length++] = '/';
	memcpy(walk->path + length, name, more + 1);
	return 0;
}

static bool excluded(const struct scan_walk *walk)
{
	const char *slash = strrchr(walk->path, '/');
	const char *name = slash && slash[1] ? slash + 1 : walk->path;

	for (size_t i = 0; i < walk->options.excludes_count; i++)
		if (fnmatch(walk->options.excludes[i], walk->path, FNM_LEADING_DIR) == 0 ||
		    fnmatch(walk->options.excludes[i], name, 0) == 0)
			return true;
	return false;
}

static bool system_pseudo(int fd)
{
	struct statfs status;

	if (fstatfs(fd, &status) < 0)
		return false;
	for (size_t i = 0; i < ELEMENTS(pseudo); i++)
		if ((unsigned long)status.f_type == pseudo[i])
			return true;
	return false;
}

static bool unchanged(const struct scan_walk *walk, const struct stat *status)
{
	const struct timespec *last = status->st_mtim.tv_sec > status->st_ctim.tv_sec
					      ? &status->st_mtim
					      : &status->st_ctim;

	return walk->options.since > 0 && last->tv_sec >= 0 &&
	       (uint64_t)last->tv_sec * NS_PER_SECOND + (uint64_t)last->tv_nsec <
		       walk->options.since;
}

/* Goes into the folder. What fails has been told. */
static void folder_enter(struct scan_walk *walk, int parent, const char *name, bool top)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (top ? 0 : O_NOFOLLOW));
	struct level *level = &walk->levels[walk->depth];
	struct stat status;

	if (walk->depth == DEPTH_MAX) {
		close_cleanup(&fd);
		trouble(walk, -ELOOP);
		return;
	}
	if (fd < 0 || fstat(fd, &status) < 0) {
		trouble(walk, -errno);
		close_cleanup(&fd);
		return;
	}
	if ((walk->depth == 0 || status.st_dev != level[-1].device) && system_pseudo(fd)) {
		walk->counters.special++;
		(void)close(fd);
		return;
	}
	*level = (struct level){ fdopendir(fd), status.st_dev, strlen(walk->path) };
	if (!level->folder) {
		(void)close(fd);
		trouble(walk, -ENOMEM);
		return;
	}
	walk->depth++;
}

/* 1: a file to scan. */
static int file_take(struct scan_walk *walk, int parent, const char *name, bool top,
		     struct scan_walk_file *ret)
{
	CLEANUP(close_cleanup) int fd = -1;

	if (unchanged(walk, &ret->status)) {
		walk->counters.unchanged++;
		return 0;
	}
	ret->path = walk->path;
	ret->fd = -1;
	if (!walk->opened)
		return 1;
	if (walk->options.known &&
	    walk->options.known(walk->path, &ret->status, walk->options.userdata))
		return 0;
	/* Should it be something else by now, opening it neither waits nor follows. */
	fd = openat(parent, name,
		    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (top ? 0 : O_NOFOLLOW));
	if (fd < 0 || fstat(fd, &ret->status) < 0) {
		/* Gone since it was listed: that is no error. */
		if (errno != ENOENT || top)
			trouble(walk, -errno);
		return 0;
	}
	if (!S_ISREG(ret->status.st_mode) || (top && system_pseudo(fd))) {
		walk->counters.special++;
		return 0;
	}
	ret->fd = take_fd(&fd);
	return 1;
}

/* An entry whose path is set. 1: a file to scan. */
static int entry_take(struct scan_walk *walk, int parent, const char *name, bool top,
		      struct scan_walk_file *ret)
{
	if (excluded(walk)) {
		walk->counters.excluded++;
		return 0;
	}
	if (fstatat(parent, name, &ret->status, top ? 0 : AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) <
	    0) {
		if (errno != ENOENT || top)
			trouble(walk, -errno);
		return 0;
	}
	if (S_ISREG(ret->status.st_mode))
		return file_take(walk, parent, name, top, ret);
	if (S_ISDIR(ret->status.st_mode) && (top || walk->options.recursive))
		folder_enter(walk, parent, name, top);
	else
		walk->counters.special++;
	return 0;
}

static int level_next(struct scan_walk *walk, struct scan_walk_file *ret)
{
	struct level *level = &walk->levels[walk->depth - 1];
	struct dirent *entry;
	int r;

	errno = 0;
	entry = readdir(level->folder);
	if (!entry) {
		if (errno != 0)
			trouble(walk, -errno);
		(void)closedir(level->folder);
		walk->depth--;
		return 0;
	}
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return 0;
	r = path_set(walk, level->length, entry->d_name);
	return r < 0 ? r : entry_take(walk, dirfd(level->folder), entry->d_name, false, ret);
}

int scan_walk_next(struct scan_walk *walk, bool opened, struct scan_walk_file *ret)
{
	int r = 0;

	walk->opened = opened;
	while (r == 0) {
		if (walk->depth > 0) {
			r = level_next(walk, ret);
		} else if (walk->next < walk->options.paths_count) {
			const char *path = walk->options.paths[walk->next++];

			r = path_set(walk, 0, path);
			if (r == 0)
				r = entry_take(walk, AT_FDCWD, path, true, ret);
		} else {
			return 0;
		}
	}
	return r;
}
