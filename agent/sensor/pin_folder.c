/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/pin_folder.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

/* Where everybody looks for it, and systemd mounts it. Nothing can be made there before. */
#define BPF_MOUNT "/sys/fs/bpf"

static bool on_bpf(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

static int bpf_mount(const char *path)
{
	if (mount("bpf", path, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return log_errno(LOG_WARNING, -errno, "no bpf file system can be mounted at %s",
				 path);
	log_notice("a bpf file system was mounted at %s", path);
	return 0;
}

/* Whoever may write there could put other objects in the place of ours. */
static int owner_check(const char *folder)
{
	struct stat status;

	if (stat(folder, &status) < 0)
		return -errno;
	if (status.st_uid == 0 && !(status.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return log_errno(LOG_WARNING, -EPERM, "others than root may write to %s", folder);
}

int pin_folder_make(const char *folder)
{
	bool usual = strncmp(folder, BPF_MOUNT "/", strlen(BPF_MOUNT "/")) == 0;
	int r = 0;

	if (usual && !on_bpf(BPF_MOUNT))
		r = bpf_mount(BPF_MOUNT);
	if (r < 0)
		return r;
	r = fd_make_folders(folder, 0700);
	if (r < 0)
		return log_errno(LOG_WARNING, r, "%s cannot be made", folder);
	if (!on_bpf(folder))
		r = bpf_mount(folder);
	return r < 0 ? r : owner_check(folder);
}

int pin_folder_lock(const char *folder, int *ret_fd)
{
	CLEANUP(close_cleanup) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int pin_path(char out[static PATH_MAX], const char *folder, const char *middle, const char *name)
{
	int length = snprintf(out, PATH_MAX, "%s%s%s%s%s", folder, middle ? "/" : "",
			      middle ? middle : "", name ? "/" : "", name ? name : "");

	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int pin_folder_each(const char *folder, const char *middle,
		    int (*each)(const char *name, void *userdata), void *userdata)
{
	struct dirent **entries = NULL;
	char path[PATH_MAX];
	int count, r = pin_path(path, folder, middle, NULL);

	if (r < 0)
		return r;
	/* All at once and sorted: entries come and go while they are worked on. */
	count = scandir(path, &entries, NULL, alphasort);
	if (count < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		if (r >= 0 && entries[i]->d_name[0] != '.')
			r = each(entries[i]->d_name, userdata);
		free(entries[i]);
	}
	free(entries);
	return r < 0 ? r : 0;
}

uint64_t pin_generation(const char *name)
{
	char *end;
	uint64_t number;

	if (strncmp(name, PIN_GENERATION, strlen(PIN_GENERATION)) != 0)
		return 0;
	number = strtoull(name + strlen(PIN_GENERATION), &end, 10);
	return *end ? 0 : number;
}

void pin_generation_name(uint64_t generation, char out[static PIN_GENERATION_SIZE])
{
	(void)snprintf(out, PIN_GENERATION_SIZE, PIN_GENERATION "%" PRIu64, generation);
}

uint64_t pin_folder_current(const char *folder)
{
	char path[PATH_MAX], target[PIN_GENERATION_SIZE];
	ssize_t size;

	if (pin_path(path, folder, NULL, PIN_CURRENT) < 0)
		return 0;
	size = readlink(path, target, sizeof(target) - 1);
	if (size < 0)
		return 0;
	target[size] = '\0';
	return pin_generation(target);
}

int pin_folder_set_current(const char *folder, uint64_t generation)
{
	char path[PATH_MAX], fresh[PATH_MAX], name[PIN_GENERATION_SIZE];
	int r = pin_path(path, folder, NULL, PIN_CURRENT);

	if (r == 0)
		r = pin_path(fresh, folder, NULL, PIN_CURRENT PIN_UNFINISHED);
	if (r < 0)
		return r;
	pin_generation_name(generation, name);
	(void)unlink(fresh);
	if (symlink(name, fresh) < 0 || rename(fresh, path) < 0)
		return -errno;
	return 0;
}

int pin_replace(int object_fd, const char *folder, const char *middle, const char *name)
{
	char path[PATH_MAX], fresh[PATH_MAX + sizeof(PIN_UNFINISHED)];
	int r = pin_path(path, folder, middle, name);

	if (r < 0)
		return r;
	(void)snprintf(fresh, sizeof(fresh), "%s" PIN_UNFINISHED, path);
	(void)unlink(fresh);
	if (bpf_obj_pin(object_fd, fresh) < 0 || rename(fresh, path) < 0)
		return -errno;
	return 0;
}

int pin_open(const char *folder, const char *middle, const char *name)
{
	char path[PATH_MAX];
	int r = pin_path(path, folder, middle, name);

	if (r < 0)
		return r;
	r = bpf_obj_get(path);
	return r < 0 ? -errno : r;
}

struct removal {
	const char *folder, *middle;
};

static int entry_remove(const char *name, void *userdata)
{
	const struct removal *removal = userdata;
	char path[PATH_MAX];
	int r = pin_path(path, removal->folder, removal->middle, name);

	if (r < 0)
		return r;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int pin_folder_remove(const char *folder, const char *middle)
{
	struct removal removal = { folder, middle };
	char path[PATH_MAX];
	int r = pin_folder_each(folder, middle, entry_remove, &removal);

	if (r == 0)
		r = pin_path(path, folder, middle, NULL);
	if (r < 0)
		return r;
	return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}
