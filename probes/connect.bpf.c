/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The connection family: cgroup_sock_addr programs that see each connect, and each datagram that is
 * sent without one, in the system call itself, before anything leaves. They note who connects which
 * socket, match where it goes, and hand a record of a hit to user space. In enforce mode they
 * refuse what is listed: the caller gets EPERM. Gives socket notes to the DNS family. Input:
 * addresses that any program chose.
 *
 * Seen here: connect of TCP, UDP and, since 6.1, ping sockets, by connect(2) and io_uring, blocking
 * or not; TCP Fast Open; datagrams by sendto, sendmsg, sendmmsg and io_uring. What goes out without
 * these hooks (raw sockets, other protocols) is matched at the packet: address_packet.h.
 *
 * The audit programs return a constant: they cannot refuse.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "connection.h"
#include "counters.h"
#include "maps.h"
#include "process.h"
#include "record.h"
#include "socket.h"

#define SOCK_STREAM 1

/* What a program is: constants wherever these functions are inlined. */
struct hook {
	enum counter_probe probe;
	bool ipv6;
	bool may_drop;
};

static __always_inline __u64 words_join(__be32 first, __be32 second)
{
	return (__u64)bpf_ntohl(first) << 32 | bpf_ntohl(second);
}

static __always_inline void destination_read(struct bpf_sock_addr *context, const struct hook *hook,
					     struct destination *ret)
{
	if (hook->ipv6) {
		ret->address.high = words_join(context->user_ip6[0], context->user_ip6[1]);
		ret->address.low = words_join(context->user_ip6[2], context->user_ip6[3]);
	} else {
		ret->address.low = ADDRESS_MAPPED << 32 | bpf_ntohl(context->user_ip4);
	}
	ret->ipv4 = !hook->ipv6;
	ret->port = bpf_ntohs((__be16)context->user_port);
	ret->protocol =
		(__u8)(context->protocol == IPPROTO_MPTCP ? IPPROTO_TCP : context->protocol);
}

/* As far as it is known yet: a socket that is bound to nothing gets its address later. */
static __always_inline void record_source(struct record *record, struct bpf_sock_addr *context,
					  const struct hook *hook)
{
	struct bpf_sock *socket = context->sk;
	__u32 *words = (void *)record->addresses;

	if (!socket)
		return;
	record->source_port = (__u16)socket->src_port;
	if (hook->ipv6) {
		words[0] = socket->src_ip6[0];
		words[1] = socket->src_ip6[1];
		words[2] = socket->src_ip6[2];
		words[3] = socket->src_ip6[3];
	} else {
		words[2] = bpf_htonl(ADDRESS_MAPPED);
		words[3] = socket->src_ip4;
	}
}

static __always_inline void record_task(struct record *record, const struct socket_note *note)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (note)
		record->note = *note;
	record->uid = (__u32)bpf_get_current_uid_gid();
	record->cgroup_id = bpf_get_current_cgroup_id();
	BPF_CORE_READ_STR_INTO(&record->comm, task, comm);
	/* Until 5.11 io_uring worked in kernel threads: then the note is what there is. */
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return;
	record->current = process_key_of(task);
	record->current_tid = (__u32)bpf_get_current_pid_tgid();
}

/* False when it found no room. */
static __always_inline bool connection_submit(struct bpf_sock_addr *context,
					      const struct hook *hook, const struct destination *to,
					      const struct judgement *judgement,
					      const struct socket_note *note, bool drop)
{
	struct record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	__be64 *words;

	if (!record) {
		count(hook->probe, COUNTER_RING_FULL);
		return false;
	}
	__builtin_memset(record, 0, sizeof(*record));
	words = (void *)(record->addresses + 16);
	record->kind = RECORD_CONNECTION;
	record->reason = (__u8)judgement->watch;
	record->flags = (judgement->outcome == COUNTER_MATCHED ? RECORD_MATCHED : 0) |
			(drop ? RECORD_BLOCKED : 0);
	record->protocol = to->protocol;
	record->destination_port = to->port;
	words[0] = bpf_cpu_to_be64(to->address.high);
	words[1] = bpf_cpu_to_be64(to->address.low);
	record->time = bpf_ktime_get_boot_ns();
	record->cookie = bpf_get_socket_cookie(context);
	record_source(record, context, hook);
	record_task(record, note);
	bpf_ringbuf_submit(record, 0);
	count(hook->probe, COUNTER_SUBMITTED);
	return true;
}

static __always_inline void connection_tell(struct bpf_sock_addr *context, const struct hook *hook,
					    const struct destination *to,
					    const struct judgement *judgement, bool drop)
{
	struct socket_note *note = context->sk ? socket_note_find(context, context->sk) : NULL;
	struct process_key process = { .pid = (__u32)(bpf_get_current_pid_tgid() >> 32) };
	bool watched = judgement->outcome == COUNTER_WATCHED;
	struct told_key key;

	if (hook->probe == COUNTER_CONNECT && !watched) {
		(void)connection_submit(context, hook, to, judgement, note, drop);
		return;
	}
	if (note)
		process.start = note->process.start;
	told_key_fill(&key, to, judgement, &process);
	if (told_lately(&key, watched ? TELL_WATCH_TIME : TELL_DATAGRAM_TIME)) {
		count(hook->probe, COUNTER_LIMITED);
		return;
	}
	if (!connection_submit(context, hook, to, judgement, note, drop))
		told_forget(&key);
}

/* The first bytes of what connects from now on are looked at. */
static __always_inline enum note_flow flow_of(const struct bpf_sock_addr *context)
{
	return context->type == SOCK_STREAM && (context->protocol == IPPROTO_TCP ||
						context->protocol == IPPROTO_MPTCP)
		       ? NOTE_FLOW_NEW
		       : NOTE_FLOW_NONE;
}

static __always_inline enum action connection_judge(struct bpf_sock_addr *context,
						    const struct hook *hook)
{
	struct destination to = { 0 };
	struct judgement judgement = { 0 };
	bool drop;

	if (settings.connections) {
		destination_read(context, hook, &to);
		judgement = destination_judge(&to, hook->probe);
	}
	if (hook->probe == COUNTER_CONNECT)
		socket_use(context, context->sk, NOTE_CONNECT, flow_of(context));
	if (judgement.watch == RECORD_WATCH_NONE)
		return ACTION_PASS;
	drop = hook->may_drop && judgement.outcome == COUNTER_MATCHED && !judgement.keep &&
	       !unattended();
	/* Datagrams are many, and the packet knows its sender: only who is told of is noted. */
	if (hook->probe == COUNTER_SEND)
		socket_use(context, context->sk, NOTE_SEND, NOTE_FLOW_NONE);
	connection_tell(context, hook, &to, &judgement, drop);
	if (!drop)
		return ACTION_PASS;
	count(hook->probe, COUNTER_BLOCKED);
	return ACTION_DROP;
}

#define CONNECT_PROGRAM(call, family, probe_, ipv6_, mode, may_drop_)                              \
	SEC("cgroup/" #call #family)                                                               \
	int call##family##_##mode(struct bpf_sock_addr *context)                                   \
	{                                                                                          \
		static const struct hook hook = { .probe = probe_,                                 \
						  .ipv6 = ipv6_,                                   \
						  .may_drop = may_drop_ };                         \
		enum action action = connection_judge(context, &hook);                             \
                                                                                                   \
		return may_drop_ ? (int)action : ACTION_PASS;                                      \
	}

#define CONNECT_PROGRAMS(mode, may_drop)                                                           \
	CONNECT_PROGRAM(connect, 4, COUNTER_CONNECT, false, mode, may_drop)                        \
	CONNECT_PROGRAM(connect, 6, COUNTER_CONNECT, true, mode, may_drop)                         \
	CONNECT_PROGRAM(sendmsg, 4, COUNTER_SEND, false, mode, may_drop)                           \
	CONNECT_PROGRAM(sendmsg, 6, COUNTER_SEND, true, mode, may_drop)

CONNECT_PROGRAMS(audit, false)
CONNECT_PROGRAMS(enforce, true)

char connect_license[] SEC("license") = "Dual BSD/GPL";
