/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/pack_history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/parse.h"
#include "intel/fingerprint.h"
#include "intel/list_token.h"

#define COPY_SIZE  (256u << 10)
/* After a copy that failed: the disk may be full. */
#define RETRY_TIME 60

struct kept {
	uint64_t time;
	struct pack *pack; /* NULL: not opened yet */
};

struct pack_history {
	char folder[PATH_MAX];
	uint64_t span, retry_at;
	struct kept kept[PACK_HISTORY_MAX]; /* oldest first */
	size_t count;
	bool pending; /* the pack in force is not kept yet */
};

CLEANUP_DEFINE(struct pack_history *, pack_history_close)

static void path_of(const struct pack_history *history, uint64_t time, char out[static PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%.3000s/%" PRIu64, history->folder, time);
}

static void kept_remove(struct pack_history *history, size_t i)
{
	char path[PATH_MAX];

	path_of(history, history->kept[i].time, path);
	(void)unlink(path);
	pack_close(history->kept[i].pack);
	history->count--;
	memmove(&history->kept[i], &history->kept[i + 1],
		(history->count - i) * sizeof(history->kept[0]));
}

/* In order of time; without room the oldest goes: entries look younger, never older. */
static void kept_add(struct pack_history *history, uint64_t time)
{
	size_t at;

	if (history->count == PACK_HISTORY_MAX)
		kept_remove(history, 0);
	for (at = history->count; at > 0 && history->kept[at - 1].time > time; at--)
		history->kept[at] = history->kept[at - 1];
	history->kept[at] = (struct kept){ .time = time };
	history->count++;
}

static int folder_read(struct pack_history *history)
{
	CLEANUP(closedir_cleanup) DIR *folder = opendir(history->folder);
	const struct dirent *entry;
	uint64_t time;

	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		char path[PATH_MAX];

		if (entry->d_name[0] == '.' && strspn(entry->d_name, ".") == strlen(entry->d_name))
			continue;
		if (parse_u64(entry->d_name, UINT32_MAX, &time) == 0) {
			kept_add(history, time);
			continue;
		}
		/* Half a copy. */
		(void)snprintf(path, sizeof(path), "%.3000s/%.255s", history->folder,
			       entry->d_name);
		(void)unlink(path);
	}
	return 0;
}

int pack_history_open(const char *state_dir, uint64_t span, struct pack_history **ret)
{
	CLEANUP(pack_history_close_cleanup)
	struct pack_history *history = calloc(1, sizeof(*history));
	int r;

	if (!history)
		return -ENOMEM;
	history->span = span;
	(void)snprintf(history->folder, sizeof(history->folder), "%.2900s/" PACK_HISTORY_FOLDER,
		       state_dir);
	r = fd_make_folders(history->folder, 0700);
	if (r == 0)
		r = folder_read(history);
	if (r < 0)
		return r;
	*ret = take_ptr(history);
	return 0;
}

void pack_history_close(struct pack_history *history)
{
	if (!history)
		return;
	for (size_t i = 0; i < history->count; i++)
		pack_close(history->kept[i].pack);
	free(history);
}

void pack_history_span(struct pack_history *history, uint64_t span)
{
	history->span = span;
}

/* ---- keeping ---- */

static int file_copy(int from, int to, uint64_t size)
{
	CLEANUP(free_cleanup) char *buffer = NULL;
	uint64_t at = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	buffer = malloc(COPY_SIZE);
	if (!buffer)
		return -ENOMEM;
	while (at < size) {
		ssize_t n = pread(from, buffer, COPY_SIZE, (off_t)at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : n == 0 ? -EBADMSG : fd_write_all(to, buffer, (size_t)n);
		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	return 0;
}

static int pack_keep(struct pack_history *history, const struct pack *pack, uint64_t time)
{
	CLEANUP(free_cleanup) char *temporary = NULL;
	CLEANUP(close_cleanup) int copy = -1;
	char path[PATH_MAX];
	struct pack_info info;
	uint64_t offset;
	int from, r;

	path_of(history, time, path);
	pack_info(pack, &info);
	(void)pack_table(pack, &from, &offset);
	copy = fd_open_temporary(path, 0600, &temporary);
	if (copy < 0)
		return copy;
	r = file_copy(from, copy, info.bytes);
	if (r == 0)
		r = fd_replace(copy, temporary, path);
	else
		(void)unlink(temporary);
	if (r == 0)
		kept_add(history, time);
	return r;
}

/* Of those that are older than the span, all but the newest tell nothing more. */
static void kept_prune(struct pack_history *history, uint64_t now)
{
	while (history->count > 1 && history->kept[1].time + history->span <= now)
		kept_remove(history, 0);
}

static bool keeping_is_due(const struct pack_history *history, uint64_t now)
{
	uint64_t last;

	if (history->count == 0)
		return true;
	last = history->kept[history->count - 1].time;
	/* A clock that was set back must not end it. */
	return now < last || (now > last && now - last >= history->span / 2);
}

/* Also after a restart: a copy of the last one would only cost room. */
static bool is_kept(const struct pack_history *history, const struct pack *pack)
{
	struct pack_info info, last;

	if (history->count == 0 || !history->kept[history->count - 1].pack)
		return false;
	pack_info(pack, &info);
	pack_info(history->kept[history->count - 1].pack, &last);
	return strcmp(info.sha256, last.sha256) == 0;
}

static int pending_keep(struct pack_history *history, const struct pack *pack, uint64_t now)
{
	struct pack_info info;
	uint64_t time = now;
	int r;

	/* What was known when the image of a new host was made is not new with the host. */
	pack_info(pack, &info);
	if (history->count == 0 && info.created < now)
		time = info.created;
	while (history->count > 0 && history->kept[history->count - 1].time >= now)
		kept_remove(history, history->count - 1);
	r = pack_keep(history, pack, time);
	history->pending = r < 0;
	history->retry_at = r < 0 ? now + RETRY_TIME : 0;
	kept_prune(history, now);
	return r;
}

void pack_history_install(struct pack_history *history)
{
	history->pending = true;
}

/* A damaged one is none. */
static int kept_open(struct pack_history *history, size_t i)
{
	char path[PATH_MAX];
	const char *why;
	int r;

	path_of(history, history->kept[i].time, path);
	r = pack_open(path, &history->kept[i].pack, &why);
	if (r < 0 && r != -ENOMEM)
		kept_remove(history, i);
	return r;
}

int pack_history_tick(struct pack_history *history, const struct pack *pack, uint64_t now)
{
	int r;

	for (size_t i = 0; i < history->count; i++)
		if (!history->kept[i].pack) {
			(void)kept_open(history, i);
			return 1;
		}
	if (pack && history->pending && is_kept(history, pack))
		history->pending = false;
	if (!pack || !history->pending || now < history->retry_at || !keeping_is_due(history, now))
		return 0;
	r = pending_keep(history, pack, now);
	return r < 0 ? r : 1;
}

/* ---- asking ---- */

/* Of the exact entry, expired or not. */
static int entry_find(const struct pack *pack, const struct list_indicator *entry,
		      struct pack_match *ret)
{
	switch (entry->kind) {
	case INDICATOR_DOMAIN:
		return pack_lookup_domain(pack, &entry->name, 0, ret);
	case INDICATOR_ADDRESS:
		return pack_lookup_prefix(pack, &entry->address, entry->prefix, 0, ret);
	default:
		return pack_lookup_hash(pack, entry->hash, entry->hash_size, 0, ret);
	}
}

static bool pack_has(const struct pack *pack, const struct list_indicator *entry,
		     const struct indicator *indicator)
{
	struct pack_match match;

	if (entry_find(pack, entry, &match) <= 0)
		return false;
	for (size_t i = 0; i < match.count; i++)
		if (match.matches[i].action == INDICATOR_BLOCK &&
		    match.matches[i].severity >= indicator->severity &&
		    strcmp(match.matches[i].text, indicator->text) == 0)
			return true;
	return false;
}

static bool entry_read(const struct indicator *indicator, struct list_indicator *ret)
{
	const struct span token = { indicator->text, strlen(indicator->text) };

	*ret = (struct list_indicator){ .kind = indicator->kind };
	switch (indicator->kind) {
	case INDICATOR_DOMAIN:
		return domain_name_parse(indicator->text, &ret->name) == 0;
	case INDICATOR_JA4:
		ret->hash_size = FINGERPRINT_SIZE;
		return fingerprint_read(indicator->text, token.size, ret->hash);
	default:
		return list_token_read(token, true, ret) == LIST_TAKEN &&
		       ret->kind == indicator->kind;
	}
}

uint64_t pack_history_since(struct pack_history *history, const struct indicator *indicator)
{
	struct list_indicator entry;

	if (!entry_read(indicator, &entry))
		return 0;
	for (size_t i = 0; i < history->count;) {
		if (!history->kept[i].pack && kept_open(history, i) < 0) {
			/* Removed, or memory is short. */
			if (i < history->count && !history->kept[i].pack)
				i++;
			continue;
		}
		if (pack_has(history->kept[i].pack, &entry, indicator))
			return history->kept[i].time;
		i++;
	}
	return 0;
}
