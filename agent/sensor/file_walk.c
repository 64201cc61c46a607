/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the stack of folders of a walk. Names in them are anybody's, and may change as it goes: what
 * is gone is passed over.
 */
#include "sensor/file_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/mounts.h"

CLEANUP_DEFINE(struct file_walk *, file_walk_free)

/* Below this nobody finds anything again, and descriptors run out. */
#define DEPTH_MAX      256
/* Names that are held of one folder; what is over is told as not read. */
#define SUBFOLDERS_MAX 65536

struct level {
	char *path;
	DIR *stream; /* files are read from it; NULL: they are done */
	char **folders;
	size_t count, room, next;
	bool sorted;
};

struct file_walk {
	char **roots, **exclude;
	size_t roots_count, exclude_count, next_root;
	uint64_t since;
	char *place; /* to be come to first; NULL: passed */
	struct level levels[DEPTH_MAX];
	size_t depth;
	dev_t *foreign; /* file systems that are not walked */
	size_t foreign_count;
	uint64_t unread;
	char path[PATH_MAX];
};

static void level_clear(struct level *level)
{
	for (size_t i = 0; i < level->count; i++)
		free(level->folders[i]);
	free(level->folders);
	free(level->path);
	if (level->stream)
		(void)closedir(level->stream);
	*level = (struct level){ 0 };
}

static void strings_free(char **strings, size_t count)
{
	for (size_t i = 0; strings && i < count; i++)
		free(strings[i]);
	free(strings);
}

void file_walk_free(struct file_walk *walk)
{
	if (!walk)
		return;
	while (walk->depth > 0)
		level_clear(&walk->levels[--walk->depth]);
	strings_free(walk->roots, walk->roots_count);
	strings_free(walk->exclude, walk->exclude_count);
	free(walk->place);
	free(walk->foreign);
	free(walk);
}

static int strings_copy(const char *const *strings, size_t count, char ***ret)
{
	*ret = calloc(count + 1, sizeof(**ret));
	for (size_t i = 0; *ret && i < count; i++) {
		(*ret)[i] = strdup(strings[i]);
		if (!(*ret)[i])
			return -ENOMEM;
	}
	return *ret ? 0 : -ENOMEM;
}

static void foreign_note(const struct mount *mount, void *userdata)
{
	struct file_walk *walk = userdata;
	enum mount_kind kind = mount_kind(mount->type);
	dev_t *larger;

	if (kind != MOUNT_PSEUDO && kind != MOUNT_REMOTE)
		return;
	larger = reallocarray(walk->foreign, walk->foreign_count + 1, sizeof(*larger));
	if (!larger)
		return;
	walk->foreign = larger;
	larger[walk->foreign_count++] = mount->device;
}

int file_walk_new(const struct file_walk_options *options, struct file_walk **ret)
{
	CLEANUP(file_walk_free_cleanup) struct file_walk *walk = calloc(1, sizeof(*walk));
	int r;

	if (!walk)
		return -ENOMEM;
	walk->roots_count = options->roots_count;
	walk->exclude_count = options->exclude_count;
	walk->since = options->since;
	r = strings_copy(options->roots, options->roots_count, &walk->roots);
	if (r == 0)
		r = strings_copy(options->exclude, options->exclude_count, &walk->exclude);
	if (r == 0 && options->place && options->place[0]) {
		walk->place = strdup(options->place);
		r = walk->place ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = mounts_each(foreign_note, walk);
	if (r < 0)
		return r;
	*ret = take_ptr(walk);
	return 0;
}

static bool path_excluded(const struct file_walk *walk, const char *path)
{
	for (size_t i = 0; i < walk->exclude_count; i++)
		if (path_below(path, walk->exclude[i]))
			return true;
	return false;
}

static bool device_foreign(const struct file_walk *walk, dev_t device)
{
	for (size_t i = 0; i < walk->foreign_count; i++)
		if (walk->foreign[i] == device)
			return true;
	return false;
}

/* Whether the walk that is taken up again had passed a folder, with all below it. In the order of
 * the walk: name by name. */
static int path_order(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	if (*a == *b)
		return 0;
	/* A name ends before any byte that another goes on with. */
	if (*a == '/' || *b == '/')
		return !*a || (*a == '/' && *b) ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static void folder_enter(struct file_walk *walk, const char *path)
{
	CLEANUP(close_cleanup) int fd = -1;
	struct level *level = &walk->levels[walk->depth];
	struct stat status;

	if (path_excluded(walk, path))
		return;
	/* Passed by the walk before: neither it nor what is below it holds the place. */
	if (walk->place && path_order(path, walk->place) < 0 && !path_below(walk->place, path))
		return;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) < 0 || walk->depth == DEPTH_MAX - 1) {
		walk->unread += fd >= 0 || errno != ENOENT;
		return;
	}
	if (device_foreign(walk, status.st_dev))
		return;
	level->path = strdup(path);
	level->stream = level->path ? fdopendir(fd) : NULL;
	if (!level->stream) {
		walk->unread++;
		level_clear(level);
		return;
	}
	(void)take_fd(&fd);
	walk->depth++;
	if (walk->place && path_order(path, walk->place) >= 0)
		free(take_ptr(walk->place));
}

static void subfolder_note(struct file_walk *walk, struct level *level, const char *name)
{
	char **larger;

	if (level->count == SUBFOLDERS_MAX) {
		walk->unread++;
		return;
	}
	if (level->count == level->room) {
		size_t room = level->room ? level->room * 2 : 16;

		larger = reallocarray(level->folders, room, sizeof(*larger));
		if (!larger)
			return;
		level->folders = larger;
		level->room = room;
	}
	level->folders[level->count] = strdup(name);
	if (level->folders[level->count])
		level->count++;
}

static bool file_changed(const struct file_walk *walk, const struct stat *status)
{
	uint64_t changed = (uint64_t)status->st_ctim.tv_sec * NS_PER_SECOND +
			   (uint64_t)status->st_ctim.tv_nsec;

	return walk->since == 0 || changed >= walk->since;
}

static bool path_join(struct file_walk *walk, const char *folder, const char *name)
{
	int length = snprintf(walk->path, sizeof(walk->path), "%s/%s",
			      strcmp(folder, "/") == 0 ? "" : folder, name);

	return length > 0 && (size_t)length < sizeof(walk->path);
}

/* One entry; true: it is a file that is wanted, in walk->path. */
static bool entry_look(struct file_walk *walk, struct level *level, const struct dirent *entry)
{
	struct stat status;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return false;
	if (entry->d_type != DT_REG && entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
		return false;
	if (entry->d_type == DT_DIR) {
		subfolder_note(walk, level, entry->d_name);
		return false;
	}
	if (fstatat(dirfd(level->stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISDIR(status.st_mode))
		subfolder_note(walk, level, entry->d_name);
	/* Until the place is come to, files were seen by the walk before. */
	return S_ISREG(status.st_mode) && !walk->place && file_changed(walk, &status) &&
	       path_join(walk, level->path, entry->d_name) && !path_excluded(walk, walk->path);
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Goes on to the next folder; false: there is none left. */
static bool folder_next(struct file_walk *walk)
{
	struct level *level = walk->depth ? &walk->levels[walk->depth - 1] : NULL;

	if (!level) {
		if (walk->next_root == walk->roots_count)
			return false;
		folder_enter(walk, walk->roots[walk->next_root++]);
		return true;
	}
	if (!level->sorted && level->count)
		qsort(level->folders, level->count, sizeof(*level->folders), name_order);
	level->sorted = true;
	if (level->next == level->count) {
		level_clear(level);
		walk->depth--;
	} else if (path_join(walk, level->path, level->folders[level->next++])) {
		char path[PATH_MAX];

		memcpy(path, walk->path, sizeof(path));
		folder_enter(walk, path);
	}
	return true;
}

enum file_walk_step file_walk_next(struct file_walk *walk, unsigned entries, const char **ret_path)
{
	while (entries-- > 0) {
		struct level *level = walk->depth ? &walk->levels[walk->depth - 1] : NULL;
		const struct dirent *entry;

		if (!level || !level->stream) {
			if (!folder_next(walk))
				return FILE_WALK_END;
			continue;
		}
		entry = readdir(level->stream);
		if (!entry) {
			(void)closedir(level->stream);
			level->stream = NULL;
		} else if (entry_look(walk, level, entry)) {
			*ret_path = walk->path;
			return FILE_WALK_FILE;
		}
	}
	return FILE_WALK_PAUSE;
}

const char *file_walk_place(const struct file_walk *walk)
{
	if (walk->place)
		return walk->place;
	return walk->depth ? walk->levels[walk->depth - 1].path : "";
}

uint64_t file_walk_unread(const struct file_walk *walk)
{
	return walk->unread;
}
