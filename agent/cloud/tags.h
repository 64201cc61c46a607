/* SPDX-License-Identifier: Apache-2.0
 *
 * The tags of this instance, on their way from the metadata service, or from EC2, through the
 * channel to cordond. Whoever may tag the instance says what is in them; the bytes are a
 * stranger's on both sides.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What is asked for, as an entry to CLOUD_TAGS. */
#define TAGS_ENTRY "tags"

/* Of an instance there are 50, and those that AWS itself puts there. */
#define TAGS_MAX      128
/* Characters are counted by AWS, 128 and 256; one has 4 bytes at most. */
#define TAG_NAME_MAX  ((size_t)512)
#define TAG_VALUE_MAX ((size_t)1024)

/* The answer for the channel: to be freed. tags: an object of texts. NULL: memory is short. */
char *tags_answer(const json_t *tags, bool metadata);
/* Reads that answer: an object of texts within the limits, a new reference; ret_metadata: who said
 * it. NULL: it is none. */
json_t *tags_read(const char *answer, size_t size, bool *ret_metadata);
