/* SPDX-License-Identifier: Apache-2.0
 *
 * SNS: notices to people, and to programs that subscribe. cordond makes the messages
 * (report/notice.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cloud/batch.h"
#include "cloud/client.h"

struct sink_queue;

/* Of one PublishBatch (API reference): messages, and their bytes with those of the attributes. */
#define SNS_MESSAGES_MAX  10
#define SNS_BYTES_MAX	  ((size_t)262144)
#define SNS_MESSAGE_EXTRA ((size_t)512)

/* The parameters of a PublishBatch as a form, the caller's to free; NULL: no memory, or a document
 * that is no notice. */
char *sns_body(const struct batch *batch, const char *topic);

/* Says of each entry of the batch what became of it. -EBADMSG: this is no reply to it. */
int sns_reply(const char *body, size_t size, struct batch *batch);

/* A call that publishes nothing, and that only who may publish can make. */
void sns_try(struct sink_queue *queue, client_done done);
/* Whether the reply says that the topic is wrong, which is no entry's fault; text: what to set. */
bool sns_setting_is_wrong(struct sink_queue *queue, const struct client_result *result,
			  char text[static MESSAGE_TEXT_SIZE]);
