/* SPDX-License-Identifier: Apache-2.0
 *
 * S3: all that is found and done, as gzipped JSON lines, one object a batch: the copy from which
 * everything could be rebuilt.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "cloud/batch.h"
#include "cloud/client.h"

struct sink_queue;

/* Lines of one object. Below the room that a sink has (courier.h), so that an object goes when it
 * is full, and not only when its time has come. */
#define S3_LINES_MAX  512
#define S3_BYTES_MAX  ((size_t)1024 * 1024)
#define S3_LINE_EXTRA ((size_t)1) /* the line's end */
#define S3_HOUR	      (UINT64_C(3600) * 1000)

/* A key of S3 has at most 1,024 bytes; here with its NUL. */
#define S3_KEY_SIZE 1025

/* The lines of a batch, compressed: the same batch gives the same bytes. The caller's to free;
 * NULL: memory is short. lines: SHA-256 of what is compressed. */
void *s3_object(const struct batch *batch, size_t *ret_size, uint8_t lines[static SHA256_SIZE]);

/* The key of a batch: PREFIX2026/11/21/09/HOST-0123456789abcdef.jsonl.gz. Of the hour of its lines,
 * and of what is in them: an object that is sent again overwrites itself. -ENAMETOOLONG. */
int s3_key(const struct batch *batch, const char *prefix, const char *host,
	   const uint8_t lines[static SHA256_SIZE], char out[static S3_KEY_SIZE]);

/* "/BUCKET/KEY" or "/KEY", percent-encoded as S3 signs it; the caller's to free. */
char *s3_path(const char *bucket, const char *key);

/* The region that an error names ("PermanentRedirect", "AuthorizationHeaderMalformed"...); false:
 * it names none. */
#define S3_REGION_SIZE 64
bool s3_error_region(const char *body, size_t size, char out[static S3_REGION_SIZE]);

/* A call that stores nothing, and that only who may store objects can make. */
void s3_try(struct sink_queue *queue, client_done done);
/* Whether the reply says that the bucket is not there, or elsewhere; text: what to set. */
bool s3_setting_is_wrong(struct sink_queue *queue, const struct client_result *result,
			 char text[static MESSAGE_TEXT_SIZE]);
