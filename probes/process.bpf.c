/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The process family: notes each process when it is executed, and who creates which socket, in the
 * system call itself, where the current task is certain to be the one. (Who connects it is noted by
 * connect.bpf.c.) The DNS probe finds the note at the packet. Gives to: the maps in process.h.
 * Input: the kernel's own structures; names, paths and arguments in them are chosen by whoever runs
 * the program.
 */
#include "process.h"
#include "socket.h"

/* Runs after the new image is in place: path and arguments are the new program's. */
SEC("raw_tp/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args *context)
{
	struct task_struct *task = (void *)context->args[0];
	struct process_key key = process_key_of(task);

	process_note_write(&key, task, NOTE_SOURCE_EXEC);
	return 0;
}

/* A process that never executes anything is noted as its parent was, as what it is a copy of.
 * Threads are no processes of their own. */
SEC("raw_tp/sched_process_fork")
int process_fork(struct bpf_raw_tracepoint_args *context)
{
	struct task_struct *child = (void *)context->args[1];
	struct process_key key = process_key_of(child);

	if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid) ||
	    BPF_CORE_READ(child, flags) & PF_KTHREAD)
		return 0;
	process_note_write(&key, child, NOTE_SOURCE_FORK);
	return 0;
}

#define SOCK_STREAM 1

/* Lets everything pass: 1. What connects is noted then, and what listens needs no note: a stream
 * socket's would be made here for nothing. */
SEC("cgroup/sock_create")
int process_sock_create(struct bpf_sock *context)
{
	if ((context->family == 2 || context->family == 10) && context->type != SOCK_STREAM)
		socket_use(context, context, NOTE_CREATE, NOTE_FLOW_NONE);
	return 1;
}

SEC("cgroup/sock_release")
int process_sock_release(struct bpf_sock *context)
{
	if (context->family == 2 || context->family == 10)
		socket_forget(context);
	return 1;
}

char process_license[] SEC("license") = "Dual BSD/GPL";
