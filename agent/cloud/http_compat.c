/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns nothing. The certificates are the operator's.
 */
#include "cloud/http_compat.h"

#include <config.h>

#include "base/tls_bundle.h"

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

	(void)easy;
	return tls_bundle_add(context, bundle->data, bundle->len) < 0 ? CURLE_SSL_CACERT_BADFILE
								      : CURLE_OK;
}

CURLcode http_set_bundle(CURL *easy, const struct curl_blob *bundle)
{
	CURLcode r = curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);

	r = r ? r : curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	r = r ? r : curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, bundle_add);
	return r ? r : curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, bundle);
}

#endif
