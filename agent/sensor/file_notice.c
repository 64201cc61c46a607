/* SPDX-License-Identifier: Apache-2.0
 *
 * What the groups of fanotify tell, read and made a notice of. The records are the kernel's, and
 * checked all the same; names in them were chosen by anybody.
 *
 * A name comes with a handle of its folder. The folder is opened by it in our own mount namespace,
 * so that no mount namespace that somebody made can make a path look like another.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sensor/file_watch_private.h"
#include "sensor/tmpfile.h"

#ifndef FAN_EVENT_INFO_TYPE_DFID_NAME
#define FAN_EVENT_INFO_TYPE_DFID_NAME 2
#endif

/* Read at once. Names: some hundred events. Open files: each event is a descriptor of ours until we
 * have closed it. */
#define NAMES_ROOM 16384
/* The kernel makes the length of each a multiple of 4: what follows one need not be aligned as the
 * type is. */
typedef struct fanotify_event_metadata raw_notice __attribute__((aligned(4)));

#define FILES_ROOM (64 * sizeof(struct fanotify_event_metadata))
/* Reads in one turn of the loop, so that others get theirs. */
#define READS_MAX  8

/* Entries of folders that are read in one batch of names, for files that had none: some
 * milliseconds. Beyond, a walk has to find them. */
#define ENTRIES_MAX 16384

/* Of one batch of names: many in a row are in the same folder. */
struct folder_memory {
	char handle[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	size_t size; /* 0: nothing is remembered */
	char path[PATH_MAX];
	/* The file system that was asked last. */
	fsid_t fsid;
	int mount; /* -1: none */
	const struct watched_mount *watched;
	unsigned entries_left;
};

static bool listed(const char *path, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (path_below(path, list[i]))
			return true;
	return false;
}

/* Whether the listener is to hear of it; else it is counted why not. place: it has to be in one. */
static bool path_wanted(struct file_watch *watch, const char *path, bool place)
{
	const struct file_watch_options *options = &watch->options;

	if (listed(path, options->exclude, options->exclude_count)) {
		watch->statistics.excluded++;
		return false;
	}
	if (place && !listed(path, options->paths, options->paths_count)) {
		watch->statistics.outside++;
		return false;
	}
	return true;
}

static void notice_tell(struct file_watch *watch, const struct file_notice *notice)
{
	watch->statistics.told++;
	watch->options.notice(notice, watch->options.userdata);
}

/* The file system with that id, opened for handles of it. */
static bool mount_find(struct file_watch *watch, const fsid_t *fsid, struct folder_memory *memory)
{
	if (memory->mount >= 0 && memcmp(&memory->fsid, fsid, sizeof(*fsid)) == 0)
		return true;
	close_cleanup(&memory->mount);
	memory->mount = -1;
	for (size_t i = 0; i < watch->mounts_count; i++) {
		struct statfs status;
		int fd = open(watch->mounts[i].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (fstatfs(fd, &status) == 0 && memcmp(&status.f_fsid, fsid, sizeof(*fsid)) == 0) {
			memory->mount = fd;
			memory->fsid = *fsid;
			memory->watched = &watch->mounts[i];
			return true;
		}
		(void)close(fd);
	}
	return false;
}

static int path_of(int fd, char out[static PATH_MAX])
{
	char link[32];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, out, PATH_MAX - 1);
	if (length < 0)
		return -errno;
	out[length] = '\0';
	return out[0] == '/' ? 0 : -ENOENT;
}

/* The folder's path into memory->path. */
static bool folder_find(struct file_watch *watch, const fsid_t *fsid, struct file_handle *handle,
			struct folder_memory *memory)
{
	size_t size = sizeof(*handle) + handle->handle_bytes;
	CLEANUP(close_cleanup) int fd = -1;

	if (memory->size == size && memory->mount >= 0 &&
	    memcmp(&memory->fsid, fsid, sizeof(*fsid)) == 0 &&
	    memcmp(memory->handle, handle, size) == 0)
		return true;
	memory->size = 0;
	if (!mount_find(watch, fsid, memory))
		return false;
	fd = open_by_handle_at(memory->mount, handle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || path_of(fd, memory->path) < 0)
		return false;
	memcpy(memory->handle, handle, size);
	memory->size = size;
	return true;
}

static void name_tell(struct file_watch *watch, const raw_notice *event,
		      const struct folder_memory *memory, const char *name)
{
	char path[PATH_MAX];
	struct file_notice notice = {
		.trigger = event->mask & FAN_CLOSE_WRITE ? FILE_WRITTEN : FILE_MOVED,
		.pid = event->pid,
		.fd = -1,
		.path = path,
		.folder = event->mask & FAN_ONDIR,
	};
	int length = snprintf(path, sizeof(path), "%s/%s",
			      strcmp(memory->path, "/") == 0 ? "" : memory->path, name);

	if (length >= (int)sizeof(path)) {
		watch->statistics.failed++;
		return;
	}
	if (path_wanted(watch, path, !memory->watched->whole))
		notice_tell(watch, &notice);
}

static bool name_there(const struct folder_memory *memory, const char *name)
{
	char path[PATH_MAX];
	struct stat status;
	int length = snprintf(path, sizeof(path), "%s/%s", memory->path, name);

	return length < (int)sizeof(path) && lstat(path, &status) == 0;
}

/* A file that had no name when it was opened, or has one that looks so: whoever chose it may have
 * seen to it that both are there. */
static void unnamed_tell(struct file_watch *watch, const raw_notice *event,
			 struct folder_memory *memory, const char *name)
{
	bool there = name_there(memory, name);
	char linked[NAME_MAX + 1];
	int r = tmpfile_name(memory->path, tmpfile_number(name), &memory->entries_left, linked);

	if (there)
		name_tell(watch, event, memory, name);
	if (r == 0) {
		watch->statistics.seen += there;
		name_tell(watch, event, memory, linked);
	}
	watch->statistics.other += !there && r != 0;
	if (r == -ENOBUFS)
		watch->options.overflow(watch->options.userdata);
}

/* The information record of an event that names folder and name; NULL: it has none. */
static const struct fanotify_event_info_fid *name_info(const raw_notice *event)
{
	const char *at = (const char *)event + event->metadata_len;
	const char *end = (const char *)event + event->event_len;

	while (at + sizeof(struct fanotify_event_info_header) <= end) {
		const struct fanotify_event_info_header *header = (const void *)at;

		if (header->len < sizeof(*header) || at + header->len > end)
			return NULL;
		if (header->info_type == FAN_EVENT_INFO_TYPE_DFID_NAME)
			return (const void *)at;
		at += header->len;
	}
	return NULL;
}

static void name_take(struct file_watch *watch, const raw_notice *event,
		      struct folder_memory *memory)
{
	const struct fanotify_event_info_fid *info = name_info(event);
	struct file_handle *handle = info ? (void *)(uintptr_t)info->handle : NULL;
	size_t head = sizeof(*info) + sizeof(*handle), room;
	const char *name;
	fsid_t fsid;

	if (event->pid == getpid()) {
		watch->statistics.own++;
		return;
	}
	if (!info || info->hdr.len <= head || handle->handle_bytes > MAX_HANDLE_SZ ||
	    info->hdr.len <= head + handle->handle_bytes) {
		watch->statistics.other++;
		return;
	}
	name = (const char *)handle->f_handle + handle->handle_bytes;
	room = info->hdr.len - head - handle->handle_bytes;
	if (strnlen(name, room) == room || strcmp(name, ".") == 0) {
		watch->statistics.other++;
		return;
	}
	memcpy(&fsid, &info->fsid, sizeof(fsid));
	if (!folder_find(watch, &fsid, handle, memory))
		watch->statistics.failed++;
	else if (tmpfile_number(name) != 0)
		unnamed_tell(watch, event, memory, name);
	else
		name_tell(watch, event, memory, name);
}

static const struct watched_mount *mount_of(const struct file_watch *watch, dev_t device)
{
	for (size_t i = 0; i < watch->mounts_count; i++)
		if (watch->mounts[i].device == device)
			return &watch->mounts[i];
	return NULL;
}

static bool path_leads_to(const char *path, const struct stat *file)
{
	struct stat status;

	return lstat(path, &status) == 0 && status.st_dev == file->st_dev &&
	       status.st_ino == file->st_ino;
}

/* A file that was opened in a container has the path that it has there: what we see of it is below
 * the mount. */
static void path_find(int fd, const struct stat *file, const struct watched_mount *mount,
		      char out[static PATH_MAX])
{
	char path[PATH_MAX];

	if (path_of(fd, out) < 0 || !mount || path_leads_to(out, file) ||
	    strlen(mount->path) + strlen(out) >= PATH_MAX)
		return;
	(void)strcpy(path, mount->path);
	(void)strcat(path, out);
	if (path_leads_to(path, file))
		(void)strcpy(out, path);
}

/* Takes fd. */
static void file_take(struct file_watch *watch, const raw_notice *event, int fd)
{
	struct file_notice notice = {
		.trigger = event->mask & FAN_OPEN_EXEC ? FILE_EXECUTED : FILE_WRITTEN,
		.pid = event->pid,
		.fd = fd,
	};
	const struct watched_mount *mount;
	struct stat status;
	char path[PATH_MAX] = "";
	bool place;

	if (event->pid == getpid()) {
		watch->statistics.own++;
	} else if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		watch->statistics.other++;
	} else {
		mount = mount_of(watch, status.st_dev);
		place = notice.trigger == FILE_WRITTEN && !(mount && mount->whole);
		path_find(fd, &status, mount, path);
		notice.path = path[0] ? path : NULL;
		if (!notice.path || path_wanted(watch, path, place)) {
			notice_tell(watch, &notice);
			return;
		}
	}
	(void)close(fd);
}

/* Whether it is an event like others; the queue's running over comes as one, too. */
static bool event_sound(struct file_watch *watch, const raw_notice *event)
{
	if (event->mask & FAN_Q_OVERFLOW) {
		watch->statistics.overflows++;
		watch->options.overflow(watch->options.userdata);
		return false;
	}
	watch->statistics.seen++;
	return true;
}

bool file_watch_names_read(struct file_watch *watch)
{
	struct folder_memory memory = { .mount = -1, .entries_left = ENTRIES_MAX };
	_Alignas(struct fanotify_event_metadata) char bytes[NAMES_ROOM];
	bool any = false;

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t size = read(watch->names, bytes, sizeof(bytes));
		const raw_notice *event = (const void *)bytes;

		if (size <= 0)
			break;
		any = true;
		/* A folder may be renamed between two reads. */
		memory.size = 0;
		for (; FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size))
			if (event_sound(watch, event))
				name_take(watch, event, &memory);
	}
	close_cleanup(&memory.mount);
	return any;
}

bool file_watch_files_read(struct file_watch *watch)
{
	_Alignas(struct fanotify_event_metadata) char bytes[FILES_ROOM];
	bool any = false;

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t size = read(watch->files, bytes, sizeof(bytes));
		const raw_notice *event = (const void *)bytes;

		/* An event whose file cannot be opened for us is lost alone. */
		if (size < 0 && errno != EAGAIN) {
			watch->statistics.seen++;
			watch->statistics.failed++;
			continue;
		}
		if (size <= 0)
			break;
		any = true;
		for (; FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size)) {
			if (!event_sound(watch, event))
				continue;
			if (event->fd >= 0)
				file_take(watch, event, event->fd);
			else
				watch->statistics.failed++;
		}
	}
	return any;
}
