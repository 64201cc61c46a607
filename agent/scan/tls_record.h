/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS records (RFC 8446, 5.1; RFC 5246, 6.2.1): takes the handshake messages out of a stream of
 * them, as the bytes come. The client controls them, and may cut its ClientHello into as many
 * records as it likes, or send alerts between them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tls_records {
	size_t begin, end; /* of the handshake bytes found so far, within the stream's buffer */
	/* its own */
	size_t at;   /* what was read */
	size_t left; /* of the record's content */
	uint8_t type;
};

/* Whether a stream that starts like this is one of TLS records: 1 yes, 0 no, -ENODATA: too short
 * to say. */
int tls_records_look(const uint8_t *bytes, size_t size);

/* Reads on in bytes, whose first size are there; it must have been zeroed, and be given the same
 * bytes in each call. Handshake bytes are moved together in place, over record headers that were
 * read. 0, or -EBADMSG with *ret_reason, when this is no record of a plain handshake. */
int tls_records_gather(struct tls_records *records, uint8_t *bytes, size_t size,
		       const char **ret_reason);
