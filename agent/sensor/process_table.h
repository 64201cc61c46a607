/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes by key: the kernel side's notes made into struct process, with their parents. Kept in a
 * bounded cache, least recently used out. Notes' text was chosen by whoever ran the program.
 */
#pragma once

#include "probes/record.h"
#include "sensor/process.h"

struct process_table;

/* notes_fd: the map of process notes, borrowed. -1: none; only /proc is asked. */
int process_table_new(int notes_fd, struct process_table **ret);
void process_table_free(struct process_table *table);

/* The process with its ancestors, or NULL when key is 0 or memory is short. From the kernel's note;
 * else from /proc, if the process there started when the key says; else with pid and comm only.
 * comm: as the record has it. Borrowed until the next call. */
const struct process *process_table_find(struct process_table *table, const struct process_key *key,
					 const char *comm);

/* Who the process found last ran as when it made the call: it may have changed since it was noted.
 */
void process_table_user(struct process_table *table, uid_t uid);

/* One note made into a process, parents left out. For the table and its tests. */
void process_from_note(const struct process_key *key, const struct process_note *note,
		       struct process *ret);
