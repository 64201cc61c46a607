/* SPDX-License-Identifier: Apache-2.0
 *
 * The cage: what a process gives up before it reads hostile bytes. Called once, by a worker that
 * was just executed, with one thread and the channel as CAGE_CHANNEL. What a program's work leaves
 * it to keep stands in its plan.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cage_layer.h"

#define CAGE_CHANNEL 3

/* Built with a sanitizer, which needs more than the cage leaves. */
#if defined(__SANITIZE_ADDRESS__)
#define CAGE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAGE_SANITIZED 1
#endif
#endif

/* System calls that are not deadly, and what becomes of them: SCMP_ACT_ALLOW or SCMP_ACT_ERRNO().
 */
struct cage_calls {
	const char *why;
	uint32_t action;
	const int *calls; /* SCMP_SYS() */
	size_t count;
};
#define CAGE_CALLS(...)                                                                            \
	(const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int)

/* The same for one call if the argument, under the mask, has the value. */
struct cage_condition {
	const char *why;
	uint32_t action;
	int call;
	unsigned argument;
	uint64_t mask, value;
};
/* In the place of a value: our own pid. */
#define CAGE_OWN_PID UINT64_MAX

/* Rows of several programs. */
struct cage_table {
	const struct cage_calls *calls;
	size_t calls_count;
	const struct cage_condition *conditions;
	size_t conditions_count;
};

/* What one program keeps. All borrowed. */
struct cage_plan {
	int namespaces; /* CLONE_NEW* that it leaves the host's */
	bool root_kept; /* its root folder stays: it opens files */
	bool network;	/* Landlock leaves ports, and sockets that others listen on */
	uint64_t tasks; /* processes and threads of its user beside it */
	uint64_t descriptors;
	uint64_t file_size;		 /* bytes that it may write to a file that it was handed */
	const struct cage_table *shared; /* NULL: none */
	struct cage_table own;		 /* besides; no call stands in both */
	const char *const *readable;	 /* files and folders, ends with NULL; NULL: none */
};

struct cage_options {
	uid_t uid; /* taken on when we are root */
	gid_t gid;
	uint64_t memory;  /* bytes of address space */
	const char *mode; /* what it is to do, "" for what it does by default; borrowed */
	const struct cage_plan *plan;
};

/* UID, GID, MEMORY, MODE: the arguments of a worker, from the parent, whom it trusts. The last may
 * be missing. -EINVAL. */
int cage_arguments(int argc, char **argv, struct cage_options *ret);

/* Sets all of it up, in the only order that works. ret_errors: for each layer 0 when it is on, else
 * the errno that says why it is not; CAGE_UNPLANNED: the program's work rules it out. 0 also when a
 * layer is off that is not always to be had. Negative: a required one is off, *ret_layer. */
int cage_enter(const struct cage_options *options, uint16_t ret_errors[static CAGE_LAYERS],
	       enum cage_layer *ret_layer);
#define CAGE_UNPLANNED UINT16_MAX

/* cage_calls.c: from here on the kernel kills the process at any other system call. */
int cage_calls_filter(const struct cage_plan *plan);
/* cage_landlock.c: no file but those to be read, no port. -ENOSYS, -EOPNOTSUPP: this kernel has it
 * not, or not on. */
int cage_landlock_restrict(const struct cage_plan *plan);
