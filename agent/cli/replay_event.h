/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS questions of recorded packets as lines of JSON.
 */
#pragma once

#include <stdio.h>

struct event;

/* One line with frame, time, src, dst, sport, dport, proto, qname, qtype and response. 0 or
 * -ENOMEM; errors of out are for the caller to look for. */
int replay_event_print(const struct event *event, FILE *out);
