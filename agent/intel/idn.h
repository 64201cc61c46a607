/* SPDX-License-Identifier: Apache-2.0
 *
 * Internationalised names (IDNA 2008, non-transitional) by libidn2, which nobody else includes.
 */
#pragma once

#include <stddef.h>

/* A-label form of a NUL-terminated UTF-8 name, lower case, in out. -EINVAL when it has none,
 * -ENAMETOOLONG when it does not fit (out_size or the limits of names). */
int idn_to_ascii(const char *name, char *out, size_t out_size);
