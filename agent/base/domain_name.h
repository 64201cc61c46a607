/* SPDX-License-Identifier: Apache-2.0
 *
 * Domain names in wire form (RFC 1035, 3.1: a length byte before each label, a zero byte at the
 * end, at most 255 bytes in all, never compressed here) and in text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOMAIN_NAME_WIRE_MAX  255
#define DOMAIN_NAME_LABEL_MAX 63
#define DOMAIN_NAME_LABELS    127  /* most labels that fit into 255 bytes */
#define DOMAIN_NAME_TEXT_SIZE 1024 /* every byte as \DDD, dots and the NUL fit */

struct domain_name {
	uint8_t length; /* of the wire form, its zero byte included; 0: no name at all */
	uint8_t wire[DOMAIN_NAME_WIRE_MAX];
};

/* Takes a wire-form name from the start of size bytes. -EBADMSG when it runs past the end, has a
 * compression pointer, or is too long. */
int domain_name_read(const uint8_t *bytes, size_t size, struct domain_name *ret);

/* From text, "example.com" or "example.com."; \DDD and \X escapes as in RFC 1035, 5.1. "." is the
 * root. -EINVAL: an empty label or a bad escape; -ENAMETOOLONG: a label over 63 or a name over 255
 * bytes. Any byte is taken: whether it is a host name is for the caller to say. */
int domain_name_parse(const char *text, struct domain_name *ret);

/* Text without the final dot; the root is ".". Dots and backslashes within a label, and bytes
 * outside 0x21..0x7e, are escaped (RFC 1035, 5.1), so the text is safe to show. Case is kept. */
void domain_name_format(const struct domain_name *name, char out[static DOMAIN_NAME_TEXT_SIZE]);

/* A-Z to a-z, in place (RFC 4343). */
void domain_name_lower(struct domain_name *name);

/* Starts of the labels, outermost left first; returns their number (the root has none). */
size_t domain_name_labels(const struct domain_name *name, uint8_t ret[static DOMAIN_NAME_LABELS]);

/* Equal, or below it at a label boundary; letters compare without case. */
bool domain_name_within(const struct domain_name *name, const struct domain_name *ancestor);
