/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/name_history.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/fnv.h"

#define FILE_MAX      (NAME_HISTORY_MAX * (DOMAIN_NAME_TEXT_SIZE + 32ul))
/* A host that loses power loses so much of its history. */
#define SAVE_INTERVAL 600

struct used {
	uint64_t hash, since; /* seconds since the epoch */
	uint8_t *wire;	      /* lower case; its length is before it */
	bool struck;
};

struct name_history {
	char path[PATH_MAX];
	uint64_t long_use, saved_at;
	bool changed;
	struct used names[NAME_HISTORY_MAX];
	size_t count;
};

CLEANUP_DEFINE(struct name_history *, name_history_close)

static void name_of(const struct used *used, struct domain_name *ret)
{
	ret->length = used->wire[0];
	memcpy(ret->wire, used->wire + 1, ret->length);
}

/* The last labels, in lower case. */
static void name_cut(const struct domain_name *name, struct domain_name *ret)
{
	uint8_t labels[DOMAIN_NAME_LABELS];
	size_t count = domain_name_labels(name, labels);
	size_t start = count > NAME_HISTORY_LABELS ? labels[count - NAME_HISTORY_LABELS] : 0;

	ret->length = (uint8_t)(name->length - start);
	memcpy(ret->wire, name->wire + start, ret->length);
	domain_name_lower(ret);
}

static struct used *name_find(struct name_history *history, const struct domain_name *name,
			      uint64_t hash)
{
	for (size_t i = 0; i < history->count; i++) {
		struct used *used = &history->names[i];

		if (used->hash == hash && used->wire[0] == name->length &&
		    memcmp(used->wire + 1, name->wire, name->length) == 0)
			return used;
	}
	return NULL;
}

static void name_drop(struct name_history *history, size_t i)
{
	free(history->names[i].wire);
	history->names[i] = history->names[--history->count];
}

static void room_make(struct name_history *history, uint64_t now)
{
	size_t youngest = 0, oldest = 0;

	for (size_t i = 1; i < history->count; i++) {
		if (history->names[i].since > history->names[youngest].since)
			youngest = i;
		if (history->names[i].since < history->names[oldest].since)
			oldest = i;
	}
	name_drop(history,
		  history->names[youngest].since + history->long_use > now ? youngest : oldest);
}

static void name_add(struct name_history *history, const struct domain_name *name, uint64_t since,
		     bool struck, uint64_t now)
{
	uint64_t hash = fnv_add(FNV_START, name->wire, name->length);
	struct used *used;
	uint8_t *wire;

	/* The root, and single labels: nobody lists them. */
	if (name->length < 4 || name_find(history, name, hash))
		return;
	wire = malloc(name->length + 1u);
	if (!wire)
		return;
	if (history->count == NAME_HISTORY_MAX)
		room_make(history, now);
	wire[0] = name->length;
	memcpy(wire + 1, name->wire, name->length);
	used = &history->names[history->count++];
	*used = (struct used){ .hash = hash, .since = since, .wire = wire, .struck = struck };
	history->changed = true;
}

void name_history_note(struct name_history *history, const struct domain_name *name, uint64_t now)
{
	struct domain_name cut;

	name_cut(name, &cut);
	name_add(history, &cut, now, false, now);
}

/* ---- packs ---- */

size_t name_history_install(struct name_history *history, const struct pack *pack, uint64_t now)
{
	size_t struck = 0;

	for (size_t i = history->count; i-- > 0;) {
		struct used *used = &history->names[i];
		struct domain_name name;
		struct pack_match match;
		bool listed;

		name_of(used, &name);
		listed = pack_lookup_domain(pack, &name, now, &match) > 0 && match.blocked;
		if (listed == used->struck)
			continue;
		history->changed = true;
		if (listed && used->since + history->long_use > now) {
			name_drop(history, i);
			continue;
		}
		used->struck = listed;
		struck += listed;
	}
	return struck;
}

bool name_history_struck(const struct name_history *history, const struct domain_name *entry,
			 char name[static DOMAIN_NAME_TEXT_SIZE], uint64_t *ret_since)
{
	struct domain_name lower = *entry;

	domain_name_lower(&lower);
	for (size_t i = 0; i < history->count; i++) {
		struct domain_name used;

		if (!history->names[i].struck)
			continue;
		name_of(&history->names[i], &used);
		if (!domain_name_within(&used, &lower))
			continue;
		domain_name_format(&used, name);
		*ret_since = history->names[i].since;
		return true;
	}
	return false;
}

size_t name_history_list(const struct name_history *history, uint64_t now, FILE *file)
{
	char text[DOMAIN_NAME_TEXT_SIZE];
	struct domain_name name;
	size_t listed = 0;

	for (size_t i = 0; i < history->count; i++) {
		if (history->names[i].since + history->long_use > now)
			continue;
		name_of(&history->names[i], &name);
		domain_name_format(&name, text);
		(void)fprintf(file, "%s\n", text);
		listed++;
	}
	return listed;
}

size_t name_history_count(const struct name_history *history)
{
	return history->count;
}

/* ---- the file: a line a name, "SINCE STRUCK NAME" ---- */

static void line_read(struct name_history *history, const char *line)
{
	char text[DOMAIN_NAME_TEXT_SIZE];
	struct domain_name name;
	uint64_t since;
	int struck;

	if (sscanf(line, "%" SCNu64 " %d %1019s", &since, &struck, text) != 3 ||
	    domain_name_parse(text, &name) < 0 || history->count == NAME_HISTORY_MAX)
		return;
	domain_name_lower(&name);
	name_add(history, &name, since, struck != 0, since);
}

static void file_read(struct name_history *history)
{
	CLEANUP(free_cleanup) char *data = NULL;
	char *line, *rest = NULL;
	size_t size;

	if (fd_read_file(history->path, FILE_MAX, &data, &size) < 0)
		return;
	for (line = strtok_r(data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		line_read(history, line);
	history->changed = false;
}

int name_history_open(const char *state_dir, uint64_t long_use, struct name_history **ret)
{
	struct name_history *history = calloc(1, sizeof(*history));

	if (!history)
		return -ENOMEM;
	history->long_use = long_use;
	(void)snprintf(history->path, sizeof(history->path), "%.4000s/" NAME_HISTORY_FILE,
		       state_dir);
	file_read(history);
	*ret = history;
	return 0;
}

static int file_write(const struct name_history *history)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char name[DOMAIN_NAME_TEXT_SIZE];
	struct domain_name wire;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return -ENOMEM;
	for (size_t i = 0; i < history->count; i++) {
		name_of(&history->names[i], &wire);
		domain_name_format(&wire, name);
		(void)fprintf(file, "%" PRIu64 " %d %s\n", history->names[i].since,
			      history->names[i].struck, name);
	}
	if (fclose(file) != 0)
		return -ENOMEM;
	return fd_write_file(history->path, 0600, text, size);
}

int name_history_save(struct name_history *history, uint64_t now)
{
	int r;

	if (!history->changed ||
	    (now >= history->saved_at && now - history->saved_at < SAVE_INTERVAL))
		return 0;
	history->saved_at = now;
	r = file_write(history);
	history->changed = r < 0;
	return r;
}

void name_history_close(struct name_history *history)
{
	if (!history)
		return;
	if (history->changed)
		(void)file_write(history);
	for (size_t i = 0; i < history->count; i++)
		free(history->names[i].wire);
	free(history);
}
