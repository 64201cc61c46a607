/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What all families of probes share: the ring buffer, the table in force, and what a program says
 * of a packet or a connection.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "table.h"

/* The kernel's convention: 1 lets a packet or a connection pass, 0 drops it, and whoever sends or
 * connects gets EPERM. */
enum action {
	ACTION_DROP = 0,
	ACTION_PASS = 1,
	ACTION_FURTHER, /* ours: not decided here, tail-call the next program */
};

/* Records for user space. The size is set by user space; see sensor_options.ring_bytes. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} records SEC(".maps") __weak;

struct table_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, TABLE_ELEMENT_SIZE);
};

/* The one table in force. Replaced as a whole: readers never see half of one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct table_map);
} tables SEC(".maps") __weak;
