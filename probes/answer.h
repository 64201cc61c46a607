/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Answers that come in: which of them user space is to read. One for a listed name, to learn its
 * addresses from; one that leads on to another name, or to an address inside of the network. All
 * others end here: plain addresses of an innocent name wake nobody. Gets messages from dns.bpf.c
 * and stream.h. Input: answers, all of whose bytes somebody else chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "message.h"
#include "record.h"
#include "walk.h"

/* Walked at most; an answer with more records goes up. More than these make no plain answer. */
#define ANSWER_RECORDS_MAX 16

/* Bytes in which they must lie: sixteen of them, behind the longest name, need 720. */
#define ANSWER_WALK_MAX 1024

/* A datagram's head, where all that is read here can be read in one way: it is copied, for packet
 * memory may lie in pieces. The room behind is for the last record's own bytes. */
struct answer_head {
	__u8 bytes[ANSWER_WALK_MAX + 32];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer_head);
} answer_heads SEC(".maps");

/* Answers handed up in this second, for listed names and for others: a flood of the one kind does
 * not hide the other. */
struct {
	__u64 second;
	__u64 count;
} answers_recorded[2];

/* Where message and message_judge() leave the datagram's offset for the next program. */
#define ANSWER_CB_OFFSET 0

enum answer_type {
	ANSWER_A = 1,
	ANSWER_CNAME = 5,
	ANSWER_AAAA = 28,
	ANSWER_DNAME = 39,
	ANSWER_SVCB = 64,
	ANSWER_HTTPS = 65,
};

/* Owner (a pointer), type, class, TTL, length. */
#define ANSWER_RECORD_HEAD 12

/* Loopback, link-local and private (RFC 1918, 3927, 6598). */
static __always_inline bool answer_inside_ipv4(const __u8 *address)
{
	__u8 first = address[0], second = address[1];

	return first == 10 || first == 127 || (first == 172 && (second & 0xf0) == 16) ||
	       (first == 192 && second == 168) || (first == 169 && second == 254) ||
	       (first == 100 && (second & 0xc0) == 64);
}

/* The same of IPv6 (RFC 4193, 4291): what begins with two zero bytes is loopback, or an IPv4
 * address in another dress. */
static __always_inline bool answer_inside_ipv6(const __u8 *address)
{
	__u8 first = address[0], second = address[1];

	return (first == 0 && second == 0) || (first == 0xfe && (second & 0xc0) == 0x80) ||
	       (first & 0xfe) == 0xfc;
}

/* Whether there is nothing in the record that follows the head at record. length: of its data. */
static __always_inline bool answer_record_plain(const __u8 *record, __u64 length)
{
	__u16 type = (__u16)(record[2] << 8 | record[3]);

	if (type == ANSWER_A)
		return length == 4 && !answer_inside_ipv4(record + ANSWER_RECORD_HEAD);
	if (type == ANSWER_AAAA)
		return length == 16 && !answer_inside_ipv6(record + ANSWER_RECORD_HEAD);
	return type != ANSWER_CNAME && type != ANSWER_DNAME && type != ANSWER_SVCB &&
	       type != ANSWER_HTTPS;
}

/* The head of the record at offset at, and at least four bytes behind it; NULL: not all of that is
 * there. mode: not READER_LOAD. head_size: of the message. */
static __always_inline const __u8 *answer_record(const struct reader *reader, enum reader_mode mode,
						 __u64 at)
{
	const __u8 *record;

	if (at + ANSWER_RECORD_HEAD > reader->head_size ||
	    at + ANSWER_RECORD_HEAD > ANSWER_WALK_MAX)
		return NULL;
	OPAQUE(at);
	at &= ANSWER_WALK_MAX - 1;
	if (mode == READER_HEAD)
		return reader->head + at;
	record = reader->message + at;
	OPAQUE(record);
	return (void *)(record + ANSWER_RECORD_HEAD + 4) > reader->end ? NULL : record;
}

/* Whether the whole answer section is of the usual shape, and says nothing that is to be looked
 * at. Records' owners are pointers: nobody writes them out, but who has something to hide. */
static __always_inline bool answer_plain(const struct message *message, const struct reader *reader,
					 enum reader_mode mode, const struct name *name)
{
	__u64 at = DNS_HEADER_SIZE + name->end + 1 + DNS_QUESTION_TAIL;
	__u64 answers = bpf_ntohs(message->header.answers), length;
	const __u8 *record;

	if (answers > ANSWER_RECORDS_MAX)
		return false;
	for (int i = 0; i < ANSWER_RECORDS_MAX; i++) {
		if ((__u64)i >= answers)
			return true;
		record = answer_record(reader, mode, at);
		if (!record)
			return false;
		length = (__u64)record[10] << 8 | record[11];
		if ((record[0] & 0xc0) != 0xc0 || !answer_record_plain(record, length))
			return false;
		at = (at + ANSWER_RECORD_HEAD + length) ^ verifier_zero;
		/* The last one's data is there, too. */
		if (at > reader->head_size)
			return false;
	}
	return true;
}

/* How long an answer over UDP may take, in jiffies: a minute at 1,000 a second, and longer where
 * there are fewer. Programs wait for some seconds. */
#define ANSWER_WAIT 60000

/* Whether an answer for a listed name can be under way. Mostly none is: then the table, whose lines
 * another processor has looked at for the question, is not asked once more. */
static __always_inline bool answer_awaited(void)
{
	__u64 last = *(volatile __u64 *)&question_suspect_last;

	return last && bpf_jiffies64() - last <= ANSWER_WAIT;
}

static __always_inline bool answer_listed(const struct reader *reader, const struct name *name)
{
	struct table table = { 0 };
	__u64 decided;

	table_open(&tables, &table);
	if (!table.header) {
		__sync_fetch_and_add(&table_missing, 1);
		return false;
	}
	decided = table_walk(&table, reader, READER_HEAD, name);
	return (decided & (TABLE_LISTED | TABLE_ALLOWED)) == TABLE_LISTED;
}

/* False: this second's share is used up, or the ring fills: lookups need the room that is left. */
static __always_inline bool answer_rate(int kind)
{
	__u64 second = bpf_ktime_get_boot_ns() >> 30;

	if (bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) >
	    bpf_ringbuf_query(&records, BPF_RB_RING_SIZE) / 2)
		return false;
	if (answers_recorded[kind].second != second) {
		answers_recorded[kind].second = second;
		answers_recorded[kind].count = 0;
	}
	if (answers_recorded[kind].count >= settings.answers_rate)
		return false;
	__sync_fetch_and_add(&answers_recorded[kind].count, 1);
	return true;
}

/* Any answer, its head in memory. Answers are never dropped. awaited: one for a listed name may be
 * among them. */
static __always_inline enum action answer_judge(const struct message *message,
						const struct reader *reader, bool awaited)
{
	enum counter_probe probe = message->hook->probe;
	struct name name = { 0 };
	bool read, listed;

	/* Answers no question, and says nothing. */
	if (message->header.answers == 0) {
		count(probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	read = message->header.questions == bpf_htons(1) && !message->skb->gso_size &&
	       name_read(reader, READER_HEAD, &name) == NAME_READ;
	listed = read && awaited && answer_listed(reader, &name);
	if (read && !listed && answer_plain(message, reader, READER_HEAD, &name)) {
		count(probe, COUNTER_RESPONSE);
		return ACTION_PASS;
	}
	/* Matched are questions only: their number is that of lookups. */
	count(probe, COUNTER_OBSERVED);
	if (answer_rate(listed))
		answer_submit(message, listed ? RECORD_MATCHED : 0);
	else
		count(probe, COUNTER_LIMITED);
	return ACTION_PASS;
}

/* The usual answer to an innocent question, in packet memory: it ends here. Its name is read.
 * ACTION_FURTHER: another program is to look at it. */
static __always_inline enum action answer_simple(const struct message *message,
						 const struct reader *reader,
						 const struct name *name)
{
	if (answer_awaited() || !answer_plain(message, reader, READER_PACKET, name))
		return ACTION_FURTHER;
	count(message->hook->probe, COUNTER_RESPONSE);
	return ACTION_PASS;
}

/* A datagram whose offset the program before left. */
static __always_inline enum action datagram_answer_judge(struct __sk_buff *skb,
							 const struct hook *hook)
{
	struct message message = { .hook = hook, .skb = skb, .protocol = IPPROTO_UDP };
	__u32 zero = 0;
	struct answer_head *head = bpf_map_lookup_elem(&answer_heads, &zero);
	struct reader reader = { 0 };
	__be16 ports[2];
	__u64 size;

	message.offset = skb->cb[ANSWER_CB_OFFSET];
	message.size = skb->len - message.offset;
	if (!head || message.offset < UDP_HEADER_SIZE || message.offset >= skb->len ||
	    bpf_skb_load_bytes(skb, message.offset - UDP_HEADER_SIZE, ports, sizeof(ports)) < 0)
		goto failed;
	message.source_port = bpf_ntohs(ports[0]);
	message.destination_port = bpf_ntohs(ports[1]);
	size = message.size > ANSWER_WALK_MAX ? ANSWER_WALK_MAX : message.size;
	if (size < DNS_HEADER_SIZE)
		goto failed;
	OPAQUE(size);
	size = ((size - 1) & (ANSWER_WALK_MAX - 1)) + 1;
	if (bpf_skb_load_bytes(skb, message.offset, head->bytes, (__u32)size) < 0)
		goto failed;
	__builtin_memcpy(&message.header, head->bytes, sizeof(message.header));
	reader.head = head->bytes;
	reader.head_size = size;
	return answer_judge(&message, &reader, answer_awaited());
failed:
	/* Only a fault of ours: its header was read from there. */
	count(hook->probe, COUNTER_UNREAD);
	count(hook->probe, COUNTER_LIMITED);
	return ACTION_PASS;
}
