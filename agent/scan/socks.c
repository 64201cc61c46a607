/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/socks.h"

#include <errno.h>
#include <string.h>

#include "scan/cursor.h"

#define VERSION_4	4
#define VERSION_5	5
#define COMMAND_CONNECT 1
#define METHODS_MAX	16 /* methods of authentication that a client offers; ten are registered */
#define SIGN_IN		1  /* RFC 1929: version of its message */

enum address_type { ADDRESS_IPV4 = 1, ADDRESS_NAME = 3, ADDRESS_IPV6 = 4 };

int socks_look(const uint8_t *bytes, size_t size)
{
	if (bytes[0] != VERSION_4 && bytes[0] != VERSION_5)
		return 0;
	if (size < 2)
		return -ENODATA;
	if (bytes[0] == VERSION_4)
		return bytes[1] == COMMAND_CONNECT;
	return bytes[1] > 0 && bytes[1] <= METHODS_MAX;
}

/* Text up to and with a NUL. */
static int text_skip(struct cursor *rest)
{
	const uint8_t *end = memchr(rest->at, '\0', rest->left);

	return end ? cursor_skip(rest, (size_t)(end - rest->at) + 1) : -EBADMSG;
}

/* Command, port, address, user; in 4a the address is 0.0.0.x and a name follows. */
static int version4_skip(struct cursor *rest)
{
	uint32_t port, address;
	int r = cursor_skip(rest, 2);

	if (r == 0)
		r = cursor_number(rest, 2, &port);
	if (r == 0)
		r = cursor_number(rest, 4, &address);
	if (r == 0)
		r = text_skip(rest);
	return r == 0 && address > 0 && address < 256 ? text_skip(rest) : r;
}

static int address_skip(struct cursor *rest, uint32_t type)
{
	struct cursor name;

	switch (type) {
	case ADDRESS_IPV4:
		return cursor_skip(rest, 4);
	case ADDRESS_IPV6:
		return cursor_skip(rest, 16);
	case ADDRESS_NAME:
		return cursor_vector(rest, 1, &name);
	default:
		return -EPROTO;
	}
}

/* Methods, perhaps user and password, request. */
static int version5_skip(struct cursor *rest)
{
	struct cursor part;
	uint32_t value;
	int r = cursor_skip(rest, 1);

	if (r == 0)
		r = cursor_vector(rest, 1, &part);
	if (r == 0)
		r = cursor_number(rest, 1, &value);
	if (r == 0 && value == SIGN_IN) {
		r = cursor_vector(rest, 1, &part);
		if (r == 0)
			r = cursor_vector(rest, 1, &part);
		if (r == 0)
			r = cursor_number(rest, 1, &value);
	}
	if (r == 0 && value != VERSION_5)
		return -EPROTO;
	if (r == 0)
		r = cursor_number(rest, 1, &value);
	if (r == 0 && value != COMMAND_CONNECT)
		return -EPROTO;
	if (r == 0)
		r = cursor_skip(rest, 1);
	if (r == 0)
		r = cursor_number(rest, 1, &value);
	if (r == 0)
		r = address_skip(rest, value);
	return r == 0 ? cursor_skip(rest, 2) : r;
}

int socks_skip(const uint8_t *bytes, size_t size, size_t *ret)
{
	struct cursor rest = { bytes, size, size };
	int r = bytes[0] == VERSION_4 ? version4_skip(&rest) : version5_skip(&rest);

	if (r == -EPROTO)
		return -EBADMSG;
	if (r < 0)
		return 0;
	*ret = size - rest.left;
	return 1;
}
