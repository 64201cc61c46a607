/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* A byte becomes at most "\xHH". */
#define ESCAPED_BYTE 4

#define DOTS "..."

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

	for (size_t i = 0; size > 0 && i < ELEMENTS(utf8_forms); i++) {
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

struct character_range {
	uint32_t first, last;
};

/* Controls, the backslash that escapes begin with, and what reorders or hides the text around it:
 * line separators, bidirectional and interlinear controls, and all that Unicode wants shown as
 * nothing (Unicode 15.0, DerivedCoreProperties.txt, Default_Ignorable_Code_Point). In order. */
static const struct character_range misleading[] = {
	{ 0x00, 0x1f },	    { '\\', '\\' },	  { 0x7f, 0x9f },	{ 0xad, 0xad },
	{ 0x34f, 0x34f },   { 0x61c, 0x61c },	  { 0x115f, 0x1160 },	{ 0x17b4, 0x17b5 },
	{ 0x180b, 0x180f }, { 0x200b, 0x200f },	  { 0x2028, 0x202e },	{ 0x2060, 0x206f },
	{ 0x3164, 0x3164 }, { 0xfe00, 0xfe0f },	  { 0xfeff, 0xfeff },	{ 0xffa0, 0xffa0 },
	{ 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

static bool character_misleads(const uint8_t *bytes, size_t length)
{
	uint32_t character = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);

	for (size_t i = 1; i < length; i++)
		character = character << 6 | (bytes[i] & 0x3f);
	for (size_t i = 0; i < ELEMENTS(misleading) && misleading[i].first <= character; i++)
		if (character <= misleading[i].last)
			return true;
	return false;
}

static void escape_bytes(const uint8_t *bytes, size_t length, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*out++ = '\\';
		*out++ = 'x';
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
}

size_t escape_text(const char *text, size_t size, char *out, size_t out_size)
{
	size_t used = 0, cut = 0; /* cut: the last place from which the dots still fit */

	for (size_t i = 0; i < size;) {
		const uint8_t *bytes = (const uint8_t *)text + i;
		size_t length = utf8_character(text + i, size - i);
		bool escape = length == 0 || character_misleads(bytes, length);
		size_t take = length ? length : 1;
		size_t need = escape ? take * ESCAPED_BYTE : take;

		if (used + sizeof(DOTS) <= out_size)
			cut = used;
		if (used + need >= out_size) {
			if (out_size >= sizeof(DOTS)) {
				memcpy(out + cut, DOTS, strlen(DOTS));
				used = cut + strlen(DOTS);
			}
			break;
		}
		if (escape)
			escape_bytes(bytes, take, out + used);
		else
			memcpy(out + used, bytes, take);
		used += need;
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
