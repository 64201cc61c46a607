/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
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

static int helper_probe(int type, int helper)
{
	return libbpf_probe_bpf_helper((enum bpf_prog_type)type, (enum bpf_func_id)helper, NULL);
}

static int array_probe(int flags, int unused)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = (unsigned)flags);
	CLEANUP(close_cleanup) int fd = -1;

	(void)unused;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, sizeof(int), 64, 1, &options);
	return fd < 0 ? -errno : 1;
}

static const struct row {
	const char *name, *purpose;
	bool required;
	int (*probe)(int first, int second); /* 1: it is there */
	int first, second;
} rows[] = {
	{ "cgroup_skb", "reads lookups as they leave", true, program_probe,
	  BPF_PROG_TYPE_CGROUP_SKB, 0 },
	{ "cgroup_sock", "notes who creates a socket", true, program_probe,
	  BPF_PROG_TYPE_CGROUP_SOCK, 0 },
	{ "cgroup_sock_addr", "notes who connects and sends", true, program_probe,
	  BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 0 },
	{ "raw_tracepoint", "notes processes as they are executed", true, program_probe,
	  BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	{ "ringbuf", "hands records up", true, map_probe, BPF_MAP_TYPE_RINGBUF, 0 },
	{ "sk_storage", "keeps the process with its socket", true, map_probe,
	  BPF_MAP_TYPE_SK_STORAGE, 0 },
	{ "lru_hash", "remembers processes", true, map_probe, BPF_MAP_TYPE_LRU_HASH, 0 },
	{ "array_of_maps", "swaps the domain table in one step", true, map_probe,
	  BPF_MAP_TYPE_ARRAY_OF_MAPS, 0 },
	{ "inner maps of any size", "lets the domain table grow", true, array_probe,
	  BPF_F_INNER_MAP, 0 },
	{ "arrays that can be mapped", "fills the domain table fast", true, array_probe,
	  BPF_F_MMAPABLE, 0 },
	{ "sk_storage_get in cgroup_skb", "finds the process of a packet", true, helper_probe,
	  BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_sk_storage_get },
	{ "skb_cgroup_id in cgroup_skb", "finds the cgroup of a packet", true, helper_probe,
	  BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_skb_cgroup_id },
	{ "get_socket_cookie in cgroup_skb", "names the socket of a packet", true, helper_probe,
	  BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_socket_cookie },
	{ "ktime_get_boot_ns in cgroup_skb", "times records", true, helper_probe,
	  BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_ktime_get_boot_ns },
	{ "get_current_pid_tgid in cgroup_skb", "names the sender on a connected socket (6.12)",
	  false, helper_probe, BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_current_pid_tgid },
};

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

int features_probe(struct feature ret[static FEATURES_MAX])
{
	libbpf_print_fn_t before;
	int r;

	_Static_assert(ELEMENTS(rows) <= FEATURES_MAX, "room for every row");
	/* To libbpf's probes a right that is missing is a feature that is. */
	r = array_probe(0, 0);
	if (r < 0)
		return r;
	before = libbpf_set_print(quiet);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		ret[i] = (struct feature){
			.name = rows[i].name,
			.purpose = rows[i].purpose,
			.required = rows[i].required,
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
