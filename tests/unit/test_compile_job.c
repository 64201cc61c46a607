/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that feeds are compiled by a worker in its cage into the pack that they would give in our
 * own process, with a report for each of them, that it says what the update changes and which
 * popular names it would block, and that a feed or a worker that fails is told and leaves no pack.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cage.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "scan/compile_job.h"
#include "scan_double.h"

#define MEMORY ((uint64_t)512 << 20)

CLEANUP_DEFINE(struct pack *, pack_close)

struct outcome {
	bool called;
	sd_event *loop;
	struct compile_result result;
	struct compile_answer done;
	struct compile_feed_report feeds[4];
	struct pack_change changes[4];
	char text[512];
};

static void done(const struct compile_result *result, void *userdata)
{
	struct outcome *outcome = userdata;

	assert_false(outcome->called);
	outcome->called = true;
	outcome->result = *result;
	if (result->done)
		outcome->done = *result->done;
	assert_true(result->feeds_count <= 4 && result->changes_count <= 4);
	memcpy(outcome->feeds, result->feeds, result->feeds_count * sizeof(*result->feeds));
	memcpy(outcome->changes, result->changes, result->changes_count * sizeof(*result->changes));
	(void)snprintf(outcome->text, sizeof(outcome->text), "%s", result->text);
	if (outcome->loop)
		(void)sd_event_exit(outcome->loop, 0);
}

static int memory_file(const void *bytes, size_t size)
{
	int fd = memfd_create("list", MFD_CLOEXEC);

	assert_true(fd > 0);
	assert_int_equal(fd_write_all(fd, bytes, size), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

struct rig {
	struct compile_job_feed feeds[4];
	size_t count;
	struct compile_job_options options;
};

static void rig_feed(struct rig *rig, const char *name, const void *bytes, size_t size)
{
	struct compile_job_feed *feed = &rig->feeds[rig->count++];

	feed->hand = (struct compile_hand){ .role = COMPILE_FEED };
	(void)snprintf(feed->hand.name, sizeof(feed->hand.name), "%s", name);
	feed->fd = memory_file(bytes, size);
}

static void rig_run(struct rig *rig, sd_event *loop, struct outcome *outcome)
{
	struct compile_job *job;

	*outcome = (struct outcome){ .loop = loop };
	rig->options.program = scan_double_path();
	if (!rig->options.memory)
		rig->options.memory = MEMORY;
	rig->options.output = memfd_create("pack", MFD_CLOEXEC);
	assert_int_equal(
		compile_job_start(loop, &rig->options, rig->feeds, rig->count, done, outcome, &job),
		0);
	if (loop)
		assert_true(sd_event_loop(loop) >= 0);
	else
		compile_job_wait(job);
	assert_true(outcome->called);
	for (size_t i = 0; i < rig->count; i++)
		(void)close(rig->feeds[i].fd);
	rig->count = 0;
}

static struct pack *rig_pack(struct rig *rig)
{
	struct pack *pack = NULL;
	const char *why = "";

	if (pack_open_fd(rig->options.output, &pack, &why) < 0)
		fail_msg("%s", why);
	return pack;
}

#define TEXT(text) text, sizeof(text) - 1

static bool blocked(const struct pack *pack, const char *name)
{
	struct domain_name wire;
	struct pack_match match;

	assert_int_equal(domain_name_parse(name, &wire), 0);
	return pack_lookup_domain(pack, &wire, 0, &match) > 0 && match.blocked;
}

static void feeds_are_compiled(void **state)
{
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	struct rig rig = { 0 };
	struct outcome outcome;
	sd_event *loop = NULL;

	(void)state;
	assert_true(sd_event_new(&loop) >= 0);
	rig_feed(&rig, "one", TEXT("evil.com\nbad.example\nnot a name\n# x\nsafe.com\n"));
	rig_feed(&rig, "two", TEXT("{\"list\":[\"ok.evil.com\"]}\n192.0.2.1\nevil.com\n"));
	rig.options.never_block = memory_file(TEXT("safe.com\n"));
	rig_run(&rig, loop, &outcome);
	sd_event_unref(loop);
	assert_int_equal(outcome.result.error, 0);
	assert_int_equal(outcome.done.done.domains, 4);
	assert_int_equal(outcome.done.done.addresses, 1);
	assert_int_equal(outcome.feeds[0].items, 5);
	assert_int_equal(outcome.feeds[0].entries, 2);
	assert_int_equal(outcome.feeds[0].skipped, 1);
	assert_int_equal(outcome.feeds[0].rejected[LIST_UNSUPPORTED_RULE], 1);
	assert_int_equal(outcome.feeds[0].rejected[LIST_NEVER_BLOCK], 1);
	assert_int_equal(outcome.feeds[1].entries, 3);
	pack = rig_pack(&rig);
	assert_true(blocked(pack, "www.evil.com"));
	assert_false(blocked(pack, "ok.evil.com"));
	assert_false(blocked(pack, "safe.com"));
}

static void changes_are_told(void **state)
{
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	struct rig rig = { 0 };
	struct outcome outcome;

	(void)state;
	rig_feed(&rig, "one", TEXT("a.com\nb.com\nc.com\n192.0.2.0/24\n"));
	rig_feed(&rig, "gone", TEXT("x.com\n"));
	rig_run(&rig, NULL, &outcome);
	assert_int_equal(outcome.result.error, 0);
	rig.options.before = rig.options.output;
	rig.options.popular = memory_file(TEXT("google.com\nb.com\nd.com\nx.d.com\n192.0.2.9\n"));
	rig.options.in_use = memory_file(TEXT("a.com\nb.com\nz.c.com\ny.d.com\n"));
	rig_feed(&rig, "one", TEXT("b.com\nd.com\n192.0.2.0/25\n"));
	rig_run(&rig, NULL, &outcome);
	assert_int_equal(outcome.result.error, 0);
	assert_int_equal(outcome.result.changes_count, 2);
	assert_string_equal(outcome.changes[0].feed, "one");
	assert_int_equal(outcome.changes[0].before, 4);
	assert_int_equal(outcome.changes[0].after, 3);
	assert_int_equal(outcome.changes[0].added, 2);
	assert_int_equal(outcome.changes[0].removed, 3);
	assert_string_equal(outcome.changes[1].feed, "gone");
	assert_int_equal(outcome.changes[1].removed, 1);
	assert_int_equal(outcome.changes[1].after, 0);
	/* d.com, and what stands below it; what was blocked before is not new. */
	assert_int_equal(outcome.done.done.popular.count, 2);
	assert_string_equal(outcome.done.done.popular.name, "d.com");
	assert_int_equal(outcome.done.done.in_use.count, 1);
	assert_string_equal(outcome.done.done.in_use.name, "y.d.com");
	pack = rig_pack(&rig);
}

static void broken_feeds_are_told(void **state)
{
	static const unsigned char cut[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b };
	struct rig rig = { 0 };
	struct outcome outcome;

	(void)state;
	rig_feed(&rig, "one", TEXT("a.com\n"));
	rig_feed(&rig, "two", cut, sizeof(cut));
	rig_run(&rig, NULL, &outcome);
	assert_int_equal(outcome.result.error, -EBADMSG);
	assert_int_equal(outcome.result.feed, 1);
	assert_false(outcome.result.broken);
	(void)close(rig.options.output);
	rig_feed(&rig, "one", TEXT("# nothing\n"));
	rig_run(&rig, NULL, &outcome);
	assert_int_equal(outcome.result.error, -ENODATA);
	assert_int_equal(outcome.result.feed, UINT32_MAX);
	(void)close(rig.options.output);
}

static void memory_is_bounded(void **state)
{
#ifdef CAGE_SANITIZED
	/* Its shadow alone takes more. */
	(void)state;
	skip();
#else
	struct rig rig = { .options.memory = (uint64_t)40 << 20 };
	struct outcome outcome;
	size_t room = (size_t)40 << 20, used = 0;
	char *list = malloc(room);

	(void)state;
	assert_non_null(list);
	for (unsigned i = 0; i < 1000000; i++)
		used += (size_t)snprintf(list + used, room - used, "name-number-%u.example.com\n",
					 i);
	rig_feed(&rig, "large", list, used);
	free(list);
	rig_run(&rig, NULL, &outcome);
	assert_true(outcome.result.error < 0);
	(void)close(rig.options.output);
#endif
}

static void missing_program(void **state)
{
	struct compile_job_options options = { .program = "/nonexistent/cordon-scan" };
	struct compile_job *job = NULL;

	(void)state;
	assert_int_equal(compile_job_start(NULL, &options, NULL, 0, done, NULL, &job), -ENOENT);
	assert_null(job);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(feeds_are_compiled),	 cmocka_unit_test(changes_are_told),
		cmocka_unit_test(broken_feeds_are_told), cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(missing_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
