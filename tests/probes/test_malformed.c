/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that no packet, however broken, is taken for a listed name that it does not hold; that
 * each is counted under exactly the outcome that a plain parser gives it, and the ledger balances;
 * and that in enforce mode what cannot be read on its way to a resolver is dropped, and answers
 * never are.
 */
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
#include "strict_parser.h"

#define RANDOM_PACKETS 5000
#define PAGE	       4096

static const char block[] = "evil.test\na.b.c.deep.test\nkept.test\n";
static const char allow[] = "good.evil.test\n";

static const struct {
	const char *name;
	enum match match;
} entries[] = {
	{ "evil.test", MATCH_LISTED },
	{ "a.b.c.deep.test", MATCH_LISTED },
	{ "kept.test", MATCH_KEPT },
	{ "good.evil.test", MATCH_ALLOWED },
};

/* The same probes under other settings. */
enum target_kind {
	TARGET_AUDIT,
	TARGET_ENFORCE,
	TARGET_LIVE, /* enforce as it runs on a host: answers are not read, clean names not told */
	TARGETS,
};

struct target {
	struct probe probe;
	struct strict_rules rules;
	bool enforce;
};

struct fixture {
	struct probe_random random;
	struct match_entry entries[ELEMENTS(entries)];
	struct match_reference reference;
	struct target targets[TARGETS];
	char *cgroup;
	uint32_t client;
	size_t outcomes[LEDGER_OUTCOMES];
};

static bool keep_kept(const struct indicator *indicator, void *userdata)
{
	(void)userdata;
	return strcmp(indicator->text, "kept.test") == 0;
}

static void fail_packet(const struct packet *packet, enum target_kind kind, const char *what)
{
	for (size_t i = 0; i < packet->size; i++)
		(void)fprintf(stderr, "%02x%s", packet->bytes[i],
			      i % 32 == 31 || i + 1 == packet->size ? "\n" : " ");
	fail_msg("target %d: %s", (int)kind, what);
}

/* What the kernel side itself took for a listed name has to be one; what was read in user space is
 * to be confirmed by others, and bears a reason. */
static void matches_check(const struct packet *packet, enum target_kind kind,
			  const struct probe *probe, const struct strict *strict)
{
	size_t at = 0;

	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_event *event = &probe->events[i];

		if (!event->matched || event->reason)
			continue;
		if (at >= strict->count || event->qname.length != strict->matches[at].length ||
		    memcmp(event->qname.wire, strict->matches[at].wire, event->qname.length) != 0)
			fail_packet(packet, kind, "a wrong match");
		at++;
	}
	if (at != strict->count)
		fail_packet(packet, kind, "a match is missing");
}

static void target_run(struct fixture *fixture, enum target_kind kind, const struct packet *packet)
{
	struct target *target = &fixture->targets[kind];
	struct ledger before = probe_ledger(&target->probe), after;
	struct strict strict;
	enum probe_verdict verdict;
	char what[128];
	uint64_t written;

	strict_read(packet->bytes, packet->size, &target->rules, target->enforce, &strict);
	verdict = probe_run(&target->probe, packet);
	after = probe_ledger(&target->probe);
	for (int i = 0; i < LEDGER_OUTCOMES; i++) {
		uint64_t grown = after.counters[LEDGER_EGRESS][i] -
				 before.counters[LEDGER_EGRESS][i];

		fixture->outcomes[i] += grown;
		(void)snprintf(what, sizeof(what), "%s is counted %llu times, not %zu",
			       ledger_counter_name((enum ledger_counter)i),
			       (unsigned long long)grown, strict.outcomes[i]);
		if (grown != strict.outcomes[i])
			fail_packet(packet, kind, what);
	}
	written = after.counters[LEDGER_EGRESS][LEDGER_SUBMITTED] -
		  before.counters[LEDGER_EGRESS][LEDGER_SUBMITTED];
	if (written != strict.records)
		fail_packet(packet, kind, "not a record for each that needs one");
	if (verdict != (strict.drop ? PROBE_DROPPED : PROBE_PASSED))
		fail_packet(packet, kind, strict.drop ? "passed" : "dropped");
	matches_check(packet, kind, &target->probe, &strict);
}

static void all_run(struct fixture *fixture, const struct packet *packet)
{
	for (int kind = 0; kind < TARGETS; kind++)
		target_run(fixture, (enum target_kind)kind, packet);
}

static void ledgers_check(struct fixture *fixture)
{
	for (int kind = 0; kind < TARGETS; kind++) {
		struct ledger ledger = probe_ledger(&fixture->targets[kind].probe);

		assert_true(ledger_balances(&ledger));
		assert_int_equal(ledger.counters[LEDGER_EGRESS][LEDGER_RING_FULL], 0);
		assert_int_equal(ledger.counters[LEDGER_EGRESS][LEDGER_LIMITED], 0);
		assert_int_equal(ledger.waiting, 0);
		assert_int_equal(ledger.rejected, 0);
	}
}

/* Streams are told apart by address and port: each packet is the first of its own. The low bytes
 * are left to mutations. */
static struct flow flow_next(struct fixture *fixture, bool answer)
{
	fixture->client++;
	return (struct flow){ .client = fixture->client,
			      .source_port = answer ? 53 : 40000,
			      .destination_port = answer ? 40000 : 53 };
}

static void query_make(struct message *message, const char *text)
{
	struct domain_name name;

	assert_int_equal(domain_name_parse(text, &name), 0);
	message_query(message, &name);
}

/* A message behind its length. */
static void stream_make(struct message *stream, const char *text)
{
	struct message message;

	query_make(&message, text);
	stream->size = 0;
	message_append(stream, (uint8_t[]){ 0, (uint8_t)message.size }, 2);
	message_append(stream, message.bytes, message.size);
}

enum shape {
	SHAPE_UDP,
	SHAPE_ANSWER, /* from a resolver */
	SHAPE_TCP,
	SHAPES,
};

static void packet_make(struct fixture *fixture, struct packet *packet, enum shape shape,
			enum packet_ip ip, const char *name)
{
	struct flow flow = flow_next(fixture, shape == SHAPE_ANSWER);
	struct message message;

	if (shape == SHAPE_TCP) {
		stream_make(&message, name);
		packet_tcp(packet, ip, &flow, 1, TCP_ACK, message.bytes, message.size);
		return;
	}
	query_make(&message, name);
	if (shape == SHAPE_ANSWER)
		message.bytes[2] |= 0x80;
	packet_udp(packet, ip, &flow, message.bytes, message.size);
}

static void test_truncated(void **state)
{
	struct fixture *fixture = *state;
	struct packet packet;
	size_t whole;

	for (int shape = 0; shape < SHAPES; shape++)
		for (int ip = 0; ip < PACKET_IPS; ip++) {
			packet_make(fixture, &packet, (enum shape)shape, (enum packet_ip)ip,
				    "www.evil.test");
			whole = packet.size;
			for (size_t size = 1; size <= whole; size++) {
				packet_make(fixture, &packet, (enum shape)shape,
					    (enum packet_ip)ip, "www.evil.test");
				packet.size = size;
				all_run(fixture, &packet);
			}
		}
	ledgers_check(fixture);
}

/* Every byte of a packet becomes every other byte; but for addresses, which tell streams apart. */
static void byte_mutate(struct fixture *fixture, enum shape shape, enum packet_ip ip,
			const char *name, size_t at)
{
	struct packet packet;

	for (unsigned value = 0; value < 256; value++) {
		packet_make(fixture, &packet, shape, ip, name);
		packet.bytes[at] = (uint8_t)value;
		all_run(fixture, &packet);
	}
}

static void test_mutated(void **state)
{
	static const char *const names[] = { "evil.test", "good.evil.test" };
	struct fixture *fixture = *state;
	struct packet packet;

	for (size_t i = 0; i < ELEMENTS(names); i++)
		for (int shape = 0; shape < SHAPES; shape++)
			for (int ip = 0; ip < PACKET_IPS; ip += 1 + (int)i) {
				size_t addresses = ip <= PACKET_IPV4_OPTIONS ? 12 : 8,
				       behind = ip <= PACKET_IPV4_OPTIONS ? 20 : 40;

				packet_make(fixture, &packet, (enum shape)shape,
					    (enum packet_ip)ip, names[i]);
				for (size_t at = 0; at < packet.size; at++)
					if (at < addresses || at >= behind)
						byte_mutate(fixture, (enum shape)shape,
							    (enum packet_ip)ip, names[i], at);
			}
	ledgers_check(fixture);
}

static void test_random_bytes(void **state)
{
	struct fixture *fixture = *state;
	struct packet packet;
	uint8_t bytes[300];

	for (size_t i = 0; i < RANDOM_PACKETS; i++) {
		struct flow flow = flow_next(fixture, i % 4 == 3);
		size_t size = probe_pick(&fixture->random, sizeof(bytes));

		for (size_t k = 0; k < size; k++)
			bytes[k] = (uint8_t)probe_pick(&fixture->random, 256);
		/* Else next to none has a name. */
		if (size > 12 && i % 2)
			memcpy(bytes + 4, "\0\1", 2);
		for (size_t k = 12; k < size && i % 8 == 1; k++)
			bytes[k] &= 7;
		if (i % 3)
			packet_udp(&packet, (enum packet_ip)(i % PACKET_IPS), &flow, bytes, size);
		else
			packet_tcp(&packet, (enum packet_ip)(i % PACKET_IPS), &flow, 1, TCP_ACK,
				   bytes, size);
		all_run(fixture, &packet);
	}
	ledgers_check(fixture);
}

/* Many short messages, down to none at all, in one segment. */
static void test_stream_of_shorts(void **state)
{
	struct fixture *fixture = *state;
	struct packet packet;

	for (unsigned length = 0; length < 20; length++)
		for (unsigned count = 1; count < 35; count++) {
			struct flow flow = flow_next(fixture, false);
			struct message stream = { 0 };

			for (unsigned i = 0; i < count; i++) {
				uint8_t message[22] = { 0, (uint8_t)length, [7] = 1 };

				message_append(&stream, message, 2 + length);
			}
			packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, stream.bytes,
				   stream.size);
			all_run(fixture, &packet);
		}
	ledgers_check(fixture);
}

/* Questions whose name is not as it should be, in UDP and TCP; names are put at offset 12. */
static const struct {
	const char *what;
	uint8_t bytes[32];
	size_t size;
} odd_names[] = {
	{ "pointer to itself", { 0xc0, 12, 0, 1, 0, 1 }, 6 },
	{ "pointer forwards", { 0xc0, 18, 0, 1, 0, 1, 4, 'e', 'v', 'i', 'l', 4, 't', 'e', 's', 't', 0 }, 17 },
	{ "two pointers in a ring", { 0xc0, 14, 0xc0, 12, 0, 1, 0, 1 }, 8 },
	{ "pointer into the header", { 0xc0, 4, 0, 1, 0, 1 }, 6 },
	{ "label, then pointer", { 4, 'e', 'v', 'i', 'l', 0xc0, 12, 0, 1, 0, 1 }, 11 },
	{ "half a pointer", { 0xc0 }, 1 },
	{ "label type 0x40", { 0x41, 0x10, 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1 }, 12 },
	{ "label type 0x80", { 0x84, 'e', 'v', 'i', 'l', 0, 0, 1, 0, 1 }, 10 },
	{ "label beyond the end", { 63, 'e', 'v', 'i', 'l', 0, 0, 1, 0, 1 }, 10 },
	{ "no end", { 4, 'e', 'v', 'i', 'l', 4, 't', 'e', 's', 't' }, 10 },
	{ "no type", { 4, 'e', 'v', 'i', 'l', 4, 't', 'e', 's', 't', 0 }, 11 },
	{ "half a class", { 4, 'e', 'v', 'i', 'l', 4, 't', 'e', 's', 't', 0, 0, 1, 0 }, 14 },
	{ "root", { 0, 0, 1, 0, 1 }, 5 },
};

static const uint16_t odd_counts[] = { 0, 1, 2, 255, 256, 65535 };

static void odd_send(struct fixture *fixture, const void *bytes, size_t size, uint16_t questions,
		     bool response)
{
	const uint8_t header[] = { 0x43, 0x44, response ? 0x81 : 1, 0, (uint8_t)(questions >> 8),
				   (uint8_t)questions, 0, 0, 0, 0, 0, 0 };
	struct message message = { 0 }, stream = { 0 };
	struct packet packet;
	struct flow flow = flow_next(fixture, false);

	message_append(&message, header, sizeof(header));
	message_append(&message, bytes, size);
	packet_udp(&packet, PACKET_IPV4, &flow, message.bytes, message.size);
	all_run(fixture, &packet);
	packet_udp(&packet, PACKET_IPV6_HOP_BY_HOP, &flow, message.bytes, message.size);
	all_run(fixture, &packet);
	message_append(&stream, (uint8_t[]){ 0, (uint8_t)message.size }, 2);
	message_append(&stream, message.bytes, message.size);
	packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, stream.bytes, stream.size);
	all_run(fixture, &packet);
}

static void test_odd_questions(void **state)
{
	struct fixture *fixture = *state;
	struct message query;

	for (size_t i = 0; i < ELEMENTS(odd_names); i++)
		for (size_t k = 0; k < ELEMENTS(odd_counts); k++)
			for (int response = 0; response < 2; response++)
				odd_send(fixture, odd_names[i].bytes, odd_names[i].size,
					 odd_counts[k], response);
	query_make(&query, "www.evil.test");
	for (size_t k = 0; k < ELEMENTS(odd_counts); k++)
		for (int response = 0; response < 2; response++)
			odd_send(fixture, query.bytes + MESSAGE_HEADER,
				 query.size - MESSAGE_HEADER, odd_counts[k], response);
	ledgers_check(fixture);
}

/* Names of 250 to 260 bytes: 255 are the most. */
static void test_long_names(void **state)
{
	struct fixture *fixture = *state;

	for (size_t first = 0; first < 12; first++) {
		struct message name = { 0 };
		uint8_t label[64] = { 63 };

		memset(label + 1, 'x', 63);
		for (int i = 0; i < 3; i++)
			message_append(&name, label, sizeof(label));
		label[0] = (uint8_t)(45 + first);
		message_append(&name, label, (size_t)label[0] + 1);
		message_append(&name, "\4evil\4test\0\0\1\0\1", 15);
		odd_send(fixture, name.bytes, name.size, 1, false);
	}
	ledgers_check(fixture);
}

static void test_extension_chains(void **state)
{
	struct fixture *fixture = *state;
	struct message query;

	query_make(&query, "www.evil.test");
	for (size_t headers = 0; headers <= 12; headers++)
		for (int answer = 0; answer < 2; answer++) {
			struct flow flow = flow_next(fixture, answer);
			struct packet packet;

			packet_udp_chain(&packet, &flow, headers, query.bytes, query.size);
			for (size_t size = packet.size; size > 0; size--) {
				packet.size = size;
				all_run(fixture, &packet);
			}
		}
	ledgers_check(fixture);
}

/* A datagram in parts, of which each says less than the whole; offsets are in units of 8 bytes. */
static void fragment_send(struct fixture *fixture, enum shape shape, unsigned offset, bool more,
			  size_t size)
{
	struct packet packet;

	packet_make(fixture, &packet, shape, PACKET_IPV4, "www.evil.test");
	packet.bytes[6] = (uint8_t)(offset >> 8 | (more ? 0x20 : 0));
	packet.bytes[7] = (uint8_t)offset;
	if (packet.size > 20 + size)
		packet.size = 20 + size;
	all_run(fixture, &packet);
	packet_make(fixture, &packet, shape, PACKET_IPV6_DESTINATION, "www.evil.test");
	packet.bytes[6] = IPPROTO_FRAGMENT;
	packet.bytes[42] = (uint8_t)(offset >> 5);
	packet.bytes[43] = (uint8_t)(offset << 3 | more);
	if (packet.size > 48 + size)
		packet.size = 48 + size;
	all_run(fixture, &packet);
}

static void test_fragments(void **state)
{
	struct fixture *fixture = *state;
	static const unsigned offsets[] = { 0, 1, 31, 8191 };

	for (int shape = 0; shape < SHAPES; shape++)
		for (size_t i = 0; i < ELEMENTS(offsets); i++)
			for (size_t size = 0; size < 80; size++) {
				fragment_send(fixture, (enum shape)shape, offsets[i], true, size);
				fragment_send(fixture, (enum shape)shape, offsets[i], false, size);
			}
	ledgers_check(fixture);
}

/* What the kernel side leaves to user space over TCP is read there: both questions of a message,
 * and the name behind a pointer to a prior place. */
static void test_stream_read_in_user_space(void **state)
{
	static const uint8_t bytes[] = { 0, 46, 0x43, 0x44, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0,
					 4, 'g', 'o', 'o', 'd', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1,
					 3, 'w', 'w', 'w', 4, 'e', 'v', 'i', 'l', 0xc0, 17, 0, 1, 0, 1,
					 0, 0, 0, 0 };
	struct fixture *fixture = *state;
	struct probe *probe = &fixture->targets[TARGET_AUDIT].probe;
	struct flow flow = flow_next(fixture, false);
	struct domain_name name;
	struct packet packet;

	packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, bytes, sizeof(bytes));
	for (size_t cut = 1; cut < sizeof(bytes); cut++) {
		flow = flow_next(fixture, false);
		packet_tcp(&packet, PACKET_IPV6, &flow, 1, TCP_ACK, bytes, cut);
		assert_int_equal(probe_run(probe, &packet), PROBE_PASSED);
		assert_int_equal(probe->count, 0);
		packet_tcp(&packet, PACKET_IPV6, &flow, 1 + (uint32_t)cut, TCP_ACK, bytes + cut,
			   sizeof(bytes) - cut);
		assert_int_equal(probe_run(probe, &packet), PROBE_PASSED);
		assert_int_equal(probe->count, 2);
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(domain_name_parse(i ? "www.evil.test" : "good.test",
							   &name),
					 0);
			assert_int_equal(probe->events[i].qname.length, name.length);
			assert_memory_equal(probe->events[i].qname.wire, name.wire, name.length);
			assert_non_null(probe->events[i].reason);
		}
	}
	ledgers_check(fixture);
}

/* Bytes are missing: an audit goes on at the next segment and says so; else a segment that would
 * come later, and be taken for sent again, could hide a name. */
static void test_gap(void **state)
{
	struct fixture *fixture = *state;
	struct message stream;

	stream_make(&stream, "www.evil.test");
	for (int kind = TARGET_AUDIT; kind <= TARGET_ENFORCE; kind++) {
		struct probe *probe = &fixture->targets[kind].probe;
		struct flow flow = flow_next(fixture, false);
		struct ledger before = probe_ledger(probe), after;
		uint32_t size = (uint32_t)stream.size;
		struct packet packet;
		bool enforce = kind == TARGET_ENFORCE;

		packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, "\0\1", 3);
		assert_int_equal(probe_run(probe, &packet),
				 enforce ? PROBE_DROPPED : PROBE_PASSED);
		flow = flow_next(fixture, false);
		packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, stream.bytes, 1);
		assert_int_equal(probe_run(probe, &packet), PROBE_PASSED);
		packet_tcp(&packet, PACKET_IPV4, &flow, 1 + size, TCP_ACK, stream.bytes, size);
		assert_int_equal(probe_run(probe, &packet),
				 enforce ? PROBE_DROPPED : PROBE_PASSED);
		assert_int_equal(probe->count, enforce ? 0 : 1);
		after = probe_ledger(probe);
		assert_int_equal(after.counters[LEDGER_EGRESS][LEDGER_GAP],
				 before.counters[LEDGER_EGRESS][LEDGER_GAP] + 1);
		if (!enforce)
			continue;
		/* In its turn it is read. */
		packet_tcp(&packet, PACKET_IPV4, &flow, 2, TCP_ACK, stream.bytes + 1, size - 1);
		assert_int_equal(probe_run(probe, &packet), PROBE_DROPPED);
		assert_int_equal(probe->count, 1);
		assert_true(probe->events[0].matched);
	}
	ledgers_check(fixture);
}

/* A ring of a page that nobody reads: each record that finds no room is counted, and what is to be
 * dropped is dropped all the same. */
static void test_ring_full(void **state)
{
	struct sensor_options options = { .replay = true, .enforce = true, .ring_bytes = PAGE };
	struct pack *pack = probe_pack(block, allow);
	struct fixture *fixture = *state;
	struct ledger ledger;
	struct packet packet;
	struct probe probe;
	uint64_t next;

	probe_open(&probe, &options);
	assert_int_equal(sensor_set_pack(probe.sensor, pack, 0, NULL, NULL, &next), 0);
	pack_close(pack);
	for (size_t i = 0; i < 100; i++) {
		packet_make(fixture, &packet, i % 2 ? SHAPE_UDP : SHAPE_TCP, PACKET_IPV4,
			    "evil.test");
		assert_int_equal(probe_run_unread(&probe, &packet), PROBE_DROPPED);
		packet.bytes[packet.payload + (i % 2 ? 5 : 7)] = 2; /* questions */
		packet.bytes[15] = (uint8_t)i;
		packet.bytes[13] = 1;
		assert_int_equal(probe_run_unread(&probe, &packet), PROBE_DROPPED);
	}
	ledger = probe_ledger(&probe);
	assert_int_equal(ledger_seen(&ledger, LEDGER_EGRESS), 200);
	assert_true(ledger.counters[LEDGER_EGRESS][LEDGER_RING_FULL] > 150);
	assert_true(ledger.waiting > 0);
	assert_true(ledger_balances(&ledger));
	assert_true(sensor_dispatch(probe.sensor, INT32_MAX) > 0);
	ledger = probe_ledger(&probe);
	assert_int_equal(ledger.waiting, 0);
	assert_true(ledger_balances(&ledger));
	/* There is room again. */
	packet_make(fixture, &packet, SHAPE_UDP, PACKET_IPV4, "evil.test");
	assert_int_equal(probe_run(&probe, &packet), PROBE_DROPPED);
	assert_int_equal(probe.count, 1);
	probe_close(&probe);
}

/* Else the tests above were of one kind of packet. */
static void test_all_outcomes_were_seen(void **state)
{
	const struct fixture *fixture = *state;

	for (int i = 0; i < LEDGER_GAP; i++)
		if (fixture->outcomes[i] == 0)
			fail_msg("no packet was counted as %s",
				 ledger_counter_name((enum ledger_counter)i));
}

static void reference_fill(struct fixture *fixture)
{
	for (size_t i = 0; i < ELEMENTS(entries); i++) {
		fixture->entries[i].match = entries[i].match;
		assert_int_equal(domain_name_parse(entries[i].name, &fixture->entries[i].name), 0);
	}
	fixture->reference.entries = fixture->entries;
	fixture->reference.count = ELEMENTS(entries);
}

static int fixture_open(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sensor_options options[TARGETS] = {
		[TARGET_AUDIT] = { .replay = true },
		[TARGET_ENFORCE] = { .replay = true, .enforce = true },
		[TARGET_LIVE] = { .enforce = true },
	};
	struct pack *pack = probe_pack(block, allow);
	uint64_t next;

	if (!fixture)
		return -1;
	fixture->random.state = 0x853c49e6748fea9bULL;
	reference_fill(fixture);
	/* Programs are attached to a cgroup that nobody is in. */
	fixture->cgroup = probe_cgroup_make();
	options[TARGET_LIVE].cgroup = fixture->cgroup;
	for (int kind = 0; kind < TARGETS; kind++) {
		struct target *target = &fixture->targets[kind];

		target->enforce = options[kind].enforce;
		target->rules = (struct strict_rules){ .reference = &fixture->reference,
						       .responses = options[kind].replay,
						       .observe_all = options[kind].replay };
		probe_open(&target->probe, &options[kind]);
		assert_int_equal(sensor_set_pack(target->probe.sensor, pack, 0, keep_kept, NULL,
						 &next),
				 0);
	}
	pack_close(pack);
	*state = fixture;
	return 0;
}

static int fixture_close(void **state)
{
	struct fixture *fixture = *state;

	for (int kind = 0; kind < TARGETS; kind++)
		probe_close(&fixture->targets[kind].probe);
	probe_cgroup_remove(fixture->cgroup);
	free(fixture);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_stream_of_shorts),
		cmocka_unit_test(test_odd_questions),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_extension_chains),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_stream_read_in_user_space),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_ring_full),
		cmocka_unit_test(test_all_outcomes_were_seen),
	};
	int r = probe_privilege();

	return r ? r : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
