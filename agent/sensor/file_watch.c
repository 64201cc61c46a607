/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the groups of fanotify and their marks; file_notice.c reads what they tell. Gets it from the
 * kernel, gives it to the daemon's file guard. File names in it are anybody's.
 */
#include "sensor/file_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sensor/file_watch_private.h"

CLEANUP_DEFINE(struct file_watch *, file_watch_close)

/* linux/fanotify.h of 5.9 and 5.19. */
#ifndef FAN_REPORT_DFID_NAME
#define FAN_REPORT_DFID_NAME 0x00000c00
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif

/* Mounts come in swarms when a container starts: they are looked at together, so long after. */
#define MOUNTS_PAUSE 50000 /* microseconds */

/* After something was told, nobody waits for the next for so long. Whoever writes many files then
 * does not pay for waking us at each, which costs him as much as all the rest of being watched. */
#define REST 3000 /* microseconds */

/* Not FAN_CREATE: it would tell of hard links, but whoever makes a file would pay for a second
 * event, as much as for this one. */
#define NAMES_MASK (FAN_CLOSE_WRITE | FAN_MOVED_TO | FAN_ONDIR)

const char *file_trigger_name(enum file_trigger trigger)
{
	static const char *const names[FILE_TRIGGERS] = {
		[FILE_WRITTEN] = "written", [FILE_MOVED] = "moved",   [FILE_EXECUTED] = "executed",
		[FILE_HELD] = "held",	    [FILE_MEMORY] = "memory", [FILE_LISTED] = "listed",
		[FILE_SUSPECT] = "suspect",
	};

	return names[trigger];
}

/* Whether what a handle names can be opened again: overlays give out handles that they do not take
 * back, and some file systems have none. */
static bool handles_open(const char *path)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} bytes;
	CLEANUP(close_cleanup) int mount = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_cleanup) int fd = -1;
	int id;

	bytes.handle.handle_bytes = MAX_HANDLE_SZ;
	if (mount < 0 || name_to_handle_at(mount, "", &bytes.handle, &id, AT_EMPTY_PATH) < 0)
		return false;
	fd = open_by_handle_at(mount, &bytes.handle, O_PATH | O_CLOEXEC);
	return fd >= 0;
}

static bool mark_add(int group, uint64_t mask, const char *path)
{
	return group >= 0 && mask != 0 &&
	       fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, AT_FDCWD, path) == 0;
}

/* The mounts as they are looked at once. */
struct survey {
	struct file_watch *watch;
	struct watched_mount *mounts;
	size_t count, room;
	uint64_t named, unnamed, unmarked;
};

static bool mount_known(const struct survey *survey, dev_t device)
{
	for (size_t i = 0; i < survey->count; i++)
		if (survey->mounts[i].device == device)
			return true;
	return false;
}

static void mount_add(struct survey *survey, const struct mount *mount, bool whole)
{
	struct watched_mount *larger;
	char *path;

	if (survey->count == survey->room) {
		size_t room = survey->room ? survey->room * 2 : 16;

		larger = reallocarray(survey->mounts, room, sizeof(*larger));
		if (!larger)
			return;
		survey->mounts = larger;
		survey->room = room;
	}
	path = strdup(mount->path);
	if (path)
		survey->mounts[survey->count++] = (struct watched_mount){ .device = mount->device,
									  .path = path,
									  .whole = whole };
}

static void mount_mark(struct survey *survey, const char *path)
{
	struct file_watch *watch = survey->watch;
	bool named = handles_open(path) && mark_add(watch->names, NAMES_MASK, path);
	uint64_t mask = (named ? 0 : FAN_CLOSE_WRITE) | (watch->executions ? FAN_OPEN_EXEC : 0);
	bool opened = mark_add(watch->files, mask, path);
	CLEANUP(close_cleanup) int mount = -1;

	survey->named += named;
	survey->unnamed += !named && opened;
	survey->unmarked += !named && !opened;
	if (!watch->options.marked)
		return;
	mount = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mount >= 0)
		watch->options.marked(mount, watch->options.userdata);
}

/* Whether a watched place is on the mount, or the mount is below one. */
static bool mount_wanted(const struct file_watch *watch, const struct mount *mount)
{
	for (size_t i = 0; i < watch->options.paths_count; i++) {
		const char *place = watch->options.paths[i];

		if (path_below(mount->path, place) ||
		    (watch->bases[i] && strcmp(watch->bases[i], mount->path) == 0))
			return true;
	}
	return false;
}

static void mount_visit(const struct mount *mount, void *userdata)
{
	struct survey *survey = userdata;
	struct file_watch *watch = survey->watch;
	enum mount_kind kind = mount_kind(mount->type);
	bool wanted = mount_wanted(watch, mount);
	bool container = kind == MOUNT_LAYERED && watch->options.containers;

	if (kind == MOUNT_PSEUDO || kind == MOUNT_REMOTE || mount_known(survey, mount->device) ||
	    !(wanted || container))
		return;
	/* A mark that is there already is set once more: the device number may have been another
	 * file system's when it was last looked at. */
	mount_mark(survey, mount->path);
	mount_add(survey, mount, kind == MOUNT_LAYERED);
}

/* The mount that a watched place lies on: the last of the longest path above it. */
static void base_visit(const struct mount *mount, void *userdata)
{
	struct file_watch *watch = userdata;

	for (size_t i = 0; i < watch->options.paths_count; i++) {
		char **base = &watch->bases[i];

		if (!path_below(watch->options.paths[i], mount->path) ||
		    (*base && strlen(*base) > strlen(mount->path)))
			continue;
		free(*base);
		*base = strdup(mount->path);
	}
}

static void mounts_free(struct watched_mount *mounts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(mounts[i].path);
	free(mounts);
}

static int mounts_survey(struct file_watch *watch)
{
	struct survey survey = { .watch = watch };
	int r;

	for (size_t i = 0; i < watch->options.paths_count; i++)
		free(take_ptr(watch->bases[i]));
	r = mounts_each(base_visit, watch);
	if (r >= 0)
		r = mounts_each(mount_visit, &survey);
	mounts_free(watch->mounts, watch->mounts_count);
	watch->mounts = survey.mounts;
	watch->mounts_count = survey.count;
	watch->statistics.named = survey.named;
	watch->statistics.unnamed = survey.unnamed;
	watch->statistics.unmarked = survey.unmarked;
	return r;
}

void file_watch_mark(struct file_watch *watch)
{
	(void)mounts_survey(watch);
}

static int mounts_changed(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct file_watch *watch = userdata;

	(void)source;
	(void)events;
	mounts_seen(fd);
	(void)sd_event_source_set_time_relative(watch->pause, MOUNTS_PAUSE);
	return sd_event_source_set_enabled(watch->pause, SD_EVENT_ONESHOT);
}

static int mounts_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	(void)mounts_survey(userdata);
	return 0;
}

int file_watch_keep(struct file_watch *watch, int fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (watch->files < 0 ||
	    fanotify_mark(watch->files, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_EVICTABLE,
			  FAN_OPEN_EXEC, AT_FDCWD, path) < 0)
		return -EOPNOTSUPP;
	return 0;
}

void file_watch_keep_none(struct file_watch *watch)
{
	if (watch->files >= 0)
		(void)fanotify_mark(watch->files, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
}

static int groups_open(struct file_watch *watch)
{
	const unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK;

	watch->names = fanotify_init(flags | FAN_REPORT_DFID_NAME, O_RDONLY | O_CLOEXEC);
	watch->statistics.names = watch->names >= 0;
	watch->files = fanotify_init(flags | FAN_UNLIMITED_MARKS,
				     O_RDONLY | O_CLOEXEC | O_LARGEFILE | O_NOATIME | O_NONBLOCK);
	return watch->files < 0 ? -errno : 0;
}

static int list_copy(const char *const *list, size_t count, const char *const **ret)
{
	char **copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*ret = (const char *const *)copy;
	for (size_t i = 0; i < count; i++) {
		copy[i] = strdup(list[i]);
		if (!copy[i])
			return -ENOMEM;
	}
	return 0;
}

static void list_free(const char *const *list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free((char *)(uintptr_t)list[i]);
	free((void *)(uintptr_t)list);
}

static int options_copy(struct file_watch *watch, const struct file_watch_options *options)
{
	int r;

	watch->options = *options;
	watch->options.paths = watch->options.exclude = NULL;
	watch->bases = calloc(options->paths_count + 1, sizeof(*watch->bases));
	if (!watch->bases)
		return -ENOMEM;
	r = list_copy(options->paths, options->paths_count, &watch->options.paths);
	return r < 0 ? r
		     : list_copy(options->exclude, options->exclude_count, &watch->options.exclude);
}

static void sources_enable(struct file_watch *watch, int enabled)
{
	if (watch->names_source)
		(void)sd_event_source_set_enabled(watch->names_source, enabled);
	(void)sd_event_source_set_enabled(watch->files_source, enabled);
}

static void watch_rest(struct file_watch *watch)
{
	sources_enable(watch, SD_EVENT_OFF);
	(void)sd_event_source_set_time_relative(watch->rest, REST);
	(void)sd_event_source_set_enabled(watch->rest, SD_EVENT_ONESHOT);
}

static int names_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	(void)file_watch_names_read(userdata);
	watch_rest(userdata);
	return 0;
}

static int files_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	(void)file_watch_files_read(userdata);
	watch_rest(userdata);
	return 0;
}

static int rest_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct file_watch *watch = userdata;
	bool names = watch->names >= 0 && file_watch_names_read(watch);
	bool files = file_watch_files_read(watch);

	(void)source;
	(void)usec;
	if (files || names)
		watch_rest(watch);
	else
		sources_enable(watch, SD_EVENT_ON);
	return 0;
}

static int sources_add(struct file_watch *watch, sd_event *loop)
{
	int r = 0;

	if (watch->names >= 0)
		r = sd_event_add_io(loop, &watch->names_source, watch->names, EPOLLIN, names_ready,
				    watch);
	if (r >= 0)
		r = sd_event_add_io(loop, &watch->files_source, watch->files, EPOLLIN, files_ready,
				    watch);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(loop, &watch->rest, CLOCK_MONOTONIC, 0, 1, rest_over, watch);
	if (r >= 0)
		r = sd_event_source_set_enabled(watch->rest, SD_EVENT_OFF);
	if (r < 0)
		return r;
	r = watch->mountinfo = mounts_watch();
	if (r >= 0)
		r = sd_event_add_io(loop, &watch->mounts_source, watch->mountinfo,
				    EPOLLPRI | EPOLLERR | EPOLLET, mounts_changed, watch);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &watch->pause, CLOCK_MONOTONIC, 0, 0,
					       mounts_due, watch);
	return r >= 0 ? sd_event_source_set_enabled(watch->pause, SD_EVENT_OFF) : r;
}

int file_watch_open(sd_event *loop, const struct file_watch_options *options,
		    struct file_watch **ret)
{
	CLEANUP(file_watch_close_cleanup) struct file_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->names = watch->files = watch->mountinfo = -1;
	watch->executions = options->executions;
	r = options_copy(watch, options);
	if (r >= 0)
		r = groups_open(watch);
	if (r >= 0)
		r = sources_add(watch, loop);
	if (r >= 0)
		r = mounts_survey(watch);
	if (r < 0)
		return r;
	*ret = take_ptr(watch);
	return 0;
}

void file_watch_close(struct file_watch *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->names_source);
	sd_event_source_disable_unref(watch->files_source);
	sd_event_source_disable_unref(watch->mounts_source);
	sd_event_source_disable_unref(watch->pause);
	sd_event_source_disable_unref(watch->rest);
	close_cleanup(&watch->names);
	close_cleanup(&watch->files);
	close_cleanup(&watch->mountinfo);
	mounts_free(watch->mounts, watch->mounts_count);
	list_free((const char *const *)watch->bases, watch->options.paths_count);
	list_free(watch->options.paths, watch->options.paths_count);
	list_free(watch->options.exclude, watch->options.exclude_count);
	free(watch);
}

void file_watch_statistics(const struct file_watch *watch, struct file_watch_statistics *ret)
{
	*ret = watch->statistics;
}
