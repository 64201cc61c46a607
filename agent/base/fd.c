/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int fd_write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_open_memory(const void *data, size_t size)
{
	CLEANUP(close_cleanup) int fd = memfd_create("memory", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, data, size);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : take_fd(&fd);
}

int fd_read_file(const char *path, size_t max, char **ret_data, size_t *ret_size)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	CLEANUP(free_cleanup) char *data = NULL;
	size_t room = 0, used = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n;

		/* One byte more than max tells "too large" from "just fits". */
		if (used == room) {
			size_t wanted = room ? room * 2 : 4096;
			char *larger;

			if (wanted > max + 1)
				wanted = max + 1;
			if (wanted <= room)
				return -EFBIG;
			larger = realloc(data, wanted + 1);
			if (!larger)
				return -ENOMEM;
			data = larger;
			room = wanted;
		}
		n = read(fd, data + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	if (used > max)
		return -EFBIG;
	data[used] = '\0';
	*ret_data = take_ptr(data);
	*ret_size = used;
	return 0;
}

int fd_open_temporary(const char *path, mode_t mode, char **ret_temporary)
{
	CLEANUP(free_cleanup) char *name = NULL;
	CLEANUP(close_cleanup) int fd = -1;

	if (asprintf(&name, "%s.XXXXXX", path) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, mode) < 0) {
		int error = -errno;

		(void)unlink(name);
		return error;
	}
	*ret_temporary = take_ptr(name);
	return take_fd(&fd);
}

static int folder_sync(const char *path)
{
	CLEANUP(free_cleanup) char *folder = strdup(path);
	CLEANUP(close_cleanup) int fd = -1;
	char *slash;

	if (!folder)
		return -ENOMEM;
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

int fd_replace(int fd, const char *temporary, const char *path)
{
	if (fsync(fd) < 0)
		return -errno;
	if (rename(temporary, path) < 0)
		return -errno;
	return folder_sync(path);
}

int fd_write_file(const char *path, mode_t mode, const void *data, size_t size)
{
	CLEANUP(free_cleanup) char *temporary = NULL;
	CLEANUP(close_cleanup) int fd = fd_open_temporary(path, mode, &temporary);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write_all(fd, data, size);
	if (r == 0)
		r = fd_replace(fd, temporary, path);
	if (r < 0)
		(void)unlink(temporary);
	return r;
}

int fd_make_folders(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t length = strlen(path);
	struct stat status;

	if (length == 0 || length >= sizeof(part))
		return -EINVAL;
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) == 0) {
			/* The umask took its share. */
			if (chmod(part, mode) < 0)
				return -errno;
		} else if (errno != EEXIST) {
			return -errno;
		}
	}
	if (stat(path, &status) < 0)
		return -errno;
	return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}
