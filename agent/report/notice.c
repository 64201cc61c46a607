/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what people read of a finding that comes by mail or telephone. All texts of it that others
 * chose are escaped already, and made safe to show once more: mail is a terminal, too.
 */
#include "report/notice.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "report/ocsf_object.h"
#include "report/screen.h"

/* A telephone's message: one part of it, of 7-bit letters. */
#define SHORT_SIZE 160
/* SNS takes 262,144 bytes of message and attributes. A larger finding is told without itself: who
 * subscribes has its uid, and finds it elsewhere. */
#define NOTICE_MAX ((size_t)240 * 1024)
#define TEXT_SIZE  8192
#define VALUE_SIZE 1200

CLEANUP_DEFINE(json_t *, json_decref)

struct text {
	char bytes[TEXT_SIZE];
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->bytes + text->used, sizeof(text->bytes) - text->used, format,
			   arguments);
	va_end(arguments);
	if (length > 0)
		text->used += (size_t)length < sizeof(text->bytes) - text->used
				      ? (size_t)length
				      : sizeof(text->bytes) - text->used - 1;
}

/* "Name:      value" for what is known. */
static void add_field(struct text *text, const char *name, const char *value)
{
	char shown[VALUE_SIZE];

	if (!*value)
		return;
	screen_text(value, shown, sizeof(shown));
	add(text, "%-12s%s\n", name, shown);
}

static void add_time(struct text *text, const char *name, uint64_t time)
{
	char shown[CLOCK_TEXT_SIZE];

	if (!time)
		return;
	clock_format(time, shown);
	add(text, "%-12s%.19sZ\n", name, shown);
}

static const char *place_of(const json_t *object, const struct view *view)
{
	const json_t *device = json_object_get(object, "device");
	const char *instance = json_string_value(json_object_get(device, "instance_uid"));

	return instance && *instance ? instance : view->hostname;
}

static const char *done(const struct view *view)
{
	if (view->blocked)
		return "blocked on the host";
	if (*view->would_have)
		return "nothing: mode is audit";
	return *view->missed ? "nothing: it came too late" : "nothing: told only";
}

static void add_process(struct text *text, const struct view *view)
{
	char number[32];

	add_field(text, "Process:", *view->exe ? view->exe : view->comm);
	if (view->pid > 0) {
		(void)snprintf(number, sizeof(number), "%lld", view->pid);
		add_field(text, "PID:", number);
	}
	add_field(text, "Command:", view->arguments);
	add_field(text, "User:", view->user);
	add_field(text, "Unit:", view->unit);
	add_field(text, "Container:", view->container);
}

static void text_make(const json_t *object, const struct view *view, struct text *text)
{
	add_field(text, "Finding:", view->title);
	add_field(text, "Severity:", view->severity);
	add_field(text, "Host:", place_of(object, view));
	if (strcmp(place_of(object, view), view->hostname) != 0)
		add_field(text, "Name:", view->hostname);
	add_field(text, "Done:", done(view));
	add_field(text, "Why:", view->why);
	add_field(text, "Listed as:", view->indicator);
	add_field(text, "In list:", view->feed);
	add_field(text, "Other end:", view->destination);
	add_process(text, view);
	add(text, "%-12s%llu\n", "Seen:", (unsigned long long)view->count);
	add_time(text, "First:", view->first_seen);
	add_time(text, "Last:", view->time);
	add_field(text, "UID:", view->uid);
	add(text, "\nMore on the host: cordon findings %s\n", view->uid);
}

/* ASCII that may be shown, and begins with a letter: what SNS takes as a subject. */
static void subject_make(const json_t *object, const struct view *view, size_t size, char *out)
{
	char title[512];

	screen_text(view->title, title, sizeof(title));
	/* Cut where it is too long. */
	if (snprintf(out, size, "cordon %s on %.40s: %s", view->severity, place_of(object, view),
		     title) < 0)
		out[0] = '\0';
	for (; *out; out++)
		if ((unsigned char)*out < 0x20 || (unsigned char)*out > 0x7e)
			*out = '?';
}

/* Each protocol's own message; default is for all others, and must be there. */
static char *message_make(const char *text, const char *brief, const char *line)
{
	static const char *const programs[] = { "sqs", "lambda", "http", "https", "firehose" };
	CLEANUP(json_decref_cleanup)
	json_t *object = json_pack("{s:s, s:s}", "default", text, "sms", brief);

	for (size_t i = 0; object && line && i < ELEMENTS(programs); i++)
		if (json_object_set_new(object, programs[i], json_string(line)) < 0)
			return NULL;
	return object ? json_dumps(object, JSON_COMPACT) : NULL;
}

static void lower(const char *text, size_t size, char *out)
{
	size_t i = 0;

	for (; text[i] && i + 1 < size; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[i] = '\0';
}

/* line NULL: without the finding itself. */
static char *notice_make(const json_t *object, const struct view *view, const char *line)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const char *delivery = json_string_value(json_object_get(metadata, "uid"));
	char subject[NOTICE_SUBJECT_SIZE], brief[SHORT_SIZE], severity[32];
	CLEANUP(json_decref_cleanup) json_t *notice = NULL;
	CLEANUP(free_cleanup) char *message = NULL;
	struct text text = { .used = 0 };

	text_make(object, view, &text);
	subject_make(object, view, sizeof(subject), subject);
	subject_make(object, view, sizeof(brief), brief);
	lower(view->severity, sizeof(severity), severity);
	message = message_make(text.bytes, brief, line);
	if (!message)
		return NULL;
	notice = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "subject", subject, "message", message,
			   "severity", severity, "detector", view->detector, "uid", view->uid,
			   "delivery", delivery ? delivery : view->uid);
	return notice ? json_dumps(notice, JSON_COMPACT) : NULL;
}

char *notice_finding(const json_t *object, const char *line)
{
	struct view view;
	char *notice;

	view_read(object, &view);
	if (view.activity || !*view.uid || !*view.detector || !*view.severity)
		return NULL;
	notice = notice_make(object, &view, line);
	if (notice && strlen(notice) > NOTICE_MAX) {
		free(notice);
		notice = notice_make(object, &view, NULL);
	}
	return notice;
}
