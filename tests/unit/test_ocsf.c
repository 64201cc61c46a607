/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that findings become OCSF objects which the schema accepts, whatever an outsider put into
 * names, paths and arguments, and that they can be brought up to date from their stored line.
 *
 * OCSF_LINES=FILE test_ocsf keeps the lines, for tests/system/ocsf_validate.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "report/ocsf.h"
#include "sensor/flow_facts.h"
#include "report/view.h"

#define VALIDATOR "tests/system/ocsf_validate.py"

static FILE *lines;

static const struct ocsf_host nowhere = { "", "", "", "", "", "", "", "", "", "", "" };
static const struct ocsf_host instance = {
	.hostname = "ip-10-0-0-7",
	.machine_id = "0123456789abcdef0123456789abcdef",
	.boot_id = "5a9f0f4e-7a0e-4a3e-9a53-0d1f5c2b7e11",
	.kernel = "6.1.0",
	.os_name = "Amazon Linux",
	.os_version = "2023",
	.instance_id = "i-0abc",
	.region = "eu-central-1",
	.zone = "eu-central-1a",
	.account = "123456789012",
	.image_id = "ami-0abc",
};

/* A finding with everything that it points to. */
struct sample {
	struct process parent, process;
	struct event event;
	struct indicator indicator;
	struct finding finding;
	struct verdict verdict;
	struct ocsf_finding input;
};

static void put(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text);
}

static void sample_fill(struct sample *sample)
{
	static const uint8_t source[] = { 10, 0, 0, 7 }, destination[] = { 10, 0, 0, 2 };

	memset(sample, 0, sizeof(*sample));
	sample->parent = (struct process){ .pid = 100,
					   .start_boottime = 5,
					   .comm = "bash",
					   .exe = "/usr/bin/bash",
					   .user = "root",
					   .parent_pid = 1 };
	sample->process = (struct process){ .pid = 4242,
					    .start_boottime = 7,
					    .start_time = 1700000000 * NS_PER_SECOND,
					    .uid = 1000,
					    .comm = "curl",
					    .exe = "/usr/bin/curl",
					    .arguments = "curl https://evil.example/",
					    .cgroup = "/system.slice/x.service",
					    .unit = "x.service",
					    .container = "0123abcd",
					    .user = "ann",
					    .role = PROCESS_ROLE_STUB,
					    .exe_deleted = true,
					    .parent_pid = 100,
					    .parent = &sample->parent };
	sample->event = (struct event){ .time = 1700000001 * NS_PER_SECOND,
					.direction = EVENT_DIRECTION_OUT,
					.attribution = EVENT_ATTRIBUTION_SEND,
					.matched = true,
					.protocol = IPPROTO_UDP,
					.source = address_from_ipv4(source),
					.destination = address_from_ipv4(destination),
					.source_port = 40000,
					.destination_port = 53,
					.dns_id = 7,
					.qtype = 28,
					.qclass = 1,
					.socket_cookie = 99,
					.cgroup_id = 12345,
					.uid = 1000,
					.tid = 4243,
					.process = &sample->process,
					.opener_pid = 100 };
	assert_int_equal(domain_name_parse("a.eViL.example", &sample->event.name), 0);
	sample->indicator = (struct indicator){ .kind = INDICATOR_DOMAIN,
						.severity = 4,
						.expiry = 1900000000,
						.feed = "test-feed",
						.tags = "c2,phishing",
						.line = 12,
						.text = "evil.example" };
	sample->finding = (struct finding){ .uid = "0190c2f4-0000-8000-8000-000000000001",
					    .detector = "indicator",
					    .title = "a.evil.example was looked up",
					    .why = "evil.example is listed by test-feed",
					    .default_severity = SEVERITY_HIGH,
					    .event = &sample->event,
					    .indicator = &sample->indicator };
	sample->verdict = (struct verdict){ .severity = SEVERITY_HIGH,
					    .response = RESPONSE_BLOCK,
					    .policy = "built-in",
					    .rule = "default",
					    .reason = "" };
	sample->input = (struct ocsf_finding){ .finding = &sample->finding,
					       .verdict = &sample->verdict,
					       .host = &instance,
					       .count = 1,
					       .first_seen = sample->event.time,
					       .last_seen = sample->event.time };
}

/* Only what every event has. */
static void sample_bare(struct sample *sample)
{
	sample_fill(sample);
	sample->event = (struct event){ .time = NS_PER_SECOND, .frame = 17, .unreadable = true };
	sample->finding.indicator = NULL;
	sample->finding.title[0] = sample->finding.why[0] = '\0';
	sample->verdict = (struct verdict){ .policy = "", .rule = "", .reason = "" };
	sample->input.host = &nowhere;
}

/* Every text as long as it can be, of bytes that nobody should print. */
static void hostile_text(char *out, size_t size, unsigned seed)
{
	static const char bytes[] =
		"\x1b[2J\xff\xc0\x80\xed\xa0\x80\xe2\x80\xae\"\\\n\r\t\x7f\xf4\x90\x80\x80"
		"{}$(x)`\xc3\xa9\xe2\x82";

	for (size_t i = 0; i + 1 < size; i++)
		out[i] = bytes[(i * 7 + seed) % (sizeof(bytes) - 1)];
	out[size - 1] = '\0';
}

static void sample_hostile(struct sample *sample, unsigned seed)
{
	struct process *process = &sample->process;
	struct domain_name *name = &sample->event.name;

	sample_fill(sample);
	hostile_text(process->comm, sizeof(process->comm), seed);
	hostile_text(process->exe, sizeof(process->exe), seed + 1);
	hostile_text(process->arguments, sizeof(process->arguments), seed + 2);
	hostile_text(process->cgroup, sizeof(process->cgroup), seed + 3);
	hostile_text(process->unit, sizeof(process->unit), seed + 4);
	hostile_text(process->container, sizeof(process->container), seed + 5);
	hostile_text(process->user, sizeof(process->user), seed + 6);
	hostile_text(sample->indicator.text, sizeof(sample->indicator.text), seed + 7);
	sample->indicator.tags = ",,\x1b\xff,,";
	sample->indicator.feed = "\xc3";
	sample->indicator.expiry = UINT64_MAX;
	process->exe[0] = '/';
	/* A title that was cut in the middle of a character. */
	put(sample->finding.title, sizeof(sample->finding.title), "caf\xc3");
	/* 255 bytes of wire form: labels of 63, 63, 63 and 61. */
	name->length = 255;
	for (size_t i = 0; i < 254; i++)
		name->wire[i] =
			i % 64 == 0 ? (uint8_t)(i < 192 ? 63 : 61) : (uint8_t)(i * 5 + seed);
	name->wire[254] = 0;
	sample->event.opcode = 15;
	sample->event.qclass = 65535;
	sample->event.qtype = 65535;
	sample->event.socket_cookie = UINT64_MAX;
	sample->event.protocol = 255;
	sample->process.parent = process; /* a ring: must end */
}

static json_t *make(const struct sample *sample)
{
	json_t *object = ocsf_finding(&sample->input, 1);
	char *line;

	assert_non_null(object);
	line = ocsf_line(object);
	assert_non_null(line);
	assert_null(strchr(line, '\n'));
	(void)fprintf(lines, "%s\n", line);
	free(line);
	return object;
}

static const char *text_at(const json_t *object, const char *key, const char *next)
{
	return json_string_value(json_object_get(json_object_get(object, key), next));
}

/* Everything that is known has its place. */
static void test_all_fields(void **state)
{
	struct sample sample;
	struct view view;
	json_t *object;

	(void)state;
	sample_fill(&sample);
	object = make(&sample);
	view_read(object, &view);
	assert_string_equal(view.uid, sample.finding.uid);
	assert_string_equal(view.qname, "a.eViL.example");
	assert_string_equal(view.qtype, "AAAA");
	assert_string_equal(view.detector, "indicator");
	assert_string_equal(view.feed, "test-feed");
	assert_string_equal(view.indicator, "evil.example");
	assert_string_equal(view.exe, "/usr/bin/curl");
	assert_string_equal(view.comm, "curl");
	assert_string_equal(view.user, "ann");
	assert_string_equal(view.container, "0123abcd");
	assert_string_equal(view.source, "10.0.0.7");
	assert_string_equal(view.destination, "10.0.0.2");
	assert_string_equal(view.rule, "default");
	assert_int_equal(view.pid, 4242);
	assert_int_equal(view.severity_id, 4);
	assert_int_equal(view.time, sample.event.time);
	assert_string_equal(text_at(object, "device", "instance_uid"), "i-0abc");
	assert_string_equal(text_at(object, "cloud", "provider"), "AWS");
	assert_int_equal(json_integer_value(json_object_get(object, "type_uid")), 200401);
	json_decref(object);
}

/* What is not known is left out, not empty. */
static void test_bare(void **state)
{
	struct sample sample;
	json_t *object, *evidence;

	(void)state;
	sample_bare(&sample);
	object = make(&sample);
	assert_null(json_object_get(object, "device"));
	assert_null(json_object_get(object, "cloud"));
	assert_null(json_object_get(object, "resources"));
	assert_null(json_object_get(object, "osint"));
	assert_null(json_object_get(object, "policy"));
	evidence = json_array_get(json_object_get(object, "evidences"), 0);
	assert_null(json_object_get(evidence, "process"));
	assert_null(json_object_get(evidence, "query"));
	assert_null(json_object_get(evidence, "src_endpoint"));
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(object, "unmapped"), "frame")),
		17);
	json_decref(object);
}

static void check_strings(const json_t *value)
{
	const char *key, *text = json_string_value(value);
	json_t *member;
	size_t i;

	for (size_t length; text && *text; text += length) {
		length = utf8_character(text, strlen(text));
		assert_true(length > 0);
		assert_true((unsigned char)*text >= 0x20 && *text != 0x7f);
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, member) check_strings(member);
	json_array_foreach(value, i, member) check_strings(member);
}

/* Whatever bytes come in, what goes out is text that can be shown and is read back the same. */
static void test_hostile_bytes(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 40; seed++) {
		struct sample sample;
		json_t *object, *again;
		char *line, *line_again;

		sample_hostile(&sample, seed);
		object = make(&sample);
		check_strings(object);
		line = ocsf_line(object);
		again = json_loads(line, 0, NULL);
		assert_non_null(again);
		line_again = ocsf_line(again);
		assert_string_equal(line, line_again);
		free(line);
		free(line_again);
		json_decref(object);
		json_decref(again);
		object = ocsf_sighting(&sample.input);
		assert_non_null(object);
		check_strings(object);
		json_decref(object);
	}
}

struct outcome_case {
	enum response response;
	bool enforce, blocked, excepted;
	int disposition_id, action_id, status_id;
	const char *would_have, *missed;
};

/* What was done, or would have been, is told as it was. */
static void test_outcomes(void **state)
{
	static const struct outcome_case cases[] = {
		{ RESPONSE_NONE, false, false, false, 19, 3, 1, "", "" },
		{ RESPONSE_BLOCK, false, false, false, 17, 3, 1, "block", "" },
		{ RESPONSE_BLOCK, true, true, false, 2, 2, 1, "", "" },
		{ RESPONSE_BLOCK, true, false, false, 17, 3, 1, "", "block" },
		{ RESPONSE_NONE, true, false, true, 1, 1, 3, "", "" },
	};
	unsigned states[ELEMENTS(cases)];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct sample sample;
		struct view view;
		json_t *object;

		sample_fill(&sample);
		sample.verdict.response = cases[i].response;
		sample.verdict.excepted = cases[i].excepted;
		sample.input.enforce = cases[i].enforce;
		sample.event.disposition = cases[i].blocked ? EVENT_BLOCKED : EVENT_PASSED;
		object = make(&sample);
		view_read(object, &view);
		assert_int_equal(json_integer_value(json_object_get(object, "disposition_id")),
				 cases[i].disposition_id);
		assert_int_equal(json_integer_value(json_object_get(object, "action_id")),
				 cases[i].action_id);
		assert_int_equal(json_integer_value(json_object_get(object, "status_id")),
				 cases[i].status_id);
		assert_string_equal(view.would_have, cases[i].would_have);
		assert_string_equal(view.missed, cases[i].missed);
		states[i] = ocsf_finding_state(&sample.input);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(states[k], states[i]);
		json_decref(object);
	}
}

/* A repeat changes count, last time, activity and the delivery's own id, and nothing else; members
 * keep their order. */
static void test_amend(void **state)
{
	struct sample sample;
	json_t *object, *read, *other = json_object();
	char *before, *after, *again;

	(void)state;
	sample_fill(&sample);
	object = make(&sample);
	before = ocsf_line(object);
	read = json_loads(before, 0, NULL);
	assert_int_equal(ocsf_finding_amend(read, 5, 1800000000 * NS_PER_SECOND), 0);
	assert_int_equal(json_integer_value(json_object_get(read, "count")), 5);
	assert_int_equal(json_integer_value(json_object_get(read, "activity_id")), 2);
	assert_int_equal(json_integer_value(json_object_get(read, "type_uid")), 200402);
	assert_int_equal(json_integer_value(json_object_get(read, "end_time")), 1800000000000);
	assert_int_equal(json_integer_value(json_object_get(read, "start_time")), 1700000001000);
	assert_string_equal(text_at(read, "finding_info", "uid"), sample.finding.uid);
	assert_string_not_equal(text_at(read, "metadata", "uid"),
				text_at(object, "metadata", "uid"));
	after = ocsf_line(read);
	(void)fprintf(lines, "%s\n", after);
	/* The way a new finding with that count would look. */
	sample.input.count = 5;
	sample.input.last_seen = 1800000000 * NS_PER_SECOND;
	json_decref(object);
	object = ocsf_finding(&sample.input, 2);
	again = ocsf_line(object);
	assert_string_equal(after, again);
	assert_int_equal(ocsf_finding_amend(other, 5, 1), -EINVAL);
	json_decref(other);
	json_decref(object);
	json_decref(read);
	free(before);
	free(after);
	free(again);
}

static bool observed(const json_t *object, const char *name, const char *value)
{
	const json_t *observables = json_object_get(object, "observables"), *row;
	size_t i;

	json_array_foreach(observables, i, row)
	{
		const char *at = json_string_value(json_object_get(row, "name"));
		const char *text = json_string_value(json_object_get(row, "value"));

		if (at && text && strcmp(at, name) == 0)
			return strcmp(text, value) == 0;
	}
	return false;
}

/* Other names become further evidences, each once in whatever case, and not more than fit. */
static void test_witness(void **state)
{
	struct sample sample;
	json_t *object;
	char name[32], *line;

	(void)state;
	sample_fill(&sample);
	object = make(&sample);
	assert_int_equal(ocsf_finding_witness(object, &sample.event), 0);
	for (int i = 1; i < 2 * OCSF_EVIDENCES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d.Evil.example", i);
		assert_int_equal(domain_name_parse(name, &sample.event.name), 0);
		assert_int_equal(ocsf_finding_witness(object, &sample.event),
				 i < OCSF_EVIDENCES_MAX ? 1 : 0);
		domain_name_lower(&sample.event.name);
		assert_int_equal(ocsf_finding_witness(object, &sample.event), 0);
	}
	assert_int_equal(json_array_size(json_object_get(object, "evidences")), OCSF_EVIDENCES_MAX);
	assert_true(observed(object, "evidences[7].query.hostname", "n7.Evil.example"));
	/* Made anew, of one of those names, it has them all again. */
	line = ocsf_line(object);
	json_decref(object);
	assert_int_equal(domain_name_parse("n3.Evil.example", &sample.event.name), 0);
	object = make(&sample);
	assert_int_equal(ocsf_finding_inherit(object, line), 0);
	assert_int_equal(json_array_size(json_object_get(object, "evidences")), OCSF_EVIDENCES_MAX);
	assert_true(observed(object, "evidences[0].query.hostname", "n3.Evil.example"));
	assert_true(observed(object, "evidences[7].query.hostname", "n7.Evil.example"));
	assert_int_equal(ocsf_finding_inherit(object, "[]"), -EINVAL);
	free(line);
	json_decref(object);
}

/* A lookup that is no finding is DNS Activity, with or without a process. */
static void test_dns_activity(void **state)
{
	struct sample sample;

	(void)state;
	sample_fill(&sample);
	for (int i = 0; i < 2; i++) {
		json_t *object = ocsf_dns_activity(&sample.event, &instance);
		char *line = ocsf_line(object);

		assert_int_equal(json_integer_value(json_object_get(object, "class_uid")), 4003);
		assert_non_null(text_at(object, "query", "hostname"));
		assert_int_equal(json_object_get(object, "actor") != NULL, i == 0);
		(void)fprintf(lines, "%s\n", line);
		free(line);
		json_decref(object);
		sample.event.process = NULL;
	}
}

/* So is a containment, begun or lifted, done or not; its reason is anybody's text. */
static void test_containment(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct sample sample;
		struct ocsf_containment input = { .time = NS_PER_SECOND,
						  .lifted = i == 3,
						  .outcome = (enum ocsf_containment_outcome)i,
						  .reason = "because\x1b[2J \xff",
						  .finding = i == 1 ? "uid-1" : "",
						  .problem = "it cannot",
						  .until = i == 1 ? 2 * NS_PER_SECOND : 0,
						  .provisional = i == 1 };
		json_t *object;
		char *line;

		sample_fill(&sample);
		input.host = sample.input.host;
		object = ocsf_containment(&input);
		assert_non_null(object);
		assert_int_equal(json_integer_value(json_object_get(object, "activity_id")),
				 i == 3 ? 3 : 1);
		assert_string_equal(text_at(object, "unmapped", "reason"), "because\\x1b[2J \\xff");
		assert_int_equal(json_object_get(json_object_get(object, "unmapped"), "until") !=
					 NULL,
				 i == 1);
		line = ocsf_line(object);
		(void)fprintf(lines, "%s\n", line);
		free(line);
		json_decref(object);
	}
}

/* A block is a Network Remediation Activity of its own. */
static void test_block_activity(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct sample sample;
		struct view view;
		json_t *object;
		char *line;

		if (i == 3)
			sample_hostile(&sample, 3);
		else if (i == 2)
			sample_bare(&sample);
		else
			sample_fill(&sample);
		sample.input.enforce = true;
		sample.event.disposition = i == 1 ? EVENT_PASSED : EVENT_BLOCKED;
		object = ocsf_block_activity(&sample.input);
		assert_non_null(object);
		assert_int_equal(json_integer_value(json_object_get(object, "class_uid")), 7004);
		assert_int_equal(json_integer_value(json_object_get(object, "status_id")),
				 i == 1 ? 2 : 1);
		view_read(object, &view);
		assert_true(view.activity);
		assert_string_equal(view.uid, sample.finding.uid);
		assert_int_equal(view.blocked, i != 1);
		line = ocsf_line(object);
		(void)fprintf(lines, "%s\n", line);
		free(line);
		json_decref(object);
	}
}

/* A connection or flow in the place of the lookup. */
static void sample_kind(struct sample *sample, enum event_kind kind, const struct flow_facts *flow)
{
	sample_fill(sample);
	sample->event.kind = kind;
	sample->event.protocol = IPPROTO_TCP;
	sample->event.destination_port = 443;
	sample->event.flow = flow;
	if (flow)
		sample->event.name.length = 0;
}

static json_t *printed(json_t *object)
{
	char *line = ocsf_line(object);

	assert_non_null(line);
	(void)fprintf(lines, "%s\n", line);
	free(line);
	return object;
}

/* Flows of every protocol, also with what an outsider puts into them, are told in full: in the
 * evidence what has a place there, in unmapped the rest. */
static void test_flows(void **state)
{
	static const struct {
		struct flow_facts flow;
		const char *sni, *host, *version, *quic, *method;
	} cases[] = {
		{ { .protocol = FLOW_TLS,
		    .tls_version = 0x0304,
		    .name = "www.evil.example",
		    .alpn = "h2,http/1.1",
		    .ja4 = "t13d1516h2_8daaf6152771_e5627efa2ab1" },
		  "www.evil.example",
		  "",
		  "1.3",
		  NULL,
		  NULL },
		{ { .protocol = FLOW_TLS,
		    .tls_version = 0x0303,
		    .name = "outer.example",
		    .ech = true,
		    .alpn = ",,\xff,",
		    .outcome = FLOW_INCOMPLETE,
		    .reason = "cut" },
		  "outer.example",
		  "",
		  "1.2",
		  NULL,
		  NULL },
		{ { .protocol = FLOW_QUIC, .quic_version = 0x6b3343cf, .name = "q.example" },
		  "q.example",
		  "",
		  "1.3",
		  "0x6b3343cf",
		  NULL },
		{ { .protocol = FLOW_HTTP,
		    .name = "h.example",
		    .http_port = 8080,
		    .method = "GET" },
		  "",
		  "h.example",
		  NULL,
		  NULL,
		  "GET" },
		{ { .protocol = FLOW_HTTP, .name = "198.51.100.7", .method = "BREW\x1b[2J" },
		  "",
		  "198.51.100.7",
		  NULL,
		  NULL,
		  NULL },
		{ { .protocol = FLOW_TLS, .tls_version = 0x7f1c, .name = "\x1b]0;x\x07\xc3" },
		  NULL,
		  "",
		  "0x7f1c",
		  NULL,
		  NULL },
		{ { .protocol = FLOW_HTTP, .name = "2001:db8::1", .method = "CONNECT" },
		  "",
		  "2001:db8::1",
		  NULL,
		  NULL,
		  "CONNECT" },
		{ { .protocol = FLOW_HTTP, .method = "GET" }, "", "", NULL, NULL, "GET" },
		{ { .protocol = FLOW_NONE, .outcome = FLOW_MALFORMED, .reason = "no" },
		  "",
		  "",
		  NULL,
		  NULL,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct sample sample;
		const json_t *evidence, *flow;
		const char *text;
		struct view view;
		json_t *object;

		sample_kind(&sample, EVENT_FLOW, &cases[i].flow);
		object = printed(make(&sample));
		view_read(object, &view);
		evidence = json_array_get(json_object_get(object, "evidences"), 0);
		flow = json_object_get(json_object_get(object, "unmapped"), "flow");
		assert_null(json_object_get(evidence, "query"));
		assert_string_equal(view.kind, "flow");
		assert_string_equal(view.host, cases[i].host);
		assert_string_equal(view.ja4, cases[i].flow.ja4);
		assert_int_equal(view.destination_port, 443);
		if (cases[i].sni)
			assert_string_equal(view.sni, cases[i].sni);
		assert_null(strchr(view.sni, '\x1b'));
		text = text_at(evidence, "tls", "version");
		assert_int_equal(text != NULL, cases[i].version != NULL);
		if (text)
			assert_string_equal(text, cases[i].version);
		text = json_string_value(json_object_get(flow, "quic_version"));
		assert_int_equal(text != NULL, cases[i].quic != NULL);
		assert_int_equal(json_is_true(json_object_get(flow, "ech")), cases[i].flow.ech);
		text = text_at(evidence, "http_request", "http_method");
		assert_int_equal(text != NULL, cases[i].method != NULL);
		if (cases[i].sni && *cases[i].sni)
			assert_true(observed(object, "evidences[0].tls.sni", cases[i].sni));
		if (*cases[i].host)
			assert_true(observed(object, "evidences[0].url.hostname", cases[i].host));
		if (*cases[i].flow.ja4)
			assert_true(observed(object, "evidences[0].ja4_fingerprint_list[0].value",
					     cases[i].flow.ja4));
		/* The same again is no further evidence; another name is. */
		assert_int_equal(ocsf_finding_witness(object, &sample.event), 0);
		json_decref(object);
		json_decref(ocsf_sighting(&sample.input));
	}
}

/* A connection tells the other end, with the name that it was learnt from. */
static void test_connection(void **state)
{
	struct sample sample;
	struct view view;
	json_t *object;

	(void)state;
	sample_kind(&sample, EVENT_CONNECTION, NULL);
	sample.event.watch = EVENT_WATCH_LEARNT;
	object = printed(make(&sample));
	view_read(object, &view);
	assert_string_equal(view.kind, "connection");
	assert_string_equal(view.destination, "10.0.0.2");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(object, "unmapped"), "watch")),
		"learnt");
	assert_true(observed(object, "evidences[0].dst_endpoint.hostname", "a.eViL.example"));
	json_decref(object);
	sample.event.name.length = 0;
	sample.indicator.kind = INDICATOR_ADDRESS;
	object = printed(make(&sample));
	assert_false(observed(object, "evidences[0].dst_endpoint.hostname", "a.eViL.example"));
	sample.event.destination.bytes[15]++;
	assert_int_equal(ocsf_finding_witness(object, &sample.event), 1);
	json_decref(printed(object));
}

/* What was done is said in the words of what it was done to. */
static void test_block_words(void **state)
{
	static const struct flow_facts flow = { .protocol = FLOW_TLS, .name = "evil.example" };
	static const char *const words[] = {
		[EVENT_QUESTION] = "lookup is dropped",
		[EVENT_ANSWER] = "answer is dropped",
		[EVENT_CONNECTION] = "connection is refused",
		[EVENT_PAYLOAD] = "flow is cut",
		[EVENT_FLOW] = "flow is cut",
	};

	(void)state;
	for (size_t kind = 0; kind < ELEMENTS(words); kind++) {
		struct sample sample;
		json_t *object;

		sample_kind(&sample, (enum event_kind)kind, kind == EVENT_FLOW ? &flow : NULL);
		sample.input.enforce = true;
		sample.event.disposition = EVENT_BLOCKED;
		object = printed(ocsf_block_activity(&sample.input));
		assert_non_null(strstr(text_at(object, "remediation", "desc"), words[kind]));
		json_decref(object);
		json_decref(printed(make(&sample)));
	}
}

/* The host is read from the system it runs on. */
static void test_host(void **state)
{
	struct sample sample;
	struct ocsf_host host;
	char name[256];

	(void)state;
	assert_int_equal(ocsf_host_read(&host), 0);
	assert_int_equal(gethostname(name, sizeof(name)), 0);
	assert_string_equal(host.hostname, name);
	assert_true(host.kernel[0] != '\0');
	assert_int_equal(strlen(host.boot_id), 36);
	assert_string_equal(host.instance_id, "");
	sample_fill(&sample);
	sample.input.host = &host;
	json_decref(make(&sample));
	ocsf_host_free(&host);
}

/* Objects that are none of ours, or were tampered with, read as "not known". */
static void test_view_of_anything(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"[1,2]",
		"{\"finding_info\":3,\"count\":\"x\",\"severity_id\":-1}",
		"{\"evidences\":{\"0\":{}},\"time\":9223372036854775807,\"osint\":[]}",
		"{\"finding_info\":{\"uid\":[\"a\"],\"analytic\":null}}",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		json_t *object = json_loads(texts[i], 0, NULL);
		struct view view;

		assert_non_null(object);
		view_read(object, &view);
		assert_string_equal(view.uid, "");
		assert_string_equal(view.exe, "");
		assert_int_equal(view.count, 0);
		json_decref(object);
	}
}

/* All lines that the tests above made are valid by the schemas. Must come last. */
static void test_valid_by_schema(void **state)
{
	const char *top = getenv("srcdir") ? getenv("srcdir") : ".";
	char validator[512], file[64];
	pid_t child;
	int status;

	(void)state;
	assert_int_equal(fflush(lines), 0);
	(void)snprintf(validator, sizeof(validator), "%s/" VALIDATOR, top);
	if (access(validator, R_OK) < 0 || system("python3 -c 'import jsonschema' 2>&1") != 0) {
		print_message("needs python3-jsonschema, and to be run from the source folder\n");
		assert_null(getenv("CI"));
		skip();
	}
	(void)snprintf(file, sizeof(file), "/proc/self/fd/%d", fileno(lines));
	child = fork();
	if (child == 0) {
		(void)execlp("python3", "python3", validator, file, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_fields),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_amend),
		cmocka_unit_test(test_witness),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_block_words),
		cmocka_unit_test(test_dns_activity),
		cmocka_unit_test(test_block_activity),
		cmocka_unit_test(test_containment),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_view_of_anything),
		cmocka_unit_test(test_valid_by_schema),
	};
	const char *path = getenv("OCSF_LINES");
	int r;

	lines = path ? fopen(path, "w+") : tmpfile();
	if (!lines)
		return 1;
	r = cmocka_run_group_tests_name("ocsf", tests, NULL, NULL);
	(void)fclose(lines);
	return r;
}
