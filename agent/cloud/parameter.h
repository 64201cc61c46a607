/* SPDX-License-Identifier: Apache-2.0
 *
 * A parameter of Parameter Store, on its way from SSM's reply through the channel to cordond. What
 * stands in it is whoever's who may write it; the bytes are a stranger's on both sides.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Of an advanced parameter. */
#define PARAMETER_VALUE_MAX ((size_t)8192)

struct parameter {
	char *value; /* owned; UTF-8 without a NUL in it */
	uint64_t version;
};

/* The body of a GetParameter, and what its reply has: to be freed, to be cleared. NULL: no memory;
 * -EBADMSG: it is none. Some who stand in for SSM leave the version out: 0. max: bytes of a value.
 */
char *parameter_request(const char *name, size_t size);
int parameter_reply(const char *body, size_t size, size_t max, struct parameter *ret);

/* The answer for the channel, made of GetParameter's reply: to be freed. NULL: it is none. */
char *parameter_answer(const char *body, size_t size);
/* Reads that answer. -EBADMSG. */
int parameter_read(const char *answer, size_t size, struct parameter *ret);
void parameter_clear(struct parameter *parameter);
