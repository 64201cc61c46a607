/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of local users, from /etc/passwd alone: a name service that asks a network would hold up
 * the loop, and might be asked for by a lookup that is just being told.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* The user's name, or "" when the file has none. Remembered for a while; the file may change. */
void user_name(uid_t uid, char *out, size_t out_size);
