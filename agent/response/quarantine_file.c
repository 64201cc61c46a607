/* SPDX-License-Identifier: Apache-2.0
 *
 * Files on their way into and out of the quarantine: content with its holes, owner, mode, extended
 * attributes, times. What is copied was made by whoever the finding is about; it is copied, and not
 * looked at. Paths are walked without symbolic links.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "response/quarantine_private.h"

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(struct digest *, digest_free)

#define COPY_PIECE ((size_t)256 * 1024)

/* One value into the object; its size is taken off what is left. */
static int attribute_read(int fd, const char *name, size_t *left, json_t *object)
{
	CLEANUP(free_cleanup) char *digits = NULL;
	CLEANUP(free_cleanup) uint8_t *value = NULL;
	ssize_t size = fgetxattr(fd, name, NULL, 0);

	if (size < 0)
		return errno == ENODATA ? 0 : -errno;
	if ((size_t)size > *left)
		return -E2BIG;
	*left -= (size_t)size;
	value = malloc((size_t)size + 1);
	digits = malloc((size_t)size * 2 + 1);
	if (!value || !digits)
		return -ENOMEM;
	size = fgetxattr(fd, name, value, (size_t)size);
	if (size < 0)
		return -errno;
	digest_text(value, (size_t)size, digits);
	return json_object_set_new(object, name, json_string(digits)) < 0 ? -ENOMEM : 0;
}

int quarantine_attributes_read(int fd, json_t **ret)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_object();
	size_t left = QUARANTINE_ATTRIBUTES_MAX;
	char names[XATTR_LIST_MAX / 16];
	ssize_t size = flistxattr(fd, names, sizeof(names));

	if (!object)
		return -ENOMEM;
	if (size < 0 && errno != EOPNOTSUPP)
		return -errno;
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) {
		int r = attribute_read(fd, names + at, &left, object);

		if (r < 0)
			return r;
	}
	*ret = take_ptr(object);
	return 0;
}

static int attribute_write(int fd, const char *name, const char *digits)
{
	size_t size = strlen(digits) / 2;
	CLEANUP(free_cleanup) uint8_t *value = malloc(size + 1);

	if (!value)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++) {
		unsigned byte;

		if (sscanf(digits + i * 2, "%2x", &byte) != 1)
			return -EBADMSG;
		value[i] = (uint8_t)byte;
	}
	return fsetxattr(fd, name, value, size, 0) < 0 ? -errno : 0;
}

static struct timespec time_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SECOND),
				  .tv_nsec = (long)(ns % NS_PER_SECOND) };
}

/* In this order: a new owner clears set-user-id and capabilities, and all of them move the times.
 */
int quarantine_file_dress(int fd, const struct quarantine_record *record)
{
	const struct quarantine_item *item = &record->item;
	const struct timespec times[2] = { time_of(item->accessed), time_of(item->modified) };
	const char *name;
	json_t *value;

	if (fchown(fd, item->uid, item->gid) < 0 || fchmod(fd, item->mode & 07777) < 0)
		return -errno;
	json_object_foreach(record->attributes, name, value)
	{
		int r = json_is_string(value) ? attribute_write(fd, name, json_string_value(value))
					      : -EBADMSG;

		/* A label of another security module than runs now, or a file system without. */
		if (r < 0 && r != -EOPNOTSUPP)
			return r;
	}
	return futimens(fd, times) < 0 ? -errno : 0;
}

/* One run of data, between two holes. */
static int run_copy(int from, int to, off_t start, off_t end, struct digest *digest, uint8_t *piece)
{
	while (start < end) {
		size_t wanted =
			(size_t)(end - start) < COPY_PIECE ? (size_t)(end - start) : COPY_PIECE;
		ssize_t n = pread(from, piece, wanted, start);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ESTALE;
		if (lseek(to, start, SEEK_SET) < 0)
			return -errno;
		r = fd_write_all(to, piece, (size_t)n);
		if (r == 0)
			r = digest_add(digest, piece, (size_t)n);
		if (r < 0)
			return r;
		start += n;
	}
	return 0;
}

static int hole_add(struct digest *digest, off_t size, uint8_t *piece)
{
	int r = 0;

	memset(piece, 0, COPY_PIECE);
	while (r == 0 && size > 0) {
		size_t part = (size_t)size < COPY_PIECE ? (size_t)size : COPY_PIECE;

		r = digest_add(digest, piece, part);
		size -= (off_t)part;
	}
	return r;
}

int quarantine_file_copy(int from, int to, char ret_sha256[static SHA256_TEXT_SIZE])
{
	CLEANUP(digest_free_cleanup) struct digest *digest = digest_new();
	CLEANUP(free_cleanup) uint8_t *piece = malloc(COPY_PIECE);
	uint8_t hash[SHA256_SIZE];
	struct stat status;
	off_t at = 0;
	int r = 0;

	if (!digest || !piece)
		return -ENOMEM;
	if (fstat(from, &status) < 0 || ftruncate(to, status.st_size) < 0)
		return -errno;
	while (r == 0 && at < status.st_size) {
		off_t data = lseek(from, at, SEEK_DATA), end;

		if (data < 0 && errno != ENXIO)
			return -errno;
		if (data < 0 || data > status.st_size)
			data = status.st_size;
		r = hole_add(digest, data - at, piece);
		end = data < status.st_size ? lseek(from, data, SEEK_HOLE) : data;
		if (end < 0)
			return -errno;
		if (end > status.st_size)
			end = status.st_size;
		if (r == 0)
			r = run_copy(from, to, data, end, digest, piece);
		at = end;
	}
	if (r == 0)
		r = digest_finish(digest, hash);
	if (r == 0)
		digest_text(hash, sizeof(hash), ret_sha256);
	return r;
}

int quarantine_folder_open(const char *path, const char **ret_name)
{
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				      .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	size_t length;
	long fd;

	if (path[0] != '/' || !slash[1] || strlen(path) >= sizeof(folder))
		return -ENOENT;
	length = slash == path ? 1 : (size_t)(slash - path);
	memcpy(folder, path, length);
	folder[length] = '\0';
	fd = syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof(how));
	if (fd < 0)
		return -errno;
	*ret_name = slash + 1;
	return (int)fd;
}

bool quarantine_entry_is(int folder, const char *name, uint64_t device, uint64_t inode)
{
	struct stat status;

	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       status.st_dev == device && status.st_ino == inode;
}

int quarantine_entry_put(int folder, const char *name, int to, const char *target)
{
	if (renameat2(folder, name, to, target, RENAME_NOREPLACE) == 0)
		return 0;
	/* A file system that has no such rename: a second name, then not the first any more. */
	if (errno != EINVAL)
		return -errno;
	if (linkat(folder, name, to, target, 0) < 0)
		return -errno;
	return unlinkat(folder, name, 0) < 0 ? -errno : 0;
}
