/* SPDX-License-Identifier: Apache-2.0
 *
 * One call for a response: cordond says which and with what, cordon-cloud makes it with the retry
 * budget that telemetry cannot use up, reads all pages of the reply, and says what came of it.
 *
 *   {"service": "ec2", "operation": "DescribeNetworkInterfaces", "fresh": true,
 *    "parameters": [["Filter.1.Name", "attachment.instance-id"], ...]}
 *
 *   {"failure": "none", "status": 200, "code": "", "message": "", "facts": {...}}
 *
 * failure is one of failure_name() (retry.h); code and message are the service's; facts are what
 * call_table.c reads of the reply.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct dispatch;
struct call;

/* Begins it; the reply goes to the parent. -EBADMSG: it is no call; -ENOMEM. */
int call_take(struct dispatch *dispatch, uint64_t id, const char *text, size_t size);
void calls_free(struct dispatch *dispatch);
