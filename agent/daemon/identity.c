/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the note in the state folder that says whose state it is (see identity.h). The tag is the
 * hypervisor's; the note, and what else is in the folder, root's.
 */
#include "daemon/identity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

#define NOTE	"instance"
#define ASIDE	"other-"
/* "i-" and 17 digits, and room for what is no id. */
#define ID_SIZE 32

static bool id_is_valid(const char *id)
{
	size_t digits;

	if (strncmp(id, "i-", 2) != 0)
		return false;
	digits = strspn(id + 2, "0123456789abcdef");
	return (digits == 8 || digits == 17) && id[2 + digits] == '\0';
}

/* Reads the id that a file holds alone in its line. -ENOENT: there is no such file; -EBADMSG: what
 * is there is no id. */
static int id_read(const char *path, char ret[static ID_SIZE])
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[ID_SIZE] = "";
	ssize_t size;

	if (fd < 0)
		return -errno;
	size = read(fd, text, sizeof(text) - 1);
	if (size < 0)
		return -errno;
	text[strcspn(text, "\n")] = '\0';
	if (!id_is_valid(text))
		return -EBADMSG;
	memcpy(ret, text, sizeof(text));
	return 0;
}

static int note_write(const char *path, const char *id)
{
	char line[ID_SIZE + 1];
	int length = snprintf(line, sizeof(line), "%s\n", id);

	return fd_write_file(path, 0640, line, (size_t)length);
}

/* What says nothing of a host: an image may bring it along. */
static bool entry_stays(const char *name)
{
	static const char *const kept[] = { "intel.", "feeds", ASIDE, "lost+found" };

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, NOTE) == 0)
		return true;
	for (size_t i = 0; i < ELEMENTS(kept); i++)
		if (strncmp(name, kept[i], strlen(kept[i])) == 0)
			return true;
	return false;
}

/* The note stays until all is moved: a crash in between is begun again, into another folder. */
static int entries_move(const char *state_dir, const char *aside)
{
	CLEANUP(closedir_cleanup) DIR *folder = opendir(state_dir);
	CLEANUP(close_cleanup) int target = open(aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	if (!folder || target < 0)
		return -errno;
	while ((errno = 0, entry = readdir(folder))) {
		if (entry_stays(entry->d_name))
			continue;
		if (renameat(dirfd(folder), entry->d_name, target, entry->d_name) < 0)
			return -errno;
	}
	if (errno)
		return -errno;
	return fsync(target) < 0 || fsync(dirfd(folder)) < 0 ? -errno : 0;
}

static int state_set_aside(const char *state_dir, const char *before, const char *id)
{
	char aside[PATH_MAX];
	int r;

	if ((size_t)snprintf(aside, sizeof(aside), "%s/" ASIDE "%s.XXXXXX", state_dir, before) >=
	    sizeof(aside))
		return -ENAMETOOLONG;
	if (!mkdtemp(aside))
		return -errno;
	r = entries_move(state_dir, aside);
	if (r >= 0)
		log_warning(
			"the state in %s is that of %s, and this is %s: it was moved to %s, and "
			"nothing of it counts here",
			state_dir, before, id, aside);
	return r;
}

int identity_check(const char *tag_path, const char *state_dir)
{
	char path[PATH_MAX], id[ID_SIZE], before[ID_SIZE];
	int moved = 0, r;

	if (id_read(tag_path, id) < 0)
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "%s/" NOTE, state_dir) >= sizeof(path))
		return log_errno(LOG_ERR, -ENAMETOOLONG, "state_dir");
	r = id_read(path, before);
	if (r >= 0 && strcmp(before, id) == 0)
		return 0;
	if (r == -EBADMSG)
		(void)snprintf(before, sizeof(before), "unknown");
	if (r >= 0 || r == -EBADMSG) {
		r = state_set_aside(state_dir, before, id);
		moved = 1;
	} else if (r == -ENOENT) {
		r = fd_make_folders(state_dir, 0750);
	}
	if (r >= 0)
		r = note_write(path, id);
	if (r < 0)
		return log_errno(LOG_ERR, r, "cannot tell whose state is in %s", state_dir);
	return moved;
}
