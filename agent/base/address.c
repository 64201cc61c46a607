/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

#define MAPPED_BITS 96

static const uint8_t mapped_head[12] = { [10] = 0xff, [11] = 0xff };

struct address address_from_ipv4(const uint8_t bytes[static 4])
{
	struct address address;

	memcpy(address.bytes, mapped_head, sizeof(mapped_head));
	memcpy(address.bytes + sizeof(mapped_head), bytes, 4);
	return address;
}

bool address_is_ipv4(const struct address *address)
{
	return memcmp(address->bytes, mapped_head, sizeof(mapped_head)) == 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool address_is_nat64(const struct address *address)
{
	static const uint8_t head[12] = { 0x00, 0x64, 0xff, 0x9b };

	return memcmp(address->bytes, head, sizeof(head)) == 0;
}

bool address_is_loopback(const struct address *address)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (address_is_ipv4(address))
		return address->bytes[12] == 127;
	return memcmp(address->bytes, one, sizeof(one)) == 0;
}

void address_format(const struct address *address, char out[static ADDRESS_TEXT_SIZE])
{
	if (address_is_ipv4(address))
		(void)inet_ntop(AF_INET, address->bytes + 12, out, ADDRESS_TEXT_SIZE);
	else
		(void)inet_ntop(AF_INET6, address->bytes, out, ADDRESS_TEXT_SIZE);
}

void address_format_prefix(const struct address *address, unsigned length,
			   char out[static ADDRESS_TEXT_SIZE])
{
	unsigned shown = length;
	size_t used;

	/* A prefix that IPv4 is only a part of has no IPv4 form. */
	if (address_is_ipv4(address) && length < MAPPED_BITS)
		(void)inet_ntop(AF_INET6, address->bytes, out, ADDRESS_TEXT_SIZE);
	else
		address_format(address, out);
	if (length >= 128)
		return;
	if (address_is_ipv4(address) && length >= MAPPED_BITS)
		shown = length - MAPPED_BITS;
	used = strlen(out);
	(void)snprintf(out + used, ADDRESS_TEXT_SIZE - used, "/%u", shown);
}

int address_parse(const char *text, struct address *ret)
{
	struct address address;
	uint8_t ipv4[4];

	if (inet_pton(AF_INET, text, ipv4) == 1)
		address = address_from_ipv4(ipv4);
	else if (inet_pton(AF_INET6, text, address.bytes) != 1)
		return -EINVAL;
	*ret = address;
	return 0;
}

void address_mask(struct address *address, unsigned length)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = length <= i * 8 ? 0 : length - i * 8;

		if (kept < 8)
			address->bytes[i] &= (uint8_t)(0xff00u >> kept);
	}
}

int address_parse_prefix(const char *text, struct address *ret_address, unsigned *ret_length)
{
	const char *slash = strchr(text, '/');
	size_t head = slash ? (size_t)(slash - text) : strlen(text);
	char copy[ADDRESS_TEXT_SIZE];
	struct address address, masked;
	uint64_t length = 128;
	int r;

	if (head >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, head);
	copy[head] = '\0';
	r = address_parse(copy, &address);
	if (r < 0)
		return r;
	if (slash) {
		/* The family that was written decides: "::ffff:10.0.0.0/104" counts from the
		 * start of the 128 bits. */
		unsigned base = strchr(copy, ':') ? 0 : MAPPED_BITS;

		r = parse_u64(slash + 1, 128, &length);
		if (r < 0)
			return r;
		length += base;
		if (length > 128)
			return -ERANGE;
	}
	masked = address;
	address_mask(&masked, (unsigned)length);
	*ret_address = masked;
	*ret_length = (unsigned)length;
	return address_equal(&masked, &address) ? 0 : -EDOM;
}
