/* SPDX-License-Identifier: Apache-2.0
 *
 * JA4, the fingerprint of a TLS client's hello, as text and as the bytes that a pack holds:
 * "t13d1516h2_8daaf6152771_e5627efa2ab1", ten characters that say what was offered, and two cut
 * SHA-256 sums, of the ciphers and of the extensions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_TEXT_SIZE 37 /* with its NUL */
#define FINGERPRINT_SIZE      22

/* Whether the text is one; hexadecimal digits in either case. */
bool fingerprint_read(const char *text, size_t length, uint8_t ret[static FINGERPRINT_SIZE]);
/* Bytes that fingerprint_read() did not make come out as they are: for text from a pack, to be
 * escaped. */
void fingerprint_format(const uint8_t bytes[static FINGERPRINT_SIZE],
			char out[static FINGERPRINT_TEXT_SIZE]);
