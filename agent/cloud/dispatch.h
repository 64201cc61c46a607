/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon-cloud at work: reads what cordond sends, queues entries for their sinks, has batches of
 * them delivered, and answers for each entry, once.
 */
#pragma once

#include <systemd/sd-event.h>

struct dispatch;

/* channel: borrowed; hello has been said. */
int dispatch_new(sd_event *loop, int channel, struct dispatch **ret);
void dispatch_free(struct dispatch *dispatch);
