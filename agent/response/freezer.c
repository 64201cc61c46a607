/* SPDX-License-Identifier: Apache-2.0
 *
 * A cgroup's path is of whoever may make cgroups; that it is frozen and still the process's own is
 * looked at again afterwards.
 */
#include "response/freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "response/freezer_record.h"
#include "response/process_end.h"
#include "sensor/cgroup.h"
#include "sensor/process_proc.h"
#include "sensor/sensor.h"

#define CGROUP_FILE_MAX 16384

struct freezer {
	char *path;  /* of the record */
	char *mount; /* of cgroup v2; NULL: there is none */
	freezer_kept kept;
	void *userdata;
	struct freezer_record record;
};

CLEANUP_DEFINE(struct freezer *, freezer_free)

int freezer_new(const char *state_dir, freezer_kept kept, void *userdata, struct freezer **ret)
{
	CLEANUP(freezer_free_cleanup) struct freezer *freezer = calloc(1, sizeof(*freezer));
	int r;

	if (!freezer)
		return -ENOMEM;
	if (asprintf(&freezer->path, "%s/" FREEZER_FILE, state_dir) < 0) {
		freezer->path = NULL;
		return -ENOMEM;
	}
	freezer->kept = kept;
	freezer->userdata = userdata;
	r = sensor_cgroup_root(&freezer->mount);
	if (r < 0 && r != -ENOENT)
		return r;
	r = freezer_record_load(freezer->path, &freezer->record);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "%s: what is frozen is not known", freezer->path);
	*ret = take_ptr(freezer);
	return 0;
}

void freezer_free(struct freezer *freezer)
{
	if (!freezer)
		return;
	free(freezer->path);
	free(freezer->mount);
	free(freezer);
}

/* The path in cgroup v2, "/a/b". */
static int cgroup_of(pid_t pid, char out[static PATH_MAX])
{
	CLEANUP(free_cleanup) char *text = NULL;
	char path[64], *rest, *line;
	size_t size;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	r = fd_read_file(path, CGROUP_FILE_MAX, &text, &size);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (strncmp(line, "0::/", 4) == 0 && strlen(line + 3) < PATH_MAX) {
			(void)snprintf(out, PATH_MAX, "%s", line + 3);
			return 0;
		}
	return -ENOENT;
}

static bool is_within(const char *path, const char *above)
{
	size_t length = strlen(above);

	return strncmp(path, above, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Whether it is one to be left alone whole: who is in it keeps the way to this host open. */
static bool unit_is_kept(const struct freezer *freezer, const char *cgroup)
{
	char unit[256];

	cgroup_unit(cgroup, unit, sizeof(unit));
	return *unit && freezer->kept(unit, freezer->userdata);
}

/* A cgroup that is the process's own, as a service's, a session's or a container's is: not one that
 * others only happen to be in. */
static bool cgroup_is_own(const char *cgroup)
{
	static const char *const shared[] = { ".slice", "/init.scope" };
	const pid_t others[] = { 1, getpid() };
	size_t length = strlen(cgroup);

	if (length < 2 || strchr(cgroup, '\n') || strstr(cgroup, "/../"))
		return false;
	for (size_t i = 0; i < ELEMENTS(shared); i++) {
		size_t end = strlen(shared[i]);

		if (length >= end && strcmp(cgroup + length - end, shared[i]) == 0)
			return false;
	}
	for (size_t i = 0; i < ELEMENTS(others); i++) {
		char theirs[PATH_MAX];

		if (cgroup_of(others[i], theirs) < 0 || is_within(theirs, cgroup))
			return false;
	}
	return true;
}

static int state_write(int folder, const char *value)
{
	CLEANUP(close_cleanup)
	int fd = openat(folder, "cgroup.freeze", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd_write_all(fd, value, 1);
}

static int folder_open(const struct freezer *freezer, const char *cgroup, struct stat *ret)
{
	char path[2 * PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s%s", freezer->mount, cgroup);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, ret) < 0) {
		(void)close(fd);
		return -errno;
	}
	return fd;
}

static bool entry_equal(const struct freezer_entry *a, const struct freezer_entry *b)
{
	return strcmp(a->cgroup, b->cgroup) == 0 && a->inode == b->inode && a->pid == b->pid &&
	       a->start == b->start;
}

/* On disk before it is done. 1: it is there already. */
static int entry_add(struct freezer *freezer, const struct freezer_entry *entry)
{
	struct freezer_record *record = &freezer->record;
	int r;

	for (size_t i = 0; i < record->count; i++)
		if (entry_equal(&record->entries[i], entry))
			return 1;
	if (record->count == FREEZER_ENTRIES_MAX)
		return -ENOBUFS;
	record->entries[record->count++] = *entry;
	r = freezer_record_save(freezer->path, record);
	if (r < 0)
		record->count--;
	return r;
}

int freezer_stop(pid_t pid, int pidfd, void *userdata)
{
	struct freezer *freezer = userdata;
	struct freezer_entry entry = { .pid = pid };
	char cgroup[PATH_MAX];
	int r = process_proc_start(pid, &entry.start);

	if (r == 0 && cgroup_of(pid, cgroup) == 0 && unit_is_kept(freezer, cgroup))
		r = -EPERM;
	if (r == 0)
		r = entry_add(freezer, &entry);
	return r < 0 ? r : process_signal(pidfd, SIGSTOP);
}

int freezer_freeze(pid_t pid, int pidfd, void *userdata)
{
	CLEANUP(close_cleanup) int folder = -1;
	struct freezer *freezer = userdata;
	struct freezer_entry entry = { 0 };
	char after[PATH_MAX];
	struct stat status;
	int r;

	/* freezer_stop() looks at the unit, too. */
	if (!freezer->mount || cgroup_of(pid, entry.cgroup) < 0 ||
	    unit_is_kept(freezer, entry.cgroup) || !cgroup_is_own(entry.cgroup))
		return freezer_stop(pid, pidfd, freezer);
	folder = folder_open(freezer, entry.cgroup, &status);
	if (folder < 0)
		return freezer_stop(pid, pidfd, freezer);
	entry.inode = status.st_ino;
	r = entry_add(freezer, &entry);
	if (r < 0)
		return r;
	r = state_write(folder, "1");
	if (r < 0)
		return freezer_stop(pid, pidfd, freezer);
	/* It may have been moved meanwhile: then it is stopped where it is now. */
	if (process_signal(pidfd, 0) == 0 && cgroup_of(pid, after) == 0 &&
	    strcmp(after, entry.cgroup) != 0)
		return freezer_stop(pid, pidfd, freezer);
	return 0;
}

static int go_on(pid_t pid, int pidfd, void *userdata)
{
	(void)pid;
	(void)userdata;
	return process_signal(pidfd, SIGCONT);
}

/* What has gone is thawed as well. */
static int entry_thaw(const struct freezer *freezer, const struct freezer_entry *entry)
{
	CLEANUP(close_cleanup) int folder = -1;
	struct stat status;
	int r;

	if (!*entry->cgroup) {
		r = process_act_one(entry->pid, entry->start, go_on, NULL);
		return r == -ESRCH ? 0 : r;
	}
	if (!freezer->mount)
		return -ENOENT;
	folder = folder_open(freezer, entry->cgroup, &status);
	if (folder < 0)
		return folder == -ENOENT ? 0 : folder;
	return status.st_ino == entry->inode ? state_write(folder, "0") : 0;
}

int freezer_thaw(struct freezer *freezer)
{
	struct freezer_record *record = &freezer->record;
	size_t kept = 0, count = record->count;
	int r, failed = 0;

	for (size_t i = 0; i < count; i++) {
		r = entry_thaw(freezer, &record->entries[i]);
		if (r == 0)
			continue;
		failed = r;
		record->entries[kept++] = record->entries[i];
	}
	record->count = kept;
	r = freezer_record_save(freezer->path, record);
	if (failed < 0)
		return failed;
	return r < 0 ? r : (int)count;
}

size_t freezer_count(const struct freezer *freezer)
{
	return freezer->record.count;
}
