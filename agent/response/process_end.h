/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that are stopped or killed because of what they run. Each is known by a pidfd, so that
 * no other process that got its number meanwhile is hit. Never the agent itself, nor pid 1.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/file_identity.h"

/* What is done to one of them: pidfd is its own, so what is done by it cannot hit another. 0 or a
 * negative errno. */
typedef int (*process_act)(pid_t pid, int pidfd, void *userdata);
/* To every process whose executable is the file; how many it was done to. */
int process_act_running(const struct file_identity *file, process_act act, void *userdata);
/* To one process, if it is the one that started then (boot clock, ns, cut to clock ticks or not).
 * What act returns. -ESRCH: it is gone. -EPERM: pid 1, or the agent itself. */
int process_act_one(pid_t pid, uint64_t start, process_act act, void *userdata);
int process_signal(int pidfd, int signal);
/* A process_act: sends the signal that userdata (int *) has. */
int process_signal_act(pid_t pid, int pidfd, void *userdata);
