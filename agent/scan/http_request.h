/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of an HTTP/1 request (RFC 9112): whom it is for. Given the bytes of a stream as they
 * come. The client controls every byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_facts;
struct flow_names;

/* Where the body ends, and the next request begins (RFC 9112, 6.3). */
enum http_body {
	HTTP_BODY_LENGTH,  /* length bytes */
	HTTP_BODY_CHUNKED, /* see http_chunks_skip() */
	HTTP_BODY_UNKNOWN, /* lengths that contradict each other, or that nobody can read */
};

struct http_request {
	enum http_body body;
	uint64_t length;
	bool tunnel; /* CONNECT: what follows is for somebody else */
};

/* Whether a stream that starts like this is a request: 1 yes, 0 no, -ENODATA: too short to say. A
 * method and a blank, and on the same line "HTTP/", or a method that everybody knows and a target
 * (then it may be HTTP/0.9). */
int http_request_look(const char *bytes, size_t size);

/* Bytes up to and with the blank line that ends the head (of HTTP/0.9: with its only line); 0 when
 * it has not come yet. *searched is what was looked at before; 0 at first. */
size_t http_head_size(const char *bytes, size_t size, size_t *searched);

/* Reads a head; what of it is there, if it was cut. Fills facts (method, name, port; outcome and
 * reason when rules are broken, of which the first is told) and names. An absolute target's host
 * stands over Host (RFC 9112, 3.2.2), which is then among names, if it differs. */
void http_request_read(const char *bytes, size_t size, struct http_request *ret,
		       struct flow_facts *facts, struct flow_names *names);

/* Bytes of a chunked body and its trailers (RFC 9112, 7.1): 1 with *ret_size; 0 when it has not
 * come to its end, *ret_size is then of the chunks that are there, to go on behind them; -EBADMSG.
 */
int http_chunks_skip(const char *bytes, size_t size, size_t *ret_size);
