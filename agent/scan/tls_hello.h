/* SPDX-License-Identifier: Apache-2.0
 *
 * The ClientHello (RFC 8446, 4.1.2; RFC 5246, 7.4.1.2): names, protocols and versions that a client
 * offers, and its fingerprint. Given the handshake message, out of TLS records (scan/tls_record) or
 * CRYPTO frames (scan/quic_initial). The client controls every byte, and any length in it may lie.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan/cursor.h"

struct flow_facts;
struct flow_names;

enum tls_transport { TLS_STREAM = 't', TLS_QUIC = 'q' }; /* as JA4 writes them */

/* What the fingerprint is made of; spans into the message. */
struct tls_hello {
	uint16_t version;	   /* the highest offered; 0 when there is none but GREASE */
	bool server_name;	   /* the extension is there, whatever it says */
	struct cursor ciphers;	   /* two bytes each */
	struct cursor extensions;  /* checked: type, length, content */
	struct cursor signatures;  /* of signature_algorithms, two bytes each */
	struct cursor application; /* the first protocol of ALPN */
};

/* Bytes that the handshake message at bytes has, its header included; 0 when size is too short to
 * say. */
size_t tls_hello_size(const uint8_t *bytes, size_t size);

/* Whether a first message of this type is a server's: HelloRequest, ServerHello; or a client's. */
bool tls_hello_server(uint8_t type);
bool tls_hello_client(uint8_t type);

/* Reads the message of which size bytes are at hand. Fills facts: protocol and reason are the
 * caller's to set beforehand, outcome must be FLOW_READ and name empty. What can be read is, also
 * when the message is cut (FLOW_INCOMPLETE) or breaks a rule (FLOW_MALFORMED, the reason is the
 * first rule; of more than ASSEMBLY_MAX bytes the rest is not read): a server may be less strict
 * than we. A fingerprint is made when all extensions were seen. GREASE (RFC 8701) is passed over
 * everywhere. */
void tls_hello_read(const uint8_t *bytes, size_t size, enum tls_transport transport,
		    struct flow_facts *facts, struct flow_names *names);

/* Whether a value is one of those that RFC 8701 reserves: 0x0a0a, 0x1a1a, ... 0xfafa. */
bool tls_grease(uint16_t value);

/* Whether a stream that starts like this has a ClientHello in the form of SSL 2.0 (RFC 5246, E.2),
 * which old clients sent and which can name no server: 1 yes, 0 no, -ENODATA: too short to say. */
int tls_hello_v2_look(const uint8_t *bytes, size_t size);
void tls_hello_v2_read(const uint8_t *bytes, size_t size, struct flow_facts *facts);
