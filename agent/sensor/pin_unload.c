/* SPDX-License-Identifier: Apache-2.0
 *
 * Pins looked at and removed from outside: for `cordon doctor`.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sensor/containment.h"
#include "sensor/pins_private.h"

CLEANUP_DEFINE(struct pin_state *, pin_state_unmap)

static int entry_count(const char *name, void *userdata)
{
	size_t *count = userdata;

	(void)name;
	++*count;
	return 0;
}

static bool folder_attended(const char *folder)
{
	CLEANUP(close_cleanup) int fd = -1;

	return pin_folder_lock(folder, &fd) == -EBUSY;
}

int pins_view(const char *folder, struct pins_view *ret)
{
	CLEANUP(pin_state_unmap_cleanup) struct pin_state *state = NULL;
	CLEANUP(close_cleanup) int fd = -1;
	uint64_t generation = pin_folder_current(folder);
	struct pins_view view = { 0 };
	char name[PIN_GENERATION_SIZE];
	int r;

	if (access(folder, R_OK | X_OK) < 0)
		return -errno;
	r = pin_folder_each(folder, PIN_LINKS, entry_count, &view.links);
	if (r < 0)
		return r;
	if (!generation && !view.links)
		return -ENOENT;
	pin_generation_name(generation, name);
	(void)pin_folder_each(folder, name, entry_count, &view.maps);
	view.attended = folder_attended(folder);
	fd = pin_open(folder, name, PIN_STATE);
	if (fd >= 0 && pin_state_map(fd, false, &state) == 0) {
		(void)snprintf(view.version, sizeof(view.version), "%.31s", state->version);
		view.since = state->since;
		view.pid = (pid_t)state->pid;
		view.enforce = state->enforce;
	}
	*ret = view;
	return 0;
}

struct unload {
	const char *folder;
	void (*tell)(const char *line, void *userdata);
	void *userdata;
};

__attribute__((format(printf, 2, 3))) static void told(const struct unload *unload,
						       const char *format, ...)
{
	char line[PATH_MAX + 64];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	unload->tell(line, unload->userdata);
}

static int link_unload(const char *name, void *userdata)
{
	const struct unload *unload = userdata;
	int r = pin_link_remove(unload->folder, name);

	if (r == 0)
		told(unload, "detached %s", name);
	return r;
}

static int generation_unload(const char *name, void *userdata)
{
	const struct unload *unload = userdata;
	size_t maps = 0;
	int r;

	if (!pin_generation(name))
		return 0;
	(void)pin_folder_each(unload->folder, name, entry_count, &maps);
	r = pin_folder_remove(unload->folder, name);
	if (r == 0)
		told(unload, "removed %zu maps of %s", maps, name);
	return r;
}

static int symlink_remove(const char *folder, const char *name)
{
	char path[PATH_MAX];
	int r = pin_path(path, folder, NULL, name);

	if (r < 0)
		return r;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* A file system that was mounted at the folder itself is ours alone. */
static int folder_unmount(const struct unload *unload)
{
	char above[PATH_MAX];
	struct stat folder, parent;

	(void)snprintf(above, sizeof(above), "%s", unload->folder);
	if (stat(unload->folder, &folder) < 0 || stat(dirname(above), &parent) < 0)
		return -errno;
	if (folder.st_dev == parent.st_dev)
		return 0;
	if (umount2(unload->folder, UMOUNT_NOFOLLOW) < 0)
		return -errno;
	told(unload, "unmounted %s", unload->folder);
	return 0;
}

int pins_unload(const char *folder, bool force, void (*tell)(const char *line, void *userdata),
		void *userdata)
{
	const struct unload unload = { folder, tell, userdata };
	CLEANUP(close_cleanup) int lock_fd = -1;
	int r = pin_folder_lock(folder, &lock_fd);

	if (r < 0 && !(r == -EBUSY && force))
		return r;
	r = containment_unload(folder, force, tell, userdata);
	if (r < 0)
		return r;
	r = pin_folder_each(folder, PIN_LINKS, link_unload, (void *)(uintptr_t)&unload);
	if (r == 0)
		r = pin_folder_remove(folder, PIN_LINKS);
	if (r == 0)
		r = symlink_remove(folder, PIN_CURRENT);
	if (r == 0)
		r = symlink_remove(folder, PIN_CURRENT PIN_UNFINISHED);
	if (r == 0)
		r = pin_folder_each(folder, NULL, generation_unload, (void *)(uintptr_t)&unload);
	if (lock_fd >= 0)
		(void)close(take_fd(&lock_fd));
	if (r == 0)
		r = folder_unmount(&unload);
	if (r < 0)
		return r;
	if (rmdir(folder) < 0)
		return -errno;
	told(&unload, "removed %s", folder);
	return 0;
}
