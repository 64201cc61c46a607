/* SPDX-License-Identifier: Apache-2.0
 *
 * The cage: what a process gives up before it reads hostile bytes. Called once, by a worker that
 * was just executed, with one thread and the channel as CAGE_CHANNEL.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "scan/cage_layer.h"

#define CAGE_CHANNEL 3

/* Built with a sanitizer, which needs more than the cage leaves. */
#if defined(__SANITIZE_ADDRESS__)
#define CAGE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAGE_SANITIZED 1
#endif
#endif

struct cage_options {
	uid_t uid; /* taken on when we are root */
	gid_t gid;
	uint64_t memory; /* bytes of address space */
};

/* Sets all of it up, in the only order that works. ret_errors: for each layer 0 when it is on, else
 * the errno that says why it is not. 0 also when a layer is off that is not always to be had.
 * Negative: a required one is off, *ret_layer. */
int cage_enter(const struct cage_options *options, uint16_t ret_errors[static CAGE_LAYERS],
	       enum cage_layer *ret_layer);

/* cage_calls.c: from here on the kernel kills the process at any other system call. */
int cage_calls_filter(void);
/* cage_landlock.c: no file, no port. -ENOSYS, -EOPNOTSUPP: this kernel has it not, or not on. */
int cage_landlock_restrict(void);
