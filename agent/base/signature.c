/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signature.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/parse.h"

#define MARK	      "# cordon-signature v1 "
#define READ_SIZE     65536
/* Clocks differ; a signature from further ahead is one of a machine whose clock nobody set. */
#define FUTURE_MAX    86400
#define BASE64_OF(n)  (((n) + 2) / 3 * 4)
#define NUMBER_DIGITS 20

CLEANUP_DEFINE(EVP_PKEY *, EVP_PKEY_free)
CLEANUP_DEFINE(EVP_MD_CTX *, EVP_MD_CTX_free)
CLEANUP_DEFINE(struct digest *, digest_free)

static void id_make(struct signature_key *key)
{
	uint8_t hash[SHA256_SIZE] = { 0 };

	(void)digest_sha256(key->key, sizeof(key->key), hash);
	digest_text(hash, (SIGNATURE_ID_SIZE - 1) / 2, key->id);
}

int signature_public(const uint8_t seed[static SIGNATURE_KEY_SIZE], struct signature_key *ret)
{
	CLEANUP(EVP_PKEY_free_cleanup)
	EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGNATURE_KEY_SIZE);
	size_t size = sizeof(ret->key);

	if (!key || EVP_PKEY_get_raw_public_key(key, ret->key, &size) != 1 ||
	    size != sizeof(ret->key))
		return -EIO;
	id_make(ret);
	return 0;
}

int signature_generate(uint8_t ret_seed[static SIGNATURE_KEY_SIZE], struct signature_key *ret)
{
	CLEANUP(EVP_PKEY_free_cleanup) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	size_t size = SIGNATURE_KEY_SIZE;

	if (!key || EVP_PKEY_get_raw_private_key(key, ret_seed, &size) != 1 ||
	    size != SIGNATURE_KEY_SIZE)
		return -EIO;
	return signature_public(ret_seed, ret);
}

void signature_key_text(const uint8_t key[static SIGNATURE_KEY_SIZE],
			char out[static SIGNATURE_BASE64_SIZE])
{
	(void)EVP_EncodeBlock((unsigned char *)out, key, SIGNATURE_KEY_SIZE);
}

/* Exactly so many bytes, in the one way that they are written. */
static bool base64_read(const char *text, size_t length, uint8_t *out, size_t size)
{
	unsigned char decoded[BASE64_OF(SIGNATURE_SIZE)];
	char again[BASE64_OF(SIGNATURE_SIZE) + 1];

	if (length != BASE64_OF(size) || length > sizeof(decoded))
		return false;
	if (EVP_DecodeBlock(decoded, (const unsigned char *)text, (int)length) < (int)size)
		return false;
	(void)EVP_EncodeBlock((unsigned char *)again, decoded, (int)size);
	if (memcmp(again, text, length) != 0)
		return false;
	memcpy(out, decoded, size);
	return true;
}

int signature_key_read(const char *text, struct signature_key *ret)
{
	if (!base64_read(text, strlen(text), ret->key, sizeof(ret->key)))
		return -EINVAL;
	id_make(ret);
	return 0;
}

int signature_seed_read(const char *text, uint8_t ret_seed[static SIGNATURE_KEY_SIZE])
{
	size_t length = strcspn(text, "\r\n");

	return base64_read(text, length, ret_seed, SIGNATURE_KEY_SIZE) ? 0 : -EINVAL;
}

/* What stands before " sig=": part of what is signed. */
static int head_write(const struct signature *signature, char *out, size_t size)
{
	return snprintf(out, size,
			MARK "%s key=%s version=%" PRIu64 " created=%" PRIu64 " expires=%" PRIu64,
			signature->kind, signature->key, signature->version, signature->created,
			signature->expires);
}

/* SHA-256 of the file's first bytes, and the head behind it. */
static int message_make(int fd, const struct signature *signature, uint8_t *out, size_t *ret_size)
{
	CLEANUP(digest_free_cleanup) struct digest *digest = digest_new();
	CLEANUP(free_cleanup) uint8_t *buffer = malloc(READ_SIZE);
	char head[SIGNATURE_LINE_MAX];
	int length = head_write(signature, head, sizeof(head)), r = 0;

	if (!digest || !buffer)
		return -ENOMEM;
	for (uint64_t at = 0; at < signature->content && r == 0;) {
		uint64_t left = signature->content - at;
		ssize_t n =
			pread(fd, buffer, left < READ_SIZE ? (size_t)left : READ_SIZE, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		r = digest_add(digest, buffer, (size_t)n);
		at += (uint64_t)n;
	}
	if (r == 0)
		r = digest_finish(digest, out);
	memcpy(out + SHA256_SIZE, head, (size_t)length);
	*ret_size = SHA256_SIZE + (size_t)length;
	return r;
}

static int message_sign(const uint8_t *message, size_t size,
			const uint8_t seed[static SIGNATURE_KEY_SIZE],
			uint8_t out[static SIGNATURE_SIZE])
{
	CLEANUP(EVP_PKEY_free_cleanup)
	EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGNATURE_KEY_SIZE);
	CLEANUP(EVP_MD_CTX_free_cleanup) EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t length = SIGNATURE_SIZE;

	if (!key || !context || EVP_DigestSignInit(context, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(context, out, &length, message, size) != 1 || length != SIGNATURE_SIZE)
		return -EIO;
	return 0;
}

static bool message_verify(const uint8_t *message, size_t size, const struct signature_key *key,
			   const uint8_t signature[static SIGNATURE_SIZE])
{
	CLEANUP(EVP_PKEY_free_cleanup)
	EVP_PKEY *public =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->key, sizeof(key->key));
	CLEANUP(EVP_MD_CTX_free_cleanup) EVP_MD_CTX *context = EVP_MD_CTX_new();

	return public && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, public) == 1 &&
	       EVP_DigestVerify(context, signature, SIGNATURE_SIZE, message, size) == 1;
}

/* ---- the line ---- */

struct words {
	const char *at, *end;
};

/* The value of "NAME=VALUE", which comes next, up to a blank or the end. */
static bool word_take(struct words *words, const char *name, char *out, size_t size)
{
	size_t prefix = strlen(name), length = 0;

	if ((size_t)(words->end - words->at) < prefix || memcmp(words->at, name, prefix) != 0)
		return false;
	words->at += prefix;
	while (words->at + length < words->end && words->at[length] != ' ')
		length++;
	if (length == 0 || length >= size || memchr(words->at, '\0', length))
		return false;
	memcpy(out, words->at, length);
	out[length] = '\0';
	words->at += length;
	return true;
}

static bool number_take(struct words *words, const char *name, uint64_t *ret)
{
	char text[NUMBER_DIGITS + 1], again[NUMBER_DIGITS + 1];

	if (!word_take(words, name, text, sizeof(text)) || parse_u64(text, INT64_MAX, ret) < 0)
		return false;
	/* Only one way to write it: the head is made again to be verified. */
	(void)snprintf(again, sizeof(again), "%" PRIu64, *ret);
	return strcmp(text, again) == 0;
}

int signature_line_read(const char *line, size_t size, struct signature *ret)
{
	struct signature signature = { 0 };
	struct words words = { line, line + size };
	char text[BASE64_OF(SIGNATURE_SIZE) + 1];

	if (size < strlen(MARK) || memcmp(line, MARK, strlen(MARK)) != 0)
		return -EBADMSG;
	words.at += strlen(MARK);
	if (!word_take(&words, "", signature.kind, sizeof(signature.kind)) ||
	    !word_take(&words, " key=", signature.key, sizeof(signature.key)) ||
	    !number_take(&words, " version=", &signature.version) ||
	    !number_take(&words, " created=", &signature.created) ||
	    !number_take(&words, " expires=", &signature.expires) ||
	    !word_take(&words, " sig=", text, sizeof(text)) || words.at != words.end ||
	    !base64_read(text, strlen(text), signature.bytes, sizeof(signature.bytes)))
		return -EBADMSG;
	*ret = signature;
	return 0;
}

/* The last line, and where it begins. */
static int last_line(int fd, char out[static SIGNATURE_LINE_MAX + 1], size_t *ret_size,
		     uint64_t *ret_start)
{
	struct stat status;
	uint64_t start;
	size_t size, at;
	ssize_t n;

	if (fstat(fd, &status) < 0)
		return -errno;
	size = status.st_size < SIGNATURE_LINE_MAX ? (size_t)status.st_size : SIGNATURE_LINE_MAX;
	start = (uint64_t)status.st_size - size;
	do
		n = pread(fd, out, size, (off_t)start);
	while (n < 0 && errno == EINTR);
	if (n < 0 || (size_t)n != size)
		return n < 0 ? -errno : -EIO;
	if (size == 0 || out[size - 1] != '\n')
		return 0;
	at = size - 1;
	while (at > 0 && out[at - 1] != '\n')
		at--;
	/* A line that does not begin in sight is longer than any of ours. */
	if (at == 0 && start > 0)
		return 0;
	memmove(out, out + at, size - at);
	*ret_size = size - at - 1;
	*ret_start = start + at;
	return 1;
}

int signature_find(int fd, struct signature *ret)
{
	char line[SIGNATURE_LINE_MAX + 1];
	uint64_t start = 0;
	size_t size = 0;
	int r = last_line(fd, line, &size, &start);

	if (r <= 0)
		return r;
	if (size < strlen(MARK) || memcmp(line, MARK, strlen(MARK)) != 0)
		return 0;
	r = signature_line_read(line, size, ret);
	if (r < 0)
		return r;
	/* The line end before it is the line's own: content that ends without one stays as it
	 * is. */
	if (start == 0)
		return -EBADMSG;
	ret->content = start - 1;
	return 1;
}

int signature_write(int fd, const uint8_t seed[static SIGNATURE_KEY_SIZE],
		    struct signature *signature)
{
	uint8_t message[SHA256_SIZE + SIGNATURE_LINE_MAX];
	char line[SIGNATURE_LINE_MAX], text[BASE64_OF(SIGNATURE_SIZE) + 1];
	struct signature before;
	struct signature_key key;
	struct stat status;
	size_t size;
	int r = signature_public(seed, &key), length;

	if (r == 0)
		r = signature_find(fd, &before);
	if (r < 0 && r != -EBADMSG)
		return r;
	if (fstat(fd, &status) < 0)
		return -errno;
	signature->content = r > 0 ? before.content : (uint64_t)status.st_size;
	memcpy(signature->key, key.id, sizeof(signature->key));
	r = message_make(fd, signature, message, &size);
	if (r == 0)
		r = message_sign(message, size, seed, signature->bytes);
	if (r < 0)
		return r;
	(void)EVP_EncodeBlock((unsigned char *)text, signature->bytes, SIGNATURE_SIZE);
	line[0] = '\n';
	length = 1 + head_write(signature, line + 1, sizeof(line) - 1);
	length += snprintf(line + length, sizeof(line) - (size_t)length, " sig=%s\n", text);
	if (ftruncate(fd, (off_t)signature->content) < 0 || lseek(fd, 0, SEEK_END) < 0)
		return -errno;
	return fd_write_all(fd, line, (size_t)length);
}

int signature_verify(int fd, const char *kind, const struct signature_key *keys, size_t count,
		     uint64_t now, uint64_t floor, struct signature *ret)
{
	uint8_t message[SHA256_SIZE + SIGNATURE_LINE_MAX];
	const struct signature_key *key = NULL;
	struct signature signature;
	size_t size;
	int r = signature_find(fd, &signature);

	if (r <= 0)
		return r < 0 ? r : -ENOKEY;
	if (strcmp(signature.kind, kind) != 0)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i].id, signature.key) == 0)
			key = &keys[i];
	if (!key)
		return -ENOKEY;
	r = message_make(fd, &signature, message, &size);
	if (r < 0)
		return r;
	if (!message_verify(message, size, key, signature.bytes))
		return -EKEYREJECTED;
	if ((signature.expires && signature.expires <= now) || signature.created > now + FUTURE_MAX)
		return -EKEYEXPIRED;
	if (signature.version < floor)
		return -ESTALE;
	*ret = signature;
	return 0;
}

const char *signature_error(int error)
{
	switch (error) {
	case -ENOKEY:
		return "not signed by a key that is configured";
	case -EBADMSG:
		return "its signature is not well formed, or is for something else";
	case -EKEYREJECTED:
		return "its content is not what was signed";
	case -EKEYEXPIRED:
		return "its signature has expired, or is from the future";
	case -ESTALE:
		return "it is older than the one that was in force";
	default:
		return strerror(-error);
	}
}
