/* SPDX-License-Identifier: Apache-2.0
 *
 * Time, in nanoseconds. Everything that asks for the time asks here, so that tests can set it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NS_PER_SECOND	   UINT64_C(1000000000)
#define NS_PER_MILLISECOND UINT64_C(1000000)

/* Wall-clock time since the epoch. */
uint64_t clock_realtime(void);
/* Since boot, suspend included: the kernel side's bpf_ktime_get_boot_ns() (5.8). */
uint64_t clock_boottime(void);

/* Wall-clock time of an instant on the boot clock. */
uint64_t clock_from_boottime(uint64_t boottime);

/* For tests: both clocks stand at these values until clock_release(). */
void clock_hold(uint64_t realtime, uint64_t boottime);
void clock_release(void);

/* "2026-11-21T02:24:05.123456Z" (RFC 3339, UTC). */
#define CLOCK_TEXT_SIZE 32
void clock_format(uint64_t realtime, char out[static CLOCK_TEXT_SIZE]);
