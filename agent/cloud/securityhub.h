/* SPDX-License-Identifier: Apache-2.0
 *
 * Security Hub: findings in its own format (report/asff.c), which cordond makes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cloud/batch.h"
#include "cloud/client.h"

struct sink_queue;

/* Of one BatchImportFindings (API reference): findings, bytes of one and of all. */
#define SECURITYHUB_FINDINGS_MAX  100
#define SECURITYHUB_FINDING_BYTES ((size_t)240 * 1024)
#define SECURITYHUB_BYTES_MAX	  ((size_t)6 * 1024 * 1024 - 64)

/* The body of a BatchImportFindings, the caller's to free; NULL: no memory. */
char *securityhub_body(const struct batch *batch, size_t *ret_size);

/* Says of each entry of the batch what became of it. -EBADMSG: this is no reply to it. */
int securityhub_reply(const char *body, size_t size, struct batch *batch);

/* A call that imports nothing, and that only who may import findings can make. */
void securityhub_try(struct sink_queue *queue, client_done done);
/* Whether the reply says that there is no Security Hub; text: what to do. */
bool securityhub_setting_is_wrong(struct sink_queue *queue, const struct client_result *result,
				  char text[static MESSAGE_TEXT_SIZE]);
