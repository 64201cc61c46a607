/* SPDX-License-Identifier: Apache-2.0 */
#include "base/domain_name.h"

#include <errno.h>
#include <string.h>

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

int domain_name_read(const uint8_t *bytes, size_t size, struct domain_name *ret)
{
	size_t at = 0;

	for (;;) {
		if (at >= size || at >= DOMAIN_NAME_WIRE_MAX || bytes[at] > DOMAIN_NAME_LABEL_MAX)
			return -EBADMSG;
		if (bytes[at] == 0)
			break;
		at += (size_t)bytes[at] + 1;
	}
	ret->length = (uint8_t)(at + 1);
	memcpy(ret->wire, bytes, at + 1);
	return 0;
}

/* One character of a label, escapes undone; moves *text on. */
static int character_parse(const char **text, uint8_t *ret)
{
	const char *at = *text;
	unsigned value = 0;

	if (*at != '\\') {
		*ret = (uint8_t)*at;
		*text = at + 1;
		return 0;
	}
	at++;
	if (!*at)
		return -EINVAL;
	if (*at < '0' || *at > '9') {
		*ret = (uint8_t)*at;
		*text = at + 1;
		return 0;
	}
	for (int i = 0; i < 3; i++, at++) {
		if (*at < '0' || *at > '9')
			return -EINVAL;
		value = value * 10 + (unsigned)(*at - '0');
	}
	if (value > 255)
		return -EINVAL;
	*ret = (uint8_t)value;
	*text = at;
	return 0;
}

int domain_name_parse(const char *text, struct domain_name *ret)
{
	struct domain_name name = { 0 };
	/* Where this label's length byte stands, where the next byte goes. */
	size_t label = 0, at = 1;

	if (strcmp(text, ".") == 0)
		text++;
	else if (!*text)
		return -EINVAL;
	while (*text) {
		if (*text == '.') {
			if (at == label + 1)
				return -EINVAL;
			text++;
			label = at++;
			continue;
		}
		/* The final zero byte must fit, too. */
		if (at - label > DOMAIN_NAME_LABEL_MAX || at >= DOMAIN_NAME_WIRE_MAX - 1)
			return -ENAMETOOLONG;
		if (character_parse(&text, &name.wire[at]) < 0)
			return -EINVAL;
		at++;
		name.wire[label] = (uint8_t)(at - label - 1);
	}
	/* Without a final dot the zero byte is still to come. */
	name.length = (uint8_t)(name.wire[label] ? at + 1 : label + 1);
	*ret = name;
	return 0;
}

static char *character_format(uint8_t byte, char *out)
{
	if (byte == '.' || byte == '\\') {
		*out++ = '\\';
		*out++ = (char)byte;
	} else if (byte < 0x21 || byte > 0x7e) {
		*out++ = '\\';
		*out++ = (char)('0' + byte / 100);
		*out++ = (char)('0' + byte / 10 % 10);
		*out++ = (char)('0' + byte % 10);
	} else {
		*out++ = (char)byte;
	}
	return out;
}

void domain_name_format(const struct domain_name *name, char out[static DOMAIN_NAME_TEXT_SIZE])
{
	const char *start = out;

	for (size_t at = 0; at < name->length && name->wire[at];) {
		size_t length = name->wire[at++];

		if (out != start)
			*out++ = '.';
		for (; length > 0; length--)
			out = character_format(name->wire[at++], out);
	}
	if (out == start)
		*out++ = '.';
	*out = '\0';
}

void domain_name_lower(struct domain_name *name)
{
	/* Length bytes are at most 63, below 'A', so they stay as they are. */
	for (size_t i = 0; i < name->length; i++)
		name->wire[i] = lower(name->wire[i]);
}

size_t domain_name_labels(const struct domain_name *name, uint8_t ret[static DOMAIN_NAME_LABELS])
{
	size_t count = 0;

	for (size_t at = 0; at < name->length && name->wire[at]; at += (size_t)name->wire[at] + 1)
		ret[count++] = (uint8_t)at;
	return count;
}

bool domain_name_within(const struct domain_name *name, const struct domain_name *ancestor)
{
	size_t at = 0;

	if (ancestor->length > name->length || ancestor->length == 0)
		return false;
	while ((size_t)name->length - at > ancestor->length)
		at += (size_t)name->wire[at] + 1;
	if ((size_t)name->length - at != ancestor->length)
		return false;
	for (size_t i = 0; i < ancestor->length; i++)
		if (lower(name->wire[at + i]) != lower(ancestor->wire[i]))
			return false;
	return true;
}
