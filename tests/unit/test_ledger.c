/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger: that it balances when nothing is missing, and does not when anything is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/ledger.h"

/* Of each outcome as many as its number and one; half of the records found room. */
static struct ledger balanced(void)
{
	struct ledger ledger = { 0 };

	for (int probe = 0; probe < LEDGER_PROBES; probe++) {
		uint64_t *counters = ledger.counters[probe];
		uint64_t records;

		for (int i = 0; i < LEDGER_OUTCOMES; i++)
			counters[i] = (uint64_t)i + 1;
		records = counters[LEDGER_MATCHED] + counters[LEDGER_OBSERVED] +
			  counters[LEDGER_UNREAD] + counters[LEDGER_MALFORMED] +
			  counters[LEDGER_WATCHED];
		counters[LEDGER_RING_FULL] = records / 4;
		counters[LEDGER_LIMITED] = records / 4;
		counters[LEDGER_SUBMITTED] = records - records / 4 * 2;
		counters[LEDGER_BLOCKED] = 1;
		ledger.read += counters[LEDGER_SUBMITTED];
	}
	for (int i = 0; i < LEDGER_FLOW_OUTCOMES; i++)
		ledger.flows[i] = (uint64_t)i + 1;
	ledger.flows[LEDGER_FLOW_PIECES] = 20;
	ledger.flows[LEDGER_FLOW_SUBMITTED] = 14;
	ledger.flows[LEDGER_FLOW_RING_FULL] = 4;
	ledger.flows[LEDGER_FLOW_LIMITED] = 2;
	ledger.flows[LEDGER_FLOW_CUT] = 1;
	ledger.read += ledger.flows[LEDGER_FLOW_SUBMITTED];
	ledger.waiting = 2;
	ledger.read -= ledger.waiting;
	ledger.rejected = 3;
	ledger.events = ledger.read - ledger.rejected;
	return ledger;
}

static void test_balances(void **state)
{
	/* Proves that a ledger in which each message has its outcome balances, an empty one too. */
	const struct ledger empty = { 0 };
	struct ledger ledger = balanced();

	(void)state;
	assert_true(ledger_balances(&empty));
	assert_true(ledger_balances(&ledger));
	/* Neither of them belongs to the equations. */
	ledger.counters[LEDGER_EGRESS][LEDGER_BLOCKED]++;
	ledger.counters[LEDGER_EGRESS][LEDGER_CLEAN]++;
	ledger.flows[LEDGER_FLOW_CUT]++;
	ledger.flows[LEDGER_FLOW_OTHER]++;
	assert_true(ledger_balances(&ledger));
}

static void test_one_off(void **state)
{
	/* Proves that one record too many or too few anywhere shows. */
	static const enum ledger_counter counters[] = {
		LEDGER_MATCHED,	  LEDGER_OBSERVED,  LEDGER_UNREAD,  LEDGER_MALFORMED,
		LEDGER_SUBMITTED, LEDGER_RING_FULL, LEDGER_LIMITED, LEDGER_WATCHED,
	};
	static const enum ledger_flow flows[] = {
		LEDGER_FLOW_PIECES,
		LEDGER_FLOW_SUBMITTED,
		LEDGER_FLOW_RING_FULL,
		LEDGER_FLOW_LIMITED,
	};
	static const size_t fields[] = {
		offsetof(struct ledger, read),
		offsetof(struct ledger, events),
		offsetof(struct ledger, rejected),
		offsetof(struct ledger, waiting),
	};

	(void)state;
	for (int off = -1; off <= 1; off += 2) {
		for (int probe = 0; probe < LEDGER_PROBES; probe++)
			for (size_t i = 0; i < ELEMENTS(counters); i++) {
				struct ledger ledger = balanced();

				ledger.counters[probe][counters[i]] += (uint64_t)(int64_t)off;
				assert_false(ledger_balances(&ledger));
			}
		for (size_t i = 0; i < ELEMENTS(flows); i++) {
			struct ledger ledger = balanced();

			ledger.flows[flows[i]] += (uint64_t)(int64_t)off;
			assert_false(ledger_balances(&ledger));
		}
		for (size_t i = 0; i < ELEMENTS(fields); i++) {
			struct ledger ledger = balanced();
			uint64_t *field = (uint64_t *)(void *)((char *)&ledger + fields[i]);

			*field += (uint64_t)(int64_t)off;
			assert_false(ledger_balances(&ledger));
		}
	}
}

static void test_one_probe_does_not_cover_for_another(void **state)
{
	/* Proves that what one probe lost is not made up by what another has too many of. */
	struct ledger ledger = balanced();

	(void)state;
	ledger.counters[LEDGER_EGRESS][LEDGER_SUBMITTED]--;
	ledger.counters[LEDGER_INGRESS][LEDGER_SUBMITTED]++;
	assert_false(ledger_balances(&ledger));
	ledger = balanced();
	ledger.flows[LEDGER_FLOW_SUBMITTED]--;
	ledger.counters[LEDGER_EGRESS][LEDGER_SUBMITTED]++;
	assert_false(ledger_balances(&ledger));
}

static void test_sums(void **state)
{
	/* Proves that flows, records and losses are summed over all that has them. */
	struct ledger ledger = balanced();
	uint64_t submitted = ledger_submitted(&ledger), lost = ledger_lost(&ledger);

	(void)state;
	assert_int_equal(ledger_flows_seen(&ledger),
			 LEDGER_FLOW_OUTCOMES * (LEDGER_FLOW_OUTCOMES + 1) / 2);
	assert_int_equal(submitted, ledger.read + ledger.waiting);
	ledger.flows[LEDGER_FLOW_SUBMITTED] += 3;
	ledger.counters[LEDGER_INGRESS][LEDGER_SUBMITTED] += 4;
	assert_int_equal(ledger_submitted(&ledger), submitted + 7);
	ledger.flows[LEDGER_FLOW_RING_FULL] += 1;
	ledger.flows[LEDGER_FLOW_LIMITED] += 2;
	ledger.counters[LEDGER_EGRESS][LEDGER_RING_FULL] += 4;
	ledger.counters[LEDGER_EGRESS][LEDGER_LIMITED] += 8; /* that rate was asked for */
	assert_int_equal(ledger_lost(&ledger), lost + 7);
	assert_int_equal(ledger_flows_seen(&ledger),
			 LEDGER_FLOW_OUTCOMES * (LEDGER_FLOW_OUTCOMES + 1) / 2);
}

static void test_seen(void **state)
{
	/* Proves that a probe has seen the sum of its outcomes, and of nothing else. */
	struct ledger ledger = balanced();

	(void)state;
	assert_int_equal(ledger_seen(&ledger, LEDGER_EGRESS),
			 LEDGER_OUTCOMES * (LEDGER_OUTCOMES + 1) / 2);
	ledger.counters[LEDGER_INGRESS][LEDGER_SUBMITTED] = 1000;
	ledger.counters[LEDGER_INGRESS][LEDGER_GAP] += 5;
	assert_int_equal(ledger_seen(&ledger, LEDGER_INGRESS),
			 LEDGER_OUTCOMES * (LEDGER_OUTCOMES + 1) / 2 + 5);
}

static void test_names(void **state)
{
	/* Proves that every probe and counter has a name of its own, and other numbers none. */
	(void)state;
	for (int i = 0; i < LEDGER_COUNTERS; i++) {
		const char *name = ledger_counter_name((enum ledger_counter)i);

		assert_non_null(name);
		assert_string_not_equal(name, "unknown");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, ledger_counter_name((enum ledger_counter)k));
	}
	assert_string_equal(ledger_counter_name(LEDGER_COUNTERS), "unknown");
	for (int i = 0; i < LEDGER_FLOWS; i++) {
		const char *name = ledger_flow_name((enum ledger_flow)i);

		assert_string_not_equal(name, "unknown");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, ledger_flow_name((enum ledger_flow)k));
	}
	assert_string_equal(ledger_flow_name(LEDGER_FLOWS), "unknown");
	assert_string_equal(ledger_probe_name(LEDGER_EGRESS), "egress");
	assert_string_equal(ledger_probe_name(LEDGER_INGRESS), "ingress");
	assert_string_equal(ledger_probe_name(LEDGER_CONNECT), "connect");
	assert_string_equal(ledger_probe_name(LEDGER_SEND), "send");
	assert_string_equal(ledger_probe_name(LEDGER_PROBES), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_balances),
		cmocka_unit_test(test_one_off),
		cmocka_unit_test(test_one_probe_does_not_cover_for_another),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
