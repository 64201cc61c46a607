/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes as the kernel side noted them at exec or at their first use of a socket: what they
 * were then, not what /proc says by now.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What stands in the place of a path's leading components when they are missing: ".../bin/sh". No
 * path from the root begins so, and what is left must not be taken for one. */
#define PROCESS_PATH_CUT "..."

/* Text lengths as in the kernel side's record.h; for a path PROCESS_PATH_CUT and the NUL, too. */
#define PROCESS_EXE_MAX	      516
#define PROCESS_ARGUMENTS_MAX 512
#define PROCESS_CGROUP_MAX    512
#define PROCESS_ANCESTORS_MAX 8

/* Where what is known of the process comes from. */
enum process_source {
	PROCESS_SOURCE_EXEC,   /* noted in the kernel when it was executed */
	PROCESS_SOURCE_FORK,   /* noted in the kernel when it was forked; executed nothing since */
	PROCESS_SOURCE_SOCKET, /* noted in the kernel when it used a socket: older than the agent */
	PROCESS_SOURCE_PROC,   /* read from /proc afterwards: the kernel's note was gone */
	PROCESS_SOURCE_NONE,   /* only pid and comm are known */
};

/* What a process is to names that it asks for. */
enum process_role {
	PROCESS_ROLE_NONE,
	PROCESS_ROLE_STUB, /* systemd-resolved, nscd, dnsmasq, unbound...: asks for others */
};

struct process {
	pid_t pid;
	uint64_t start_boottime; /* ns; with the pid it names one process ever */
	uint64_t start_time;	 /* ns since the epoch */
	uid_t uid;
	gid_t gid;
	enum process_source source;
	enum process_role role;
	bool exe_truncated, arguments_truncated, exe_deleted;
	bool mounts_foreign; /* its mount namespace was made without the host's root: what stands at
			      * a path is up to whoever made it */
	char comm[17];
	char exe[PROCESS_EXE_MAX];	       /* "" when it is not known; raw bytes; begins with
						* PROCESS_PATH_CUT when truncated */
	char arguments[PROCESS_ARGUMENTS_MAX]; /* joined by blanks; raw bytes */
	char cgroup[PROCESS_CGROUP_MAX];       /* path below the cgroup v2 mount, "/a/b"; begins
						* with PROCESS_PATH_CUT when truncated */
	char unit[256];			       /* systemd unit, from the cgroup; "" for none */
	char container[65];		       /* container id, from the cgroup; "" for none */
	char user[64];			       /* name of uid; "" when it has none */
	pid_t parent_pid;
	const struct process *parent; /* borrowed; NULL when it is not known */
};

const char *process_source_name(enum process_source source);
const char *process_role_name(enum process_role role);
