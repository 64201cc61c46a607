/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for services that take only so much of it.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* How many of its first bytes are whole characters and not more than size. */
size_t text_fit(const char *text, size_t size);

/* At most size bytes of it, whole characters: a new reference, or NULL when memory is short or it
 * is not UTF-8. */
json_t *text_json(const char *text, size_t size);
