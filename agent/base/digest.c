/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>

#include "base/cleanup.h"

struct digest {
	EVP_MD_CTX *context;
};

CLEANUP_DEFINE(struct digest *, digest_free)

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->context);
	free(digest);
}

struct digest *digest_new(void)
{
	CLEANUP(digest_free_cleanup) struct digest *digest = calloc(1, sizeof(*digest));

	if (!digest)
		return NULL;
	digest->context = EVP_MD_CTX_new();
	if (!digest->context || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1)
		return NULL;
	return take_ptr(digest);
}

int digest_add(struct digest *digest, const void *data, size_t size)
{
	return EVP_DigestUpdate(digest->context, data, size) == 1 ? 0 : -EIO;
}

int digest_finish(struct digest *digest, uint8_t out[static SHA256_SIZE])
{
	return EVP_DigestFinal_ex(digest->context, out, NULL) == 1 ? 0 : -EIO;
}

int digest_peek(const struct digest *digest, uint8_t out[static SHA256_SIZE])
{
	CLEANUP(digest_free_cleanup) struct digest *copy = digest_new();

	if (!copy)
		return -ENOMEM;
	if (EVP_MD_CTX_copy_ex(copy->context, digest->context) != 1)
		return -EIO;
	return digest_finish(copy, out);
}

int digest_sha256(const void *data, size_t size, uint8_t out[static SHA256_SIZE])
{
	return EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

int digest_md5(const void *data, size_t size, uint8_t out[static MD5_SIZE])
{
	return EVP_Digest(data, size, out, NULL, EVP_md5(), NULL) == 1 ? 0 : -EOPNOTSUPP;
}

int digest_sha1(const void *data, size_t size, uint8_t out[static SHA1_SIZE])
{
	return EVP_Digest(data, size, out, NULL, EVP_sha1(), NULL) == 1 ? 0 : -EOPNOTSUPP;
}

int digest_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
		       uint8_t out[static SHA256_SIZE])
{
	size_t length;

	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_size, data, size, out,
			 SHA256_SIZE, &length)
		       ? 0
		       : -EIO;
}

void digest_text(const uint8_t *bytes, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

void digest_base64(const uint8_t digest[static SHA256_SIZE], char out[static DIGEST_BASE64_SIZE])
{
	(void)EVP_EncodeBlock((unsigned char *)out, digest, SHA256_SIZE);
}
