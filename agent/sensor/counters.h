/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the kernel side keeps the counters of the ledger: one table, for reading them and for
 * telling the next version where they are.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sensor/ledger.h"
#include "sensor/pin_state.h"

/* Describes all counters, base 0. Returns how many. */
size_t counters_describe(struct pin_counter ret[static PIN_COUNTERS_MAX]);

/* The kernel side's part of the ledger: what bss says now, and each counter's base. bss: as this
 * version lays it out. */
void counters_read(const struct pin_state *state, const void *bss, struct ledger *ret);

/* Adds to the bases of state, by name, what another one's counters came to: its bases and what
 * stands in its own .bss, which is laid out as it says. Returns how many it has that are not known
 * by name any more. */
size_t counters_carry(struct pin_state *state, const struct pin_state *from, const void *bss,
		      size_t bss_size);
