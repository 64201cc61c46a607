/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "scan/flow_table.h"
#include "scan/pool_worker.h"
#include "tests/unit/scan_double.h"

#define DEADLINE (60 * NS_PER_SECOND)

struct fixture {
	struct pool *pool;
	struct flow_table *table;
	char told[1024]; /* "frame:name:outcome " of each event */
};

static void hear(const struct event *event, void *userdata)
{
	struct fixture *fixture = userdata;
	size_t length = strlen(fixture->told);
	char name[DOMAIN_NAME_TEXT_SIZE] = "-";

	assert_int_equal(event->kind, EVENT_FLOW);
	assert_null(event->process);
	assert_null(event->payload.bytes);
	assert_non_null(event->flow);
	if (event->name.length > 0)
		domain_name_format(&event->name, name);
	(void)snprintf(fixture->told + length, sizeof(fixture->told) - length, "%u:%s:%d ",
		       (unsigned)event->frame, name, (int)event->flow->outcome);
}

static void hear_broken(const char *reason, void *userdata)
{
	(void)reason;
	(void)userdata;
}

static int setup(void **state)
{
	static struct fixture fixture;
	const struct pool_options options = { .program = scan_double_path(),
					      .workers = 1,
					      .memory = SCAN_DOUBLE_MEMORY,
					      .reply_timeout = DEADLINE };

	fixture = (struct fixture){ 0 };
	*state = &fixture;
	if (pool_new(NULL, &options, hear_broken, NULL, &fixture.pool) < 0)
		return -1;
	return flow_table_new(fixture.pool, false, hear, &fixture, &fixture.table);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	flow_table_free(fixture->table);
	pool_free(fixture->pool);
	return 0;
}

/* Payload of the socket with that cookie, or, with 0, of the recorded flow from that port. */
static struct event event_make(uint64_t cookie, uint16_t port, uint32_t offset, const char *text,
			       bool last)
{
	static uint64_t frame;
	struct event event = {
		.kind = EVENT_PAYLOAD,
		.frame = ++frame,
		.protocol = IPPROTO_TCP,
		.source_port = port,
		.destination_port = 443,
		.socket_cookie = cookie,
		.process = (const struct process *)&frame,
		.payload = { .bytes = (const uint8_t *)text,
			     .size = strlen(text),
			     .offset = offset,
			     .last = last },
	};

	if (offset == 0 && cookie == 1)
		frame = event.frame = 1;
	return event;
}

static void add(struct fixture *fixture, const struct event *event, uint64_t now)
{
	flow_table_add(fixture->table, event, now);
}

static void settle(struct fixture *fixture)
{
	assert_int_equal(pool_wait(fixture->pool, clock_boottime() + DEADLINE), 0);
}

static uint64_t flows_here(struct fixture *fixture)
{
	struct flow_table_statistics statistics;

	flow_table_statistics(fixture->table, &statistics);
	return statistics.flows;
}

static void flows_become_events(void **state)
{
	/* Proves: an event has what the flow's first payload had, the name as a domain, and no
	 * process; flows do not mix; further names of a flow are told; the end removes it. */
	struct fixture *fixture = *state;
	struct event first = event_make(1, 1000, 0, "name WWW.Exa", false);
	struct event other = event_make(2, 1000, 0, "name 192.0.2.1\n", true);
	struct event second = event_make(1, 1000, 12, "mple.com.\nname b.org\n", false);
	struct event end = event_make(1, 1000, 33, "end\n", false);

	add(fixture, &first, 1);
	add(fixture, &other, 2);
	add(fixture, &second, 3);
	settle(fixture);
	assert_string_equal(fixture->told, "2:-:0 1:WWW.Example.com:0 1:b.org:0 ");
	assert_int_equal(flows_here(fixture), 1);
	add(fixture, &end, 4);
	settle(fixture);
	assert_int_equal(flows_here(fixture), 0);
}

static void recorded_flows_are_told_apart(void **state)
{
	/* Proves: without a socket, addresses and ports are the flow; with one, it and its peer. */
	struct fixture *fixture = *state;
	struct event a = event_make(0, 1000, 0, "name a.exa", false);
	struct event b = event_make(0, 1001, 0, "name b.exa", false);
	struct event more_b = event_make(0, 1001, 10, "mple\n", true);
	struct event more_a = event_make(0, 1000, 10, "mple\n", true);
	struct event peer = event_make(0, 1000, 0, "name c.exa", false);

	peer.destination.bytes[15] = 1;
	a.frame = 1;
	b.frame = 2;
	peer.frame = 3;
	add(fixture, &a, 1);
	add(fixture, &b, 1);
	add(fixture, &peer, 1);
	add(fixture, &more_b, 1);
	add(fixture, &more_a, 1);
	settle(fixture);
	assert_string_equal(fixture->told, "2:b.example:0 1:a.example:0 ");
	assert_int_equal(flows_here(fixture), 1);
}

static void idle_flows_are_read_as_they_are(void **state)
{
	/* Proves: a flow that never completes is told once as incomplete, after its time, not
	 * before; at the end all are. */
	struct fixture *fixture = *state;
	struct event a = event_make(1, 1000, 0, "name a.exa", false);
	struct event b = event_make(2, 1000, 0, "name b.exa", false);

	a.frame = 1;
	b.frame = 2;
	add(fixture, &a, 1);
	add(fixture, &b, 2);
	flow_table_expire(fixture->table, FLOW_TABLE_IDLE);
	settle(fixture);
	assert_string_equal(fixture->told, "");
	flow_table_expire(fixture->table, FLOW_TABLE_IDLE + 1);
	flow_table_expire(fixture->table, FLOW_TABLE_IDLE + 1);
	settle(fixture);
	assert_string_equal(fixture->told, "1:-:1 ");
	flow_table_finish(fixture->table);
	settle(fixture);
	assert_string_equal(fixture->told, "1:-:1 2:-:1 ");
	assert_int_equal(flows_here(fixture), 0);
}

static void lost_flows_are_told(void **state)
{
	/* Proves: when the worker dies over a flow, the flow is told as unread, once. */
	struct fixture *fixture = *state;
	struct event a = event_make(1, 1000, 0, "crash\n", false);
	struct event nothing = event_make(3, 1000, 0, "none\n", true);
	struct event b = event_make(2, 1000, 0, "name b.example\n", true);
	struct flow_table_statistics statistics;

	b.frame = 2;
	add(fixture, &a, 1);
	settle(fixture);
	assert_string_equal(fixture->told, "1:-:1 ");
	add(fixture, &b, 1);
	add(fixture, &nothing, 1);
	settle(fixture);
	assert_string_equal(fixture->told, "1:-:1 2:b.example:0 ");
	flow_table_statistics(fixture->table, &statistics);
	assert_int_equal(statistics.unread, 1);
	assert_int_equal(statistics.nothing, 1);
	assert_int_equal(statistics.told, 2);
	assert_int_equal(statistics.payloads, 3);
}

static void the_table_is_bounded(void **state)
{
	/* Proves: with more flows than there is room for, the oldest is told as unread. */
	struct fixture *fixture = *state;
	struct flow_table_statistics statistics;

	for (uint64_t cookie = 1; cookie <= FLOW_TABLE_MAX + 2; cookie++) {
		struct event event = event_make(cookie + 10, 1, 0, "n", false);

		event.frame = cookie;
		add(fixture, &event, cookie);
		if (cookie % 256 == 0)
			settle(fixture);
	}
	assert_string_equal(fixture->told, "1:-:1 2:-:1 ");
	flow_table_statistics(fixture->table, &statistics);
	assert_int_equal(statistics.flows, FLOW_TABLE_MAX);
	assert_int_equal(statistics.evicted, 2);
	settle(fixture);
}

static void large_payload_is_sent_in_parts(void **state)
{
	/* Proves: what is larger than a message of the channel arrives in order, its end last. */
	static char text[2 * PROTOCOL_BYTES_MAX + 100];
	struct fixture *fixture = *state;
	struct pool_statistics statistics;
	struct event event;

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "name large.example\n", 19);
	event = event_make(1, 1, 0, text, true);
	add(fixture, &event, 1);
	settle(fixture);
	assert_string_equal(fixture->told, "1:large.example:0 1:-:1 ");
	pool_statistics(fixture->pool, &statistics);
	assert_int_equal(statistics.requests, 3);
	assert_int_equal(flows_here(fixture), 0);
}

static void names_are_domains_or_none(void **state)
{
	/* Proves: what is a domain name is one, byte by byte; addresses and the rest are none. */
	static const struct {
		const char *text, *name; /* NULL: none */
	} cases[] = {
		{ "example.com", "example.com" },
		{ "eXample.COM.", "eXample.COM" },
		{ "localhost", "localhost" },
		{ "a\\046b.org", "a\\\\046b.org" },
		{ "tab\tin.org", "tab\\009in.org" },
		{ "", NULL },
		{ ".", NULL },
		{ "a..b", NULL },
		{ ".a", NULL },
		{ "a..", NULL },
		{ "192.0.2.7", NULL },
		{ "2001:db8::1", NULL },
		{ "[2001:db8::1]", NULL },
	};
	struct domain_name name;
	char text[DOMAIN_NAME_TEXT_SIZE], label[66], longest[FLOW_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		flow_table_name(cases[i].text, &name);
		assert_int_equal(name.length > 0, cases[i].name != NULL);
		if (!cases[i].name)
			continue;
		domain_name_format(&name, text);
		assert_string_equal(text, cases[i].name);
	}
	memset(label, 'l', sizeof(label));
	label[64] = '\0';
	flow_table_name(label, &name);
	assert_int_equal(name.length, 0);
	label[63] = '\0';
	flow_table_name(label, &name);
	assert_int_equal(name.length, 65);
	/* 253 characters are 255 bytes; one more is too long. */
	for (size_t i = 0; i < 254; i++)
		longest[i] = i % 2 ? '.' : 'a';
	longest[253] = '\0';
	flow_table_name(longest, &name);
	assert_int_equal(name.length, 255);
	longest[252] = 'a';
	longest[253] = 'a';
	longest[254] = '\0';
	flow_table_name(longest, &name);
	assert_int_equal(name.length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(flows_become_events, setup, teardown),
		cmocka_unit_test_setup_teardown(recorded_flows_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(idle_flows_are_read_as_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_flows_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(the_table_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(large_payload_is_sent_in_parts, setup, teardown),
		cmocka_unit_test(names_are_domains_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
