/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4) over OpenSSL's EVP, in pieces or at once, and HMAC with it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE	 32
#define SHA256_TEXT_SIZE 65

struct digest;

/* NULL when memory is short. */
struct digest *digest_new(void);
void digest_free(struct digest *digest);
int digest_add(struct digest *digest, const void *data, size_t size);
int digest_finish(struct digest *digest, uint8_t out[static SHA256_SIZE]);
/* The digest of what was added up to now; more may be added. */
int digest_peek(const struct digest *digest, uint8_t out[static SHA256_SIZE]);

int digest_sha256(const void *data, size_t size, uint8_t out[static SHA256_SIZE]);

/* MD5 (RFC 1321), where a service's own interface asks for it. -EOPNOTSUPP: OpenSSL has none, as in
 * its FIPS mode. */
#define MD5_SIZE 16
int digest_md5(const void *data, size_t size, uint8_t out[static MD5_SIZE]);
/* SHA-1 (FIPS 180-4), in which lists of bad files name many of theirs. */
#define SHA1_SIZE 20
int digest_sha1(const void *data, size_t size, uint8_t out[static SHA1_SIZE]);

/* HMAC (RFC 2104) with SHA-256. */
int digest_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
		       uint8_t out[static SHA256_SIZE]);

/* A digest in base64 (RFC 4648), NUL-terminated. */
#define DIGEST_BASE64_SIZE 45
void digest_base64(const uint8_t digest[static SHA256_SIZE], char out[static DIGEST_BASE64_SIZE]);

/* size bytes as lower-case hexadecimal digits, NUL-terminated: out holds size * 2 + 1. */
void digest_text(const uint8_t *bytes, size_t size, char *out);
