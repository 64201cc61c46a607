/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Reading a question's name and walking the table with it (table.h says how). One code for three
 * places that a message can be in: packet memory, which is fastest; a packet that is not linear or
 * whose offsets the verifier cannot follow; and the head of a message gathered from TCP segments.
 * The mode is a constant wherever this is inlined, so each program has only its own.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "counters.h"
#include "table.h"
#include "verifier.h"

#define DNS_HEADER_SIZE	  12
#define DNS_NAME_MAX	  255
#define DNS_LABEL_MAX	  63
#define DNS_LABELS_MAX	  128 /* one more than can be, for the final zero byte */
#define DNS_QUESTION_TAIL 4   /* type and class */

/* Head of a message over TCP: length prefix, header, longest name, type and class. */
#define STREAM_PREFIX	2
#define STREAM_HEAD_MAX (STREAM_PREFIX + DNS_HEADER_SIZE + DNS_NAME_MAX + DNS_QUESTION_TAIL)
#define STREAM_HEAD_ROOM                                                                           \
	1024 /* so that offsets of up to 511 and lengths of up to 511 stay inside */

/* What is gathered of an answer over TCP at most, its prefix with it, and room as above. */
#define STREAM_ANSWER_MAX  2048
#define STREAM_ANSWER_ROOM 4096

enum reader_mode {
	READER_PACKET, /* message and end point into packet memory */
	READER_LOAD,   /* through bpf_skb_load_bytes, message at offset */
	READER_HEAD,   /* message in map memory, head_size bytes of it there */
};

struct reader {
	struct __sk_buff *skb;
	void *message, *end;
	__u64 offset;
	__u8 *head;
	__u64 head_size;
};

/* Offsets count from the start of the DNS message and are at least 4 and below 512. False when
 * that byte or word is not there. */
static __always_inline bool reader_byte(const struct reader *reader, enum reader_mode mode,
					__u64 offset, __u8 *ret)
{
	if (mode == READER_PACKET) {
		__u8 *at = reader->message + offset;

		if ((void *)(at + 1) > reader->end)
			return false;
		*ret = *at;
		return true;
	}
	if (mode == READER_LOAD)
		return bpf_skb_load_bytes(reader->skb, (__u32)(reader->offset + offset), ret, 1) ==
		       0;
	if (offset + 1 > (reader->head_size ^ verifier_zero))
		return false;
	OPAQUE(offset);
	*ret = reader->head[offset & 511];
	return true;
}

static __always_inline bool reader_word(const struct reader *reader, enum reader_mode mode,
					__u64 offset, __u64 *ret)
{
	void *at;

	if (mode == READER_LOAD)
		return bpf_skb_load_bytes(reader->skb, (__u32)(reader->offset + offset), ret, 8) ==
		       0;
	if (mode == READER_PACKET) {
		at = reader->message + offset;
		if (at + 8 > reader->end)
			return false;
	} else {
		/* Words are only read of a name that was read to its end. */
		OPAQUE(offset);
		at = &reader->head[offset & 511];
	}
	/* In C this becomes eight loads of a byte: the compiler does not know that the machine
	 * reads unaligned words. */
	asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(*ret) : "r"(at));
	return true;
}

/* Where a name's labels are: the starts of the last sixteen, as offsets from the message's start
 * less the header, one a byte, the last label's in the lowest byte. */
struct name {
	__u64 low, high;
	__u64 labels;
	__u64 end; /* offset of the final zero byte, from the name's start */
};

enum name_outcome {
	NAME_READ,
	NAME_SHORT,   /* the packet ends before the question does */
	NAME_POINTER, /* a compression pointer, or a label type that is not in use */
	NAME_LONG,    /* over 255 bytes */
};

static __always_inline enum name_outcome name_read(const struct reader *reader,
						   enum reader_mode mode, struct name *name)
{
	__u64 at = 0, low = 0, high = 0, labels = 0;
	__u8 last;

	for (int i = 0; i < DNS_LABELS_MAX; i++) {
		__u8 length;

		if (!reader_byte(reader, mode, DNS_HEADER_SIZE + at, &length))
			return NAME_SHORT;
		if (length == 0) {
			name->low = low;
			name->high = high;
			name->labels = labels;
			name->end = (at ^ verifier_zero) & 255;
			/* Type and class belong to the question. */
			return reader_byte(reader, mode, DNS_HEADER_SIZE + at + DNS_QUESTION_TAIL,
					   &last)
				       ? NAME_READ
				       : NAME_SHORT;
		}
		if (length > DNS_LABEL_MAX)
			return NAME_POINTER;
		high = (high << 8 | low >> 56) ^ verifier_zero;
		low = (low << 8 | at) ^ verifier_zero;
		labels = (labels + 1) ^ verifier_zero;
		at = (at + length + 1) ^ verifier_zero;
		if (at > DNS_NAME_MAX - 1)
			return NAME_LONG;
	}
	return NAME_LONG;
}

/* Takes the bytes from start up to finish (offsets from the name's start) into the hash: a run as
 * table.h defines it, of at most words * 8 bytes. */
static __always_inline bool run_hash(const struct reader *reader, enum reader_mode mode,
				     __u64 start, __u64 finish, int words, __u64 multiplier,
				     __u64 *hash)
{
	__u64 length = finish - start, h = *hash, word;

	for (int i = 0; i < words; i++) {
		if ((__u64)i * 8 + 8 > length)
			break;
		if (!reader_word(reader, mode, DNS_HEADER_SIZE + start + (__u64)i * 8, &word))
			return false;
		h = table_mix(h, word, multiplier);
	}
	if (length & 7) {
		if (!reader_word(reader, mode, DNS_HEADER_SIZE - 8 + finish, &word))
			return false;
		if (length < 8)
			word >>= (8 - length) * 8 & 63;
		h = table_mix(h, word, multiplier);
	}
	*hash = table_end(h, length, multiplier);
	return true;
}

/* Flags of the slot with this hash in one bucket; 0: none. *ret_full: the other one may have it. */
static __always_inline __u64 bucket_find(void *table, __u64 element, __u64 wanted, bool *ret_full)
{
	__u32 index = (__u32)element;
	__u64 *slots = bpf_map_lookup_elem(table, &index);

	*ret_full = false;
	if (!slots)
		return 0;
#pragma unroll
	for (int i = 0; i < TABLE_WORDS; i++) {
		__u64 difference = slots[i] ^ wanted;

		if (difference <= TABLE_FLAGS)
			return difference;
	}
	*ret_full = slots[TABLE_WORDS - 1] != 0;
	return 0;
}

static __always_inline __u64 table_find(void *table, const struct table_header *header, __u64 hash)
{
	__u64 bucket = table_bucket(hash, header->bucket_mask), wanted = table_slot(hash), flags;
	bool full;

	flags = bucket_find(table, header->bucket_first + bucket, wanted, &full);
	if (flags || !full)
		return flags;
	bucket = table_other(bucket, wanted, header->bucket_mask);
	return bucket_find(table, header->bucket_first + bucket, wanted, &full);
}

static __always_inline bool bloom_has(void *table, const struct table_header *header, __u64 hash)
{
	__u64 word = table_bloom_word(hash, header->bloom_mask), bits = table_bloom_bits(hash);
	__u32 element = (__u32)(TABLE_HEADERS + word / TABLE_WORDS);
	__u64 *words = bpf_map_lookup_elem(table, &element);

	return words && (words[word & (TABLE_WORDS - 1)] & bits) == bits;
}

/* The table in force, with what every walk needs of its header. */
struct table {
	void *map;
	const struct table_header *header;
	__u64 seed, multiplier;
};

/* To be called before a name is read: what is read here stands in one line after the other, and
 * that goes on while the name's bytes are waited for. Without a table, header stays NULL. */
static __always_inline void table_open(void *tables_map, struct table *table)
{
	const struct table_header *header;
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(tables_map, &zero);

	if (!map)
		return;
	header = bpf_map_lookup_elem(map, &zero);
	if (!header)
		return;
	table->map = map;
	table->header = header;
	table->seed = header->seed;
	table->multiplier = header->multiplier;
	/* Read here, not where they are used first. */
	OPAQUE(table->seed);
	OPAQUE(table->multiplier);
}

/* The deepest entry's flags: LISTED, ALLOWED, KEEP; 0 when there is none. */
static __always_inline __u64 table_walk(const struct table *table, const struct reader *reader,
					enum reader_mode mode, const struct name *name)
{
	const __u64 terminal = TABLE_LISTED | TABLE_ALLOWED;
	const struct table_header *header = table->header;
	__u64 low = name->low, high = name->high, labels = name->labels, decided = 0;
	__u64 multiplier = table->multiplier, hash, finish, flags;

	if (header->single_label && labels > 0) {
		hash = table->seed;
		if (run_hash(reader, mode, low & 255, name->end, 8, multiplier, &hash)) {
			flags = table_find(table->map, header, hash);
			if (flags & terminal)
				decided = flags;
		}
	}
	if (labels < 2)
		return decided;
	hash = table->seed;
	finish = low >> 8 & 255;
	if (!run_hash(reader, mode, finish, name->end, 16, multiplier, &hash))
		return decided;
	if (!bloom_has(table->map, header, hash))
		return decided;
	flags = table_find(table->map, header, hash);
	if (flags & terminal)
		decided = flags;
	for (int level = 2; level < TABLE_LABELS_MAX; level++) {
		__u64 start;

		low = low >> 8 | high << 56;
		high >>= 8;
		if (!(flags & TABLE_CHILDREN) || labels <= (__u64)level)
			break;
		start = low >> 8 & 255;
		if (!run_hash(reader, mode, start, finish, 8, multiplier, &hash))
			break;
		finish = (start ^ verifier_zero) & 255;
		hash ^= verifier_zero;
		flags = table_find(table->map, header, hash) ^ verifier_zero;
		if (flags & terminal)
			decided = flags;
		decided ^= verifier_zero;
		low ^= verifier_zero;
		high ^= verifier_zero;
	}
	return decided;
}
