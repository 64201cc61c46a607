/* SPDX-License-Identifier: Apache-2.0
 *
 * QUIC packets with long headers (RFC 9000, 17.2; RFC 9369): what of a datagram can be told without
 * keys, and the versions whose Initial packets can be opened. The sender of the datagram controls
 * every byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/quic_crypto.h"

#define QUIC_ID_MAX 20 /* RFC 9000, 17.2; a datagram with a longer one is not read */

/* A client pads datagrams with Initial packets to this (RFC 9000, 14.1), in later versions as well,
 * for servers answer to a version that they do not know only then (5.2.2). */
#define QUIC_DATAGRAM_MIN 1200

enum quic_packet_kind {
	QUIC_NONE = 1,	  /* no long header: another protocol, or a later packet of a connection */
	QUIC_NEGOTIATION, /* version 0: a server's */
	QUIC_UNKNOWN,	  /* a version that is not in the table; version says which */
	QUIC_BROKEN,	  /* lengths that do not fit */
	QUIC_OTHER,	  /* 0-RTT, Handshake, Retry */
	QUIC_INITIAL,
};

struct quic_version {
	uint32_t first, last;
	uint8_t initial; /* packet type, of two bits */
	uint8_t retry;
	uint8_t crypto; /* frame type */
	struct quic_derivation derivation;
	const struct quic_version *other; /* where these keys do not fit; NULL: there is none */
};

/* One that no server has, which makes it say those that it has (RFC 9000, 15 and 6.3). */
static inline bool quic_version_reserved(uint32_t version)
{
	return (version & 0x0f0f0f0f) == 0x0a0a0a0a;
}

struct quic_packet {
	uint32_t version;
	const struct quic_version *row; /* NULL for QUIC_UNKNOWN */
	const uint8_t *bytes;		/* from its first byte on; borrowed */
	size_t size;			/* all of it */
	size_t number_at;		/* of an Initial: where the packet number begins */
	const uint8_t *id;		/* destination connection id */
	uint8_t id_size;
};

/* The packet at the start of bytes. ret->size bytes further the next one begins (12.2); it is size
 * where none can follow. */
enum quic_packet_kind quic_packet_read(const uint8_t *bytes, size_t size, struct quic_packet *ret);
