/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's first flight over QUIC (RFC 9000, RFC 9001; RFC 9369): opens its Initial packets, puts
 * the CRYPTO frames together, and so gives the ClientHello. Given datagrams of one flow. Anybody
 * can make them: a packet that opens is no proof of anything.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "scan/assembly.h"
#include "scan/quic_packet.h"

/* Initial packets that are tried. A ClientHello needs two to six; each one more costs a decryption,
 * and a derivation of keys when it changes the connection id. */
#define QUIC_PACKETS_MAX 64

struct quic_initial {
	uint32_t version;	/* of the packets that were opened, else of the first seen; or 0 */
	struct assembly crypto; /* the CRYPTO stream */
	const char *fault; /* static text: what is wrong in a packet that was opened; or NULL */
	unsigned packets;  /* Initial packets tried */
	unsigned opened;
	/* its own */
	struct quic_keys *keys;
	const struct quic_version *row; /* of keys */
	uint8_t id[QUIC_ID_MAX], id_size;
	uint64_t number_next; /* after the highest packet number opened */
};

/* Reads a datagram; initial must have been zeroed. Packets that do not open (a server's, or of
 * other keys) are passed over. A connection id that changes is tried after the one that fitted
 * last: a client changes it, and the keys, after a Retry only.
 *
 * Returns what the first packet in it is, or -ENOMEM. */
int quic_initial_take(struct quic_initial *initial, const uint8_t *bytes, size_t size);
void quic_initial_clear(struct quic_initial *initial);

/* Reads the frames in the payload of an Initial packet. For tests; a part of the above. 0 or
 * -ENOMEM; what is wrong with them becomes initial->fault. */
int quic_frames_read(struct quic_initial *initial, const struct quic_version *row,
		     const uint8_t *bytes, size_t size);
