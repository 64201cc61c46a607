/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that were written, moved or executed, as fanotify(7) tells of them. Marks are on whole file
 * systems: on each that a watched place lies on or that is mounted below one, and, if asked for, on
 * the overlays of containers, as they come.
 *
 * Two groups. One tells of names (FAN_REPORT_DFID_NAME, 5.9): writes and renames. It holds no file,
 * and what it tells is opened later. A file that was made without a name is told by the one that it
 * was linked by; other links are not told. The other tells of open files: executions; and writes on
 * file systems whose files cannot be told by a handle, where renames are not seen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct file_watch;

enum file_trigger {
	FILE_WRITTEN,  /* closed after it was open for writing */
	FILE_MOVED,    /* renamed into a watched place */
	FILE_EXECUTED, /* by then it runs */
	FILE_HELD,     /* an execution that waits for the answer (exec_gate.h) */
	FILE_MEMORY,   /* executed, and has no name: a memfd, or deleted before */
	FILE_LISTED,   /* met by a walk: on a schedule, or for what was missed */
	FILE_SUSPECT,  /* of the process behind a finding */
	FILE_TRIGGERS,
};
/* "written", "moved", "executed", "held", "memory", "listed", "suspect". */
const char *file_trigger_name(enum file_trigger trigger);

struct file_notice {
	enum file_trigger trigger;
	pid_t pid;	  /* of whoever did it; 0: not known */
	int fd;		  /* open for reading, the listener's to close; -1: there is only a path */
	const char *path; /* as we see it, raw bytes; NULL: fd says it */
	bool folder;	  /* a folder was moved in: all that is in it is new here */
};

struct file_watch_options {
	const char *const *paths; /* watched places: absolute, and without symbolic links */
	size_t paths_count;
	const char *const *exclude; /* never told of */
	size_t exclude_count;
	bool executions;
	bool containers; /* overlays wherever they are mounted */
	/* Borrowed for the call. */
	void (*notice)(const struct file_notice *notice, void *userdata);
	/* The queue ran over: anything may have been missed since. */
	void (*overflow)(void *userdata);
	/* A descriptor (O_PATH, borrowed) of each file system that is marked; may be NULL. */
	void (*marked)(int mount, void *userdata);
	void *userdata;
};

struct file_watch_statistics {
	uint64_t seen;	  /* events read = told + outside + excluded + own + other + failed */
	uint64_t told;	  /* to the listener */
	uint64_t outside; /* of no watched place */
	uint64_t excluded;
	uint64_t own;	    /* by the agent itself */
	uint64_t other;	    /* no regular files; folders made */
	uint64_t failed;    /* gone before we came, or not to be opened */
	uint64_t overflows; /* times the queue ran over */
	uint64_t named;	    /* file systems with names */
	uint64_t unnamed;   /* without: renames into them are not seen */
	uint64_t unmarked;  /* that cannot be watched */
	bool names;	    /* the kernel can tell names at all */
};

/* Copies the options' strings. -EPERM: without rights; -ENOSYS: a kernel without fanotify. */
int file_watch_open(sd_event *loop, const struct file_watch_options *options,
		    struct file_watch **ret);
void file_watch_close(struct file_watch *watch);

/* Until it is written to again, executions of this file are not told of. 0, or -EOPNOTSUPP: the
 * kernel would have to hold it in memory for that (before 5.19). */
int file_watch_keep(struct file_watch *watch, int fd);
/* All of them are told of again. */
void file_watch_keep_none(struct file_watch *watch);

/* Looks at the mounts again, as when one has changed: all are marked once more. */
void file_watch_mark(struct file_watch *watch);

void file_watch_statistics(const struct file_watch *watch, struct file_watch_statistics *ret);
