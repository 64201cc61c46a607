/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/process_table.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/cgroup.h"
#include "sensor/process_proc.h"
#include "sensor/stub.h"

/* Processes kept: about 2 KiB each. A host's busy ones are far fewer; more are read again. */
#define PROCESS_TABLE_SLOTS 256
/* Slots looked at for a key: the least recently used of them makes room. */
#define PROCESS_TABLE_WAYS 4
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
 * out the other way round with slashes. */
static void path_restore(const char *text, size_t size, char *out, size_t out_size)
{
	size_t used = 0, end = size;

	/* A component that was cut has no zero byte: it is left out. */
	while (end > 0 && text[end - 1] != '\0')
		end--;
	while (end > 0) {
		size_t start = end - 1;

		while (start > 0 && text[start - 1] != '\0')
			start--;
		if (used + (end - start) + 1 > out_size)
			break;
		out[used++] = '/';
		memcpy(out + used, text + start, end - 1 - start);
		used += end - 1 - start;
		end = start;
	}
	if (used == 0 && out_size > 1)
		out[used++] = '/';
	out[used] = '\0';
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

	memset(ret, 0, sizeof(*ret));
	ret->pid = (pid_t)key->pid;
	ret->start_boottime = key->start;
	ret->start_time = clock_from_boottime(key->start);
	ret->uid = note->uid;
	ret->gid = note->gid;
	ret->parent_pid = (pid_t)note->parent_pid;
	if (note->source < ELEMENTS(sources))
		ret->source = sources[note->source];
	ret->exe_truncated = note->exe_truncated;
	ret->exe_deleted = note->exe_deleted;
	ret->arguments_truncated = note->arguments_truncated;
	memcpy(ret->comm, note->comm, sizeof(note->comm));
	if (note->exe_size > 0)
		path_restore(note->text + NOTE_EXE, bounded(note->exe_size, NOTE_EXE_SIZE),
			     ret->exe, sizeof(ret->exe));
	path_restore(note->text + NOTE_CGROUP, bounded(note->cgroup_size, NOTE_CGROUP_SIZE),
		     ret->cgroup, sizeof(ret->cgroup));
	while (arguments > 0 && note->text[NOTE_ARGUMENTS + arguments - 1] == '\0')
		arguments--;
	for (size_t i = 0; i < arguments && i < sizeof(ret->arguments) - 1; i++) {
		char byte = note->text[NOTE_ARGUMENTS + i];

		ret->arguments[i] = byte ? byte : ' ';
	}
}

static void process_complete(struct process *process)
{
	char buffer[1024];
	struct passwd entry, *found = NULL;

	cgroup_unit(process->cgroup, process->unit, sizeof(process->unit));
	cgroup_container(process->cgroup, process->container);
	if (getpwuid_r(process->uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		(void)snprintf(process->user, sizeof(process->user), "%s", found->pw_name);
	process->role = stub_known(process) ? PROCESS_ROLE_STUB : PROCESS_ROLE_NONE;
}

static struct process_slot *slot_choose(struct process_table *table,
					const struct process_key *key, bool *ret_found)
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

static void slot_fill(struct process_table *table, struct process_slot *slot,
		      const struct process_key *key, const char *comm)
{
	struct process_note note;

	memset(&slot->parent_key, 0, sizeof(slot->parent_key));
	slot->key = *key;
	slot->filled = clock_boottime();
	if (table->notes_fd >= 0 && bpf_map_lookup_elem(table->notes_fd, key, &note) == 0 &&
	    note.source != NOTE_SOURCE_NONE) {
		process_from_note(key, &note, &slot->process);
		slot->parent_key.pid = note.parent_pid;
		slot->parent_key.start = note.parent_start;
	} else if (process_proc_read(key, &slot->process, &slot->parent_key) < 0) {
		memset(&slot->process, 0, sizeof(slot->process));
		slot->process.pid = (pid_t)key->pid;
		slot->process.start_boottime = key->start;
		slot->process.start_time = clock_from_boottime(key->start);
		slot->process.source = PROCESS_SOURCE_NONE;
		if (comm)
			(void)snprintf(slot->process.comm, sizeof(slot->process.comm), "%.16s",
				       comm);
	}
	process_complete(&slot->process);
}

/* A program may have been executed since the slot was filled: same process, other image. The note
 * is written anew then, so a cached one is only good for a moment, unless the process is gone. */
#define PROCESS_TABLE_FRESH (20 * NS_PER_MILLISECOND)

static const struct process_slot *process_table_get(struct process_table *table,
						    const struct process_key *key,
						    const char *comm)
{
	bool found;
	struct process_slot *slot;

	if (key->pid == 0)
		return NULL;
	slot = slot_choose(table, key, &found);
	slot->used = ++table->tick;
	if (!found || clock_boottime() - slot->filled > PROCESS_TABLE_FRESH)
		slot_fill(table, slot, key, comm);
	return slot;
}

const struct process *process_table_find(struct process_table *table,
					 const struct process_key *key, const char *comm)
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
