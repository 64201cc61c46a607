/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/http_request.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "scan/flow_names.h"
#include "scan/http_authority.h"

/* A method is a token (RFC 9110, 9.1); the longest registered has 17 characters. */
#define METHOD_LOOK_MAX 32
/* A Host value, unfolded. A name has 255 bytes at most. */
#define VALUE_MAX	512
/* Bytes of empty lines before a request. Clients that send any send one. */
#define BLANK_MAX	16
#define VERSION		"HTTP/"

struct text {
	const char *at;
	size_t size;
};

struct reading {
	struct http_request *request;
	struct flow_facts *facts;
	struct flow_names *names;
	bool host, length, chunked; /* such a field was there */
};

/* RFC 9110, 5.6.2 */
static bool token_character(char character)
{
	return isascii(character) && (isalnum((unsigned char)character) ||
				      (character != '\0' && strchr("!#$%&'*+-.^_`|~", character)));
}

static bool method_known(const char *text, size_t size)
{
	static const char *const methods[] = { "GET",	  "POST",    "HEAD",  "PUT",  "DELETE",
					       "CONNECT", "OPTIONS", "TRACE", "PATCH" };

	for (unsigned i = 0; i < ELEMENTS(methods); i++)
		if (strlen(methods[i]) == size && memcmp(methods[i], text, size) == 0)
			return true;
	return false;
}

/* Empty lines before a request are to be passed over (RFC 9112, 2.2). */
static size_t blank_lines(const char *bytes, size_t size)
{
	size_t at = 0;

	while (at < size && at < BLANK_MAX && (bytes[at] == '\r' || bytes[at] == '\n'))
		at++;
	return at;
}

/* The line at *at without its end, which is LF or CRLF; *at is moved behind it. False when its end
 * is not there; then it is what is. */
static bool line_next(const char *bytes, size_t size, size_t *at, struct text *ret)
{
	const char *begin = bytes + *at, *end = memchr(begin, '\n', size - *at);

	ret->at = begin;
	ret->size = end ? (size_t)(end - begin) : size - *at;
	*at += ret->size + (end != NULL);
	if (ret->size > 0 && begin[ret->size - 1] == '\r')
		ret->size--;
	return end;
}

static size_t method_size(const char *bytes, size_t size)
{
	size_t length = 0;

	while (length < size && length <= METHOD_LOOK_MAX && token_character(bytes[length]))
		length++;
	return length;
}

static bool blank(char character)
{
	return character == ' ' || character == '\t' || character == '\r' || character == '\n';
}

static struct text text_trim(struct text text)
{
	while (text.size > 0 && blank(text.at[0]))
		text = (struct text){ text.at + 1, text.size - 1 };
	while (text.size > 0 && blank(text.at[text.size - 1]))
		text.size--;
	return text;
}

/* The version is the last word. Returns where it begins, or the line's size when there is none. */
static size_t version_find(const struct text *line)
{
	struct text rest = text_trim(*line);
	const char *blank = memrchr(rest.at, ' ', rest.size);
	size_t at = blank ? (size_t)(blank + 1 - line->at) : line->size;

	if (line->size - at < strlen(VERSION) ||
	    strncasecmp(line->at + at, VERSION, strlen(VERSION)) != 0)
		return line->size;
	return at;
}

int http_request_look(const char *bytes, size_t size)
{
	size_t at = blank_lines(bytes, size), method;
	struct text line;

	method = method_size(bytes + at, size - at);
	if (at + method == size && method <= METHOD_LOOK_MAX)
		return -ENODATA;
	if (method == 0 || method > METHOD_LOOK_MAX || bytes[at + method] != ' ')
		return 0;
	if (method_known(bytes + at, method))
		return 1;
	if (!line_next(bytes, size, &at, &line))
		return -ENODATA;
	return version_find(&line) < line.size;
}

size_t http_head_size(const char *bytes, size_t size, size_t *searched)
{
	size_t at = blank_lines(bytes, size);
	struct text line;

	if (at < *searched)
		at = *searched;
	while (at < size && line_next(bytes, size, &at, &line)) {
		bool first = line.at == bytes + blank_lines(bytes, size);

		if (line.size == 0 || (first && version_find(&line) == line.size))
			return at;
		*searched = at;
	}
	return 0;
}

static void authority_add(struct reading *reading, const char *text, size_t size)
{
	struct http_authority authority;

	http_authority_read(text, size, &authority);
	if (authority.reason)
		flow_facts_fault(reading->facts, authority.reason);
	if (!flow_names_add(reading->names, reading->facts, authority.host, authority.size,
			    authority.port))
		flow_facts_fault(reading->facts, "a host over 255 bytes, or with a NUL");
}

/* A value may go on in lines that begin with a blank (RFC 9112, 5.2: obsolete, but understood). */
static void host_read(struct reading *reading, struct text value)
{
	char unfolded[VALUE_MAX];
	size_t size = value.size < VALUE_MAX ? value.size : VALUE_MAX;
	struct text text = { unfolded, size };

	for (size_t i = 0; i < size; i++)
		unfolded[i] = value.at[i];
	if (memchr(value.at, '\n', value.size))
		for (size_t i = 0; i < size; i++)
			if (unfolded[i] == '\r' || unfolded[i] == '\n')
				unfolded[i] = ' ';
	text = text_trim(text);
	if (reading->host)
		flow_facts_fault(reading->facts, "more than one Host");
	reading->host = true;
	authority_add(reading, text.at, text.size);
}

static void length_read(struct reading *reading, struct text value)
{
	uint64_t length = 0;

	if (value.size == 0)
		reading->request->body = HTTP_BODY_UNKNOWN;
	for (size_t i = 0; i < value.size; i++) {
		if (!isdigit((unsigned char)value.at[i]) || length > UINT64_MAX / 16) {
			reading->request->body = HTTP_BODY_UNKNOWN;
			return;
		}
		length = length * 10 + (uint64_t)(value.at[i] - '0');
	}
	if (reading->length && reading->request->length != length)
		reading->request->body = HTTP_BODY_UNKNOWN;
	reading->length = true;
	reading->request->length = length;
}

static void encoding_read(struct reading *reading, struct text value)
{
	static const char chunked[] = "chunked";

	/* The last encoding counts (RFC 9112, 6.1). */
	reading->chunked =
		value.size >= strlen(chunked) &&
		strncasecmp(value.at + value.size - strlen(chunked), chunked, strlen(chunked)) == 0;
	if (!reading->chunked)
		reading->request->body = HTTP_BODY_UNKNOWN;
}

static const struct field_row {
	const char *name;
	void (*read)(struct reading *reading, struct text value);
} field_rows[] = {
	{ "Host", host_read },
	{ "Content-Length", length_read },
	{ "Transfer-Encoding", encoding_read },
};

static void field_read(struct reading *reading, struct text line)
{
	const char *colon = memchr(line.at, ':', line.size);
	struct text name, value;

	if (!colon)
		return;
	name = (struct text){ line.at, (size_t)(colon - line.at) };
	value = (struct text){ colon + 1, line.size - name.size - 1 };
	for (unsigned i = 0; i < ELEMENTS(field_rows); i++) {
		struct text bare = text_trim(name);

		if (bare.size != strlen(field_rows[i].name) ||
		    strncasecmp(bare.at, field_rows[i].name, bare.size) != 0)
			continue;
		/* Receivers differ in whether they see such a field (RFC 9112, 5.1 and 2.2). */
		if (bare.size != name.size)
			flow_facts_fault(reading->facts, "blanks around the name of a field");
		field_rows[i].read(reading, text_trim(value));
	}
}

static bool line_continues(const char *bytes, size_t size, size_t at)
{
	return at < size && (bytes[at] == ' ' || bytes[at] == '\t');
}

static void fields_read(struct reading *reading, const char *bytes, size_t size, size_t at)
{
	while (at < size) {
		struct text field, more;
		bool whole = line_next(bytes, size, &at, &field);

		if (whole && field.size == 0)
			return;
		while (whole && line_continues(bytes, size, at)) {
			whole = line_next(bytes, size, &at, &more);
			field.size = (size_t)(more.at + more.size - field.at);
		}
		/* Half a name would be another name. */
		if (whole)
			field_read(reading, field);
	}
}

/* "http://user@host:port/path" (RFC 9112, 3.2.2): the authority in it, or none. */
static bool absolute_split(struct text target, struct text *ret)
{
	size_t at = 0;

	while (at < target.size &&
	       (isalnum((unsigned char)target.at[at]) ||
		(at > 0 && strchr("+-.", target.at[at]) && target.at[at] != '\0')))
		at++;
	if (at == 0 || target.size - at < 3 || memcmp(target.at + at, "://", 3) != 0)
		return false;
	ret->at = target.at + at + 3;
	for (ret->size = 0; ret->at + ret->size < target.at + target.size; ret->size++)
		if (strchr("/?#", ret->at[ret->size]) && ret->at[ret->size] != '\0')
			break;
	return true;
}

static void line_read(struct reading *reading, const struct text *line)
{
	size_t method = method_size(line->at, line->size), version = version_find(line);
	struct text target, authority;

	memcpy(reading->facts->method, line->at,
	       method < FLOW_METHOD_MAX ? method : FLOW_METHOD_MAX);
	reading->request->tunnel = method == 7 && memcmp(line->at, "CONNECT", 7) == 0;
	if (method == version)
		return;
	target = text_trim((struct text){ line->at + method, version - method });
	/* Other protocols (NATS) say CONNECT, too, and then no name and no version. */
	if (reading->request->tunnel && version == line->size &&
	    memchr(target.at, '"', target.size))
		return;
	if (reading->request->tunnel)
		authority_add(reading, target.at, target.size);
	else if (absolute_split(target, &authority))
		authority_add(reading, authority.at, authority.size);
}

void http_request_read(const char *bytes, size_t size, struct http_request *ret,
		       struct flow_facts *facts, struct flow_names *names)
{
	struct reading reading = { .request = ret, .facts = facts, .names = names };
	size_t at = blank_lines(bytes, size);
	struct text line;

	*ret = (struct http_request){ 0 };
	/* Half a target would name another server. */
	if (!line_next(bytes, size, &at, &line))
		return;
	line_read(&reading, &line);
	fields_read(&reading, bytes, size, at);
	if (reading.chunked && ret->body != HTTP_BODY_UNKNOWN)
		ret->body = HTTP_BODY_CHUNKED;
	else if (reading.chunked)
		ret->body = HTTP_BODY_UNKNOWN;
}

/* "1A;name=value": the size of the chunk that follows (RFC 9112, 7.1). */
static int chunk_size_read(const struct text *line, uint64_t *ret)
{
	uint64_t length = 0;
	size_t digits = 0;

	for (; digits < line->size && isxdigit((unsigned char)line->at[digits]); digits++) {
		char digit = (char)tolower((unsigned char)line->at[digits]);

		if (length > UINT64_MAX / 32)
			return -EBADMSG;
		length = length * 16 + (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
	}
	*ret = length;
	return digits > 0 ? 0 : -EBADMSG;
}

int http_chunks_skip(const char *bytes, size_t size, size_t *ret_size)
{
	size_t at = 0;
	struct text line;

	*ret_size = 0;
	while (line_next(bytes, size, &at, &line)) {
		uint64_t length;

		if (chunk_size_read(&line, &length) < 0)
			return -EBADMSG;
		if (length == 0)
			break;
		if (length > size - at)
			return 0;
		at += (size_t)length;
		/* The line end behind the chunk. */
		if (!line_next(bytes, size, &at, &line))
			return 0;
		*ret_size = at;
	}
	while (line_next(bytes, size, &at, &line)) {
		if (line.size == 0) {
			*ret_size = at;
			return 1;
		}
	}
	return 0;
}
