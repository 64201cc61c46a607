/* SPDX-License-Identifier: Apache-2.0 */
#include "base/quic_crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"

#define KEY_SIZE    16 /* AES-128 */
#define IV_SIZE	    12
#define LABEL_MAX   32
#define LABEL_START "tls13 "

struct quic_keys {
	EVP_CIPHER_CTX *aead, *header;
	uint8_t iv[IV_SIZE];
};

CLEANUP_DEFINE(struct quic_keys *, quic_keys_free)

void quic_keys_free(struct quic_keys *keys)
{
	if (!keys)
		return;
	EVP_CIPHER_CTX_free(keys->aead);
	EVP_CIPHER_CTX_free(keys->header);
	free(keys);
}

/* Finding an algorithm by its name costs more than using it; so once for all. */
static struct {
	EVP_MAC *mac;
	EVP_CIPHER *gcm, *ecb;
} algorithms;

static int algorithms_load(void)
{
	if (!algorithms.mac)
		algorithms.mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!algorithms.gcm)
		algorithms.gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	if (!algorithms.ecb)
		algorithms.ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	return algorithms.mac && algorithms.gcm && algorithms.ecb ? 0 : -EIO;
}

CLEANUP_DEFINE(EVP_MAC_CTX *, EVP_MAC_CTX_free)

/* A context for HMAC with SHA-256, to be used with any number of keys; NULL on failure. */
static EVP_MAC_CTX *hmac_new(void)
{
	char name[] = "SHA256";
	OSSL_PARAM parameters[] = { OSSL_PARAM_utf8_string("digest", name, sizeof(name) - 1),
				    OSSL_PARAM_END };
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(algorithms.mac);

	if (context && EVP_MAC_CTX_set_params(context, parameters) == 1)
		return context;
	EVP_MAC_CTX_free(context);
	return NULL;
}

static int hmac(EVP_MAC_CTX *context, const uint8_t *key, size_t key_size, const uint8_t *data,
		size_t size, uint8_t out[static SHA256_SIZE])
{
	size_t done;

	if (EVP_MAC_init(context, key, key_size, NULL) != 1 ||
	    EVP_MAC_update(context, data, size) != 1 ||
	    EVP_MAC_final(context, out, &done, SHA256_SIZE) != 1)
		return -EIO;
	return 0;
}

/* HKDF-Expand-Label (RFC 8446, 7.1) with no context, for what one block of SHA-256 holds. */
static int label_expand(EVP_MAC_CTX *context, const uint8_t secret[static SHA256_SIZE],
			const char *label, size_t size, uint8_t *out)
{
	uint8_t info[4 + sizeof(LABEL_START) + LABEL_MAX], block[SHA256_SIZE];
	size_t length = strlen(label), at = 0;

	if (length > LABEL_MAX)
		return -EIO;
	info[at++] = 0;
	info[at++] = (uint8_t)size;
	info[at++] = (uint8_t)(strlen(LABEL_START) + length);
	memcpy(info + at, LABEL_START, strlen(LABEL_START));
	at += strlen(LABEL_START);
	memcpy(info + at, label, length);
	at += length;
	info[at++] = 0; /* the context's length */
	info[at++] = 1; /* the first block (RFC 5869, 2.3) */
	if (hmac(context, secret, SHA256_SIZE, info, at, block) < 0)
		return -EIO;
	memcpy(out, block, size);
	return 0;
}

static int contexts_init(struct quic_keys *keys, const uint8_t key[static KEY_SIZE],
			 const uint8_t hp[static KEY_SIZE])
{
	keys->aead = EVP_CIPHER_CTX_new();
	keys->header = EVP_CIPHER_CTX_new();
	if (!keys->aead || !keys->header)
		return -ENOMEM;
	if (EVP_DecryptInit_ex(keys->aead, algorithms.gcm, NULL, key, NULL) != 1 ||
	    EVP_EncryptInit_ex(keys->header, algorithms.ecb, NULL, hp, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(keys->header, 0) != 1)
		return -EIO;
	return 0;
}

int quic_keys_new(const struct quic_derivation *derivation, const uint8_t *id, size_t size,
		  struct quic_keys **ret)
{
	uint8_t initial[SHA256_SIZE], client[SHA256_SIZE], key[KEY_SIZE], hp[KEY_SIZE];
	CLEANUP(quic_keys_free_cleanup) struct quic_keys *keys = calloc(1, sizeof(*keys));
	CLEANUP(EVP_MAC_CTX_free_cleanup) EVP_MAC_CTX *mac = NULL;
	int r;

	if (!keys)
		return -ENOMEM;
	if (algorithms_load() < 0)
		return -EIO;
	mac = hmac_new();
	if (!mac || hmac(mac, derivation->salt, QUIC_SALT_SIZE, id, size, initial) < 0 ||
	    label_expand(mac, initial, "client in", sizeof(client), client) < 0 ||
	    label_expand(mac, client, derivation->key, sizeof(key), key) < 0 ||
	    label_expand(mac, client, derivation->iv, sizeof(keys->iv), keys->iv) < 0 ||
	    label_expand(mac, client, derivation->hp, sizeof(hp), hp) < 0)
		return -EIO;
	r = contexts_init(keys, key, hp);
	if (r < 0)
		return r;
	*ret = take_ptr(keys);
	return 0;
}

int quic_keys_mask(struct quic_keys *keys, const uint8_t sample[static QUIC_SAMPLE_SIZE],
		   uint8_t mask[static QUIC_MASK_SIZE])
{
	uint8_t block[QUIC_SAMPLE_SIZE];
	int size;

	if (EVP_EncryptUpdate(keys->header, block, &size, sample, QUIC_SAMPLE_SIZE) != 1)
		return -EIO;
	memcpy(mask, block, QUIC_MASK_SIZE);
	return 0;
}

int quic_keys_open(struct quic_keys *keys, uint64_t number, const uint8_t *header,
		   size_t header_size, const uint8_t *sealed, size_t size, uint8_t *out)
{
	uint8_t nonce[IV_SIZE], tag[QUIC_TAG_SIZE];
	int done;

	if (size < QUIC_TAG_SIZE || size > INT_MAX || header_size > INT_MAX)
		return -EBADMSG;
	size -= QUIC_TAG_SIZE;
	memcpy(nonce, keys->iv, IV_SIZE);
	for (unsigned i = 0; i < 8; i++)
		nonce[IV_SIZE - 1 - i] ^= (uint8_t)(number >> 8 * i);
	memcpy(tag, sealed + size, QUIC_TAG_SIZE);
	if (EVP_DecryptInit_ex(keys->aead, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_DecryptUpdate(keys->aead, NULL, &done, header, (int)header_size) != 1 ||
	    EVP_DecryptUpdate(keys->aead, out, &done, sealed, (int)size) != 1 ||
	    EVP_CIPHER_CTX_ctrl(keys->aead, EVP_CTRL_AEAD_SET_TAG, QUIC_TAG_SIZE, tag) != 1)
		return -EIO;
	return EVP_DecryptFinal_ex(keys->aead, out + done, &done) == 1 ? 0 : -EBADMSG;
}

int quic_crypto_prepare(void)
{
	static const struct quic_derivation any = { .key = "quic key",
						    .iv = "quic iv",
						    .hp = "quic hp" };
	CLEANUP(quic_keys_free_cleanup) struct quic_keys *keys = NULL;

	return quic_keys_new(&any, any.salt, sizeof(any.salt), &keys) < 0 ? -EIO : 0;
}
