/* SPDX-License-Identifier: Apache-2.0
 *
 * What a packet is, read from the standards in the plainest way, one packet at a time: the probes
 * are held against it. Shares no code with them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/domain_name.h"
#include "match_reference.h"
#include "sensor/ledger.h"

struct strict_rules {
	const struct match_reference *reference;
	bool responses;	  /* answers are read, too */
	bool answers;	  /* all of them, not only what they repeat */
	bool observe_all; /* every question leads to a record */
};

#define STRICT_MATCHES_MAX 64

struct strict {
	size_t outcomes[LEDGER_OUTCOMES]; /* all 0: no DNS, or no packet at all */
	size_t records;			  /* that have to be written */
	bool drop;			  /* in enforce mode */
	size_t count;			  /* listed names among the questions that can be read */
	struct domain_name matches[STRICT_MATCHES_MAX];
};

/* enforce: reading ends where the packet is dropped. A TCP segment is taken for a stream's first.
 */
void strict_read(const uint8_t *packet, size_t size, const struct strict_rules *rules, bool enforce,
		 struct strict *ret);
