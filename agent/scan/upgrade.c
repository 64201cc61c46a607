/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/upgrade.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define LINE_MAX 256 /* of the first line; all these protocols have commands, which are shorter */

/* Of a TLS record with a ClientHello: type, version, length, type of message. */
#define RECORD_HANDSHAKE    22
#define RECORD_MAJOR	    3
#define RECORD_CLIENT_HELLO 1
#define RECORD_LOOK	    6

static const struct opening {
	const char *text;
	size_t size;
} openings[] = {
	{ "EHLO ", 5 },
	{ "HELO ", 5 },
	{ "LHLO ", 5 }, /* SMTP, LMTP */
	{ "CAPA\r\n", 6 },
	{ "STLS\r\n", 6 }, /* POP3 */
	{ "AUTH TLS", 8 },
	{ "AUTH SSL", 8 }, /* FTP */
	{ "<?xml ", 6 },
	{ "<stream:stream ", 15 },	     /* XMPP */
	{ "\0\0\0\x08\x04\xd2\x16\x2f", 8 }, /* PostgreSQL */
};

/* IMAP's commands begin with a tag that the client makes up. */
static const char *const tagged[] = { " CAPABILITY\r\n", " STARTTLS\r\n" };

static int line_look(const uint8_t *bytes, size_t size)
{
	const uint8_t *end = memchr(bytes, '\n', size);
	size_t line = end ? (size_t)(end - bytes) + 1 : size;

	if (line > LINE_MAX)
		return 0;
	for (size_t i = 0; i < line; i++)
		if (bytes[i] >= 0x7f || (bytes[i] < ' ' && !memchr("\t\r\n", bytes[i], 3)))
			return 0;
	if (!end)
		return -ENODATA;
	for (unsigned i = 0; i < ELEMENTS(tagged); i++) {
		size_t length = strlen(tagged[i]);

		if (line >= length &&
		    strncasecmp((const char *)bytes + line - length, tagged[i], length) == 0)
			return 1;
	}
	return 0;
}

int upgrade_look(const uint8_t *bytes, size_t size)
{
	for (unsigned i = 0; i < ELEMENTS(openings); i++) {
		size_t length = size < openings[i].size ? size : openings[i].size;
		size_t same = 0;

		/* Not strncasecmp(): one of them begins with a NUL. */
		while (same < length &&
		       strncasecmp((const char *)bytes + same, openings[i].text + same, 1) == 0)
			same++;
		if (same == openings[i].size)
			return 1;
		if (same == size)
			return -ENODATA;
	}
	return line_look(bytes, size);
}

int upgrade_find(const uint8_t *bytes, size_t size, size_t *searched, size_t *ret)
{
	for (size_t at = *searched; at + RECORD_LOOK <= size; at++) {
		*searched = at;
		if (bytes[at] == RECORD_HANDSHAKE && bytes[at + 1] == RECORD_MAJOR &&
		    bytes[at + 2] <= 4 && bytes[at + 5] == RECORD_CLIENT_HELLO) {
			*ret = at;
			return 1;
		}
	}
	return 0;
}
