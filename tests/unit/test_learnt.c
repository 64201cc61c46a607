/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that a name which leads to a listed one is a finding, that exactly the addresses of listed
 * names are learnt, for as long as they should be, and that a connection to one is told by its
 * name, as long as the list has it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answer_rig.h"
#include "base/cleanup.h"

#define LIST                                                                                       \
	"# cordon: feed=bad severity=high\n"                                                       \
	"evil.test\n"                                                                              \
	"dull.test # severity=informational\n"                                                     \
	"public.test # severity=low tags=x,resolver\n"                                             \
	"198.51.100.0/24\n"
#define NEVER "203.0.113.0/24\nprotected.test\n"

static int make(void **state)
{
	return rig_open(state, LIST, NEVER);
}

static void test_chain_is_a_finding(void **state)
{
	static const unsigned types[] = { DNS_ANSWER_CNAME, DNS_ANSWER_DNAME, DNS_ANSWER_HTTPS };
	struct rig *rig = *state;

	for (size_t i = 0; i < ELEMENTS(types); i++) {
		rig_link(rig, "innocent.test", DNS_ANSWER_CNAME, "between.test");
		rig_link(rig, "between.test", types[i], "CDN.evil.test");
		(void)rig_address(rig, "cdn.evil.test", "192.0.2.1");
		assert_int_equal(rig_answer(rig, "Innocent.test"), 1);
		assert_string_equal(rig->findings[0].detector, "indicator");
		assert_int_equal(rig->findings[0].default_severity, SEVERITY_HIGH);
		rig_has(rig->findings[0].title,
			"Answer for Innocent.test leads to listed domain CDN.evil.test (");
		rig_has(rig->findings[0].title, dns_answer_type_name((uint16_t)types[i]));
		rig_has(rig->findings[0].why, "entry evil.test of feed bad, line 2");
		rig_has(rig->findings[0].why, "the process connected the socket");
	}
	/* One beside the chain, and names that are not listed. */
	rig_link(rig, "stranger.test", DNS_ANSWER_CNAME, "evil.test");
	rig->answers.answers[0].chained = false;
	rig_link(rig, "innocent.test", DNS_ANSWER_CNAME, "notevil.test");
	assert_int_equal(rig_answer(rig, "innocent.test"), 0);
	/* The question was listed: its lookup was the finding. */
	rig_link(rig, "evil.test", DNS_ANSWER_CNAME, "www.evil.test");
	assert_int_equal(rig_answer(rig, "evil.test"), 0);
}

static void test_what_is_learnt(void **state)
{
	static const char *const never[] = { "127.0.0.1", "0.0.0.0",	     "10.0.0.1",
					     "::1",	  "169.254.169.254", "::",
					     "fd00::1",	  "224.0.0.1",	     "203.0.113.7" };
	struct rig *rig = *state;
	struct dns_answer *beside;

	rig_address(rig, "www.evil.test", "192.0.2.1")->ttl = 0;
	rig_address(rig, "www.evil.test", "2001:db8::1")->ttl = 4000;
	rig_address(rig, "www.evil.test", "192.0.2.2")->ttl = 1000000;
	beside = rig_address(rig, "other.test", "192.0.2.3");
	beside->chained = false;
	(void)rig_address(rig, "www.evil.test", "198.51.100.1");
	assert_int_equal(rig_answer(rig, "www.evil.test"), 0);
	assert_int_equal(rig->learnt, 4);
	assert_string_equal(rig->learns[0].address, "192.0.2.1");
	assert_int_equal(rig->learns[0].expires, RIG_BOOT + LEARNT_TTL_MIN);
	assert_string_equal(rig->learns[0].entry, "evil.test");
	assert_int_equal(rig->learns[1].expires, RIG_BOOT + 4000 * NS_PER_SECOND);
	assert_int_equal(rig->learns[2].expires, RIG_BOOT + LEARNT_TTL_MAX);
	assert_string_equal(rig->learns[3].address, "198.51.100.1");
	for (size_t i = 0; i < ELEMENTS(never); i++) {
		(void)rig_answer_address(rig, "evil.test", never[i]);
		assert_int_equal(rig->learnt, 0);
	}
	/* An innocent name's; a name that nothing may block; a public resolver's. */
	(void)rig_answer_address(rig, "innocent.test", "192.0.2.9");
	assert_int_equal(rig->learnt, 0);
	(void)rig_answer_address(rig, "protected.test", "192.0.2.9");
	assert_int_equal(rig->learnt, 0);
	(void)rig_answer_address(rig, "public.test", "192.0.2.9");
	assert_int_equal(rig->learnt, 0);
}

static void test_learnt_again(void **state)
{
	struct rig *rig = *state;
	struct detect_statistics statistics;

	(void)rig_answer_address(rig, "evil.test", "192.0.2.1");
	assert_int_equal(rig->learnt, 1);
	/* Within the same time nothing is new; later it counts for longer. */
	(void)rig_answer_address(rig, "evil.test", "192.0.2.1");
	assert_int_equal(rig->learnt, 0);
	rig->now += 30 * NS_PER_SECOND;
	clock_hold(rig->now, RIG_BOOT + 30 * NS_PER_SECOND);
	(void)rig_answer_address(rig, "evil.test", "192.0.2.1");
	assert_int_equal(rig->learnt, 1);
	assert_int_equal(rig->learns[0].expires, RIG_BOOT + 330 * NS_PER_SECOND);
	detect_statistics(rig->detect, &statistics);
	assert_int_equal(statistics.learnt.addresses, 1);
	assert_int_equal(statistics.learnt.learnt, 1);
}

static void test_connection(void **state)
{
	struct rig *rig = *state;
	struct event event = rig_connection(rig, EVENT_WATCH_LEARNT, "192.0.2.1", 443);

	(void)rig_answer_address(rig, "www.evil.test", "192.0.2.1");
	event.time = rig->now += 5 * NS_PER_SECOND;
	assert_int_equal(rig_show(rig, &event), 1);
	assert_string_equal(rig->findings[0].detector, "indicator");
	assert_int_equal(rig->findings[0].default_severity, SEVERITY_MEDIUM);
	assert_string_equal(
		rig->findings[0].title,
		"Connection to 192.0.2.1 port 443, an address of listed domain www.evil.test");
	rig_has(rig->findings[0].why, "learnt from an answer 5 s before; the process");
	/* Somebody else's, too. */
	(void)rig_answer_address(rig, "innocent.test", "192.0.2.1");
	assert_int_equal(rig_show(rig, &event), 1);
	rig_has(rig->findings[0].why, "names that are not listed have this address, too");
	/* What the kernel did not tell as learnt is nobody's business here. */
	event.watch = EVENT_WATCH_OPEN;
	assert_int_equal(rig_show(rig, &event), 0);
	/* Never below informational. */
	(void)rig_answer_address(rig, "dull.test", "192.0.2.7");
	event = rig_connection(rig, EVENT_WATCH_LEARNT, "192.0.2.7", 80);
	assert_int_equal(rig_show(rig, &event), 1);
	assert_int_equal(rig->findings[0].default_severity, SEVERITY_INFORMATIONAL);
	/* Learnt by an agent before this one. */
	event = rig_connection(rig, EVENT_WATCH_LEARNT, "192.0.2.99", 80);
	assert_int_equal(rig_show(rig, &event), 1);
	assert_int_equal(rig->findings[0].default_severity, SEVERITY_LOW);
	assert_null(rig->findings[0].indicator);
}

/* Names leave the list with the next pack; the addresses stay in the kernel for a while. */
static void test_connection_after_reload(void **state)
{
	struct rig *rig = *state;
	struct event event = rig_connection(rig, EVENT_WATCH_LEARNT, "192.0.2.1", 443);
	struct compile_report report;
	const char *why;

	(void)rig_answer_address(rig, "www.evil.test", "192.0.2.1");
	pack_close(rig->pack);
	rig->pack = NULL;
	assert_int_equal(intel_folder_compile(rig->folder, "other.test\n", NULL, NULL, &report), 0);
	assert_int_equal(pack_open(rig->folder->pack, &rig->pack, &why), 0);
	assert_int_equal(rig_show(rig, &event), 0);
}

static void test_full_table(void **state)
{
	struct rig *rig = *state;
	struct detect_statistics statistics;
	struct event event;
	char text[32];

	for (unsigned i = 0; i < LEARNT_MAX + 100; i++) {
		(void)snprintf(text, sizeof(text), "44.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		(void)rig_answer_address(rig, "evil.test", text);
		assert_int_equal(rig->learnt, 1);
		/* This one is used all the while, so it stays. */
		event = rig_connection(rig, EVENT_WATCH_LEARNT, "44.0.0.0", 443);
		assert_int_equal(rig_show(rig, &event), 1);
		assert_non_null(rig->findings[0].indicator);
	}
	detect_statistics(rig->detect, &statistics);
	assert_int_equal(statistics.learnt.addresses, LEARNT_MAX);
	assert_int_equal(statistics.learnt.evicted, 100);
	event = rig_connection(rig, EVENT_WATCH_LEARNT, "44.0.0.1", 443);
	assert_int_equal(rig_show(rig, &event), 1);
	assert_null(rig->findings[0].indicator);
	event = rig_connection(rig, EVENT_WATCH_LEARNT, text, 443);
	assert_int_equal(rig_show(rig, &event), 1);
	assert_non_null(rig->findings[0].indicator);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chain_is_a_finding, make, rig_close),
		cmocka_unit_test_setup_teardown(test_what_is_learnt, make, rig_close),
		cmocka_unit_test_setup_teardown(test_learnt_again, make, rig_close),
		cmocka_unit_test_setup_teardown(test_connection, make, rig_close),
		cmocka_unit_test_setup_teardown(test_connection_after_reload, make, rig_close),
		cmocka_unit_test_setup_teardown(test_full_table, make, rig_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
