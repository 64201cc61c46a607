/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/http_authority.h"

#include <string.h>

static void port_read(const char *text, size_t size, struct http_authority *authority)
{
	unsigned port = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9' || port > UINT16_MAX / 10 ||
		    port * 10 + (unsigned)(text[i] - '0') > UINT16_MAX) {
			authority->reason = "a port that is no number of a port";
			return;
		}
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	authority->port = (uint16_t)port;
}

/* "[2001:db8::1]:80": what follows the bracket. */
static void literal_read(const char *text, size_t size, struct http_authority *authority)
{
	const char *end = memchr(text, ']', size);
	size_t length;

	if (!end) {
		authority->reason = "an address without its closing bracket";
		return;
	}
	length = (size_t)(end - text);
	authority->host = text + 1;
	authority->size = length - 1;
	if (length + 1 == size)
		return;
	if (end[1] == ':')
		port_read(end + 2, size - length - 2, authority);
	else
		authority->reason = "text behind the bracket of an address";
}

static bool text_odd(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return true;
	return false;
}

void http_authority_read(const char *text, size_t size, struct http_authority *ret)
{
	const char *at = memrchr(text, '@', size), *colon;
	size_t user = at ? (size_t)(at - text) + 1 : 0;

	*ret = (struct http_authority){ .host = text + user, .size = size - user };
	text = ret->host;
	size = ret->size;
	if (size > 0 && text[0] == '[') {
		literal_read(text, size, ret);
	} else {
		colon = memchr(text, ':', size);
		/* Two colons: an IPv6 address that lacks its brackets. */
		if (colon && memrchr(text, ':', size) != colon) {
			ret->reason = "a host with more than one colon";
		} else if (colon) {
			ret->size = (size_t)(colon - text);
			port_read(colon + 1, size - ret->size - 1, ret);
		}
	}
	if (text_odd(ret->host, ret->size))
		ret->reason = "a host with blanks or control characters";
}
