/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sched.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file_identity.h"
#include "base/worker_process.h"
#include "scan/rule_folder.h"
#include "scan/rule_session.h"
#include "scan/rule_store.h"
#include "tests/unit/file_rig.h"

static char store[96];

/* What changed a moment ago is not kept: until the folder's files are older than that. */
static void grow_older(void)
{
	uint64_t until = clock_realtime() + 40 * NS_PER_MILLISECOND;

	while (clock_realtime() < until)
		(void)sched_yield();
}

/* Rules are kept beside their folder. */
static void begin(struct rig *rig)
{
	rig_folder(rig);
	(void)snprintf(store, sizeof(store), "%s.kept", rig->folder);
	rig_write(rig, "a.yar",
		  "include \"b.inc\"\nrule wrong { condition: nothing }\n"
		  "rule first { strings: $a = \"FIRST\" condition: $a and helper }\n");
	rig_write(rig, "b.inc", "private rule helper { condition: filesize > 2 }\n");
	grow_older();
}

static void end(struct rig *rig)
{
	rule_store_forget(store);
	rig_close(rig);
}

static void rig_again(struct rig *rig)
{
	const struct file_scan_options options = { .workers = 1, .store = store, .idle = true };

	file_scan_free(rig->scan);
	sd_event_unref(rig->loop);
	rig->loads = rig->troubles = 0;
	assert_int_equal(rig_open(rig, &options), 0);
}

static void rig_first(struct rig *rig, uint8_t ret_id[static 32])
{
	rig->scan = NULL;
	rig->loop = NULL;
	rig_again(rig);
	assert_null(file_scan_rules_id(rig->scan));
	RIG_SCAN(rig, "/x", "the FIRST", 9);
	assert_string_equal(rig->rules, "first");
	assert_int_equal(rig->troubles, 1);
	memcpy(ret_id, file_scan_rules_id(rig->scan), 32);
}

static void nothing_is_compiled_again(void **state)
{
	/* Proves: while no file has changed, the set is there at once under the same identity,
	 * tells again what is wrong with the rules, starts no process without a job, and matches.
	 */
	struct file_scan_statistics statistics;
	uint8_t id[32];
	struct rig rig;

	(void)state;
	begin(&rig);
	rig_first(&rig, id);
	rig_again(&rig);
	assert_non_null(file_scan_rules_id(rig.scan));
	assert_memory_equal(file_scan_rules_id(rig.scan), id, sizeof(id));
	assert_int_equal(rig.troubles, 1);
	assert_non_null(strstr(rig.trouble, "a.yar:2"));
	file_scan_statistics(rig.scan, &statistics);
	assert_int_equal(statistics.rules, 2);
	assert_int_equal(statistics.left_out, 1);
	assert_true(sd_event_run(rig.loop, 0) == 0);
	file_scan_statistics(rig.scan, &statistics);
	assert_int_equal(statistics.running, 0);
	RIG_SCAN(&rig, "/x", "the FIRST", 9);
	assert_string_equal(rig.rules, "first");
	end(&rig);
}

static void what_changed_is_compiled(void **state)
{
	/* Proves: a file that was changed, one that is included, one that is new, and one that is
	 * gone, each has the rules compiled again. */
	const char *const texts[][2] = {
		{ "a.yar",
		  "include \"b.inc\"\nrule other { strings: $a = \"FIRST\" condition: $a and "
		  "helper }\n" },
		{ "b.inc", "private rule helper { condition: filesize > 3 }\n" },
		{ "c.yar", "rule added { condition: filesize > 100 }\n" },
	};
	uint8_t id[32];
	char path[128];
	struct rig rig;

	(void)state;
	begin(&rig);
	rig_first(&rig, id);
	for (size_t i = 0; i <= 3; i++) {
		if (i < 3)
			rig_write(&rig, texts[i][0], texts[i][1]);
		(void)snprintf(path, sizeof(path), "%s/c.yar", rig.folder);
		if (i == 3)
			assert_int_equal(unlink(path), 0);
		grow_older();
		rig_again(&rig);
		assert_null(file_scan_rules_id(rig.scan));
		RIG_WAIT(&rig, rig.loads == 1);
		assert_memory_not_equal(file_scan_rules_id(rig.scan), id, sizeof(id));
		memcpy(id, file_scan_rules_id(rig.scan), sizeof(id));
		rig_again(&rig);
		assert_non_null(file_scan_rules_id(rig.scan));
		assert_memory_equal(file_scan_rules_id(rig.scan), id, sizeof(id));
	}
	end(&rig);
}

static void what_is_damaged_is_compiled(void **state)
{
	/* Proves: a manifest or a set that is cut, written to, or of another program is as good as
	 * none; and a set that fits its manifest but cannot be loaded is compiled, after a job
	 * came.
	 */
	struct file_identity program = { 0 };
	char path[128], word[] = "no rules";
	struct rule_files files = { 0 };
	struct worker_program worker;
	struct rule_set set = { .fd = -1, .rules = 1, .files_given = 1 };
	uint8_t id[32];
	struct rig rig;

	(void)state;
	begin(&rig);
	rig_first(&rig, id);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s.%s", store, i ? "json" : "set");
		assert_int_equal(truncate(path, 40), 0);
		rig_again(&rig);
		assert_null(file_scan_rules_id(rig.scan));
		RIG_WAIT(&rig, rig.loads == 1);
	}
	assert_int_equal(rule_store_find(store, &program, (const char *const[]){ rig.folder }, 1,
					 NULL, NULL, &set),
			 -ENOENT);

	assert_int_equal(rule_files_add(&files, rig.folder), 0);
	for (size_t i = 0; i < files.count; i++)
		close(rule_file_open(&files.files[i]));
	assert_int_equal(
		worker_program_open("cordon-scan", rig_program("../../cordon-scan"), &worker), 0);
	assert_int_equal(file_identity_read(worker.fd, &program, NULL), 0);
	set.fd = rig_memory(word, sizeof(word));
	set.files = &files;
	set.begun = clock_realtime();
	set.troubles = json_array();
	assert_int_equal(rule_store_keep(store, &program, &set), 0);
	rig_again(&rig);
	assert_non_null(file_scan_rules_id(rig.scan));
	RIG_SCAN(&rig, "/x", "the FIRST", 9);
	assert_string_equal(rig.rules, "first");
	json_decref((json_t *)(uintptr_t)set.troubles);
	close(set.fd);
	worker_program_close(&worker);
	rule_files_clear(&files);
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_compiled_again),
		cmocka_unit_test(what_changed_is_compiled),
		cmocka_unit_test(what_is_damaged_is_compiled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
