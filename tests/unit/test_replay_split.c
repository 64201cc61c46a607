/* SPDX-License-Identifier: Apache-2.0
 *
 * Large recorded packets made into ones that fit: nothing of a TCP stream is lost or doubled, and
 * what is cut off a datagram is still claimed by its headers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sensor/replay_split.h"

#define MAX	512
#define SEEN	200
#define PAYLOAD 5000

struct seen {
	size_t count, stop_at;
	size_t sizes[SEEN];
	uint8_t heads[SEEN][128];
	size_t header; /* bytes of headers in each, to add up the payload */
	size_t total;
	uint8_t payload[PAYLOAD];
	const void *last;
};

static int packet_seen(const void *packet, size_t size, void *userdata)
{
	struct seen *seen = userdata;

	assert_true(size <= MAX || seen->header == 0);
	assert_true(seen->count < SEEN);
	seen->sizes[seen->count] = size;
	memcpy(seen->heads[seen->count], packet, size < 128 ? size : 128);
	if (seen->header) {
		memcpy(seen->payload + seen->total, (const uint8_t *)packet + seen->header,
		       size - seen->header);
		seen->total += size - seen->header;
	}
	seen->last = packet;
	seen->count++;
	return seen->stop_at == seen->count ? -EIO : 0;
}

static unsigned u16(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static void put_u16(uint8_t *bytes, size_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

/* IPv4 with 4 bytes of options, TCP with 12; payload counts up. Returns the packet's size. */
static size_t tcp_ipv4(uint8_t *packet, size_t payload, uint8_t flags)
{
	size_t header = 24 + 32;

	memset(packet, 0, header);
	packet[0] = 0x46;
	put_u16(packet + 2, header + payload);
	packet[9] = 6;
	packet[24 + 4] = 0xff; /* sequence number 0xffffff00: it wraps */
	packet[24 + 5] = 0xff;
	packet[24 + 6] = 0xff;
	packet[24 + 12] = 0x80;
	packet[24 + 13] = flags;
	for (size_t i = 0; i < payload; i++)
		packet[header + i] = (uint8_t)(i * 7 + i / 256);
	return header + payload;
}

static void test_what_fits_is_untouched(void **state)
{
	/* Proves that a packet that fits is handed on as it is, whatever it is. */
	struct seen seen = { 0 };
	uint8_t packet[MAX] = { 0x45 };

	(void)state;
	for (size_t size = 1; size <= MAX; size += 73) {
		seen.count = 0;
		assert_int_equal(replay_split(packet, size, MAX, packet_seen, &seen), 0);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.sizes[0], size);
		assert_ptr_equal(seen.last, packet);
	}
}

static void test_tcp_ipv4(void **state)
{
	/* Proves that segments carry the payload once, with lengths, numbers and flags that fit. */
	struct seen seen = { .header = 56 };
	uint8_t packet[56 + PAYLOAD];
	size_t size = tcp_ipv4(packet, PAYLOAD, 0x19); /* FIN, PSH, ACK */

	(void)state;
	assert_int_equal(replay_split(packet, size, MAX, packet_seen, &seen), 0);
	assert_int_equal(seen.total, PAYLOAD);
	assert_memory_equal(seen.payload, packet + 56, PAYLOAD);
	for (size_t i = 0, offset = 0; i < seen.count; i++) {
		const uint8_t *tcp = seen.heads[i] + 24;
		uint32_t sequence = (uint32_t)u16(tcp + 4) << 16 | u16(tcp + 6);

		assert_int_equal(u16(seen.heads[i] + 2), seen.sizes[i]);
		assert_int_equal(sequence, (uint32_t)(0xffffff00u + offset));
		assert_int_equal(tcp[13], i + 1 == seen.count ? 0x19 : 0x10);
		offset += seen.sizes[i] - 56;
	}
}

static void test_tcp_ipv6_with_extensions(void **state)
{
	/* Proves the same behind an IPv6 header with three extension headers, for a SYN with
	 * data. */
	struct seen seen = { .header = 40 + 8 + 16 + 12 + 20 };
	uint8_t packet[96 + 3000] = { 0x60 };
	const size_t tcp = 76;

	(void)state;
	put_u16(packet + 4, sizeof(packet) - 40);
	packet[6] = 0; /* hop by hop */
	packet[40] = 60;
	packet[48] = 51; /* destination options, then authentication: 4 bytes after the first 8 */
	packet[49] = 1;
	packet[64] = 6;
	packet[65] = 1;
	packet[tcp + 12] = 0x50;
	packet[tcp + 13] = 0x02;
	for (size_t i = 0; i < 3000; i++)
		packet[96 + i] = (uint8_t)(i * 5 + i / 256);
	assert_int_equal(replay_split(packet, sizeof(packet), MAX, packet_seen, &seen), 0);
	assert_int_equal(seen.total, 3000);
	assert_memory_equal(seen.payload, packet + 96, 3000);
	for (size_t i = 0, offset = 0; i < seen.count; i++) {
		assert_int_equal(u16(seen.heads[i] + 4), seen.sizes[i] - 40);
		/* A SYN takes one number of its own. */
		assert_int_equal(u16(seen.heads[i] + tcp + 6), i == 0 ? 0 : offset + 1);
		assert_int_equal(seen.heads[i][tcp + 13], i == 0 ? 0x02 : 0);
		offset += seen.sizes[i] - 96;
	}
}

static void test_cut_recording(void **state)
{
	/* Proves that the last segment claims the bytes that the recording has not. */
	struct seen seen = { .header = 56 };
	uint8_t packet[56 + PAYLOAD];
	size_t size = tcp_ipv4(packet, PAYLOAD, 0x10);

	(void)state;
	put_u16(packet + 2, size + 1000);
	assert_int_equal(replay_split(packet, size, MAX, packet_seen, &seen), 0);
	assert_int_equal(u16(seen.heads[seen.count - 2] + 2), seen.sizes[seen.count - 2]);
	assert_int_equal(u16(seen.heads[seen.count - 1] + 2), seen.sizes[seen.count - 1] + 1000);
}

/* Hands the first size bytes over and expects nothing but their head. */
static void assert_tail_cut(const uint8_t *packet, size_t size)
{
	struct seen seen = { 0 };

	assert_int_equal(replay_split(packet, size, MAX, packet_seen, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.sizes[0], MAX);
	assert_memory_equal(seen.heads[0], packet, sizeof(seen.heads[0]));
}

static void test_others_lose_their_tail(void **state)
{
	/* Proves that UDP, fragments and broken headers are cut with their headers as they were. */
	uint8_t packet[56 + PAYLOAD];
	size_t size = tcp_ipv4(packet, PAYLOAD, 0x10);

	(void)state;
	packet[9] = 17;
	assert_tail_cut(packet, size);
	(void)tcp_ipv4(packet, PAYLOAD, 0x10);
	packet[6] = 0x20; /* more fragments */
	assert_tail_cut(packet, size);
	(void)tcp_ipv4(packet, PAYLOAD, 0x10);
	packet[7] = 1; /* a later fragment */
	assert_tail_cut(packet, size);
	(void)tcp_ipv4(packet, PAYLOAD, 0x10);
	packet[24 + 12] = 0x40; /* TCP header below 20 bytes */
	assert_tail_cut(packet, size);
	(void)tcp_ipv4(packet, PAYLOAD, 0x10);
	packet[0] = 0x44; /* IP header below 20 bytes */
	assert_tail_cut(packet, size);
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x60; /* hop-by-hop headers without end */
	assert_tail_cut(packet, size);
	packet[6] = 44; /* IPv6 fragment */
	assert_tail_cut(packet, size);
}

static void test_each_ends_it(void **state)
{
	/* Proves that what the callback returns is passed on at once, and that max is checked. */
	struct seen seen = { .header = 56, .stop_at = 2 };
	uint8_t packet[56 + PAYLOAD];
	size_t size = tcp_ipv4(packet, PAYLOAD, 0x10);

	(void)state;
	assert_int_equal(replay_split(packet, size, MAX, packet_seen, &seen), -EIO);
	assert_int_equal(seen.count, 2);
	assert_int_equal(replay_split(packet, size, REPLAY_SPLIT_MIN - 1, packet_seen, &seen),
			 -EINVAL);
	assert_int_equal(seen.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_fits_is_untouched),
		cmocka_unit_test(test_tcp_ipv4),
		cmocka_unit_test(test_tcp_ipv6_with_extensions),
		cmocka_unit_test(test_cut_recording),
		cmocka_unit_test(test_others_lose_their_tail),
		cmocka_unit_test(test_each_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
