/* SPDX-License-Identifier: Apache-2.0
 *
 * What older libcurl has not: RHEL 9's is 7.76. configure looks for each; with the variables
 * ac_cv_have_decl_CURLOPT_CAINFO_BLOB and ac_cv_have_decl_CURLOPT_PROTOCOLS_STR set to "no" it
 * builds as there.
 */
#pragma once

#include <curl/curl.h>

/* Only http and https. */
CURLcode http_limit_protocols(CURL *easy);
/* Peers are verified by these certificates (PEM), and by no others. bundle: borrowed until the
 * transfer is over. */
CURLcode http_set_bundle(CURL *easy, const struct curl_blob *bundle);
