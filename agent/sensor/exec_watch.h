/* SPDX-License-Identifier: Apache-2.0
 *
 * Executions of what has no name: a memfd, a file that was deleted before. fanotify cannot mark the
 * file system that memfds live on (6.11 refuses it), so the kernel's process connector tells of
 * each execution (netlink, CN_PROC), and the executable is looked at over /proc. A process that is
 * gone by then is counted.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct exec_watch;

struct exec_watch_statistics {
	uint64_t seen;	  /* executions */
	uint64_t unnamed; /* of what has no name: told */
	uint64_t gone;	  /* too short-lived to be looked at */
	uint64_t lost;	  /* times that the socket ran over */
};

/* fd: the executable, open for reading, the listener's to close. */
typedef void (*exec_watch_told)(int fd, pid_t pid, void *userdata);

/* -EPERM; -EPROTONOSUPPORT, -ECONNREFUSED: a kernel without CONFIG_PROC_EVENTS. */
int exec_watch_open(sd_event *loop, exec_watch_told told, void *userdata, struct exec_watch **ret);
void exec_watch_close(struct exec_watch *watch);
void exec_watch_statistics(const struct exec_watch *watch, struct exec_watch_statistics *ret);
