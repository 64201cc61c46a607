/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that a name never seen before is recorded once, whatever its length and however it is
 * written and sent; and that one which the rate refuses is counted, and told once there is room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "intel/pack.h"
#include "probe_cgroup.h"
#include "probe_run.h"

#define DEADLINE (20 * NS_PER_SECOND)
#define RATE	 5
/* More than may be recorded in the seconds that sending them takes. */
#define NAMES	 2000

struct fixture {
	char *cgroup;
	struct pack *pack;
	struct probe probe;
};

static int setup_rate(void **state, unsigned rate)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sensor_options options = { .unseen_rate = rate };
	uint64_t next;

	assert_non_null(fixture);
	fixture->cgroup = probe_cgroup_make();
	fixture->pack = probe_pack("listed.test\n", NULL);
	options.cgroup = fixture->cgroup;
	probe_open(&fixture->probe, &options);
	assert_int_equal(
		sensor_set_pack(fixture->probe.sensor, fixture->pack, 0, NULL, NULL, &next), 0);
	*state = fixture;
	return 0;
}

static int setup_slow(void **state)
{
	return setup_rate(state, RATE);
}

static int setup_fast(void **state)
{
	return setup_rate(state, UINT32_MAX);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	probe_close(&fixture->probe);
	pack_close(fixture->pack);
	probe_cgroup_remove(fixture->cgroup);
	free(fixture);
	return 0;
}

/* Asks for the name; whether it was recorded. */
static bool asked(struct fixture *fixture, const char *text, enum packet_ip ip)
{
	static const struct flow flow = { .source_port = 40000, .destination_port = 53 };
	struct domain_name name;
	struct message message;
	struct packet packet;

	assert_int_equal(domain_name_parse(text, &name), 0);
	message_query(&message, &name);
	packet_udp(&packet, ip, &flow, message.bytes, message.size);
	assert_int_equal(probe_run(&fixture->probe, &packet), PROBE_PASSED);
	if (fixture->probe.count == 0)
		return false;
	assert_int_equal(fixture->probe.count, 1);
	assert_false(fixture->probe.events[0].matched);
	assert_int_equal(fixture->probe.events[0].qname.length, name.length);
	assert_memory_equal(fixture->probe.events[0].qname.wire, name.wire, name.length);
	return true;
}

/* Asks until there is room in a second's share. */
static void recorded(struct fixture *fixture, const char *text, enum packet_ip ip)
{
	uint64_t end = clock_boottime() + DEADLINE;

	while (!asked(fixture, text, ip))
		assert_true(clock_boottime() < end);
}

static void test_once(void **state)
{
	struct fixture *fixture = *state;
	static const char long_label[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrst";
	char name[256];

	/* Of every length of the last word, the whole of it in one word and in several. */
	for (size_t length = 1; length < sizeof(long_label); length++) {
		(void)snprintf(name, sizeof(name), "%.*s.test", (int)length, long_label);
		assert_true(asked(fixture, name, PACKET_IPV4));
		assert_false(asked(fixture, name, PACKET_IPV4));
		/* Read in another way: the same name. */
		assert_false(asked(fixture, name, PACKET_IPV4_OPTIONS));
		name[0] = 'A';
		assert_false(asked(fixture, name, PACKET_IPV6));
	}
}

static void test_limited(void **state)
{
	struct fixture *fixture = *state;
	struct ledger before = probe_ledger(&fixture->probe), after;
	uint64_t submitted, limited;
	char name[64], refused[64] = "";

	for (int i = 0; i < NAMES; i++) {
		(void)snprintf(name, sizeof(name), "limited%d.test", i);
		if (!asked(fixture, name, PACKET_IPV4))
			memcpy(refused, name, sizeof(refused));
	}
	assert_true(refused[0]);
	after = probe_ledger(&fixture->probe);
	submitted = after.counters[LEDGER_EGRESS][LEDGER_SUBMITTED] -
		    before.counters[LEDGER_EGRESS][LEDGER_SUBMITTED];
	limited = after.counters[LEDGER_EGRESS][LEDGER_LIMITED] -
		  before.counters[LEDGER_EGRESS][LEDGER_LIMITED];
	assert_true(limited > 0);
	assert_int_equal(submitted + limited, NAMES);
	assert_int_equal(after.counters[LEDGER_EGRESS][LEDGER_OBSERVED] -
				 before.counters[LEDGER_EGRESS][LEDGER_OBSERVED],
			 NAMES);
	recorded(fixture, refused, PACKET_IPV4);
	assert_false(asked(fixture, refused, PACKET_IPV4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_once, setup_fast, teardown),
		cmocka_unit_test_setup_teardown(test_limited, setup_slow, teardown),
	};
	int privilege = probe_privilege();

	return privilege ? privilege : cmocka_run_group_tests(tests, NULL, NULL);
}
