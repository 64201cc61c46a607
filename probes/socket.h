/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Notes of sockets: which process uses one, and how far its flow has been looked at. Written at the
 * system call by process.bpf.c and connect.bpf.c, read at the packet.
 *
 * A note stands in one of two places. The socket's own storage is never pushed out and is freed
 * with the socket, but to make and to free it costs more than all else that is done for a short
 * connection. So a note begins in a slot that the socket's cookie leads to. It leaves the slot when
 * the socket is released, or nothing more of its flow is to be looked at; it moves to the storage
 * when more than a first segment is, and when data is left to be sent at the release. A socket that
 * finds its slot taken, and one whose release may not be told (the kernel's own, and MPTCP's), has
 * it in the storage from the beginning. The storage is asked first: what stands there is newer.
 */
#pragma once

#include "counters.h"
#include "kernel.h"
#include "process.h"
#include "record.h"

#define IPPROTO_MPTCP 262

/* A socket accepted from a listening one inherits its note. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct socket_note);
} socket_notes SEC(".maps") __weak;

struct young_note {
	struct bpf_spin_lock lock; /* of the cookie */
	__u32 zero;
	__u64 cookie; /* whose slot it is; 0: free */
	struct socket_note note;
};

#define YOUNG_NOTES 8192
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, YOUNG_NOTES);
	__type(key, __u32);
	__type(value, struct young_note);
} young_notes SEC(".maps") __weak;

static __always_inline struct young_note *young_slot(__u64 cookie)
{
	__u32 slot = (__u32)cookie & (YOUNG_NOTES - 1);

	return bpf_map_lookup_elem(&young_notes, &slot);
}

/* context: of a program that has the socket. */
static __always_inline struct young_note *young_note(void *context)
{
	__u64 cookie = bpf_get_socket_cookie(context);
	struct young_note *young = young_slot(cookie);

	return young && young->cookie == cookie ? young : NULL;
}

/* False: the slot is another's. */
static __always_inline bool young_note_put(__u64 cookie, const struct socket_note *note)
{
	struct young_note *young = young_slot(cookie);
	bool free;

	if (!young)
		return false;
	bpf_spin_lock(&young->lock);
	free = young->cookie == 0;
	if (free)
		young->cookie = cookie;
	bpf_spin_unlock(&young->lock);
	/* The socket sends nothing before this is done. */
	if (free)
		young->note = *note;
	return free;
}

/* Only who has it gives it up. */
static __always_inline void young_note_clear(struct young_note *young)
{
	*(volatile __u64 *)&young->cookie = 0;
}

/* NULL for a socket that nobody was noted for, or that is none of a connection's end, such as one
 * that waits for its time. */
static __always_inline struct socket_note *socket_note_find(void *context, struct bpf_sock *socket)
{
	struct socket_note *note = bpf_sk_storage_get(&socket_notes, socket, NULL, 0);
	struct young_note *young;

	if (note)
		return note;
	young = young_note(context);
	return young ? &young->note : NULL;
}

/* The same note in the storage, where there is room. */
static __always_inline struct socket_note *socket_note_keep(struct bpf_sock *socket,
							    struct socket_note *note)
{
	struct socket_note *kept =
		bpf_sk_storage_get(&socket_notes, socket, note, BPF_SK_STORAGE_GET_F_CREATE);

	return kept ? kept : note;
}

static __always_inline void socket_note_begin(struct socket_note *note, enum note_flow flow)
{
	if (flow == NOTE_FLOW_NONE)
		return;
	note->flow = flow;
	note->flow_segments = 0;
	note->flow_first = 0;
}

static __always_inline void socket_note_fill(struct socket_note *note, __u64 ids, enum note_how how,
					     enum note_flow flow)
{
	note->tid = (__u32)ids;
	note->uid = (__u32)bpf_get_current_uid_gid();
	note->how = how;
	socket_note_begin(note, flow);
}

/* The note of a socket that has none, in its slot or in its storage. */
static __always_inline void socket_note_new(void *context, struct bpf_sock *socket,
					    const struct socket_note *fresh)
{
	struct socket_note *note;

	if (socket->protocol != IPPROTO_MPTCP && fresh->how != NOTE_NONE &&
	    young_note_put(bpf_get_socket_cookie(context), fresh))
		return;
	note = bpf_sk_storage_get(&socket_notes, socket, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (note)
		*note = *fresh;
}

/* Notes who uses the socket. flow: what begins with it, or NOTE_FLOW_NONE. */
static __always_inline void socket_use(void *context, struct bpf_sock *socket, enum note_how how,
				       enum note_flow flow)
{
	__u64 ids = bpf_get_current_pid_tgid();
	struct socket_note fresh = { 0 }, *note;

	if (!socket)
		return;
	/* Mostly it is the same process as before: it can only be another with that pid if the
	 * socket outlived its process and came to the next one. What begins is mostly new. */
	note = flow == NOTE_FLOW_NONE ? socket_note_find(context, socket) : NULL;
	if (note && note->how != NOTE_NONE && note->process.pid == (__u32)(ids >> 32)) {
		socket_note_fill(note, ids, how, flow);
		return;
	}
	if (process_current(&fresh.process)) {
		process_noted(&fresh.process);
		socket_note_fill(&fresh, ids, how, flow);
	} else {
		socket_note_begin(&fresh, flow);
	}
	/* Asked again: the verifier would follow each of the three answers through all of the
	 * above. */
	note = socket_note_find(context, socket);
	if (!note) {
		socket_note_new(context, socket, &fresh);
		return;
	}
	/* Until 5.11 io_uring sent from kernel threads: then who created or connected the socket
	 * says more. */
	if (fresh.how != NOTE_NONE) {
		note->process = fresh.process;
		socket_note_fill(note, ids, how, flow);
	} else {
		socket_note_begin(note, flow);
	}
}

/* The socket is released: nobody uses it any more, but what it was given to send may still leave.
 */
static __always_inline void socket_forget(struct bpf_sock *socket)
{
	struct young_note *young = young_note(socket);

	if (!young)
		return;
	if (BPF_CORE_READ((struct sock *)socket, sk_wmem_queued) > 0)
		(void)socket_note_keep(socket, &young->note);
	young_note_clear(young);
}
