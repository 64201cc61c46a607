/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that a process is held and let go, by its cgroup where that is its own and alone where it
 * is not; that what is held is on disk before, and thawed by who comes after, in this boot only;
 * that nobody is held whom the host needs; and that a damaged record is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "response/freezer.h"
#include "response/freezer_record.h"
#include "response/process_end.h"
#include "sensor/process_proc.h"
#include "sensor/sensor.h"

#define TRIES 3000 /* of 10 ms */

struct bed {
	char folder[64], record[128], cgroup[512];
	struct freezer *freezer;
	const char *kept;
	pid_t child;
	uint64_t start;
};

static bool is_kept(const char *unit, void *userdata)
{
	const struct bed *bed = userdata;

	return bed->kept && strcmp(unit, bed->kept) == 0;
}

static void freezer_anew(struct bed *bed)
{
	freezer_free(bed->freezer);
	bed->freezer = NULL;
	assert_int_equal(freezer_new(bed->folder, is_kept, bed, &bed->freezer), 0);
}

static int bed_open(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	(void)strcpy(bed->folder, "/tmp/cordon-freezer-XXXXXX");
	assert_non_null(mkdtemp(bed->folder));
	(void)snprintf(bed->record, sizeof(bed->record), "%s/" FREEZER_FILE, bed->folder);
	bed->child = fork();
	if (bed->child == 0) {
		for (;;)
			(void)pause();
	}
	assert_int_equal(process_proc_start(bed->child, &bed->start), 0);
	freezer_anew(bed);
	*state = bed;
	return 0;
}

static int bed_close(void **state)
{
	struct bed *bed = *state;

	(void)kill(bed->child, SIGKILL);
	assert_int_equal(waitpid(bed->child, NULL, 0), bed->child);
	if (*bed->cgroup)
		assert_int_equal(rmdir(bed->cgroup), 0);
	freezer_free(bed->freezer);
	(void)unlink(bed->record);
	assert_int_equal(rmdir(bed->folder), 0);
	free(bed);
	return 0;
}

static char state_of(pid_t pid)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char path[64];
	size_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	assert_int_equal(fd_read_file(path, 4096, &text, &size), 0);
	return strrchr(text, ')')[2];
}

static void state_becomes(pid_t pid, bool stopped)
{
	for (int i = 0; i < TRIES; i++) {
		if ((state_of(pid) == 'T') == stopped)
			return;
		(void)usleep(10000);
	}
	fail_msg("it is in state %c", state_of(pid));
}

static void test_stop(void **state)
{
	struct bed *bed = *state;
	struct freezer_record record;

	assert_int_equal(process_act_one(bed->child, bed->start, freezer_stop, bed->freezer), 0);
	state_becomes(bed->child, true);
	assert_int_equal(freezer_record_load(bed->record, &record), 0);
	assert_int_equal(record.count, 1);
	assert_int_equal(record.entries[0].pid, bed->child);
	/* Once more is no second entry; and who comes after knows. */
	assert_int_equal(process_act_one(bed->child, bed->start, freezer_stop, bed->freezer), 0);
	freezer_anew(bed);
	assert_int_equal(freezer_count(bed->freezer), 1);
	assert_int_equal(freezer_thaw(bed->freezer), 1);
	state_becomes(bed->child, false);
	assert_int_equal(access(bed->record, F_OK), -1);
	assert_int_equal(freezer_thaw(bed->freezer), 0);
}

/* The test itself is in the same cgroup, so the child is held alone. */
static void test_shared_cgroup(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(process_act_one(bed->child, bed->start, freezer_freeze, bed->freezer), 0);
	state_becomes(bed->child, true);
	assert_int_equal(freezer_thaw(bed->freezer), 1);
	state_becomes(bed->child, false);
}

/* Makes a cgroup with the child in it; false: it is not to be had here. */
static bool cgroup_make(struct bed *bed, const char *name)
{
	CLEANUP(free_cleanup) char *mount = NULL;
	char path[600], pid[16];
	CLEANUP(close_cleanup) int fd = -1;

	if (geteuid() != 0 || sensor_cgroup_root(&mount) < 0)
		return false;
	(void)snprintf(bed->cgroup, sizeof(bed->cgroup), "%s/cordon-freezer-%d-%s", mount,
		       (int)getpid(), name);
	if (mkdir(bed->cgroup, 0755) < 0) {
		bed->cgroup[0] = '\0';
		return false;
	}
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", bed->cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	(void)snprintf(pid, sizeof(pid), "%d", (int)bed->child);
	return fd >= 0 && fd_write_all(fd, pid, strlen(pid)) == 0;
}

static bool cgroup_is_frozen(const struct bed *bed)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char path[600];
	size_t size;

	(void)snprintf(path, sizeof(path), "%s/cgroup.freeze", bed->cgroup);
	assert_int_equal(fd_read_file(path, 64, &text, &size), 0);
	return text[0] == '1';
}

static void test_own_cgroup(void **state)
{
	struct bed *bed = *state;
	char unit[64];

	if (!cgroup_make(bed, "a.service"))
		skip();
	assert_int_equal(process_act_one(bed->child, bed->start, freezer_freeze, bed->freezer), 0);
	assert_true(cgroup_is_frozen(bed));
	assert_int_not_equal(state_of(bed->child), 'T');
	freezer_anew(bed);
	assert_int_equal(freezer_thaw(bed->freezer), 1);
	assert_false(cgroup_is_frozen(bed));
	/* A unit that is needed: neither frozen nor stopped. */
	(void)snprintf(unit, sizeof(unit), "cordon-freezer-%d-a.service", (int)getpid());
	bed->kept = unit;
	assert_int_equal(process_act_one(bed->child, bed->start, freezer_freeze, bed->freezer),
			 -EPERM);
	assert_false(cgroup_is_frozen(bed));
	assert_int_not_equal(state_of(bed->child), 'T');
	assert_int_equal(freezer_count(bed->freezer), 0);
}

static void test_slice(void **state)
{
	struct bed *bed = *state;

	if (!cgroup_make(bed, "b.slice"))
		skip();
	assert_int_equal(process_act_one(bed->child, bed->start, freezer_freeze, bed->freezer), 0);
	assert_false(cgroup_is_frozen(bed));
	state_becomes(bed->child, true);
	assert_int_equal(freezer_thaw(bed->freezer), 1);
}

static void test_not_ours(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(process_act_one(1, 0, freezer_freeze, bed->freezer), -EPERM);
	assert_int_equal(process_act_one(getpid(), 0, freezer_freeze, bed->freezer), -EPERM);
	/* Another process has the pid. */
	assert_int_equal(
		process_act_one(bed->child, bed->start - 1000000000, freezer_freeze, bed->freezer),
		-ESRCH);
	assert_int_equal(freezer_count(bed->freezer), 0);
	assert_int_not_equal(state_of(bed->child), 'T');
}

/* What cannot be written down is not done. */
static void test_not_written(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(mkdir(bed->record, 0700), 0);
	assert_true(process_act_one(bed->child, bed->start, freezer_stop, bed->freezer) < 0);
	assert_int_not_equal(state_of(bed->child), 'T');
	assert_int_equal(freezer_count(bed->freezer), 0);
	assert_int_equal(rmdir(bed->record), 0);
}

static void put(const struct bed *bed, const char *text)
{
	assert_int_equal(fd_write_file(bed->record, 0600, text, strlen(text)), 0);
}

static void test_record(void **state)
{
	static const char *const damaged[] = { "nonsense",    "process 5",  "process 1 7",
					       "cgroup x /a", "cgroup 7 a", "process 5 7 8" };
	struct bed *bed = *state;
	struct freezer_record record;
	CLEANUP(free_cleanup) char *boot = NULL;
	char text[256];
	size_t size;

	assert_int_equal(freezer_record_load(bed->record, &record), 0);
	assert_int_equal(record.count, 0);
	put(bed, "boot 00000000-0000-0000-0000-000000000000\nprocess 5 7\n");
	assert_int_equal(freezer_record_load(bed->record, &record), 0);
	assert_int_equal(record.count, 0);
	put(bed, "process 5 7\n");
	assert_int_equal(freezer_record_load(bed->record, &record), -EBADMSG);
	assert_int_equal(fd_read_file("/proc/sys/kernel/random/boot_id", 64, &boot, &size), 0);
	boot[36] = '\0';
	(void)snprintf(text, sizeof(text), "boot %s\nprocess 5 7\ncgroup 9 /a b\n", boot);
	put(bed, text);
	assert_int_equal(freezer_record_load(bed->record, &record), 0);
	assert_int_equal(record.count, 2);
	assert_int_equal(record.entries[0].start, 7);
	assert_string_equal(record.entries[1].cgroup, "/a b");
	for (size_t i = 0; i < ELEMENTS(damaged); i++) {
		(void)snprintf(text, sizeof(text), "boot %s\n%s\n", boot, damaged[i]);
		put(bed, text);
		assert_int_equal(freezer_record_load(bed->record, &record), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stop, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_shared_cgroup, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_own_cgroup, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_slice, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_not_ours, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_not_written, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_record, bed_open, bed_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
