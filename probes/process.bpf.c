/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The process family: notes each process when it is executed, and who uses which socket, in the
 * system call itself, where the current task is certain to be the one. The DNS probe finds the
 * note at the packet. Gives to: the maps in process.h. Input: the kernel's own structures; names,
 * paths and arguments in them are chosen by whoever runs the program.
 */
#include "process.h"

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

static __always_inline void socket_use(struct bpf_sock *socket, enum note_how how)
{
	struct task_struct *task;
	__u64 ids = bpf_get_current_pid_tgid();
	struct process_note *process;
	struct socket_note *note;
	struct process_key key;

	if (!socket)
		return;
	note = bpf_sk_storage_get(&socket_notes, socket, NULL, 0);
	/* The same process as before, as a server's are all: it can only be another with that pid
	 * if the socket outlived its process and came to the next one. */
	if (note && note->how == how && note->process.pid == (__u32)(ids >> 32)) {
		note->tid = (__u32)ids;
		note->uid = (__u32)bpf_get_current_uid_gid();
		return;
	}
	task = (void *)bpf_get_current_task();
	/* Until 5.11 io_uring sent from kernel threads: then who created or connected the socket
	 * says more. */
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return;
	note = bpf_sk_storage_get(&socket_notes, socket, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!note)
		return;
	key = process_key_of(task);
	process = bpf_map_lookup_elem(&processes, &key);
	if (process)
		process_note_refresh(process, task);
	else
		process_note_write(&key, task, NOTE_SOURCE_SOCKET);
	note->process = key;
	note->tid = (__u32)ids;
	note->uid = (__u32)bpf_get_current_uid_gid();
	note->how = how;
}

/* Every hook lets everything pass: 1. */
SEC("cgroup/sock_create")
int process_sock_create(struct bpf_sock *context)
{
	if (context->family == 2 || context->family == 10)
		socket_use(context, NOTE_CREATE);
	return 1;
}

SEC("cgroup/connect4")
int process_connect4(struct bpf_sock_addr *context)
{
	socket_use(context->sk, NOTE_CONNECT);
	return 1;
}

SEC("cgroup/connect6")
int process_connect6(struct bpf_sock_addr *context)
{
	socket_use(context->sk, NOTE_CONNECT);
	return 1;
}

SEC("cgroup/sendmsg4")
int process_sendmsg4(struct bpf_sock_addr *context)
{
	socket_use(context->sk, NOTE_SEND);
	return 1;
}

SEC("cgroup/sendmsg6")
int process_sendmsg6(struct bpf_sock_addr *context)
{
	socket_use(context->sk, NOTE_SEND);
	return 1;
}

char process_license[] SEC("license") = "Dual BSD/GPL";
