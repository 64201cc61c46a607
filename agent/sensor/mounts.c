/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"

static const struct {
	const char *type;
	enum mount_kind kind;
} kinds[] = {
	{ "overlay", MOUNT_LAYERED },	{ "aufs", MOUNT_LAYERED },
	{ "proc", MOUNT_PSEUDO },	{ "sysfs", MOUNT_PSEUDO },
	{ "devtmpfs", MOUNT_PSEUDO },	{ "devpts", MOUNT_PSEUDO },
	{ "cgroup", MOUNT_PSEUDO },	{ "cgroup2", MOUNT_PSEUDO },
	{ "pstore", MOUNT_PSEUDO },	{ "bpf", MOUNT_PSEUDO },
	{ "securityfs", MOUNT_PSEUDO }, { "debugfs", MOUNT_PSEUDO },
	{ "tracefs", MOUNT_PSEUDO },	{ "configfs", MOUNT_PSEUDO },
	{ "fusectl", MOUNT_PSEUDO },	{ "mqueue", MOUNT_PSEUDO },
	{ "hugetlbfs", MOUNT_PSEUDO },	{ "binfmt_misc", MOUNT_PSEUDO },
	{ "autofs", MOUNT_PSEUDO },	{ "efivarfs", MOUNT_PSEUDO },
	{ "nsfs", MOUNT_PSEUDO },	{ "rpc_pipefs", MOUNT_PSEUDO },
	{ "selinuxfs", MOUNT_PSEUDO },	{ "smackfs", MOUNT_PSEUDO },
	{ "nfs", MOUNT_REMOTE },	{ "nfs4", MOUNT_REMOTE },
	{ "cifs", MOUNT_REMOTE },	{ "smb3", MOUNT_REMOTE },
	{ "smbfs", MOUNT_REMOTE },	{ "9p", MOUNT_REMOTE },
	{ "afs", MOUNT_REMOTE },	{ "ceph", MOUNT_REMOTE },
	{ "lustre", MOUNT_REMOTE },	{ "gfs2", MOUNT_REMOTE },
	{ "ocfs2", MOUNT_REMOTE },	{ "beegfs", MOUNT_REMOTE },
	{ "glusterfs", MOUNT_REMOTE },	{ "virtiofs", MOUNT_REMOTE },
	{ "fuse", MOUNT_REMOTE },	{ "fuseblk", MOUNT_REMOTE },
};

enum mount_kind mount_kind(const char *type)
{
	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return kinds[i].kind;
	/* "fuse.sshfs" and the like: a program answers, and may be anybody's. */
	return strncmp(type, "fuse.", 5) == 0 ? MOUNT_REMOTE : MOUNT_LOCAL;
}

/* Blanks and backslashes stand as "\040". */
static void unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; to++) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
		    at[3] >= '0' && at[3] <= '7') {
			*to = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 4;
		} else {
			*to = *at++;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/sda rw" */
bool mounts_line(char *line, struct mount *ret)
{
	char *rest = NULL, *fields[5], *dash = strstr(line, " - ");
	unsigned major_number, minor_number;

	if (!dash)
		return false;
	*dash = '\0';
	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		fields[i] = strtok_r(i ? NULL : line, " ", &rest);
		if (!fields[i])
			return false;
	}
	if (sscanf(fields[2], "%u:%u", &major_number, &minor_number) != 2)
		return false;
	ret->device = makedev(major_number, minor_number);
	ret->path = fields[4];
	unescape(fields[4]);
	ret->type = strtok_r(dash + 3, " ", &rest);
	return ret->type != NULL;
}

int mounts_each(void (*visit)(const struct mount *mount, void *userdata), void *userdata)
{
	CLEANUP(fclose_cleanup) FILE *file = fopen("/proc/self/mountinfo", "re");
	CLEANUP(free_cleanup) char *line = NULL;
	size_t room = 0;
	int count = 0;

	if (!file)
		return -errno;
	while (count < MOUNTS_MAX && getline(&line, &room, file) > 0) {
		struct mount mount;

		if (!mounts_line(line, &mount))
			continue;
		visit(&mount, userdata);
		count++;
	}
	return count;
}

int mounts_watch(void)
{
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void mounts_seen(int fd)
{
	char bytes[256];

	/* proc(5): the next poll tells of changes since the last one; nothing has to be read. */
	(void)!pread(fd, bytes, sizeof(bytes), 0);
}

bool path_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	if (length == 1)
		return path[0] == '/';
	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}
