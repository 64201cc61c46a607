/* SPDX-License-Identifier: Apache-2.0
 *
 * What keeps this host from being isolated, whatever was found, and needs no network to be known.
 */
#pragma once

#include "response/isolation_facts.h"
#include "response/isolation_options.h"

/* True: why says what holds it back. uptime: ns since boot. by_hand: a person asks; grace is not
 * for them, the marks are. */
#define GUARD_TEXT_SIZE 256
bool isolation_guard(const struct isolation_options *options, const struct isolation_facts *facts,
		     uint64_t uptime, bool by_hand, char why[static GUARD_TEXT_SIZE]);
