/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/process_table.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/cgroup.h"
#include "sensor/process_proc.h"
#include "sensor/stub.h"
#include "sensor/user_name.h"

/* Processes kept: about 2 KiB each. A host's busy ones are far fewer; more are read again. */
#define PROCESS_TABLE_SLOTS 256
/* Slots looked at for a key: the least recently used of them makes room. */
#define PROCESS_TABLE_WAYS  4

struct process_slot {
	struct process_key key; /* pid 0: empty */
	uint64_t used;		/* tick of the last use */
	uint64_t filled;	/* on the boot clock */
	struct process_key parent_key;
	struct process process;
};

struct process_table {
	int notes_fd;
	uint64_t tick;
	struct process_slot slots[PROCESS_TABLE_SLOTS];
	struct process chain[PROCESS_ANCESTORS_MAX]; /* copies, so that a chain holds together */
};

int process_table_new(int notes_fd, struct process_table **ret)
{
	struct process_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->notes_fd = notes_fd;
	*ret = table;
	return 0;
}

void process_table_free(struct process_table *table)
{
	free(table);
}

/* Components stand in the note from the last to the first, each with a zero byte after it: written
 * out the other way round with slashes. cut: the first ones are missing. Returns whether they are
 * in the end: a component that was cut has no zero byte, and is left out. */
static bool path_restore(const char *text, size_t size, bool cut, char *out, size_t out_size)
{
	size_t end = 0, used = 0;

	while (end < size) {
		const char *zero = memchr(text + end, '\0', size - end);
		size_t next = zero ? (size_t)(zero - text) + 1 : size;

		if (!zero || next + sizeof(PROCESS_PATH_CUT) > out_size) {
			cut = true;
			break;
		}
		end = next;
	}
	if (cut) {
		used = strlen(PROCESS_PATH_CUT);
		memcpy(out, PROCESS_PATH_CUT, used);
	}
	while (end > 0) {
		size_t start = end - 1;

		while (start > 0 && text[start - 1] != '\0')
			start--;
		out[used++] = '/';
		memcpy(out + used, text + start, end - 1 - start);
		used += end - 1 - start;
		end = start;
	}
	if (used == 0)
		out[used++] = '/';
	out[used] = '\0';
	return cut;
}

/* The kernel side does not say whether it reached the root: it did, unless it stopped where it has
 * to. Whoever may make cgroups can make them as deep as that. */
static bool cgroup_cut(const char *text, size_t size)
{
	size_t components = 0;

	for (size_t i = 0; i < size; i++)
		components += text[i] == '\0';
	return size >= NOTE_CGROUP_SIZE || components >= NOTE_CGROUP_COMPONENTS;
}

static size_t bounded(size_t size, size_t max)
{
	return size < max ? size : max;
}

void process_from_note(const struct process_key *key, const struct process_note *note,
		       struct process *ret)
{
	static const enum process_source sources[] = {
		[NOTE_SOURCE_NONE] = PROCESS_SOURCE_NONE,
		[NOTE_SOURCE_EXEC] = PROCESS_SOURCE_EXEC,
		[NOTE_SOURCE_FORK] = PROCESS_SOURCE_FORK,
		[NOTE_SOURCE_SOCKET] = PROCESS_SOURCE_SOCKET,
	};
	size_t arguments = bounded(note->arguments_size, NOTE_ARGUMENTS_SIZE);
	size_t cgroup = bounded(note->cgroup_size, NOTE_CGROUP_SIZE);

	memset(ret, 0, sizeof(*ret));
	ret->pid = (pid_t)key->pid;
	ret->start_boottime = key->start;
	ret->start_time = clock_from_boottime(key->start);
	ret->uid = note->uid;
	ret->gid = note->gid;
	ret->parent_pid = (pid_t)note->parent_pid;
	ret->source =
		note->source < ELEMENTS(sources) ? sources[note->source] : PROCESS_SOURCE_NONE;
	ret->exe_deleted = note->exe_deleted;
	ret->arguments_truncated = note->arguments_truncated;
	ret->mounts_foreign = note->mounts_foreign;
	memcpy(ret->comm, note->comm, sizeof(note->comm));
	if (note->exe_size > 0)
		ret->exe_truncated =
			path_restore(note->text + NOTE_EXE, bounded(note->exe_size, NOTE_EXE_SIZE),
				     note->exe_truncated, ret->exe, sizeof(ret->exe));
	(void)path_restore(note->text + NOTE_CGROUP, cgroup,
			   cgroup_cut(note->text + NOTE_CGROUP, cgroup), ret->cgroup,
			   sizeof(ret->cgroup));
	while (arguments > 0 && note->text[NOTE_ARGUMENTS + arguments - 1] == '\0')
		arguments--;
	for (size_t i = 0; i < arguments && i < sizeof(ret->arguments) - 1; i++) {
		char byte = note->text[NOTE_ARGUMENTS + i];

		ret->arguments[i] = byte ? byte : ' ';
	}
}

static void process_complete(struct process *process)
{
	cgroup_unit(process->cgroup, process->unit, sizeof(process->unit));
	cgroup_container(process->cgroup, process->container);
	user_name(process->uid, process->user, sizeof(process->user));
	process->role = stub_known(process) ? PROCESS_ROLE_STUB : PROCESS_ROLE_NONE;
}

static struct process_slot *slot_choose(struct process_table *table, const struct process_key *key,
					bool *ret_found)
{
	size_t first = (key->pid * 2654435761u ^ (size_t)(key->start >> 10)) % PROCESS_TABLE_SLOTS;
	struct process_slot *oldest = NULL;

	for (size_t i = 0; i < PROCESS_TABLE_WAYS; i++) {
		struct process_slot *slot = &table->slots[(first + i) % PROCESS_TABLE_SLOTS];

		if (slot->key.pid == key->pid && slot->key.start == key->start) {
			*ret_found = true;
			return slot;
		}
		if (!oldest || slot->used < oldest->used)
			oldest = slot;
	}
	*ret_found = false;
	return oldest;
}

/* known: the slot holds this process already, as it was a while ago. */
static void slot_fill(struct process_table *table, struct process_slot *slot,
		      const struct process_key *key, bool known)
{
	struct process_note note;

	slot->key = *key;
	slot->filled = clock_boottime();
	if (table->notes_fd >= 0 && bpf_map_lookup_elem(table->notes_fd, key, &note) == 0 &&
	    note.source != NOTE_SOURCE_NONE) {
		process_from_note(key, &note, &slot->process);
		slot->parent_key =
			(struct process_key){ .pid = note.parent_pid, .start = note.parent_start };
	} else if (process_proc_read(key, &slot->process, &slot->parent_key) < 0) {
		/* It is gone, and its note made room: what was known of it still holds. */
		if (known && slot->process.source != PROCESS_SOURCE_NONE)
			return;
		memset(&slot->process, 0, sizeof(slot->process));
		memset(&slot->parent_key, 0, sizeof(slot->parent_key));
		slot->process.pid = (pid_t)key->pid;
		slot->process.start_boottime = key->start;
		slot->process.start_time = clock_from_boottime(key->start);
		slot->process.source = PROCESS_SOURCE_NONE;
	}
	process_complete(&slot->process);
}

/* A program may have been executed since the slot was filled: same process, other image. The note
 * is written anew then, so a cached one is only good for a moment, unless the process is gone. */
#define PROCESS_TABLE_FRESH (20 * NS_PER_MILLISECOND)

/* A slot may have been filled as somebody's parent, without the comm that the record now has. */
static void slot_name(struct process_slot *slot, const char *comm)
{
	if (comm && !slot->process.comm[0])
		(void)snprintf(slot->process.comm, sizeof(slot->process.comm), "%.16s", comm);
}

static const struct process_slot *process_table_get(struct process_table *table,
						    const struct process_key *key, const char *comm)
{
	bool found;
	struct process_slot *slot;

	if (key->pid == 0)
		return NULL;
	slot = slot_choose(table, key, &found);
	slot->used = ++table->tick;
	if (!found || clock_boottime() - slot->filled > PROCESS_TABLE_FRESH)
		slot_fill(table, slot, key, found);
	slot_name(slot, comm);
	return slot;
}

const struct process *process_table_find(struct process_table *table, const struct process_key *key,
					 const char *comm)
{
	struct process_key next = *key;
	size_t count = 0;

	while (count < PROCESS_ANCESTORS_MAX) {
		const struct process_slot *slot = process_table_get(table, &next, comm);

		if (!slot)
			break;
		table->chain[count] = slot->process;
		table->chain[count].parent = NULL;
		if (count > 0)
			table->chain[count - 1].parent = &table->chain[count];
		count++;
		next = slot->parent_key;
		comm = NULL;
	}
	return count ? &table->chain[0] : NULL;
}

void process_table_user(struct process_table *table, uid_t uid)
{
	struct process *process = &table->chain[0];

	process->uid = uid;
	user_name(uid, process->user, sizeof(process->user));
}
