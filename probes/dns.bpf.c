/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The DNS family: cgroup_skb programs that read the question of each DNS message that leaves (and
 * comes in), match its name in the domain table, and hand a record of a hit to user space. In
 * enforce mode they drop what is listed. Gets the table from user space, process notes from
 * process.bpf.c. Input: packets, all of whose bytes somebody else chose.
 *
 * Four programs a direction, each tail-calling the next when it cannot go on:
 *
 *	packet	 UDP without options in linear memory: nearly everything, and the fast way
 *	message	 other UDP: options, extension headers, fragments, non-linear memory, odd questions
 *	stream	 TCP: gathers the head of the first message in the segment
 *	head	 TCP: judges the head that was gathered, and gathers the next
 *
 * The audit programs return a constant: they cannot drop.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "counters.h"
#include "packet.h"
#include "process.h"
#include "record.h"
#include "table.h"
#include "walk.h"

/* The kernel's convention for cgroup_skb: 1 lets a packet pass, 0 drops it, and on the way out
 * the sender gets EPERM. */
enum action {
	ACTION_DROP = 0,
	ACTION_PASS = 1,
	ACTION_FURTHER, /* ours: not decided here, tail-call the next program */
};

/* Records for user space. The size is set by user space; see sensor_options.ring_bytes. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} records SEC(".maps");

struct table_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, TABLE_ELEMENT_SIZE);
};

/* The one table in force. Replaced as a whole: readers never see half of one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct table_map);
} tables SEC(".maps");

/* Names seen before, by hash, for recording those that were not. Small, and least recently used
 * ones are forgotten: being told of a name twice is harmless. Only used when settings say so. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u8);
} names_seen SEC(".maps");

struct {
	__u64 second; /* that the count is for */
	__u64 count;
} unseen_recorded;

enum tail {
	TAIL_MESSAGE,
	TAIL_STREAM,
	TAIL_HEAD,
	TAILS,
};

struct tails {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TAILS);
	__type(key, __u32);
	__type(value, __u32);
};
struct tails egress_tails SEC(".maps");
struct tails ingress_tails SEC(".maps");

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
	__u32 offset; /* of the DNS message in the packet */
	__u32 size;   /* of the message */
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

static __always_inline bool socket_locked(struct bpf_sock *socket)
{
	struct tcp_sock *tcp = socket ? bpf_skc_to_tcp_sock(socket) : NULL;

	return tcp && tcp->inet_conn.icsk_inet.sk.sk_lock.owned;
}

/* The current task is the sender only where the packet leaves in the sender's own call: UDP on its
 * way out, and TCP while a task holds the socket's lock; timers and acknowledgements send without
 * taking it, or wait for it. */
static __always_inline void record_current(struct record *record, const struct message *message,
					   struct bpf_sock *socket)
{
	struct task_struct *task;
	struct task_ids ids;

	if (message->hook->probe != COUNTER_EGRESS ||
	    (message->protocol == IPPROTO_TCP && !socket_locked(socket)))
		return;
	task = (void *)bpf_get_current_task();
	ids = task_ids(task);
	record->current_tid = ids.tid;
	/* Mostly it is who was noted, and reads are dear. */
	if (record->note.how != NOTE_NONE && record->note.process.pid == ids.pid) {
		record->current = record->note.process;
		return;
	}
	BPF_CORE_READ_STR_INTO(&record->comm, task, comm);
	if (!(BPF_CORE_READ(task, flags) & PF_KTHREAD))
		record->current = process_key_of(task);
}

static __always_inline void record_sender(struct record *record, const struct message *message)
{
	struct bpf_sock *socket = message->skb->sk;
	struct socket_note *note = NULL;

	if (settings.replay)
		return;
	record->cookie = bpf_get_socket_cookie(message->skb);
	if (socket)
		socket = bpf_sk_fullsock(socket);
	if (socket)
		note = bpf_sk_storage_get(&socket_notes, socket, NULL, 0);
	if (note) {
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

static __always_inline void question_submit(const struct message *message,
					    const struct reader *reader, enum reader_mode mode,
					    const struct name *name, __u8 flags)
{
	struct record_question *record =
		bpf_ringbuf_reserve(&records, sizeof(struct record_question), 0);
	__u8 tail[DNS_QUESTION_TAIL] = { 0 };

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
	__u64 hash = 0, second;
	__u8 one = 1;

	if (settings.observe_all) {
		count(probe, COUNTER_OBSERVED);
		question_submit(message, reader, mode, name, 0);
		return ACTION_PASS;
	}
	if (!settings.unseen_rate || outcome != COUNTER_CLEAN ||
	    !run_hash(reader, mode, 0, name->end, DNS_NAME_MAX / 8 + 1, 0x9e3779b97f4a7c15ULL,
		      &hash) ||
	    bpf_map_lookup_elem(&names_seen, &hash)) {
		count(probe, outcome);
		return ACTION_PASS;
	}
	(void)bpf_map_update_elem(&names_seen, &hash, &one, BPF_ANY);
	count(probe, COUNTER_OBSERVED);
	second = bpf_ktime_get_boot_ns() >> 30;
	if (unseen_recorded.second != second) {
		unseen_recorded.second = second;
		unseen_recorded.count = 0;
	}
	if (unseen_recorded.count >= settings.unseen_rate) {
		count(probe, COUNTER_LIMITED);
		return ACTION_PASS;
	}
	__sync_fetch_and_add(&unseen_recorded.count, 1);
	question_submit(message, reader, mode, name, 0);
	return ACTION_PASS;
}

/* Matches the one question, counts its outcome and decides. */
static __always_inline enum action question_judge(const struct message *message,
						  const struct reader *reader,
						  enum reader_mode mode, const struct name *name)
{
	__u32 zero = 0;
	void *table = bpf_map_lookup_elem(&tables, &zero);
	__u8 flags = RECORD_MATCHED;
	__u64 decided;
	bool drop;

	if (!table) {
		__sync_fetch_and_add(&table_missing, 1);
		return question_clean(message, reader, mode, name, COUNTER_CLEAN);
	}
	decided = table_walk(table, reader, mode, name);
	if (!(decided & (TABLE_LISTED | TABLE_ALLOWED)))
		return question_clean(message, reader, mode, name, COUNTER_CLEAN);
	if (decided & TABLE_ALLOWED)
		return question_clean(message, reader, mode, name, COUNTER_ALLOWED);
	drop = message_droppable(message) && !(decided & TABLE_KEEP);
	if (drop)
		flags |= RECORD_BLOCKED;
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
		size = ((size - 1) & 511) + 1;
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
	bool drop = message_droppable(message);
	struct record_message *record;

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
	return (message->header.flags & bpf_htons(DNS_FLAG_RESPONSE)) && !settings.responses;
}

/* Questions of local programs to a resolver on this host are seen as they leave; at the resolver
 * they would be seen again. */
#define LOOPBACK_IFINDEX 1
static __always_inline bool message_seen_before(const struct message *message)
{
	return message->hook->probe == COUNTER_INGRESS && !settings.replay &&
	       message->skb->ingress_ifindex == LOOPBACK_IFINDEX;
}

/* UDP and TCP ports, and where the DNS message of a UDP packet starts, for packets without
 * options in linear memory. */
static __always_inline enum action packet_judge(struct __sk_buff *skb, const struct hook *hook,
						enum tail *ret_tail)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct message message = { .hook = hook, .skb = skb };
	struct reader reader = { .end = end };
	struct name name = { 0 };
	__u8 *bytes = data;
	__u64 transport;
	__u16 *ports;
	__u8 protocol;

	*ret_tail = TAIL_MESSAGE;
	if (data + IPV6_HEADER_SIZE > end)
		return data + IPV4_HEADER_SIZE > end ? ACTION_FURTHER
		       : bytes[0] >> 4 == 4 && bytes[9] != IPPROTO_UDP && bytes[9] != IPPROTO_TCP
			       ? ACTION_PASS
			       : ACTION_FURTHER;
	if (bytes[0] == 0x45) {
		protocol = bytes[9];
		transport = IPV4_HEADER_SIZE;
		if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP)
			return ACTION_PASS;
		/* More fragments, or not the first one. */
		if (*(__be16 *)(bytes + 6) & bpf_htons(0x3fff))
			return ACTION_FURTHER;
	} else if (bytes[0] >> 4 == 6) {
		protocol = bytes[6];
		transport = IPV6_HEADER_SIZE;
		if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP)
			return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
					       protocol == IPPROTO_FRAGMENT ||
					       protocol == IPPROTO_AH || protocol == IPPROTO_DSTOPTS
				       ? ACTION_FURTHER
				       : ACTION_PASS;
	} else {
		return ACTION_FURTHER;
	}
	ports = data + transport;
	if ((void *)(ports + 2) > end)
		return ACTION_FURTHER;
	message.source_port = bpf_ntohs(ports[0]);
	message.destination_port = bpf_ntohs(ports[1]);
	if (!port_is_dns(message.destination_port) && !port_is_dns(message.source_port))
		return ACTION_PASS;
	if (protocol == IPPROTO_TCP) {
		*ret_tail = TAIL_STREAM;
		return ACTION_FURTHER;
	}
	message.protocol = IPPROTO_UDP;
	message.offset = (__u32)transport + UDP_HEADER_SIZE;
	reader.message = data + transport + UDP_HEADER_SIZE;
	if (reader.message + sizeof(struct dns_header) > end)
		return ACTION_FURTHER;
	message.header = *(struct dns_header *)reader.message;
	message.size = skb->len - message.offset;
	if (message_skipped(&message) || message_seen_before(&message)) {
		count(hook->probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	if (message.header.questions != bpf_htons(1) || skb->gso_size)
		return ACTION_FURTHER;
	if (name_read(&reader, READER_PACKET, &name) != NAME_READ)
		return ACTION_FURTHER;
	return question_judge(&message, &reader, READER_PACKET, &name);
}

/* Any UDP packet. */
static __always_inline enum action message_judge(struct __sk_buff *skb, const struct hook *hook)
{
	struct message message = { .hook = hook, .skb = skb };
	struct reader reader = { .skb = skb };
	struct packet packet = { 0 };
	struct name name = { 0 };

	if (!packet_read(skb, &packet))
		return ACTION_PASS;
	if (packet.later_fragment) {
		if (packet.protocol == IPPROTO_UDP || packet.protocol == IPPROTO_TCP)
			count(hook->probe, COUNTER_FRAGMENT);
		return ACTION_PASS;
	}
	message.protocol = packet.protocol;
	message.source_port = packet.source_port;
	message.destination_port = packet.destination_port;
	if (packet.odd) {
		/* Its ports are out of reach; nothing that is sent in earnest looks like it. */
		message.size = skb->len;
		message.destination_port = DNS_PORT;
		return message_up(&message, COUNTER_UNREAD, RECORD_REASON_HEADERS);
	}
	if (!port_is_dns(message.destination_port) && !port_is_dns(message.source_port))
		return ACTION_PASS;
	if (packet.protocol == IPPROTO_TCP)
		return ACTION_FURTHER;
	if (message_seen_before(&message)) {
		count(hook->probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	message.offset = packet.transport + UDP_HEADER_SIZE;
	if (message.offset > skb->len)
		return message_up(&message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	message.size = skb->len - message.offset;
	if (message.size == 0 && !packet.fragment) {
		count(hook->probe, COUNTER_EMPTY);
		return ACTION_PASS;
	}
	if (skb->gso_size && skb->gso_size < message.size)
		return message_up(&message, COUNTER_UNREAD, RECORD_REASON_GSO);
	if (bpf_skb_load_bytes(skb, message.offset, &message.header, sizeof(message.header)) < 0)
		return message_up(&message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	if (message_skipped(&message)) {
		count(hook->probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	if (message.header.questions == 0) {
		count(hook->probe, COUNTER_EMPTY);
		return ACTION_PASS;
	}
	if (message.header.questions != bpf_htons(1))
		return message_up(&message, COUNTER_UNREAD, RECORD_REASON_QUESTIONS);
	reader.offset = message.offset;
	switch (name_read(&reader, READER_LOAD, &name)) {
	case NAME_READ:
		return question_judge(&message, &reader, READER_LOAD, &name);
	case NAME_POINTER:
		return message_up(&message, COUNTER_UNREAD, RECORD_REASON_POINTER);
	default:
		return message_up(&message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	}
}

/* In replay there are no sockets. */
struct stream_key {
	__u8 addresses[32]; /* source, destination */
	__u16 source_port, destination_port;
	__u32 zero;
};

/* DNS over TCP: what is known of one direction of a connection. */
struct stream {
	__u32 next;    /* sequence number of the first byte not looked at */
	__u32 skip;    /* bytes of a message's rest to be passed over */
	__u32 have;    /* bytes gathered of the next message's head */
	__u8 begun;    /* next is known */
	__u8 refused;  /* something in it was dropped: so is the rest */
	__u8 messages; /* looked at in this segment */
	__u8 lost;     /* where messages begin is not known any more */
	__u8 head[STREAM_HEAD_ROOM];
};

/* Freed with the socket, and not before: whoever opens a thousand more must not make us forget the
 * first half of a name. A socket may have a note for each direction. */
struct socket_streams {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stream);
};
struct socket_streams egress_streams SEC(".maps");
struct socket_streams ingress_streams SEC(".maps");

/* For replay. Least recently used ones go; a stream that lost its state is taken up again at the
 * next segment as if it began a message. User space makes it small where it is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct stream_key);
	__type(value, struct stream);
} recorded_streams SEC(".maps");

static const volatile struct stream stream_empty;

struct tcp_header {
	__be16 source, destination;
	__be32 sequence, acknowledged;
	__u8 offset, flags;
	__be16 window, checksum, urgent;
};

#define TCP_FLAG_SYN 2

/* Messages looked at in one segment: each takes a tail call, of which the kernel allows 33. What
 * comes after them is handed up, and the stream is out of step from there on. */
#define STREAM_MESSAGES_MAX 28

/* Gathers bytes of the head until it has wanted of them. False when the segment ends before. */
static __always_inline bool stream_gather(struct __sk_buff *skb, struct stream *stream,
					  __u32 *offset, __u32 wanted)
{
	__u64 have = stream->have, take;

	if (have >= wanted)
		return true;
	take = wanted - have;
	if (take > skb->len - *offset)
		take = skb->len - *offset;
	if (take == 0)
		return false;
	OPAQUE(have);
	OPAQUE(take);
	have &= 511;
	take = ((take - 1) & 511) + 1;
	if (bpf_skb_load_bytes(skb, *offset, stream->head + have, (__u32)take) < 0)
		return false;
	stream->have = (__u32)(have + take);
	stream->next += (__u32)take;
	*offset += (__u32)take;
	return stream->have >= wanted;
}

/* Judges the message whose head was gathered; size: as its prefix says. */
static __always_inline enum action stream_message(struct message *message, struct stream *stream,
						  __u32 size)
{
	struct reader reader = {
		.head = stream->head + STREAM_PREFIX,
		.head_size = stream->have - STREAM_PREFIX,
	};
	struct name name = { 0 };

	message->size = size;
	message->head = stream->head;
	message->head_size = stream->have;
	if (size < DNS_HEADER_SIZE)
		return message_up(message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	__builtin_memcpy(&message->header, stream->head + STREAM_PREFIX, sizeof(message->header));
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
	switch (name_read(&reader, READER_HEAD, &name)) {
	case NAME_READ:
		return question_judge(message, &reader, READER_HEAD, &name);
	case NAME_POINTER:
		return message_up(message, COUNTER_UNREAD, RECORD_REASON_POINTER);
	default:
		return message_up(message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	}
}

static __always_inline struct stream *stream_recorded(struct __sk_buff *skb,
						      const struct packet *packet)
{
	struct stream_key key = {
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
	};
	struct stream *stream;

	packet_addresses(skb, key.addresses);
	stream = bpf_map_lookup_elem(&recorded_streams, &key);
	if (stream)
		return stream;
	(void)bpf_map_update_elem(&recorded_streams, &key, (const void *)&stream_empty, BPF_ANY);
	return bpf_map_lookup_elem(&recorded_streams, &key);
}

static __always_inline struct stream *stream_find(struct __sk_buff *skb,
						  const struct packet *packet,
						  const struct hook *hook)
{
	struct bpf_sock *socket = skb->sk;

	if (settings.replay)
		return stream_recorded(skb, packet);
	if (socket)
		socket = bpf_sk_fullsock(socket);
	if (!socket)
		return NULL;
	if (hook->probe == COUNTER_EGRESS)
		return bpf_sk_storage_get(&egress_streams, socket, NULL,
					  BPF_SK_STORAGE_GET_F_CREATE);
	return bpf_sk_storage_get(&ingress_streams, socket, NULL, BPF_SK_STORAGE_GET_F_CREATE);
}

/* Gathers the head of the next message in a TCP segment. ACTION_FURTHER: it is there. */
static __always_inline enum action stream_judge(struct __sk_buff *skb, const struct hook *hook)
{
	struct message message = { .hook = hook, .skb = skb, .protocol = IPPROTO_TCP };
	struct packet packet = { 0 };
	struct stream *stream;
	struct tcp_header tcp;
	__u32 payload, sequence, ahead, offset, rest, wanted;
	enum action action;

	if (!packet_read(skb, &packet) || packet.later_fragment || packet.odd ||
	    packet.protocol != IPPROTO_TCP)
		return ACTION_PASS;
	message.source_port = packet.source_port;
	message.destination_port = packet.destination_port;
	if (bpf_skb_load_bytes(skb, packet.transport, &tcp, sizeof(tcp)) < 0)
		return message_up(&message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	payload = packet.transport + (tcp.offset >> 4) * 4;
	if (tcp.offset >> 4 < TCP_HEADER_SIZE / 4 || payload > skb->len ||
	    (payload == skb->len && packet.fragment))
		return message_up(&message, COUNTER_MALFORMED, RECORD_REASON_MALFORMED);
	if (payload == skb->len) {
		count(hook->probe, COUNTER_EMPTY);
		return ACTION_PASS;
	}
	if (message_seen_before(&message)) {
		count(hook->probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	sequence = bpf_ntohl(tcp.sequence) + (tcp.flags & TCP_FLAG_SYN ? 1 : 0);
	stream = stream_find(skb, &packet, hook);
	message.offset = payload;
	message.size = skb->len - payload;
	if (!stream)
		return message_up(&message, COUNTER_UNREAD, RECORD_REASON_GAP);
	if (!stream->begun) {
		stream->begun = 1;
		stream->next = sequence;
	}
	ahead = stream->next - sequence;
	if (stream->refused && message_droppable(&message)) {
		count(hook->probe, COUNTER_EMPTY);
		count(hook->probe, COUNTER_BLOCKED);
		return ACTION_DROP;
	}
	if (ahead >= 1u << 31 || (tcp.flags & TCP_FLAG_SYN && ahead && !stream->messages)) {
		/* Bytes are missing, or the ports are used again. The segment may begin a message.
		 */
		if (!(tcp.flags & TCP_FLAG_SYN)) {
			count(hook->probe, COUNTER_GAP);
			/* What is missing would come later and be taken for sent again. The
			 * kernel's TCP sends a refused segment again, in its turn. */
			if (message_droppable(&message)) {
				count(hook->probe, COUNTER_BLOCKED);
				return ACTION_DROP;
			}
		}
		stream->next = sequence;
		stream->have = stream->skip = 0;
		stream->lost = 0;
		ahead = 0;
	}
	if (stream->lost)
		return message_up(&message, COUNTER_UNREAD, RECORD_REASON_GAP);
	rest = skb->len - payload;
	if (ahead >= rest) {
		/* Sent again, or looked at to its end. */
		if (!stream->messages)
			count(hook->probe, COUNTER_EMPTY);
		stream->messages = 0;
		return ACTION_PASS;
	}
	offset = payload + ahead;
	if (stream->skip) {
		wanted = stream->skip < rest - ahead ? stream->skip : rest - ahead;
		stream->skip -= wanted;
		stream->next += wanted;
		offset += wanted;
	}
	if (stream->messages >= STREAM_MESSAGES_MAX && offset < skb->len) {
		message.offset = offset;
		message.size = skb->len - offset;
		stream->messages = 0;
		stream->next += message.size;
		stream->lost = 1;
		action = message_up(&message, COUNTER_UNREAD, RECORD_REASON_PIPELINE);
		stream->refused |= action == ACTION_DROP;
		return action;
	}
	if (!stream_gather(skb, stream, &offset, STREAM_PREFIX))
		goto partial;
	wanted = STREAM_PREFIX + (__u32)(stream->head[0] << 8 | stream->head[1]);
	/* Too short to be one: no need to wait for its bytes, which may never come. */
	if (wanted < STREAM_PREFIX + DNS_HEADER_SIZE)
		wanted = STREAM_PREFIX;
	if (wanted > STREAM_HEAD_MAX)
		wanted = STREAM_HEAD_MAX;
	if (!stream_gather(skb, stream, &offset, wanted))
		goto partial;
	stream->messages++;
	return ACTION_FURTHER;
partial:
	/* The segment ended first, perhaps just where a message did. */
	if (stream->have || !stream->messages)
		count(hook->probe, COUNTER_PARTIAL);
	stream->messages = 0;
	return ACTION_PASS;
}

/* Judges the head that stream_judge() gathered, and goes on to the next. ACTION_FURTHER: it is
 * there. */
static __always_inline enum action head_judge(struct __sk_buff *skb, const struct hook *hook)
{
	struct message message = { .hook = hook, .skb = skb, .protocol = IPPROTO_TCP };
	struct packet packet = { 0 };
	struct stream *stream;
	enum action action;
	__u32 size;

	if (!packet_read(skb, &packet))
		return ACTION_PASS;
	stream = stream_find(skb, &packet, hook);
	if (!stream)
		return ACTION_PASS;
	message.source_port = packet.source_port;
	message.destination_port = packet.destination_port;
	size = (__u32)(stream->head[0] << 8 | stream->head[1]);
	action = stream_message(&message, stream, size);
	stream->skip = STREAM_PREFIX + size - stream->have;
	stream->have = 0;
	if (action != ACTION_DROP)
		return stream_judge(skb, hook);
	stream->refused = 1;
	stream->messages = 0;
	return ACTION_DROP;
}

/* A tail call that fails leaves the packet unread: it can only be a fault of ours, but it counts.
 */
static __always_inline enum action tail_failed(const struct hook *hook)
{
	count(hook->probe, COUNTER_UNREAD);
	count(hook->probe, COUNTER_LIMITED);
	return hook->may_drop ? ACTION_DROP : ACTION_PASS;
}

#define DNS_PROGRAM(name, part, tails, judge, next)                                                \
	SEC("cgroup_skb/" #tails)                                                                  \
	int name##_##part(struct __sk_buff *skb)                                                   \
	{                                                                                          \
		enum tail tail = next;                                                             \
		enum action action = judge;                                                        \
                                                                                                   \
		if (action == ACTION_FURTHER) {                                                    \
			bpf_tail_call(skb, &tails##_tails, tail);                                  \
			action = tail_failed(&name##_hook);                                        \
		}                                                                                  \
		return name##_hook.may_drop ? (int)action : ACTION_PASS;                           \
	}

#define DNS_PROGRAMS(name, tails, probe_, may_drop_)                                               \
	static const struct hook name##_hook = { .probe = probe_, .may_drop = may_drop_ };         \
	DNS_PROGRAM(name, packet, tails, packet_judge(skb, &name##_hook, &tail), TAIL_MESSAGE)     \
	DNS_PROGRAM(name, message, tails, message_judge(skb, &name##_hook), TAIL_STREAM)           \
	DNS_PROGRAM(name, stream, tails, stream_judge(skb, &name##_hook), TAIL_HEAD)               \
	DNS_PROGRAM(name, head, tails, head_judge(skb, &name##_hook), TAIL_HEAD)

DNS_PROGRAMS(egress_audit, egress, COUNTER_EGRESS, false)
DNS_PROGRAMS(egress_enforce, egress, COUNTER_EGRESS, true)
DNS_PROGRAMS(ingress_audit, ingress, COUNTER_INGRESS, false)

char dns_license[] SEC("license") = "Dual BSD/GPL";
