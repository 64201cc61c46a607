/* SPDX-License-Identifier: Apache-2.0
 *
 * What recorded packets were, as lines of JSON: questions and answers, connections, flows.
 */
#pragma once

#include <stdio.h>

struct event;

/* One line with frame, time, src, dst, sport, dport, proto, and what its kind has besides:
 *   DNS message   qname, qtype, response; of an answer what it says: answers
 *   connection    connection (why it is told)
 *   flow          flow ("tls", "http", "quic"), outcome, and as far as they were said: sni, alpn (a
 *                 list), ja4, ech, host, method, quic (1, 2, or another version in hex)
 * Nothing for a payload, which is not read yet. 0 or -ENOMEM; errors of out are for the caller to
 * look for. */
int replay_event_print(const struct event *event, FILE *out);
