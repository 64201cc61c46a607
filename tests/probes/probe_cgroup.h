/* SPDX-License-Identifier: Apache-2.0
 *
 * A cgroup of the test's own. Asserts inside: for cmocka tests only.
 */
#pragma once

#include <sys/types.h>

/* A new one below the root of the mounted cgroup v2 hierarchy: its folder. */
char *probe_cgroup_make(void);
/* Takes the folder; nobody may be in it any more. */
void probe_cgroup_remove(char *folder);

/* Puts the calling process there. Async-signal-safe: for a child after fork(). */
int probe_cgroup_enter(const char *folder);
