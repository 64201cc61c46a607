/* SPDX-License-Identifier: Apache-2.0 */
#include "report/view.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Longest member name in the paths below, with its NUL. */
#define VIEW_KEY_SIZE 32

/* OCSF category_uid: what was done about findings. */
#define CATEGORY_REMEDIATION 7

/* Paths are member names from the object on, "0" for an array's first; "": not told there. */
struct view_text {
	const char *finding, *activity;
	size_t offset;
};

#define TEXT(finding, activity, member)                                                            \
	{                                                                                          \
		finding, activity, offsetof(struct view, member)                                   \
	}
#define TEXT_OF_EVIDENCE(path, member) TEXT("evidences.0." path, "unmapped.evidence." path, member)

static const struct view_text view_texts[] = {
	TEXT("finding_info.uid", "unmapped.finding_uid", uid),
	TEXT("finding_info.title", "message", title),
	TEXT("finding_info.desc", "", why),
	TEXT("finding_info.analytic.name", "", detector),
	TEXT("finding_info.analytic.uid", "", feed),
	TEXT("osint.0.value", "", indicator),
	TEXT("policy.uid", "policy.uid", rule),
	TEXT("policy.name", "policy.name", policy),
	TEXT("severity", "severity", severity),
	TEXT("disposition", "disposition", disposition),
	TEXT_OF_EVIDENCE("query.hostname", qname),
	TEXT_OF_EVIDENCE("query.type", qtype),
	TEXT_OF_EVIDENCE("tls.sni", sni),
	TEXT_OF_EVIDENCE("url.hostname", host),
	TEXT_OF_EVIDENCE("ja4_fingerprint_list.0.value", ja4),
	TEXT("unmapped.kind", "unmapped.kind", kind),
	TEXT_OF_EVIDENCE("process.name", comm),
	TEXT_OF_EVIDENCE("process.path", exe),
	TEXT_OF_EVIDENCE("process.cmd_line", arguments),
	TEXT_OF_EVIDENCE("process.user.name", user),
	TEXT_OF_EVIDENCE("process.container.uid", container),
	TEXT_OF_EVIDENCE("src_endpoint.ip", source),
	TEXT_OF_EVIDENCE("dst_endpoint.ip", destination),
	TEXT("device.hostname", "device.hostname", hostname),
	TEXT("unmapped.would_have", "", would_have),
	TEXT("unmapped.missed", "", missed),
	TEXT("unmapped.unit", "", unit),
	TEXT("unmapped.attribution", "", attribution),
	TEXT("unmapped.process_role", "", process_role),
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

void view_read(const json_t *object, struct view *ret)
{
	*ret = (struct view){ .activity = number(object, "category_uid") == CATEGORY_REMEDIATION };
	for (size_t i = 0; i < ELEMENTS(view_texts); i++) {
		const struct view_text *row = &view_texts[i];
		const char *text = json_string_value(
			member(object, ret->activity ? row->activity : row->finding));

		*(const char **)(void *)((char *)ret + row->offset) = text ? text : "";
	}
	ret->severity_id = (int)(number(object, "severity_id") & 0xff);
	ret->blocked = number(object, "disposition_id") == 2;
	ret->excepted = number(object, "status_id") == 3;
	ret->pid = (long long)number(object, ret->activity ? "unmapped.evidence.process.pid"
							   : "evidences.0.process.pid");
	ret->destination_port =
		(uint16_t)number(object, ret->activity ? "unmapped.evidence.dst_endpoint.port"
						       : "evidences.0.dst_endpoint.port");
	ret->count = number(object, "count");
	ret->frame = number(object, "unmapped.frame");
	ret->time = instant(object, "time");
	ret->first_seen = instant(object, "start_time");
}
