/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns nothing. The certificates are the operator's.
 */
#include "base/tls_bundle.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

int tls_bundle_add(void *context, const void *pem, size_t size)
{
	BIO *bio = size > INT_MAX ? NULL : BIO_new_mem_buf(pem, (int)size);
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	X509 *certificate;
	int r = 0;

	if (!bio)
		return -ENOMEM;
	while (r == 0 && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (!X509_STORE_add_cert(store, certificate))
			r = -EINVAL;
		X509_free(certificate);
	}
	BIO_free(bio);
	/* The end of the bundle is one, too. */
	ERR_clear_error();
	return r;
}
