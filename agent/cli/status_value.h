/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of the daemon's reply as text for people. The reply is taken as a stranger's: what is
 * missing, or of another kind, is shown as "-".
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum form {
	FORM_TEXT,
	FORM_NUMBER,
	FORM_BYTES,
	FORM_SECONDS,
	FORM_MICROSECONDS,
	FORM_TRUTH,
};

/* The value at "a.b", or NULL. */
const json_t *value_find(const json_t *object, const char *path);
/* 0 for what is no number, or is negative. */
uint64_t value_number(const json_t *value);
void value_show(const json_t *value, enum form form, char *out, size_t size);
