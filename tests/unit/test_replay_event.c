/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that `cordon replay --events` tells each kind of event in its own line, with what was said
 * and nothing else, whatever bytes were sent.
 */
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/replay_event.h"
#include "sensor/event.h"
#include "sensor/flow_facts.h"

#define TIME UINT64_C(1700000000000000000)
#define HEAD                                                                                       \
	"{\"frame\":7,\"time\":\"2023-11-14T22:13:20.000000Z\",\"src\":\"192.0.2.1\","             \
	"\"dst\":\"2001:db8::2\",\"sport\":40000,\"dport\":443,\"proto\":\"tcp\""

static void printed(const struct event *event, const char *expected)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(replay_event_print(event, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

static struct event event_of(enum event_kind kind)
{
	struct event event = { .kind = kind,
			       .time = TIME,
			       .frame = 7,
			       .protocol = IPPROTO_TCP,
			       .source_port = 40000,
			       .destination_port = 443 };

	assert_int_equal(address_parse("192.0.2.1", &event.source), 0);
	assert_int_equal(address_parse("2001:db8::2", &event.destination), 0);
	return event;
}

static void test_kinds(void **state)
{
	struct event event = event_of(EVENT_QUESTION);

	(void)state;
	event.qtype = 28;
	assert_int_equal(domain_name_parse("a.Evil.example", &event.name), 0);
	printed(&event,
		HEAD ",\"qname\":\"a.Evil.example\",\"qtype\":\"AAAA\",\"response\":false}\n");
	event.response = true;
	printed(&event,
		HEAD ",\"qname\":\"a.Evil.example\",\"qtype\":\"AAAA\",\"response\":true}\n");
	/* Told with its question. */
	event.kind = EVENT_ANSWER;
	printed(&event, "");
	event = event_of(EVENT_CONNECTION);
	event.watch = EVENT_WATCH_ADDRESS;
	printed(&event, HEAD ",\"connection\":\"address\"}\n");
	event = event_of(EVENT_PAYLOAD);
	printed(&event, "");
	event = event_of(EVENT_FLOW);
	printed(&event, "");
}

static void test_flows(void **state)
{
	static const struct {
		struct flow_facts flow;
		const char *rest;
	} cases[] = {
		{ { .protocol = FLOW_TLS,
		    .name = "www.example",
		    .alpn = "h2,http/1.1",
		    .ja4 = "t13d" },
		  ",\"flow\":\"tls\",\"outcome\":\"read\",\"sni\":\"www.example\",\"alpn\":[\"h2\","
		  "\"http/1.1\"],\"ja4\":\"t13d\"}\n" },
		{ { .protocol = FLOW_TLS, .name = "outer.example", .ech = true },
		  ",\"flow\":\"tls\",\"outcome\":\"read\",\"sni\":\"outer.example\",\"ech\":true}"
		  "\n" },
		{ { .protocol = FLOW_HTTP, .name = "h.example", .method = "GET" },
		  ",\"flow\":\"http\",\"outcome\":\"read\",\"host\":\"h.example\",\"method\":"
		  "\"GET\"}\n" },
		{ { .protocol = FLOW_QUIC, .name = "q.example", .quic_version = 1 },
		  ",\"flow\":\"quic\",\"outcome\":\"read\",\"sni\":\"q.example\",\"quic\":1}\n" },
		{ { .protocol = FLOW_QUIC, .quic_version = 0x6b3343cf },
		  ",\"flow\":\"quic\",\"outcome\":\"read\",\"quic\":2}\n" },
		{ { .protocol = FLOW_QUIC,
		    .quic_version = 0xff00001d,
		    .outcome = FLOW_UNSUPPORTED },
		  ",\"flow\":\"quic\",\"outcome\":\"unsupported\",\"quic\":\"0xff00001d\"}\n" },
		{ { .protocol = FLOW_TLS, .name = "\x1b\xff\"", .outcome = FLOW_INCOMPLETE },
		  ",\"flow\":\"tls\",\"outcome\":\"incomplete\",\"sni\":\"\\\\x1b\\\\xff\\\"\"}"
		  "\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event event = event_of(EVENT_FLOW);
		char expected[512];

		event.flow = &cases[i].flow;
		(void)snprintf(expected, sizeof(expected), "%s%s", HEAD, cases[i].rest);
		printed(&event, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_flows),
	};

	return cmocka_run_group_tests_name("replay_event", tests, NULL, NULL);
}
