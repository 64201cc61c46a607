/* SPDX-License-Identifier: Apache-2.0
 *
 * IP addresses and prefixes. IPv4 is held as IPv4-mapped IPv6 (::ffff:0:0/96), so that one kind
 * of value serves both families; a prefix length counts from the start of the 128 bits, so
 * 10.0.0.0/8 has length 104.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address {
	uint8_t bytes[16];
};

#define ADDRESS_TEXT_SIZE 64 /* "ffff:...:ffff/128" and its NUL fit */

struct address address_from_ipv4(const uint8_t bytes[static 4]);
bool address_is_ipv4(const struct address *address);
bool address_equal(const struct address *a, const struct address *b);
/* 64:ff9b::/96 (RFC 6052): the last four bytes are an IPv4 address behind a translator. */
bool address_is_nat64(const struct address *address);
/* 127.0.0.0/8 and ::1 */
bool address_is_loopback(const struct address *address);

/* Dotted or RFC 5952 form, NUL-terminated. */
void address_format(const struct address *address, char out[static ADDRESS_TEXT_SIZE]);
/* With the length in the family's own terms, left out when it is a host. */
void address_format_prefix(const struct address *address, unsigned length,
			   char out[static ADDRESS_TEXT_SIZE]);

/* Text that is an address and nothing else; -EINVAL otherwise. */
int address_parse(const char *text, struct address *ret);
/* "ADDRESS" or "ADDRESS/LENGTH". -EINVAL when it is neither, -ERANGE when the length is too
 * large, -EDOM when bits are set beyond the length (10.1.2.3/8: a typing error more often than
 * not); *ret_address is then set all the same, with those bits cleared. */
int address_parse_prefix(const char *text, struct address *ret_address, unsigned *ret_length);
/* Clears all bits after the first length ones. */
void address_mask(struct address *address, unsigned length);
