// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the probes are measured against: programs on the same hooks that do nothing. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define EMPTY(section, name, type)                                                                 \
	SEC("cgroup" section)                                                                      \
	int empty_##name(type *context)                                                            \
	{                                                                                          \
		(void)context;                                                                     \
		return 1;                                                                          \
	}

EMPTY("_skb/egress", egress, struct __sk_buff)
EMPTY("_skb/ingress", ingress, struct __sk_buff)
EMPTY("/connect4", connect4, struct bpf_sock_addr)
EMPTY("/connect6", connect6, struct bpf_sock_addr)
EMPTY("/sendmsg4", sendmsg4, struct bpf_sock_addr)
EMPTY("/sendmsg6", sendmsg6, struct bpf_sock_addr)
EMPTY("/sock_create", sock_create, struct bpf_sock)
EMPTY("/sock_release", sock_release, struct bpf_sock)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
