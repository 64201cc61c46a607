/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's first flight over QUIC (RFC 9000, RFC 9001; RFC 9369): opens its Initial packets, puts
 * the CRYPTO frames together, and so gives the ClientHello. Given datagrams of one flow. Anybody
 * can make them: a packet that opens is no proof of anything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan/assembly.h"
#include "scan/quic_packet.h"

/* Initial packets that are tried. A ClientHello needs two to six; each one more costs a decryption,
 * and a derivation of keys when it changes the connection id. */
#define QUIC_PACKETS_MAX 64

/* A socket may begin several connections with the same peer, in turn or at once; some may be there
 * to be read instead of the one that matters. No more than what the kernel side hands up in a
 * second. */
#define QUIC_CONNECTIONS_MAX 8

/* One whose Initial packets open with the same keys. */
struct quic_connection {
	uint32_t version;
	struct assembly crypto; /* the CRYPTO stream */
	const char *fault; /* static text: what is wrong in a packet that was opened; or NULL */
	unsigned opened;   /* packets; 0: this is none yet */
	bool read;	   /* the user's: the ClientHello was */
	/* its own */
	struct quic_keys *keys;
	const struct quic_version *row; /* of the packet that they were made for */
	uint8_t id[QUIC_ID_MAX], id_size;
	uint64_t number_next; /* after the highest packet number opened */
};

struct quic_initial {
	uint32_t version; /* of the first packet that had one; or 0 */
	unsigned packets; /* Initial packets tried */
	struct quic_connection connections[QUIC_CONNECTIONS_MAX];
	unsigned oldest; /* its own: of the connections, when all are taken */
};

/* Reads a datagram; initial must have been zeroed. Packets that do not open (a server's, or of
 * other keys) are passed over. One that opens with the keys of its own connection id only belongs
 * to another connection: a new one, or, after a Retry, the same that begins anew.
 *
 * Returns what the first packet in it is, or -ENOMEM. */
int quic_initial_take(struct quic_initial *initial, const uint8_t *bytes, size_t size);
void quic_initial_clear(struct quic_initial *initial);

/* Reads the frames in the payload of an Initial packet. For tests; a part of the above. 0 or
 * -ENOMEM; what is wrong with them becomes the connection's fault. */
int quic_frames_read(struct quic_connection *connection, const struct quic_version *row,
		     const uint8_t *bytes, size_t size);
