/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the programs that cut the host off share with user space: what is in force, what stays open,
 * and what they counted.
 */
#pragma once

#include <linux/types.h>

#define CONTAIN_REASON_SIZE  256
#define CONTAIN_FINDING_SIZE 64

/* Raised when the meaning of what is pinned changes. Its beginning, up to until, stays as it is for
 * ever: a later version reads it. */
#define CONTAIN_VERSION 1

/* The one element of contain_control. In boot time, ns. */
struct contain_control {
	__u32 version;
	__u32 on;
	__u64 since;
	__u64 until; /* nothing is dropped from then on; 0: no end */
	__u32 provisional;
	__u32 padding;
	__u64 since_realtime;
	char reason[CONTAIN_REASON_SIZE];
	char finding[CONTAIN_FINDING_SIZE];
};

/* Of a cgroup, by its id in contain_cgroups; it holds for all below it. */
enum contain_cgroup {
	CONTAIN_CGROUP_EXEMPT = 1,    /* sends and receives what it likes */
	CONTAIN_CGROUP_RESOLVING = 2, /* asks resolvers for the names in contain_names */
};
#define CONTAIN_CGROUPS_MAX 64

enum contain_rule_kind {
	CONTAIN_RULE_CLOSED = 1, /* whatever later rules say: the metadata service, resolvers */
	CONTAIN_RULE_OPEN = 2,
};

/* The first that matches decides. Addresses as two numbers, IPv4 mapped into IPv6. */
struct contain_rule {
	__u64 high, low, mask_high, mask_low;
	__u16 port;    /* of the other end, host order; 0: any */
	__u8 protocol; /* 0: any */
	__u8 kind;     /* enum contain_rule_kind */
	__u8 resolver; /* port 53 of it is open to CONTAIN_CGROUP_RESOLVING */
	__u8 padding[3];
};
/* As many as a person lists; each is looked at for each packet while the host is cut off. */
#define CONTAIN_RULES_MAX 64

struct contain_rules {
	__u32 count;
	__u32 padding;
	struct contain_rule rules[CONTAIN_RULES_MAX];
};

/* A name as it stands in a question, lower case, zeros after it. Longer ones are not taken. */
#define CONTAIN_NAME_SIZE 128
#define CONTAIN_NAMES_MAX 256
struct contain_name {
	__u8 wire[CONTAIN_NAME_SIZE];
};

enum contain_counter {
	CONTAIN_ALLOWED, /* packets that sockets send and receive */
	CONTAIN_DROPPED,
	CONTAIN_LINK_ALLOWED, /* packets on interfaces */
	CONTAIN_LINK_DROPPED,
	CONTAIN_REFUSED, /* system calls */
	CONTAIN_COUNTERS,
};
