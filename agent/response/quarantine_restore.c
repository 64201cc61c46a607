/* SPDX-License-Identifier: Apache-2.0
 *
 * The way back out of the quarantine: what the record says of the file is put on it while nobody
 * comes to it yet, then it gets its name, in one step, and only where there is no other file. Asked
 * for by root, over the command line; the folder that it goes to may be anybody's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "response/quarantine_private.h"

CLEANUP_DEFINE(struct quarantine_record *, quarantine_record_free)

/* Until the rename it is in our folder, so that nobody can have it with its rights too early. */
static int restore_rename(int folder, int data, const struct quarantine_record *record, int target,
			  const char *name)
{
	char from[QUARANTINE_NAME_SIZE];
	int r;

	quarantine_name(record->item.id, "data", from);
	r = quarantine_file_dress(data, record);
	if (r == 0 && fsync(data) < 0)
		r = -errno;
	if (r == 0)
		r = quarantine_entry_put(folder, from, target, name);
	if (r < 0)
		(void)fchmod(data, 0);
	return r;
}

static int copy_fill(int data, int copy, const struct quarantine_record *record)
{
	char sha256[SHA256_TEXT_SIZE];
	int r = quarantine_file_copy(data, copy, sha256);

	if (r == 0 && record->item.sha256[0] && strcmp(record->item.sha256, sha256) != 0)
		r = -EBADMSG;
	if (r == 0)
		r = quarantine_file_dress(copy, record);
	return r == 0 && fsync(copy) < 0 ? -errno : r;
}

static int restore_copy(int folder, int data, const struct quarantine_record *record, int target,
			const char *name)
{
	CLEANUP(close_cleanup) int copy = -1;
	char aside[QUARANTINE_NAME_SIZE], from[QUARANTINE_NAME_SIZE];
	int r;

	quarantine_aside_name(record->item.id, aside);
	copy = openat(target, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (copy < 0)
		return -errno;
	r = copy_fill(data, copy, record);
	if (r == 0)
		r = quarantine_entry_put(target, aside, target, name);
	if (r < 0) {
		(void)unlinkat(target, aside, 0);
		return r;
	}
	(void)fsync(target);
	quarantine_name(record->item.id, "data", from);
	return unlinkat(folder, from, 0) < 0 ? -errno : 0;
}

static int data_open(int folder, const char *id)
{
	char name[QUARANTINE_NAME_SIZE];
	int fd;

	quarantine_name(id, "data", name);
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int hash_read(int folder, int data, struct quarantine_record *record)
{
	CLEANUP(close_cleanup) int nowhere = -1;

	if (record->item.sha256[0])
		return 0;
	nowhere = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (nowhere < 0)
		return -errno;
	return quarantine_file_copy(data, nowhere, record->item.sha256);
}

/* Before it is back, or the daemon would take it again at once. */
static int hash_allow(int folder, int data, struct quarantine_record *record)
{
	CLEANUP(close_cleanup) int fd = -1;
	char name[SHA256_TEXT_SIZE + 16];
	int r = hash_read(folder, data, record);

	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "%s.allowed", record->item.sha256);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : 0;
}

static int item_restore(int folder, struct quarantine_record *record, const char *path, bool allow)
{
	CLEANUP(close_cleanup) int target = -1;
	CLEANUP(close_cleanup) int data = -1;
	const char *name;
	int r;

	target = quarantine_folder_open(path, &name);
	if (target < 0)
		return target;
	if (faccessat(target, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	data = data_open(folder, record->item.id);
	r = data < 0 ? data : allow ? hash_allow(folder, data, record) : 0;
	if (r < 0)
		return r;
	record->state = QUARANTINE_RESTORING;
	free(record->target);
	record->target = strdup(path);
	r = record->target ? quarantine_record_write(folder, record) : -ENOMEM;
	if (r == 0)
		r = restore_rename(folder, data, record, target, name);
	if (r == -EXDEV)
		r = restore_copy(folder, data, record, target, name);
	if (r < 0) {
		record->state = QUARANTINE_HELD;
		(void)quarantine_record_write(folder, record);
		return r;
	}
	(void)fsync(target);
	quarantine_record_unlink(folder, record->item.id);
	return 0;
}

int quarantine_restore(struct quarantine *quarantine, const char *id, const char *path, bool allow)
{
	CLEANUP(quarantine_record_free_cleanup) struct quarantine_record *record = NULL;
	CLEANUP(quarantine_unlock) struct quarantine *locked = NULL;
	int r = quarantine_lock(quarantine, &locked);

	if (r == 0)
		r = quarantine_record_read(quarantine->folder, id, &record);
	if (r == 0 && record->state != QUARANTINE_HELD)
		r = -EBUSY;
	return r < 0 ? r
		     : item_restore(quarantine->folder, record, path ? path : record->item.path,
				    allow);
}
