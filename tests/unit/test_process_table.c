/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes from the kernel side's notes, else from /proc: what is told of them when all goes well,
 * when the note is damaged or made to deceive, and when the process is gone.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "process_key.h"
#include "sensor/process_table.h"

#define PID_NOBODY 0x7ffffff0u /* above every pid_max */

/* ---- notes ---- */

/* Writes text and a zero byte to the area, as far as it goes; how much of it is used by then. */
static uint16_t area_put(char *area, size_t area_size, size_t used, const char *text)
{
	for (; used < area_size; text++) {
		area[used++] = *text;
		if (!*text)
			break;
	}
	return (uint16_t)used;
}

static void put_exe(struct process_note *note, const char *component)
{
	note->exe_size = area_put(note->text + NOTE_EXE, NOTE_EXE_SIZE, note->exe_size, component);
}

static void put_cgroup(struct process_note *note, const char *component)
{
	note->cgroup_size =
		area_put(note->text + NOTE_CGROUP, NOTE_CGROUP_SIZE, note->cgroup_size, component);
}

static void put_argument(struct process_note *note, const char *argument)
{
	note->arguments_size = area_put(note->text + NOTE_ARGUMENTS, NOTE_ARGUMENTS_SIZE,
					note->arguments_size, argument);
}

static void test_note(void **state)
{
	/* Proves that all that a note says comes out, paths the right way round. */
	struct process_note note = {
		.source = NOTE_SOURCE_EXEC,
		.uid = 1000,
		.gid = 1001,
		.parent_pid = 7,
		.comm = "sh",
		.mounts_foreign = 1,
	};
	const struct process_key key = { .pid = 42, .start = 5 * NS_PER_SECOND };
	struct process process;

	(void)state;
	put_exe(&note, "sh");
	put_exe(&note, "bin");
	put_exe(&note, "usr");
	put_cgroup(&note, "ssh.service");
	put_cgroup(&note, "system.slice");
	put_argument(&note, "sh");
	put_argument(&note, "-c");
	put_argument(&note, "");
	put_argument(&note, "id; exit");
	clock_hold(100 * NS_PER_SECOND, 50 * NS_PER_SECOND);
	process_from_note(&key, &note, &process);
	assert_true(process.mounts_foreign);
	clock_release();
	assert_int_equal(process.pid, 42);
	assert_int_equal(process.start_boottime, 5 * NS_PER_SECOND);
	assert_int_equal(process.start_time, 55 * NS_PER_SECOND);
	assert_int_equal(process.uid, 1000);
	assert_int_equal(process.gid, 1001);
	assert_int_equal(process.parent_pid, 7);
	assert_null(process.parent);
	assert_int_equal(process.source, PROCESS_SOURCE_EXEC);
	assert_string_equal(process.comm, "sh");
	assert_string_equal(process.exe, "/usr/bin/sh");
	assert_string_equal(process.cgroup, "/system.slice/ssh.service");
	assert_string_equal(process.arguments, "sh -c  id; exit");
	assert_false(process.exe_truncated || process.exe_deleted || process.arguments_truncated);
}

static void test_note_sources_and_marks(void **state)
{
	/* Proves that each source is told as what it is, marks are kept, and nonsense is unknown.
	 */
	static const struct {
		uint8_t note;
		enum process_source source;
	} sources[] = {
		{ NOTE_SOURCE_NONE, PROCESS_SOURCE_NONE },
		{ NOTE_SOURCE_EXEC, PROCESS_SOURCE_EXEC },
		{ NOTE_SOURCE_FORK, PROCESS_SOURCE_FORK },
		{ NOTE_SOURCE_SOCKET, PROCESS_SOURCE_SOCKET },
		{ NOTE_SOURCE_SOCKET + 1, PROCESS_SOURCE_NONE },
		{ 255, PROCESS_SOURCE_NONE },
	};
	const struct process_key key = { .pid = 42 };
	struct process process;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(sources); i++) {
		struct process_note note = { .source = sources[i].note,
					     .exe_deleted = 1,
					     .arguments_truncated = 1 };

		process_from_note(&key, &note, &process);
		assert_int_equal(process.source, sources[i].source);
		assert_true(process.exe_deleted && process.arguments_truncated);
	}
	/* Nothing is known of either; the root cgroup has no name. */
	assert_string_equal(process.exe, "");
	assert_string_equal(process.arguments, "");
	assert_string_equal(process.cgroup, "/");
}

static void test_cut_path_is_no_path(void **state)
{
	/* Proves that a path without its leading components does not look like one from the root.
	 */
	struct process_note note = { .source = NOTE_SOURCE_EXEC, .exe_truncated = 1 };
	const struct process_key key = { .pid = 42 };
	struct process process;

	(void)state;
	put_exe(&note, "dnsmasq");
	put_exe(&note, "sbin");
	put_exe(&note, "usr");
	process_from_note(&key, &note, &process);
	assert_true(process.exe_truncated);
	assert_string_equal(process.exe, PROCESS_PATH_CUT "/usr/sbin/dnsmasq");
}

static void test_full_area(void **state)
{
	/* Proves that of a path that fills the area the last components stay, whole; and that it is
	 * told as cut where a component of it was. */
	const struct process_key key = { .pid = 42 };
	struct process process;
	char component[256];

	(void)state;
	memset(component, 'c', 255);
	component[255] = '\0';
	for (unsigned cut = 0; cut < 2; cut++) {
		struct process_note note = { .source = NOTE_SOURCE_EXEC };

		put_exe(&note, "name");
		put_exe(&note, component);
		/* What is left is 512 - 5 - 256: with its zero byte a component of 250 fits. */
		component[250 + cut] = '\0';
		put_exe(&note, component);
		assert_int_equal(note.exe_size, NOTE_EXE_SIZE);
		process_from_note(&key, &note, &process);
		assert_int_equal(process.exe_truncated, cut);
		assert_string_equal(process.exe + strlen(process.exe) - 7, "cc/name");
		assert_int_equal(strncmp(process.exe, cut ? ".../ccc" : "/cccccc", 7), 0);
		assert_int_equal(strlen(process.exe), cut ? 3 + 256 + 5 : 512);
		memset(component, 'c', 255);
	}
}

static void test_one_endless_component(void **state)
{
	/* Proves that of a component without an end nothing is told. */
	struct process_note note = { .source = NOTE_SOURCE_EXEC, .exe_size = NOTE_EXE_SIZE };
	const struct process_key key = { .pid = 42 };
	struct process process;

	(void)state;
	memset(note.text, 'x', sizeof(note.text));
	process_from_note(&key, &note, &process);
	assert_true(process.exe_truncated);
	assert_string_equal(process.exe, PROCESS_PATH_CUT);
}

static void test_deep_cgroups(void **state)
{
	/* Proves that a cgroup path as deep or as long as is noted is not taken for a whole one. */
	const struct process_key key = { .pid = 42 };
	struct process process;

	(void)state;
	for (unsigned depth = 1; depth <= NOTE_CGROUP_COMPONENTS; depth++) {
		struct process_note note = { .source = NOTE_SOURCE_EXEC };
		bool cut = depth == NOTE_CGROUP_COMPONENTS;

		for (unsigned i = 0; i < depth; i++)
			put_cgroup(&note, i == depth - 1 ? "ssh.service" : "x");
		process_from_note(&key, &note, &process);
		assert_int_equal(strncmp(process.cgroup, cut ? ".../ssh" : "/ssh.se", 7), 0);
	}
	for (unsigned length = NOTE_CGROUP_SIZE - 3; length < NOTE_CGROUP_SIZE; length++) {
		struct process_note note = { .source = NOTE_SOURCE_EXEC };
		char component[NOTE_CGROUP_SIZE];

		memset(component, 'x', length);
		component[length] = '\0';
		put_cgroup(&note, component);
		process_from_note(&key, &note, &process);
		assert_int_equal(process.cgroup[0], length + 1 < NOTE_CGROUP_SIZE ? '/' : '.');
	}
}

static void test_hostile_notes(void **state)
{
	/* Proves that sizes beyond the areas, texts without ends and random bytes stay in bounds.
	 */
	const struct process_key key = { .pid = 42 };
	struct process process;
	uint64_t random = 88172645463325252u;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct process_note note;
		uint8_t *bytes = (uint8_t *)&note;

		for (size_t i = 0; i < sizeof(note); i++) {
			random ^= random << 13; /* xorshift64 */
			random ^= random >> 7;
			random ^= random << 17;
			/* Zero bytes often, or never. */
			bytes[i] = round % 2 && random % 16 == 0 ? 0 : (uint8_t)(random >> 32 | 1);
		}
		note.source = NOTE_SOURCE_EXEC;
		process_from_note(&key, &note, &process);
		assert_non_null(memchr(process.comm, '\0', sizeof(process.comm)));
		assert_non_null(memchr(process.exe, '\0', sizeof(process.exe)));
		assert_non_null(memchr(process.arguments, '\0', sizeof(process.arguments)));
		assert_non_null(memchr(process.cgroup, '\0', sizeof(process.cgroup)));
		assert_int_equal(process.exe[0], note.exe_size == 0	 ? '\0'
						 : process.exe_truncated ? '.'
									 : '/');
		assert_true(process.cgroup[0] == '/' || process.cgroup[0] == '.');
	}
}

/* ---- /proc ---- */

static void test_own_process(void **state)
{
	/* Proves that without a note the process is read from /proc, with its parent, and says so.
	 */
	struct process_key key = process_key_of(getpid());
	const struct process *process;
	struct process_table *table;
	char exe[PATH_MAX] = "";

	(void)state;
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	key.start += 1234567; /* the part of a tick that /proc does not tell */
	assert_int_equal(process_table_new(-1, &table), 0);
	process = process_table_find(table, &key, "not asked");
	assert_non_null(process);
	assert_int_equal(process->source, PROCESS_SOURCE_PROC);
	assert_int_equal(process->pid, getpid());
	assert_int_equal(process->uid, getuid());
	assert_int_equal(process->gid, getgid());
	assert_string_equal(process->exe, exe);
	assert_non_null(strstr(process->arguments, "test_process_table"));
	assert_int_equal(process->start_boottime, key.start);
	assert_int_equal(process->parent_pid, getppid());
	if (getppid() > 0) {
		assert_non_null(process->parent);
		assert_int_equal(process->parent->pid, getppid());
	}
	process_table_free(table);
	process_table_free(NULL);
}

static void test_other_start_is_another_process(void **state)
{
	/* Proves that a pid that is used again is not taken for the process that had it before. */
	static const int64_t off[] = { -3600 * (int64_t)NS_PER_SECOND, -(int64_t)NS_PER_SECOND, -1,
				       20 * (int64_t)NS_PER_MILLISECOND, (int64_t)NS_PER_SECOND };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(off); i++) {
		struct process_key key = process_key_of(getpid());
		const struct process *process;
		struct process_table *table;

		assert_int_equal(process_table_new(-1, &table), 0);
		key.start += (uint64_t)off[i];
		process = process_table_find(table, &key, "comm of 16 bytes, and more");
		assert_non_null(process);
		assert_int_equal(process->source, PROCESS_SOURCE_NONE);
		assert_int_equal(process->pid, getpid());
		assert_string_equal(process->comm, "comm of 16 bytes");
		assert_string_equal(process->exe, "");
		assert_string_equal(process->arguments, "");
		assert_null(process->parent);
		process_table_free(table);
	}
}

static void test_nobody(void **state)
{
	/* Proves that there is no process without a pid, and one that is gone has but pid and comm.
	 */
	const struct process_key none = { .start = 1 }, gone = { .pid = PID_NOBODY, .start = 1 };
	const struct process *process;
	struct process_table *table;

	(void)state;
	assert_int_equal(process_table_new(-1, &table), 0);
	assert_null(process_table_find(table, &none, "comm"));
	process = process_table_find(table, &gone, "comm");
	assert_non_null(process);
	assert_int_equal(process->source, PROCESS_SOURCE_NONE);
	assert_int_equal((uint32_t)process->pid, PID_NOBODY);
	assert_string_equal(process->comm, "comm");
	process_table_free(table);
	/* Whoever was met without a comm first, as somebody's parent, still gets it. */
	assert_int_equal(process_table_new(-1, &table), 0);
	process = process_table_find(table, &gone, NULL);
	assert_string_equal(process->comm, "");
	process = process_table_find(table, &gone, "late");
	assert_string_equal(process->comm, "late");
	process = process_table_find(table, &gone, NULL);
	assert_string_equal(process->comm, "late");
	process_table_free(table);
}

/* ---- the cache ---- */

/* A map as the kernel side has it, or a skipped test. */
static int notes_make(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "notes", sizeof(struct process_key),
				sizeof(struct process_note), 1024, NULL);

	if (fd == -EPERM) {
		print_message("making a map takes root\n");
		skip();
	}
	assert_true(fd >= 0);
	return fd;
}

static void notes_put(int notes, const struct process_key *key, const char *exe, uint8_t source,
		      uint32_t parent)
{
	struct process_note note = { .source = source,
				     .parent_pid = parent,
				     .parent_start = parent ? 1 : 0 };

	put_exe(&note, exe);
	assert_int_equal(bpf_map_update_elem(notes, key, &note, BPF_ANY), 0);
}

static void test_note_before_proc(void **state)
{
	/* Proves that the kernel's note is believed, and /proc asked only while it has none. */
	CLEANUP(close_cleanup) int notes = notes_make();
	const struct process_key key = process_key_of(getpid());
	const struct process *process;
	struct process_table *table;

	(void)state;
	assert_int_equal(process_table_new(notes, &table), 0);
	clock_hold(1000 * NS_PER_SECOND, 100 * NS_PER_SECOND);
	notes_put(notes, &key, "half", NOTE_SOURCE_NONE, 0); /* still being written */
	process = process_table_find(table, &key, NULL);
	assert_int_equal(process->source, PROCESS_SOURCE_PROC);
	notes_put(notes, &key, "noted", NOTE_SOURCE_EXEC, 0);
	clock_hold(1001 * NS_PER_SECOND, 101 * NS_PER_SECOND);
	process = process_table_find(table, &key, NULL);
	assert_int_equal(process->source, PROCESS_SOURCE_EXEC);
	assert_string_equal(process->exe, "/noted");
	clock_release();
	process_table_free(table);
}

static void test_other_image_is_seen(void **state)
{
	/* Proves that what a process executes next is told from a moment later on. */
	CLEANUP(close_cleanup) int notes = notes_make();
	const struct process_key key = { .pid = PID_NOBODY, .start = 1 };
	struct process_table *table;

	(void)state;
	assert_int_equal(process_table_new(notes, &table), 0);
	clock_hold(1000 * NS_PER_SECOND, 100 * NS_PER_SECOND);
	notes_put(notes, &key, "first", NOTE_SOURCE_EXEC, 0);
	assert_string_equal(process_table_find(table, &key, NULL)->exe, "/first");
	notes_put(notes, &key, "second", NOTE_SOURCE_EXEC, 0);
	assert_string_equal(process_table_find(table, &key, NULL)->exe, "/first");
	clock_hold(1001 * NS_PER_SECOND, 101 * NS_PER_SECOND);
	assert_string_equal(process_table_find(table, &key, NULL)->exe, "/second");
	clock_release();
	process_table_free(table);
}

static void test_what_was_known_stays_known(void **state)
{
	/* Proves that a process that is gone is still told once its note has made room. */
	CLEANUP(close_cleanup) int notes = notes_make();
	const struct process_key key = { .pid = PID_NOBODY, .start = 1 };
	const struct process *process;
	struct process_table *table;

	(void)state;
	assert_int_equal(process_table_new(notes, &table), 0);
	clock_hold(1000 * NS_PER_SECOND, 100 * NS_PER_SECOND);
	notes_put(notes, &key, "gone", NOTE_SOURCE_EXEC, PID_NOBODY - 1);
	(void)process_table_find(table, &key, NULL);
	assert_int_equal(bpf_map_delete_elem(notes, &key), 0);
	clock_hold(2000 * NS_PER_SECOND, 1100 * NS_PER_SECOND);
	process = process_table_find(table, &key, "other");
	assert_int_equal(process->source, PROCESS_SOURCE_EXEC);
	assert_string_equal(process->exe, "/gone");
	assert_non_null(process->parent);
	assert_int_equal((uint32_t)process->parent->pid, PID_NOBODY - 1);
	clock_release();
	process_table_free(table);
}

static void test_many_processes(void **state)
{
	/* Proves that more processes than the cache holds are each told as what they are. */
	CLEANUP(close_cleanup) int notes = notes_make();
	struct process_table *table;
	char name[16];

	(void)state;
	assert_int_equal(process_table_new(notes, &table), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		const struct process_key key = { .pid = PID_NOBODY - i, .start = i };

		(void)snprintf(name, sizeof(name), "program-%u", i);
		notes_put(notes, &key, name, NOTE_SOURCE_FORK, 0);
	}
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 1000; i++) {
			const struct process_key key = { .pid = PID_NOBODY - i, .start = i };
			const struct process *process = process_table_find(table, &key, NULL);

			(void)snprintf(name, sizeof(name), "/program-%u", i);
			assert_string_equal(process->exe, name);
			assert_int_equal(process->source, PROCESS_SOURCE_FORK);
		}
	process_table_free(table);
}

static void test_ancestors(void **state)
{
	/* Proves that ancestors come in order, and that a chain without an end is cut. */
	CLEANUP(close_cleanup) int notes = notes_make();
	const struct process_key own = { .pid = PID_NOBODY, .start = 1 };
	const struct process *process;
	struct process_table *table;
	unsigned count = 0;

	(void)state;
	assert_int_equal(process_table_new(notes, &table), 0);
	for (uint32_t i = 0; i < 20; i++) {
		const struct process_key key = { .pid = PID_NOBODY - i, .start = 1 };

		notes_put(notes, &key, "program", NOTE_SOURCE_EXEC, PID_NOBODY - i - 1);
	}
	for (process = process_table_find(table, &own, NULL); process; process = process->parent) {
		assert_int_equal((uint32_t)process->pid, PID_NOBODY - count);
		count++;
	}
	assert_int_equal(count, PROCESS_ANCESTORS_MAX);
	/* Its own parent. */
	notes_put(notes, &own, "program", NOTE_SOURCE_EXEC, PID_NOBODY);
	process_table_free(table);
	assert_int_equal(process_table_new(notes, &table), 0);
	count = 0;
	for (process = process_table_find(table, &own, NULL); process; process = process->parent)
		count++;
	assert_int_equal(count, PROCESS_ANCESTORS_MAX);
	process_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_note_sources_and_marks),
		cmocka_unit_test(test_cut_path_is_no_path),
		cmocka_unit_test(test_full_area),
		cmocka_unit_test(test_one_endless_component),
		cmocka_unit_test(test_deep_cgroups),
		cmocka_unit_test(test_hostile_notes),
		cmocka_unit_test(test_own_process),
		cmocka_unit_test(test_other_start_is_another_process),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_note_before_proc),
		cmocka_unit_test(test_other_image_is_seen),
		cmocka_unit_test(test_what_was_known_stays_known),
		cmocka_unit_test(test_many_processes),
		cmocka_unit_test(test_ancestors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
