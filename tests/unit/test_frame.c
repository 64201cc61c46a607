/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the IP packet in a recorded frame: every link type and every header that may stand before
 * IP, padding behind it, and frames that were cut off anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/frame.h"

/* Link types as libpcap numbers them. */
#define ETHERNET 1
#define RAW	 12

#define IPV4	  0x45, 0, 0, 21, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0xaa
#define IPV4_SIZE 21
#define ZEROS_8	  0, 0, 0, 0, 0, 0, 0, 0
#define IPV6	  0x60, 0, 0, 0, 0, 1, 17, 64, ZEROS_8, ZEROS_8, ZEROS_8, ZEROS_8, 0xbb
#define IPV6_SIZE 41
#define MACS	  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
#define SLL_HEAD  0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0
#define SLL2_TAIL 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0
#define BYTES(...)                                                                                 \
	sizeof((uint8_t[]){ __VA_ARGS__ }),                                                        \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

struct frame_case {
	const char *what;
	int link;
	size_t header; /* bytes before IP */
	size_t size;
	uint8_t bytes[120];
};

static const struct frame_case found[] = {
	{ "ethernet", 1, 14, BYTES(MACS, 8, 0, IPV4) },
	{ "ethernet, ipv6", 1, 14, BYTES(MACS, 0x86, 0xdd, IPV6) },
	{ "ethernet, padded", 1, 14, BYTES(MACS, 8, 0, IPV4, 0, 0, 0, 0, 0) },
	{ "802.1q", 1, 18, BYTES(MACS, 0x81, 0, 0, 5, 8, 0, IPV4) },
	{ "802.1ad and 802.1q", 1, 22,
	  BYTES(MACS, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x86, 0xdd, IPV6) },
	{ "old qinq", 1, 22, BYTES(MACS, 0x91, 0, 0, 5, 0x81, 0, 0, 6, 8, 0, IPV4) },
	{ "llc snap", 1, 22, BYTES(MACS, 0, 29, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, IPV4) },
	{ "mpls, two labels", 1, 22,
	  BYTES(MACS, 0x88, 0x47, 0, 0, 0x10, 64, 0, 0, 0x21, 64, IPV4) },
	{ "mpls, ipv6", 1, 18, BYTES(MACS, 0x88, 0x48, 0, 0, 0x11, 64, IPV6) },
	{ "pppoe", 1, 22, BYTES(MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 23, 0, 0x21, IPV4) },
	{ "pppoe, ipv6", 1, 22, BYTES(MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 43, 0, 0x57, IPV6) },
	{ "pppoe in vlan", 1, 26,
	  BYTES(MACS, 0x81, 0, 0, 5, 0x88, 0x64, 0x11, 0, 0, 1, 0, 23, 0, 0x21, IPV4) },
	{ "ppp with address and control", 9, 4, BYTES(0xff, 3, 0, 0x21, IPV4) },
	{ "ppp, short protocol", 9, 1, BYTES(0x21, IPV4) },
	{ "fddi", 10, 21, BYTES(0x50, MACS, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, IPV4) },
	{ "raw ipv4", 12, 0, BYTES(IPV4) },
	{ "raw ipv6", 12, 0, BYTES(IPV6) },
	{ "raw, openbsd", 14, 0, BYTES(IPV4) },
	{ "loopback, little-endian", 0, 4, BYTES(2, 0, 0, 0, IPV4) },
	{ "loopback, big-endian", 0, 4, BYTES(0, 0, 0, 2, IPV4) },
	{ "loopback, linux ipv6", 0, 4, BYTES(10, 0, 0, 0, IPV6) },
	{ "loopback, darwin ipv6", 0, 4, BYTES(30, 0, 0, 0, IPV6) },
	{ "loop", 108, 4, BYTES(0, 0, 0, 24, IPV6) },
	{ "cooked", 113, 16, BYTES(SLL_HEAD, 8, 0, IPV4) },
	{ "cooked, vlan", 113, 20, BYTES(SLL_HEAD, 0x81, 0, 0, 5, 8, 0, IPV4) },
	{ "cooked 2", 276, 20, BYTES(0x86, 0xdd, SLL2_TAIL, IPV6) },
	{ "cooked 2, vlan", 276, 24, BYTES(0x81, 0, SLL2_TAIL, 0, 5, 8, 0, IPV4) },
	{ "ipv4", 228, 0, BYTES(IPV4) },
	{ "ipv6", 229, 0, BYTES(IPV6) },
	{ "nflog", 239, 16,
	  BYTES(2, 0, 0, 0, 5, 0, 10, 0, 'x', 0, 0, 0, IPV4_SIZE + 4, 0, 9, 0, IPV4) },
};

static void test_finds_ip_behind_every_header(void **state)
{
	/* Proves that IP is found behind each kind of header, and that padding is no part of it. */
	(void)state;
	for (size_t i = 0; i < ELEMENTS(found); i++) {
		const struct frame_case *frame = &found[i];
		struct frame_packet packet = { 0 };

		print_message("%s\n", frame->what);
		assert_true(frame_link_known(frame->link));
		assert_int_equal(
			frame_peel(frame->link, frame->bytes, frame->size, frame->size, &packet),
			FRAME_IP);
		assert_int_equal(packet.data - frame->bytes, frame->header);
		assert_int_equal(packet.size, packet.data[0] >> 4 == 4 ? IPV4_SIZE : IPV6_SIZE);
		assert_int_equal(packet.whole, packet.size);
		assert_false(packet.cut);
		assert_false(packet.tunnel);
	}
}

static void test_frames_cut_anywhere(void **state)
{
	/* Proves that a cut frame is never read beyond its end, and is told as cut or broken. */
	(void)state;
	for (size_t i = 0; i < ELEMENTS(found); i++) {
		for (size_t size = 0; size < found[i].size; size++) {
			CLEANUP(free_cleanup) uint8_t *copy = malloc(size + 1);
			struct frame_packet packet = { 0 };
			enum frame_outcome outcome;

			assert_non_null(copy);
			/* At the end of its memory, for the sanitizer to watch. */
			memcpy(copy + 1, found[i].bytes, size);
			outcome = frame_peel(found[i].link, copy + 1, size, found[i].size, &packet);
			if (outcome == FRAME_IP)
				assert_int_equal(packet.cut, packet.size < packet.whole);
			else
				assert_int_equal(outcome, FRAME_BROKEN);
			assert_true(packet.size <= size);
		}
	}
}

static const struct {
	const char *what;
	struct frame_case frame;
	enum frame_outcome outcome;
} not_found[] = {
	{ "arp", { "", 1, 0, BYTES(MACS, 8, 6, ZEROS_8, ZEROS_8) }, FRAME_OTHER },
	{ "llc, not snap", { "", 1, 0, BYTES(MACS, 0, 8, 0x42, 0x42, 3, ZEROS_8) }, FRAME_OTHER },
	{ "mpls, no ip below",
	  { "", 1, 0, BYTES(MACS, 0x88, 0x47, 0, 0, 1, 64, ZEROS_8) },
	  FRAME_OTHER },
	{ "pppoe, lcp",
	  { "", 1, 0, BYTES(MACS, 0x88, 0x64, 0x11, 0, 0, 1, 0, 2, 0xc0, 0x21, ZEROS_8) },
	  FRAME_OTHER },
	{ "pppoe discovery code",
	  { "", 1, 0, BYTES(MACS, 0x88, 0x64, 0x11, 9, 0, 1, 0, 2) },
	  FRAME_OTHER },
	{ "loopback, another family", { "", 0, 0, BYTES(7, 0, 0, 0, IPV4) }, FRAME_OTHER },
	{ "loopback, nonsense", { "", 0, 0, BYTES(2, 0, 1, 0, IPV4) }, FRAME_OTHER },
	{ "type ipv4, version 6", { "", 1, 0, BYTES(MACS, 8, 0, IPV6) }, FRAME_BROKEN },
	{ "type ipv6, version 4",
	  { "", 1, 0, BYTES(MACS, 0x86, 0xdd, IPV4, ZEROS_8, ZEROS_8, ZEROS_8) },
	  FRAME_BROKEN },
	{ "ipv4, length below its header",
	  { "", 12, 0, BYTES(0x45, 0, 0, 19, 0, 0, 0, 0, 64, 17, ZEROS_8, 0, 0) },
	  FRAME_BROKEN },
	{ "raw, no ip", { "", 12, 0, BYTES(0x05, ZEROS_8) }, FRAME_OTHER },
	{ "wireless", { "", 105, 0, BYTES(IPV4) }, FRAME_SKIPPED },
	{ "nflog, an attribute of 3 bytes",
	  { "", 239, 0, BYTES(2, 0, 0, 0, 3, 0, 9, 0) },
	  FRAME_BROKEN },
};

static void test_tells_what_is_not_ip(void **state)
{
	/* Proves that other protocols, broken headers and unknown link types are told apart. */
	(void)state;
	for (size_t i = 0; i < ELEMENTS(not_found); i++) {
		const struct frame_case *frame = &not_found[i].frame;
		struct frame_packet packet = { 0 };

		print_message("%s\n", not_found[i].what);
		assert_int_equal(
			frame_peel(frame->link, frame->bytes, frame->size, frame->size, &packet),
			not_found[i].outcome);
	}
}

static void test_header_stacks_are_bounded(void **state)
{
	/* Proves that a frame of nothing but VLAN tags is given up. */
	uint8_t bytes[14 + 4 * 100] = { MACS };
	struct frame_packet packet;

	(void)state;
	for (size_t at = 12; at + 1 < sizeof(bytes); at += 4)
		bytes[at] = 0x81;
	assert_int_equal(frame_peel(ETHERNET, bytes, sizeof(bytes), sizeof(bytes), &packet),
			 FRAME_BROKEN);
}

static void test_lengths(void **state)
{
	/* Proves which length counts: the header's, and the frame's where the header says 0. */
	uint8_t bytes[] = { IPV4, 0, 0, 0 };
	struct frame_packet packet;

	(void)state;
	assert_int_equal(frame_peel(RAW, bytes, sizeof(bytes), 500, &packet), FRAME_IP);
	assert_int_equal(packet.whole, IPV4_SIZE);
	assert_false(packet.cut);
	bytes[3] = 200; /* claims more than is there */
	assert_int_equal(frame_peel(RAW, bytes, sizeof(bytes), 500, &packet), FRAME_IP);
	assert_int_equal(packet.size, sizeof(bytes));
	assert_int_equal(packet.whole, 200);
	assert_true(packet.cut);
	bytes[3] = 0; /* left to the network card */
	assert_int_equal(frame_peel(RAW, bytes, sizeof(bytes), 500, &packet), FRAME_IP);
	assert_int_equal(packet.whole, 500);
	assert_true(packet.cut);
}

static void test_tunnels_are_told(void **state)
{
	/* Proves that IP in IP and GRE are told, in both versions. */
	uint8_t ipv4[] = { IPV4 }, ipv6[] = { IPV6 };
	static const uint8_t protocols[] = { 4, 41, 47 };
	struct frame_packet packet;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(protocols); i++) {
		ipv4[9] = protocols[i];
		ipv6[6] = protocols[i];
		assert_int_equal(frame_peel(RAW, ipv4, sizeof(ipv4), sizeof(ipv4), &packet),
				 FRAME_IP);
		assert_true(packet.tunnel);
		assert_int_equal(frame_peel(RAW, ipv6, sizeof(ipv6), sizeof(ipv6), &packet),
				 FRAME_IP);
		assert_true(packet.tunnel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_ip_behind_every_header),
		cmocka_unit_test(test_frames_cut_anywhere),
		cmocka_unit_test(test_tells_what_is_not_ip),
		cmocka_unit_test(test_header_stacks_are_bounded),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_tunnels_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
