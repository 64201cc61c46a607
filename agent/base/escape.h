/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that somebody else chose, made safe to show: control characters, escape sequences,
 * backslashes and bytes that are not well-formed UTF-8 become \xHH, so that what is printed can
 * neither move the cursor nor forge a line, and can be read back. Bidirectional overrides and
 * other characters that are not to be seen are escaped byte by byte, too.
 */
#pragma once

#include <stddef.h>

/* Writes size bytes of text, escaped and NUL-terminated, into out (out_size bytes, at least 1).
 * What does not fit is cut at a whole character, and "..." put in its place when out_size is at
 * least 4. Returns the length written. */
size_t escape_text(const char *text, size_t size, char *out, size_t out_size);

/* The same into a new string (free it); NULL when memory is short. */
char *escape_text_dup(const char *text, size_t size);

/* Length in bytes of the well-formed UTF-8 character at text (size bytes left), 0 when it is not
 * one. RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF. */
size_t utf8_character(const char *text, size_t size);
