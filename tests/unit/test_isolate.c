/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: of a fleet that is struck in one moment exactly the budget is isolated and all others are
 * up again, whatever the delays are; an instance that dies at any write or call, before it or after
 * it, comes to the right end, tells it once, and never loses or overwrites its groups of before;
 * nobody's confirmation releases it; it is stopped or terminated only where that is let.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "fleet.h"

#define QUARANTINE "sg-e"

static const struct isolation_options options = {
	.quarantine = QUARANTINE,
	.transition = "",
	.budget = { .scope = ISOLATION_SCOPE_VPC,
		    .tag = "",
		    .count = 1000000,
		    .window = 3600 * NS_PER_SECOND,
		    .settle = 2 * NS_PER_SECOND },
	.unknown_after = 30 * NS_PER_SECOND,
	.never_tag = "",
	.never_file = "",
};
static const struct isolate_request request = { .reason = "bad.example",
						.finding = "11111111-1111-8111-8111-111111111111",
						.pid = FLEET_CULPRIT,
						.start = FLEET_START };

static bool is_in(const struct fleet_instance *instance, const char *first, const char *second)
{
	return strcmp(fleet_groups(instance, 0), first) == 0 &&
	       strcmp(fleet_groups(instance, 1), second) == 0;
}

struct outcome {
	size_t isolated, refused, up;
	uint64_t last_lifted; /* after the strike */
};

/* All are struck within spread. */
static struct outcome strike(size_t count, uint64_t budget, uint64_t percent, uint64_t lag,
			     uint64_t spread)
{
	struct fleet fleet = { .lag = lag, .latency = 300 * NS_PER_MILLISECOND };
	struct isolation_options own = options;
	struct outcome outcome = { 0 };
	uint64_t struck;

	own.budget.count = budget;
	own.budget.percent = percent;
	fleet_begin(&fleet, count, &own);
	fleet_run(&fleet, fleet.now + 10 * NS_PER_SECOND);
	struck = fleet.now;
	for (size_t i = 0; i < count; i++) {
		/* Not in the order of their ids. */
		struct fleet_instance *instance = &fleet.instances[(i * 7919) % count];

		assert_int_equal(isolate_begin(instance->isolate, &request), ISOLATE_BEGUN);
		assert_true(instance->cut);
		fleet_run(&fleet, struck + spread * (i + 1) / count);
	}
	fleet_run(&fleet, struck + 60 * NS_PER_SECOND);
	for (size_t i = 0; i < count; i++) {
		const struct fleet_instance *instance = &fleet.instances[i];
		enum isolation_state state = isolate_record(instance->isolate)->state;

		assert_false(instance->wrong);
		if (state == ISOLATION_ISOLATED) {
			assert_true(is_in(instance, QUARANTINE, QUARANTINE) && instance->cut);
			assert_int_equal(instance->told[ISOLATE_ISOLATED], 1);
			outcome.isolated++;
		} else {
			assert_int_equal(state, ISOLATION_REFUSED);
			assert_true(is_in(instance, "sg-1 sg-2", "sg-2"));
			assert_int_equal(instance->told[ISOLATE_REFUSED_BUDGET], 1);
			outcome.refused++;
			outcome.up += !instance->cut;
			if (instance->lifted_at - struck > outcome.last_lifted)
				outcome.last_lifted = instance->lifted_at - struck;
		}
	}
	fleet_end(&fleet);
	return outcome;
}

static void exactly_the_budget(void **state)
{
	static const struct {
		size_t count;
		uint64_t budget, percent;
		uint64_t lag, spread; /* ms */
		size_t isolated;
	} cases[] = {
		{ 1, 3, 0, 0, 0, 1 },	      { 3, 3, 0, 0, 0, 3 },
		{ 20, 3, 0, 0, 0, 3 },	      { 20, 3, 10, 0, 0, 2 },
		{ 20, 1, 0, 1500, 1000, 1 },  { 20, 100, 50, 1500, 5000, 10 },
		{ 5, 100, 10, 0, 0, 1 },      { 20, 3, 0, 1000, 30000, 3 },
		{ 200, 7, 0, 1500, 1000, 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome = strike(cases[i].count, cases[i].budget, cases[i].percent,
						cases[i].lag * NS_PER_MILLISECOND,
						cases[i].spread * NS_PER_MILLISECOND);

		assert_int_equal(outcome.isolated, cases[i].isolated);
		assert_int_equal(outcome.up, cases[i].count - cases[i].isolated);
	}
}

static void a_thousand(void **state)
{
	struct outcome outcome =
		strike(1000, 100, 2, 1500 * NS_PER_MILLISECOND, 1000 * NS_PER_MILLISECOND);

	(void)state;
	assert_int_equal(outcome.isolated, 20);
	assert_int_equal(outcome.up, 980);
	/* The settle time, three calls, and the spread of the strike. */
	assert_true(outcome.last_lifted < 5 * NS_PER_SECOND);
	print_message("1000 struck within 1 s: 20 isolated, the last of 980 up after %.1f s\n",
		      (double)outcome.last_lifted / NS_PER_SECOND);
}

/* Those of an hour ago do not count any more; those of a minute ago do. */
static void the_window_passes(void **state)
{
	struct fleet fleet = { .latency = NS_PER_MILLISECOND };
	struct isolation_options own = options;

	(void)state;
	own.budget.count = 1;
	fleet_begin(&fleet, 3, &own);
	for (size_t i = 0; i < 3; i++) {
		fleet_run(&fleet, fleet.now + (i == 2 ? 3600 : 60) * NS_PER_SECOND);
		(void)isolate_begin(fleet.instances[i].isolate, &request);
		fleet_run(&fleet, fleet.now + 60 * NS_PER_SECOND);
	}
	assert_int_equal(isolate_record(fleet.instances[0].isolate)->state, ISOLATION_ISOLATED);
	assert_int_equal(isolate_record(fleet.instances[1].isolate)->state, ISOLATION_REFUSED);
	assert_int_equal(isolate_record(fleet.instances[2].isolate)->state, ISOLATION_ISOLATED);
	fleet_end(&fleet);
}

/* ---- crashes ---- */

static const struct isolate_request stopping = {
	.reason = "bad.example",
	.finding = "11111111-1111-8111-8111-111111111111",
	.end = ISOLATION_END_STOP,
	.pid = FLEET_CULPRIT,
	.start = FLEET_START,
};

/* One isolation and its release, in which the instance dies once. False: there was no such point
 * any more. */
static bool dies_once(unsigned write, unsigned call, bool after, unsigned *ret_points)
{
	struct fleet fleet = { .lag = 700 * NS_PER_MILLISECOND,
			       .latency = 50 * NS_PER_MILLISECOND };
	struct isolation_options own = options;
	struct fleet_instance *one;
	bool passed;

	own.snapshots = own.tags = own.evidence = true;
	own.end = ISOLATION_END_STOP;
	fleet_begin(&fleet, 2, &own);
	one = &fleet.instances[0];
	fleet_run(&fleet, fleet.now + 10 * NS_PER_SECOND);
	one->writes = one->calls = 0;
	fleet.die_at_write = write;
	fleet.die_at_call = call;
	fleet.die_after = after;
	(void)isolate_begin(one->isolate, &stopping);
	fleet_run(&fleet, fleet.now + 1);
	/* Before the record was written there is nothing to go on with: it is asked for again,
	 * because the finding comes again. */
	if (isolation_is_over(isolate_record(one->isolate)->state))
		(void)isolate_begin(one->isolate, &stopping);
	fleet_run(&fleet, fleet.now + 45 * NS_PER_SECOND);
	assert_int_equal(isolate_record(one->isolate)->state, ISOLATION_ISOLATED);
	assert_true(is_in(one, QUARANTINE, QUARANTINE) && one->cut && !one->wrong);
	assert_int_equal(one->told[ISOLATE_ISOLATED], 1);
	assert_true(one->stopped >= 1);
	assert_int_equal(one->told[ISOLATE_ENDING], 1);
	assert_int_equal(one->snapshots, 1);
	assert_true(one->held);
	assert_int_equal(one->bundles, 1);
	assert_non_null(isolation_undo_find(&one->disk, ISOLATION_EVIDENCE, one->disk.uid));
	(void)isolate_release(one->isolate);
	fleet_run(&fleet, fleet.now + 30 * NS_PER_SECOND);
	/* A release that was not written down yet is asked for again by whoever asked. */
	if (isolate_record(one->isolate)->state == ISOLATION_ISOLATED) {
		(void)isolate_release(one->isolate);
		fleet_run(&fleet, fleet.now + 30 * NS_PER_SECOND);
	}
	assert_int_equal(isolate_record(one->isolate)->state, ISOLATION_RELEASED);
	assert_true(is_in(one, "sg-1 sg-2", "sg-2") && !one->cut && !one->wrong);
	assert_false(one->held);
	passed = fleet.die_at_write == 0 && fleet.die_at_call == 0;
	(*ret_points) += passed;
	fleet_end(&fleet);
	return passed;
}

static void any_crash(void **state)
{
	unsigned writes = 0, calls = 0;

	(void)state;
	for (int after = 0; after < 2; after++) {
		for (unsigned i = 1; dies_once(i, 0, after, &writes); i++)
			;
		for (unsigned i = 1; dies_once(0, i, after, &calls); i++)
			;
	}
	/* It has as many as that, at the least. */
	assert_true(writes > 10 && calls > 20);
	print_message("%u crashes at writes, %u at calls\n", writes, calls);
}

/* Nobody answers: as it is configured. */
static void without_ec2(void **state)
{
	(void)state;
	for (int unknown = 0; unknown < 2; unknown++) {
		struct fleet fleet = { .latency = NS_PER_MILLISECOND };
		struct isolation_options own = options;
		const struct fleet_instance *one;

		own.unknown = unknown ? ISOLATION_UNKNOWN_LIFT : ISOLATION_UNKNOWN_CONTAIN;
		fleet_begin(&fleet, 1, &own);
		one = fleet.instances;
		fleet_run(&fleet, fleet.now + 10 * NS_PER_SECOND);
		fleet.no_ec2 = true;
		(void)isolate_begin(one->isolate, &request);
		fleet_run(&fleet, fleet.now + 20 * NS_PER_SECOND);
		assert_true(one->cut);
		fleet_run(&fleet, fleet.now + 60 * NS_PER_SECOND);
		assert_int_equal(one->cut, !unknown);
		assert_int_equal(one->told[unknown ? ISOLATE_LIFTED : ISOLATE_CONTAINED], 1);
		/* A host that stays cut off has its evidence, whoever answers. */
		assert_int_equal(one->bundles, !unknown);
		assert_false(one->held || one->wrong);
		assert_true(is_in(one, "sg-1 sg-2", "sg-2"));
		fleet.no_ec2 = false;
		fleet_run(&fleet, fleet.now + 60 * NS_PER_SECOND);
		assert_int_equal(is_in(one, QUARANTINE, QUARANTINE), !unknown);
		fleet_end(&fleet);
	}
}

/* The swap closes the way to EC2, as a quarantine group without endpoints does. */
static void endpoint_gone(void **state)
{
	struct fleet fleet = { .latency = NS_PER_MILLISECOND };
	struct isolation_options own = options;
	const struct fleet_instance *one;

	(void)state;
	own.budget.scope = ISOLATION_SCOPE_NONE;
	fleet_begin(&fleet, 1, &own);
	one = fleet.instances;
	fleet_run(&fleet, fleet.now + 10 * NS_PER_SECOND);
	(void)isolate_begin(one->isolate, &request);
	for (int i = 0; i < 1000 && is_in(one, "sg-1 sg-2", "sg-2"); i++)
		fleet_run(&fleet, fleet.now + NS_PER_MILLISECOND / 4);
	fleet.no_ec2 = true;
	assert_true(is_in(one, QUARANTINE, "sg-2"));
	fleet_run(&fleet, fleet.now + 30 * NS_PER_SECOND);
	assert_int_not_equal(isolate_record(one->isolate)->state, ISOLATION_ISOLATED);
	fleet_run(&fleet, fleet.now + 90 * NS_PER_SECOND);
	assert_int_equal(isolate_record(one->isolate)->state, ISOLATION_CHANNEL_LOST);
	assert_int_equal(one->told[ISOLATE_CHANNEL_LOST], 1);
	assert_true(one->cut);
	fleet.no_ec2 = false;
	fleet_run(&fleet, fleet.now + 120 * NS_PER_SECOND);
	assert_int_equal(isolate_record(one->isolate)->state, ISOLATION_ISOLATED);
	assert_true(is_in(one, QUARANTINE, QUARANTINE));
	fleet_end(&fleet);
}

/* Nobody confirms it, by the wall clock and over a restart; or somebody does, here or by a tag. */
static void dead_man(void **state)
{
	enum { NOBODY, HERE, BY_TAG, WAYS };

	(void)state;
	for (int way = NOBODY; way < WAYS; way++) {
		struct fleet fleet = { .latency = NS_PER_MILLISECOND };
		struct isolation_options own = options;
		struct fleet_instance *one;

		own.confirm = 600 * NS_PER_SECOND;
		fleet_begin(&fleet, 1, &own);
		one = fleet.instances;
		fleet_run(&fleet, fleet.now + 10 * NS_PER_SECOND);
		assert_int_equal(isolate_confirm(one->isolate), -ENOENT);
		(void)isolate_begin(one->isolate, &request);
		fleet_run(&fleet, fleet.now + 300 * NS_PER_SECOND);
		assert_int_equal(isolate_record(one->isolate)->state, ISOLATION_ISOLATED);
		fleet.died = true; /* it is started again with what is on disk */
		fleet_run(&fleet, fleet.now + 60 * NS_PER_SECOND);
		if (way == HERE)
			assert_int_equal(isolate_confirm(one->isolate), 0);
		if (way == BY_TAG)
			(void)snprintf(one->confirmed, sizeof(one->confirmed), "%s",
				       isolate_record(one->isolate)->uid);
		fleet_run(&fleet, fleet.now + 200 * NS_PER_SECOND);
		assert_int_equal(isolate_record(one->isolate)->state, ISOLATION_ISOLATED);
		fleet_run(&fleet, fleet.now + 120 * NS_PER_SECOND);
		assert_int_equal(isolate_record(one->isolate)->state,
				 way == NOBODY ? ISOLATION_RELEASED : ISOLATION_ISOLATED);
		assert_int_equal(one->told[ISOLATE_UNCONFIRMED], way == NOBODY);
		assert_int_equal(one->cut, way != NOBODY);
		assert_true(way != NOBODY || is_in(one, "sg-1 sg-2", "sg-2"));
		if (way == HERE)
			assert_int_equal(isolate_confirm(one->isolate), -EALREADY);
		assert_false(one->wrong);
		fleet_end(&fleet);
	}
}

/* A release that fails is tried again; one that a person asked for needs no second person. */
static void dead_man_tries_again(void **state)
{
	static const struct isolate_request by_hand = { .reason = "asked for by root" };
	struct fleet fleet = { .latency = NS_PER_MILLISECOND };
	struct isolation_options own = options;
	struct fleet_instance *one;

	(void)state;
	own.confirm = 600 * NS_PER_SECOND;
	fleet_begin(&fleet, 2, &own);
	one = fleet.instances;
	fleet_run(&fleet, fleet.now + 10 * NS_PER_SECOND);
	(void)isolate_begin(one->isolate, &request);
	(void)isolate_begin(fleet.instances[1].isolate, &by_hand);
	fleet_run(&fleet, fleet.now + 590 * NS_PER_SECOND);
	fleet.no_ec2 = true;
	fleet_run(&fleet, fleet.now + 120 * NS_PER_SECOND);
	assert_true(one->cut && is_in(one, QUARANTINE, QUARANTINE));
	assert_int_equal(one->told[ISOLATE_RELEASE_PARTIAL], 1);
	fleet.no_ec2 = false;
	fleet_run(&fleet, fleet.now + 1200 * NS_PER_SECOND);
	assert_int_equal(isolate_record(one->isolate)->state, ISOLATION_RELEASED);
	assert_true(is_in(one, "sg-1 sg-2", "sg-2"));
	assert_int_equal(isolate_record(fleet.instances[1].isolate)->state, ISOLATION_ISOLATED);
	fleet_end(&fleet);
}

/* Never more than the configuration lets, never against termination protection, and not twice for
 * an instance that a person has started again. */
static void the_end(void **state)
{
	static const struct {
		enum isolation_end most, asked;
		bool protected;
		unsigned stopped, terminated, failed;
	} cases[] = {
		{ ISOLATION_END_NONE, ISOLATION_END_TERMINATE, false, 0, 0, 0 },
		{ ISOLATION_END_STOP, ISOLATION_END_NONE, false, 0, 0, 0 },
		{ ISOLATION_END_STOP, ISOLATION_END_TERMINATE, false, 1, 0, 0 },
		{ ISOLATION_END_TERMINATE, ISOLATION_END_STOP, false, 1, 0, 0 },
		{ ISOLATION_END_TERMINATE, ISOLATION_END_TERMINATE, false, 0, 1, 0 },
		{ ISOLATION_END_TERMINATE, ISOLATION_END_TERMINATE, true, 0, 0, 1 },
		{ ISOLATION_END_STOP, ISOLATION_END_STOP, true, 1, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isolate_request asking = request;
		struct fleet fleet = { .latency = NS_PER_MILLISECOND };
		struct isolation_options own = options;
		struct fleet_instance *one;

		own.end = cases[i].most;
		asking.end = cases[i].asked;
		fleet_begin(&fleet, 1, &own);
		one = fleet.instances;
		one->protected = cases[i].protected;
		fleet_run(&fleet, fleet.now + 10 * NS_PER_SECOND);
		(void)isolate_begin(one->isolate, &asking);
		fleet_run(&fleet, fleet.now + 30 * NS_PER_SECOND);
		/* Another start of the daemon, and all that comes later. */
		fleet.died = true;
		fleet_run(&fleet, fleet.now + 300 * NS_PER_SECOND);
		assert_int_equal(one->stopped, cases[i].stopped);
		assert_int_equal(one->terminated, cases[i].terminated);
		assert_int_equal(one->told[ISOLATE_END_FAILED], cases[i].failed);
		assert_int_equal(one->told[ISOLATE_ENDING], cases[i].stopped + cases[i].terminated);
		assert_int_equal(isolate_record(one->isolate)->state, ISOLATION_ISOLATED);
		assert_true(is_in(one, QUARANTINE, QUARANTINE) && one->cut);
		fleet_end(&fleet);
	}
}

/* Begun in another boot: a person started it again. */
static void not_again_after_a_boot(void **state)
{
	struct fleet fleet = { .latency = NS_PER_MILLISECOND };
	struct isolation_options own = options;
	struct fleet_instance *one;

	(void)state;
	own.end = ISOLATION_END_STOP;
	fleet_begin(&fleet, 1, &own);
	one = fleet.instances;
	fleet_run(&fleet, fleet.now + 10 * NS_PER_SECOND);
	(void)isolate_begin(one->isolate, &stopping);
	fleet_run(&fleet, fleet.now + 5 * NS_PER_SECOND);
	/* As a stop leaves it that was quicker than the answer. */
	assert_int_equal(isolation_undo_add(&one->disk, ISOLATION_KIND_END_BEGUN, ISOLATION_ITSELF,
					    "another boot"),
			 0);
	isolation_undo_find(&one->disk, ISOLATION_KIND_END_BEGUN, ISOLATION_ITSELF)->touched = true;
	fleet.died = true;
	fleet_run(&fleet, fleet.now + 120 * NS_PER_SECOND);
	assert_int_equal(one->stopped, 0);
	assert_int_equal(isolate_record(one->isolate)->state, ISOLATION_ISOLATED);
	fleet_end(&fleet);
}

/* The instance is stopped when its evidence is safe, or will never be. */
static void the_end_waits_for_evidence(void **state)
{
	(void)state;
	for (int gathered = 0; gathered < 2; gathered++) {
		struct fleet fleet = { .latency = NS_PER_MILLISECOND };
		struct isolation_options own = options;
		struct fleet_instance *one;
		char uid[JOURNAL_UID_SIZE];

		own.end = ISOLATION_END_STOP;
		own.evidence = own.evidence_s3 = true;
		fleet_begin(&fleet, 1, &own);
		one = fleet.instances;
		fleet_run(&fleet, fleet.now + 10 * NS_PER_SECOND);
		(void)isolate_begin(one->isolate, &stopping);
		fleet_run(&fleet, fleet.now + 300 * NS_PER_SECOND);
		(void)snprintf(uid, sizeof(uid), "%s", isolate_record(one->isolate)->uid);
		if (gathered)
			isolate_kept(one->isolate, uid, ISOLATION_EVIDENCE, "bundle.tar.gz");
		fleet_run(&fleet, fleet.now + 300 * NS_PER_SECOND);
		assert_int_equal(one->stopped, 0);
		if (gathered)
			isolate_kept(one->isolate, uid, ISOLATION_EVIDENCE_S3, "s3://bucket/key");
		fleet_run(&fleet, fleet.now + (gathered ? 15 : 320) * NS_PER_SECOND);
		assert_int_equal(one->stopped, 1);
		fleet_end(&fleet);
	}
}

/* Each finding's refusal is told, the same one's once a minute. */
static void refusals(void **state)
{
	struct fleet fleet = { .latency = NS_PER_MILLISECOND };
	const struct isolate_request other = { .reason = "other.example",
					       .finding = "22222222-1111-8111-8111-111111111111" };
	struct fleet_instance *one;

	(void)state;
	fleet_begin(&fleet, 1, &options);
	one = fleet.instances;
	isolate_refuse(one->isolate, &request, ISOLATE_REFUSED_PROBATION, "young");
	isolate_refuse(one->isolate, &request, ISOLATE_REFUSED_PROBATION, "young");
	isolate_refuse(one->isolate, &request, ISOLATE_REFUSED_HISTORY, "in use");
	isolate_refuse(one->isolate, &other, ISOLATE_REFUSED_HISTORY, "in use");
	isolate_refuse(one->isolate, &other, ISOLATE_REFUSED_ALONE, "one");
	assert_int_equal(one->told[ISOLATE_REFUSED_PROBATION], 1);
	assert_int_equal(one->told[ISOLATE_REFUSED_HISTORY], 2);
	assert_int_equal(one->told[ISOLATE_REFUSED_ALONE], 1);
	fleet_run(&fleet, fleet.now + 61 * NS_PER_SECOND);
	isolate_refuse(one->isolate, &other, ISOLATE_REFUSED_ALONE, "one");
	assert_int_equal(one->told[ISOLATE_REFUSED_ALONE], 2);
	assert_false(one->cut);
	/* It is isolated, for another. */
	fleet_run(&fleet, fleet.now + 61 * NS_PER_SECOND);
	(void)isolate_begin(one->isolate, &request);
	isolate_refuse(one->isolate, &other, ISOLATE_REFUSED_ALONE, "one");
	assert_int_equal(one->told[ISOLATE_REFUSED_ALONE], 2);
	fleet_end(&fleet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_budget),
		cmocka_unit_test(a_thousand),
		cmocka_unit_test(the_window_passes),
		cmocka_unit_test(any_crash),
		cmocka_unit_test(without_ec2),
		cmocka_unit_test(endpoint_gone),
		cmocka_unit_test(dead_man),
		cmocka_unit_test(dead_man_tries_again),
		cmocka_unit_test(the_end),
		cmocka_unit_test(not_again_after_a_boot),
		cmocka_unit_test(refusals),
		cmocka_unit_test(the_end_waits_for_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
