/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <cmocka.h>

#include "base/cage.h"
#include "tests/unit/file_rig.h"

static const char rule_marked[] = "rule marked { meta: severity = \"high\" score = 77 "
				  "reference = \"https://example.com/\" description = \"a mark\" "
				  "strings: $a = \"MARK-OF-THE-TEST\" condition: $a }\n";

static void files_are_judged(void **state)
{
	/* Proves: matches with their metadata, clean files, hashes, and the ledger. */
	static const uint8_t hash_of_abc[] = { 0xba, 0x78, 0x16, 0xbf };
	struct file_scan_statistics statistics;
	struct rig rig;

	(void)state;
	rig_folder(&rig);
	rig_write(&rig, "a.yar", rule_marked);
	assert_int_equal(rig_open(&rig, &(struct file_scan_options){ .workers = 2 }), 0);
	RIG_SCAN(&rig, "/x/marked", "..MARK-OF-THE-TEST..", 20);
	assert_int_equal(rig.outcome, FILE_MATCHED);
	assert_string_equal(rig.rules, "marked");
	RIG_SCAN(&rig, "/x/clean", "abc", 3);
	assert_int_equal(rig.outcome, FILE_CLEAN);
	assert_true(!rig.verdict.hashed && rig.verdict.size == 3);
	file_scan_hashes(rig.scan, FILE_HASH_SHA256);
	RIG_SCAN(&rig, "/x/clean", "abc", 3);
	assert_true(rig.verdict.hashed && rig.outcome == FILE_CLEAN);
	assert_memory_equal(rig.verdict.sha256, hash_of_abc, sizeof(hash_of_abc));
	RIG_SCAN(&rig, "/x/empty", "", 0);
	assert_int_equal(rig.outcome, FILE_CLEAN);
	assert_non_null(file_scan_rules_id(rig.scan));
	file_scan_statistics(rig.scan, &statistics);
	assert_int_equal(statistics.submitted, 4);
	assert_int_equal(statistics.clean, 3);
	assert_int_equal(statistics.matched, 1);
	assert_int_equal(statistics.queued, 0);
	assert_int_equal(statistics.rules, 1);
	assert_int_equal(rig.troubles, 0);
	rig_close(&rig);
}

static void bad_rules_are_left_out(void **state)
{
	/* Proves: a rule that does not compile is told with its line, and the others stand; also
	 * those that name each other, in files that are included, or of another kind of file. */
	struct file_scan_statistics statistics;
	struct rig rig;

	(void)state;
	rig_folder(&rig);
	rig_write(&rig, "a.yar",
		  "include \"b.inc\"\n"
		  "rule good { strings: $a = \"GOOD\" condition: $a and helper }\n"
		  "rule unknown\n{ condition: nothing.here == 1 }\n"
		  "rule broken { strings: $a = \"x condition: $a }\n"
		  "rule last { strings: $a = \"LAST\" condition: uint16(0) == 0x5a4d and $a }\n");
	rig_write(&rig, "b.inc", "private rule helper { condition: filesize > 2 }\n");
	rig_write(&rig, "c.yar",
		  "rule other { condition: filename == \"evil.php\" and extension "
		  "== \".php\" and filepath contains \"/www/\" and owner == "
		  "\"root\" and filetype == \"PHP\" }\n"
		  "rule other { condition: true }\n");
	rig_write(&rig, "d.yar", "include \"../../etc/passwd\"\n");
	rig_write(&rig, "e.yarc", "YARA but no rules");
	assert_int_equal(rig_open(&rig, &(struct file_scan_options){ .workers = 1 }), 0);
	RIG_WAIT(&rig, rig.loaded != 1);
	assert_int_equal(rig.loaded, 0);
	file_scan_statistics(rig.scan, &statistics);
	assert_int_equal(statistics.rules, 4);
	assert_int_equal(statistics.left_out, 5);
	assert_int_equal(rig.troubles, 5);
	RIG_SCAN(&rig, "/x", "a GOOD file", 11);
	assert_string_equal(rig.rules, "good");
	RIG_SCAN(&rig, "/x", "MZ the LAST", 11);
	assert_string_equal(rig.rules, "last");
	RIG_SCAN(&rig, "/x", "PE the LAST", 11);
	assert_string_equal(rig.rules, "");
	RIG_SCAN(&rig, "/srv/www/evil.php", "<?php", 5);
	assert_string_equal(rig.rules, "other");
	rig_close(&rig);
}

static void rules_are_read_again(void **state)
{
	/* Proves: a reload brings new rules and another identity, and nothing is lost meanwhile. */
	struct rig rig;
	const char *rules[] = { rig.folder };
	uint8_t before[32];

	(void)state;
	rig_folder(&rig);
	rig_write(&rig, "a.yar", rule_marked);
	assert_int_equal(rig_open(&rig, &(struct file_scan_options){ .workers = 2 }), 0);
	RIG_SCAN(&rig, "/x", "NEW-MARK", 8);
	assert_int_equal(rig.outcome, FILE_CLEAN);
	memcpy(before, file_scan_rules_id(rig.scan), sizeof(before));
	rig_write(&rig, "b.yar", "rule newer { strings: $a = \"NEW-MARK\" condition: $a }\n");
	assert_int_equal(file_scan_reload(rig.scan, rules, 1), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(rig_submit(&rig, "/x", "old", 3), 0);
	RIG_WAIT(&rig, rig.loads == 2 && rig.pending == 0);
	assert_memory_not_equal(file_scan_rules_id(rig.scan), before, sizeof(before));
	RIG_SCAN(&rig, "/x", "NEW-MARK", 8);
	assert_string_equal(rig.rules, "newer");
	assert_int_equal(rig.troubles, 0);
	rig_close(&rig);
}

static void what_cannot_be_loaded_is_given_up(void **state)
{
	/* Proves: a rule set that no process can hold is told, after a few tries. */
	struct rig rig;

	(void)state;
#ifdef CAGE_SANITIZED
	/* Which need memory without end. */
	skip();
#endif
	rig_folder(&rig);
	rig_write(&rig, "a.yar", rule_marked);
	assert_int_equal(
		rig_open(&rig, &(struct file_scan_options){ .workers = 1, .memory = 1 << 20 }), 0);
	RIG_WAIT(&rig, rig.loaded != 1);
	assert_int_equal(rig.loaded, -EIO);
	assert_true(rig.workers_broken >= 3);
	assert_null(file_scan_rules_id(rig.scan));
	rig_close(&rig);
}

static void limits_hold(void **state)
{
	/* Proves: what is too large, takes too long, or is no regular file, is told as such. */
	static char large[100000];
	struct rig rig;
	const struct file_subject subject = { "/x/null", NULL };

	(void)state;
	rig_folder(&rig);
	rig_write(&rig, "a.yar",
		  "rule slow { condition: filesize == 5 and for all i in (1..100000000) : (for all "
		  "k in (1..100000) : (i + k > 0)) }\n");
	assert_int_equal(rig_open(&rig, &(struct file_scan_options){ .workers = 1,
								     .size_max = 1000,
								     .time_max = NS_PER_SECOND }),
			 0);
	RIG_SCAN(&rig, "/x/large", large, sizeof(large));
	assert_int_equal(rig.outcome, FILE_UNSCANNABLE);
	assert_string_equal(rig.reason, "larger than what is scanned");
	RIG_SCAN(&rig, "/x/slow", "12345", 5);
	assert_int_equal(rig.outcome, FILE_UNSCANNABLE);
	assert_string_equal(rig.reason, "the time for one file was up");
	assert_int_equal(file_scan_submit(rig.scan, open("/dev/null", O_RDONLY | O_CLOEXEC),
					  &subject, rig_done, &rig),
			 0);
	rig.pending++;
	RIG_WAIT(&rig, rig.pending == 0);
	assert_string_equal(rig.reason, "no regular file");
	assert_int_equal(rig.workers_broken, 0);
	rig_close(&rig);
}

static void queue_is_bounded(void **state)
{
	/* Proves: what finds no room in the queue is refused and counted, and all else answered. */
	struct file_scan_statistics statistics;
	unsigned refused = 0;
	struct rig rig;

	(void)state;
	rig_folder(&rig);
	rig_write(&rig, "a.yar", rule_marked);
	assert_int_equal(rig_open(&rig, &(struct file_scan_options){ .workers = 1, .queue = 10 }),
			 0);
	for (unsigned i = 0; i < 25; i++)
		refused += rig_submit(&rig, "/x", "abc", 3) == -ENOBUFS;
	assert_int_equal(refused, 15);
	RIG_WAIT(&rig, rig.pending == 0);
	file_scan_statistics(rig.scan, &statistics);
	assert_int_equal(statistics.refused, 15);
	assert_int_equal(statistics.submitted, 10);
	assert_int_equal(statistics.clean, 10);
	rig_close(&rig);
}

static void slow_rules_are_named(void **state)
{
	/* Proves: the one of many rules that makes a file slow is told by its name. */
	char text[2000] = "";
	struct rig rig;

	(void)state;
	rig_folder(&rig);
	for (unsigned i = 0; i < 9; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "rule fine%u { strings: $a = \"fine\" condition: #a > %u }\n", i, i);
	rig_write(&rig, "a.yar", text);
	rig_write(&rig, "b.yar",
		  "rule culprit { condition: for all i in (1..100000000) : (for all k in "
		  "(1..100000) : (i + k > 0)) }\nrule last { condition: filesize > 3 }\n");
	assert_int_equal(
		rig_open(&rig, &(struct file_scan_options){ .workers = 1,
							    .time_max = 4 * NS_PER_SECOND }),
		0);
	RIG_SCAN(&rig, "/x/slow", "12345", 5);
	assert_int_equal(rig.outcome, FILE_UNSCANNABLE);
	RIG_WAIT(&rig, rig.troubles > 0);
	assert_memory_equal(rig.trouble, "culprit of ", 11);
	assert_int_equal(rig.workers_broken, 0);
	rig_close(&rig);
}

static char in_memory[] = "MARK-OF-THE-"
			  "TEST in memory";

static void memory_is_scanned(void **state)
{
	/* Proves: the memory of a process is searched, here our own. */
	const struct file_subject subject = { "/proc/self", "root" };
	struct rig rig;

	(void)state;
#ifdef CAGE_SANITIZED
	/* Whose own memory takes terabytes, which come first. */
	skip();
#endif
	rig_folder(&rig);
	rig_write(&rig, "a.yar", rule_marked);
	in_memory[0] = 'M';
	assert_int_equal(rig_open(&rig, &(struct file_scan_options){ .workers = 1 }), 0);
	assert_int_equal(file_scan_process_memory(rig.scan,
						  open("/proc/self/mem", O_RDONLY | O_CLOEXEC),
						  open("/proc/self/maps", O_RDONLY | O_CLOEXEC),
						  &subject, rig_done, &rig),
			 0);
	rig.pending++;
	RIG_WAIT(&rig, rig.pending == 0);
	assert_int_equal(rig.outcome, FILE_MATCHED);
	assert_string_equal(rig.rules, "marked");
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_judged),
		cmocka_unit_test(bad_rules_are_left_out),
		cmocka_unit_test(rules_are_read_again),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(what_cannot_be_loaded_is_given_up),
		cmocka_unit_test(slow_rules_are_named),
		cmocka_unit_test(queue_is_bounded),
		cmocka_unit_test(memory_is_scanned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
