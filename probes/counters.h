/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The ledger's counters and the settings: one line of memory that a packet touches, and constants
 * that the verifier folds away.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "record.h"

const volatile struct settings settings;

/* A slot a CPU. Added to with atomic instructions, for a packet in softirq may come in the middle
 * of another on the same CPU, and a program may be preempted: a lost count would be a lie. */
struct counter_slot counter_slots[COUNTER_SLOTS] __attribute__((aligned(64)));

/* Packets seen while there was no table. */
__u64 table_missing;

static __always_inline void count(enum counter_probe probe, enum counter counter)
{
	__u32 slot = bpf_get_smp_processor_id() & (COUNTER_SLOTS - 1);

	__sync_fetch_and_add(&counter_slots[slot].counters[probe][counter], 1);
}
