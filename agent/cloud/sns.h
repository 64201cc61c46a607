/* SPDX-License-Identifier: Apache-2.0
 *
 * SNS: notices to people, and to programs that subscribe. cordond makes the messages
 * (report/notice.c).
 */
#pragma once

#include <stddef.h>

#include "cloud/batch.h"

/* Of one PublishBatch (API reference): messages, and their bytes with those of the attributes. */
#define SNS_MESSAGES_MAX  10
#define SNS_BYTES_MAX	  ((size_t)262144)
#define SNS_MESSAGE_EXTRA ((size_t)512)

/* The parameters of a PublishBatch as a form, the caller's to free; NULL: no memory, or a document
 * that is no notice. */
char *sns_body(const struct batch *batch, const char *topic);

/* Says of each entry of the batch what became of it. -EBADMSG: this is no reply to it. */
int sns_reply(const char *body, size_t size, struct batch *batch);
