/* SPDX-License-Identifier: Apache-2.0
 *
 * AWS Signature Version 4: the Authorization header of a request (AWS General Reference, "Signing
 * AWS API requests"). Knows no service and no transport. Input: the agent's own requests; what is
 * signed must be what is sent, byte for byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/digest.h"

#define SIGV4_DATE_SIZE 17 /* "20150830T123600Z" and its NUL: the x-amz-date header */

struct sigv4_header {
	const char *name, *value; /* value: bytes of a header line, no line ends */
};

/* All borrowed. */
struct sigv4_request {
	const char *method;
	const char *path;  /* as sent; percent-encoded where it must be */
	const char *query; /* as sent, without "?"; "" or NULL: none */
	const struct sigv4_header
		*headers; /* all of these are signed; host and x-amz-date must be
			   * among them, x-amz-security-token where there is one */
	size_t header_count;
	const char *date;	      /* the value of x-amz-date */
	const char *payload_hash;     /* SHA-256 of the body in hex, or what S3 takes instead */
	const char *region, *service; /* as in the credential scope: "eu-west-1", "logs" */
	bool path_as_is;	      /* S3: the path is neither normalised nor encoded once more */
};

/* The x-amz-date of a time (UTC). */
void sigv4_date(time_t time, char out[static SIGV4_DATE_SIZE]);
/* SHA-256 of a body in hex, for payload_hash and x-amz-content-sha256. */
int sigv4_payload_hash(const void *body, size_t size, char out[static SHA256_TEXT_SIZE]);

/* The value of the Authorization header, the caller's to free. -EINVAL: method, date, region or
 * service are empty, or a header has a line end; -ENOMEM; -EIO: OpenSSL. */
int sigv4_sign(const struct sigv4_request *request, const char *access_key, const char *secret_key,
	       char **ret_authorization);

/* The canonical request, the caller's to free: what is hashed and signed. For tests, and to tell
 * what was signed when AWS says that the signature does not match. */
int sigv4_canonical(const struct sigv4_request *request, char **ret);
