/* SPDX-License-Identifier: Apache-2.0 */
#include "report/view.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Longest member name in the paths below, with its NUL. */
#define VIEW_KEY_SIZE 32

struct view_text {
	const char *path; /* member names from the object on, "0" for an array's first */
	size_t offset;
};

#define TEXT(path, member)                                                                         \
	{                                                                                          \
		path, offsetof(struct view, member)                                                \
	}

static const struct view_text view_texts[] = {
	TEXT("osint.0.value", indicator),
	TEXT("policy.uid", rule),
	TEXT("policy.name", policy),
	TEXT("severity", severity),
	TEXT("disposition", disposition),
	TEXT("device.hostname", hostname),
	TEXT("unmapped.would_have", would_have),
	TEXT("unmapped.missed", missed),
	TEXT("unmapped.unit", unit),
	TEXT("unmapped.attribution", attribution),
	TEXT("unmapped.process_role", process_role),
};

static const struct view_text finding_texts[] = {
	TEXT("finding_info.uid", uid),
	TEXT("finding_info.title", title),
	TEXT("finding_info.desc", why),
	TEXT("finding_info.analytic.name", detector),
	TEXT("finding_info.analytic.uid", feed),
};

static const struct view_text activity_texts[] = {
	TEXT("unmapped.finding_uid", uid),
	TEXT("message", title),
};

static const struct view_text evidence_texts[] = {
	TEXT("query.hostname", qname),
	TEXT("query.type", qtype),
	TEXT("process.name", comm),
	TEXT("process.path", exe),
	TEXT("process.cmd_line", arguments),
	TEXT("process.user.name", user),
	TEXT("process.container.uid", container),
	TEXT("src_endpoint.ip", source),
	TEXT("dst_endpoint.ip", destination),
};

static const json_t *member(const json_t *value, const char *path)
{
	while (value && *path) {
		size_t length = strcspn(path, ".");
		char key[VIEW_KEY_SIZE];

		(void)snprintf(key, sizeof(key), "%.*s", (int)length, path);
		value = strcmp(key, "0") == 0 ? json_array_get(value, 0)
					      : json_object_get(value, key);
		path += length;
		path += *path == '.';
	}
	return value;
}

static uint64_t number(const json_t *object, const char *path)
{
	json_int_t value = json_integer_value(member(object, path));

	return value > 0 ? (uint64_t)value : 0;
}

/* OCSF's milliseconds as ns. */
static uint64_t instant(const json_t *object, const char *path)
{
	uint64_t value = number(object, path);

	return value < UINT64_MAX / NS_PER_MILLISECOND ? value * NS_PER_MILLISECOND : 0;
}

static void texts_clear(struct view *view, const struct view_text *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		*(const char **)(void *)((char *)view + texts[i].offset) = "";
}

static void texts_read(struct view *view, const json_t *object, const struct view_text *texts,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(member(object, texts[i].path));

		if (text)
			*(const char **)(void *)((char *)view + texts[i].offset) = text;
	}
}

void view_read(const json_t *object, struct view *ret)
{
	const json_t *evidence;

	*ret = (struct view){ 0 };
	XXX
	ret->severity_id = (int)(number(object, "severity_id") & 0xff);
	ret->blocked = number(object, "disposition_id") == 2;
	ret->excepted = number(object, "status_id") == 3;
	ret->pid = (long long)number(object, "evidences.0.process.pid");
	ret->count = number(object, "count");
	ret->frame = number(object, "unmapped.frame");
	ret->time = instant(object, "time");
	ret->first_seen = instant(object, "start_time");
}
