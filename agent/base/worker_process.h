/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that works for its parent in a cage (cordon-scan, cordon-cloud) as a process: finding
 * it, starting it, ending it, and what it died of.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Longest name of such a program, with its NUL. */
#define WORKER_NAME_SIZE 32

/* The program, opened once: whatever an upgrade puts in its place, a worker that is replaced is of
 * the same build as its parent. */
struct worker_program {
	int fd; /* -1: none */
	char name[WORKER_NAME_SIZE];
	uid_t uid; /* that workers run as, when we are root */
	gid_t gid;
	const char *mode; /* what it is to do (cage.h); NULL: its default. Borrowed */
	char user[32];	  /* "cordon", or "nobody" where there is no such user */
};

/* path NULL: name beside our own program, as in a build folder, else where it is installed.
 * -ENOENT; -EPERM: others than root and the owner of our own program may write it, and we are root.
 */
int worker_program_open(const char *name, const char *path, struct worker_program *ret);
void worker_program_close(struct worker_program *program);

struct worker_process {
	pid_t pid;   /* 0: none */
	int pidfd;   /* readable when it has died */
	int channel; /* does not block */
};

/* memory: bytes of address space that it may have. */
int worker_process_start(const struct worker_program *program, uint64_t memory,
			 struct worker_process *ret);
void worker_process_kill(const struct worker_process *process);

/* Takes it from the process table once it has died: 1, and what of. 0: it lives. */
#define WORKER_DEATH_MAX 128
int worker_process_reap(struct worker_process *process, char ret_death[static WORKER_DEATH_MAX]);
/* Kills it, waits for its end, and closes all. */
void worker_process_end(struct worker_process *process);
