/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that a finding is opened, suppressed, closed and opened again as it should be, that its
 * history says so and stays bounded, that sinks are owed each change, that what may be over is
 * found, and that a file of an earlier version is brought up in place with all that is in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "journal/journal.h"
#include "journal/outbox.h"

#define PATH_SIZE 512

static char folder[PATH_SIZE / 2], path[PATH_SIZE];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/cordon-life.XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/" JOURNAL_FILE, folder);
	return 0;
}

static int teardown(void **state)
{
	char pattern[PATH_SIZE];
	glob_t found;

	(void)state;
	(void)snprintf(pattern, sizeof(pattern), "%s/*", folder);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			(void)unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	return rmdir(folder);
}

static struct journal *open_journal(void)
{
	static const struct journal_limits limits = { .sightings = 4 };
	struct journal *journal = NULL;
	bool damaged = true;

	assert_int_equal(journal_open(path, &limits, &journal, &damaged), 0);
	assert_false(damaged);
	return journal;
}

static const char *render(const struct journal_entry *entry, void *userdata)
{
	static char text[128];

	(void)userdata;
	(void)snprintf(text, sizeof(text), "{\"life\":\"%s\",\"severity\":%d}",
		       journal_life_name(entry->life), entry->severity);
	return text;
}

static const char *watch(void *userdata)
{
	return userdata;
}

static int record(struct journal *journal, uint64_t time, int severity, enum journal_life life)
{
	const struct journal_input input = {
		.uid = "a",
		.detector = "indicator",
		.time = time,
		.severity = severity,
		.document = render,
		.watched = watch,
		.userdata = "{\"pid\":1}",
		.life = life,
		.because = "rule r",
		.closing = { .quiet = 100, .when = JOURNAL_PROCESS_GONE },
	};

	return journal_record(journal, &input, NULL);
}

static int change(struct journal *journal, uint64_t time, const char *text)
{
	const struct journal_change change = { .uid = "a",
					       .life = JOURNAL_LIFE_CLOSED,
					       .time = time,
					       .text = text,
					       .document = render };

	return journal_change(journal, &change, NULL);
}

struct seen {
	char text[2048];
	size_t count;
	struct journal_entry entry;
	char document[128];
};

static int entry_seen(const struct journal_entry *entry, void *userdata)
{
	struct seen *seen = userdata;

	seen->count++;
	seen->entry = *entry;
	(void)snprintf(seen->document, sizeof(seen->document), "%s", entry->document);
	return 0;
}

static int change_seen(const struct journal_change_note *note, void *userdata)
{
	struct seen *seen = userdata;
	size_t used = strlen(seen->text);

	seen->count++;
	(void)snprintf(seen->text + used, sizeof(seen->text) - used, "%llu %s %d %s\n",
		       (unsigned long long)note->time, journal_event_name(note->event),
		       note->severity, note->text);
	return 0;
}

static struct seen read_entry(const char *uid)
{
	const struct journal_query query = { .uid = uid };
	struct journal *reader = NULL;
	struct seen seen = { .count = 0 };

	assert_int_equal(journal_open_reader(path, &reader), 0);
	assert_int_equal(journal_read(reader, &query, entry_seen, &seen), 0);
	journal_close(reader);
	return seen;
}

static struct seen read_history(const char *uid)
{
	struct journal *reader = NULL;
	struct seen seen = { .count = 0 };

	assert_int_equal(journal_open_reader(path, &reader), 0);
	assert_int_equal(journal_read_changes(reader, uid, change_seen, &seen), 0);
	journal_close(reader);
	return seen;
}

/* Through all that can become of it; each change is on disk when it is told. */
static void test_life(void **state)
{
	struct journal *journal = open_journal();

	(void)state;
	assert_int_equal(record(journal, 1, 3, JOURNAL_LIFE_OPEN), JOURNAL_NEW);
	assert_int_equal(record(journal, 2, 5, JOURNAL_LIFE_OPEN), JOURNAL_RAISED);
	assert_int_equal(change(journal, 3, "a false alarm"), 0);
	assert_int_equal(read_entry("a").entry.life, JOURNAL_LIFE_CLOSED);
	assert_string_equal(read_entry("a").document, "{\"life\":\"closed\",\"severity\":5}");
	assert_int_equal(change(journal, 4, "again"), -EALREADY);
	assert_int_equal(record(journal, 5, 4, JOURNAL_LIFE_OPEN), JOURNAL_REOPENED);
	assert_int_equal(read_entry("a").entry.life, JOURNAL_LIFE_OPEN);
	assert_string_equal(read_entry("a").document, "{\"life\":\"open\",\"severity\":4}");
	assert_int_equal(record(journal, 6, 2, JOURNAL_LIFE_OPEN), JOURNAL_REPEATED);
	assert_int_equal(journal_flush(journal), 0);
	assert_int_equal(record(journal, 7, 2, JOURNAL_LIFE_SUPPRESSED), JOURNAL_REPEATED);
	journal_close(journal);
	assert_int_equal(read_entry("a").entry.life, JOURNAL_LIFE_SUPPRESSED);
	assert_int_equal(read_entry("a").entry.count, 5);
	assert_string_equal(read_history("a").text, "1 opened 3 rule r\n"
						    "2 severity 5 rule r\n"
						    "3 closed 5 a false alarm\n"
						    "5 reopened 4 rule r\n"
						    "6 severity 2 rule r\n"
						    "7 suppressed 2 rule r\n");
}

/* What is closed stays so over a restart, and comes back out of the file. */
static void test_life_restart(void **state)
{
	struct journal *journal = open_journal();
	const struct journal_change unknown = { .uid = "nobody", .document = render };

	(void)state;
	assert_int_equal(record(journal, 1, 3, JOURNAL_LIFE_OPEN), JOURNAL_NEW);
	journal_close(journal);
	journal = open_journal();
	assert_int_equal(change(journal, 2, "by hand"), 0);
	assert_int_equal(journal_change(journal, &unknown, NULL), -ENOENT);
	journal_close(journal);
	journal = open_journal();
	assert_int_equal(record(journal, 3, 3, JOURNAL_LIFE_OPEN), JOURNAL_REOPENED);
	journal_close(journal);
	assert_string_equal(read_history("a").text, "1 opened 3 rule r\n2 closed 3 by hand\n"
						    "3 reopened 3 rule r\n");
}

/* The last changes are kept, and no more. */
static void test_history_bounded(void **state)
{
	struct journal *journal = open_journal();
	struct seen seen;

	(void)state;
	(void)record(journal, 1, 3, JOURNAL_LIFE_OPEN);
	for (uint64_t i = 0; i < JOURNAL_CHANGES; i++) {
		assert_int_equal(change(journal, 2 * i + 2, "c"), 0);
		assert_int_equal(record(journal, 2 * i + 3, 3, JOURNAL_LIFE_OPEN),
				 JOURNAL_REOPENED);
	}
	journal_close(journal);
	seen = read_history("a");
	assert_int_equal(seen.count, JOURNAL_CHANGES);
	assert_int_equal(strtoull(seen.text, NULL, 10), JOURNAL_CHANGES + 2);
}

struct owed {
	unsigned count;
	char document[128];
};

static int delivery_seen(const struct outbox_delivery *delivery, void *userdata)
{
	struct owed *owed = userdata;

	owed->count++;
	(void)snprintf(owed->document, sizeof(owed->document), "%s", delivery->document);
	/* Not taken: it is looked at only. */
	return 1;
}

static struct owed owed_now(struct journal *journal, unsigned sink)
{
	struct owed owed = { 0 };

	(void)outbox_take(journal, sink, UINT64_MAX / 4, delivery_seen, &owed);
	return owed;
}

static void deliver_all(struct journal *journal)
{
	assert_true(outbox_prune(journal, UINT64_MAX / 4, &(uint64_t){ 0 }) == 0);
}

/* Sinks are owed what is open and each end of it; nothing of what is suppressed from the start, and
 * only those that a rule names. */
static void test_sinks_follow(void **state)
{
	const struct outbox_options options = {
		.sinks = { { .id = 1, .severity = 1 }, { .id = 2, .severity = 1 } },
		.sinks_count = 2,
		.entries = 100,
		.bytes = 1 << 20,
		.age = 1,
	};
	struct journal *journal = open_journal();
	struct journal_input routed = { .uid = "b",
					.detector = "d",
					.time = 1,
					.severity = 3,
					.document = render,
					.sinks = 1u << (OUTBOX_ROUTE_SHIFT + 2) };

	(void)state;
	assert_int_equal(outbox_open(journal, &options), 0);
	(void)record(journal, 1, 3, JOURNAL_LIFE_SUPPRESSED);
	assert_int_equal(owed_now(journal, 1).count, 0);
	(void)record(journal, 2, 3, JOURNAL_LIFE_OPEN);
	assert_int_equal(journal_flush(journal), 0);
	assert_int_equal(owed_now(journal, 1).count, 1);
	deliver_all(journal);
	assert_int_equal(owed_now(journal, 1).count, 0);
	assert_int_equal(change(journal, 3, "over"), 0);
	assert_string_equal(owed_now(journal, 1).document, "{\"life\":\"closed\",\"severity\":3}");
	deliver_all(journal);
	assert_int_equal(journal_record(journal, &routed, NULL), JOURNAL_NEW);
	assert_int_equal(owed_now(journal, 1).count, 0);
	assert_int_equal(owed_now(journal, 2).count, 1);
	journal_close(journal);
}

static void candidate_seen(const struct journal_candidate *candidate, void *userdata)
{
	struct seen *seen = userdata;

	assert_string_equal(candidate->uid, "a");
	assert_string_equal(candidate->watched, "{\"pid\":1}");
	assert_int_equal(candidate->closing.quiet, 100);
	assert_int_equal(candidate->closing.when, JOURNAL_PROCESS_GONE);
	assert_int_equal(candidate->last_seen, 7);
	seen->count++;
}

/* What may be over is found until it is closed. */
static void test_candidates(void **state)
{
	struct journal *journal = open_journal();
	struct seen seen = { .count = 0 };

	(void)state;
	(void)record(journal, 7, 3, JOURNAL_LIFE_OPEN);
	assert_int_equal(journal_candidates(journal, 0, 10, candidate_seen, &seen), 1);
	assert_int_equal(seen.count, 1);
	assert_int_equal(change(journal, 9, "over"), 0);
	assert_int_equal(journal_candidates(journal, 0, 10, candidate_seen, &seen), 0);
	journal_close(journal);
}

static void old_file_copy(void)
{
	const char *source = getenv("srcdir");
	char from[PATH_SIZE], bytes[8192];
	size_t n;
	FILE *in, *out;

	(void)snprintf(from, sizeof(from), "%s/tests/data/journal/version-1.db",
		       source ? source : ".");
	in = fopen(from, "rb");
	out = fopen(path, "wb");
	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	(void)fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* A reader sees a file of version 1 as it is; the writer brings it up, and nothing is lost. */
static void test_migration(void **state)
{
	struct journal *journal;
	struct seen seen;

	(void)state;
	old_file_copy();
	seen = read_entry("three");
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.entry.count, 3);
	assert_int_equal(seen.entry.life, JOURNAL_LIFE_OPEN);
	assert_int_equal(read_history("three").count, 0);
	journal = open_journal();
	journal_close(journal);
	for (int i = 0; i < 2; i++) {
		seen = read_entry(i ? "two" : "three");
		assert_int_equal(seen.entry.count, i ? 2 : 3);
		assert_int_equal(seen.entry.severity, i ? 3 : 4);
		assert_int_equal(seen.entry.life, JOURNAL_LIFE_OPEN);
	}
	journal = open_journal();
	assert_int_equal(journal_change(journal,
					&(struct journal_change){ .uid = "two",
								  .life = JOURNAL_LIFE_CLOSED,
								  .time = 5,
								  .text = "old",
								  .document = render },
					NULL),
			 0);
	journal_close(journal);
	assert_int_equal(read_entry("two").entry.life, JOURNAL_LIFE_CLOSED);
	assert_string_equal(read_history("two").text, "5 closed 3 old\n");
}

static void test_severity_learnt(void **state)
{
	/* Proves: a severity that was learnt without a sighting, higher or lower, is in the row,
	 * the document and the history; a finding that is closed keeps what it had. */
	struct journal_change change_to = {
		.uid = "a", .time = 20, .severity = 5, .text = "scanned", .document = render
	};
	struct journal *journal = open_journal();
	struct seen seen;

	(void)state;
	assert_int_equal(record(journal, 10, 3, JOURNAL_LIFE_OPEN), JOURNAL_NEW);
	assert_int_equal(journal_change(journal, &change_to, NULL), 0);
	seen = read_entry("a");
	assert_int_equal(seen.entry.severity, 5);
	assert_int_equal(seen.entry.life, JOURNAL_LIFE_OPEN);
	assert_string_equal(seen.document, "{\"life\":\"open\",\"severity\":5}");
	change_to.severity = 2;
	change_to.time = 30;
	assert_int_equal(journal_change(journal, &change_to, NULL), 0);
	assert_int_equal(read_entry("a").entry.severity, 2);
	assert_int_equal(change(journal, 40, "done"), 0);
	assert_int_equal(journal_change(journal, &change_to, NULL), -EALREADY);
	journal_close(journal);
	assert_string_equal(read_history("a").text, "10 opened 3 rule r\n20 severity 5 scanned\n"
						    "30 severity 2 scanned\n40 closed 2 done\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_life_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_history_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sinks_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_candidates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_migration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_severity_learnt, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
