/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves which names that lead inside are told, how severe that is, and which are in order; and
 * that a private address alone is not enough.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answer_rig.h"
#include "base/cleanup.h"

static int make(void **state)
{
	return rig_open(state, "unrelated.test\n", NULL);
}

static void test_places(void **state)
{
	static const struct {
		const char *address;
		enum severity severity; /* SEVERITY_NONE: no finding */
	} cases[] = {
		{ "127.0.0.1", SEVERITY_LOW },		{ "::1", SEVERITY_LOW },
		{ "169.254.1.1", SEVERITY_LOW },	{ "fe80::1", SEVERITY_LOW },
		{ "169.254.169.254", SEVERITY_MEDIUM }, { "169.254.170.2", SEVERITY_MEDIUM },
		{ "169.254.170.23", SEVERITY_MEDIUM },	{ "fd00:ec2::254", SEVERITY_MEDIUM },
		{ "10.0.0.1", SEVERITY_NONE },		{ "fd00::1", SEVERITY_NONE },
		{ "0.0.0.0", SEVERITY_NONE },		{ "192.0.2.1", SEVERITY_NONE },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		int found = rig_answer_address(rig, "attacker.example", cases[i].address);

		assert_int_equal(found, cases[i].severity != SEVERITY_NONE);
		if (!found)
			continue;
		assert_string_equal(rig->findings[0].detector, "rebinding");
		assert_int_equal(rig->findings[0].default_severity, cases[i].severity);
		rig_has(rig->findings[0].title, "Answer for attacker.example leads to ");
		rig_has(rig->findings[0].title, cases[i].address);
	}
	/* The worst of several. */
	(void)rig_address(rig, "attacker.example", "127.0.0.1");
	(void)rig_address(rig, "attacker.example", "169.254.169.254");
	(void)rig_address(rig, "attacker.example", "fe80::1");
	assert_int_equal(rig_answer(rig, "attacker.example"), 1);
	rig_has(rig->findings[0].title, "169.254.169.254");
}

static void test_names_in_order(void **state)
{
	static const char *const names[] = {
		"localhost",
		"a.localhost",
		"printer.local",
		"ip-10-0-0-1.ec2.internal",
		"1.0.0.127.in-addr.arpa",
		"box.home.arpa",
		"host",
		"x.rds.amazonaws.com",
		"server.office.example",
		"office.EXAMPLE",
	};
	struct rig *rig = *state;
	struct domain_name search;

	assert_int_equal(domain_name_parse("office.example", &search), 0);
	detect_search(rig->detect, &search, 1);
	for (size_t i = 0; i < ELEMENTS(names); i++)
		assert_int_equal(rig_answer_address(rig, names[i], "127.0.0.1"), 0);
	assert_int_equal(rig_answer_address(rig, "notoffice.example", "127.0.0.1"), 1);
	/* A mail server asks a list; but no list answers with this host's own address. */
	assert_int_equal(rig_answer_address(rig, "4.3.2.1.list.example", "127.0.0.4"), 0);
	assert_int_equal(rig_answer_address(rig, "4.3.2.1.list.example", "127.0.0.1"), 1);
	assert_int_equal(rig_answer_address(rig, "4.3.2.x.list.example", "127.0.0.4"), 1);
}

static void test_private_after_public(void **state)
{
	struct rig *rig = *state;
	char first[FINDING_UID_SIZE];

	assert_int_equal(rig_answer_address(rig, "turns.example", "10.0.0.1"), 0);
	assert_int_equal(rig_answer_address(rig, "turns.example", "192.0.2.1"), 0);
	assert_int_equal(rig_answer_address(rig, "other.example", "10.0.0.1"), 0);
	assert_int_equal(rig_answer_address(rig, "TURNS.example", "10.0.0.1"), 1);
	assert_int_equal(rig->findings[0].default_severity, SEVERITY_LOW);
	(void)strcpy(first, rig->findings[0].uid);
	/* Another name's is another finding. */
	(void)rig_address(rig, "mixed.example", "192.0.2.1");
	(void)rig_address(rig, "mixed.example", "192.168.0.1");
	assert_int_equal(rig_answer(rig, "mixed.example"), 1);
	assert_string_not_equal(rig->findings[0].uid, first);
	/* An hour later it is forgotten. */
	rig->now += REBINDING_TIME + 1;
	assert_int_equal(rig_answer_address(rig, "turns.example", "10.0.0.1"), 0);
}

static void test_full_table(void **state)
{
	struct rig *rig = *state;
	struct detect_statistics statistics;
	char name[64];

	for (unsigned i = 0; i < 4 * REBINDING_NAMES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		rig->now++;
		assert_int_equal(rig_answer_address(rig, name, "192.0.2.1"), 0);
		/* What was seen just now is there. */
		assert_int_equal(rig_answer_address(rig, name, "10.0.0.1"), 1);
	}
	detect_statistics(rig->detect, &statistics);
	assert_true(statistics.rebinding.names <= REBINDING_NAMES_MAX);
	assert_true(statistics.rebinding.names + statistics.rebinding.evicted ==
		    4 * REBINDING_NAMES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_places, make, rig_close),
		cmocka_unit_test_setup_teardown(test_names_in_order, make, rig_close),
		cmocka_unit_test_setup_teardown(test_private_after_public, make, rig_close),
		cmocka_unit_test_setup_teardown(test_full_table, make, rig_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
