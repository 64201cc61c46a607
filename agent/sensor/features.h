/* SPDX-License-Identifier: Apache-2.0
 *
 * What this kernel's BPF can do of what the probes use: asked of the kernel itself, since versions
 * say little (distributions backport). For `cordon doctor`. Loads tiny programs and maps and closes
 * them; nothing is attached. Takes nothing from outside.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct feature {
	const char *name;
	const char *purpose; /* what the agent does with it */
	bool present;
};

#define FEATURES_MAX 40

/* Fills ret and returns how many; a negative errno when the kernel lets us ask nothing: -EPERM
 * without CAP_BPF (or CAP_SYS_ADMIN), -ENOSYS without bpf(2). */
int features_probe(struct feature ret[static FEATURES_MAX]);

/* Whether BPF programs are compiled to machine code, and whether anybody may load some: 1, 0, or
 * -errno where the kernel does not say. */
int features_jit(void);
int features_unprivileged(void);
