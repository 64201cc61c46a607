/* SPDX-License-Identifier: Apache-2.0
 *
 * What the first bytes of a flow say: a plain value, filled by the parsers in scan/, which run in
 * the sandboxed worker. The texts in it are the sender's own choice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum flow_protocol {
	FLOW_NONE, /* nothing that we read */
	FLOW_TLS,
	FLOW_HTTP,
	FLOW_QUIC,
	FLOW_PROTOCOLS,
};

/* What became of reading it. */
enum flow_outcome {
	FLOW_READ,	  /* to the end: name and the rest are what was sent; name may be none */
	FLOW_INCOMPLETE,  /* it ended, or was cut, before all was there */
	FLOW_MALFORMED,	  /* it began like the protocol, and then was not */
	FLOW_UNSUPPORTED, /* a version of QUIC that we have no keys for */
	FLOW_OUTCOMES,
};

#define FLOW_NAME_MAX	255 /* RFC 6066, 3: a host name; of HTTP what fits */
#define FLOW_ALPN_MAX	127
#define FLOW_JA4_SIZE	37 /* 10 + 1 + 12 + 1 + 12 characters and the NUL */
#define FLOW_METHOD_MAX 15

struct flow_facts {
	enum flow_protocol protocol;
	enum flow_outcome outcome;
	bool ech;		      /* encrypted_client_hello is there: name is the outer one */
	uint16_t tls_version;	      /* the highest offered, as on the wire (0x0304); 0: not TLS */
	uint32_t quic_version;	      /* as on the wire; 0: not QUIC */
	uint16_t http_port;	      /* that Host or the target names; 0: none */
	char name[FLOW_NAME_MAX + 1]; /* SNI, or Host without its port: raw bytes, no NUL inside;
				       * may be an address; "" for none */
	char alpn[FLOW_ALPN_MAX + 1]; /* protocols offered, joined by commas; raw bytes */
	char ja4[FLOW_JA4_SIZE];      /* FoxIO JA4 of the ClientHello; "" for none */
	char method[FLOW_METHOD_MAX + 1]; /* of an HTTP request; "" for none */
	char reason[64];		  /* why it was not read to the end; "" when it was */
};

const char *flow_protocol_name(enum flow_protocol protocol); /* "tls", "http", "quic", "none" */
