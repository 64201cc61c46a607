/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A byte becomes at most "\xHH". */
#define ESCAPED_BYTE 4

struct utf8_form {
	uint8_t lead_min, lead_max;
	uint8_t length;
	uint8_t second_min, second_max; /* the second byte's range excludes the malformed forms */
};

static const struct utf8_form utf8_forms[] = {
	{ 0x00, 0x7f, 1, 0x00, 0x00 }, { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t utf8_character(const char *text, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)text;

	for (size_t i = 0; size > 0 && i < sizeof(utf8_forms) / sizeof(utf8_forms[0]); i++) {
		const struct utf8_form *form = &utf8_forms[i];

		if (bytes[0] < form->lead_min || bytes[0] > form->lead_max)
			continue;
		if (size < form->length)
			return 0;
		if (form->length > 1 &&
		    (bytes[1] < form->second_min || bytes[1] > form->second_max))
			return 0;
		for (size_t k = 2; k < form->length; k++)
			if ((bytes[k] & 0xc0) != 0x80)
				return 0;
		return form->length;
	}
	return 0;
}

/* Format characters that reorder or hide what stands around them: U+061C, U+200B..U+200F,
 * U+2028..U+202E, U+2060..U+206F, U+FEFF, and the C1 controls U+0080..U+009F. */
static bool character_misleads(const uint8_t *bytes, size_t length)
{
	if (length == 1)
		return bytes[0] < 0x20 || bytes[0] == 0x7f || bytes[0] == '\\';
	if (length == 2)
		return (bytes[0] == 0xc2 && bytes[1] < 0xa0) ||
		       (bytes[0] == 0xd8 && bytes[1] == 0x9c);
	if (length == 3 && bytes[0] == 0xe2)
		return (bytes[1] == 0x80 && ((bytes[2] >= 0x8b && bytes[2] <= 0x8f) ||
					     (bytes[2] >= 0xa8 && bytes[2] <= 0xae))) ||
		       (bytes[1] == 0x81 && bytes[2] >= 0xa0 && bytes[2] <= 0xaf);
	return length == 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf;
}

static size_t escape_bytes(const uint8_t *bytes, size_t length, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*out++ = '\\';
		*out++ = 'x';
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return length * ESCAPED_BYTE;
}

size_t escape_text(const char *text, size_t size, char *out, size_t out_size)
{
	size_t used = 0;

	for (size_t i = 0; i < size;) {
		const uint8_t *bytes = (const uint8_t *)text + i;
		size_t length = utf8_character(text + i, size - i);
		bool escape = length == 0 || character_misleads(bytes, length);
		size_t take = length ? length : 1;
		size_t need = escape ? take * ESCAPED_BYTE : take;

		if (used + need >= out_size) {
			for (int dots = 0; dots < 3 && used + 1 < out_size; dots++)
				out[used++] = '.';
			break;
		}
		if (escape) {
			used += escape_bytes(bytes, take, out + used);
		} else {
			memcpy(out + used, bytes, take);
			used += take;
		}
		i += take;
	}
	out[used] = '\0';
	return used;
}

char *escape_text_dup(const char *text, size_t size)
{
	size_t room = size * ESCAPED_BYTE + 1;
	char *out = malloc(room);

	if (out)
		escape_text(text, size, out, room);
	return out;
}
