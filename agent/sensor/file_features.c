/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/file_features.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef FAN_REPORT_DFID_NAME
#define FAN_REPORT_DFID_NAME 0x00000c00
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif

/* 0 or a negative errno: whether a group of the class can be had. */
static int group_try(unsigned flags)
{
	CLEANUP(close_cleanup) int fd = fanotify_init(flags | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : 0;
}

/* A flag that is not known is refused before the file is looked at. */
static bool keep_try(void)
{
	CLEANUP(close_cleanup)
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC);

	return fd >= 0 &&
	       fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_EVICTABLE,
			     FAN_OPEN_EXEC, AT_FDCWD, "/proc/self/exe") == 0;
}

static int connector_try(void)
{
	CLEANUP(close_cleanup)
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);

	return fd < 0 ? -errno : 0;
}

void file_features_read(struct file_features *ret)
{
	*ret = (struct file_features){
		.watch = group_try(FAN_CLASS_NOTIF),
		.names = group_try(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME) == 0,
		.kept = keep_try(),
		.hold = group_try(FAN_CLASS_CONTENT),
		.unnamed = connector_try(),
	};
}
