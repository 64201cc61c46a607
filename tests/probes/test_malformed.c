/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that no packet, however broken, is taken for a listed name that it does not hold; that
 * each is counted under exactly the outcome that a plain parser gives it, and the ledger balances;
 * and that in enforce mode what cannot be read on its way to a resolver is dropped, and answers
 * never are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "intel/pack.h"
#include "malformed_target.h"
#include "probe_run.h"

#define RANDOM_PACKETS 5000
#define PAGE	       4096

/* BPF_PROG_TEST_RUN takes nothing shorter (since 6.18; one range for all). */
static size_t ip_header(const struct packet *packet)
{
	return packet->bytes[0] >> 4 == 4 ? 20 : 40;
}

static void test_truncated(void **state)
{
	struct targets *targets = *state;
	struct packet packet;
	size_t whole;

	for (int shape = 0; shape < SHAPES; shape++)
		for (int ip = 0; ip < PACKET_IPS; ip++) {
			targets_packet(targets, &packet, (enum shape)shape, (enum packet_ip)ip,
				       "www.evil.test");
			whole = packet.size;
			for (size_t size = ip_header(&packet); size <= whole; size++) {
				targets_packet(targets, &packet, (enum shape)shape,
					       (enum packet_ip)ip, "www.evil.test");
				packet.size = size;
				targets_run(targets, &packet);
			}
		}
	targets_check(targets);
}

/* Every byte of a packet becomes every other byte; but for addresses, which tell streams apart. */
static void byte_mutate(struct targets *targets, enum shape shape, enum packet_ip ip,
			const char *name, size_t at)
{
	struct packet packet;

	for (unsigned value = 0; value < 256; value++) {
		targets_packet(targets, &packet, shape, ip, name);
		packet.bytes[at] = (uint8_t)value;
		targets_run(targets, &packet);
	}
}

static void test_mutated(void **state)
{
	static const char *const names[] = { "evil.test", "good.evil.test" };
	struct targets *targets = *state;
	struct packet packet;

	for (size_t i = 0; i < ELEMENTS(names); i++)
		for (int shape = 0; shape < SHAPES; shape++)
			for (int ip = 0; ip < PACKET_IPS; ip += 1 + (int)i) {
				size_t addresses = ip <= PACKET_IPV4_OPTIONS ? 12 : 8,
				       behind = ip <= PACKET_IPV4_OPTIONS ? 20 : 40;

				targets_packet(targets, &packet, (enum shape)shape,
					       (enum packet_ip)ip, names[i]);
				for (size_t at = 0; at < packet.size; at++)
					if (at < addresses || at >= behind)
						byte_mutate(targets, (enum shape)shape,
							    (enum packet_ip)ip, names[i], at);
			}
	targets_check(targets);
}

static void test_random_bytes(void **state)
{
	struct targets *targets = *state;
	struct packet packet;
	uint8_t bytes[300];

	for (size_t i = 0; i < RANDOM_PACKETS; i++) {
		struct flow flow = targets_flow(targets, i % 4 == 3);
		size_t size = probe_pick(&targets->random, sizeof(bytes));

		for (size_t k = 0; k < size; k++)
			bytes[k] = (uint8_t)probe_pick(&targets->random, 256);
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
		targets_run(targets, &packet);
	}
	targets_check(targets);
}

/* Many short messages, down to none at all, in one segment. */
static void test_stream_of_shorts(void **state)
{
	struct targets *targets = *state;
	struct packet packet;

	for (unsigned length = 0; length < 20; length++)
		for (unsigned count = 1; count < 35; count++) {
			struct flow flow = targets_flow(targets, false);
			struct message stream = { 0 };

			for (unsigned i = 0; i < count; i++) {
				uint8_t message[22] = { 0, (uint8_t)length, [7] = 1 };

				message_append(&stream, message, 2 + length);
			}
			packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, stream.bytes,
				   stream.size);
			targets_run(targets, &packet);
		}
	targets_check(targets);
}

/* Questions whose name is not as it should be, in UDP and TCP; names are put at offset 12. */
static const struct {
	const char *what;
	uint8_t bytes[32];
	size_t size;
} odd_names[] = {
	{ "pointer to itself", { 0xc0, 12, 0, 1, 0, 1 }, 6 },
	{ "pointer forwards",
	  { 0xc0, 18, 0, 1, 0, 1, 4, 'e', 'v', 'i', 'l', 4, 't', 'e', 's', 't', 0 },
	  17 },
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

static void odd_send(struct targets *targets, const void *bytes, size_t size, uint16_t questions,
		     bool response)
{
	const uint8_t header[] = { 0x43,
				   0x44,
				   response ? 0x81 : 1,
				   0,
				   (uint8_t)(questions >> 8),
				   (uint8_t)questions,
				   0,
				   0,
				   0,
				   0,
				   0,
				   0 };
	struct message message = { 0 }, stream = { 0 };
	struct packet packet;
	struct flow flow = targets_flow(targets, false);

	message_append(&message, header, sizeof(header));
	message_append(&message, bytes, size);
	packet_udp(&packet, PACKET_IPV4, &flow, message.bytes, message.size);
	targets_run(targets, &packet);
	packet_udp(&packet, PACKET_IPV6_HOP_BY_HOP, &flow, message.bytes, message.size);
	targets_run(targets, &packet);
	message_append(&stream, (uint8_t[]){ 0, (uint8_t)message.size }, 2);
	message_append(&stream, message.bytes, message.size);
	packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, stream.bytes, stream.size);
	targets_run(targets, &packet);
}

static void test_odd_questions(void **state)
{
	struct targets *targets = *state;
	struct message query;

	for (size_t i = 0; i < ELEMENTS(odd_names); i++)
		for (size_t k = 0; k < ELEMENTS(odd_counts); k++)
			for (int response = 0; response < 2; response++)
				odd_send(targets, odd_names[i].bytes, odd_names[i].size,
					 odd_counts[k], response);
	targets_query(&query, "www.evil.test");
	for (size_t k = 0; k < ELEMENTS(odd_counts); k++)
		for (int response = 0; response < 2; response++)
			odd_send(targets, query.bytes + MESSAGE_HEADER, query.size - MESSAGE_HEADER,
				 odd_counts[k], response);
	targets_check(targets);
}

/* Names of 250 to 260 bytes: 255 are the most. */
static void test_long_names(void **state)
{
	struct targets *targets = *state;

	for (size_t first = 0; first < 12; first++) {
		struct message name = { 0 };
		uint8_t label[64] = { 63 };

		memset(label + 1, 'x', 63);
		for (int i = 0; i < 3; i++)
			message_append(&name, label, sizeof(label));
		label[0] = (uint8_t)(45 + first);
		message_append(&name, label, (size_t)label[0] + 1);
		message_append(&name, "\4evil\4test\0\0\1\0\1", 15);
		odd_send(targets, name.bytes, name.size, 1, false);
	}
	targets_check(targets);
}

static void test_extension_chains(void **state)
{
	struct targets *targets = *state;
	struct message query;

	targets_query(&query, "www.evil.test");
	for (size_t headers = 0; headers <= 12; headers++)
		for (int answer = 0; answer < 2; answer++) {
			struct flow flow = targets_flow(targets, answer);
			struct packet packet;

			packet_udp_chain(&packet, &flow, headers, query.bytes, query.size);
			for (size_t size = packet.size; size >= ip_header(&packet); size--) {
				packet.size = size;
				targets_run(targets, &packet);
			}
		}
	targets_check(targets);
}

/* A datagram in parts, of which each says less than the whole; offsets are in units of 8 bytes. */
static void fragment_send(struct targets *targets, enum shape shape, unsigned offset, bool more,
			  size_t size)
{
	struct packet packet;

	targets_packet(targets, &packet, shape, PACKET_IPV4, "www.evil.test");
	packet.bytes[6] = (uint8_t)(offset >> 8 | (more ? 0x20 : 0));
	packet.bytes[7] = (uint8_t)offset;
	if (packet.size > 20 + size)
		packet.size = 20 + size;
	targets_run(targets, &packet);
	targets_packet(targets, &packet, shape, PACKET_IPV6_DESTINATION, "www.evil.test");
	packet.bytes[6] = IPPROTO_FRAGMENT;
	packet.bytes[42] = (uint8_t)(offset >> 5);
	packet.bytes[43] = (uint8_t)(offset << 3 | more);
	if (packet.size > 48 + size)
		packet.size = 48 + size;
	targets_run(targets, &packet);
}

static void test_fragments(void **state)
{
	struct targets *targets = *state;
	static const unsigned offsets[] = { 0, 1, 31, 8191 };

	for (int shape = 0; shape < SHAPES; shape++)
		for (size_t i = 0; i < ELEMENTS(offsets); i++)
			for (size_t size = 0; size < 80; size++) {
				fragment_send(targets, (enum shape)shape, offsets[i], true, size);
				fragment_send(targets, (enum shape)shape, offsets[i], false, size);
			}
	targets_check(targets);
}

/* What the kernel side leaves to user space over TCP is read there: both questions of a message,
 * and the name behind a pointer to a prior place. */
static void test_stream_read_in_user_space(void **state)
{
	static const uint8_t bytes[] = { 0,   46,  0x43, 0x44, 1,   0,	 0,   2,   0,	 0,
					 0,   0,   0,	 0,    4,   'g', 'o', 'o', 'd',	 4,
					 't', 'e', 's',	 't',  0,   0,	 1,   0,   1,	 3,
					 'w', 'w', 'w',	 4,    'e', 'v', 'i', 'l', 0xc0, 17,
					 0,   1,   0,	 1,    0,   0,	 0,   0 };
	struct targets *targets = *state;
	struct probe *probe = &targets->each[TARGET_AUDIT].probe;
	struct flow flow = targets_flow(targets, false);
	struct domain_name name;
	struct packet packet;

	packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, bytes, sizeof(bytes));
	for (size_t cut = 1; cut < sizeof(bytes); cut++) {
		flow = targets_flow(targets, false);
		packet_tcp(&packet, PACKET_IPV6, &flow, 1, TCP_ACK, bytes, cut);
		assert_int_equal(probe_run(probe, &packet), PROBE_PASSED);
		assert_int_equal(probe->count, 0);
		packet_tcp(&packet, PACKET_IPV6, &flow, 1 + (uint32_t)cut, TCP_ACK, bytes + cut,
			   sizeof(bytes) - cut);
		assert_int_equal(probe_run(probe, &packet), PROBE_PASSED);
		assert_int_equal(probe->count, 2);
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(
				domain_name_parse(i ? "www.evil.test" : "good.test", &name), 0);
			assert_int_equal(probe->events[i].qname.length, name.length);
			assert_memory_equal(probe->events[i].qname.wire, name.wire, name.length);
			assert_non_null(probe->events[i].reason);
		}
	}
	targets_check(targets);
}

/* Bytes are missing: an audit goes on at the next segment and says so; else a segment that would
 * come later, and be taken for sent again, could hide a name. */
static void test_gap(void **state)
{
	struct targets *targets = *state;
	struct message stream;

	targets_stream(&stream, "www.evil.test");
	for (int kind = TARGET_AUDIT; kind <= TARGET_ENFORCE; kind++) {
		struct probe *probe = &targets->each[kind].probe;
		struct flow flow = targets_flow(targets, false);
		struct ledger before = probe_ledger(probe), after;
		uint32_t size = (uint32_t)stream.size;
		struct packet packet;
		bool enforce = kind == TARGET_ENFORCE;

		packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, "\0\1", 3);
		assert_int_equal(probe_run(probe, &packet), enforce ? PROBE_DROPPED : PROBE_PASSED);
		flow = targets_flow(targets, false);
		packet_tcp(&packet, PACKET_IPV4, &flow, 1, TCP_ACK, stream.bytes, 1);
		assert_int_equal(probe_run(probe, &packet), PROBE_PASSED);
		packet_tcp(&packet, PACKET_IPV4, &flow, 1 + size, TCP_ACK, stream.bytes, size);
		assert_int_equal(probe_run(probe, &packet), enforce ? PROBE_DROPPED : PROBE_PASSED);
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
	targets_check(targets);
}

/* A ring of a page that nobody reads: each record that finds no room is counted, and what is to be
 * dropped is dropped all the same. */
static void test_ring_full(void **state)
{
	struct sensor_options options = { .replay = true, .enforce = true, .ring_bytes = PAGE };
	struct pack *pack = targets_pack();
	struct targets *targets = *state;
	struct ledger ledger;
	struct packet packet;
	struct probe probe;
	uint64_t next;

	probe_open(&probe, &options);
	assert_int_equal(sensor_set_pack(probe.sensor, pack, 0, NULL, NULL, &next), 0);
	pack_close(pack);
	for (size_t i = 0; i < 100; i++) {
		targets_packet(targets, &packet, i % 2 ? SHAPE_UDP : SHAPE_TCP, PACKET_IPV4,
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
	targets_packet(targets, &packet, SHAPE_UDP, PACKET_IPV4, "evil.test");
	assert_int_equal(probe_run(&probe, &packet), PROBE_DROPPED);
	assert_int_equal(probe.count, 1);
	probe_close(&probe);
}

/* Else the tests above were of one kind of packet. */
static void test_all_outcomes_were_seen(void **state)
{
	const struct targets *targets = *state;

	for (int i = 0; i < LEDGER_GAP; i++)
		if (targets->outcomes[i] == 0)
			fail_msg("no packet was counted as %s",
				 ledger_counter_name((enum ledger_counter)i));
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

	return r ? r : cmocka_run_group_tests(tests, targets_open, targets_close);
}
