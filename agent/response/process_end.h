/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that are stopped or killed because of what they run. Each is known by a pidfd, so that
 * no other process that got its number meanwhile is hit. Never the agent itself, nor pid 1.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/file_identity.h"

/* Sends the signal (SIGKILL or SIGSTOP) to every process whose executable is the file: the same
 * inode, whatever it is called by now. Returns how many got it. */
int process_end_running(const struct file_identity *file, int signal);
/* To one process, if it is the one that started then (boot clock, ns, cut to clock ticks or not).
 * -ESRCH: it is gone. */
int process_end_one(pid_t pid, uint64_t start, int signal);
