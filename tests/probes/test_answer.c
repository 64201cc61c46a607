/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves which answers that come in go up, and which end in the kernel: plain addresses of an
 * innocent name do, over UDP in every way and over TCP; whatever leads on, leads inside, is of a
 * listed name or of another shape goes up. Random answers are held against a walk in plain C:
 * nothing that it finds ends in the kernel. All of it while no answer for a listed name is waited
 * for, when the first program reads it, and while one is, when another does. The ledger balances
 * all the while.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "intel/pack.h"
#include "probe_cgroup.h"
#include "probe_run.h"
#include "sensor/ledger.h"

#define RANDOM_ANSWERS 30000
#define WALKED	       16
#define WALK_MAX       1024
#define RATE_MANY      1000000

struct fixture {
	char *cgroup;
	struct probe probe;
	struct pack *pack;
	struct flow flow;
	struct ledger before;
	int egress; /* its first program */
};

static void open_with(struct fixture *fixture, unsigned rate)
{
	struct sensor_options options = { .answers = true, .answers_rate = rate };
	uint64_t next;

	fixture->cgroup = probe_cgroup_make();
	options.cgroup = fixture->cgroup;
	probe_open(&fixture->probe, &options);
	fixture->egress = fixture->probe.program;
	fixture->probe.program = fixture->probe.ingress;
	fixture->pack = probe_pack("listed.test\nparent.test\n", "good.parent.test\n");
	assert_int_equal(
		sensor_set_pack(fixture->probe.sensor, fixture->pack, 0, NULL, NULL, &next), 0);
	fixture->flow = (struct flow){ .source_port = 53, .destination_port = 40000 };
}

static void close_all(struct fixture *fixture)
{
	probe_close(&fixture->probe);
	pack_close(fixture->pack);
	probe_cgroup_remove(fixture->cgroup);
}

/* ---- messages ---- */

static void answer_begin(struct message *message, const char *qname, unsigned answers)
{
	struct domain_name name;

	assert_int_equal(domain_name_parse(qname, &name), 0);
	message_query(message, &name);
	message->bytes[2] |= 0x80;
	message->bytes[6] = (uint8_t)(answers >> 8);
	message->bytes[7] = (uint8_t)answers;
}

static void record_put(struct message *message, unsigned type, const void *data, size_t size)
{
	uint8_t head[12] = { 0xc0, 12,	     (uint8_t)(type >> 8),	  (uint8_t)type,       0,
			     1,	   [9] = 60, [10] = (uint8_t)(size >> 8), [11] = (uint8_t)size };

	message_append(message, head, sizeof(head));
	message_append(message, data, size);
}

static void address_put(struct message *message, const char *text)
{
	uint8_t bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	assert_int_equal(inet_pton(family, text, bytes), 1);
	record_put(message, family == AF_INET ? 1 : 28, bytes, family == AF_INET ? 4 : 16);
}

/* ---- running ---- */

static void begin(struct fixture *fixture)
{
	fixture->before = probe_ledger(&fixture->probe);
	assert_true(ledger_balances(&fixture->before));
}

static uint64_t added(struct fixture *fixture, enum ledger_counter counter)
{
	struct ledger now = probe_ledger(&fixture->probe);

	assert_true(ledger_balances(&now));
	return now.counters[LEDGER_INGRESS][counter] -
	       fixture->before.counters[LEDGER_INGRESS][counter];
}

static void run_udp(struct fixture *fixture, enum packet_ip ip, const struct message *message)
{
	struct packet packet;

	begin(fixture);
	packet_udp(&packet, ip, &fixture->flow, message->bytes, message->size);
	assert_int_equal(probe_run(&fixture->probe, &packet), PROBE_PASSED);
}

static void assert_ended(struct fixture *fixture)
{
	assert_int_equal(fixture->probe.count, 0);
	assert_int_equal(added(fixture, LEDGER_RESPONSE), 1);
	assert_int_equal(added(fixture, LEDGER_SUBMITTED), 0);
}

static void assert_up(struct fixture *fixture, bool matched, size_t answers)
{
	assert_int_equal(fixture->probe.count, 1);
	assert_int_equal(fixture->probe.events[0].kind, EVENT_ANSWER);
	assert_int_equal(fixture->probe.events[0].answers, answers);
	assert_int_equal(fixture->probe.events[0].matched, matched);
	assert_int_equal(added(fixture, LEDGER_OBSERVED), 1);
	assert_int_equal(added(fixture, LEDGER_SUBMITTED), 1);
	assert_int_equal(added(fixture, LEDGER_RESPONSE), 0);
}

/* A listed question leaves: from now on its answer is waited for. */
static void ask_listed(struct fixture *fixture)
{
	int ingress = fixture->probe.program;
	struct flow flow = { .source_port = 40000, .destination_port = 53 };
	struct domain_name name;
	struct message message;
	struct packet packet;

	assert_int_equal(domain_name_parse("listed.test", &name), 0);
	message_query(&message, &name);
	packet_udp(&packet, PACKET_IPV4, &flow, message.bytes, message.size);
	fixture->probe.program = fixture->egress;
	assert_int_equal(probe_run(&fixture->probe, &packet), PROBE_PASSED);
	fixture->probe.program = ingress;
}

static void test_addresses(void **state)
{
	static const struct {
		const char *address;
		bool inside;
	} cases[] = {
		{ "192.0.2.1", false },	   { "9.255.255.255", false },
		{ "10.0.0.0", true },	   { "10.255.255.255", true },
		{ "11.0.0.0", false },	   { "126.255.0.1", false },
		{ "127.0.0.1", true },	   { "127.255.255.255", true },
		{ "128.0.0.1", false },	   { "172.15.255.255", false },
		{ "172.16.0.0", true },	   { "172.31.255.255", true },
		{ "172.32.0.0", false },   { "192.167.1.1", false },
		{ "192.168.0.1", true },   { "192.169.0.1", false },
		{ "169.253.1.1", false },  { "169.254.169.254", true },
		{ "169.255.0.1", false },  { "100.63.255.255", false },
		{ "100.64.0.1", true },	   { "100.127.255.255", true },
		{ "100.128.0.0", false },  { "2001:db8::1", false },
		{ "::1", true },	   { "::ffff:127.0.0.1", true },
		{ "64:ff9b::1", false },   { "fe80::1", true },
		{ "febf::1", true },	   { "fec0::1", false },
		{ "fd00:ec2::254", true }, { "fc00::1", true },
		{ "fbff::1", false },	   { "fe00::1", false },
	};
	struct fixture *fixture = *state;
	struct message message;

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		for (enum packet_ip ip = 0; ip < PACKET_IPS; ip++) {
			/* Between others. */
			answer_begin(&message, "innocent.test", 3);
			address_put(&message, "192.0.2.9");
			address_put(&message, cases[i].address);
			address_put(&message, "2001:db8::9");
			run_udp(fixture, ip, &message);
			if (cases[i].inside)
				assert_up(fixture, false, 3);
			else
				assert_ended(fixture);
		}
}

static void test_types(void **state)
{
	static const struct {
		unsigned type, size;
		bool up;
		size_t answers;
	} cases[] = {
		{ 5, 2, true, 1 },     { 39, 2, true, 1 },   { 64, 4, true, 1 },
		{ 65, 4, true, 1 },    { 2, 2, false, 0 },   { 15, 4, false, 0 },
		{ 16, 200, false, 0 }, { 46, 90, false, 0 }, { 1, 3, true, 0 },
		{ 1, 5, true, 0 },     { 28, 4, true, 0 },
	};
	/* A priority of nothing, and a pointer to the question's name. */
	static const uint8_t data[200] = { 0xc0, 12 }, service[4] = { 0, 1, 0xc0, 12 };
	struct fixture *fixture = *state;
	struct message message;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		answer_begin(&message, "innocent.test", 1);
		record_put(&message, cases[i].type, cases[i].type >= 64 ? service : data,
			   cases[i].size);
		run_udp(fixture, PACKET_IPV4, &message);
		if (cases[i].up)
			assert_up(fixture, false, cases[i].answers);
		else
			assert_ended(fixture);
	}
}

/* Without a question, an answer of a listed name says nothing but plain addresses. */
static void test_nobody_asked(void **state)
{
	struct fixture *fixture = *state;
	struct message message;

	answer_begin(&message, "listed.test", 1);
	address_put(&message, "192.0.2.9");
	run_udp(fixture, PACKET_IPV4, &message);
	assert_ended(fixture);
	ask_listed(fixture);
	run_udp(fixture, PACKET_IPV4, &message);
	assert_up(fixture, true, 1);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool matched;
	} cases[] = {
		{ "innocent.test", false },	 { "listed.test", true },
		{ "www.LISTED.test", true },	 { "notlisted.test", false },
		{ "a.parent.test", true },	 { "good.parent.test", false },
		{ "x.good.parent.test", false },
	};
	struct fixture *fixture = *state;
	struct message message;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		answer_begin(&message, cases[i].name, 1);
		address_put(&message, "192.0.2.9");
		run_udp(fixture, PACKET_IPV6, &message);
		if (cases[i].matched)
			assert_up(fixture, true, 1);
		else
			assert_ended(fixture);
		/* With nothing in it, there is nothing to be learnt. */
		answer_begin(&message, cases[i].name, 0);
		run_udp(fixture, PACKET_IPV6, &message);
		assert_ended(fixture);
	}
}

static void test_shapes(void **state)
{
	struct fixture *fixture = *state;
	struct message message;
	struct domain_name name;
	uint8_t head[10] = { 0, 1, 0, 1, [9] = 4 };

	for (unsigned count = 1; count <= WALKED + 2; count++) {
		answer_begin(&message, "innocent.test", count);
		for (unsigned i = 0; i < count; i++)
			address_put(&message, "192.0.2.9");
		run_udp(fixture, PACKET_IPV4, &message);
		if (count > WALKED)
			assert_up(fixture, false, count);
		else
			assert_ended(fixture);
	}
	/* An owner that is written out. */
	answer_begin(&message, "innocent.test", 1);
	assert_int_equal(domain_name_parse("innocent.test", &name), 0);
	message_append(&message, name.wire, name.length);
	message_append(&message, head, sizeof(head));
	message_append(&message, "\xc0\0\2\1", 4);
	run_udp(fixture, PACKET_IPV4, &message);
	assert_up(fixture, false, 1);
	/* Two questions, and fewer records than are claimed. */
	answer_begin(&message, "innocent.test", 1);
	message.bytes[5] = 2;
	address_put(&message, "192.0.2.9");
	run_udp(fixture, PACKET_IPV4, &message);
	assert_int_equal(added(fixture, LEDGER_OBSERVED), 1);
	answer_begin(&message, "innocent.test", 2);
	address_put(&message, "192.0.2.9");
	run_udp(fixture, PACKET_IPV4, &message);
	assert_up(fixture, false, 1);
	/* Larger than a small record, and than what is walked. */
	for (size_t size = 400; size <= 900; size += 100) {
		static const uint8_t filling[900];

		answer_begin(&message, "innocent.test", 2);
		record_put(&message, 16, filling, size);
		address_put(&message, "127.0.0.1");
		run_udp(fixture, PACKET_IPV4, &message);
		assert_up(fixture, false, 1);
	}
}

static void test_tcp(void **state)
{
	static const char *const addresses[] = { "192.0.2.9", "127.0.0.1" };
	struct fixture *fixture = *state;
	struct message message, stream;
	struct packet packet;

	/* Two messages in a segment: what the first one says does not hide the second. */
	for (size_t first = 0; first < 2; first++)
		for (size_t second = 0; second < 2; second++) {
			stream.size = 0;
			for (size_t i = 0; i < 2; i++) {
				uint8_t prefix[2];

				answer_begin(&message, "innocent.test", 17);
				for (int k = 0; k < 16; k++)
					record_put(&message, 16, "\3abc", 4);
				message.bytes[7] = 1;
				message.size -= 16 * 16;
				address_put(&message, addresses[i ? second : first]);
				prefix[0] = (uint8_t)(message.size >> 8);
				prefix[1] = (uint8_t)message.size;
				message_append(&stream, prefix, 2);
				message_append(&stream, message.bytes, message.size);
			}
			begin(fixture);
			packet_tcp(&packet, PACKET_IPV4, &fixture->flow, 1, TCP_ACK, stream.bytes,
				   stream.size);
			assert_int_equal(probe_run(&fixture->probe, &packet), PROBE_PASSED);
			assert_int_equal(fixture->probe.count, first + second);
			assert_int_equal(added(fixture, LEDGER_OBSERVED), first + second);
			assert_int_equal(added(fixture, LEDGER_RESPONSE), 2 - first - second);
		}
}

/* What is larger than a record over TCP is read as far as it was copied. */
static void test_tcp_large(void **state)
{
	struct fixture *fixture = *state;
	uint8_t stream[1900] = { 0xff, 0xff };
	struct message message;
	struct packet packet;
	size_t size;

	answer_begin(&message, "innocent.test", 200);
	size = message.size;
	memcpy(stream + 2, message.bytes, size);
	message.size = 0;
	address_put(&message, "127.0.0.1");
	for (size_t at = 2 + size; at + message.size <= sizeof(stream); at += message.size)
		memcpy(stream + at, message.bytes, message.size);
	/* 1,898 bytes of it, all that there is of this message. */
	stream[0] = (sizeof(stream) - 2) >> 8;
	stream[1] = (sizeof(stream) - 2) & 0xff;
	begin(fixture);
	packet_tcp(&packet, PACKET_IPV4, &fixture->flow, 1, TCP_ACK, stream, sizeof(stream));
	assert_int_equal(probe_run(&fixture->probe, &packet), PROBE_PASSED);
	assert_up(fixture, false, (sizeof(stream) - 2 - size) / message.size);
}

static void test_rate(void **state)
{
	struct fixture limited;
	struct message message;
	struct packet packet;

	(void)state;
	open_with(&limited, 5);
	answer_begin(&message, "innocent.test", 1);
	address_put(&message, "127.0.0.1");
	packet_udp(&packet, PACKET_IPV4, &limited.flow, message.bytes, message.size);
	begin(&limited);
	limited.probe.count = 0;
	for (int i = 0; i < 40; i++)
		assert_int_equal(probe_run_more(&limited.probe, &packet), PROBE_PASSED);
	/* They may have fallen into two seconds, or, on a machine that stands still, into more. */
	assert_true(limited.probe.count >= 5);
	assert_int_equal(added(&limited, LEDGER_OBSERVED), 40);
	assert_int_equal(added(&limited, LEDGER_SUBMITTED), limited.probe.count);
	assert_int_equal(added(&limited, LEDGER_LIMITED), 40 - limited.probe.count);
	/* A listed name is told all the same. */
	ask_listed(&limited);
	answer_begin(&message, "listed.test", 1);
	address_put(&message, "192.0.2.1");
	run_udp(&limited, PACKET_IPV4, &message);
	assert_up(&limited, true, 1);
	close_all(&limited);
}

/* The usual answer ends in the first program: also where there is no other. */
static void test_first_program(void **state)
{
	struct fixture alone;
	struct message message;

	(void)state;
	if (!probe_sees_packet_memory()) {
		print_message("runs see no packet memory on this kernel\n");
		skip();
	}
	open_with(&alone, RATE_MANY);
	probe_tails_clear(&alone.probe);
	answer_begin(&message, "innocent.test", 2);
	address_put(&message, "192.0.2.9");
	address_put(&message, "2001:db8::9");
	run_udp(&alone, PACKET_IPV4, &message);
	assert_ended(&alone);
	run_udp(&alone, PACKET_IPV6, &message);
	assert_ended(&alone);
	close_all(&alone);
}

/* ---- random answers ---- */

static bool inside(const uint8_t *address, size_t size)
{
	if (size == 4)
		return address[0] == 10 || address[0] == 127 ||
		       (address[0] == 172 && address[1] >= 16 && address[1] < 32) ||
		       (address[0] == 192 && address[1] == 168) ||
		       (address[0] == 169 && address[1] == 254) ||
		       (address[0] == 100 && address[1] >= 64 && address[1] < 128);
	return (address[0] == 0 && address[1] == 0) || address[0] == 0xfc || address[0] == 0xfd ||
	       (address[0] == 0xfe && address[1] >= 0x80 && address[1] < 0xc0);
}

/* Whether nothing in it is to be looked at, as the header of the kernel side has it in words. */
static bool plain(const struct message *message)
{
	size_t at = MESSAGE_HEADER, count = (size_t)(message->bytes[6] << 8 | message->bytes[7]);

	if (count == 0)
		return true;
	if (message->bytes[4] || message->bytes[5] != 1 || count > WALKED)
		return false;
	while (at < message->size && message->bytes[at]) {
		if (message->bytes[at] > 63)
			return false;
		at += message->bytes[at] + 1u;
	}
	at += 1 + MESSAGE_TAIL;
	if (at > message->size || at - MESSAGE_HEADER - 1 - MESSAGE_TAIL > 254)
		return false;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *record = message->bytes + at;
		size_t type, length;

		if (at + 12 > message->size || at + 12 > WALK_MAX || record[0] < 0xc0)
			return false;
		type = (size_t)(record[2] << 8 | record[3]);
		length = (size_t)(record[10] << 8 | record[11]);
		at += 12 + length;
		if (at > message->size || type == 5 || type == 39 || type == 64 || type == 65 ||
		    (type == 1 && (length != 4 || inside(record + 12, 4))) ||
		    (type == 28 && (length != 16 || inside(record + 12, 16))))
			return false;
	}
	return true;
}

static void message_random(struct message *message, struct probe_random *random)
{
	static const unsigned types[] = { 1, 1, 1, 28, 28, 16, 15, 46, 5, 65 };
	unsigned count = probe_pick(random, 5), claimed = count;

	if (probe_pick(random, 8) == 0)
		claimed = probe_pick(random, 20);
	answer_begin(message, probe_pick(random, 2) ? "a.innocent.test" : "x.test", claimed);
	for (unsigned i = 0; i < count; i++) {
		unsigned type = types[probe_pick(random, ELEMENTS(types) -
								 (probe_pick(random, 3) ? 2 : 0))];
		uint8_t data[64] = { 0 };
		size_t size = type == 1 ? 4 : type == 28 ? 16 : probe_pick(random, sizeof(data));

		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = (uint8_t)probe_pick(random, 256);
		if (probe_pick(random, 30) == 0)
			size = probe_pick(random, 20);
		record_put(message, type, data, size);
	}
	/* A bit turned over, or the end cut off. */
	if (probe_pick(random, 3) == 0)
		message->bytes[3 + probe_pick(random, (unsigned)message->size - 3)] ^=
			(uint8_t)(1u << probe_pick(random, 8));
	if (probe_pick(random, 6) == 0)
		message->size -= probe_pick(random, (unsigned)message->size - MESSAGE_HEADER);
}

static void test_random(void **state)
{
	struct fixture *fixture = *state;
	struct probe_random random = { 0x9e3779b97f4a7c15 };
	size_t counts[2] = { 0 };

	for (int i = 0; i < RANDOM_ANSWERS; i++) {
		struct message message;
		bool expected;

		message_random(&message, &random);
		expected = plain(&message);
		run_udp(fixture, (enum packet_ip)probe_pick(&random, PACKET_IPS), &message);
		if (added(fixture, LEDGER_RESPONSE) != expected)
			fail_msg("answer %d: %s", i,
				 expected ? "plain, but up" : "not plain, but not up");
		counts[expected]++;
	}
	/* Both happen often, or nothing was proved. */
	assert_true(counts[0] > RANDOM_ANSWERS / 5 && counts[1] > RANDOM_ANSWERS / 5);
}

static int fixture_make(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	open_with(fixture, RATE_MANY);
	*state = fixture;
	return 0;
}

static int fixture_free(void **state)
{
	close_all(*state);
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_random),
		/* From here on a listed name was asked for. */
		cmocka_unit_test(test_nobody_asked),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_tcp_large),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_first_program),
		cmocka_unit_test(test_random),
	};
	int r = probe_privilege();

	return r ? r : cmocka_run_group_tests(tests, fixture_make, fixture_free);
}
