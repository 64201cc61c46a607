/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: what is in the journal is owed to each sink until it has taken it, in the last state that
 * it had, through restarts, pruning and a day without a network; limits hold, and never cost a
 * finding of high or critical severity.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "journal/journal.h"
#include "journal/outbox.h"

#define DAY   (UINT64_C(86400) * NS_PER_SECOND)
#define START (UINT64_C(1800000000) * NS_PER_SECOND)

struct world {
	char folder[64], path[128];
	struct journal *journal;
	uint64_t now;
	struct outbox_options options;
	uint64_t findings;
};

static void at(struct world *world, uint64_t now)
{
	world->now = now;
	clock_hold(now, now - START + DAY);
}

static void start(struct world *world)
{
	const struct journal_limits limits = { .findings = world->findings };
	bool damaged;

	assert_int_equal(journal_open(world->path, &limits, &world->journal, &damaged), 0);
	assert_false(damaged);
	assert_int_equal(outbox_open(world->journal, &world->options), 0);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	(void)strcpy(world->folder, "/tmp/cordon-outbox-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	(void)snprintf(world->path, sizeof(world->path), "%s/journal.db", world->folder);
	world->options = (struct outbox_options){
		.sinks = { { .id = 1, .severity = 1 } },
		.sinks_count = 1,
		.entries = 1000,
		.bytes = 64u << 20,
		.age = 14 * DAY,
		.repeat = 60 * NS_PER_SECOND,
	};
	world->findings = 100000;
	at(world, START);
	start(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	char command[256];

	journal_close(world->journal);
	clock_release();
	(void)snprintf(command, sizeof(command), "rm -r %s", world->folder);
	assert_int_equal(system(command), 0);
	free(world);
	return 0;
}

struct rendering {
	char text[512];
};

static const char *document(const struct journal_entry *entry, void *userdata)
{
	struct rendering *rendering = userdata;

	(void)snprintf(rendering->text, sizeof(rendering->text),
		       "{\"uid\":\"%s\",\"count\":%" PRIu64 "}", entry->uid, entry->count);
	return rendering->text;
}

static void see(struct world *world, const char *uid, int severity)
{
	struct rendering rendering;
	const struct journal_input input = { .uid = uid,
					     .detector = "test",
					     .time = world->now,
					     .severity = severity,
					     .document = document,
					     .userdata = &rendering };

	assert_true(journal_record(world->journal, &input, NULL) > 0);
}

/* What was taken, and how often. */
struct taken {
	size_t count, most;
	struct {
		uint64_t sequence, count;
		char uid[64], document[128];
		int severity;
	} rows[256];
};

static int take(const struct outbox_delivery *delivery, void *userdata)
{
	struct taken *taken = userdata;

	if (taken->count == taken->most)
		return 1;
	taken->rows[taken->count].sequence = delivery->sequence;
	taken->rows[taken->count].count = delivery->count;
	taken->rows[taken->count].severity = delivery->severity;
	(void)snprintf(taken->rows[taken->count].uid, 64, "%s", delivery->uid);
	(void)snprintf(taken->rows[taken->count].document, 128, "%s", delivery->document);
	taken->count++;
	return 0;
}

static void take_all(struct world *world, struct taken *taken, size_t most)
{
	int r;

	taken->count = 0;
	taken->most = most;
	r = outbox_take(world->journal, 1, world->now, take, taken);
	assert_true(r == 0 || r == 1);
}

static void settle(struct world *world, uint64_t sequence, enum outbox_fate fate, uint64_t next)
{
	const struct outbox_result result = { sequence, fate, next };

	assert_int_equal(outbox_settle(world->journal, &result, 1, world->now), 0);
}

static void owed(struct world *world, uint64_t waiting, uint64_t poison)
{
	struct outbox_statistics statistics;

	assert_int_equal(outbox_statistics(world->journal, 1, &statistics), 0);
	assert_int_equal(statistics.waiting, waiting);
	assert_int_equal(statistics.poison, poison);
}

static void owed_until_taken(void **state)
{
	struct world *world = *state;
	struct taken taken;

	see(world, "a", 3);
	see(world, "b", 5);
	assert_true(outbox_noted(world->journal));
	assert_false(outbox_noted(world->journal));
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 2);
	/* Severe ones first. */
	assert_string_equal(taken.rows[0].uid, "b");
	assert_string_equal(taken.rows[1].document, "{\"uid\":\"a\",\"count\":1}");
	settle(world, taken.rows[0].sequence, OUTBOX_DELIVERED, 0);
	owed(world, 1, 0);
	/* What is taken is not taken twice, and given back it is. */
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 0);
	outbox_release(world->journal);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 1);
	settle(world, taken.rows[0].sequence, OUTBOX_LATER, world->now + 5);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 0);
	at(world, world->now + 5);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 1);
	settle(world, taken.rows[0].sequence, OUTBOX_BACK, 0);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 1);
	settle(world, taken.rows[0].sequence, OUTBOX_DELIVERED, 0);
	owed(world, 0, 0);
}

static void one_update_waits(void **state)
{
	struct world *world = *state;
	struct outbox_statistics statistics;
	struct taken taken;
	uint64_t next;

	at(world, START - DAY);
	see(world, "a", 3);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 1);
	at(world, START);
	/* Seen again while it is on its way: that is owed after it, once, a minute later. */
	for (int i = 0; i < 100; i++)
		see(world, "a", 3);
	assert_int_equal(journal_flush(world->journal), 0);
	settle(world, taken.rows[0].sequence, OUTBOX_DELIVERED, 0);
	owed(world, 1, 0);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 0);
	assert_int_equal(outbox_next(world->journal, 1, &next), 0);
	assert_int_equal(next, world->now + world->options.repeat);
	at(world, next);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 1);
	assert_int_equal(taken.rows[0].count, 101);
	assert_int_equal(outbox_statistics(world->journal, 1, &statistics), 0);
	assert_int_equal(statistics.oldest, START);
	settle(world, taken.rows[0].sequence, OUTBOX_DELIVERED, 0);
	owed(world, 0, 0);
	/* Raised: at once. */
	see(world, "a", 5);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 1);
	assert_int_equal(taken.rows[0].severity, 5);
}

static void poison_is_set_aside(void **state)
{
	struct world *world = *state;
	struct taken taken;

	see(world, "a", 3);
	take_all(world, &taken, 8);
	settle(world, taken.rows[0].sequence, OUTBOX_POISON, 0);
	owed(world, 0, 1);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 0);
	/* The next start tries again; so does a finding that has changed. */
	journal_close(world->journal);
	start(world);
	owed(world, 1, 0);
	take_all(world, &taken, 8);
	settle(world, taken.rows[0].sequence, OUTBOX_POISON, 0);
	/* Seen again it is told of as often as any other, no oftener. */
	see(world, "a", 3);
	assert_int_equal(journal_flush(world->journal), 0);
	owed(world, 1, 0);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 0);
	see(world, "a", 4);
	take_all(world, &taken, 8);
	assert_int_equal(taken.count, 1);
}

static void pruned_findings_are_owed_still(void **state)
{
	struct world *world = *state;
	struct taken taken;
	char uid[32];

	journal_close(world->journal);
	world->findings = 100;
	start(world);
	for (unsigned i = 0; i < 250; i++) {
		at(world, world->now + 1000);
		(void)snprintf(uid, sizeof(uid), "p%u", i);
		see(world, uid, 4);
		if (i % 50 == 49)
			assert_int_equal(journal_flush(world->journal), 0);
	}
	owed(world, 250, 0);
	take_all(world, &taken, 256);
	assert_int_equal(taken.count, 250);
	for (unsigned i = 0; i < 250; i++) {
		char expected[64];

		(void)snprintf(expected, sizeof(expected), "{\"uid\":\"p%u\",\"count\":1}", i);
		assert_string_equal(taken.rows[i].document, expected);
		assert_int_equal(taken.rows[i].count, 1);
	}
}

static void limits_hold(void **state)
{
	struct world *world = *state;
	static const int severities[] = { 1, 2, 3, 4, 5 };
	uint64_t dropped, all = 0;
	struct taken taken;
	char uid[32];

	for (unsigned i = 0; i < 2000; i++) {
		(void)snprintf(uid, sizeof(uid), "l%u", i);
		see(world, uid, severities[i % 5]);
	}
	assert_int_equal(outbox_prune(world->journal, world->now, &dropped), 0);
	/* Informational ones go first, then low ones: 400 each, and then 200 medium ones. */
	assert_int_equal(dropped, 1000);
	owed(world, 1000, 0);
	take_all(world, &taken, 256);
	assert_int_equal(taken.rows[0].severity >= 4, 1);
	outbox_release(world->journal);
	/* Age takes the rest of those that may go, and no other. */
	at(world, world->now + 15 * DAY);
	assert_int_equal(outbox_prune(world->journal, world->now, &dropped), 0);
	assert_int_equal(dropped, 200);
	owed(world, 800, 0);
	/* Beyond the limit with nothing that may go: nothing goes. */
	for (unsigned i = 0; i < 500; i++) {
		(void)snprintf(uid, sizeof(uid), "m%u", i);
		see(world, uid, 5);
	}
	assert_int_equal(outbox_prune(world->journal, world->now, &dropped), 0);
	owed(world, 1300, 0);
	for (;;) {
		take_all(world, &taken, 256);
		if (taken.count == 0)
			break;
		for (size_t i = 0; i < taken.count; i++) {
			assert_true(taken.rows[i].severity >= 4);
			settle(world, taken.rows[i].sequence, OUTBOX_DELIVERED, 0);
		}
		all += taken.count;
	}
	assert_int_equal(all, 1300);
}

/* A child is killed at a moment of chance between taking and settling. */
static void killed_child(struct world *world, unsigned turn)
{
	struct taken taken;
	char uid[32];

	start(world);
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(uid, sizeof(uid), "k%u-%u", turn, i);
		see(world, uid, 1 + (int)(i % 5));
	}
	take_all(world, &taken, 20);
	for (size_t i = 0; i < taken.count && i < turn; i++)
		settle(world, taken.rows[i].sequence, OUTBOX_DELIVERED, 0);
	(void)kill(getpid(), SIGKILL);
}

static void killed_at_any_moment(void **state)
{
	struct world *world = *state;
	uint64_t settled = 0;

	journal_close(world->journal);
	world->journal = NULL;
	for (unsigned turn = 0; turn < 10; turn++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			killed_child(world, turn);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		settled += turn;
	}
	start(world);
	owed(world, 400 - settled, 0);
}

static void day_without_network(void **state)
{
	/* 100,000 findings over a day of the clock, with restarts: all severe ones arrive, the
	 * dropped ones are counted, and the file stays bounded. */
	struct world *world = *state;
	uint64_t dropped = 0, some, severe = 0, arrived = 0, others = 0;
	static struct taken taken;
	struct journal_statistics statistics;
	char uid[32];

	journal_close(world->journal);
	world->options.entries = 20000;
	world->findings = 5000;
	start(world);
	for (unsigned i = 0; i < 100000; i++) {
		int severity = i % 50 == 0 ? 4 + (int)(i / 50 % 2) : 1 + (int)(i % 3);

		if (i % 100 == 0)
			journal_begin(world->journal);
		at(world, START + DAY / 100000 * i);
		(void)snprintf(uid, sizeof(uid), "d%u", i);
		see(world, uid, severity);
		severe += severity >= 4;
		if (i % 100 == 99) {
			assert_int_equal(journal_commit(world->journal), 0);
			assert_int_equal(journal_flush(world->journal), 0);
		}
		if (i % 1000 == 999) {
			assert_int_equal(outbox_prune(world->journal, world->now, &some), 0);
			dropped += some;
		}
		if (i % 20000 == 19999) {
			journal_close(world->journal);
			start(world);
		}
	}
	owed(world, 100000 - dropped, 0);
	journal_statistics(world->journal, &statistics);
	assert_true(statistics.bytes < 32u << 20);
	for (;;) {
		struct outbox_result results[256];

		take_all(world, &taken, 256);
		if (taken.count == 0)
			break;
		for (size_t i = 0; i < taken.count; i++) {
			arrived += taken.rows[i].severity >= 4;
			others += taken.rows[i].severity < 4;
			results[i] = (struct outbox_result){ taken.rows[i].sequence,
							     OUTBOX_DELIVERED, 0 };
		}
		assert_int_equal(outbox_settle(world->journal, results, taken.count, world->now),
				 0);
	}
	assert_int_equal(arrived, severe);
	assert_int_equal(arrived + others + dropped, 100000);
	owed(world, 0, 0);
}

struct forgotten {
	unsigned sinks[8];
	uint64_t counts[8];
	size_t count;
};

static void forget(unsigned sink, uint64_t count, void *userdata)
{
	struct forgotten *forgotten = userdata;

	forgotten->sinks[forgotten->count] = sink;
	forgotten->counts[forgotten->count++] = count;
}

/* What is owed to a sink that is configured no more goes, whatever its severity; others keep
 * theirs, and findings stay in the journal. */
static void sinks_that_are_gone(void **state)
{
	struct world *world = *state;
	struct forgotten forgotten = { .count = 0 };
	struct journal_statistics statistics;
	struct outbox_statistics owed_now;

	journal_close(world->journal);
	world->options.sinks[1] = (struct outbox_sink){ .id = 5, .severity = 4 };
	world->options.sinks[2] = (struct outbox_sink){ .id = 9, .severity = 1 };
	world->options.sinks_count = 3;
	start(world);
	see(world, "low", 2);
	see(world, "high", 4);
	see(world, "critical", 5);
	assert_int_equal(outbox_drop_others(world->journal, &world->options, forget, &forgotten),
			 0);
	assert_int_equal(forgotten.count, 0);
	world->options.sinks_count = 1;
	assert_int_equal(outbox_drop_others(world->journal, &world->options, forget, &forgotten),
			 0);
	assert_int_equal(forgotten.count, 2);
	assert_int_equal(forgotten.sinks[0], 5);
	assert_int_equal(forgotten.counts[0], 2);
	assert_int_equal(forgotten.sinks[1], 9);
	assert_int_equal(forgotten.counts[1], 3);
	assert_int_equal(outbox_statistics(world->journal, 0, &owed_now), 0);
	assert_int_equal(owed_now.waiting, 3);
	/* No sink at all. */
	assert_int_equal(outbox_drop_others(world->journal, NULL, forget, &forgotten), 0);
	assert_int_equal(forgotten.counts[2], 3);
	assert_int_equal(outbox_statistics(world->journal, 0, &owed_now), 0);
	assert_int_equal(owed_now.waiting, 0);
	journal_statistics(world->journal, &statistics);
	assert_int_equal(statistics.findings, 3);
}

static int newest_note(const struct journal_entry *entry, void *userdata)
{
	(void)snprintf(userdata, JOURNAL_UID_SIZE, "%s", entry->uid);
	return 7;
}

/* The finding that was new last, whatever was seen again since. */
static void newest_is_found(void **state)
{
	struct world *world = *state;
	char uid[JOURNAL_UID_SIZE] = "";

	assert_int_equal(journal_newest(world->journal, newest_note, uid), 0);
	see(world, "a", 1);
	see(world, "b", 3);
	at(world, START + 5);
	see(world, "a", 1);
	assert_int_equal(journal_newest(world->journal, newest_note, uid), 7);
	assert_string_equal(uid, "b");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(owed_until_taken),	   TEST(one_update_waits),
		TEST(poison_is_set_aside), TEST(pruned_findings_are_owed_still),
		TEST(limits_hold),	   TEST(killed_at_any_moment),
		TEST(day_without_network), TEST(sinks_that_are_gone),
		TEST(newest_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
