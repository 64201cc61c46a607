/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups that go around this host's own resolvers: plain DNS to others, DNS over TLS or QUIC, and
 * the public resolvers of policy/doh-resolvers.txt (entries with the tag "resolver").
 */
#pragma once

#include <stdbool.h>

#include "detect/finding.h"

/* A connection that the kernel side tells of for its port. Resolvers on this host do that for
 * others: it is their job. One finding a program and kind of road, whatever the destination. */
bool resolver_bypass_connection(const struct event *event, struct finding *finding);

/* Whether the entry is a public resolver. */
bool resolver_bypass_entry(const struct indicator *indicator);

/* A finding that matched an entry: one for a public resolver becomes this detector's. False: it is
 * none after all, for plain DNS to such an address is the kernel side's to tell. */
bool resolver_bypass_adopt(struct finding *finding);
