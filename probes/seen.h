/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Names seen before, so that those never seen can be recorded: each once, so many a second. Only
 * there when settings.unseen_rate says so. Asked by message.h. Input: names, all of whose bytes
 * somebody else chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "counters.h"
#include "table.h"
#include "verifier.h"
#include "walk.h"

/* By hash. Small, and least recently used ones are forgotten: being told of a name twice is
 * harmless. */
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

enum seen {
	SEEN_BEFORE,
	SEEN_NEVER,   /* to be recorded; from now on it was seen */
	SEEN_LIMITED, /* never seen, but this second's share is used up: not taken for seen */
};

struct siphash {
	__u64 v0, v1, v2, v3;
};

static __always_inline __u64 rotated(__u64 value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static __always_inline void siphash_round(struct siphash *state)
{
	state->v0 += state->v1;
	state->v2 += state->v3;
	state->v1 = rotated(state->v1, 13) ^ state->v0;
	state->v3 = rotated(state->v3, 16) ^ state->v2;
	state->v0 = rotated(state->v0, 32);
	state->v2 += state->v1;
	state->v0 += state->v3;
	state->v1 = rotated(state->v1, 17) ^ state->v2;
	state->v3 = rotated(state->v3, 21) ^ state->v0;
	state->v2 = rotated(state->v2, 32);
}

static __always_inline void siphash_word(struct siphash *state, __u64 word)
{
	state->v3 ^= word;
	siphash_round(state);
	state->v0 ^= word;
}

/* SipHash-1-3 of a whole name, without regard to case; with a secret key, so that nobody can hide a
 * name behind another that has its hash. */
static __always_inline bool name_hash(const struct reader *reader, enum reader_mode mode,
				      const struct name *name, __u64 *ret)
{
	struct siphash state = {
		.v0 = settings.seen_key[0] ^ 0x736f6d6570736575ULL,
		.v1 = settings.seen_key[1] ^ 0x646f72616e646f6dULL,
		.v2 = settings.seen_key[0] ^ 0x6c7967656e657261ULL,
		.v3 = settings.seen_key[1] ^ 0x7465646279746573ULL,
	};
	__u64 length = name->end, at = 0, word;

	/* The verifier shall find each turn, and each way out, like the one before. */
	for (int i = 0; i < DNS_NAME_MAX / 8 + 1; i++) {
		if (at + 8 > length)
			break;
		if (!reader_word(reader, mode, DNS_HEADER_SIZE + at, &word))
			return false;
		siphash_word(&state, word | TABLE_FOLD);
		at = ((at + 8) ^ verifier_zero) & 255;
		FORGET(length);
		FORGET(state.v0);
		FORGET(state.v1);
		FORGET(state.v2);
		FORGET(state.v3);
	}
	length &= 255;
	/* What is left over: the eight bytes that end where the name does. */
	if (length & 7) {
		if (!reader_word(reader, mode, DNS_HEADER_SIZE - 8 + length, &word))
			return false;
		if (length < 8)
			word >>= (8 - length) * 8 & 63;
		siphash_word(&state, word | TABLE_FOLD);
	}
	siphash_word(&state, length);
	state.v2 ^= 0xff;
	siphash_round(&state);
	siphash_round(&state);
	siphash_round(&state);
	*ret = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
	return true;
}

static __always_inline enum seen name_seen(const struct reader *reader, enum reader_mode mode,
					   const struct name *name)
{
	__u64 hash = 0, second;
	__u8 one = 1;

	if (!name_hash(reader, mode, name, &hash) || bpf_map_lookup_elem(&names_seen, &hash))
		return SEEN_BEFORE;
	second = bpf_ktime_get_boot_ns() >> 30;
	if (unseen_recorded.second != second) {
		unseen_recorded.second = second;
		unseen_recorded.count = 0;
	}
	if (unseen_recorded.count >= settings.unseen_rate)
		return SEEN_LIMITED;
	__sync_fetch_and_add(&unseen_recorded.count, 1);
	if (bpf_map_update_elem(&names_seen, &hash, &one, BPF_ANY) == 0)
		count_table(COUNTER_TABLE_NAMES, 1);
	return SEEN_NEVER;
}
