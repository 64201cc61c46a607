/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One DNS message on its way to a decision: its question matched and counted, what is hit or cannot
 * be read written to the ring buffer, with who sent it. Gets messages from dns.bpf.c and stream.h.
 * Input: packets, all of whose bytes somebody else chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "counters.h"
#include "maps.h"
#include "packet.h"
#include "process.h"
#include "record.h"
#include "seen.h"
#include "socket.h"
#include "table.h"
#include "walk.h"

struct dns_header {
	__be16 id, flags, questions, answers, authorities, additionals;
};

#define DNS_FLAG_RESPONSE 0x8000

/* What a program is: constants wherever these functions are inlined. */
struct hook {
	enum counter_probe probe;
	bool may_drop;
};

/* One message on its way to a decision. */
struct message {
	const struct hook *hook;
	struct __sk_buff *skb;
	__u16 source_port, destination_port; /* host order */
	__u8 protocol;
	const __u8 *ip; /* the IP header, 40 bytes from there in packet memory; or NULL */
	__u32 offset;	/* of the DNS message in the packet */
	__u32 size;	/* of the message */
	const __u8
		*head; /* of a message over TCP, with its prefix, when it was gathered; or NULL */
	__u32 head_size;
	struct dns_header header;
};

/* Whether this is a question on its way to a resolver: only those are ever refused. */
static __always_inline bool message_droppable(const struct message *message)
{
	return message->hook->may_drop && port_is_dns(message->destination_port);
}

static __always_inline bool message_is_response(const struct message *message)
{
	return message->header.flags & bpf_htons(DNS_FLAG_RESPONSE);
}

/* Whether it is an answer that came in from a resolver, and such are read. */
static __always_inline bool message_is_answer(const struct message *message)
{
	return settings.answers && !settings.replay && message->hook->probe == COUNTER_INGRESS &&
	       message_is_response(message) && port_is_dns(message->source_port);
}

static __always_inline bool socket_locked(struct bpf_sock *socket)
{
	struct tcp_sock *tcp = socket ? bpf_skc_to_tcp_sock(socket) : NULL;

	return tcp && tcp->inet_conn.icsk_inet.sk.sk_lock.owned;
}

/* Kernels that hand a program the task as what it is let it read there as in memory of its own. */
static __always_inline void record_task(struct record *record)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 comm[2];

	record->current_tid = (__u32)task->pid;
	/* In C this would be a load for each byte. */
	asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(comm[0]) : "r"(&task->comm[0]));
	asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(comm[1]) : "r"(&task->comm[8]));
	__builtin_memcpy(record->comm, comm, sizeof(comm));
	if (task->flags & PF_KTHREAD)
		return;
	record->current.start = task->group_leader->start_boottime;
	record->current.pid = (__u32)task->tgid;
}

/* Elsewhere each read costs as much as the walk over a name. */
static __always_inline void record_task_copied(struct record *record)
{
	struct task_struct *task = (void *)bpf_get_current_task(), *leader = task;
	struct task_ids ids = task_ids(task);

	record->current_tid = ids.tid;
	/* Mostly it is who was noted. */
	if (record->note.how != NOTE_NONE && record->note.process.pid == ids.pid) {
		record->current = record->note.process;
		return;
	}
	BPF_CORE_READ_STR_INTO(&record->comm, task, comm);
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return;
	if (ids.tid != ids.pid)
		leader = BPF_CORE_READ(task, group_leader);
	record->current.start = BPF_CORE_READ(leader, start_boottime);
	record->current.pid = ids.pid;
}

/* The current task is the sender only where the packet leaves in the sender's own call: UDP on its
 * way out, and TCP while a task holds the socket's lock; timers and acknowledgements send without
 * taking it, or wait for it. */
static __always_inline void record_current(struct record *record, const struct message *message,
					   struct bpf_sock *socket)
{
	if (message->hook->probe != COUNTER_EGRESS ||
	    (message->protocol == IPPROTO_TCP && !socket_locked(socket)))
		return;
	if (settings.task_typed)
		record_task(record);
	else
		record_task_copied(record);
}

static __always_inline void record_sender(struct record *record, const struct message *message)
{
	struct __sk_buff *skb = message->skb;
	struct socket_note *note = NULL;
	struct bpf_sock *socket;

	if (settings.replay)
		return;
	/* Else clang works out the field's place once for several records, and the verifier wants
	 * it worked out in each access. */
	OPAQUE(skb);
	socket = skb->sk;
	record->cookie = bpf_get_socket_cookie(message->skb);
	if (socket)
		socket = bpf_sk_fullsock(socket);
	if (socket)
		note = socket_note_find(skb, socket);
	/* The kernel's own sockets may have one that says nothing of who. */
	if (note && note->how != NOTE_NONE) {
		record->note = *note;
		record->uid = note->uid;
	} else {
		/* All that the socket itself says of its owner. */
		record->uid = bpf_get_socket_uid(message->skb);
		record->cgroup_id = bpf_skb_cgroup_id(message->skb);
	}
	record_current(record, message, socket);
}

static __always_inline void record_head(struct record *record, const struct message *message,
					enum record_kind kind, __u8 flags)
{
	__builtin_memset(record, 0, sizeof(*record));
	record->kind = kind;
	record->protocol = message->protocol;
	record->source_port = message->source_port;
	record->destination_port = message->destination_port;
	if (message->ip)
		packet_addresses_at(message->ip, record->addresses);
	else
		packet_addresses(message->skb, record->addresses);
	record->time = bpf_ktime_get_boot_ns();
	record->dns_id = bpf_ntohs(message->header.id);
	record->dns_flags = bpf_ntohs(message->header.flags);
	record->whole_size = message->size;
	if (record->dns_flags & DNS_FLAG_RESPONSE)
		flags |= RECORD_RESPONSE;
	if (message->hook->probe == COUNTER_INGRESS)
		flags |= RECORD_INGRESS;
	record->flags = flags;
	record_sender(record, message);
}

/* Copies size bytes, 1 to 256, from the message. */
static __always_inline void record_name(struct record_question *record, const struct reader *reader,
					enum reader_mode mode, const struct message *message,
					__u64 size)
{
	size = ((size - 1) & 255) + 1;
	OPAQUE(size);
	record->head.data_size = (__u16)size;
	size = ((size - 1) & 255) + 1;
	if (mode == READER_HEAD)
		(void)bpf_probe_read_kernel(record->data, (__u32)size,
					    reader->head + DNS_HEADER_SIZE);
	else
		(void)bpf_skb_load_bytes(message->skb, message->offset + DNS_HEADER_SIZE,
					 record->data, (__u32)size);
}

/* Copies the message, limit bytes (a power of two) of it at most. */
static __always_inline void record_answer(struct record *record, __u8 *data, __u64 limit,
					  const struct message *message, __u64 size, __u8 flags)
{
	long error;

	record_head(record, message, RECORD_ANSWER, flags);
	record->gso_size = (__u16)message->skb->gso_size;
	if (size > limit)
		size = limit;
	OPAQUE(size);
	size = ((size - 1) & (limit - 1)) + 1;
	if (message->head)
		error = bpf_probe_read_kernel(data, (__u32)size, message->head + STREAM_PREFIX);
	else
		error = bpf_skb_load_bytes(message->skb, message->offset, data, (__u32)size);
	record->data_size = error < 0 ? 0 : (__u16)size;
}

/* Hands up an answer for user space to read. */
static __always_inline void answer_submit(const struct message *message, __u8 flags)
{
	__u64 size = message->head ? message->head_size - STREAM_PREFIX : message->size;
	void *record;

	if (size <= RECORD_ANSWER_SMALL) {
		struct record_answer_small *small =
			bpf_ringbuf_reserve(&records, sizeof(struct record_answer_small), 0);

		if (small)
			record_answer(&small->head, small->data, RECORD_ANSWER_SMALL, message, size,
				      flags);
		record = small;
	} else {
		struct record_answer *large =
			bpf_ringbuf_reserve(&records, sizeof(struct record_answer), 0);

		if (large)
			record_answer(&large->head, large->data, RECORD_ANSWER_MAX, message, size,
				      flags);
		record = large;
	}
	if (!record) {
		count(message->hook->probe, COUNTER_RING_FULL);
		return;
	}
	bpf_ringbuf_submit(record, 0);
	count(message->hook->probe, COUNTER_SUBMITTED);
}

static __always_inline void question_submit(const struct message *message,
					    const struct reader *reader, enum reader_mode mode,
					    const struct name *name, __u8 flags)
{
	struct record_question *record;
	__u8 tail[DNS_QUESTION_TAIL] = { 0 };

	/* Of a recorded answer all is shown. */
	if (settings.replay && settings.answers && message_is_response(message)) {
		answer_submit(message, flags);
		return;
	}
	record = bpf_ringbuf_reserve(&records, sizeof(struct record_question), 0);
	if (!record) {
		count(message->hook->probe, COUNTER_RING_FULL);
		return;
	}
	record_head(&record->head, message, RECORD_QUESTION, flags);
	for (int i = 0; i < DNS_QUESTION_TAIL; i++)
		(void)reader_byte(reader, mode, DNS_HEADER_SIZE + name->end + 1 + (__u64)i,
				  &tail[i]);
	record->head.qtype = (__u16)(tail[0] << 8 | tail[1]);
	record->head.qclass = (__u16)(tail[2] << 8 | tail[3]);
	record_name(record, reader, mode, message, name->end + 1);
	bpf_ringbuf_submit(record, 0);
	count(message->hook->probe, COUNTER_SUBMITTED);
}

/* A name that is not listed: recorded when everything is to be observed, or when names never seen
 * before are, this one is such, and this second's share is not used up. */
static __always_inline enum action question_clean(const struct message *message,
						  const struct reader *reader,
						  enum reader_mode mode, const struct name *name,
						  enum counter outcome)
{
	enum counter_probe probe = message->hook->probe;
	enum seen seen = SEEN_BEFORE;

	if (settings.observe_all)
		seen = SEEN_NEVER;
	else if (settings.unseen_rate && outcome == COUNTER_CLEAN)
		seen = name_seen(reader, mode, name);
	if (seen == SEEN_BEFORE) {
		count(probe, outcome);
		return ACTION_PASS;
	}
	count(probe, COUNTER_OBSERVED);
	if (seen == SEEN_LIMITED)
		count(probe, COUNTER_LIMITED);
	else
		question_submit(message, reader, mode, name, 0);
	return ACTION_PASS;
}

/* When a question last left that is listed or was not read here, in jiffies; 0: none did. */
__u64 question_suspect_last;

static __always_inline void question_suspect(const struct message *message)
{
	if (settings.answers && message->hook->probe == COUNTER_EGRESS)
		question_suspect_last = bpf_jiffies64();
}

/* Matches the one question, counts its outcome and decides. */
static __always_inline enum action question_judge(const struct message *message,
						  const struct table *table,
						  const struct reader *reader,
						  enum reader_mode mode, const struct name *name)
{
	__u8 flags = RECORD_MATCHED;
	__u64 decided;
	bool drop;

	if (!table->header) {
		__sync_fetch_and_add(&table_missing, 1);
		return question_clean(message, reader, mode, name, COUNTER_CLEAN);
	}
	decided = table_walk(table, reader, mode, name);
	if (!(decided & (TABLE_LISTED | TABLE_ALLOWED)))
		return question_clean(message, reader, mode, name, COUNTER_CLEAN);
	if (decided & TABLE_ALLOWED)
		return question_clean(message, reader, mode, name, COUNTER_ALLOWED);
	drop = message_droppable(message) && !(decided & TABLE_KEEP) && !unattended();
	if (drop)
		flags |= RECORD_BLOCKED;
	question_suspect(message);
	count(message->hook->probe, COUNTER_MATCHED);
	question_submit(message, reader, mode, name, flags);
	if (!drop)
		return ACTION_PASS;
	count(message->hook->probe, COUNTER_BLOCKED);
	return ACTION_DROP;
}

/* Copies the head of the message, size bytes of it at most; returns how many. */
static __always_inline __u16 message_copy(const struct message *message, __u8 *data, __u64 size)
{
	long error;

	if (message->head)
		size = message->head_size;
	if (size > RECORD_MESSAGE_MAX)
		size = RECORD_MESSAGE_MAX;
	if (size == 0)
		return 0;
	/* Says again what is known, in words that every verifier follows. */
	OPAQUE(size);
	if (message->head) {
		size = ((size - 1) & (RECORD_MESSAGE_MAX - 1)) + 1;
		error = bpf_probe_read_kernel(data, (__u32)size, message->head);
	} else {
		size = ((size - 1) & (RECORD_MESSAGE_MAX - 1)) + 1;
		error = bpf_skb_load_bytes(message->skb, message->offset, data, (__u32)size);
	}
	return error < 0 ? 0 : (__u16)size;
}

/* Hands up the head of a message that is not read here, for user space to read; refused when
 * refusing is possible, for it may hold anything. */
static __always_inline enum action message_up(const struct message *message, enum counter outcome,
					      enum record_reason reason)
{
	bool drop = message_droppable(message) && !unattended();
	struct record_message *record;

	question_suspect(message);
	count(message->hook->probe, outcome);
	if (drop)
		count(message->hook->probe, COUNTER_BLOCKED);
	record = bpf_ringbuf_reserve(&records, sizeof(struct record_message), 0);
	if (!record) {
		count(message->hook->probe, COUNTER_RING_FULL);
		return drop ? ACTION_DROP : ACTION_PASS;
	}
	record_head(&record->head, message, RECORD_MESSAGE, drop ? RECORD_BLOCKED : 0);
	record->head.reason = reason;
	record->head.gso_size = (__u16)message->skb->gso_size;
	record->head.data_size = message_copy(message, record->data, message->size);
	bpf_ringbuf_submit(record, 0);
	count(message->hook->probe, COUNTER_SUBMITTED);
	return drop ? ACTION_DROP : ACTION_PASS;
}

/* True when the message is an answer and answers are not looked at. */
static __always_inline bool message_skipped(const struct message *message)
{
	return message_is_response(message) && !settings.responses;
}

/* Reads and judges a message whose header is there. */
static __always_inline enum action message_read(const struct message *message,
						const struct reader *reader, enum reader_mode mode)
{
	struct table table = { 0 };
	struct name name = { 0 };

	if (message_skipped(message)) {
		count(message->hook->probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	if (message->header.questions == 0) {
		count(message->hook->probe, COUNTER_EMPTY);
		return ACTION_PASS;
	}
	if (message->header.questions != bpf_htons(1))
		return message_up(message, COUNTER_UNREAD, RECORD_REASON_QUESTIONS);
	switch (name_read(reader, mode, &name)) {
	case NAME_READ:
		table_open(&tables, &table);
		return question_judge(message, &table, reader, mode, &name);
	case NAME_POINTER:
		return message_up(message, COUNTER_UNREAD, RECORD_REASON_POINTER);
	default:
		return message_up(message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	}
}

/* Questions of local programs to a resolver on this host are seen as they leave; at the resolver
 * they would be seen again. Its answers are seen as they come in. */
#define LOOPBACK_IFINDEX 1
static __always_inline bool message_seen_before(const struct message *message)
{
	return message->hook->probe == COUNTER_INGRESS && !settings.replay &&
	       message->skb->ingress_ifindex == LOOPBACK_IFINDEX &&
	       !(settings.answers && port_is_dns(message->source_port));
}
