/* SPDX-License-Identifier: Apache-2.0
 *
 * The protection of QUIC Initial packets (RFC 9001, 5) over OpenSSL's EVP: keys that anybody can
 * derive from a connection id, header protection, and opening of a payload. Ids and payloads are
 * foreign. For one thread: algorithms are found once for the process.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define QUIC_SALT_SIZE	 20
#define QUIC_SAMPLE_SIZE 16
#define QUIC_MASK_SIZE	 5
#define QUIC_TAG_SIZE	 16

struct quic_keys;

/* How a version derives its keys (RFC 9001, 5.1 and 5.2). */
struct quic_derivation {
	uint8_t salt[QUIC_SALT_SIZE];
	const char *key, *iv, *hp; /* labels, without the "tls13 " before them */
};

/* Finds what OpenSSL opens files for at its first use. 0 or -EIO. */
int quic_crypto_prepare(void);

/* The client's keys for a connection that began with this destination connection id. 0, -ENOMEM,
 * or -EIO when OpenSSL fails. */
int quic_keys_new(const struct quic_derivation *derivation, const uint8_t *id, size_t size,
		  struct quic_keys **ret);
void quic_keys_free(struct quic_keys *keys);

/* The mask of header protection for a sample (RFC 9001, 5.4.3). 0 or -EIO. */
int quic_keys_mask(struct quic_keys *keys, const uint8_t sample[static QUIC_SAMPLE_SIZE],
		   uint8_t mask[static QUIC_MASK_SIZE]);

/* Opens size bytes of sealed payload, tag included; out holds size - QUIC_TAG_SIZE. The header is
 * the one without protection. 0, -EBADMSG when it is not sealed with these keys, -EIO. */
int quic_keys_open(struct quic_keys *keys, uint64_t number, const uint8_t *header,
		   size_t header_size, const uint8_t *sealed, size_t size, uint8_t *out);
