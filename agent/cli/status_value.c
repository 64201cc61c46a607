/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const json_t *value_find(const json_t *object, const char *path)
{
	while (object) {
		size_t length = strcspn(path, ".");
		char key[64];

		if (length >= sizeof(key))
			return NULL;
		memcpy(key, path, length);
		key[length] = '\0';
		object = json_object_get(object, key);
		if (!path[length])
			break;
		path += length + 1;
	}
	return object;
}

uint64_t value_number(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) > 0
		       ? (uint64_t)json_integer_value(value)
		       : 0;
}

static void bytes_show(uint64_t bytes, char *out, size_t size)
{
	if (bytes >= UINT64_C(1) << 20)
		(void)snprintf(out, size, "%.1f MiB", (double)bytes / (1 << 20));
	else
		(void)snprintf(out, size, "%.1f KiB", (double)bytes / (1 << 10));
}

static void seconds_show(uint64_t seconds, char *out, size_t size)
{
	if (seconds >= 86400)
		(void)snprintf(out, size, "%" PRIu64 " d %" PRIu64 " h", seconds / 86400,
			       seconds / 3600 % 24);
	else if (seconds >= 3600)
		(void)snprintf(out, size, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600,
			       seconds / 60 % 60);
	else if (seconds >= 60)
		(void)snprintf(out, size, "%" PRIu64 " min %" PRIu64 " s", seconds / 60,
			       seconds % 60);
	else
		(void)snprintf(out, size, "%" PRIu64 " s", seconds);
}

void value_show(const json_t *value, enum form form, char *out, size_t size)
{
	const char *text = json_string_value(value);
	uint64_t number = value_number(value);

	if (form == FORM_TEXT	 ? !text
	    : form == FORM_TRUTH ? !json_is_boolean(value)
				 : !json_is_integer(value))
		(void)snprintf(out, size, "-");
	else if (form == FORM_TEXT)
		(void)snprintf(out, size, "%s", text);
	else if (form == FORM_TRUTH)
		(void)snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
	else if (form == FORM_BYTES)
		bytes_show(number, out, size);
	else if (form == FORM_SECONDS)
		seconds_show(number, out, size);
	else if (form == FORM_MICROSECONDS)
		(void)snprintf(out, size, "%.2f s", (double)number / 1e6);
	else
		(void)snprintf(out, size, "%" PRIu64, number);
}
