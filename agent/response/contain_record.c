/* SPDX-License-Identifier: Apache-2.0 */
#include "response/contain_record.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

/* A few lines; anything larger is not ours. */
#define RECORD_MAX 8192

CLEANUP_DEFINE(json_t *, json_decref)

int contain_record_write(const char *path, const struct contain_record *record)
{
	CLEANUP(json_decref_cleanup)
	json_t *object = json_pack(
		"{s:i, s:I, s:I, s:I, s:b, s:s#, s:s#}", "version", 1, "since",
		(json_int_t)record->since, "until", (json_int_t)record->until, "lasts",
		(json_int_t)record->lasts, "provisional", (int)record->provisional, "reason",
		record->reason, (int)strnlen(record->reason, sizeof(record->reason)), "finding",
		record->finding, (int)strnlen(record->finding, sizeof(record->finding)));
	CLEANUP(free_cleanup) char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;

	/* A reason that is not UTF-8. */
	if (!text)
		return -EBADMSG;
	return fd_write_file(path, 0600, text, strlen(text));
}

int contain_record_read(const char *path, struct contain_record *ret)
{
	CLEANUP(free_cleanup) char *text = NULL;
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	const char *reason, *finding;
	json_int_t since, until, lasts;
	int version, provisional, r;
	size_t size;

	r = fd_read_file(path, RECORD_MAX, &text, &size);
	if (r < 0)
		return r;
	object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (!object ||
	    json_unpack(object, "{s:i, s:I, s:I, s:I, s:b, s:s, s:s}", "version", &version, "since",
			&since, "until", &until, "lasts", &lasts, "provisional", &provisional,
			"reason", &reason, "finding", &finding) < 0)
		return -EBADMSG;
	if (version != 1 || since < 0 || until < 0 || lasts < 0)
		return -EBADMSG;
	*ret = (struct contain_record){ .since = (uint64_t)since,
					.until = (uint64_t)until,
					.lasts = (uint64_t)lasts,
					.provisional = provisional };
	(void)snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
	(void)snprintf(ret->finding, sizeof(ret->finding), "%s", finding);
	return 0;
}

static int folder_sync(const char *path)
{
	char folder[PATH_MAX];
	CLEANUP(close_cleanup) int fd = -1;

	(void)snprintf(folder, sizeof(folder), "%s", path);
	fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int contain_record_remove(const char *path)
{
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : -errno;
	return folder_sync(path);
}

uint64_t contain_record_deadline(const struct contain_record *record)
{
	uint64_t now = clock_realtime(), left;

	if (!record->until)
		return 0;
	if (now >= record->until)
		return 1;
	left = record->until - now;
	return clock_boottime() + (left < record->lasts ? left : record->lasts);
}
