/* SPDX-License-Identifier: Apache-2.0 */
#include "sink_bodies.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

static void document_read(const char *text, size_t size, body_finding found, void *userdata)
{
	json_t *object = json_loadb(text, size, 0, NULL);
	const json_t *info = json_object_get(object, "finding_info");
	const char *uid = json_string_value(json_object_get(info, "uid"));

	assert_non_null(uid);
	found(uid, (uint64_t)json_integer_value(json_object_get(object, "count")), userdata);
	json_decref(object);
}

static size_t list_read(const void *body, size_t size, const char *list, const char *member,
			body_finding found, void *userdata)
{
	json_t *object = json_loadb(body, size, 0, NULL), *entry;
	const json_t *entries = json_object_get(object, list);
	size_t count = json_array_size(entries), i;

	assert_true(count > 0);
	json_array_foreach(entries, i, entry)
	{
		const json_t *text = json_object_get(entry, member);

		assert_true(json_is_string(text));
		document_read(json_string_value(text), json_string_length(text), found, userdata);
	}
	json_decref(object);
	return count;
}

static size_t hub_read(const void *body, size_t size, body_finding found, void *userdata)
{
	json_t *object = json_loadb(body, size, 0, NULL), *entry;
	const json_t *entries = json_object_get(object, "Findings");
	size_t count = json_array_size(entries), i;

	assert_true(count > 0);
	json_array_foreach(entries, i, entry)
	{
		const char *id = json_string_value(json_object_get(entry, "Id"));
		const json_t *fields = json_object_get(entry, "ProductFields");
		const char *times = json_string_value(json_object_get(fields, "cordon/count"));

		assert_non_null(id);
		assert_non_null(times);
		assert_memory_equal(id, "cordon/", 7);
		found(id + 7, strtoull(times, NULL, 10), userdata);
	}
	json_decref(object);
	return count;
}

/* In place; up to the next '&'. */
static char *form_value(char *text)
{
	char *out = text, *in = text;

	while (*in && *in != '&') {
		bool coded = *in == '%';
		const char digits[] = { coded ? in[1] : '0', coded ? in[2] : '0', '\0' };

		*out++ = coded ? (char)strtol(digits, NULL, 16) : *in;
		in += coded ? 3 : 1;
	}
	*out = '\0';
	return text;
}

/* What SNS gives to a queue that has subscribed. */
static size_t form_read(const void *body, size_t size, body_finding found, void *userdata)
{
	size_t count = 0;

	for (;; count++) {
		char *copy = strndup(body, size), key[80], *at;
		json_t *message;
		const json_t *text;

		(void)snprintf(key, sizeof(key),
			       "&PublishBatchRequestEntries.member.%zu.Message=", count + 1);
		assert_non_null(copy);
		at = strstr(copy, key);
		if (!at) {
			free(copy);
			return count;
		}
		message = json_loads(form_value(at + strlen(key)), 0, NULL);
		text = json_object_get(message, "sqs");
		assert_true(json_is_string(text));
		document_read(json_string_value(text), json_string_length(text), found, userdata);
		json_decref(message);
		free(copy);
	}
}

static size_t gzip_read(const void *body, size_t size, body_finding found, void *userdata)
{
	static char lines[4 << 20];
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)body,
			    .avail_in = (uInt)size,
			    .next_out = (Bytef *)lines,
			    .avail_out = sizeof(lines) };
	size_t count = 0, total;

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	total = stream.total_out;
	assert_int_equal(inflateEnd(&stream), Z_OK);
	for (const char *line = lines; line < lines + total; count++) {
		const char *end = memchr(line, '\n', total - (size_t)(line - lines));

		assert_non_null(end);
		document_read(line, (size_t)(end - line), found, userdata);
		line = end + 1;
	}
	return count;
}

size_t body_read(const char *service, const void *body, size_t size, body_finding found,
		 void *userdata)
{
	if (strcmp(service, "logs") == 0)
		return list_read(body, size, "logEvents", "message", found, userdata);
	if (strcmp(service, "events") == 0)
		return list_read(body, size, "Entries", "Detail", found, userdata);
	if (strcmp(service, "securityhub") == 0)
		return hub_read(body, size, found, userdata);
	if (strcmp(service, "sns") == 0)
		return form_read(body, size, found, userdata);
	assert_string_equal(service, "s3");
	return gzip_read(body, size, found, userdata);
}
