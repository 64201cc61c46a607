/* SPDX-License-Identifier: Apache-2.0
 *
 * A file system in memory, mounted for a test in a mount namespace of its own, and a loop: for what
 * is told by the kernel's fanotify.
 */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <systemd/sd-event.h>
#include <unistd.h>

static char top[] = "/tmp/mounted.XXXXXX";
static sd_event *loop;

static int mounts_make(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	if (!mkdtemp(top) || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", top, "tmpfs", 0, "size=64m") < 0)
		return -1;
	return sd_event_new(&loop) < 0 ? -1 : 0;
}

static int mounts_remove(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	sd_event_unref(loop);
	(void)umount2(top, MNT_DETACH);
	return rmdir(top);
}

#define NEED_ROOT()                                                                                \
	do {                                                                                       \
		if (geteuid() != 0) {                                                              \
			print_message("needs root\n");                                             \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static const char *below(const char *name)
{
	static char paths[4][600];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", top, name);
	return path;
}

static int act_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0755);

	return write(fd, "#!/bin/true\n", 12) == 12 ? close(fd) : -1;
}

static void loop_settle(void)
{
	while (sd_event_run(loop, 50000) > 0)
		;
}
