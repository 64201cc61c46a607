/* SPDX-License-Identifier: Apache-2.0
 *
 * A file's way into the quarantine. Its folder belongs to whoever may have put it there, who may
 * rename, replace and link things while we are at it. So the file is known by its descriptor; there
 * is no call that renames "this inode, at this name, or nothing", so what a rename brought is
 * looked at afterwards, and put back when it is something else.
 *
 * By rename:  record (taking), rename, record (held).
 * By copy:    record (taking), copy, record (copied), original renamed aside in its own folder and
 *             removed when it is the file, record (held).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "response/quarantine_private.h"

CLEANUP_DEFINE(struct quarantine_record *, quarantine_record_free)

void quarantine_aside_name(const char *id, char out[static QUARANTINE_NAME_SIZE])
{
	(void)snprintf(out, QUARANTINE_NAME_SIZE, ".cordon-%.32s", id);
}

void quarantine_aside_remove(const struct quarantine_record *record)
{
	CLEANUP(close_cleanup) int folder = -1;
	char aside[QUARANTINE_NAME_SIZE];
	const char *name;

	folder = record->target ? quarantine_folder_open(record->target, &name) : -1;
	quarantine_aside_name(record->item.id, aside);
	if (folder >= 0)
		(void)unlinkat(folder, aside, 0);
}

static int id_make(char out[static QUARANTINE_ID_SIZE])
{
	uint8_t bits[(QUARANTINE_ID_SIZE - 1) / 2];

	if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
		return -EIO;
	digest_text(bits, sizeof(bits), out);
	return 0;
}

/* The path that the descriptor was opened by, as it is called now. */
static char *path_read(int fd)
{
	char link[32], path[PATH_MAX];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length <= 0 || path[0] != '/')
		return NULL;
	path[length] = '\0';
	return strdup(path);
}

static uint64_t ns_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_nsec;
}

static int record_make(int fd, const struct file_identity *scanned,
		       const struct quarantine_reason *reason, struct quarantine_record **ret)
{
	CLEANUP(quarantine_record_free_cleanup)
	struct quarantine_record *record = calloc(1, sizeof(*record));
	struct quarantine_item *item = record ? &record->item : NULL;
	struct file_identity now;
	struct stat status;
	int r;

	if (!record)
		return -ENOMEM;
	r = file_identity_read(fd, &now, &status);
	if (r < 0)
		return r;
	if (!file_identity_equal(&now, scanned) || !S_ISREG(status.st_mode))
		return -ESTALE;
	item->path = status.st_nlink > 0 ? path_read(fd) : NULL;
	if (!item->path)
		return -ENOENT;
	item->time = clock_realtime();
	item->size = now.size;
	item->mode = status.st_mode & 07777;
	item->uid = status.st_uid;
	item->gid = status.st_gid;
	item->links = status.st_nlink;
	item->accessed = ns_of(&status.st_atim);
	item->modified = ns_of(&status.st_mtim);
	item->finding = reason->finding ? strdup(reason->finding) : NULL;
	item->rule = reason->rule ? strdup(reason->rule) : NULL;
	(void)snprintf(item->sha256, sizeof(item->sha256), "%s",
		       reason->sha256 ? reason->sha256 : "");
	record->device = now.device;
	record->inode = now.inode;
	r = quarantine_attributes_read(fd, &record->attributes);
	if (r == 0)
		r = id_make(item->id);
	if (r < 0)
		return r;
	*ret = take_ptr(record);
	return 0;
}

/* Its permissions are gone: whoever has another name of it cannot run it either. */
static int item_hold(int folder, int fd, struct quarantine_record *record)
{
	if (fchmod(fd, 0) < 0)
		return -errno;
	record->state = QUARANTINE_HELD;
	return quarantine_record_write(folder, record);
}

/* After a failure. A copy is removed only while the original is known to be in its place, and a
 * record only when there is no data to it: what is left is ended by the next opening. */
static void take_undo(int folder, int origin, const char *name,
		      const struct quarantine_record *record)
{
	char data[QUARANTINE_NAME_SIZE];

	quarantine_name(record->item.id, "data", data);
	if (record->item.copied && quarantine_entry_is(origin, name, record->device, record->inode))
		(void)unlinkat(folder, data, 0);
	if (faccessat(folder, data, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		quarantine_record_unlink(folder, record->item.id);
}

/* -EXDEV: it has to be copied. */
static int take_rename(int folder, int origin, const char *name, int fd,
		       struct quarantine_record *record)
{
	char data[QUARANTINE_NAME_SIZE];
	int r;

	quarantine_name(record->item.id, "data", data);
	if (renameat(origin, name, folder, data) < 0)
		return -errno;
	if (quarantine_entry_is(folder, data, record->device, record->inode)) {
		/* The folder that it is gone from: after a crash it must not be in both. */
		(void)fsync(origin);
		return item_hold(folder, fd, record);
	}
	r = quarantine_entry_put(folder, data, origin, name);
	/* Whoever swaps names may have taken the place again: what we moved goes beside it. */
	if (r == -EEXIST) {
		char aside[QUARANTINE_NAME_SIZE];

		quarantine_aside_name(record->item.id, aside);
		r = quarantine_entry_put(folder, data, origin, aside);
	}
	return r < 0 ? r : -ESTALE;
}

/* What was aside is the file, as it was when it was copied. */
static bool aside_is(int origin, const char *aside, const struct quarantine_record *record)
{
	struct stat status;

	return fstatat(origin, aside, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       status.st_dev == record->device && status.st_ino == record->inode &&
	       (uint64_t)status.st_size == record->item.size &&
	       ns_of(&status.st_mtim) == record->item.modified;
}

int quarantine_original_remove(const struct quarantine_record *record)
{
	CLEANUP(close_cleanup) int origin = -1;
	char aside[QUARANTINE_NAME_SIZE];
	const char *name;

	origin = quarantine_folder_open(record->item.path, &name);
	if (origin < 0)
		return origin == -ENOENT ? 0 : origin;
	quarantine_aside_name(record->item.id, aside);
	if (quarantine_entry_is(origin, name, record->device, record->inode) &&
	    renameat(origin, name, origin, aside) < 0)
		return -errno;
	if (aside_is(origin, aside, record)) {
		if (unlinkat(origin, aside, 0) < 0)
			return -errno;
	} else if (faccessat(origin, aside, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		(void)quarantine_entry_put(origin, aside, origin, name);
		return -ESTALE;
	}
	(void)fsync(origin);
	return 0;
}

static int copy_make(int folder, int fd, const struct file_identity *scanned,
		     struct quarantine_record *record)
{
	CLEANUP(close_cleanup) int copy = -1;
	char part[QUARANTINE_NAME_SIZE], data[QUARANTINE_NAME_SIZE], sha256[SHA256_TEXT_SIZE];
	struct file_identity now;
	int r;

	quarantine_name(record->item.id, "part", part);
	quarantine_name(record->item.id, "data", data);
	copy = openat(folder, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (copy < 0)
		return -errno;
	r = quarantine_file_copy(fd, copy, sha256);
	if (r == 0)
		r = file_identity_read(fd, &now, NULL);
	/* What was copied is what was scanned only if nobody wrote to it since. */
	if (r == 0 && (!file_identity_equal(&now, scanned) ||
		       (record->item.sha256[0] && strcmp(record->item.sha256, sha256) != 0)))
		r = -ESTALE;
	if (r == 0 &&
	    (fchmod(copy, 0) < 0 || fsync(copy) < 0 || renameat(folder, part, folder, data) < 0))
		r = -errno;
	if (r < 0) {
		(void)unlinkat(folder, part, 0);
		return r;
	}
	(void)snprintf(record->item.sha256, sizeof(record->item.sha256), "%s", sha256);
	record->state = QUARANTINE_COPIED;
	return quarantine_record_write(folder, record);
}

static int take_copy(int folder, int fd, const struct file_identity *scanned,
		     struct quarantine_record *record)
{
	int r;

	/* From here on, what lies in our folder is not the original. */
	record->item.copied = true;
	r = quarantine_record_write(folder, record);
	if (r == 0)
		r = copy_make(folder, fd, scanned, record);
	if (r == 0)
		r = quarantine_original_remove(record);
	if (r < 0)
		return r;
	record->state = QUARANTINE_HELD;
	return quarantine_record_write(folder, record);
}

static int file_take(struct quarantine *quarantine, int fd, const struct file_identity *scanned,
		     struct quarantine_record *record)
{
	CLEANUP(close_cleanup) int origin = -1;
	int folder = quarantine->folder, r;
	const char *name;

	origin = quarantine_folder_open(record->item.path, &name);
	if (origin < 0)
		return origin;
	if (!quarantine_entry_is(origin, name, record->device, record->inode))
		return -ESTALE;
	r = quarantine_record_write(folder, record);
	if (r == 0)
		r = take_rename(folder, origin, name, fd, record);
	if (r == -EXDEV)
		r = take_copy(folder, fd, scanned, record);
	if (r < 0)
		take_undo(folder, origin, name, record);
	return r;
}

int quarantine_take(struct quarantine *quarantine, int fd, const struct file_identity *scanned,
		    const struct quarantine_reason *reason, char ret_id[static QUARANTINE_ID_SIZE])
{
	CLEANUP(quarantine_record_free_cleanup) struct quarantine_record *record = NULL;
	CLEANUP(quarantine_unlock) struct quarantine *locked = NULL;
	int r = record_make(fd, scanned, reason, &record);

	if (r == 0)
		r = quarantine_lock(quarantine, &locked);
	if (r == 0)
		r = file_take(quarantine, fd, scanned, record);
	if (r < 0)
		return r;
	(void)snprintf(ret_id, QUARANTINE_ID_SIZE, "%s", record->item.id);
	return 0;
}
