/* SPDX-License-Identifier: Apache-2.0
 *
 * Executions that are held until somebody has said whether they may go on (FAN_OPEN_EXEC_PERM), at
 * most for a limit. The holding is done by a process of its own, cordon-gate (gate_main.c): this is
 * its parent's side. What is not answered in time goes on, and so does everything when either
 * process is gone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct exec_gate;

struct exec_gate_statistics {
	bool running;
	uint64_t asked, answered, denied;
	uint64_t expired; /* went on at the limit */
	uint64_t unheard; /* were not held, since we had not been heard for a while */
	uint64_t full;	  /* went on, since too many waited, or we did not read */
	uint64_t waiting;
	uint64_t unmarked; /* file systems that cannot be held on */
	uint64_t restarts;
};

/* fd: open for reading, the listener's to close. time: since when it waits, on the boot clock. To
 * be answered by exec_gate_answer(). */
typedef void (*exec_gate_asked)(uint64_t number, int fd, pid_t pid, uint64_t time, void *userdata);

/* program: cordon-gate; NULL: beside our own, else where it is installed. limit: ns. -ENOENT,
 * -EPERM: of the program. */
int exec_gate_open(sd_event *loop, const char *program, uint64_t limit, exec_gate_asked asked,
		   void *userdata, struct exec_gate **ret);
void exec_gate_close(struct exec_gate *gate);

/* mount: a folder of a file system on which executions are held from now on. Ours to dup. */
void exec_gate_mark(struct exec_gate *gate, int mount);
/* keep: it is not asked about again until it is written to. */
void exec_gate_answer(struct exec_gate *gate, uint64_t number, bool allow, bool keep);
void exec_gate_forget(struct exec_gate *gate, int fd);
void exec_gate_flush(struct exec_gate *gate);
/* Each second: a gate that does not answer is killed, and started again with its marks. marks:
 * called to set them. */
void exec_gate_tick(struct exec_gate *gate, void (*marks)(void *userdata), void *userdata);

void exec_gate_statistics(const struct exec_gate *gate, struct exec_gate_statistics *ret);
