/* SPDX-License-Identifier: Apache-2.0
 *
 * What file_watch.c (groups and marks) and file_notice.c (what they tell) share.
 */
#pragma once

#include "sensor/file_watch.h"
#include "sensor/mounts.h"

struct watched_mount {
	dev_t device;
	char *path;
	bool whole; /* all of it: paths on it are a container's, and say nothing of watched places
		     */
};

struct file_watch {
	int names, files; /* groups; names is -1 where the kernel cannot */
	int mountinfo;
	bool executions;
	struct file_watch_options options;
	char **bases; /* mounts that the watched places lie on */
	struct watched_mount *mounts;
	size_t mounts_count;
	sd_event_source *names_source, *files_source, *mounts_source, *pause, *rest;
	struct file_watch_statistics statistics;
};

/* file_notice.c. Whether there was anything. */
bool file_watch_names_read(struct file_watch *watch);
bool file_watch_files_read(struct file_watch *watch);
