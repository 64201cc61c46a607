/* SPDX-License-Identifier: Apache-2.0
 *
 * CloudWatch Logs: findings as log events, one line of OCSF each.
 */
#pragma once

#include <stddef.h>

#include "cloud/batch.h"

/* Of one PutLogEvents (API reference): events, and their bytes with 26 for each. */
#define CLOUDWATCH_EVENTS_MAX  10000
#define CLOUDWATCH_BYTES_MAX   ((size_t)1048576)
#define CLOUDWATCH_EVENT_EXTRA ((size_t)26)
#define CLOUDWATCH_SPAN_MAX    (UINT64_C(24) * 3600 * 1000)

/* The body of a PutLogEvents, the caller's to free; NULL: no memory, or a document that is not
 * UTF-8. */
char *cloudwatch_body(const struct batch *batch, const char *group, const char *stream);

/* Which events of a batch the service did not take though it took the call: before the first, from
 * the second number on. Both within 0 and count. -EBADMSG: this is no reply of the service. */
int cloudwatch_reply(const char *body, size_t size, size_t count, size_t *ret_before,
		     size_t *ret_from);
