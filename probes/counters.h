/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The ledger's counters and the settings: one line of memory that a packet touches, and constants
 * that the verifier folds away.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "record.h"

const volatile struct settings settings __weak;

/* A slot a CPU. Added to with atomic instructions, for a packet in softirq may come in the middle
 * of another on the same CPU, and a program may be preempted: a lost count would be a lie. */
struct counter_slot counter_slots[COUNTER_SLOTS] __attribute__((aligned(64), weak));

/* Packets seen while there was no table. */
__u64 table_missing __weak;

/* Entries put into each table, less those taken out again: what of them is not there any more was
 * pushed out, which the kernel tells nobody. */
__u64 table_entries[COUNTER_TABLES] __weak;

/* When the daemon's loop last turned, ns on the boot clock: written by user space. */
__u64 heartbeat __weak;
/* Packets that would have been refused, and passed because nobody attended. */
__u64 unattended_passed __weak;

/* Asked where a packet is about to be refused, and nowhere else: whether it is to pass because the
 * daemon has been gone for too long. Counts it. */
static __always_inline bool unattended(void)
{
	__u64 now, last;

	if (!settings.unattended_after)
		return false;
	now = bpf_ktime_get_boot_ns();
	last = *(volatile __u64 *)&heartbeat;
	/* The beat may come between the two. */
	if (now < last || now - last <= settings.unattended_after)
		return false;
	__sync_fetch_and_add(&unattended_passed, 1);
	return true;
}

static __always_inline void count(enum counter_probe probe, enum counter counter)
{
	__u32 slot = bpf_get_smp_processor_id() & (COUNTER_SLOTS - 1);

	__sync_fetch_and_add(&counter_slots[slot].counters[probe][counter], 1);
}

/* entries: 1, 0 or -1. */
static __always_inline void count_table(enum counter_table table, __s64 entries)
{
	__sync_fetch_and_add(&table_entries[table], (__u64)entries);
}

static __always_inline void count_flow(enum counter_flow counter)
{
	__u32 slot = bpf_get_smp_processor_id() & (COUNTER_SLOTS - 1);

	__sync_fetch_and_add(&counter_slots[slot].flows[counter], 1);
}
