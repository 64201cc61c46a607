/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the record of an item: ID.json in the quarantine's folder. Written and read by root only,
 * in a folder that nobody else comes to; a crash or an administrator may have damaged it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "response/quarantine_private.h"

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(struct quarantine_record *, quarantine_record_free)

static const char *const state_names[QUARANTINE_STATES] = { "taking", "copied", "held", "restoring",
							    "deleting" };

void quarantine_record_free(struct quarantine_record *record)
{
	if (!record)
		return;
	free(record->item.path);
	free(record->item.finding);
	free(record->item.rule);
	free(record->target);
	json_decref(record->attributes);
	free(record);
}

bool quarantine_id_sound(const char *id)
{
	return strlen(id) == QUARANTINE_ID_SIZE - 1 &&
	       strspn(id, "0123456789abcdef") == QUARANTINE_ID_SIZE - 1;
}

void quarantine_name(const char *id, const char *suffix, char out[static QUARANTINE_NAME_SIZE])
{
	(void)snprintf(out, QUARANTINE_NAME_SIZE, "%.32s.%s", id, suffix);
}

/* A path may have any bytes, JSON only text. */
static char *hex_of(const char *text)
{
	size_t length = strlen(text);
	char *digits = malloc(length * 2 + 1);

	if (digits)
		digest_text((const uint8_t *)text, length, digits);
	return digits;
}

static int hex_digit(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

static char *text_of(const char *hex)
{
	size_t length = strlen(hex) / 2;
	char *text = calloc(1, length + 1);

	for (size_t i = 0; text && i < length; i++) {
		int high = hex_digit(hex[i * 2]), low = hex_digit(hex[i * 2 + 1]);

		if (high < 0 || low < 0 || (high | low) == 0) {
			free(text);
			return NULL;
		}
		text[i] = (char)(high << 4 | low);
	}
	return text;
}

/* The numbers of a record: name and place. */
static const struct number {
	const char *name;
	size_t offset, size;
} numbers[] = {
#define NUMBER(name, member)                                                                       \
	{                                                                                          \
		name, offsetof(struct quarantine_record, member),                                  \
			sizeof(((struct quarantine_record *)NULL)->member)                         \
	}
	NUMBER("time", item.time),	   NUMBER("size", item.size),
	NUMBER("mode", item.mode),	   NUMBER("uid", item.uid),
	NUMBER("gid", item.gid),	   NUMBER("links", item.links),
	NUMBER("accessed", item.accessed), NUMBER("modified", item.modified),
	NUMBER("device", device),	   NUMBER("inode", inode),
};

static void numbers_put(json_t *object, const struct quarantine_record *record)
{
	for (size_t i = 0; i < ELEMENTS(numbers); i++) {
		const char *at = (const char *)record + numbers[i].offset;
		uint64_t value =
			numbers[i].size == 8 ? *(const uint64_t *)at : *(const uint32_t *)at;

		(void)json_object_set_new(object, numbers[i].name, json_integer((json_int_t)value));
	}
}

static bool numbers_get(const json_t *object, struct quarantine_record *record)
{
	for (size_t i = 0; i < ELEMENTS(numbers); i++) {
		const json_t *value = json_object_get(object, numbers[i].name);
		char *at = (char *)record + numbers[i].offset;

		if (!json_is_integer(value))
			return false;
		if (numbers[i].size == 8)
			*(uint64_t *)at = (uint64_t)json_integer_value(value);
		else
			*(uint32_t *)at = (uint32_t)json_integer_value(value);
	}
	return true;
}

static json_t *record_json(const struct quarantine_record *record)
{
	const struct quarantine_item *item = &record->item;
	CLEANUP(free_cleanup) char *path = hex_of(item->path);
	CLEANUP(free_cleanup) char *target = record->target ? hex_of(record->target) : NULL;
	json_t *object =
		json_pack("{s:i, s:s, s:s, s:s*, s:s*, s:s*, s:s, s:b, s:O*}", "version", 1,
			  "state", state_names[record->state], "path", path ? path : "", "target",
			  target, "finding", item->finding, "rule", item->rule, "sha256",
			  item->sha256, "copied", item->copied, "attributes", record->attributes);

	if (object && path)
		numbers_put(object, record);
	return object;
}

static int text_write(int folder, const char *name, const char *text)
{
	CLEANUP(close_cleanup)
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, strlen(text));
	return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}

int quarantine_record_write(int folder, const struct quarantine_record *record)
{
	CLEANUP(json_decref_cleanup) json_t *object = record_json(record);
	CLEANUP(free_cleanup) char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
	char name[QUARANTINE_NAME_SIZE], temporary[QUARANTINE_NAME_SIZE];
	int r;

	if (!text || json_object_size(object) < ELEMENTS(numbers))
		return -ENOMEM;
	quarantine_name(record->item.id, "json", name);
	quarantine_name(record->item.id, "json.new", temporary);
	r = text_write(folder, temporary, text);
	if (r == 0 && renameat(folder, temporary, folder, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(folder, temporary, 0);
		return r;
	}
	return fsync(folder) < 0 ? -errno : 0;
}

static char *text_copy(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? strdup(text) : NULL;
}

static int record_fill(const json_t *object, struct quarantine_record *record)
{
	const char *path = json_string_value(json_object_get(object, "path"));
	const char *state = json_string_value(json_object_get(object, "state"));
	const char *sha256 = json_string_value(json_object_get(object, "sha256"));
	json_t *attributes = json_object_get(object, "attributes");
	const char *target;
	size_t i = 0;

	if (!path || !state || !sha256 || strlen(sha256) >= SHA256_TEXT_SIZE ||
	    !numbers_get(object, record))
		return -EBADMSG;
	while (i < QUARANTINE_STATES && strcmp(state, state_names[i]) != 0)
		i++;
	if (i == QUARANTINE_STATES)
		return -EBADMSG;
	record->state = (enum quarantine_state)i;
	(void)snprintf(record->item.sha256, sizeof(record->item.sha256), "%s", sha256);
	record->item.copied = json_is_true(json_object_get(object, "copied"));
	record->item.finding = text_copy(object, "finding");
	record->item.rule = text_copy(object, "rule");
	record->attributes = json_is_object(attributes) ? json_incref(attributes) : NULL;
	target = json_string_value(json_object_get(object, "target"));
	record->target = target ? text_of(target) : NULL;
	record->item.path = text_of(path);
	return record->item.path && record->item.path[0] == '/' ? 0 : -EBADMSG;
}

int quarantine_record_read(int folder, const char *id, struct quarantine_record **ret)
{
	CLEANUP(quarantine_record_free_cleanup) struct quarantine_record *record = NULL;
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	CLEANUP(close_cleanup) int fd = -1;
	char name[QUARANTINE_NAME_SIZE];
	int r;

	if (!quarantine_id_sound(id))
		return -ENOENT;
	quarantine_name(id, "json", name);
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	object = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	record = calloc(1, sizeof(*record));
	if (!record)
		return -ENOMEM;
	(void)snprintf(record->item.id, sizeof(record->item.id), "%s", id);
	r = json_is_object(object) ? record_fill(object, record) : -EBADMSG;
	if (r < 0)
		return r;
	*ret = take_ptr(record);
	return 0;
}

void quarantine_record_unlink(int folder, const char *id)
{
	char name[QUARANTINE_NAME_SIZE];

	quarantine_name(id, "json", name);
	(void)unlinkat(folder, name, 0);
	(void)fsync(folder);
}
