/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers of a reply. Gets them from http.c, which keeps what they say; whoever answers chose each
 * byte of them.
 */
#pragma once

#include <stddef.h>

#include "cloud/http.h"

/* One line, as it came: size bytes, with its end or without. What is not wanted, or too long, or
 * holds a NUL, leaves reply as it is. */
void http_header_read(const char *line, size_t size, struct http_reply *reply);
