/* SPDX-License-Identifier: Apache-2.0
 *
 * Freezes a process where it stands, so that it can be looked at and does nothing more: with its
 * whole cgroup (cgroup v2's freezer, 5.2), which its children cannot leave, where that is its own;
 * by SIGSTOP where it shares it. Never what the host or the way to it depends on: pid 1's cgroup,
 * our own, those of the units that containment leaves open (the SSM agent's, resolvers).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct freezer;

#define FREEZER_FILE "frozen" /* in the state folder */

/* Whether a unit of systemd's is to be left alone. */
typedef bool (*freezer_kept)(const char *unit, void *userdata);

/* state_dir is copied. */
int freezer_new(const char *state_dir, freezer_kept kept, void *userdata, struct freezer **ret);
void freezer_free(struct freezer *freezer);

/* A process_act (process_end.h) whose userdata is the freezer. -EPERM: it is none to be frozen;
 * -ENOSPC and others: that it is frozen cannot be written down, so it is not; -ENOBUFS: too many
 * are. */
int freezer_freeze(pid_t pid, int pidfd, void *freezer);
/* The same, but the process only: its cgroup goes on. */
int freezer_stop(pid_t pid, int pidfd, void *freezer);

/* Thaws all that was frozen, by whichever daemon. How many; a negative errno: some may not be. */
int freezer_thaw(struct freezer *freezer);
/* How many are. */
size_t freezer_count(const struct freezer *freezer);
