/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/sigv4.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

/* A text that is put together; bytes and size are the stream's own. */
struct text {
	FILE *stream;
	char *bytes;
	size_t size;
};

static void text_close(struct text *text)
{
	if (text->stream)
		(void)fclose(text->stream);
	free(text->bytes);
}

static int text_open(struct text *text)
{
	text->stream = open_memstream(&text->bytes, &text->size);
	return text->stream ? 0 : -errno;
}

/* Ends the text: the caller's to free, or NULL when memory was short. */
static char *text_take(struct text *text)
{
	bool failed = ferror(text->stream) != 0;

	failed |= fclose(text->stream) != 0;
	text->stream = NULL;
	return failed ? NULL : take_ptr(text->bytes);
}

/* RFC 3986, 2.3: what is never encoded. */
static bool is_unreserved(unsigned char c)
{
	return (c < 0x80 && isalnum(c)) || (c && strchr("-._~", c));
}

static void encode(FILE *out, const char *bytes, size_t size, const char *kept)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (is_unreserved(c) || (c && strchr(kept, c)))
			(void)fputc(c, out);
		else
			(void)fprintf(out, "%%%02X", c);
	}
}

/* Removes empty and dot segments (RFC 3986, 5.2.4, and AWS's: no empty ones either). In place: the
 * path starts one byte after out, which leaves room for the slash before a first segment without.
 */
static void path_normalise(char *out)
{
	char *path = out, *in = out + 1;
	bool folder = true; /* the path ends in a slash */

	while (*in) {
		size_t length;

		in += strspn(in, "/");
		length = strcspn(in, "/");
		folder = length == 0;
		if (length == 2 && strncmp(in, "..", 2) == 0) {
			while (out > path && *--out != '/')
				;
			folder = true;
		} else if (length == 1 && *in == '.') {
			folder = true;
		} else if (length > 0) {
			*out++ = '/';
			memmove(out, in, length);
			out += length;
		}
		in += length;
	}
	if (folder)
		*out++ = '/';
	*out = '\0';
}

static int path_write(FILE *out, const struct sigv4_request *request)
{
	CLEANUP(free_cleanup) char *path = NULL;

	if (request->path_as_is) {
		(void)fprintf(out, "%s\n", *request->path ? request->path : "/");
		return 0;
	}
	path = calloc(1, strlen(request->path) + 2);
	if (!path)
		return -ENOMEM;
	memcpy(path + 1, request->path, strlen(request->path));
	path_normalise(path);
	encode(out, path, strlen(path), "/");
	(void)fputc('\n', out);
	return 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Undoes percent-encoding, so that each byte is then encoded in the one canonical way. */
static void decode_encode(FILE *out, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = bytes[i];

		if (c == '%' && size - i > 2 && digit(bytes[i + 1]) >= 0 &&
		    digit(bytes[i + 2]) >= 0) {
			c = (char)(digit(bytes[i + 1]) << 4 | digit(bytes[i + 2]));
			i += 2;
		}
		encode(out, &c, 1, "");
	}
}

/* One parameter of the query, "name=value" encoded, to be sorted by name, then by value. */
struct parameter {
	char *text;
	size_t name;
};

static int parameter_compare(const void *left, const void *right)
{
	const struct parameter *a = left, *b = right;
	size_t shorter = a->name < b->name ? a->name : b->name;
	int order = memcmp(a->text, b->text, shorter);

	if (order != 0)
		return order;
	if (a->name != b->name)
		return a->name < b->name ? -1 : 1;
	return strcmp(a->text + a->name, b->text + b->name);
}

static int parameter_read(const char *part, size_t size, struct parameter *ret)
{
	CLEANUP(text_close) struct text text = { 0 };
	const char *equals = memchr(part, '=', size);
	size_t name = equals ? (size_t)(equals - part) : size;
	int r = text_open(&text);

	if (r < 0)
		return r;
	decode_encode(text.stream, part, name);
	(void)fflush(text.stream);
	ret->name = text.size;
	(void)fputc('=', text.stream);
	if (equals)
		decode_encode(text.stream, equals + 1, size - name - 1);
	ret->text = text_take(&text);
	return ret->text ? 0 : -ENOMEM;
}

static int query_write(FILE *out, const char *query)
{
	struct parameter *parameters;
	size_t count = 0, room = 1;
	int r = 0;

	for (const char *at = query; at && *at; at++)
		room += *at == '&';
	parameters = calloc(room, sizeof(*parameters));
	if (!parameters)
		return -ENOMEM;
	for (const char *at = query; at && *at && r == 0;) {
		size_t size = strcspn(at, "&");

		if (size > 0)
			r = parameter_read(at, size, &parameters[count]);
		if (size > 0 && r == 0)
			count++;
		at += size + (at[size] == '&');
	}
	qsort(parameters, count, sizeof(*parameters), parameter_compare);
	for (size_t i = 0; i < count; i++) {
		(void)fprintf(out, "%s%s", i ? "&" : "", parameters[i].text);
		free(parameters[i].text);
	}
	free(parameters);
	(void)fputc('\n', out);
	return r;
}

static void value_write(FILE *out, const char *value)
{
	bool space = false, begun = false;

	for (; *value; value++) {
		if (*value == ' ' || *value == '\t') {
			space = true;
			continue;
		}
		if (space && begun)
			(void)fputc(' ', out);
		space = false;
		begun = true;
		(void)fputc(*value, out);
	}
}

/* Headers of one name stay in the order that they are sent in: then qsort must not move them. */
struct header {
	const struct sigv4_header *header;
	size_t number;
};

static int header_compare(const void *left, const void *right)
{
	const struct header *a = left, *b = right;
	int order = strcasecmp(a->header->name, b->header->name);

	return order ? order : a->number < b->number ? -1 : 1;
}

static struct header *headers_sort(const struct sigv4_request *request)
{
	struct header *sorted = calloc(request->header_count + 1, sizeof(*sorted));

	for (size_t i = 0; sorted && i < request->header_count; i++)
		sorted[i] = (struct header){ &request->headers[i], i };
	if (sorted)
		qsort(sorted, request->header_count, sizeof(*sorted), header_compare);
	return sorted;
}

static bool header_again(const struct header *sorted, size_t i)
{
	return i > 0 && strcasecmp(sorted[i].header->name, sorted[i - 1].header->name) == 0;
}

static void name_write(FILE *out, const char *name)
{
	for (; *name; name++)
		(void)fputc(tolower((unsigned char)*name), out);
}

static void headers_write(FILE *out, const struct header *sorted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (header_again(sorted, i)) {
			(void)fputc(',', out);
		} else {
			(void)fputs(i ? "\n" : "", out);
			name_write(out, sorted[i].header->name);
			(void)fputc(':', out);
		}
		value_write(out, sorted[i].header->value);
	}
	(void)fputs("\n\n", out);
}

static void names_write(FILE *out, const struct header *sorted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (header_again(sorted, i))
			continue;
		(void)fputs(i ? ";" : "", out);
		name_write(out, sorted[i].header->name);
	}
}

static int request_check(const struct sigv4_request *request)
{
	if (!*request->method || !*request->region || !*request->service ||
	    strlen(request->date) != SIGV4_DATE_SIZE - 1)
		return -EINVAL;
	for (size_t i = 0; i < request->header_count; i++)
		if (!*request->headers[i].name || strpbrk(request->headers[i].name, "\r\n:") ||
		    strpbrk(request->headers[i].value, "\r\n"))
			return -EINVAL;
	return 0;
}

static int canonical(const struct sigv4_request *request, const struct header *sorted, char **ret)
{
	CLEANUP(text_close) struct text text = { 0 };
	int r = text_open(&text);

	if (r < 0)
		return r;
	(void)fprintf(text.stream, "%s\n", request->method);
	r = path_write(text.stream, request);
	if (r == 0)
		r = query_write(text.stream, request->query);
	if (r < 0)
		return r;
	headers_write(text.stream, sorted, request->header_count);
	names_write(text.stream, sorted, request->header_count);
	(void)fprintf(text.stream, "\n%s", request->payload_hash);
	*ret = text_take(&text);
	return *ret ? 0 : -ENOMEM;
}

int sigv4_canonical(const struct sigv4_request *request, char **ret)
{
	CLEANUP(free_cleanup) struct header *sorted = headers_sort(request);
	int r = request_check(request);

	if (r < 0)
		return r;
	return sorted ? canonical(request, sorted, ret) : -ENOMEM;
}

void sigv4_date(time_t time, char out[static SIGV4_DATE_SIZE])
{
	struct tm tm;

	(void)gmtime_r(&time, &tm);
	(void)strftime(out, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

int sigv4_payload_hash(const void *body, size_t size, char out[static SHA256_TEXT_SIZE])
{
	uint8_t hash[SHA256_SIZE];
	int r = digest_sha256(body, size, hash);

	if (r == 0)
		digest_text(hash, sizeof(hash), out);
	return r;
}

/* The chain of keys: secret, day, region, service, and what makes it a request's. */
static int signing_key(const struct sigv4_request *request, const char *secret_key,
		       uint8_t key[static SHA256_SIZE])
{
	CLEANUP(free_cleanup) char *first = NULL;
	int r, length = asprintf(&first, "AWS4%s", secret_key);

	if (length < 0) {
		first = NULL;
		return -ENOMEM;
	}
	r = digest_hmac_sha256(first, (size_t)length, request->date, 8, key);
	explicit_bzero(first, (size_t)length);
	if (r == 0)
		r = digest_hmac_sha256(key, SHA256_SIZE, request->region, strlen(request->region),
				       key);
	if (r == 0)
		r = digest_hmac_sha256(key, SHA256_SIZE, request->service, strlen(request->service),
				       key);
	if (r == 0)
		r = digest_hmac_sha256(key, SHA256_SIZE, "aws4_request", strlen("aws4_request"),
				       key);
	return r;
}

/* Signs the canonical request's hash; signature: in hex. */
static int signature(const struct sigv4_request *request, const char *scope, const char *hashed,
		     const char *secret_key, char out[static SHA256_TEXT_SIZE])
{
	CLEANUP(free_cleanup) char *to_sign = NULL;
	uint8_t key[SHA256_SIZE], mac[SHA256_SIZE];
	char hash[SHA256_TEXT_SIZE];
	int r = sigv4_payload_hash(hashed, strlen(hashed), hash);

	if (r < 0)
		return r;
	if (asprintf(&to_sign, ALGORITHM "\n%s\n%s\n%s", request->date, scope, hash) < 0) {
		to_sign = NULL;
		return -ENOMEM;
	}
	r = signing_key(request, secret_key, key);
	if (r == 0)
		r = digest_hmac_sha256(key, sizeof(key), to_sign, strlen(to_sign), mac);
	explicit_bzero(key, sizeof(key));
	if (r == 0)
		digest_text(mac, sizeof(mac), out);
	return r;
}

static int authorization(const struct header *sorted, size_t count, const char *access_key,
			 const char *scope, const char *signed_, char **ret)
{
	CLEANUP(text_close) struct text text = { 0 };
	int r = text_open(&text);

	if (r < 0)
		return r;
	(void)fprintf(text.stream, ALGORITHM " Credential=%s/%s, SignedHeaders=", access_key,
		      scope);
	names_write(text.stream, sorted, count);
	(void)fprintf(text.stream, ", Signature=%s", signed_);
	*ret = text_take(&text);
	return *ret ? 0 : -ENOMEM;
}

int sigv4_sign(const struct sigv4_request *request, const char *access_key, const char *secret_key,
	       char **ret_authorization)
{
	CLEANUP(free_cleanup) struct header *sorted = headers_sort(request);
	CLEANUP(free_cleanup) char *hashed = NULL, *scope = NULL;
	char signed_[SHA256_TEXT_SIZE];
	int r = request_check(request);

	if (r < 0)
		return r;
	if (!sorted)
		return -ENOMEM;
	r = canonical(request, sorted, &hashed);
	if (r < 0)
		return r;
	if (asprintf(&scope, "%.8s/%s/%s/aws4_request", request->date, request->region,
		     request->service) < 0) {
		scope = NULL;
		return -ENOMEM;
	}
	r = signature(request, scope, hashed, secret_key, signed_);
	if (r < 0)
		return r;
	return authorization(sorted, request->header_count, access_key, scope, signed_,
			     ret_authorization);
}
