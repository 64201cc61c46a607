/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The cut: programs that drop everything but what the agent and the SSM agent need. An object of
 * its own: it is loaded ahead in enforce mode and attached when the host is to be contained. What
 * is open is in maps; the time at which it ends is looked at here, so that a provisional cut ends
 * also when the daemon is gone.
 *
 * Each socket's packets are judged by the socket's cgroup (cgroup_skb, over the whole tree), and
 * what a program asks for is refused in the system call, so that it fails at once. Packets without
 * a socket in the tree (forwarded, packet sockets, the kernel's own) are judged on the interface
 * (tc). Input: any packet.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "contain.h"
#include "contain_packet.h"
#include "verifier.h"

#define ACTION_DROP 0
#define ACTION_PASS 1

#define ETHERNET_SIZE	14
#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_ARP	0x0806
#define ETHERTYPE_IPV6	0x86dd
#define SOCK_RAW	3
/* Each network namespace's first interface, and it cannot be moved. */
#define LOOPBACK_INDEX	1
#define DNS_PORT	53
#define DNS_HEADER_SIZE 12
/* Deeper than systemd nests units. Below that, the cgroup of the unit has been seen. */
#define CGROUP_LEVELS	16

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct contain_control);
} contain_control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONTAIN_CGROUPS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} contain_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct contain_rules);
} contain_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONTAIN_NAMES_MAX);
	__type(key, struct contain_name);
	__type(value, __u32);
} contain_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CONTAIN_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} contain_counters SEC(".maps");

static __always_inline void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&contain_counters, &counter);

	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline bool in_force(void)
{
	__u32 zero = 0;
	const struct contain_control *control = bpf_map_lookup_elem(&contain_control, &zero);

	return control && control->on &&
	       (!control->until || bpf_ktime_get_boot_ns() < control->until);
}

/* The verifier wants to see that it is 0 or 1: clang takes what a function has returned for the
 * constant that it was compared with, of which the verifier knows the lower half only. */
static __always_inline int action_bound(int action)
{
	OPAQUE(action);
	return action & 1;
}

/* ---- what is open ---- */

/* Functions that are not static are verified once, and not again on each way to them. */

/* The kind of the first rule that matches, and RULE_RESOLVER; 0: none does. port: PORT_NONE where
 * there is none. */
#define RULE_RESOLVER 0x100
#define PORT_NONE     0x10000

__noinline int rule_find(__u64 high, __u64 low, __u32 protocol, __u32 port)
{
	__u32 zero = 0;
	const struct contain_rules *rules = bpf_map_lookup_elem(&contain_rules, &zero);

	if (!rules)
		return 0;
	for (__u32 i = 0; i < CONTAIN_RULES_MAX; i++) {
		const struct contain_rule *rule = &rules->rules[i];

		if (i >= rules->count)
			break;
		if ((high & rule->mask_high) == rule->high && (low & rule->mask_low) == rule->low &&
		    (!rule->protocol || rule->protocol == protocol) &&
		    (!rule->port || rule->port == port))
			return rule->kind | (rule->resolver ? RULE_RESOLVER : 0);
	}
	return 0;
}

static __always_inline bool rule_opens(const struct end *end, __u8 protocol, bool ports)
{
	return rule_find(end->high, end->low, protocol, ports ? end->port : PORT_NONE) ==
	       CONTAIN_RULE_OPEN;
}

static __always_inline bool end_is_resolver(const struct end *end)
{
	return end->port == DNS_PORT &&
	       rule_find(end->high, end->low, IPPROTO_UDP, DNS_PORT) & RULE_RESOLVER;
}

static __always_inline bool packet_is_open(const struct packet *packet, enum direction direction)
{
	const struct end *other = direction == OUTWARD ? &packet->destination : &packet->source;

	return packet_is_dhcp(packet, direction) || packet_is_neighbour(packet) ||
	       rule_opens(other, packet->protocol, packet->ports);
}

/* ---- who ---- */

static __always_inline __u32 cgroup_kind(__u64 id)
{
	const __u32 *kind = id ? bpf_map_lookup_elem(&contain_cgroups, &id) : NULL;

	return kind ? *kind : 0;
}

/* Of the socket that the packet belongs to: its own cgroup's or an ancestor's. 0: none is listed,
 * or there is no socket. */
__noinline int skb_kind(struct __sk_buff *skb)
{
	for (int level = 0; level < CGROUP_LEVELS; level++) {
		__u64 id = bpf_skb_ancestor_cgroup_id(skb, level);
		__u32 kind;

		if (!id)
			break;
		kind = cgroup_kind(id);
		if (kind)
			return (int)kind;
	}
	return 0;
}

__noinline int current_kind(void)
{
	for (int level = 0; level < CGROUP_LEVELS; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);
		__u32 kind;

		if (!id)
			break;
		kind = cgroup_kind(id);
		if (kind)
			return (int)kind;
	}
	return 0;
}

/* ---- resolving for the agent ---- */

/* Whether it is one question for a name that is listed, byte for byte. */
__noinline int question_is_listed(struct __sk_buff *skb, __u32 dns)
{
	struct contain_name name = { 0 };
	__u8 header[DNS_HEADER_SIZE];
	__u64 length = 0;

	if (bpf_skb_load_bytes(skb, dns, header, sizeof(header)) < 0)
		return false;
	/* A query (RFC 1035, 4.1.1), opcode 0, and one question; EDNS comes as additional. */
	if (header[2] & 0xf8 || header[4] || header[5] != 1 || header[6] || header[7])
		return false;
	for (__u32 i = 0; i < CONTAIN_NAME_SIZE - 1; i++) {
		__u8 byte;

		if (bpf_skb_load_bytes(skb, dns + DNS_HEADER_SIZE + i, &byte, 1) < 0)
			return false;
		/* Labels are shorter than 64, so their lengths are no letters. */
		name.wire[i] = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
		if (!byte) {
			length = i + 1;
			break;
		}
	}
	return length && bpf_map_lookup_elem(&contain_names, &name) != NULL;
}

static __always_inline bool resolving_passes(struct __sk_buff *skb, const struct packet *packet,
					     enum direction direction)
{
	const struct end *other = direction == OUTWARD ? &packet->destination : &packet->source;

	if (packet->protocol != IPPROTO_UDP || !packet->ports || !end_is_resolver(other))
		return false;
	return direction == INWARD || question_is_listed(skb, packet->transport + 8);
}

/* ---- sockets of the tree ---- */

static __always_inline bool socket_passes(struct __sk_buff *skb, enum direction direction)
{
	struct packet packet = { 0 };
	int kind;

	if (skb->ifindex == LOOPBACK_INDEX)
		return true;
	kind = skb_kind(skb);
	if (kind == CONTAIN_CGROUP_EXEMPT)
		return true;
	if (!packet_read(skb, 0, &packet))
		return false;
	if (packet_is_open(&packet, direction))
		return true;
	return kind == CONTAIN_CGROUP_RESOLVING && resolving_passes(skb, &packet, direction);
}

static __always_inline int socket_judge(struct __sk_buff *skb, enum direction direction)
{
	if (!in_force())
		return ACTION_PASS;
	if (socket_passes(skb, direction)) {
		count(CONTAIN_ALLOWED);
		return ACTION_PASS;
	}
	count(CONTAIN_DROPPED);
	return ACTION_DROP;
}

SEC("cgroup_skb/egress")
int contain_egress(struct __sk_buff *skb)
{
	return action_bound(socket_judge(skb, OUTWARD));
}

SEC("cgroup_skb/ingress")
int contain_ingress(struct __sk_buff *skb)
{
	return action_bound(socket_judge(skb, INWARD));
}

/* ---- system calls ---- */

static __always_inline int call_judge(struct bpf_sock_addr *context, const struct end *end)
{
	__u8 protocol = (__u8)context->protocol;
	int kind;

	if (!in_force() || end_is_loopback(end) || rule_opens(end, protocol, true))
		return ACTION_PASS;
	kind = current_kind();
	if (kind == CONTAIN_CGROUP_EXEMPT ||
	    (kind == CONTAIN_CGROUP_RESOLVING && end_is_resolver(end)))
		return ACTION_PASS;
	/* DHCP and neighbours: the packet is judged. */
	if (end->port == 67 || end->port == 547 || protocol == IPPROTO_ICMPV6)
		return ACTION_PASS;
	count(CONTAIN_REFUSED);
	return ACTION_DROP;
}

static __always_inline int call_judge_ipv4(struct bpf_sock_addr *context)
{
	struct end end = {
		.low = ADDRESS_MAPPED << 32 | bpf_ntohl(context->user_ip4),
		.port = bpf_ntohs((__be16)context->user_port),
	};

	return call_judge(context, &end);
}

static __always_inline int call_judge_ipv6(struct bpf_sock_addr *context)
{
	struct end end = {
		.high = (__u64)bpf_ntohl(context->user_ip6[0]) << 32 |
			bpf_ntohl(context->user_ip6[1]),
		.low = (__u64)bpf_ntohl(context->user_ip6[2]) << 32 |
		       bpf_ntohl(context->user_ip6[3]),
		.port = bpf_ntohs((__be16)context->user_port),
	};

	return call_judge(context, &end);
}

SEC("cgroup/connect4")
int contain_connect4(struct bpf_sock_addr *context)
{
	return action_bound(call_judge_ipv4(context));
}

SEC("cgroup/connect6")
int contain_connect6(struct bpf_sock_addr *context)
{
	return action_bound(call_judge_ipv6(context));
}

SEC("cgroup/sendmsg4")
int contain_sendmsg4(struct bpf_sock_addr *context)
{
	return action_bound(call_judge_ipv4(context));
}

SEC("cgroup/sendmsg6")
int contain_sendmsg6(struct bpf_sock_addr *context)
{
	return action_bound(call_judge_ipv6(context));
}

/* Raw sockets, but for those that routers are found by. */
SEC("cgroup/sock_create")
int contain_sock_create(struct bpf_sock *socket)
{
	int action = ACTION_PASS;

	if (socket->type == SOCK_RAW && socket->protocol != IPPROTO_ICMPV6 && in_force() &&
	    current_kind() != CONTAIN_CGROUP_EXEMPT) {
		count(CONTAIN_REFUSED);
		action = ACTION_DROP;
	}
	return action_bound(action);
}

/* ---- interfaces ---- */

static __always_inline bool tuple_has_socket(struct __sk_buff *skb, struct bpf_sock_tuple *tuple,
					     __u32 size, bool tcp)
{
	struct bpf_sock *socket = tcp ? bpf_skc_lookup_tcp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0)
				      : bpf_sk_lookup_udp(skb, tuple, size, BPF_F_CURRENT_NETNS, 0);

	if (!socket)
		return false;
	bpf_sk_release(socket);
	return true;
}

/* A socket of this namespace takes it: then it is judged by the socket's cgroup. */
static __always_inline bool packet_has_socket(struct __sk_buff *skb, const struct packet *packet)
{
	struct bpf_sock_tuple tuple = { 0 };
	bool tcp = packet->protocol == IPPROTO_TCP;

	if (!packet->ports)
		return false;
	if (packet->version == 4) {
		tuple.ipv4.saddr = bpf_htonl((__u32)packet->source.low);
		tuple.ipv4.daddr = bpf_htonl((__u32)packet->destination.low);
		tuple.ipv4.sport = bpf_htons(packet->source.port);
		tuple.ipv4.dport = bpf_htons(packet->destination.port);
		return tuple_has_socket(skb, &tuple, sizeof(tuple.ipv4), tcp);
	}
	tuple.ipv6.saddr[0] = bpf_htonl((__u32)(packet->source.high >> 32));
	tuple.ipv6.saddr[1] = bpf_htonl((__u32)packet->source.high);
	tuple.ipv6.saddr[2] = bpf_htonl((__u32)(packet->source.low >> 32));
	tuple.ipv6.saddr[3] = bpf_htonl((__u32)packet->source.low);
	tuple.ipv6.daddr[0] = bpf_htonl((__u32)(packet->destination.high >> 32));
	tuple.ipv6.daddr[1] = bpf_htonl((__u32)packet->destination.high);
	tuple.ipv6.daddr[2] = bpf_htonl((__u32)(packet->destination.low >> 32));
	tuple.ipv6.daddr[3] = bpf_htonl((__u32)packet->destination.low);
	tuple.ipv6.sport = bpf_htons(packet->source.port);
	tuple.ipv6.dport = bpf_htons(packet->destination.port);
	return tuple_has_socket(skb, &tuple, sizeof(tuple.ipv6), tcp);
}

/* The frame's own word: skb->protocol is what the sender of a packet socket says. */
static __always_inline bool frame_passes(struct __sk_buff *skb, enum direction direction,
					 bool ethernet)
{
	struct packet packet = { 0 };
	int kind = direction == OUTWARD ? skb_kind(skb) : 0;
	__be16 type;

	if (kind == CONTAIN_CGROUP_EXEMPT)
		return true;
	if (ethernet) {
		if (bpf_skb_load_bytes(skb, ETHERNET_SIZE - 2, &type, sizeof(type)) < 0)
			return false;
		if (type == bpf_htons(ETHERTYPE_ARP))
			return true;
		if (type != bpf_htons(ETHERTYPE_IPV4) && type != bpf_htons(ETHERTYPE_IPV6))
			return false;
	}
	if (!packet_read(skb, ethernet ? ETHERNET_SIZE : 0, &packet))
		return false;
	if (packet_is_open(&packet, direction))
		return true;
	if (direction == INWARD)
		return packet_is_icmp_error(&packet) || packet_has_socket(skb, &packet);
	return kind == CONTAIN_CGROUP_RESOLVING && resolving_passes(skb, &packet, direction);
}

static __always_inline int frame_judge(struct __sk_buff *skb, enum direction direction,
				       bool ethernet)
{
	if (!in_force())
		return TC_ACT_UNSPEC;
	if (frame_passes(skb, direction, ethernet)) {
		count(CONTAIN_LINK_ALLOWED);
		return TC_ACT_UNSPEC;
	}
	count(CONTAIN_LINK_DROPPED);
	return TC_ACT_SHOT;
}

SEC("tc")
int contain_ether_out(struct __sk_buff *skb)
{
	return frame_judge(skb, OUTWARD, true);
}

SEC("tc")
int contain_ether_in(struct __sk_buff *skb)
{
	return frame_judge(skb, INWARD, true);
}

/* Interfaces without a frame around the packet: tunnels. */
SEC("tc")
int contain_plain_out(struct __sk_buff *skb)
{
	return frame_judge(skb, OUTWARD, false);
}

SEC("tc")
int contain_plain_in(struct __sk_buff *skb)
{
	return frame_judge(skb, INWARD, false);
}

char contain_license[] SEC("license") = "Dual BSD/GPL";
