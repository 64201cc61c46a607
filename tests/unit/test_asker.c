/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asked a resolver on this host: remembered for a moment, the latest first, never a resolver.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "detect/asker.h"

static struct event event_of(const char *qname, const char *destination,
			     const struct process *process, uint64_t time)
{
	struct event event = { .time = time, .process = process };

	assert_int_equal(domain_name_parse(qname, &event.name), 0);
	assert_int_equal(address_parse(destination, &event.destination), 0);
	return event;
}

static void test_found_by_name(void **state)
{
	/* Proves that the asker is found by the name alone, whatever its case, and by no other. */
	static const struct process program = { .pid = 42, .comm = "program" };
	struct askers askers = { .next = 0 };
	struct event asked = event_of("WWW.evil.test", "127.0.0.53", &program, 1000);
	struct event same = event_of("www.EVIL.test", "192.0.2.1", NULL, 2000);
	struct event other = event_of("evil.test", "192.0.2.1", NULL, 2000);
	const struct asker *asker;

	(void)state;
	assert_null(askers_find(&askers, &same));
	askers_note(&askers, &asked);
	asker = askers_find(&askers, &same);
	assert_non_null(asker);
	assert_int_equal(asker->pid, 42);
	assert_string_equal(asker->comm, "program");
	assert_null(askers_find(&askers, &other));
}

static void test_who_is_no_asker(void **state)
{
	/* Proves that only a known program's question to loopback is noted: not a resolver's, not
	 * an answer, not one that went elsewhere. */
	static const struct process program = { .pid = 42 };
	static const struct process stub = { .pid = 43, .role = PROCESS_ROLE_STUB };
	struct {
		struct event event;
		bool noted;
	} cases[] = {
		{ event_of("a.test", "127.0.0.1", &program, 1000), true },
		{ event_of("a.test", "::1", &program, 1000), true },
		{ event_of("a.test", "192.0.2.1", &program, 1000), false },
		{ event_of("a.test", "127.0.0.1", &stub, 1000), false },
		{ event_of("a.test", "127.0.0.1", NULL, 1000), false },
		{ event_of("a.test", "127.0.0.1", &program, 1000), false },
	};

	(void)state;
	cases[5].event.response = true;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct askers askers = { .next = 0 };

		askers_note(&askers, &cases[i].event);
		assert_int_equal(askers_find(&askers, &cases[i].event) != NULL, cases[i].noted);
	}
}

static void test_forgotten_in_time(void **state)
{
	/* Proves that a question counts for as long as is said, and not a nanosecond longer. */
	static const struct process program = { .pid = 42 };
	struct askers askers = { .next = 0 };
	struct event event = event_of("a.test", "127.0.0.1", &program, 1000);

	(void)state;
	askers_note(&askers, &event);
	event.time = 1000 + ASKER_TIME;
	assert_non_null(askers_find(&askers, &event));
	event.time++;
	assert_null(askers_find(&askers, &event));
}

static void test_latest_first_and_bounded(void **state)
{
	/* Proves that of two who asked the later is told, and that a flood only drives out what is
	 * older than all of it. */
	struct process program = { .pid = 1 };
	struct askers askers = { .next = 0 };
	struct event event = event_of("twice.test", "127.0.0.1", &program, 1000);
	char name[32];

	(void)state;
	askers_note(&askers, &event);
	program.pid = 2;
	askers_note(&askers, &event);
	assert_int_equal(askers_find(&askers, &event)->pid, 2);
	for (int i = 0; i < 10 * ASKERS_MAX; i++) {
		struct event flood;

		(void)snprintf(name, sizeof(name), "n%d.test", i);
		program.pid = 1000 + i;
		flood = event_of(name, "127.0.0.1", &program, 2000);
		askers_note(&askers, &flood);
		assert_int_equal(askers_find(&askers, &flood)->pid, 1000 + i);
		assert_int_equal(askers_find(&askers, &event) != NULL, i < ASKERS_MAX - 1);
	}
	for (int i = 9 * ASKERS_MAX; i < 10 * ASKERS_MAX; i++) {
		struct event flood;

		(void)snprintf(name, sizeof(name), "n%d.test", i);
		flood = event_of(name, "127.0.0.1", &program, 2000);
		assert_int_equal(askers_find(&askers, &flood)->pid, 1000 + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_by_name),
		cmocka_unit_test(test_who_is_no_asker),
		cmocka_unit_test(test_forgotten_in_time),
		cmocka_unit_test(test_latest_first_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
