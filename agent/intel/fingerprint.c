/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/fingerprint.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/parse.h"

/* What stands where in the first part: protocol, version (2), SNI or address, ciphers (2),
 * extensions (2), first and last character of the first ALPN. '9': a digit; 'A': any of both. */
static const char *const head_form[] = { "tqd", "0123456789sd", "9", "di", "9", "9", "9", "9", "A",
					 "A" };
#define HEAD_SIZE ELEMENTS(head_form)
#define SUM_SIZE  6
_Static_assert(HEAD_SIZE + 2 * SUM_SIZE == FINGERPRINT_SIZE, "all of it is kept");

static bool head_fits(const char *text)
{
	for (size_t i = 0; i < HEAD_SIZE; i++) {
		unsigned char c = (unsigned char)text[i];

		if (*head_form[i] == '9'   ? !isdigit(c)
		    : *head_form[i] == 'A' ? !isalnum(c)
					   : c == '\0' || !strchr(head_form[i], c))
			return false;
	}
	return true;
}

static bool sum_read(const char *text, uint8_t *ret)
{
	if (*text != '_')
		return false;
	for (size_t i = 0; i < SUM_SIZE; i++) {
		int high = parse_hex_digit(text[1 + 2 * i]), low = parse_hex_digit(text[2 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool fingerprint_read(const char *text, size_t length, uint8_t ret[static FINGERPRINT_SIZE])
{
	uint8_t bytes[FINGERPRINT_SIZE];

	if (length != FINGERPRINT_TEXT_SIZE - 1 || !head_fits(text) ||
	    !sum_read(text + HEAD_SIZE, bytes + HEAD_SIZE) ||
	    !sum_read(text + HEAD_SIZE + 1 + 2 * SUM_SIZE, bytes + HEAD_SIZE + SUM_SIZE))
		return false;
	memcpy(bytes, text, HEAD_SIZE);
	memcpy(ret, bytes, FINGERPRINT_SIZE);
	return true;
}

void fingerprint_format(const uint8_t bytes[static FINGERPRINT_SIZE],
			char out[static FINGERPRINT_TEXT_SIZE])
{
	memcpy(out, bytes, HEAD_SIZE);
	out += HEAD_SIZE;
	for (size_t part = 0; part < 2; part++) {
		*out++ = '_';
		digest_text(bytes + HEAD_SIZE + part * SUM_SIZE, SUM_SIZE, out);
		out += 2 * SUM_SIZE;
	}
}
