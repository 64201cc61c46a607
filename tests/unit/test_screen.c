/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that what people and sinks are shown of a finding is complete, safe, and told at the pace
 * that was promised.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
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
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "journal/journal.h"
#include "report/ocsf.h"
#include "report/screen.h"
#include "report/sink.h"
#include "report/sink_journald.h"

#define PATH_SIZE 256

static char folder[PATH_SIZE - 64], path[PATH_SIZE];

static int setup(void **state)
{
	(void)state;
	(void)setenv("TZ", "UTC", 1);
	(void)snprintf(folder, sizeof(folder), "%s/cordon-screen.XXXXXX",
		       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/findings.jsonl", folder);
	clock_hold(1700000000 * NS_PER_SECOND, 1000 * NS_PER_SECOND);
	return 0;
}

static int teardown(void **state)
{
	char pattern[PATH_SIZE];
	glob_t found;

	(void)state;
	clock_release();
	(void)snprintf(pattern, sizeof(pattern), "%s/*", folder);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			(void)unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	return rmdir(folder);
}

/* A finding as it is stored. */
static json_t *finding(const char *uid, int count)
{
	static const char text[] =
		"{'class_uid': 2004, 'severity_id': 4, 'severity': 'High', 'metadata': {},"
		" 'disposition_id': 17, 'disposition': 'Logged', 'time': 1700000000123,"
		" 'finding_info': {'title': 'evil.example was looked up',"
		"  'desc': 'evil.example is listed by test-feed',"
		"  'analytic': {'name': 'indicator', 'uid': 'test-feed'}},"
		" 'evidences': [{'query': {'hostname': 'evil.example'},"
		"  'process': {'pid': 4242, 'name': 'curl', 'path': '/usr/bin/curl'}}],"
		" 'osint': [{'value': 'evil.example'}], 'policy': {'uid': 'default'},"
		" 'unmapped': {'would_have': 'block'}}";
	char json[sizeof(text)];
	json_t *object;

	for (size_t i = 0; i < sizeof(text); i++)
		json[i] = (char)(text[i] == '\'' ? '"' : text[i]);
	object = json_loads(json, 0, NULL);
	assert_non_null(object);
	json_object_set_new(object, "count", json_integer(count));
	json_object_set_new(json_object_get(object, "finding_info"), "uid", json_string(uid));
	return object;
}

static void deliver(struct sink *sink, const char *uid)
{
	json_t *object = finding(uid, 1);
	char *line = ocsf_line(object);

	assert_non_null(line);
	sink_deliver(sink, object, line);
	free(line);
	json_decref(object);
}

static struct journal *open_journal(void)
{
	static const struct journal_limits limits = { .findings = 0 };
	struct journal *journal = NULL;
	char name[PATH_SIZE];
	bool damaged;

	(void)snprintf(name, sizeof(name), "%s/" JOURNAL_FILE, folder);
	assert_int_equal(journal_open(name, &limits, &journal, &damaged), 0);
	return journal;
}

static const char *render(const struct journal_entry *entry, void *userdata)
{
	char **line = userdata;
	json_t *object = finding(entry->uid, 1);

	free(*line);
	*line = ocsf_line(object);
	json_decref(object);
	return *line;
}

static void record(struct journal *journal, const char *uid)
{
	CLEANUP(free_cleanup) char *line = NULL;
	const struct journal_input input = { .uid = uid,
					     .detector = "indicator",
					     .time = clock_realtime(),
					     .severity = 4,
					     .document = render,
					     .userdata = &line };

	assert_true(journal_record(journal, &input, NULL) > 0);
}

static void on_changed(const struct journal_entry *entry, void *userdata)
{
	sink_repeat(userdata, entry);
}

static void pass(uint64_t ns)
{
	clock_hold(clock_realtime() + ns, clock_boottime() + ns);
}

/* The line has time, severity, what, which process with pid and path, what was done, and why. */
static void test_line(void **state)
{
	json_t *object = finding("u", 1);
	char line[SCREEN_LINE_SIZE];
	struct view view;

	(void)state;
	view_read(object, &view);
	screen_line(&view, SCREEN_FINDING, false, line);
	assert_string_equal(line, "2023-11-14 22:13:20 HIGH     evil.example was looked up by "
				  "curl[4242] /usr/bin/curl [audit: would have done: block]: "
				  "evil.example is listed by test-feed");
	view.count = 7;
	screen_line(&view, SCREEN_REPEAT, false, line);
	assert_string_equal(line, "2023-11-14 22:13:20 HIGH     evil.example was looked up by "
				  "curl[4242] /usr/bin/curl x7 [audit: would have done: block]");
	screen_line(&view, SCREEN_FINDING, true, line);
	assert_non_null(strstr(line, "\033[31mHIGH    \033[0m"));
	json_decref(object);
}

/* Connections and flows tell where to, and what was done in their own words. */
static void test_line_of_kinds(void **state)
{
	static const struct {
		const char *kind, *destination, *expected;
		bool blocked;
	} cases[] = {
		{ "flow", "192.0.2.7", "T at 192.0.2.7:443 by curl[42] [cut]: W", true },
		{ "connection", "2001:db8::7", "T at [2001:db8::7]:443 by curl[42] [refused]: W",
		  true },
		{ "connection", "192.0.2.7", "T at 192.0.2.7:443 by curl[42]: W", false },
		{ "question", "192.0.2.7", "T by curl[42] [blocked]: W", true },
		{ "", "192.0.2.7", "T by curl[42] [blocked]: W", true },
		{ "flow", "", "T by curl[42]: W", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char line[SCREEN_LINE_SIZE];
		struct view view;
		json_t *nothing = json_object();

		view_read(nothing, &view);
		view.title = "T";
		view.why = "W";
		view.comm = "curl";
		view.pid = 42;
		view.kind = cases[i].kind;
		view.destination = cases[i].destination;
		view.destination_port = 443;
		view.blocked = cases[i].blocked;
		view.severity_id = 4;
		screen_line(&view, SCREEN_FINDING, false, line);
		assert_string_equal(strstr(line, "T "), cases[i].expected);
		json_decref(nothing);
	}
}

/* A stored object may hold anything: no byte of it reaches the terminal as a control. Long texts
 * are cut, and the line's end is never lost. */
static void test_line_is_safe(void **state)
{
	char text[4000], line[SCREEN_LINE_SIZE];
	struct view view;
	json_t *object = json_object();

	(void)state;
	view_read(object, &view);
	for (size_t i = 0; i + 1 < sizeof(text); i++)
		text[i] = "\x1b]0;\a\n\xc2\x9b\x7f\\\xff"[i % 11];
	text[sizeof(text) - 1] = '\0';
	view.title = view.why = view.exe = view.comm = view.user = view.unit = view.container =
		view.would_have = view.missed = view.process_role = view.uid = text;
	view.pid = 1;
	view.severity_id = 200;
	screen_line(&view, SCREEN_FINDING, false, line);
	assert_true(strlen(line) < sizeof(line));
	for (const char *at = line; *at; at++)
		assert_in_range((unsigned char)*at, 0x20, 0x7e);
	assert_int_equal(strncmp(line, "1970-01-01 00:00:00 UNKNOWN", 27), 0);
	/* What was escaped once is not escaped again. */
	view.title = "a\\x1b[2J";
	screen_line(&view, SCREEN_FINDING, false, line);
	assert_non_null(strstr(line, "UNKNOWN  a\\x1b[2J by"));
	json_decref(object);
}

static size_t count_lines(int fd)
{
	char byte;
	size_t count = 0;

	while (read(fd, &byte, 1) == 1)
		count += byte == '\n';
	return count;
}

/* The screen shows a new finding at once, and repeats once a second, with the last count. */
static void test_screen_pace(void **state)
{
	struct sink_options options = { .repeat_interval = 0 };
	struct journal *journal;
	struct sink *sink = NULL;
	char text[4096];
	int ends[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	options.screen.fd = ends[1];
	options.journal = journal = open_journal();
	assert_int_equal(sink_open("screen", &options, &sink), 0);
	journal_listen(journal, on_changed, sink);
	record(journal, "a");
	deliver(sink, "a");
	deliver(sink, "b");
	assert_int_equal(count_lines(ends[0]), 2);
	for (int count = 2; count < 100; count++) {
		record(journal, "a");
		assert_int_equal(journal_flush(journal), 0);
	}
	sink_flush(sink);
	assert_int_equal(count_lines(ends[0]), 0);
	pass(NS_PER_SECOND);
	sink_flush(sink);
	n = read(ends[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, " x99 "));
	assert_int_equal(strcspn(text, "\n"), n - 1);
	record(journal, "a");
	assert_int_equal(journal_flush(journal), 0);
	sink_close(sink);
	journal_listen(journal, NULL, NULL);
	journal_close(journal);
	assert_int_equal(count_lines(ends[0]), 1);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(close(ends[1]), 0);
}

static struct sink *file_sink(uint64_t max_bytes, unsigned keep)
{
	struct sink_options options = { .file = { path, max_bytes, keep } };
	struct sink *sink = NULL;

	assert_int_equal(sink_open("file", &options, &sink), 0);
	return sink;
}

static size_t file_lines(const char *suffix)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char name[PATH_SIZE + 8];
	size_t size, lines = 0;

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	if (fd_read_file(name, 1 << 20, &text, &size) < 0)
		return 0;
	for (char *line = text, *next; *line; line = next, lines++) {
		json_t *object;

		next = strchr(line, '\n');
		assert_non_null(next);
		*next++ = '\0';
		object = json_loads(line, 0, NULL);
		assert_non_null(object);
		json_decref(object);
	}
	return lines;
}

/* Files are rotated by size, so many are kept, and each line in them is whole. */
static void test_file_rotates(void **state)
{
	struct sink *sink = file_sink(2000, 2);
	size_t each;
	struct stat status;

	(void)state;
	deliver(sink, "a");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	each = 2000 / (size_t)status.st_size;
	for (int i = 1; i < 20; i++)
		deliver(sink, "a");
	sink_close(sink);
	assert_in_range(file_lines(""), 1, each);
	assert_int_equal(file_lines(".1"), each);
	assert_int_equal(file_lines(".2"), each);
	assert_int_equal(file_lines(".3"), 0);
	sink = file_sink(2000, 0);
	for (int i = 0; i < 20; i++)
		deliver(sink, "a");
	sink_close(sink);
	assert_in_range(file_lines(""), 1, each);
}

/* When another has moved the file away, the next one is begun on request. */
static void test_file_reopens(void **state)
{
	struct sink *sink = file_sink(0, 0);
	char moved[PATH_SIZE + 8];

	(void)state;
	deliver(sink, "a");
	(void)snprintf(moved, sizeof(moved), "%s.moved", path);
	assert_int_equal(rename(path, moved), 0);
	deliver(sink, "b");
	sink_reopen(sink);
	deliver(sink, "c");
	sink_close(sink);
	assert_int_equal(file_lines(".moved"), 2);
	assert_int_equal(file_lines(""), 1);
}

/* While the disk is full, failures are counted and no half line is left; then it goes on. */
static void test_file_full(void **state)
{
	struct sink *sink = file_sink(0, 0);
	struct sink_statistics statistics;
	struct rlimit before, little;
	struct stat status;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	deliver(sink, "a");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	/* Room for half a line more. */
	little = (struct rlimit){ .rlim_cur = (rlim_t)(status.st_size * 3 / 2),
				  .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	deliver(sink, "b");
	deliver(sink, "c");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	sink_statistics(sink, &statistics);
	assert_int_equal(statistics.delivered, 1);
	assert_int_equal(statistics.failed, 2);
	assert_true(statistics.error < 0);
	deliver(sink, "d");
	sink_statistics(sink, &statistics);
	assert_int_equal(statistics.delivered, 2);
	assert_int_equal(statistics.error, 0);
	sink_close(sink);
	assert_int_equal(file_lines(""), 2);
}

/* More findings than the sink remembers: each is told with its last count in the end, and most of
 * their repeats are held back. */
static void test_pace_loses_nothing(void **state)
{
	enum { UIDS = 3000, ROUNDS = 5 };
	struct sink_options options = { .file = { path, 0, 0 },
					.repeat_interval = SINK_REPEAT_INTERVAL };
	CLEANUP(free_cleanup) char *text = NULL;
	CLEANUP(free_cleanup) uint64_t *counts = calloc(UIDS, sizeof(*counts));
	struct journal *journal = open_journal();
	struct sink *sink = NULL;
	size_t size, lines = 0;

	(void)state;
	options.journal = journal;
	assert_int_equal(sink_open("file", &options, &sink), 0);
	journal_listen(journal, on_changed, sink);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < UIDS; i++) {
			char uid[32];

			(void)snprintf(uid, sizeof(uid), "%d", i);
			record(journal, uid);
			if (round == 0)
				deliver(sink, uid);
		}
		assert_int_equal(journal_flush(journal), 0);
		sink_flush(sink);
	}
	sink_close(sink);
	journal_listen(journal, NULL, NULL);
	journal_close(journal);
	assert_int_equal(fd_read_file(path, 64 << 20, &text, &size), 0);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		json_t *object = json_loads(line, 0, NULL);
		struct view view;

		assert_non_null(object);
		view_read(object, &view);
		counts[atoi(view.uid)] = view.count;
		json_decref(object);
	}
	for (int i = 0; i < UIDS; i++)
		assert_int_equal(counts[i], ROUNDS);
	assert_in_range(lines, 2 * UIDS, 4 * UIDS);
}

static bool has_field(const struct journald_fields *fields, const char *text)
{
	for (size_t i = 0; i < fields->count; i++)
		if (fields->fields[i].iov_len == strlen(text) &&
		    memcmp(fields->fields[i].iov_base, text, strlen(text)) == 0)
			return true;
	return false;
}

/* The systemd journal gets structured fields; those not known are left out. */
static void test_journald_fields(void **state)
{
	static const char *const expected[] = {
		"PRIORITY=3",
		"SYSLOG_IDENTIFIER=cordon",
		"CORDON_SEVERITY=high",
		"CORDON_FINDING_UID=u",
		"CORDON_DETECTOR=indicator",
		"CORDON_QNAME=evil.example",
		"CORDON_INDICATOR=evil.example",
		"CORDON_FEED=test-feed",
		"CORDON_PID=4242",
		"CORDON_EXE=/usr/bin/curl",
		"CORDON_COUNT=3",
		"CORDON_WOULD_HAVE=block",
		"CORDON_RULE=default",
	};
	json_t *object = finding("u", 3), *empty = json_object();
	struct sink_message message = { .object = object, .line = "{}", .length = 2 };
	struct journald_fields fields;

	(void)state;
	view_read(object, &message.view);
	assert_int_equal(journald_fields_make(&message, &fields), 0);
	for (size_t i = 0; i < ELEMENTS(expected); i++)
		assert_true(has_field(&fields, expected[i]));
	assert_true(has_field(&fields, "CORDON_JSON={}"));
	journald_fields_free(&fields);
	view_read(empty, &message.view);
	assert_int_equal(journald_fields_make(&message, &fields), 0);
	for (size_t i = 0; i < fields.count; i++)
		assert_int_not_equal(strncmp(fields.fields[i].iov_base, "CORDON_PID", 10), 0);
	journald_fields_free(&fields);
	json_decref(object);
	json_decref(empty);
}

/* What was done about finding "u". */
static json_t *activity(void)
{
	static const char text[] =
		"{'class_uid': 7004, 'category_uid': 7, 'severity_id': 4, 'disposition_id': 2,"
		" 'disposition': 'Blocked', 'message': 'evil.example was looked up',"
		" 'unmapped': {'finding_uid': 'u', 'evidence':"
		"  {'query': {'hostname': 'evil.example'}, 'process': {'pid': 4242}}}}";
	char json[sizeof(text)];
	json_t *object;

	for (size_t i = 0; i < sizeof(text); i++)
		json[i] = (char)(text[i] == '\'' ? '"' : text[i]);
	object = json_loads(json, 0, NULL);
	assert_non_null(object);
	return object;
}

/* The journal's entry of what was done names its finding, and is told from it by MESSAGE_ID. */
static void test_journald_activity(void **state)
{
	static const char *const expected[] = {
		"CORDON_FINDING_UID=u", "CORDON_QNAME=evil.example", "CORDON_DISPOSITION=Blocked",
		"CORDON_PID=4242",	"CORDON_SEVERITY=high",
	};
	json_t *object = activity();
	struct sink_message message = { .object = object, .line = "{}", .length = 2 };
	struct journald_fields fields;

	(void)state;
	view_read(object, &message.view);
	assert_int_equal(journald_fields_make(&message, &fields), 0);
	for (size_t i = 0; i < ELEMENTS(expected); i++)
		assert_true(has_field(&fields, expected[i]));
	assert_false(has_field(&fields, "MESSAGE_ID=2f1e6d0c5c7b4a0f9d1be7a40c1df5a2"));
	assert_false(has_field(&fields, "CORDON_COUNT=0"));
	journald_fields_free(&fields);
	json_decref(object);
}

/* The file takes what was done about a finding; the screen, which has shown the finding with it,
 * does not show it again. */
static void test_activities_are_not_for_the_screen(void **state)
{
	static const struct {
		const char *sink;
		uint64_t delivered;
	} rows[] = { { "file", 2 }, { "screen", 1 } };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct sink_options options = { .file = { path, 0, 0 } };
		struct sink_statistics statistics;
		json_t *object = activity();
		struct sink *sink = NULL;

		options.screen.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		assert_int_equal(sink_open(rows[i].sink, &options, &sink), 0);
		deliver(sink, "u");
		sink_deliver(sink, object, "{}");
		sink_statistics(sink, &statistics);
		assert_int_equal(statistics.delivered, rows[i].delivered);
		sink_close(sink);
		close(options.screen.fd);
		json_decref(object);
	}
}

/* A sink that does not exist, or cannot be opened, is an error at once. */
static void test_sink_errors(void **state)
{
	struct sink_options options = { .file = { "/nonexistent/folder/file", 0, 0 } };
	struct sink *sink = NULL;
	int reader;

	(void)state;
	assert_int_equal(sink_open("printer", &options, &sink), -ENOENT);
	assert_int_equal(sink_open("file", &options, &sink), -ENOENT);
	/* A FIFO would hold everything up, whether it is read or not. */
	options.file.path = path;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(sink_open("file", &options, &sink), -ENXIO);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	assert_int_equal(sink_open("file", &options, &sink), -EINVAL);
	assert_int_equal(close(reader), 0);
	assert_null(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_line_of_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_line_is_safe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_screen_pace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_rotates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_reopens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pace_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_journald_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_journald_activity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_activities_are_not_for_the_screen, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_sink_errors, setup, teardown),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
