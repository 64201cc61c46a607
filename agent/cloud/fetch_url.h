/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a feed is: which addresses are taken, and where a redirect leads. Addresses come from the
 * configuration, redirects and what a parameter points to from whoever answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cloud/fetch_protocol.h"

enum fetch_url_kind {
	FETCH_URL_BAD,
	FETCH_URL_HTTP, /* https, or http to loopback */
	FETCH_URL_S3,
	FETCH_URL_SSM,
};

enum fetch_url_kind fetch_url_kind(const char *url);
/* The address that a redirect names. -EPERM: it leads to other than https, or from the network to
 * loopback; -EINVAL: it is none. */
int fetch_url_join(const char *base, const char *location, char out[static FETCH_URL_SIZE]);
/* "/BUCKET/KEY", percent-encoded. -EINVAL. */
int fetch_url_s3_path(const char *url, char *out, size_t size);
/* Whether a parameter's value says where a list is. */
bool fetch_url_is_pointer(const char *value);
