/* SPDX-License-Identifier: Apache-2.0
 *
 * A parameter of Parameter Store: what asks for it, and SSM's reply. What stands in it is whoever's
 * who may write it; the bytes are a stranger's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct parameter {
	char *value; /* owned; UTF-8 without a NUL in it */
	uint64_t version;
};

/* The body of a GetParameter, and what its reply has: to be freed, to be cleared. NULL: no memory;
 * -EBADMSG: it is none. Some who stand in for SSM leave the version out: 0. max: bytes of a value.
 */
char *parameter_request(const char *name, size_t size);
int parameter_reply(const char *body, size_t size, size_t max, struct parameter *ret);
void parameter_clear(struct parameter *parameter);
