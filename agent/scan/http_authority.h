/* SPDX-License-Identifier: Apache-2.0
 *
 * An authority (RFC 3986, 3.2): [userinfo "@"] host [":" port], as in a Host header, an absolute
 * target, a CONNECT, or ":authority". Somebody else's text; it is taken apart, never refused: a
 * server may be less strict than we.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_authority {
	const char *host; /* within the text; without the brackets of an address; raw */
	size_t size;
	uint16_t port;	    /* 0: none */
	const char *reason; /* static text: what breaks the rules; NULL */
};

void http_authority_read(const char *text, size_t size, struct http_authority *ret);
