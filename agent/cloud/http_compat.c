/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns nothing. The certificates are the operator's.
 */
#include "cloud/http_compat.h"

#include <config.h>

#if !HAVE_DECL_CURLOPT_CAINFO_BLOB
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#endif

CURLcode http_limit_protocols(CURL *easy)
{
#if HAVE_DECL_CURLOPT_PROTOCOLS_STR
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

#if HAVE_DECL_CURLOPT_CAINFO_BLOB

CURLcode http_set_bundle(CURL *easy, const struct curl_blob *bundle)
{
	return curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, bundle);
}

#else

/* libcurl asks before each handshake (CURLOPT_SSL_CTX_FUNCTION). No certificate in the bundle: no
 * peer is verified. */
static CURLcode bundle_add(CURL *easy, void *context, void *userdata)
{
	const struct curl_blob *bundle = userdata;
	BIO *bio = bundle->len > INT_MAX ? NULL : BIO_new_mem_buf(bundle->data, (int)bundle->len);
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	CURLcode code = CURLE_OK;
	X509 *certificate;

	(void)easy;
	if (!bio)
		return CURLE_OUT_OF_MEMORY;
	while (code == CURLE_OK && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (!X509_STORE_add_cert(store, certificate))
			code = CURLE_SSL_CACERT_BADFILE;
		X509_free(certificate);
	}
	BIO_free(bio);
	/* The end of the bundle is one, too. */
	ERR_clear_error();
	return code;
}

CURLcode http_set_bundle(CURL *easy, const struct curl_blob *bundle)
{
	CURLcode r = curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);

	r = r ? r : curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, bundle_add);
	return r ? r : curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, bundle);
}

#endif
