/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that an event names the right process: what the kernel side noted of it (executable,
 * arguments, cgroup, parent, user) is what /proc says while it is stopped right after its lookup,
 * whatever its path and arguments look like and however it came to be.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "intel/pack.h"
#include "probe_cgroup.h"
#include "probes/record.h"
#include "probe_run.h"
#include "process_child.h"
#include "process_scenario.h"
#include "sensor/process.h"

#define DEADLINE (20 * NS_PER_SECOND)
#define FILE_MAX 65536

struct fixture {
	struct sensor *sensor;
	char *cgroup;
	unsigned names;
	const char *what; /* the case */
	pid_t child;	  /* 0: none; ended after a test that failed, too */
	struct place place;
	/* of the name that is waited for */
	struct domain_name wanted;
	bool found;
	struct event event;
	struct process process, parent;
};

static void event_take(const struct event *event, void *userdata)
{
	struct fixture *fixture = userdata;

	if (event->name.length != fixture->wanted.length ||
	    memcmp(event->name.wire, fixture->wanted.wire, event->name.length) != 0 ||
	    event->direction != EVENT_DIRECTION_OUT)
		return;
	assert_false(fixture->found);
	fixture->found = true;
	fixture->event = *event;
	assert_non_null(event->process);
	fixture->process = *event->process;
	assert_non_null(event->process->parent);
	fixture->parent = *event->process->parent;
}

static void child_start(const struct fixture *fixture, const struct scenario *scenario,
			const char *way, const char *name, char *tail)
{
	char flag[] = CHILD_FLAG, program[] = "a program, so it says", *way_copy = strdup(way),
	     *name_copy = strdup(name);
	char *const arguments[] = { program, flag, way_copy, name_copy, tail, NULL };

	if (probe_cgroup_enter(fixture->cgroup) < 0)
		_exit(1);
	scenario->become(&fixture->place, arguments);
	_exit(child_run(way, name));
}

static int child_end(struct fixture *fixture)
{
	pid_t pid = fixture->child;

	fixture->child = 0;
	return pid == 0 || (kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid) ? 0 : -1;
}

/* Until it has sent and stopped. */
static void child_wait(struct fixture *fixture)
{
	int status;

	assert_int_equal(waitpid(fixture->child, &status, WUNTRACED), fixture->child);
	if (WIFSTOPPED(status))
		return;
	fixture->child = 0;
	fail_msg("the child ended before it had sent: status %d", status);
}

static bool event_wait(struct fixture *fixture)
{
	uint64_t deadline = clock_boottime() + DEADLINE;

	while (!fixture->found && clock_boottime() < deadline) {
		assert_true(sensor_dispatch(fixture->sensor, INT32_MAX) >= 0);
		(void)sched_yield();
	}
	return fixture->found;
}

static size_t proc_read(pid_t pid, const char *file, char out[static FILE_MAX])
{
	CLEANUP(free_cleanup) char *text = NULL;
	char path[64];
	size_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	assert_int_equal(fd_read_file(path, FILE_MAX - 1, &text, &size), 0);
	memcpy(out, text, size);
	out[size] = '\0';
	return size;
}

/* What was cut is the path's end, in whole components, and says that it was cut. */
static void path_check(const char *path, const char *whole, bool cut)
{
	size_t mark = strlen(PROCESS_PATH_CUT);

	if (!cut) {
		assert_string_equal(path, whole);
		return;
	}
	assert_memory_equal(path, PROCESS_PATH_CUT, mark);
	path += mark;
	assert_int_equal(path[0], '/');
	/* One that just fits cannot be told from one that was cut there. */
	assert_true(strlen(path) < strlen(whole) || strlen(whole) == NOTE_EXE_SIZE);
	assert_string_equal(path, whole + strlen(whole) - strlen(path));
}

static void exe_check(const struct process *process, pid_t pid)
{
	static const char deleted[] = " (deleted)";
	char path[64], exe[8192];
	ssize_t size;
	bool gone;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	size = readlink(path, exe, sizeof(exe) - 1);
	assert_true(size > 0);
	exe[size] = '\0';
	gone = (size_t)size > sizeof(deleted) &&
	       strcmp(exe + (size_t)size - (sizeof(deleted) - 1), deleted) == 0;
	if (gone)
		exe[(size_t)size - (sizeof(deleted) - 1)] = '\0';
	assert_int_equal(process->exe_deleted, gone);
	path_check(process->exe, exe, process->exe_truncated);
}

static void arguments_check(const struct process *process, pid_t pid)
{
	char text[FILE_MAX];
	size_t size = proc_read(pid, "cmdline", text), kept = size;

	if (kept > PROCESS_ARGUMENTS_MAX - 1)
		kept = PROCESS_ARGUMENTS_MAX - 1;
	assert_int_equal(process->arguments_truncated, kept < size);
	while (kept > 0 && text[kept - 1] == '\0')
		kept--;
	for (size_t i = 0; i < kept; i++)
		text[i] = text[i] ? text[i] : ' ';
	text[kept] = '\0';
	assert_string_equal(process->arguments, text);
}

static void cgroup_check(const struct process *process, pid_t pid)
{
	char text[FILE_MAX], *line;

	(void)proc_read(pid, "cgroup", text);
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	assert_non_null(line);
	line = strchr(line, '/');
	assert_non_null(line);
	line[strcspn(line, "\n")] = '\0';
	path_check(process->cgroup, line,
		   strncmp(process->cgroup, PROCESS_PATH_CUT, strlen(PROCESS_PATH_CUT)) == 0);
}

static unsigned status_field(pid_t pid, const char *field)
{
	char text[FILE_MAX], *at;

	(void)proc_read(pid, "status", text);
	at = strstr(text, field);
	assert_non_null(at);
	return (unsigned)strtoul(at + strlen(field), NULL, 10);
}

static void process_check(const struct fixture *fixture, const char *way,
			  enum process_source source)
{
	const struct process *process = &fixture->process;
	pid_t pid = fixture->child;
	bool thread = strcmp(way, "thread") == 0;

	assert_int_equal(process->pid, pid);
	assert_int_equal(fixture->event.tid == pid, !thread);
	assert_int_equal(process->source, source);
	exe_check(process, pid);
	arguments_check(process, pid);
	cgroup_check(process, pid);
	assert_int_equal(process->uid, status_field(pid, "\nUid:"));
	assert_int_equal(process->gid, status_field(pid, "\nGid:"));
	assert_int_equal(fixture->event.uid, status_field(pid, "\nUid:"));
	assert_int_equal(process->parent_pid, getpid());
	assert_int_equal(fixture->parent.pid, getpid());
	exe_check(&fixture->parent, getpid());
	arguments_check(&fixture->parent, getpid());
	assert_int_not_equal(fixture->event.attribution, EVENT_ATTRIBUTION_NONE);
	assert_true(fixture->event.matched);
}

static void name_next(struct fixture *fixture, char out[static 64])
{
	(void)snprintf(out, 64, "p%u.process.test", fixture->names++);
	assert_int_equal(domain_name_parse(out, &fixture->wanted), 0);
	fixture->found = false;
}

static void scenario_run(struct fixture *fixture, const struct scenario *scenario, const char *way,
			 char *tail)
{
	char name[64];

	fixture->what = scenario->what;
	place_make(&fixture->place);
	scenario->prepare(&fixture->place);
	name_next(fixture, name);
	fixture->child = fork();
	assert_true(fixture->child >= 0);
	if (fixture->child == 0)
		child_start(fixture, scenario, way, name, tail);
	child_wait(fixture);
	assert_true(event_wait(fixture));
	process_check(fixture, way, scenario->source);
	assert_int_equal(fixture->process.exe_truncated, scenario->cut);
	assert_int_equal(fixture->process.mounts_foreign, scenario->foreign);
	assert_int_equal(child_end(fixture), 0);
	place_remove(&fixture->place);
	fixture->place.folder[0] = '\0';
}

static void test_scenarios(void **state)
{
	struct fixture *fixture = *state;
	char tail[] = "";

	for (size_t i = 0; i < scenarios_count; i++)
		for (size_t way = 0; way < child_ways_count; way++)
			scenario_run(fixture, &scenarios[i], child_ways[way], tail);
}

/* Any bytes, and as many as just fit, and more. */
static void test_arguments(void **state)
{
	static const size_t sizes[] = { 0, 1, 255, 440, 450, 460, 470, 480, 1000, 8000, 60000 };
	struct fixture *fixture = *state;
	char tail[60001];

	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		for (size_t at = 0; at < sizes[i]; at++)
			tail[at] = (char)(1 + at % 255);
		tail[sizes[i]] = '\0';
		scenario_run(fixture, &scenario_executed, "sendto", tail);
	}
}

/* Sizes around the limit, byte by byte: cmdline is the strings with their zero bytes. */
static void test_arguments_at_the_limit(void **state)
{
	struct fixture *fixture = *state;
	char tail[PROCESS_ARGUMENTS_MAX + 1];
	size_t before = sizeof("a program, so it says") + sizeof(CHILD_FLAG) + sizeof("sendto") +
			sizeof("p100.process.test");

	for (size_t whole = PROCESS_ARGUMENTS_MAX - 3; whole < PROCESS_ARGUMENTS_MAX + 3; whole++) {
		memset(tail, 'x', sizeof(tail));
		tail[whole - before - 1] = '\0';
		scenario_run(fixture, &scenario_executed, "sendto", tail);
	}
}

/* Far below the test's cgroup: as deep as is kept, and deeper; long names, and longer ones. */
static void test_nested_cgroups(void **state)
{
	static const struct {
		unsigned depth, length;
		bool cut;
	} cases[] = { { 1, 1, false },	 { 9, 3, false },  { 9, 20, false },  { 14, 3, true },
		      { 2, 100, false }, { 3, 100, true }, { 1, 200, false }, { 2, 200, true } };
	struct fixture *fixture = *state;
	char *top = fixture->cgroup, path[1024], nothing[] = "";
	size_t used;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		used = (size_t)snprintf(path, sizeof(path), "%s", top);
		for (unsigned k = 0; k < cases[i].depth; k++) {
			used += (size_t)snprintf(path + used, sizeof(path) - used, "/%0*u",
						 (int)cases[i].length, k % 10);
			assert_int_equal(mkdir(path, 0755), 0);
		}
		fixture->cgroup = path;
		scenario_run(fixture, &scenario_executed, "sendto", nothing);
		fixture->cgroup = top;
		assert_int_equal(strncmp(fixture->process.cgroup, PROCESS_PATH_CUT,
					 strlen(PROCESS_PATH_CUT)) == 0,
				 cases[i].cut);
		for (; strcmp(path, top) != 0; *strrchr(path, '/') = '\0')
			assert_int_equal(rmdir(path), 0);
	}
}

/* A process that was there before the sensor is noted when it first uses a socket. */
static void test_older_than_the_sensor(void **state)
{
	struct sensor_options options = { 0 };
	struct fixture *fixture = *state;
	struct sensor *first = fixture->sensor, *second;
	char name[64], byte;
	int ends[2];
	struct pack *pack = probe_pack("process.test\n", NULL);
	uint64_t next;

	assert_int_equal(pipe(ends), 0);
	fixture->what = "older than the sensor";
	name_next(fixture, name);
	fixture->child = fork();
	assert_true(fixture->child >= 0);
	if (fixture->child == 0) {
		char nothing[] = "";

		if (read(ends[0], &byte, 1) == 1)
			child_start(fixture, &scenario_forked, "sendto", name, nothing);
		_exit(1);
	}
	options.cgroup = fixture->cgroup;
	assert_int_equal(sensor_open(&options, event_take, fixture, &second), 0);
	assert_int_equal(sensor_set_pack(second, pack, 0, NULL, NULL, &next), 0);
	pack_close(pack);
	assert_int_equal(write(ends[1], "x", 1), 1);
	child_wait(fixture);
	fixture->sensor = second;
	assert_true(event_wait(fixture));
	fixture->sensor = first;
	process_check(fixture, "sendto", PROCESS_SOURCE_SOCKET);
	assert_int_equal(child_end(fixture), 0);
	sensor_close(second);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static int fixture_open(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sensor_options options = { 0 };
	struct pack *pack = probe_pack("process.test\n", NULL);
	uint64_t next;

	if (!fixture)
		return -1;
	fixture->names = 100;
	fixture->cgroup = probe_cgroup_make();
	options.cgroup = fixture->cgroup;
	assert_int_equal(sensor_open(&options, event_take, fixture, &fixture->sensor), 0);
	assert_int_equal(sensor_set_pack(fixture->sensor, pack, 0, NULL, NULL, &next), 0);
	pack_close(pack);
	*state = fixture;
	return 0;
}

/* After a failure: says which case it was, and leaves nothing behind. */
static int case_close(void **state)
{
	struct fixture *fixture = *state;

	if (!fixture->child)
		return 0;
	print_error("in the case \"%s\"\n", fixture->what);
	if (fixture->place.folder[0])
		place_remove(&fixture->place);
	return child_end(fixture);
}

static int fixture_close(void **state)
{
	struct fixture *fixture = *state;

	sensor_close(fixture->sensor);
	(void)child_end(fixture);
	probe_cgroup_remove(fixture->cgroup);
	free(fixture);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_scenarios, case_close),
		cmocka_unit_test_teardown(test_arguments, case_close),
		cmocka_unit_test_teardown(test_arguments_at_the_limit, case_close),
		cmocka_unit_test_teardown(test_nested_cgroups, case_close),
		cmocka_unit_test_teardown(test_older_than_the_sensor, case_close),
	};
	int r;

	if (argc > 1 && strcmp(argv[1], CHILD_FLAG) == 0)
		return child_main(argc, argv);
	r = probe_privilege();
	return r ? r : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
