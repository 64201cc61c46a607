/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures over files that other people's hosts take from us (packs, policies): Ed25519 (RFC
 * 8032), as one line behind the content, which is a comment where the content is text:
 *
 *   # cordon-signature v1 KIND key=ID version=N created=SECONDS expires=SECONDS sig=BASE64
 *
 * What is signed is the SHA-256 of all before the line, and the line up to " sig=". The line is
 * foreign bytes until it was verified.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_KEY_SIZE    32 /* public key, and private seed */
#define SIGNATURE_SIZE	      64
#define SIGNATURE_BASE64_SIZE 45 /* of a key, with its NUL */
#define SIGNATURE_ID_SIZE     17 /* 16 hex digits of the public key's SHA-256 */
#define SIGNATURE_KIND_SIZE   16
/* Longest line, its line ends included. */
#define SIGNATURE_LINE_MAX    512

struct signature_key {
	uint8_t key[SIGNATURE_KEY_SIZE]; /* public */
	char id[SIGNATURE_ID_SIZE];
};

struct signature {
	char kind[SIGNATURE_KIND_SIZE]; /* "pack", "policy": one does not stand in for another */
	char key[SIGNATURE_ID_SIZE];
	uint64_t version;	   /* counts up: an older one is refused */
	uint64_t created, expires; /* seconds since the epoch; expires 0: never */
	uint8_t bytes[SIGNATURE_SIZE];
	uint64_t content; /* bytes before the line */
};

/* A new private seed, and its public key. -EIO: OpenSSL. */
int signature_generate(uint8_t ret_seed[static SIGNATURE_KEY_SIZE], struct signature_key *ret);
/* The public key of a seed. */
int signature_public(const uint8_t seed[static SIGNATURE_KEY_SIZE], struct signature_key *ret);

/* Keys as text: 44 characters of base64. -EINVAL. */
void signature_key_text(const uint8_t key[static SIGNATURE_KEY_SIZE],
			char out[static SIGNATURE_BASE64_SIZE]);
int signature_key_read(const char *text, struct signature_key *ret);
int signature_seed_read(const char *text, uint8_t ret_seed[static SIGNATURE_KEY_SIZE]);

/* Signs the file at fd, open for reading and writing: the line is put behind it, in the place of
 * one that is there. signature: kind, version, created and expires are the caller's. */
int signature_write(int fd, const uint8_t seed[static SIGNATURE_KEY_SIZE],
		    struct signature *signature);

/* Looks for the line. 1: *ret is what it says, not verified; 0: there is none. -EBADMSG: one that
 * is not well formed. Errors of pread(2). */
int signature_find(int fd, struct signature *ret);

/* What the file's signature is worth. 0: *ret is verified. -ENOKEY: not signed, or by a key that is
 * not among these; -EBADMSG: a line that is not well formed, or of another kind; -EKEYREJECTED: the
 * content is not what was signed; -EKEYEXPIRED: past its expiry, or from the future; -ESTALE: older
 * than version floor. */
int signature_verify(int fd, const char *kind, const struct signature_key *keys, size_t count,
		     uint64_t now, uint64_t floor, struct signature *ret);
/* Static text for these errors. */
const char *signature_error(int error);

/* For the fuzzer: reads a line, without its line ends. */
int signature_line_read(const char *line, size_t size, struct signature *ret);
