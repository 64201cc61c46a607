/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/http_headers.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

#define RETRY_AFTER_MAX 3600 /* seconds; what is longer is not waited for anyway */

static void retry_after_read(const char *value, struct http_reply *reply)
{
	uint64_t seconds;

	/* As a date it is not used by the services that are called. */
	if (parse_u64(value, RETRY_AFTER_MAX, &seconds) == 0)
		reply->retry_after = seconds * NS_PER_SECOND;
}

static void date_read(const char *value, struct http_reply *reply)
{
	time_t date = curl_getdate(value, NULL);

	reply->date = date > 0 ? date : 0;
}

/* "AccessDenied:http://..." has been seen: what follows the colon is not the code. */
static void error_type_read(const char *value, struct http_reply *reply)
{
	(void)snprintf(reply->error_type, sizeof(reply->error_type), "%.*s",
		       (int)strcspn(value, ":"), value);
}

/* One that is cut is another one: then there is none. */
static void text_read(const char *value, char *out, size_t size)
{
	if (strlen(value) < size)
		memcpy(out, value, strlen(value) + 1);
}

static void etag_read(const char *value, struct http_reply *reply)
{
	text_read(value, reply->etag, sizeof(reply->etag));
}

static void modified_read(const char *value, struct http_reply *reply)
{
	text_read(value, reply->modified, sizeof(reply->modified));
}

static void location_read(const char *value, struct http_reply *reply)
{
	text_read(value, reply->location, sizeof(reply->location));
}

/* Headers of a reply that somebody wants to know. */
static const struct {
	const char *name;
	void (*read)(const char *value, struct http_reply *reply);
} header_rows[] = {
	{ "date", date_read },
	{ "etag", etag_read },
	{ "last-modified", modified_read },
	{ "location", location_read },
	{ "retry-after", retry_after_read },
	{ "x-amzn-errortype", error_type_read },
};

void http_header_read(const char *line, size_t size, struct http_reply *reply)
{
	size_t name = 0, end = size, begin;
	char value[HTTP_LOCATION_SIZE];

	while (name < size && line[name] != ':')
		name++;
	begin = name + 1;
	while (begin < end && (line[begin] == ' ' || line[begin] == '\t'))
		begin++;
	while (end > begin && strchr(" \t\r\n", line[end - 1]))
		end--;
	if (begin >= end || end - begin >= sizeof(value) || memchr(line, '\0', size))
		return;
	memcpy(value, line + begin, end - begin);
	value[end - begin] = '\0';
	for (size_t i = 0; i < ELEMENTS(header_rows); i++)
		if (strlen(header_rows[i].name) == name &&
		    strncasecmp(header_rows[i].name, line, name) == 0)
			header_rows[i].read(value, reply);
}
