/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that lookups go on while the table is replaced: each sees the old one or the new one as a
 * whole. A name that both list is matched every time, whatever stands around it in either.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "intel/pack.h"
#include "probe_run.h"

#define SWAPS	 200
#define FILLING	 5000 /* names that only one of the tables has: they differ in size */
#define DEADLINE (30 * NS_PER_SECOND)
/* Rounds of lookups between two swaps: without a look at the clock, each table has its turn. */
#define ROUNDS	 5

static const struct {
	const char *name;
	bool in_old, in_new;
} lookups[] = {
	{ "both.test", true, true },
	{ "below.both.test", true, true },
	/* Entries at different depths decide. */
	{ "x.y.deep.test", true, true },
	{ "old.test", true, false },
	{ "new.test", false, true },
	/* Listed in one, allowed in the other. */
	{ "turned.test", true, false },
	{ "neither.test", false, false },
};

struct run {
	struct probe probe;
	struct packet packets[ELEMENTS(lookups)];
	atomic_uint rounds;
	atomic_bool done;
	/* of the lookups' thread */
	size_t matched[ELEMENTS(lookups)], clean[ELEMENTS(lookups)];
	bool wrong;
};

static char *list_make(const char *head, const char *filling)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	assert_true(fprintf(file, "%s", head) > 0);
	for (int i = 0; filling && i < FILLING; i++)
		assert_true(fprintf(file, "n%d.%s.test\n", i, filling) > 0);
	assert_int_equal(fclose(file), 0);
	return text;
}

static struct pack *pack_make(const char *block, const char *allow, const char *filling)
{
	CLEANUP(free_cleanup) char *text = list_make(block, filling);

	return probe_pack(text, allow);
}

/* Not an assertion: those are for the main thread. */
static void lookup_run(struct run *run, size_t i)
{
	bool matched;

	(void)probe_run(&run->probe, &run->packets[i]);
	if (run->probe.count != 1) {
		run->wrong = true;
		return;
	}
	matched = run->probe.events[0].matched;
	if (matched)
		run->matched[i]++;
	else
		run->clean[i]++;
	run->wrong |= matched ? !lookups[i].in_old && !lookups[i].in_new
			      : lookups[i].in_old && lookups[i].in_new;
}

static void *lookups_go_on(void *argument)
{
	struct run *run = argument;

	while (!run->done) {
		for (size_t i = 0; i < ELEMENTS(lookups); i++)
			lookup_run(run, i);
		run->rounds++;
	}
	return NULL;
}

static void packets_make(struct run *run)
{
	const struct flow flow = { .source_port = 40000, .destination_port = 53 };

	for (size_t i = 0; i < ELEMENTS(lookups); i++) {
		struct domain_name name;
		struct message message;

		assert_int_equal(domain_name_parse(lookups[i].name, &name), 0);
		message_query(&message, &name);
		packet_udp(&run->packets[i], i % 2 ? PACKET_IPV4 : PACKET_IPV6_HOP_BY_HOP, &flow,
			   message.bytes, message.size);
	}
}

static void rounds_wait(struct run *run, unsigned wanted)
{
	unsigned until = run->rounds + wanted;
	uint64_t deadline = clock_boottime() + DEADLINE;

	while ((int)(until - run->rounds) > 0) {
		assert_true(clock_boottime() < deadline);
		(void)sched_yield();
	}
}

static void test_swap(void **state)
{
	struct sensor_options options = { .replay = true };
	CLEANUP(free_cleanup) struct run *run = calloc(1, sizeof(*run));
	struct pack *packs[2] = {
		pack_make("both.test\nold.test\nturned.test\ndeep.test\n", NULL, "fill-old"),
		pack_make("both.test\nnew.test\nx.y.deep.test\n", "turned.test\n", NULL),
	};
	pthread_t thread;
	uint64_t next;

	(void)state;
	assert_non_null(run);
	probe_open(&run->probe, &options);
	packets_make(run);
	assert_int_equal(sensor_set_pack(run->probe.sensor, packs[0], 0, NULL, NULL, &next), 0);
	assert_int_equal(pthread_create(&thread, NULL, lookups_go_on, run), 0);
	for (size_t i = 1; i <= SWAPS; i++) {
		rounds_wait(run, i % 2 ? ROUNDS : 0);
		assert_int_equal(
			sensor_set_pack(run->probe.sensor, packs[i % 2], 0, NULL, NULL, &next), 0);
	}
	rounds_wait(run, ROUNDS);
	run->done = true;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(run->wrong);
	for (size_t i = 0; i < ELEMENTS(lookups); i++) {
		bool both = lookups[i].in_old && lookups[i].in_new;

		/* Both tables had their turn. */
		assert_true(!!run->matched[i] == (lookups[i].in_old || lookups[i].in_new));
		assert_true(!!run->clean[i] == !both);
	}
	probe_close(&run->probe);
	pack_close(packs[0]);
	pack_close(packs[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_swap),
	};
	int r = probe_privilege();

	return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
