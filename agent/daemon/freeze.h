/* SPDX-License-Identifier: Apache-2.0
 *
 * The freezer (response/freezer.h) within the daemon: which units are left alone, and which process
 * a finding is about.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct agent;
struct finding;

/* A process_act (response/process_end.h) whose userdata is the agent: frozen with its cgroup, or
 * stopped alone. */
int freeze_act(pid_t pid, int pidfd, void *userdata);
int freeze_stop_act(pid_t pid, int pidfd, void *userdata);
/* All that was frozen goes on. */
void freeze_thaw(struct agent *agent);
void freeze_close(struct agent *agent);

/* Whose lookup or connection it is. pid 0: it is not known, or one that asks for others (a stub
 * resolver), who has done nothing. */
void freeze_suspect(const struct finding *finding, pid_t *ret_pid, uint64_t *ret_start);
