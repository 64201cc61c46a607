/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static int program_probe(int type, int unused)
{
	(void)unused;
	return libbpf_probe_bpf_prog_type((enum bpf_prog_type)type, NULL);
}

static int map_probe(int type, int unused)
{
	(void)unused;
	return libbpf_probe_bpf_map_type((enum bpf_map_type)type, NULL);
}

/* A program that only calls it, without arguments: whether its type may call it at all is what the
 * verifier looks at first. Newer kernels say so in other words, which libbpf_probe_bpf_helper() of
 * older libraries takes for a helper that is there. */
static int helper_probe(int type, int helper)
{
	static const char *const refusals[] = { "unknown func", "invalid func",
						"cannot use helper" };
	const struct bpf_insn instructions[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = helper },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	char log[4096] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, options, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1);
	CLEANUP(close_cleanup) int fd = -1;

	if (type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR)
		options.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
	fd = bpf_prog_load((enum bpf_prog_type)type, NULL, "GPL", instructions,
			   ELEMENTS(instructions), &options);
	if (fd >= 0)
		return 1;
	for (size_t i = 0; i < ELEMENTS(refusals); i++)
		if (strstr(log, refusals[i]))
			return 0;
	/* Not a word: it was not looked at. */
	return log[0] != '\0';
}

static int array_probe(int flags, int unused)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = (unsigned)flags);
	CLEANUP(close_cleanup) int fd = -1;

	(void)unused;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, sizeof(int), 64, 1, &options);
	return fd < 0 ? -errno : 1;
}

#define SKB    BPF_PROG_TYPE_CGROUP_SKB
#define SOCK   BPF_PROG_TYPE_CGROUP_SOCK
#define ADDR   BPF_PROG_TYPE_CGROUP_SOCK_ADDR
#define RAW_TP BPF_PROG_TYPE_RAW_TRACEPOINT

/* What the probes call, kind of program by kind of program. What every kernel from 5.10 on has for
 * every kind (maps' own functions, tail calls, the CPU's number, reading a packet) is left out. */
static const struct row {
	const char *name, *purpose;
	int (*probe)(int first, int second); /* 1: it is there */
	int first, second;
} rows[] = {
	{ "cgroup_skb", "reads lookups as they leave", program_probe, SKB, 0 },
	{ "cgroup_sock", "notes who creates a socket", program_probe, SOCK, 0 },
	{ "cgroup_sock_addr", "notes who connects and sends", program_probe, ADDR, 0 },
	{ "raw_tracepoint", "notes processes as they are executed", program_probe, RAW_TP, 0 },

	{ "ringbuf", "hands records up", map_probe, BPF_MAP_TYPE_RINGBUF, 0 },
	{ "sk_storage", "keeps the process with its socket", map_probe, BPF_MAP_TYPE_SK_STORAGE,
	  0 },
	{ "lru_hash", "remembers processes", map_probe, BPF_MAP_TYPE_LRU_HASH, 0 },
	{ "prog_array", "goes on in the next program", map_probe, BPF_MAP_TYPE_PROG_ARRAY, 0 },
	{ "array_of_maps", "swaps the domain table in one step", map_probe,
	  BPF_MAP_TYPE_ARRAY_OF_MAPS, 0 },
	{ "inner maps of any size", "lets the domain table grow", array_probe, BPF_F_INNER_MAP, 0 },
	{ "arrays that can be mapped", "fills the domain table fast", array_probe, BPF_F_MMAPABLE,
	  0 },

	{ "sk_storage_get in cgroup_skb", "finds the process of a packet", helper_probe, SKB,
	  BPF_FUNC_sk_storage_get },
	{ "sk_fullsock in cgroup_skb", "finds the socket of a packet", helper_probe, SKB,
	  BPF_FUNC_sk_fullsock },
	{ "skc_to_tcp_sock in cgroup_skb", "tells who sends over TCP", helper_probe, SKB,
	  BPF_FUNC_skc_to_tcp_sock },
	{ "get_socket_cookie in cgroup_skb", "names the socket of a packet", helper_probe, SKB,
	  BPF_FUNC_get_socket_cookie },
	{ "get_socket_uid in cgroup_skb", "finds the user of a packet", helper_probe, SKB,
	  BPF_FUNC_get_socket_uid },
	{ "skb_cgroup_id in cgroup_skb", "finds the cgroup of a packet", helper_probe, SKB,
	  BPF_FUNC_skb_cgroup_id },
	{ "get_current_task in cgroup_skb", "names who sends on a socket of another", helper_probe,
	  SKB, BPF_FUNC_get_current_task },
	{ "probe_read_kernel in cgroup_skb", "reads who sends", helper_probe, SKB,
	  BPF_FUNC_probe_read_kernel },
	{ "ktime_get_boot_ns in cgroup_skb", "times records", helper_probe, SKB,
	  BPF_FUNC_ktime_get_boot_ns },

	{ "sk_storage_get in cgroup_sock", "notes the process on its socket", helper_probe, SOCK,
	  BPF_FUNC_sk_storage_get },
	{ "get_current_pid_tgid in cgroup_sock", "knows the process again", helper_probe, SOCK,
	  BPF_FUNC_get_current_pid_tgid },
	{ "get_current_task in cgroup_sock", "finds the process", helper_probe, SOCK,
	  BPF_FUNC_get_current_task },
	{ "probe_read_kernel in cgroup_sock", "reads path and cgroup", helper_probe, SOCK,
	  BPF_FUNC_probe_read_kernel },
	{ "probe_read_user in cgroup_sock", "reads arguments", helper_probe, SOCK,
	  BPF_FUNC_probe_read_user },

	{ "sk_storage_get in cgroup_sock_addr", "notes the process on its socket", helper_probe,
	  ADDR, BPF_FUNC_sk_storage_get },
	{ "get_current_pid_tgid in cgroup_sock_addr", "knows the process again", helper_probe, ADDR,
	  BPF_FUNC_get_current_pid_tgid },
	{ "get_current_task in cgroup_sock_addr", "finds the process", helper_probe, ADDR,
	  BPF_FUNC_get_current_task },
	{ "probe_read_kernel in cgroup_sock_addr", "reads path and cgroup", helper_probe, ADDR,
	  BPF_FUNC_probe_read_kernel },
	{ "probe_read_user in cgroup_sock_addr", "reads arguments", helper_probe, ADDR,
	  BPF_FUNC_probe_read_user },

	{ "probe_read_kernel in raw_tracepoint", "reads path and cgroup", helper_probe, RAW_TP,
	  BPF_FUNC_probe_read_kernel },
	{ "probe_read_user in raw_tracepoint", "reads arguments", helper_probe, RAW_TP,
	  BPF_FUNC_probe_read_user },
};

int features_probe(struct feature ret[static FEATURES_MAX])
{
	libbpf_print_fn_t before;
	int r;

	_Static_assert(ELEMENTS(rows) <= FEATURES_MAX, "room for every row");
	/* To libbpf's probes a right that is missing is a feature that is. */
	r = array_probe(0, 0);
	if (r < 0)
		return r;
	before = libbpf_set_print(NULL);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		ret[i] = (struct feature){
			.name = rows[i].name,
			.purpose = rows[i].purpose,
			.present = rows[i].probe(rows[i].first, rows[i].second) > 0,
		};
	(void)libbpf_set_print(before);
	return (int)ELEMENTS(rows);
}

/* The digit that a kernel setting consists of. */
static int setting_read(const char *path)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char digit;

	if (fd < 0 || read(fd, &digit, 1) < 0)
		return -errno;
	return digit >= '0' && digit <= '9' ? digit - '0' : -EBADMSG;
}

int features_jit(void)
{
	int r = setting_read("/proc/sys/net/core/bpf_jit_enable");

	return r < 0 ? r : r > 0;
}

int features_unprivileged(void)
{
	int r = setting_read("/proc/sys/kernel/unprivileged_bpf_disabled");

	return r < 0 ? r : r == 0;
}
