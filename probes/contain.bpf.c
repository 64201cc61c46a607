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
#include "verifier.h"

#define ACTION_DROP 0
#define ACTION_PASS 1

#define ETHERNET_SIZE	14
#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_ARP	0x0806
#define ETHERTYPE_IPV6	0x86dd
#define IPPROTO_ICMP	1
#define IPPROTO_TCP	6
#define IPPROTO_UDP	17
#define IPPROTO_ICMPV6	58
#define SOCK_RAW	3
#define ADDRESS_MAPPED	0xffffULL
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

/* Where a packet or a system call goes to, or comes from: the other end first. */
struct end {
	__u64 high, low;
	__u16 port;
};

struct packet {
	struct end source, destination;
	__u32 transport; /* offset of what comes after the IP header */
	__u8 version;	 /* 4 or 6; 0: not IP */
	__u8 protocol;
	__u8 hop_limit;
	__u8 type;  /* of ICMP */
	bool ports; /* they are there: UDP or TCP, and no later fragment */
};

enum direction {
	OUTWARD,
	INWARD,
};

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

/* ---- what is open ---- */

/* As the rule that matches says; 0: none does. */
static __always_inline const struct contain_rule *rule_find(const struct end *end, __u8 protocol,
							    bool ports)
{
	__u32 zero = 0;
	const struct contain_rules *rules = bpf_map_lookup_elem(&contain_rules, &zero);

	if (!rules)
		return NULL;
	for (__u32 i = 0; i < CONTAIN_RULES_MAX; i++) {
		const struct contain_rule *rule = &rules->rules[i];

		if (i >= rules->count)
			break;
		if ((end->high & rule->mask_high) == rule->high &&
		    (end->low & rule->mask_low) == rule->low &&
		    (!rule->protocol || rule->protocol == protocol) &&
		    (!rule->port || (ports && rule->port == end->port)))
			return rule;
	}
	return NULL;
}

static __always_inline bool rule_opens(const struct end *end, __u8 protocol, bool ports)
{
	const struct contain_rule *rule = rule_find(end, protocol, ports);

	return rule && rule->kind == CONTAIN_RULE_OPEN;
}

static __always_inline bool end_is_resolver(const struct end *end)
{
	const struct contain_rule *rule;

	if (end->port != DNS_PORT)
		return false;
	rule = rule_find(end, IPPROTO_UDP, true);
	return rule && rule->resolver;
}

static __always_inline bool end_is_ipv4(const struct end *end)
{
	return !end->high && end->low >> 32 == ADDRESS_MAPPED;
}

/* fe80::/10 */
static __always_inline bool end_is_link_local(const struct end *end)
{
	return end->high >> 54 == 0x3fa;
}

/* ff02::/16: routers do not forward it. */
static __always_inline bool end_is_link_multicast(const struct end *end)
{
	return end->high >> 48 == 0xff02;
}

/* Addresses come and are kept (RFC 2131, RFC 8415). Outwards only what no router takes further:
 * anybody may send from these ports. A lease is renewed by broadcast, then. */
static __always_inline bool packet_is_dhcp(const struct packet *packet, enum direction direction)
{
	__u16 from = packet->source.port, to = packet->destination.port;

	if (packet->protocol != IPPROTO_UDP || !packet->ports)
		return false;
	if (direction == INWARD)
		return packet->version == 4 ? from == 67 && to == 68 : from == 547 && to == 546;
	if (packet->version == 4)
		return from == 68 && to == 67 && (__u32)packet->destination.low == 0xffffffff;
	return from == 546 && to == 547 &&
	       (end_is_link_local(&packet->destination) ||
		end_is_link_multicast(&packet->destination));
}

/* Neighbours and routers (RFC 4861: a hop limit of 255 says that no router has forwarded it), and
 * who listens to multicast (RFC 2710, 3810): all of it stays on the link. */
static __always_inline bool packet_is_neighbour(const struct packet *packet)
{
	if (packet->version != 6 || packet->protocol != IPPROTO_ICMPV6)
		return false;
	if (packet->type >= 133 && packet->type <= 136)
		return packet->hop_limit == 255;
	return ((packet->type >= 130 && packet->type <= 132) || packet->type == 143) &&
	       packet->hop_limit == 1 && end_is_link_multicast(&packet->destination);
}

static __always_inline bool packet_is_open(const struct packet *packet, enum direction direction)
{
	const struct end *other = direction == OUTWARD ? &packet->destination : &packet->source;

	return packet_is_dhcp(packet, direction) || packet_is_neighbour(packet) ||
	       rule_opens(other, packet->protocol, packet->ports);
}

/* ---- packets ---- */

static __always_inline __u64 words_join(const __be32 *words)
{
	return (__u64)bpf_ntohl(words[0]) << 32 | bpf_ntohl(words[1]);
}

static __always_inline bool packet_read_ipv4(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	__u8 header[20];

	if (bpf_skb_load_bytes(skb, at, header, sizeof(header)) < 0 || (header[0] & 15) < 5)
		return false;
	packet->version = 4;
	packet->protocol = header[9];
	packet->hop_limit = header[8];
	packet->transport = at + (__u32)(header[0] & 15) * 4;
	packet->source.low = ADDRESS_MAPPED << 32 | (__u32)header[12] << 24 |
			     (__u32)header[13] << 16 | (__u32)header[14] << 8 | header[15];
	packet->destination.low = ADDRESS_MAPPED << 32 | (__u32)header[16] << 24 |
				  (__u32)header[17] << 16 | (__u32)header[18] << 8 | header[19];
	/* A later fragment has no ports, and no type. */
	packet->ports = !((header[6] & 0x1f) | header[7]);
	return true;
}

/* What is open to anybody comes without extension headers; hop-by-hop options stand before MLD. */
static __always_inline bool packet_read_ipv6(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	__be32 header[10];
	__u8 options[2];

	if (bpf_skb_load_bytes(skb, at, header, sizeof(header)) < 0)
		return false;
	packet->version = 6;
	packet->protocol = (__u8)(bpf_ntohl(header[1]) >> 8);
	packet->hop_limit = (__u8)bpf_ntohl(header[1]);
	packet->transport = at + sizeof(header);
	packet->source.high = words_join(header + 2);
	packet->source.low = words_join(header + 4);
	packet->destination.high = words_join(header + 6);
	packet->destination.low = words_join(header + 8);
	packet->ports = true;
	if (packet->protocol == 0) {
		if (bpf_skb_load_bytes(skb, packet->transport, options, sizeof(options)) < 0)
			return false;
		packet->protocol = options[0];
		packet->transport += ((__u32)options[1] + 1) * 8;
	}
	return true;
}

static __always_inline void packet_read_transport(struct __sk_buff *skb, struct packet *packet)
{
	__be16 ports[2];

	if (!packet->ports)
		return;
	packet->ports = false;
	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) {
		(void)bpf_skb_load_bytes(skb, packet->transport, &packet->type, 1);
	} else if ((packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_TCP) &&
		   bpf_skb_load_bytes(skb, packet->transport, ports, sizeof(ports)) == 0) {
		packet->source.port = bpf_ntohs(ports[0]);
		packet->destination.port = bpf_ntohs(ports[1]);
		packet->ports = true;
	}
}

/* at: of the IP header. False: it is none, or cut. */
static __always_inline bool packet_read(struct __sk_buff *skb, __u32 at, struct packet *packet)
{
	__u8 version;

	if (bpf_skb_load_bytes(skb, at, &version, 1) < 0)
		return false;
	version >>= 4;
	if (version == 4 ? !packet_read_ipv4(skb, at, packet)
			 : version != 6 || !packet_read_ipv6(skb, at, packet))
		return false;
	packet_read_transport(skb, packet);
	return true;
}

/* ---- who ---- */

static __always_inline __u32 cgroup_kind(__u64 id)
{
	const __u32 *kind = id ? bpf_map_lookup_elem(&contain_cgroups, &id) : NULL;

	return kind ? *kind : 0;
}

/* Of the socket that the packet belongs to: its own cgroup's or an ancestor's. 0: none is listed,
 * or there is no socket. */
static __always_inline __u32 skb_kind(struct __sk_buff *skb)
{
	for (int level = 0; level < CGROUP_LEVELS; level++) {
		__u64 id = bpf_skb_ancestor_cgroup_id(skb, level);
		__u32 kind;

		if (!id)
			break;
		kind = cgroup_kind(id);
		if (kind)
			return kind;
	}
	return 0;
}

static __always_inline __u32 current_kind(void)
{
	for (int level = 0; level < CGROUP_LEVELS; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);
		__u32 kind;

		if (!id)
			break;
		kind = cgroup_kind(id);
		if (kind)
			return kind;
	}
	return 0;
}

/* ---- resolving for the agent ---- */

/* Whether it is one question for a name that is listed, byte for byte. */
static __always_inline bool question_is_listed(struct __sk_buff *skb, __u32 dns)
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
	__u32 kind;

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
	return socket_judge(skb, OUTWARD);
}

SEC("cgroup_skb/ingress")
int contain_ingress(struct __sk_buff *skb)
{
	return socket_judge(skb, INWARD);
}

/* ---- system calls ---- */

/* 127.0.0.0/8, ::1, and the unspecified address, which means loopback there. */
static __always_inline bool end_is_loopback(const struct end *end)
{
	if (end_is_ipv4(end))
		return (end->low >> 24 & 0xff) == 127 || !(__u32)end->low;
	return !end->high && end->low <= 1;
}

static __always_inline int call_judge(struct bpf_sock_addr *context, const struct end *end)
{
	__u8 protocol = (__u8)context->protocol;
	__u32 kind;

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
	return call_judge_ipv4(context);
}

SEC("cgroup/connect6")
int contain_connect6(struct bpf_sock_addr *context)
{
	return call_judge_ipv6(context);
}

SEC("cgroup/sendmsg4")
int contain_sendmsg4(struct bpf_sock_addr *context)
{
	return call_judge_ipv4(context);
}

SEC("cgroup/sendmsg6")
int contain_sendmsg6(struct bpf_sock_addr *context)
{
	return call_judge_ipv6(context);
}

/* Raw sockets, but for those that routers are found by. */
SEC("cgroup/sock_create")
int contain_sock_create(struct bpf_sock *socket)
{
	if (socket->type != SOCK_RAW || socket->protocol == IPPROTO_ICMPV6 || !in_force() ||
	    current_kind() == CONTAIN_CGROUP_EXEMPT)
		return ACTION_PASS;
	count(CONTAIN_REFUSED);
	return ACTION_DROP;
}

/* ---- interfaces ---- */

/* The kernel has to know that a connection that is open needs smaller packets, or is refused. */
static __always_inline bool packet_is_icmp_error(const struct packet *packet)
{
	if (packet->version == 4)
		return packet->protocol == IPPROTO_ICMP && packet->type == 3;
	return packet->protocol == IPPROTO_ICMPV6 && (packet->type == 1 || packet->type == 2);
}

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
	__u32 kind = direction == OUTWARD ? skb_kind(skb) : 0;
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
