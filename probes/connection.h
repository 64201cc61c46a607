/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Where a connection or a datagram goes, on its way to a decision: its address matched, in the
 * table and among those that listed names resolved to; resolvers that are not this host's own
 * watched; and how often the same is told. Gets destinations from connect.bpf.c (at the system
 * call) and from address_packet.h (at the packet). Input: addresses that any program chose.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "address_walk.h"
#include "counters.h"
#include "maps.h"
#include "packet.h"
#include "process.h"
#include "record.h"

#define PORT_DNS_ENCRYPTED 853

/* What is told again only after this time, by process and destination. A connection to a listed
 * address is told each time; datagrams to one come by the thousand. */
#define TELL_WATCH_TIME	   (60 * 1000000000ULL)
#define TELL_DATAGRAM_TIME (1000000000ULL)

struct address_key {
	__be64 high, low;
};

/* Addresses that listed names resolved to, written by user space. The least recently used make
 * room. The size is set by user space; see sensor_options.learnt. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct address_key);
	__type(value, struct learnt_address);
} learnt SEC(".maps") __weak;

/* This host's own resolvers, at most 32 of them; twice as many while they are replaced. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct address_key);
	__type(value, __u8);
} resolvers SEC(".maps") __weak;

/* How many were put into these maps; 0: they need not be asked. (Of the learnt ones some may have
 * made room.) */
__u64 learnt_count __weak;
__u64 resolvers_count __weak;

struct told_key {
	struct process_key process;
	struct address_key address;
	__u16 port;
	__u8 protocol, watch;
	__u32 zero;
};

/* What was told, and when. Whatever is forgotten is told once more. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct told_key);
	__type(value, __u64);
} told SEC(".maps") __weak;

struct destination {
	struct address_words address;
	__u16 port; /* host order; 0: the protocol has none */
	__u8 protocol;
	bool ipv4; /* a constant: it is IPv4 for certain */
};

/* What is said of it. */
struct judgement {
	enum counter outcome; /* CLEAN, ALLOWED, MATCHED, WATCHED */
	enum record_watch watch;
	__u8 keep; /* not 0: seen, not dropped */
};

static __always_inline struct address_key address_key_of(const struct address_words *at)
{
	struct address_key key = { bpf_cpu_to_be64(at->high), bpf_cpu_to_be64(at->low) };

	if (address_words_nat64(at)) {
		key.high = 0;
		key.low = bpf_cpu_to_be64(ADDRESS_MAPPED << 32 | at->low);
	}
	return key;
}

static __always_inline bool address_loopback(const struct address_words *at)
{
	return at->high == 0 && (at->low == 1 || at->low >> 24 == (ADDRESS_MAPPED << 8 | 127));
}

/* True when a listed name resolved to the address not long ago. */
static __always_inline bool learnt_match(const struct address_words *at, __u8 *ret_keep)
{
	struct address_key key = address_key_of(at);
	struct learnt_address *found = bpf_map_lookup_elem(&learnt, &key);

	if (!found || found->expires <= bpf_ktime_get_boot_ns())
		return false;
	*ret_keep = found->keep != 0;
	return true;
}

static __always_inline enum record_watch port_watch(const struct destination *to)
{
	struct address_key key;

	if (to->protocol != IPPROTO_TCP && to->protocol != IPPROTO_UDP)
		return RECORD_WATCH_NONE;
	if (to->port == PORT_DNS_ENCRYPTED)
		return address_loopback(&to->address) ? RECORD_WATCH_NONE : RECORD_WATCH_ENCRYPTED;
	if (!resolvers_count || !port_is_dns(to->port) || address_loopback(&to->address))
		return RECORD_WATCH_NONE;
	key = address_key_of(&to->address);
	return bpf_map_lookup_elem(&resolvers, &key) ? RECORD_WATCH_NONE : RECORD_WATCH_RESOLVER;
}

static __always_inline struct judgement destination_match(struct destination *to)
{
	struct judgement judgement = { .outcome = COUNTER_CLEAN };
	__u32 zero = 0;
	void *table = bpf_map_lookup_elem(&tables, &zero);
	__u64 flags = table ? address_match(table, &to->address, to->ipv4) : 0;

	if (flags & TABLE_ALLOWED) {
		judgement.outcome = COUNTER_ALLOWED;
		return judgement;
	}
	if (flags & TABLE_LISTED) {
		judgement.outcome = COUNTER_MATCHED;
		judgement.watch = RECORD_WATCH_ADDRESS;
		judgement.keep = flags & TABLE_KEEP;
		return judgement;
	}
	if (learnt_count && learnt_match(&to->address, &judgement.keep)) {
		judgement.outcome = COUNTER_MATCHED;
		judgement.watch = RECORD_WATCH_LEARNT;
		return judgement;
	}
	judgement.watch = port_watch(to);
	if (judgement.watch != RECORD_WATCH_NONE)
		judgement.outcome = COUNTER_WATCHED;
	return judgement;
}

/* Counted for that probe, and forgotten by the verifier. */
static __always_inline struct judgement destination_judge(struct destination *to,
							  enum counter_probe probe)
{
	struct judgement judgement = destination_match(to);

	count(probe, judgement.outcome);
	FORGET(judgement.outcome);
	FORGET(judgement.watch);
	FORGET(judgement.keep);
	FORGET(to->address.high);
	FORGET(to->address.low);
	return judgement;
}

/* What the record says beside who: to be called on one that is zeroed. */
static __always_inline void told_key_fill(struct told_key *key, const struct destination *to,
					  const struct judgement *judgement,
					  const struct process_key *process)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->process = *process;
	key->address = address_key_of(&to->address);
	key->port = to->port;
	key->protocol = to->protocol;
	key->watch = (__u8)judgement->watch;
}

/* Whether this is not to be told, since it was lately. Otherwise it counts as told from now on. */
static __always_inline bool told_lately(const struct told_key *key, __u64 pause)
{
	__u64 now = bpf_ktime_get_boot_ns(), *before;

	before = bpf_map_lookup_elem(&told, key);
	if (before && now - *before < pause)
		return true;
	if (bpf_map_update_elem(&told, key, &now, BPF_ANY) == 0 && !before)
		count_table(COUNTER_TABLE_TOLD, 1);
	return false;
}

/* It could not be told after all. */
static __always_inline void told_forget(const struct told_key *key)
{
	if (bpf_map_delete_elem(&told, key) == 0)
		count_table(COUNTER_TABLE_TOLD, -1);
}
