/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/fetch_url.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/cleanup.h"

static void curl_text_cleanup(char **text)
{
	curl_free(*text);
}

CLEANUP_DEFINE(CURLU *, curl_url_cleanup)

static bool is_loopback(const char *host)
{
	struct address address;
	char text[ADDRESS_TEXT_SIZE];
	size_t length = strlen(host);

	if (strcmp(host, "localhost") == 0)
		return true;
	/* "[::1]" */
	if (*host == '[' && length > 2 && length - 2 < sizeof(text)) {
		memcpy(text, host + 1, length - 2);
		text[length - 2] = '\0';
		host = text;
	}
	return address_parse(host, &address) == 0 && address_is_loopback(&address);
}

enum scheme {
	SCHEME_BAD,
	SCHEME_HTTPS,
	SCHEME_LOOPBACK, /* plain, to this host */
};

static enum scheme url_scheme(CURLU *url)
{
	CLEANUP(curl_text_cleanup) char *scheme = NULL;
	CLEANUP(curl_text_cleanup) char *host = NULL;
	CLEANUP(curl_text_cleanup) char *user = NULL;

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return SCHEME_BAD;
	/* A password in an address ends up in logs and status. */
	if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
		return SCHEME_BAD;
	if (strcmp(scheme, "https") == 0)
		return SCHEME_HTTPS;
	return strcmp(scheme, "http") == 0 && is_loopback(host) ? SCHEME_LOOPBACK : SCHEME_BAD;
}

enum fetch_url_kind fetch_url_kind(const char *url)
{
	CLEANUP(curl_url_cleanup_cleanup) CURLU *parsed = NULL;

	if (strncmp(url, "ssm:", 4) == 0)
		return url[4] ? FETCH_URL_SSM : FETCH_URL_BAD;
	if (strncmp(url, "s3://", 5) == 0)
		return FETCH_URL_S3;
	parsed = curl_url();
	if (!parsed || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK)
		return FETCH_URL_BAD;
	return url_scheme(parsed) == SCHEME_BAD ? FETCH_URL_BAD : FETCH_URL_HTTP;
}

int fetch_url_join(const char *base, const char *location, char out[static FETCH_URL_SIZE])
{
	CLEANUP(curl_url_cleanup_cleanup) CURLU *url = curl_url();
	CLEANUP(curl_text_cleanup) char *text = NULL;
	enum scheme from, to;

	if (!url || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK)
		return -EINVAL;
	from = url_scheme(url);
	if (curl_url_set(url, CURLUPART_URL, location, 0) != CURLUE_OK)
		return -EINVAL;
	to = url_scheme(url);
	if (to == SCHEME_BAD || (to == SCHEME_LOOPBACK && from != SCHEME_LOOPBACK))
		return -EPERM;
	if (curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK ||
	    strlen(text) >= FETCH_URL_SIZE)
		return -EINVAL;
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static bool unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~/", c));
}

int fetch_url_s3_path(const char *url, char *out, size_t size)
{
	const char *bucket = url + strlen("s3://"), *slash = strchr(bucket, '/');
	size_t used = 0;

	if (!slash || slash == bucket || !slash[1])
		return -EINVAL;
	out[used++] = '/';
	for (const char *at = bucket; *at; at++) {
		if (used + 4 > size)
			return -EINVAL;
		if (unreserved(*at))
			out[used++] = *at;
		else
			used += (size_t)snprintf(out + used, 4, "%%%02X", (unsigned char)*at);
	}
	out[used] = '\0';
	return 0;
}

bool fetch_url_is_pointer(const char *value)
{
	return strncmp(value, "https://", 8) == 0 || strncmp(value, "s3://", 5) == 0;
}
