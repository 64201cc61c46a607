/* SPDX-License-Identifier: Apache-2.0
 *
 * Detectors: which events are findings, what is said of them, and when two are the same one.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "detect/detect.h"
#include "sensor/flow_facts.h"
#include "intel_folder.h"

#define NOW (1800000000 * NS_PER_SECOND)

#define BLOCKED                                                                                    \
	"# cordon: feed=blocked severity=high\n"                                                   \
	"evil.test\n"                                                                              \
	"worse.evil.test\n"                                                                        \
	"old.test # expires=2020-01-01\n"                                                          \
	"198.51.100.0/24\n2001:db8:66::/48\nt13d1516h2_8daaf6152771_e5627efa2ab1\n"
#define ALLOWED                                                                                    \
	"# cordon: feed=allowed action=allow\n"                                                    \
	"good.evil.test\n"

struct rig {
	struct intel_folder *folder;
	struct pack *pack;
	struct detect *detect;
	struct process process;
	/* the last finding */
	int found, answer; /* how many; what the callback returns */
	struct finding finding;
	char entry[INDICATOR_TEXT_SIZE];
};

static int finding_found(const struct finding *finding, void *userdata)
{
	struct rig *rig = userdata;

	rig->found++;
	rig->finding = *finding;
	(void)snprintf(rig->entry, sizeof(rig->entry), "%s",
		       finding->indicator ? finding->indicator->text : "");
	return rig->answer;
}

static int rig_make(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct compile_report report;
	const char *why = NULL;

	if (!rig || intel_folder_make(state) < 0)
		return -1;
	rig->folder = *state;
	assert_int_equal(intel_folder_compile(rig->folder, BLOCKED, ALLOWED, NULL, &report), 0);
	assert_int_equal(pack_open(rig->folder->pack, &rig->pack, &why), 0);
	assert_int_equal(detect_new("i-1", &rig->detect), 0);
	rig->process = (struct process){ .pid = 42, .comm = "curl", .exe = "/usr/bin/curl" };
	*state = rig;
	return 0;
}

static int rig_free(void **state)
{
	struct rig *rig = *state;
	void *folder = rig->folder;

	detect_free(rig->detect);
	pack_close(rig->pack);
	free(rig);
	return intel_folder_remove(&folder);
}

static struct event event_of(const struct rig *rig, const char *qname)
{
	struct event event = { .time = NOW,
			       .direction = EVENT_DIRECTION_OUT,
			       .attribution = EVENT_ATTRIBUTION_SEND,
			       .matched = true,
			       .process = &rig->process };

	assert_int_equal(domain_name_parse(qname, &event.name), 0);
	assert_int_equal(address_parse("192.0.2.1", &event.source), 0);
	assert_int_equal(address_parse("192.0.2.53", &event.destination), 0);
	return event;
}

static int detect_it(struct rig *rig, const struct event *event)
{
	rig->found = 0;
	return detect_event(rig->detect, event, rig->pack, NOW, finding_found, rig);
}

static struct event flow_of(const struct rig *rig, const struct flow_facts *flow)
{
	struct event event = event_of(rig, "x.test");

	event.kind = EVENT_FLOW;
	event.flow = flow;
	event.name.length = 0;
	event.destination_port = 443;
	return event;
}

/* The uid of the finding that the event makes. */
static void uid_of(struct rig *rig, const struct event *event, char out[static FINDING_UID_SIZE])
{
	assert_int_equal(detect_it(rig, event), 1);
	(void)strcpy(out, rig->finding.uid);
}

static void assert_has(const char *text, const char *part)
{
	print_message("\"%s\" in \"%s\"\n", part, text);
	assert_non_null(strstr(text, part));
}

static void assert_safe(const char *text)
{
	for (; *text; text++)
		assert_in_range(*text, 0x20, 0x7e);
}

static void test_indicator(void **state)
{
	/* Proves that listed names and names below them are findings, and allowed, expired and
	 * other ones are not. */
	static const struct {
		const char *qname, *entry; /* NULL: no finding */
	} cases[] = {
		{ "evil.test", "evil.test" },
		{ "www.EVIL.test", "evil.test" },
		{ "a.worse.evil.test", "worse.evil.test" },
		{ "good.evil.test", NULL },
		{ "www.good.evil.test", NULL },
		{ "notgood.evil.test", "evil.test" },
		{ "notevil.test", NULL },
		{ "old.test", NULL },
		{ "test", NULL },
		{ ".", NULL },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct event event = event_of(rig, cases[i].qname);

		print_message("%s\n", cases[i].qname);
		/* What the kernel side thought of it is confirmed, not believed. */
		for (int matched = 0; matched < 2; matched++) {
			event.matched = matched;
			assert_int_equal(detect_it(rig, &event), cases[i].entry != NULL);
			assert_int_equal(rig->found, cases[i].entry != NULL);
			if (!cases[i].entry)
				continue;
			assert_string_equal(rig->entry, cases[i].entry);
			assert_string_equal(rig->finding.detector, "indicator");
			assert_int_equal(rig->finding.default_severity, SEVERITY_HIGH);
			assert_ptr_equal(rig->finding.event, &event);
		}
	}
}

static void test_words(void **state)
{
	/* Proves that a finding says what was asked, by which entry it is bad, and how it is known
	 * who asked. */
	struct rig *rig = *state;
	struct event event = event_of(rig, "www.Evil.test");

	event.reason = "several questions in a message";
	event.opener_pid = 7;
	assert_int_equal(detect_it(rig, &event), 1);
	assert_string_equal(rig->finding.title, "Lookup of listed domain www.Evil.test");
	assert_string_equal(rig->finding.why,
			    "entry evil.test of feed blocked, line 2; several questions in a "
			    "message; the process was noted in its own send call (socket opened by "
			    "pid 7)");
	event = event_of(rig, "evil.test");
	event.direction = EVENT_DIRECTION_IN;
	event.process = NULL;
	assert_int_equal(detect_it(rig, &event), 1);
	assert_string_equal(rig->finding.title, "Client asked for listed domain evil.test");
	assert_string_equal(rig->finding.why, "entry evil.test of feed blocked, line 2");
	event.response = true;
	assert_int_equal(detect_it(rig, &event), 1);
	assert_string_equal(rig->finding.title, "Answer for listed domain evil.test");
	for (int i = EVENT_ATTRIBUTION_NONE; i <= EVENT_ATTRIBUTION_OWNER; i++) {
		event = event_of(rig, "evil.test");
		event.attribution = (enum event_attribution)i;
		assert_int_equal(detect_it(rig, &event), 1);
		assert_has(rig->finding.why, "; the process ");
	}
}

static void test_unreadable(void **state)
{
	/* Proves that what nobody could read is a finding only when it was refused. */
	struct rig *rig = *state;
	struct event event = event_of(rig, ".");

	event.unreadable = true;
	event.matched = false;
	event.name.length = 0;
	event.destination_port = 5353;
	event.reason = "the message was cut";
	assert_int_equal(detect_it(rig, &event), 0);
	event.disposition = EVENT_BLOCKED;
	assert_int_equal(detect_it(rig, &event), 1);
	assert_string_equal(rig->finding.detector, "unreadable-dns");
	assert_null(rig->finding.indicator);
	assert_int_equal(rig->finding.default_severity, SEVERITY_LOW);
	assert_string_equal(rig->finding.title, "Unreadable message to DNS port 5353 refused");
	assert_has(rig->finding.why, "the message was cut; the process was noted");
	event.reason = NULL;
	assert_int_equal(detect_it(rig, &event), 1);
	assert_has(rig->finding.why, "it could not be read");
	/* A name that could be read, and was refused, is not this detector's. */
	event = event_of(rig, "fine.test");
	event.disposition = EVENT_BLOCKED;
	assert_int_equal(detect_it(rig, &event), 0);
}

static void test_unusual(void **state)
{
	/* Proves that a message that was refused for its form is told, though user space could read
	 * it; that a listed name in it is one finding, not two; and that answers are none. */
	struct rig *rig = *state;
	struct event event = event_of(rig, "fine.test");

	event.reason = "several questions in a message";
	assert_int_equal(detect_it(rig, &event), 0);
	event.disposition = EVENT_BLOCKED;
	event.destination_port = 53;
	assert_int_equal(detect_it(rig, &event), 1);
	assert_string_equal(rig->finding.detector, "unreadable-dns");
	assert_string_equal(rig->finding.title, "Unusual message to DNS port 53 refused");
	assert_has(rig->finding.why, "several questions in a message; ");
	event.response = true;
	assert_int_equal(detect_it(rig, &event), 0);
	event = event_of(rig, "evil.test");
	event.reason = "several questions in a message";
	event.disposition = EVENT_BLOCKED;
	assert_int_equal(detect_it(rig, &event), 1);
	assert_string_equal(rig->finding.detector, "indicator");
}

static void test_without_a_pack(void **state)
{
	/* Proves that without entries nothing is listed, and refused messages are told all the
	 * same.
	 */
	struct rig *rig = *state;
	struct event event = event_of(rig, "evil.test");

	assert_int_equal(detect_event(rig->detect, &event, NULL, NOW, finding_found, rig), 0);
	event.unreadable = true;
	event.disposition = EVENT_BLOCKED;
	assert_int_equal(detect_event(rig->detect, &event, NULL, NOW, finding_found, rig), 1);
}

static void test_uid_form(void **state)
{
	/* Proves the form of a UUID of version 8 (RFC 9562), the same ever after: it is in journals
	 * by now. */
	struct rig *rig = *state;
	struct event event = event_of(rig, "evil.test");
	char uid[FINDING_UID_SIZE];
	unsigned parts[5], version, variant;

	uid_of(rig, &event, uid);
	assert_int_equal(strlen(uid), 36);
	assert_int_equal(sscanf(uid, "%8x-%4x-%4x-%4x-%12x", &parts[0], &parts[1], &parts[2],
				&parts[3], &parts[4]),
			 5);
	version = parts[2] >> 12;
	variant = parts[3] >> 14;
	assert_int_equal(version, 8);
	assert_int_equal(variant, 2);
	/* SHA-256 of "i-1", "indicator", "evil.test", "/usr/bin/curl", "", each with its NUL. */
	assert_string_equal(uid, "e10f8d0c-0362-8f3f-858a-5459aa8eee13");
}

static void test_same_finding(void **state)
{
	/* Proves that the same thing again is the same finding: another pid, time, port, case of
	 * the name, name below the entry, and another detect. */
	struct rig *rig = *state;
	struct event event = event_of(rig, "evil.test");
	char first[FINDING_UID_SIZE], again[FINDING_UID_SIZE];

	uid_of(rig, &event, first);
	event = event_of(rig, "www.EVIL.test");
	event.time += NS_PER_SECOND;
	event.source_port = 1234;
	event.dns_id = 99;
	event.qtype = 28;
	event.disposition = EVENT_BLOCKED;
	rig->process.pid = 4711;
	rig->process.start_boottime = 5;
	uid_of(rig, &event, again);
	assert_string_equal(again, first);
	detect_free(rig->detect);
	assert_int_equal(detect_new("i-1", &rig->detect), 0);
	uid_of(rig, &event, again);
	assert_string_equal(again, first);
}

static void test_other_findings(void **state)
{
	/* Proves that another entry, executable, container, host or client is another finding. */
	struct rig *rig = *state;
	char uids[9][FINDING_UID_SIZE];
	size_t count = 0;
	struct event event = event_of(rig, "evil.test");

	uid_of(rig, &event, uids[count++]);
	event = event_of(rig, "worse.evil.test");
	uid_of(rig, &event, uids[count++]);
	event = event_of(rig, "evil.test");
	(void)strcpy(rig->process.exe, "/usr/bin/wget");
	uid_of(rig, &event, uids[count++]);
	(void)strcpy(rig->process.container, "0123");
	uid_of(rig, &event, uids[count++]);
	/* Moving text from one field to the next does not make them one. */
	(void)strcpy(rig->process.exe, "/usr/bin/wget0123");
	rig->process.container[0] = '\0';
	uid_of(rig, &event, uids[count++]);
	/* Without an executable it is told by its comm. */
	rig->process.exe[0] = '\0';
	uid_of(rig, &event, uids[count++]);
	/* Without a process by who asked. */
	event.process = NULL;
	event.direction = EVENT_DIRECTION_IN;
	uid_of(rig, &event, uids[count++]);
	assert_int_equal(address_parse("192.0.2.2", &event.source), 0);
	uid_of(rig, &event, uids[count++]);
	detect_free(rig->detect);
	assert_int_equal(detect_new("i-2", &rig->detect), 0);
	uid_of(rig, &event, uids[count++]);
	assert_int_equal(count, ELEMENTS(uids));
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(uids[i], uids[k]);
}

static void test_answer_is_the_askers(void **state)
{
	/* Proves that a recorded answer belongs to the finding of the question that it answers. */
	struct rig *rig = *state;
	struct event event = event_of(rig, "evil.test");
	char question[FINDING_UID_SIZE], answer[FINDING_UID_SIZE];
	struct address source = event.source;

	event.process = NULL;
	event.direction = EVENT_DIRECTION_UNKNOWN;
	event.frame = 1;
	uid_of(rig, &event, question);
	event.source = event.destination;
	event.destination = source;
	event.response = true;
	uid_of(rig, &event, answer);
	assert_string_equal(answer, question);
	/* Nothing is said of a process that a recorded packet cannot have. */
	assert_null(strstr(rig->finding.why, "process"));
}

static void test_stub_names_the_asker(void **state)
{
	/* Proves that a resolver's lookup names who asked it, and says so when that is not known.
	 */
	struct rig *rig = *state;
	struct process stub = {
		.pid = 99, .comm = "dnsmasq", .exe = "/usr/sbin/dnsmasq", .role = PROCESS_ROLE_STUB
	};
	struct event onwards = event_of(rig, "www.evil.test");
	struct event asked = event_of(rig, "WWW.evil.test");

	onwards.process = &stub;
	assert_int_equal(detect_it(rig, &onwards), 1);
	assert_has(rig->finding.why, "a resolver on this host asking for another program");
	assert_int_equal(address_parse("127.0.0.53", &asked.destination), 0);
	(void)strcpy(rig->process.comm, "a\n\x1b[2Jb)\xff");
	assert_int_equal(detect_it(rig, &asked), 1);
	assert_null(strstr(rig->finding.why, "a resolver"));
	assert_int_equal(detect_it(rig, &onwards), 1);
	assert_has(rig->finding.why,
		   "a resolver on this host asking for pid 42 (a\\x0a\\x1b[2Jb)\\xff)");
	onwards.time += 6 * NS_PER_SECOND;
	assert_int_equal(detect_it(rig, &onwards), 1);
	assert_has(rig->finding.why, "asking for another program");
}

static void test_hostile_names(void **state)
{
	/* Proves that whatever bytes a name has, title and reason are one safe line, and that a
	 * name too long for it is marked as cut. */
	struct rig *rig = *state;
	struct event event = event_of(rig, "a\\010\\027[2J\\255 \\\\x.evil.test");
	struct domain_name longest = { .length = 0 };

	assert_int_equal(detect_it(rig, &event), 1);
	assert_string_equal(rig->finding.title,
			    "Lookup of listed domain a\\010\\027[2J\\255\\032\\\\x.evil.test");
	assert_safe(rig->finding.title);
	assert_safe(rig->finding.why);
	for (int i = 0; i < 3; i++) {
		longest.wire[longest.length] = 63;
		memset(longest.wire + longest.length + 1, 0xff, 63);
		longest.length = (uint8_t)(longest.length + 64);
	}
	memcpy(longest.wire + longest.length, "\4evil\4test", 11);
	longest.length = (uint8_t)(longest.length + 11);
	event.name = longest;
	assert_int_equal(detect_it(rig, &event), 1);
	assert_safe(rig->finding.title);
	assert_string_equal(rig->finding.title + strlen(rig->finding.title) - 3, "...");
}

static void test_flows(void **state)
{
	/* Proves: what a flow says its server is, name or address, is held against the pack, in
	 * each protocol's words; what is no name is not. */
	static const struct {
		struct flow_facts flow;
		const char *title; /* NULL: no finding */
	} cases[] = {
		{ { .protocol = FLOW_TLS, .name = "www.Evil.test" },
		  "TLS connection to listed name www.Evil.test (SNI)" },
		{ { .protocol = FLOW_TLS, .name = "evil.test", .ech = true },
		  "TLS connection to listed name evil.test (outer SNI, under ECH)" },
		{ { .protocol = FLOW_QUIC, .name = "evil.test" },
		  "QUIC connection to listed name evil.test (SNI)" },
		{ { .protocol = FLOW_HTTP, .name = "evil.test." },
		  "HTTP request to listed host evil.test" },
		{ { .protocol = FLOW_HTTP, .name = "198.51.100.7" },
		  "HTTP request to listed address 198.51.100.7" },
		{ { .protocol = FLOW_HTTP, .name = "[2001:db8:66::1]" },
		  "HTTP request to listed address 2001:db8:66::1" },
		{ { .protocol = FLOW_HTTP, .name = "[::ffff:198.51.100.7]" },
		  "HTTP request to listed address 198.51.100.7" },
		{ { .protocol = FLOW_TLS, .name = "good.evil.test" }, NULL },
		{ { .protocol = FLOW_TLS, .name = "notevil.test" }, NULL },
		{ { .protocol = FLOW_TLS, .name = "" }, NULL },
		{ { .protocol = FLOW_HTTP, .name = "evil\\.test" }, NULL },
		{ { .protocol = FLOW_HTTP, .name = "evil\\046test" }, NULL },
		{ { .protocol = FLOW_HTTP, .name = "[]" }, NULL },
		{ { .protocol = FLOW_HTTP, .name = "203.0.113.1" }, NULL },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event event = flow_of(rig, &cases[i].flow);

		assert_int_equal(detect_it(rig, &event), cases[i].title != NULL);
		if (!cases[i].title)
			continue;
		assert_string_equal(rig->finding.title, cases[i].title);
		assert_has(rig->finding.why, "of feed");
		if (cases[i].flow.ech)
			assert_has(rig->finding.why, "encrypted hello");
	}
}

static void test_fingerprints(void **state)
{
	/* Proves: a listed client is found whatever name it asks for, beside the name's own
	 * finding. */
	struct flow_facts flow = { .protocol = FLOW_TLS,
				   .name = "fine.test",
				   .ja4 = "t13d1516h2_8daaf6152771_e5627efa2ab1" };
	struct rig *rig = *state;
	struct event event = flow_of(rig, &flow);

	assert_int_equal(detect_it(rig, &event), 1);
	assert_string_equal(
		rig->finding.title,
		"TLS client with listed fingerprint t13d1516h2_8daaf6152771_e5627efa2ab1 "
		"(JA4)");
	assert_string_equal(rig->entry, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	(void)strcpy(flow.name, "evil.test");
	assert_int_equal(detect_it(rig, &event), 2);
	(void)strcpy(flow.ja4, "t13d1516h2_8daaf6152771_e5627efa2ab2");
	assert_int_equal(detect_it(rig, &event), 1);
}

static void test_connections(void **state)
{
	/* Proves that a connection to a listed address is a finding that says where to, and one
	 * whose address the pack does not list is none. */
	static const struct {
		const char *address;
		enum event_watch watch;
		uint16_t port;
		uint8_t protocol;
		const char *title; /* NULL: no finding */
	} cases[] = {
		{ "198.51.100.7", EVENT_WATCH_ADDRESS, 443, IPPROTO_TCP,
		  "Connection to listed address 198.51.100.7 port 443 (tcp)" },
		{ "198.51.100.7", EVENT_WATCH_ADDRESS, 0, IPPROTO_ICMP,
		  "Connection to listed address 198.51.100.7 (icmp)" },
		{ "64:ff9b::198.51.100.7", EVENT_WATCH_ADDRESS, 53, IPPROTO_UDP,
		  "Connection to listed address 64:ff9b::c633:6407 port 53 (udp)" },
		{ "192.0.2.99", EVENT_WATCH_ADDRESS, 443, IPPROTO_TCP, NULL },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct event event = { .kind = EVENT_CONNECTION,
				       .time = NOW,
				       .direction = EVENT_DIRECTION_OUT,
				       .attribution = EVENT_ATTRIBUTION_CONNECT,
				       .disposition = EVENT_BLOCKED,
				       .matched = true,
				       .watch = cases[i].watch,
				       .protocol = cases[i].protocol,
				       .destination_port = cases[i].port,
				       .process = &rig->process };

		assert_int_equal(address_parse(cases[i].address, &event.destination), 0);
		assert_int_equal(detect_it(rig, &event), cases[i].title != NULL);
		if (!cases[i].title)
			continue;
		assert_string_equal(rig->finding.title, cases[i].title);
		assert_string_equal(rig->finding.detector, "indicator");
		assert_has(rig->finding.why, "; the process connected the socket");
	}
}

static void test_flow_is_another_finding(void **state)
{
	/* Proves: the lookup of a name and the connection to it are two findings; the event's own
	 * name stands over the raw one; other kinds are nobody's yet. */
	const struct flow_facts flow = { .protocol = FLOW_TLS, .name = "raw" };
	struct rig *rig = *state;
	struct event question = event_of(rig, "evil.test"), event = flow_of(rig, &flow);
	char first[FINDING_UID_SIZE], second[FINDING_UID_SIZE];

	event.name = question.name;
	uid_of(rig, &question, first);
	uid_of(rig, &event, second);
	assert_string_not_equal(first, second);
	event.flow = NULL;
	assert_int_equal(detect_it(rig, &event), 0);
	event.kind = EVENT_PAYLOAD;
	assert_int_equal(detect_it(rig, &event), 0);
}

static void test_records_lost(void **state)
{
	/* Proves that lost records are one finding a host, which says how many. */
	struct rig *rig = *state;
	char uid[FINDING_UID_SIZE];

	assert_int_equal(detect_loss(rig->detect, 1, 0, NOW, finding_found, rig), 0);
	assert_string_equal(rig->finding.detector, "records-lost");
	assert_int_equal(rig->finding.default_severity, SEVERITY_MEDIUM);
	assert_null(rig->finding.indicator);
	(void)strcpy(uid, rig->finding.uid);
	assert_int_equal(detect_loss(rig->detect, 4711, 0, 2 * NOW, finding_found, rig), 0);
	assert_has(rig->finding.why, "4711 records");
	assert_string_equal(rig->finding.uid, uid);
	assert_int_equal(detect_loss(rig->detect, 3, 12 * NS_PER_SECOND, NOW, finding_found, rig),
			 0);
	assert_has(rig->finding.why, "3 records");
	assert_has(rig->finding.why, "while the daemon was not running, for 12 s");
	rig->answer = -ENOSPC;
	assert_int_equal(detect_loss(rig->detect, 1, 0, NOW, finding_found, rig), -ENOSPC);
}

static void test_callback_stops(void **state)
{
	/* Proves that what the callback fails with comes back. */
	struct rig *rig = *state;
	struct event event = event_of(rig, "evil.test");

	rig->answer = -ENOSPC;
	assert_int_equal(detect_it(rig, &event), -ENOSPC);
	assert_int_equal(rig->found, 1);
	detect_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_make, rig_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_indicator),
		TEST(test_words),
		TEST(test_unreadable),
		TEST(test_unusual),
		TEST(test_flows),
		TEST(test_fingerprints),
		TEST(test_connections),
		TEST(test_flow_is_another_finding),
		TEST(test_without_a_pack),
		TEST(test_uid_form),
		TEST(test_same_finding),
		TEST(test_other_findings),
		TEST(test_answer_is_the_askers),
		TEST(test_stub_names_the_asker),
		TEST(test_hostile_names),
		TEST(test_records_lost),
		TEST(test_callback_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
