/* SPDX-License-Identifier: Apache-2.0
 *
 * The Huffman code of HPACK (RFC 7541, 5.2 and appendix B), which HTTP/2 clients write header
 * fields in. They control the bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Decodes size bytes (at most 16 MiB). Returns how many characters they are, of which the first
 * out_size were written to out, without a NUL; or -EBADMSG. */
int hpack_huffman_read(const uint8_t *bytes, size_t size, char *out, size_t out_size);
