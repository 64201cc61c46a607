/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the quarantine's folder: opening it, its lock, what is in it, and the end of what was
 * interrupted. By how far a record says a move has come, and whether there is data:
 *
 *   taking, no data      the original is in its place: forgotten
 *   taking, data         it came by a rename, or the copy is whole but nothing was said of it yet:
 *                        the first is held; the second is undone, the original is in its place
 *   copied               the original is removed if it is still there: held
 *   held                 nothing
 *   restoring, data      it never left: held
 *   restoring, no data   it went out by a rename: forgotten
 *   deleting             deleted
 */
#include "response/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "response/quarantine_private.h"

CLEANUP_DEFINE(struct quarantine *, quarantine_close)
CLEANUP_DEFINE(struct quarantine_record *, quarantine_record_free)

/* Another one has the lock while it moves one file, or copies it: so long is waited for that. */
#define LOCK_ATTEMPTS 50
#define LOCK_PAUSE    20000 /* microseconds */
/* Items that are looked at: nobody oversees more, and a listing must end. */
#define ITEMS_MAX     100000

int quarantine_lock(struct quarantine *quarantine, struct quarantine **ret)
{
	int attempts = LOCK_ATTEMPTS;

	while (flock(quarantine->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (attempts-- == 0)
			return -EBUSY;
		(void)usleep(LOCK_PAUSE);
	}
	*ret = quarantine;
	return 0;
}

void quarantine_unlock(struct quarantine **locked)
{
	if (*locked)
		(void)flock((*locked)->lock, LOCK_UN);
}

void quarantine_close(struct quarantine *quarantine)
{
	if (!quarantine)
		return;
	close_cleanup(&quarantine->folder);
	close_cleanup(&quarantine->lock);
	free(quarantine);
}

static bool data_there(int folder, const char *id)
{
	char name[QUARANTINE_NAME_SIZE];

	quarantine_name(id, "data", name);
	return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void data_remove(int folder, const char *id)
{
	char name[QUARANTINE_NAME_SIZE];

	quarantine_name(id, "data", name);
	(void)unlinkat(folder, name, 0);
	quarantine_name(id, "part", name);
	(void)unlinkat(folder, name, 0);
}

/* Without permissions again, whatever a restoration had given it. */
static int item_held(int folder, struct quarantine_record *record)
{
	char name[QUARANTINE_NAME_SIZE];

	quarantine_name(record->item.id, "data", name);
	if (fchmodat(folder, name, 0, 0) < 0)
		return -errno;
	record->state = QUARANTINE_HELD;
	return quarantine_record_write(folder, record);
}

static int item_forget(int folder, const char *id)
{
	data_remove(folder, id);
	quarantine_record_unlink(folder, id);
	return 1;
}

/* 1: it was not at rest. */
static int item_recover(int folder, struct quarantine_record *record)
{
	const char *id = record->item.id;
	bool data = data_there(folder, id);
	int r = 0;

	switch (record->state) {
	case QUARANTINE_HELD:
		return 0;
	case QUARANTINE_TAKING:
		if (!data || record->item.copied)
			return item_forget(folder, id);
		break;
	case QUARANTINE_COPIED:
		r = quarantine_original_remove(record);
		break;
	case QUARANTINE_RESTORING:
		quarantine_aside_remove(record);
		if (!data)
			return item_forget(folder, id);
		break;
	case QUARANTINE_DELETING:
	default:
		return item_forget(folder, id);
	}
	/* The original that cannot be removed stays, and so does what is known of it. */
	r = r == 0 || r == -ESTALE ? item_held(folder, record) : r;
	return r < 0 ? r : 1;
}

static int id_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void ids_free(char **ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(ids[i]);
	free(ids);
}

/* The ids of all records. */
static int ids_read(int folder, char ***ret, size_t *ret_count)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	char **ids = NULL;
	size_t count = 0, room = 0;

	if (!stream) {
		int error = -errno;

		close_cleanup(&fd);
		return error;
	}
	while (count < ITEMS_MAX && (entry = readdir(stream))) {
		char *dot = strchr(entry->d_name, '.'), **larger, *id;

		if (!dot || strcmp(dot, ".json") != 0)
			continue;
		if (count == room) {
			larger = reallocarray(ids, room = room ? room * 2 : 64, sizeof(*ids));
			if (!larger)
				break;
			ids = larger;
		}
		id = strndup(entry->d_name, (size_t)(dot - entry->d_name));
		if (!id)
			break;
		if (quarantine_id_sound(id))
			ids[count++] = id;
		else
			free(id);
	}
	(void)closedir(stream);
	if (count)
		qsort(ids, count, sizeof(*ids), id_order);
	*ret = ids;
	*ret_count = count;
	return 0;
}

static int all_recover(struct quarantine *quarantine, size_t *ret_ended)
{
	char **ids = NULL;
	size_t count = 0, ended = 0;
	int r = ids_read(quarantine->folder, &ids, &count);

	for (size_t i = 0; i < count; i++) {
		CLEANUP(quarantine_record_free_cleanup) struct quarantine_record *record = NULL;

		/* What is damaged is left for a person to look at, data and all. */
		if (quarantine_record_read(quarantine->folder, ids[i], &record) == 0 &&
		    item_recover(quarantine->folder, record) > 0)
			ended++;
	}
	ids_free(ids, count);
	if (ret_ended)
		*ret_ended = ended;
	return r;
}

static int folder_check(int folder)
{
	struct stat status;

	if (fstat(folder, &status) < 0)
		return -errno;
	return status.st_uid != geteuid() || status.st_mode & 077 ? -EPERM : 0;
}

int quarantine_open(const char *path, struct quarantine **ret, size_t *ret_ended)
{
	CLEANUP(quarantine_close_cleanup) struct quarantine *quarantine = NULL;
	CLEANUP(quarantine_unlock) struct quarantine *locked = NULL;
	int r;

	quarantine = calloc(1, sizeof(*quarantine));
	if (!quarantine)
		return -ENOMEM;
	quarantine->folder = quarantine->lock = -1;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	quarantine->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (quarantine->folder < 0)
		return -errno;
	r = folder_check(quarantine->folder);
	if (r < 0)
		return r;
	quarantine->lock = openat(quarantine->folder, ".lock",
				  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (quarantine->lock < 0)
		return -errno;
	r = quarantine_lock(quarantine, &locked);
	if (r == 0)
		r = all_recover(quarantine, ret_ended);
	if (r < 0)
		return r;
	quarantine_unlock(&locked);
	locked = NULL;
	*ret = take_ptr(quarantine);
	return 0;
}

int quarantine_list(struct quarantine *quarantine,
		    int (*show)(const struct quarantine_item *item, void *userdata), void *userdata,
		    size_t *ret_damaged)
{
	struct quarantine_record **records;
	char **ids = NULL;
	size_t count = 0, found = 0, damaged = 0;
	int r = ids_read(quarantine->folder, &ids, &count);

	records = r == 0 ? calloc(count + 1, sizeof(*records)) : NULL;
	if (!records) {
		ids_free(ids, count);
		return r < 0 ? r : -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		struct quarantine_record *record = NULL;
		size_t at = found;

		r = quarantine_record_read(quarantine->folder, ids[i], &record);
		if (r == -EBADMSG || (r == 0 && !data_there(quarantine->folder, ids[i])))
			damaged++;
		if (r < 0)
			continue;
		/* By time; they are few, and nearly in order when they come. */
		for (; at > 0 && records[at - 1]->item.time > record->item.time; at--)
			records[at] = records[at - 1];
		records[at] = record;
		found++;
	}
	r = 0;
	for (size_t i = 0; i < found; i++) {
		if (r >= 0)
			r = show(&records[i]->item, userdata);
		quarantine_record_free(records[i]);
	}
	free(records);
	ids_free(ids, count);
	*ret_damaged = damaged;
	return r < 0 ? r : (int)found;
}

int quarantine_delete(struct quarantine *quarantine, const char *id)
{
	CLEANUP(quarantine_record_free_cleanup) struct quarantine_record *record = NULL;
	CLEANUP(quarantine_unlock) struct quarantine *locked = NULL;
	int r = quarantine_lock(quarantine, &locked);

	if (r == 0)
		r = quarantine_record_read(quarantine->folder, id, &record);
	/* A record that cannot be read can still be deleted, with what belongs to it. */
	if (r == -EBADMSG) {
		(void)item_forget(quarantine->folder, id);
		return 0;
	}
	if (r < 0)
		return r;
	record->state = QUARANTINE_DELETING;
	r = quarantine_record_write(quarantine->folder, record);
	if (r == 0)
		(void)item_forget(quarantine->folder, id);
	return r;
}

bool quarantine_allows(const struct quarantine *quarantine, const char *sha256)
{
	char name[SHA256_TEXT_SIZE + 16];

	if (strlen(sha256) != SHA256_TEXT_SIZE - 1)
		return false;
	(void)snprintf(name, sizeof(name), "%s.allowed", sha256);
	return faccessat(quarantine->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
