/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the verifier should not know. It follows every value through every turn of a loop and every
 * way to a line; where two ways differ only in what no longer matters, that is time and, past a
 * million steps, a refusal.
 */
#pragma once

#include <linux/bpf.h>

/* Always 0, but the verifier has to take it for anything: a value mixed with it by exclusive or is
 * one that it knows nothing of, so that the turns of a loop look alike to it. (An or would keep the
 * ones that it knows.) */
volatile __u64 verifier_zero __attribute__((weak));

/* Hides a value from clang, which would drop a mask that it can prove to be needless and the
 * verifier cannot. */
#define OPAQUE(value) asm volatile("" : "+r"(value))

/* Forgets what the verifier found out about a value, in the value's own place: as long as a copy
 * that was not forgotten is used later, nothing is won. */
#define FORGET(value) ((value) ^= (__typeof__(value))verifier_zero)
