/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Who a task is: notes of processes.
 *
 * A process is noted when it is executed, and when it first uses a socket without having been
 * noted (it is older than the agent, or was forked and never executed anything). The notes stay
 * after the process is gone, until the least recently used one makes room: so a process that lived
 * for 5 ms can still be told when user space comes to read the record, and so can its parents.
 */
#pragma once

#include "counters.h"
#include "kernel.h"
#include "record.h"
#include "verifier.h"

/* User space sets the real size; see sensor_options.processes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct process_key);
	__type(value, struct process_note);
} processes SEC(".maps") __weak;

struct process_counters process_counters __weak;

/* What a new note starts from: too large for the stack. Never written. */
static const volatile struct process_note process_note_empty;

/* Path components walked; a deeper path is marked as truncated. */
#define PATH_COMPONENTS_MAX 32

/* Puts one component at text[at], and a zero byte after it. Returns where the next one goes.
 * at: below 512; the caller's area is at least 256 bytes longer than that. */
static __always_inline __u32 path_component(char *text, __u32 at, const void *name, __u32 length)
{
	OPAQUE(at);
	OPAQUE(length);
	at &= 511;
	length &= 255;
	if (bpf_probe_read_kernel(text + at, length, name) < 0)
		return at;
	at += length;
	text[at & 1023] = '\0';
	at++;
	FORGET(at);
	return at;
}

/* The executable's path, from its last component to its first. A mount point's own name stands in
 * the file system that it is mounted on, so at the root of a mount the walk goes on there. */
static __always_inline void process_note_exe(struct process_note *note, struct mm_struct *mm)
{
	struct file *file = BPF_CORE_READ(mm, exe_file);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *vfsmount = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
	__u32 at = 0;
	bool whole = false;

	note->exe_deleted = dentry && !BPF_CORE_READ(dentry, d_hash.pprev);
	for (int i = 0; i < PATH_COMPONENTS_MAX; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		struct mount *above = BPF_CORE_READ(mount, mnt_parent);

		if (!dentry || at >= NOTE_EXE_SIZE)
			break;
		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			if (above == mount) {
				whole = true;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		at = path_component(note->text, at, BPF_CORE_READ(dentry, d_name.name),
				    BPF_CORE_READ(dentry, d_name.len));
		if (dentry == parent) {
			/* A file without a folder: memfd and the like. */
			whole = true;
			break;
		}
		dentry = parent;
	}
	note->exe_truncated = !whole || at > NOTE_EXE_SIZE;
	note->exe_size = at > NOTE_EXE_SIZE ? NOTE_EXE_SIZE : at;
}

static __always_inline void process_note_cgroup(struct process_note *note, struct task_struct *task)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	__u32 at = 0;

	for (int i = 0; i < NOTE_CGROUP_COMPONENTS; i++) {
		struct kernfs_node *parent = kernfs_parent(node);
		const char *name = BPF_CORE_READ(node, name);
		long size;

		/* The root has no name. */
		if (!parent || at >= NOTE_CGROUP_SIZE)
			break;
		OPAQUE(at);
		size = bpf_probe_read_kernel_str(note->text + NOTE_CGROUP + (at & 255), 256, name);
		if (size <= 0)
			break;
		at += (__u32)size;
		node = parent;
	}
	note->cgroup_size = at > NOTE_CGROUP_SIZE ? NOTE_CGROUP_SIZE : at;
}

static __always_inline void process_note_arguments(struct process_note *note, struct mm_struct *mm)
{
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	unsigned long size = BPF_CORE_READ(mm, arg_end) - start;

	note->arguments_truncated = size > NOTE_ARGUMENTS_SIZE - 1;
	if (size > NOTE_ARGUMENTS_SIZE - 1)
		size = NOTE_ARGUMENTS_SIZE - 1;
	/* Fails when the page is not in memory: then there are none. */
	OPAQUE(size);
	if (bpf_probe_read_user(note->text + NOTE_ARGUMENTS, size & (NOTE_ARGUMENTS_SIZE - 1),
				(const void *)start) == 0)
		note->arguments_size = (__u16)size;
}

static __always_inline struct process_key process_key_of(struct task_struct *task)
{
	struct process_key key = {
		.start = BPF_CORE_READ(task, group_leader, start_boottime),
		.pid = (__u32)BPF_CORE_READ(task, tgid),
	};

	return key;
}

static __always_inline void process_note_owner(struct process_note *note, struct task_struct *task,
					       struct mm_struct *mm)
{
	note->uid = BPF_CORE_READ(task, cred, uid.val);
	note->gid = BPF_CORE_READ(task, cred, gid.val);
	/* bpf_get_current_cgroup_id() is not there for packets before 6.12. */
	note->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	process_note_cgroup(note, task);
	/* The cgroup's text may have run over into theirs. */
	process_note_arguments(note, mm);
}

/* A process may change its user or its cgroup without executing anything, as servers' workers do:
 * what was noted of the current one is noted anew. */
static __always_inline void process_note_refresh(struct process_note *note)
{
	struct task_struct *task;
	__u8 source = note->source;

	/* Being written by another thread. */
	if (source == NOTE_SOURCE_NONE)
		return;
	if (note->uid == (__u32)bpf_get_current_uid_gid() &&
	    note->cgroup_id == bpf_get_current_cgroup_id())
		return;
	task = (void *)bpf_get_current_task();
	note->source = NOTE_SOURCE_NONE;
	process_note_owner(note, task, BPF_CORE_READ(task, mm));
	note->source = source;
}

/* Notes the task's process under key. A thread of the same process may do so at the same time: both
 * write the same. */
static __always_inline void process_note_write(const struct process_key *key,
					       struct task_struct *task, __u8 source)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	struct process_key parent_key;
	struct process_note *note;
	__s64 fresh = !bpf_map_lookup_elem(&processes, key);

	FORGET(fresh);
	if (bpf_map_update_elem(&processes, key, (const void *)&process_note_empty, BPF_ANY) < 0) {
		__sync_fetch_and_add(&process_counters.failed, 1);
		return;
	}
	count_table(COUNTER_TABLE_PROCESSES, fresh);
	note = bpf_map_lookup_elem(&processes, key);
	if (!note || !mm) {
		__sync_fetch_and_add(&process_counters.failed, 1);
		return;
	}
	parent_key = process_key_of(parent);
	note->parent_pid = parent_key.pid;
	note->parent_start = parent_key.start;
	BPF_CORE_READ_STR_INTO(&note->comm, task, group_leader, comm);
	process_note_exe(note, mm);
	/* Whoever may make a user namespace may mount what he likes where he likes in it. */
	note->mounts_foreign = BPF_CORE_READ(task, nsproxy, mnt_ns, user_ns, level) > 0;
	process_note_owner(note, task, mm);
	note->source = source;
	__sync_fetch_and_add(&process_counters.notes, 1);
}

/* The current process. False: a kernel thread. Kernels that hand a program the task as what it is
 * let it read there as in memory of its own; elsewhere each field is a call. */
static __always_inline bool process_current(struct process_key *ret)
{
	struct task_struct *task;

	if (settings.task_typed) {
		task = bpf_get_current_task_btf();
		if (task->flags & PF_KTHREAD)
			return false;
		ret->start = task->group_leader->start_boottime;
		ret->pid = (__u32)task->tgid;
		return true;
	}
	task = (void *)bpf_get_current_task();
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return false;
	*ret = process_key_of(task);
	return true;
}

/* That of the current one is there, and up to date, where it can be. */
static __always_inline void process_noted(const struct process_key *key)
{
	struct process_note *process = bpf_map_lookup_elem(&processes, key);

	if (process)
		process_note_refresh(process);
	else
		process_note_write(key, (void *)bpf_get_current_task(), NOTE_SOURCE_SOCKET);
}
