/* SPDX-License-Identifier: Apache-2.0
 *
 * SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): what a client says to its proxy before the bytes that are
 * for the server. It is passed over, to read those. The client controls every byte.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Whether a stream that starts like this may be SOCKS: 1 yes, 0 no, -ENODATA: too short. */
int socks_look(const uint8_t *bytes, size_t size);
/* Bytes up to the server's: 1 with *ret, 0 when more is wanted, -EBADMSG when it is not SOCKS. */
int socks_skip(const uint8_t *bytes, size_t size, size_t *ret);
