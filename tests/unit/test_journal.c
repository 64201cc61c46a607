/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that the journal counts right, is durable, stays bounded, and holds when its file or its
 * disk does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "journal/journal.h"

#define PATH_SIZE 256

static char folder[PATH_SIZE - 64], path[PATH_SIZE];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/cordon-journal.XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/" JOURNAL_FILE, folder);
	return 0;
}

static void remove_files(void)
{
	char pattern[PATH_SIZE];
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "%s/*", folder);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			(void)unlink(found.gl_pathv[i]);
		globfree(&found);
	}
}

static int teardown(void **state)
{
	(void)state;
	remove_files();
	return rmdir(folder);
}

/* What the callbacks were asked. */
struct asked {
	unsigned documents, summaries, changed, fresh;
	uint64_t changed_count; /* of the last one */
	char text[128];
};

static const char *render_document(const struct journal_entry *entry, void *userdata)
{
	struct asked *asked = userdata;

	asked->documents++;
	(void)snprintf(asked->text, sizeof(asked->text), "{\"severity\":%d,\"n\":%u}",
		       entry->severity, asked->documents);
	return asked->text;
}

static const char *render_summary(void *userdata)
{
	struct asked *asked = userdata;

	asked->summaries++;
	(void)snprintf(asked->text, sizeof(asked->text), "{\"sighting\":%u}", asked->summaries);
	return asked->text;
}

static void on_changed(const struct journal_entry *entry, void *userdata)
{
	struct asked *asked = userdata;

	assert_non_null(entry->document);
	asked->changed++;
	asked->fresh += entry->fresh;
	asked->changed_count = entry->count;
}

static struct journal *open_with(const struct journal_limits *limits)
{
	struct journal *journal = NULL;
	bool damaged = true;

	assert_int_equal(journal_open(path, limits, &journal, &damaged), 0);
	assert_false(damaged);
	return journal;
}

static struct journal *open_default(void)
{
	static const struct journal_limits limits = { .sightings = 4 };

	return open_with(&limits);
}

static int record(struct journal *journal, const char *uid, uint64_t time, int severity,
		  struct asked *asked)
{
	const struct journal_input input = {
		.uid = uid,
		.detector = "indicator",
		.time = time,
		.severity = severity,
		.document = render_document,
		.summary = render_summary,
		.userdata = asked,
	};

	return journal_record(journal, &input, NULL);
}

struct seen {
	unsigned entries;
	uint64_t count, sequence, last_sequence, total;
	int severity;
	char document[128];
	bool ordered;
};

static int note_entry(const struct journal_entry *entry, void *userdata)
{
	struct seen *seen = userdata;

	seen->ordered = seen->entries == 0 || (seen->ordered && entry->sequence > seen->sequence);
	seen->entries++;
	seen->count = entry->count;
	seen->total += entry->count;
	seen->sequence = entry->sequence;
	seen->severity = entry->severity;
	(void)snprintf(seen->document, sizeof(seen->document), "%s", entry->document);
	return 0;
}

static struct seen read_all(const char *uid, uint64_t after)
{
	const struct journal_query query = { .uid = uid, .after_sequence = after };
	struct journal *reader = NULL;
	struct seen seen = { 0 };

	assert_int_equal(journal_open_reader(path, &reader), 0);
	assert_int_equal(journal_read(reader, &query, note_entry, &seen), 0);
	journal_close(reader);
	return seen;
}

/* A new finding is on disk, with its document, when journal_record() returns. */
static void test_new_is_durable(void **state)
{
	struct journal *journal = open_default();
	struct asked asked = { 0 };
	struct seen seen;
	struct stat status;

	(void)state;
	assert_int_equal(record(journal, "a", 10, 3, &asked), JOURNAL_NEW);
	seen = read_all("a", 0);
	assert_int_equal(seen.entries, 1);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.document, "{\"severity\":3,\"n\":1}");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	journal_close(journal);
}

/* Repeats ask for no document, are counted in memory, and are on disk after the flush. */
static void test_repeats_fold(void **state)
{
	struct journal *journal = open_default();
	struct asked asked = { 0 };

	(void)state;
	journal_listen(journal, on_changed, &asked);
	assert_int_equal(record(journal, "a", 10, 3, &asked), JOURNAL_NEW);
	for (int i = 0; i < 999; i++)
		assert_int_equal(record(journal, "a", 11, 3, &asked), JOURNAL_REPEATED);
	assert_int_equal(asked.documents, 1);
	assert_int_equal(asked.summaries, 1 + JOURNAL_SIGHTINGS_HELD);
	assert_int_equal(read_all("a", 0).count, 1);
	assert_int_equal(journal_flush(journal), 0);
	assert_int_equal(asked.changed, 1);
	assert_int_equal(asked.fresh, 0);
	assert_int_equal(asked.changed_count, 1000);
	assert_int_equal(read_all("a", 0).count, 1000);
	assert_int_equal(journal_flush(journal), 0);
	assert_int_equal(asked.changed, 1);
	journal_close(journal);
}

/* Counts and times go on where they stood after a restart, with uids that are not in memory. */
static void test_restart_goes_on(void **state)
{
	struct journal *journal = open_default();
	struct asked asked = { 0 };
	uint64_t sequence, after;

	(void)state;
	record(journal, "a", 10, 3, &asked);
	record(journal, "a", 5, 3, &asked);
	journal_close(journal);
	sequence = read_all("a", 0).sequence;
	journal = open_default();
	assert_int_equal(record(journal, "a", 20, 3, &asked), JOURNAL_REPEATED);
	assert_int_equal(record(journal, "b", 20, 3, &asked), JOURNAL_NEW);
	assert_int_equal(journal_sequence(journal, &after), 0);
	assert_true(after > sequence);
	journal_close(journal);
	assert_int_equal(read_all("a", 0).count, 3);
	assert_int_equal(asked.documents, 2);
}

/* A higher severity is written at once; another state with the next flush, one rendering each. */
static void test_changes_are_rendered(void **state)
{
	struct journal *journal = open_default();
	struct asked asked = { 0 };
	struct journal_input input = { .uid = "a",
				       .detector = "indicator",
				       .time = 1,
				       .severity = 2,
				       .document = render_document,
				       .userdata = &asked };

	(void)state;
	assert_int_equal(journal_record(journal, &input, NULL), JOURNAL_NEW);
	input.severity = 4;
	assert_int_equal(journal_record(journal, &input, NULL), JOURNAL_RAISED);
	assert_string_equal(read_all("a", 0).document, "{\"severity\":4,\"n\":2}");
	for (unsigned i = 0; i < 100; i++) {
		input.state = i & 1;
		assert_int_equal(journal_record(journal, &input, NULL), JOURNAL_REPEATED);
	}
	assert_int_equal(asked.documents, 3);
	assert_int_equal(journal_flush(journal), 0);
	assert_string_equal(read_all("a", 0).document, "{\"severity\":4,\"n\":3}");
	assert_int_equal(read_all("a", 0).count, 102);
	journal_close(journal);
}

static int note_sighting(const struct journal_sighting *sighting, void *userdata)
{
	uint64_t *times = userdata;

	times[++times[0]] = sighting->time;
	return 0;
}

/* History is the last so many sightings, oldest first. */
static void test_sightings_are_bounded(void **state)
{
	struct journal *journal = open_default();
	struct asked asked = { 0 };
	uint64_t times[16] = { 0 };

	(void)state;
	for (uint64_t time = 1; time <= 11; time++) {
		record(journal, "a", time, 3, &asked);
		assert_int_equal(journal_flush(journal), 0);
	}
	assert_int_equal(journal_read_sightings(journal, "a", note_sighting, times), 0);
	assert_int_equal(times[0], 4);
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(times[i], 7 + i);
	journal_close(journal);
}

/* A flood over more findings than memory holds: every single one is counted, rows are bounded by
 * the number of findings, and a follower sees sequences rise. */
static void test_flood_counts_right(void **state)
{
	enum { UIDS = 1000, RECORDS = 1200000 };
	static const struct journal_limits limits = { .open = 256, .sightings = 4 };
	struct journal *journal = open_with(&limits);
	struct journal_statistics statistics;
	struct asked asked = { 0 };
	uint32_t random = 1;
	uint64_t counts[UIDS] = { 0 };
	struct seen seen;

	(void)state;
	for (uint64_t i = 0; i < RECORDS; i++) {
		char uid[32];
		uint32_t which;

		/* Mostly few of them, as in a real flood, and now and then any. */
		random = random * 1664525u + 1013904223u;
		which = (random >> 8) % ((random >> 28) ? 20 : UIDS);
		counts[which]++;
		(void)snprintf(uid, sizeof(uid), "uid-%u", which);
		assert_true(record(journal, uid, i + 1, 3, &asked) > 0);
		if (i % 20000 == 0)
			assert_int_equal(journal_flush(journal), 0);
	}
	assert_int_equal(journal_flush(journal), 0);
	journal_statistics(journal, &statistics);
	assert_int_equal(statistics.recorded, RECORDS);
	assert_int_equal(statistics.failed, 0);
	assert_int_equal(statistics.fresh + statistics.repeated, RECORDS);
	assert_int_equal(statistics.findings, UIDS);
	assert_in_range(statistics.bytes, 1, 8 << 20);
	seen = read_all(NULL, 1);
	assert_int_equal(seen.entries, UIDS);
	assert_int_equal(seen.total, RECORDS);
	assert_true(seen.ordered);
	for (uint32_t which = 0; which < UIDS; which += 37) {
		char uid[32];

		(void)snprintf(uid, sizeof(uid), "uid-%u", which);
		assert_int_equal(read_all(uid, 0).count, counts[which]);
	}
	journal_close(journal);
}

/* Rows beyond the limit go, those last seen longest ago first; how many is counted over restarts,
 * and what went comes again as new. */
static void test_pruning(void **state)
{
	static const struct journal_limits limits = { .findings = 10, .open = 64, .sightings = 2 };
	struct journal *journal = open_with(&limits);
	struct journal_statistics statistics;
	struct asked asked = { 0 };

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		char uid[32];

		(void)snprintf(uid, sizeof(uid), "uid-%02u", i);
		assert_int_equal(record(journal, uid, 100 + i, 3, &asked), JOURNAL_NEW);
	}
	/* Seen again, so it is the latest. */
	assert_int_equal(record(journal, "uid-00", 1000, 3, &asked), JOURNAL_REPEATED);
	assert_int_equal(journal_flush(journal), 0);
	journal_statistics(journal, &statistics);
	assert_int_equal(statistics.findings, 10);
	assert_int_equal(statistics.pruned, 20);
	assert_int_equal(read_all("uid-00", 0).count, 2);
	assert_int_equal(read_all("uid-20", 0).entries, 0);
	assert_int_equal(read_all("uid-21", 0).entries, 1);
	assert_int_equal(record(journal, "uid-05", 1001, 3, &asked), JOURNAL_NEW);
	journal_close(journal);
	journal = open_with(&limits);
	journal_statistics(journal, &statistics);
	assert_int_equal(statistics.pruned, 21);
	journal_close(journal);
}

static void write_file(const char *name, const void *bytes, size_t size, off_t at)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, size, at), (ssize_t)size);
	assert_int_equal(close(fd), 0);
}

static size_t count_files(const char *suffix)
{
	char pattern[PATH_SIZE + 32];
	glob_t found;
	size_t count;

	(void)snprintf(pattern, sizeof(pattern), "%s%s", path, suffix);
	count = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
	if (count)
		globfree(&found);
	return count;
}

/* Whatever is wrong with the file, it is set aside, told, and a new one begun. */
static void test_damaged_is_set_aside(void **state)
{
	static const struct journal_limits limits = { .sightings = 4 };
	char garbage[8192];

	(void)state;
	memset(garbage, 0xa5, sizeof(garbage));
	for (int kind = 0; kind < 6; kind++) {
		struct journal *journal = open_default();
		struct asked asked = { 0 };
		bool damaged = false;

		for (int i = 0; i < 200; i++) {
			char uid[32];

			(void)snprintf(uid, sizeof(uid), "uid-%d", i);
			assert_true(record(journal, uid, 1, 3, &asked) > 0);
		}
		journal_close(journal);
		if (kind == 0)
			write_file(path, garbage, sizeof(garbage), 0); /* not SQLite at all */
		else if (kind == 1)
			write_file(path, garbage, 4096, 4096); /* one page */
		else if (kind == 2)
			assert_int_equal(truncate(path, 10000), 0);
		else if (kind == 3)
			write_file(path, garbage, 60, 20); /* the header's numbers */
		else if (kind == 4)
			write_file(path, "\0\0\0\0", 4, 68); /* another's file */
		else
			write_file(path, garbage, 2000, 100); /* the schema */
		assert_int_equal(journal_open(path, &limits, &journal, &damaged), 0);
		assert_true(damaged);
		assert_int_equal(record(journal, "again", 1, 3, &asked), JOURNAL_NEW);
		journal_close(journal);
		assert_int_equal(read_all(NULL, 0).entries, 1);
		assert_in_range(count_files(".damaged-*Z"), 1, 3);
		(void)unlink(path);
	}
	assert_int_equal(count_files(".damaged-*Z"), 3);
}

/* Damage that shows only while it runs: the file is replaced, and nothing that is recorded from
 * then on is lost. The same when somebody removes the file. */
static void test_replaced_while_open(void **state)
{
	struct journal *journal = open_default();
	struct journal_statistics statistics;
	struct asked asked = { 0 };

	(void)state;
	record(journal, "a", 1, 3, &asked);
	assert_int_equal(unlink(path), 0);
	record(journal, "a", 2, 3, &asked);
	assert_int_equal(record(journal, "b", 2, 3, &asked), JOURNAL_NEW);
	assert_int_equal(record(journal, "a", 3, 3, &asked), JOURNAL_NEW);
	journal_statistics(journal, &statistics);
	assert_int_equal(statistics.damaged, 1);
	assert_int_equal(read_all(NULL, 0).entries, 2);
	journal_close(journal);
}

/* A file of a newer version is refused and left as it is; a second writer is refused. */
static void test_refusals(void **state)
{
	static const struct journal_limits limits = { 0 };
	struct journal *journal = open_default(), *second = NULL;
	bool damaged;
	sqlite3 *database;

	(void)state;
	assert_int_equal(journal_open(path, &limits, &second, &damaged), -EBUSY);
	journal_close(journal);
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, "PRAGMA user_version = 3", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
	assert_int_equal(journal_open(path, &limits, &second, &damaged), -EPROTONOSUPPORT);
	assert_int_equal(journal_open_reader(path, &second), -EPROTONOSUPPORT);
	assert_int_equal(count_files(".damaged-*"), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(journal_open_reader(path, &second), -ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(journal_open(path, &limits, &second, &damaged) < 0);
	assert_int_equal(rmdir(path), 0);
}

/* While nothing can be written, findings and counts stay in memory and come with a later flush:
 * the new one as a fresh entry. */
static void test_full_disk_loses_nothing(void **state)
{
	struct journal *journal = open_default();
	struct journal_statistics statistics;
	struct rlimit before, none;
	struct asked asked = { 0 };
	struct seen seen;

	(void)state;
	journal_listen(journal, on_changed, &asked);
	assert_int_equal(record(journal, "a", 1, 3, &asked), JOURNAL_NEW);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(record(journal, "a", 2, 3, &asked), JOURNAL_REPEATED);
	assert_true(record(journal, "b", 2, 3, &asked) < 0);
	assert_int_equal(record(journal, "b", 3, 3, &asked), JOURNAL_REPEATED);
	assert_true(journal_flush(journal) < 0);
	journal_statistics(journal, &statistics);
	assert_int_equal(statistics.held, 1);
	assert_int_equal(statistics.failed, 0);
	assert_int_equal(asked.changed, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(journal_flush(journal), 0);
	assert_int_equal(asked.changed, 2);
	assert_int_equal(asked.fresh, 1);
	seen = read_all("a", 0);
	assert_int_equal(seen.count, 11);
	seen = read_all("b", 0);
	assert_int_equal(seen.count, 2);
	journal_statistics(journal, &statistics);
	assert_int_equal(statistics.held, 0);
	journal_close(journal);
}

/* While nothing can be written memory stays bounded: what does not fit is refused and counted. */
static void test_full_disk_is_bounded(void **state)
{
	static const struct journal_limits limits = { .open = 32 };
	struct journal *journal = open_with(&limits);
	struct journal_statistics statistics;
	struct rlimit before, none;
	struct asked asked = { 0 };

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	for (int i = 0; i < 100; i++) {
		char uid[32];

		(void)snprintf(uid, sizeof(uid), "uid-%d", i);
		assert_true(record(journal, uid, 1, 3, &asked) < 0);
	}
	journal_statistics(journal, &statistics);
	assert_int_equal(statistics.held, 32);
	assert_int_equal(statistics.failed, 68);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(journal_flush(journal), 0);
	journal_statistics(journal, &statistics);
	assert_int_equal(statistics.findings, 32);
	journal_close(journal);
}

/* Counts what SQLite asks the disk for: everything goes to the usual VFS, syncs are counted. Its
 * files have one of a few tables of methods, by their kind of locking: each is copied with the sync
 * replaced. */
#define COUNTED_KINDS 8
static sqlite3_vfs counting, *usual;
static struct counted_kind {
	sqlite3_io_methods methods; /* first: a file's table is its kind */
	const sqlite3_io_methods *usual;
} counted_kinds[COUNTED_KINDS];
static unsigned syncs;

static int counting_sync(sqlite3_file *file, int flags)
{
	const struct counted_kind *kind = (const void *)file->pMethods;

	syncs++;
	return kind->usual->xSync(file, flags);
}

static int counting_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
			 int *out_flags)
{
	int result = usual->xOpen(usual, name, file, flags, out_flags);
	struct counted_kind *kind = counted_kinds;

	(void)vfs;
	if (result != SQLITE_OK)
		return result;
	while (kind->usual && kind->usual != file->pMethods)
		assert_true(++kind < counted_kinds + COUNTED_KINDS);
	if (!kind->usual) {
		kind->usual = file->pMethods;
		kind->methods = *kind->usual;
		kind->methods.xSync = counting_sync;
	}
	file->pMethods = &kind->methods;
	return result;
}

static void counting_begin(void)
{
	usual = sqlite3_vfs_find(NULL);
	counting = *usual;
	counting.zName = "counting";
	counting.xOpen = counting_open;
	assert_int_equal(sqlite3_vfs_register(&counting, 1), SQLITE_OK);
	syncs = 0;
}

static void counting_end(void)
{
	assert_int_equal(sqlite3_vfs_unregister(&counting), SQLITE_OK);
	assert_int_equal(sqlite3_vfs_register(usual, 1), SQLITE_OK);
}

/* Findings recorded in a batch are on disk after its commit, not before, and cost one sync. */
static void test_batch_is_one_sync(void **state)
{
	enum { FINDINGS = 10000, BATCH = 128, BATCHES = (FINDINGS + BATCH - 1) / BATCH };
	struct asked asked = { 0 };
	struct journal *journal;
	struct seen seen;

	(void)state;
	counting_begin();
	journal = open_default();
	journal_listen(journal, on_changed, &asked);
	assert_int_equal(record(journal, "alone", 1, 3, &asked), JOURNAL_NEW);
	assert_true(syncs > 0);
	syncs = 0;
	for (int i = 0; i < FINDINGS; i++) {
		char uid[32];

		(void)snprintf(uid, sizeof(uid), "uid-%d", i);
		journal_begin(journal);
		assert_int_equal(record(journal, uid, 1, 3, &asked), JOURNAL_NEW);
		if (i == 0)
			assert_int_equal(read_all(uid, 0).entries, 0);
		if (i % BATCH == BATCH - 1 || i == FINDINGS - 1)
			assert_int_equal(journal_commit(journal), 0);
		if (i == BATCH - 1)
			assert_int_equal(read_all("uid-0", 0).entries, 1);
	}
	/* One a commit; and the log is copied into the file now and then, with two. */
	assert_in_range(syncs, BATCHES, BATCHES * 4);
	print_message("%d findings: %u syncs\n", FINDINGS, syncs);
	seen = read_all(NULL, 1);
	assert_int_equal(seen.entries, FINDINGS + 1);
	assert_true(seen.ordered);
	/* Whoever recorded them tells of them: nobody else does. */
	assert_int_equal(asked.changed, 0);
	syncs = 0;
	assert_int_equal(journal_commit(journal), 0);
	assert_int_equal(journal_flush(journal), 0);
	assert_int_equal(syncs, 0);
	journal_close(journal);
	counting_end();
}

/* A commit ahead of another costs no sync, and is there for all the same. */
static void test_commit_ahead(void **state)
{
	struct asked asked = { 0 };
	struct journal *journal;

	(void)state;
	counting_begin();
	journal = open_default();
	assert_int_equal(record(journal, "first", 1, 3, &asked), JOURNAL_NEW);
	syncs = 0;
	journal_begin(journal);
	assert_int_equal(record(journal, "ahead", 2, 3, &asked), JOURNAL_NEW);
	assert_int_equal(journal_commit_ahead(journal), 0);
	assert_int_equal(syncs, 0);
	assert_int_equal(read_all("ahead", 0).entries, 1);
	assert_int_equal(journal_sync(journal), 0);
	assert_int_equal(syncs, 1);
	assert_int_equal(record(journal, "after", 3, 3, &asked), JOURNAL_NEW);
	assert_int_equal(syncs, 2);
	journal_close(journal);
	counting_end();
}

/* What repeats while it waits for its batch is told as a repeat afterwards; a raise within the
 * batch counts; a flush in between tells nobody of what is due. */
static void test_batch_repeats(void **state)
{
	struct journal *journal = open_default();
	struct asked asked = { 0 };
	struct seen seen;

	(void)state;
	journal_listen(journal, on_changed, &asked);
	journal_begin(journal);
	assert_int_equal(record(journal, "a", 1, 3, &asked), JOURNAL_NEW);
	assert_int_equal(record(journal, "a", 2, 3, &asked), JOURNAL_REPEATED);
	assert_int_equal(record(journal, "b", 2, 3, &asked), JOURNAL_NEW);
	assert_int_equal(record(journal, "b", 3, 4, &asked), JOURNAL_RAISED);
	assert_int_equal(journal_commit(journal), 0);
	assert_int_equal(asked.changed, 0);
	seen = read_all("b", 0);
	assert_int_equal(seen.severity, 4);
	assert_int_equal(seen.count, 2);
	assert_int_equal(journal_flush(journal), 0);
	assert_int_equal(asked.changed, 1);
	assert_int_equal(asked.changed_count, 2);
	journal_begin(journal);
	assert_int_equal(record(journal, "c", 4, 3, &asked), JOURNAL_NEW);
	assert_int_equal(journal_flush(journal), 0);
	assert_int_equal(asked.changed, 1);
	assert_int_equal(journal_commit(journal), 0);
	assert_int_equal(asked.changed, 1);
	assert_int_equal(record(journal, "d", 5, 3, &asked), JOURNAL_NEW);
	assert_int_equal(read_all("d", 0).entries, 1);
	journal_close(journal);
}

/* A commit that fails is told, and all of its findings come with a later flush. */
static void test_batch_fails(void **state)
{
	struct journal *journal = open_default();
	struct journal_statistics statistics;
	struct rlimit before, none;
	struct asked asked = { 0 };

	(void)state;
	journal_listen(journal, on_changed, &asked);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	journal_begin(journal);
	assert_int_equal(record(journal, "a", 1, 3, &asked), JOURNAL_NEW);
	assert_int_equal(record(journal, "b", 1, 3, &asked), JOURNAL_NEW);
	assert_true(journal_commit(journal) < 0);
	assert_int_equal(journal_commit(journal), 0); /* nothing is due any more */
	journal_begin(journal);
	assert_int_equal(record(journal, "a", 2, 3, &asked), JOURNAL_REPEATED);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(journal_commit(journal), 0);
	assert_int_equal(asked.changed, 0);
	assert_int_equal(journal_flush(journal), 0);
	assert_int_equal(asked.changed, 2);
	assert_int_equal(asked.fresh, 2);
	assert_int_equal(read_all("a", 0).count, 2);
	journal_statistics(journal, &statistics);
	assert_int_equal(statistics.failed, 0);
	journal_close(journal);
}

/* A batch of more than fits into memory: what is on disk already makes room. */
static void test_batch_makes_room(void **state)
{
	static const struct journal_limits limits = { .open = 16 };
	struct journal *journal = open_with(&limits);
	struct asked asked = { 0 };

	(void)state;
	journal_begin(journal);
	for (int i = 0; i < 100; i++) {
		char uid[32];

		(void)snprintf(uid, sizeof(uid), "uid-%d", i);
		assert_int_equal(record(journal, uid, 1, 3, &asked), JOURNAL_NEW);
	}
	assert_int_equal(journal_commit(journal), 0);
	assert_int_equal(read_all(NULL, 1).entries, 100);
	journal_close(journal);
}

struct amended {
	unsigned calls;
	char document[256];
};

static const char *amend_document(const struct journal_entry *entry, void *userdata)
{
	struct amended *amended = userdata;

	amended->calls++;
	(void)snprintf(amended->document, sizeof(amended->document), "%s+%u", entry->document,
		       amended->calls);
	return amended->document;
}

static const char *first_document(const struct journal_entry *entry, void *userdata)
{
	(void)userdata;
	return entry->document ? "again" : "first";
}

/* Each thing seen is asked for once, up to a bound, and what was seen is in the document. */
static void test_witnesses(void **state)
{
	struct journal *journal = open_default();
	struct amended amended = { 0 };
	struct journal_input input = { .uid = "a",
				       .detector = "indicator",
				       .severity = 3,
				       .document = first_document,
				       .amend = amend_document,
				       .userdata = &amended };

	(void)state;
	input.witness = 1;
	assert_int_equal(journal_record(journal, &input, NULL), JOURNAL_NEW);
	assert_int_equal(journal_record(journal, &input, NULL), JOURNAL_REPEATED);
	assert_int_equal(amended.calls, 0);
	input.witness = 2;
	assert_int_equal(journal_record(journal, &input, NULL), JOURNAL_REPEATED);
	assert_int_equal(journal_record(journal, &input, NULL), JOURNAL_REPEATED);
	assert_int_equal(amended.calls, 1);
	assert_int_equal(journal_flush(journal), 0);
	assert_string_equal(read_all("a", 0).document, "first+1");
	for (uint64_t i = 0; i < 1000; i++) {
		input.witness = 3 + i % 100;
		assert_int_equal(journal_record(journal, &input, NULL), JOURNAL_REPEATED);
	}
	assert_int_equal(amended.calls, JOURNAL_WITNESSES - 1);
	assert_int_equal(journal_flush(journal), 0);
	assert_string_equal(read_all("a", 0).document, "first+1+2+3+4+5+6+7");
	/* Rendered anew, it is told what it was. */
	input.severity = 4;
	assert_int_equal(journal_record(journal, &input, NULL), JOURNAL_RAISED);
	assert_string_equal(read_all("a", 0).document, "again");
	journal_close(journal);
}

/* A reader works while the writer writes, sees changes by poll, and holds the log back by nothing.
 */
static void test_reader_beside_writer(void **state)
{
	struct journal *journal = open_default(), *reader = NULL;
	struct asked asked = { 0 };
	struct journal_query query = { 0 };
	struct stat status;
	char log[PATH_SIZE + 8];

	(void)state;
	assert_int_equal(record(journal, "a", 1, 3, &asked), JOURNAL_NEW);
	assert_int_equal(journal_open_reader(path, &reader), 0);
	assert_int_equal(journal_poll(reader), JOURNAL_CHANGED);
	assert_int_equal(journal_poll(reader), 0);
	for (int i = 0; i < 3000; i++) {
		struct seen seen = { 0 };
		char uid[32];

		(void)snprintf(uid, sizeof(uid), "uid-%d", i % 100);
		assert_true(record(journal, uid, (uint64_t)i, 3, &asked) > 0);
		assert_int_equal(journal_flush(journal), 0);
		assert_int_equal(journal_poll(reader), JOURNAL_CHANGED);
		assert_int_equal(journal_read(reader, &query, note_entry, &seen), 0);
		assert_true(seen.entries > 0);
		assert_int_equal(journal_sequence(reader, &query.after_sequence), 0);
	}
	(void)snprintf(log, sizeof(log), "%s-wal", path);
	assert_int_equal(stat(log, &status), 0);
	assert_in_range(status.st_size, 1, 5 << 20);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(journal_poll(reader), -ESTALE);
	journal_close(reader);
	journal_close(journal);
}

/* Child of the kill test: records as fast as it can, with a flush now and then. In batches, whose
 * commits are told through the pipe: so many of "batch-0", "batch-1"... */
static void write_batches(struct journal *journal, int pipe)
{
	struct asked asked = { 0 };
	uint32_t told = 0;

	for (uint32_t i = 0;; i++) {
		char uid[32];

		journal_begin(journal);
		(void)snprintf(uid, sizeof(uid), "batch-%u", i);
		if (record(journal, uid, i + 1, 3, &asked) != JOURNAL_NEW)
			_exit(2);
		if (i % 50 != 49)
			continue;
		if (journal_commit(journal) < 0)
			_exit(3);
		told = i + 1;
		if (write(pipe, &told, sizeof(told)) != sizeof(told))
			_exit(4);
	}
}

static void write_until_killed(uint32_t random)
{
	static const struct journal_limits limits = { .open = 64, .sightings = 4 };
	struct journal *journal;
	struct asked asked = { 0 };
	bool damaged = false;

	if (journal_open(path, &limits, &journal, &damaged) < 0 || damaged)
		_exit(1);
	for (uint64_t i = 0;; i++) {
		char uid[32];

		random = random * 1664525u + 1013904223u;
		(void)snprintf(uid, sizeof(uid), "uid-%u", (random >> 8) % 200);
		if (record(journal, uid, i + 1, 3, &asked) < 0)
			_exit(2);
		if (i % 64 == 63 && journal_flush(journal) < 0)
			_exit(3);
	}
}

struct told {
	uint64_t counts[200];
};

static int note_told(const struct journal_entry *entry, void *userdata)
{
	struct told *told = userdata;
	unsigned which = 0;

	assert_int_equal(sscanf(entry->uid, "uid-%u", &which), 1);
	assert_in_range(which, 0, 199);
	if (entry->count > told->counts[which])
		told->counts[which] = entry->count;
	return 0;
}

static int check_told(const struct journal_entry *entry, void *userdata)
{
	struct told *told = userdata;
	unsigned which = 0;

	assert_int_equal(sscanf(entry->uid, "uid-%u", &which), 1);
	assert_true(entry->count >= told->counts[which]);
	told->counts[which] = 0;
	return 0;
}

/* Killed at any moment, the journal has all that a follower was shown, with at least its count. */
static void test_kill_loses_nothing_told(void **state)
{
	enum { ROUNDS = 60 };
	unsigned rounds_with_news = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct journal *reader = NULL;
		struct journal_query query = { .after_sequence = 1 };
		struct told told = { 0 };
		uint64_t deadline, sequence = 0;
		pid_t child = fork();
		int status, r;

		if (child == 0)
			write_until_killed(round * 7919 + 1);
		assert_true(child > 0);
		/* The moment of death is different in each round. */
		deadline = clock_boottime() + (3 + round * 2) * NS_PER_MILLISECOND;
		while (clock_boottime() < deadline) {
			if (!reader && journal_open_reader(path, &reader) < 0)
				continue;
			r = journal_sequence(reader, &sequence);
			if (r == 0)
				r = journal_read(reader, &query, note_told, &told);
			assert_int_equal(r, 0);
			query.after_sequence = sequence;
		}
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		journal_close(reader);
		rounds_with_news += sequence > 1;
		if (count_files("") == 0)
			continue;
		reader = open_default();
		query.after_sequence = 0;
		assert_int_equal(journal_read(reader, &query, check_told, &told), 0);
		for (unsigned i = 0; i < 200; i++)
			assert_int_equal(told.counts[i], 0);
		journal_close(reader);
	}
	assert_in_range(rounds_with_news, ROUNDS / 2, ROUNDS);
}

/* Killed at any moment, whatever a commit was told of is there. */
static void test_kill_loses_no_batch(void **state)
{
	enum { ROUNDS = 20 };
	unsigned rounds_with_news = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		static const struct journal_limits limits = { .sightings = 4 };
		struct journal *journal = NULL;
		uint32_t told = 0, next;
		int ends[2], status;
		bool damaged;
		pid_t child;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		if (child == 0) {
			if (journal_open(path, &limits, &journal, &damaged) < 0 || damaged)
				_exit(1);
			(void)close(ends[0]);
			write_batches(journal, ends[1]);
		}
		assert_true(child > 0);
		(void)close(ends[1]);
		/* After so many commits, somewhere in the next one. */
		for (unsigned commits = 0; commits <= round; commits++)
			assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		while (read(ends[0], &next, sizeof(next)) == sizeof(next))
			told = next;
		(void)close(ends[0]);
		journal = open_default();
		for (uint32_t i = 0; i < told; i++) {
			char uid[32];

			(void)snprintf(uid, sizeof(uid), "batch-%u", i);
			assert_int_equal(read_all(uid, 0).entries, 1);
		}
		rounds_with_news += told > 0;
		journal_close(journal);
		remove_files();
	}
	assert_int_equal(rounds_with_news, ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_is_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeats_fold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes_are_rendered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sightings_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood_counts_right, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pruning, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_is_set_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced_while_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batch_is_one_sync, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batch_repeats, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batch_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batch_makes_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_witnesses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill_loses_no_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reader_beside_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill_loses_nothing_told, setup, teardown),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
