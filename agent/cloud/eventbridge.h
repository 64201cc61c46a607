/* SPDX-License-Identifier: Apache-2.0
 *
 * EventBridge: findings, and what was done about them, as events of the source "cordon".
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cloud/batch.h"
#include "cloud/client.h"

struct sink_queue;

/* Of one PutEvents (API reference): entries, and their bytes. What is beside an entry's detail is
 * counted as much as it can be at most: source, detail-type, time and the instance's ARN. */
#define EVENTBRIDGE_ENTRIES_MAX 10
#define EVENTBRIDGE_BYTES_MAX	((size_t)262144)
#define EVENTBRIDGE_ENTRY_EXTRA ((size_t)512)

/* The body of a PutEvents, the caller's to free; NULL: no memory, or a document that is no OCSF
 * object. arn: of the instance, "" for none. */
char *eventbridge_body(const struct batch *batch, const char *bus, const char *arn);

/* Says of each entry of the batch what became of it. -EBADMSG: this is no reply to it. */
int eventbridge_reply(const char *body, size_t size, struct batch *batch);

/* A call that brings nothing onto the bus, and that only who may put events can make. */
void eventbridge_try(struct sink_queue *queue, client_done done);
