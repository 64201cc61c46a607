/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/tls_record.h"

#include <errno.h>
#include <string.h>

#define HEADER_SIZE   5
#define CONTENT_MAX   16384 /* RFC 8446, 5.1 */
#define VERSION_MAJOR 3

enum content_type { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22 };

int tls_records_look(const uint8_t *bytes, size_t size)
{
	if (size > 0 && (bytes[0] < CHANGE_CIPHER_SPEC || bytes[0] > HANDSHAKE))
		return 0;
	if (size > 1 && bytes[1] != VERSION_MAJOR)
		return 0;
	if (size > 2 && bytes[2] > 4)
		return 0;
	/* "\x16\x03" and a number stand at the start of much that is not TLS. */
	if (size > 4 && (bytes[3] << 8 | bytes[4]) > CONTENT_MAX)
		return 0;
	return size < HEADER_SIZE ? -ENODATA : 1;
}

static int header_read(struct tls_records *records, const uint8_t *header, const char **ret_reason)
{
	size_t size = (size_t)header[3] << 8 | header[4];

	if (header[1] != VERSION_MAJOR)
		*ret_reason = "a TLS record of an unknown version";
	else if (size > CONTENT_MAX)
		*ret_reason = "a TLS record over 16 KiB";
	else if (header[0] < CHANGE_CIPHER_SPEC || header[0] > HANDSHAKE)
		*ret_reason = "a TLS record that is no handshake";
	else
		*ret_reason = NULL;
	/* Asked again, the answer is the same. */
	if (*ret_reason)
		return -EBADMSG;
	records->type = header[0];
	records->left = size;
	records->at += HEADER_SIZE;
	return 0;
}

static void content_read(struct tls_records *records, uint8_t *bytes, size_t size)
{
	if (records->type == HANDSHAKE) {
		/* The first stays where it is, so that one record is never moved. */
		if (records->end == 0)
			records->begin = records->end = records->at;
		else if (records->end != records->at)
			memmove(bytes + records->end, bytes + records->at, size);
		records->end += size;
	}
	records->at += size;
	records->left -= size;
}

int tls_records_gather(struct tls_records *records, uint8_t *bytes, size_t size,
		       const char **ret_reason)
{
	while (records->at < size) {
		size_t there = size - records->at;

		if (records->left > 0) {
			content_read(records, bytes, there < records->left ? there : records->left);
			continue;
		}
		if (there < HEADER_SIZE)
			return 0;
		if (header_read(records, bytes + records->at, ret_reason) < 0)
			return -EBADMSG;
	}
	return 0;
}
