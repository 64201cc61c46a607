/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/text.h"

#include <string.h>

size_t text_fit(const char *text, size_t size)
{
	size_t length = strnlen(text, size + 1);

	if (length <= size)
		return length;
	length = size;
	/* Not in the midst of a character. */
	while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	return length;
}

json_t *text_json(const char *text, size_t size)
{
	return json_stringn(text, text_fit(text, size));
}
