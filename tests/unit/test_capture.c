/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded packets from pcap and pcapng: numbers, times, counters, and files damaged anywhere. The
 * files are made in memory.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/capture.h"

#define RAW	 101 /* LINKTYPE_RAW, as it stands in files */
#define WIRELESS 105

static const uint8_t ip[] = { 0x45, 0,	 0, 21, 0, 0,	0, 0, 64, 17,  0,
			      0,    127, 0, 0,	1, 127, 0, 0, 1,  0xaa };

struct file {
	size_t size;
	uint8_t bytes[2048];
};

static void put(struct file *file, const void *bytes, size_t size)
{
	assert_true(file->size + size <= sizeof(file->bytes));
	memcpy(file->bytes + file->size, bytes, size);
	file->size += size;
}

static void put_u32(struct file *file, uint32_t value, bool swapped)
{
	if (swapped)
		value = __builtin_bswap32(value);
	put(file, &value, sizeof(value));
}

static void put_u16(struct file *file, uint16_t value, bool swapped)
{
	if (swapped)
		value = __builtin_bswap16(value);
	put(file, &value, sizeof(value));
}

static void pcap_begin(struct file *file, uint32_t magic, uint32_t link, bool swapped)
{
	file->size = 0;
	put_u32(file, magic, swapped);
	put_u16(file, 2, swapped);
	put_u16(file, 4, swapped);
	put_u32(file, 0, swapped);
	put_u32(file, 0, swapped);
	put_u32(file, 65535, swapped);
	put_u32(file, link, swapped);
}

static void pcap_record(struct file *file, uint32_t seconds, uint32_t fraction, const void *bytes,
			uint32_t size, uint32_t whole, bool swapped)
{
	put_u32(file, seconds, swapped);
	put_u32(file, fraction, swapped);
	put_u32(file, size, swapped);
	put_u32(file, whole, swapped);
	put(file, bytes, size);
}

static struct capture *open_memory(struct file *file)
{
	struct capture *capture = NULL;
	char why[CAPTURE_WHY_SIZE];
	FILE *stream = fmemopen(file->bytes, file->size, "rb");

	assert_non_null(stream);
	assert_int_equal(capture_open_file(stream, &capture, why), 0);
	return capture;
}

static void test_pcap_in_both_byte_orders(void **state)
{
	/* Proves numbers and nanosecond times, for files of either byte order and precision. */
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		bool swapped = kind & 1, nano = kind & 2;
		struct file file;
		struct capture *capture;
		struct capture_packet packet;
		bool read = false;

		pcap_begin(&file, nano ? 0xa1b23c4d : 0xa1b2c3d4, RAW, swapped);
		pcap_record(&file, 1, 5, ip, sizeof(ip), sizeof(ip), swapped);
		pcap_record(&file, 2, 6, "\x05", 1, 1, swapped);
		pcap_record(&file, 0xffffffff, 999, ip, sizeof(ip), sizeof(ip), swapped);
		capture = open_memory(&file);
		assert_string_equal(capture_link_type(capture, &read), "RAW");
		assert_true(read);
		assert_int_equal(capture_next(capture, &packet), 1);
		assert_int_equal(packet.frame, 1);
		assert_int_equal(packet.time, 1000000000 + 5 * (nano ? 1 : 1000));
		assert_int_equal(packet.ip.size, sizeof(ip));
		assert_memory_equal(packet.ip.data, ip, sizeof(ip));
		assert_int_equal(capture_next(capture, &packet), 1);
		assert_int_equal(packet.frame, 3);
		assert_int_equal(packet.time / 1000000000, 0xffffffff);
		assert_int_equal(capture_next(capture, &packet), 0);
		assert_int_equal(capture_next(capture, &packet), 0);
		assert_string_equal(capture_error(capture), "");
		assert_int_equal(capture_counters(capture)->frames, 3);
		assert_int_equal(capture_counters(capture)->packets, 2);
		assert_int_equal(capture_counters(capture)->other, 1);
		capture_close(capture);
	}
}

static void pcapng_block(struct file *file, uint32_t type, const struct file *body)
{
	uint32_t size = (uint32_t)(body->size + 12);

	put_u32(file, type, false);
	put_u32(file, size, false);
	put(file, body->bytes, body->size);
	put_u32(file, size, false);
}

static void pcapng_begin(struct file *file)
{
	struct file body = { 0 };

	file->size = 0;
	put_u32(&body, 0x1a2b3c4d, false);
	put_u32(&body, 1, false); /* version 1.0 */
	put_u32(&body, 0xffffffff, false);
	put_u32(&body, 0xffffffff, false);
	pcapng_block(file, 0x0a0d0d0a, &body);
}

static void pcapng_interface(struct file *file, uint32_t link)
{
	struct file body = { 0 };

	put_u32(&body, link, false);
	put_u32(&body, 0, false);
	put(&body, "\x09\0\x01\0\x09\0\0\0", 8); /* if_tsresol: nanoseconds */
	put(&body, "\0\0\0\0", 4);
	pcapng_block(file, 1, &body);
}

static void pcapng_packet(struct file *file, uint64_t time, const void *bytes, uint32_t size)
{
	struct file body = { 0 };

	put_u32(&body, 0, false);
	put_u32(&body, (uint32_t)(time >> 32), false);
	put_u32(&body, (uint32_t)time, false);
	put_u32(&body, size, false);
	put_u32(&body, size, false);
	put(&body, bytes, size);
	put(&body, "\0\0\0", (4 - size % 4) % 4);
	pcapng_block(file, 6, &body);
}

static void test_pcapng(void **state)
{
	/* Proves that pcapng is read with its own time resolution, blocks of other kinds passed
	 * over, and that the latest time there can be does not wrap around. */
	struct file file, comment = { .size = 8 };
	struct capture *capture;
	struct capture_packet packet;

	(void)state;
	pcapng_begin(&file);
	pcapng_interface(&file, RAW);
	pcapng_packet(&file, 1234567890123456789, ip, sizeof(ip));
	memset(comment.bytes, 0, comment.size);
	pcapng_block(&file, 0x12345678, &comment);
	pcapng_packet(&file, UINT64_MAX, ip, sizeof(ip));
	capture = open_memory(&file);
	assert_int_equal(capture_next(capture, &packet), 1);
	assert_int_equal(packet.frame, 1);
	assert_int_equal(packet.time, 1234567890123456789);
	assert_int_equal(capture_next(capture, &packet), 1);
	assert_int_equal(packet.frame, 2);
	assert_true(packet.time > 18000000000000000000u);
	assert_int_equal(capture_next(capture, &packet), 0);
	capture_close(capture);
}

static void test_counts_cut_and_broken(void **state)
{
	/* Proves that frames cut by the snap length are marked, and ones cut in their header
	 * counted. */
	struct file file;
	struct capture *capture;
	struct capture_packet packet;
	const struct capture_counters *counters;

	(void)state;
	pcap_begin(&file, 0xa1b2c3d4, RAW, false);
	pcap_record(&file, 1, 0, ip, sizeof(ip) - 1, sizeof(ip), false);
	pcap_record(&file, 1, 0, ip, 19, sizeof(ip), false);
	pcap_record(&file, 1, 0, ip, 0, sizeof(ip), false);
	capture = open_memory(&file);
	assert_int_equal(capture_next(capture, &packet), 1);
	assert_true(packet.ip.cut);
	assert_int_equal(packet.ip.size, sizeof(ip) - 1);
	assert_int_equal(packet.ip.whole, sizeof(ip));
	assert_int_equal(capture_next(capture, &packet), 0);
	counters = capture_counters(capture);
	assert_int_equal(counters->frames, 3);
	assert_int_equal(counters->packets, 1);
	assert_int_equal(counters->cut, 1);
	assert_int_equal(counters->broken, 2);
	capture_close(capture);
}

static void test_unread_link_types_are_counted(void **state)
{
	/* Proves that frames of a link type that is not read are counted and named, none yielded.
	 */
	struct file file;
	struct capture *capture;
	struct capture_packet packet;
	bool read = true;

	(void)state;
	pcap_begin(&file, 0xa1b2c3d4, WIRELESS, false);
	pcap_record(&file, 1, 0, ip, sizeof(ip), sizeof(ip), false);
	pcap_record(&file, 1, 0, ip, sizeof(ip), sizeof(ip), false);
	capture = open_memory(&file);
	assert_int_equal(capture_next(capture, &packet), 0);
	assert_int_equal(capture_counters(capture)->skipped, 2);
	assert_string_equal(capture_link_type(capture, &read), "IEEE802_11");
	assert_false(read);
	capture_close(capture);

	pcap_begin(&file, 0xa1b2c3d4, 60000, false);
	capture = open_memory(&file);
	assert_string_equal(capture_link_type(capture, &read), "60000");
	capture_close(capture);
}

static void test_damage_is_told_after_what_was_good(void **state)
{
	/* Proves, for a cut at every byte: whole records come out, then the end or an error, for
	 * good. */
	struct file file;
	const size_t record = 16 + sizeof(ip);
	struct capture_packet packet;

	(void)state;
	pcap_begin(&file, 0xa1b2c3d4, RAW, false);
	pcap_record(&file, 1, 0, ip, sizeof(ip), sizeof(ip), false);
	pcap_record(&file, 2, 0, ip, sizeof(ip), sizeof(ip), false);
	for (size_t size = 24; size <= 24 + 2 * record; size++) {
		struct capture *capture;
		int whole = (int)((size - 24) / record);
		int end = (size - 24) % record ? -EBADMSG : 0;

		file.size = size;
		capture = open_memory(&file);
		for (int i = 0; i < whole; i++)
			assert_int_equal(capture_next(capture, &packet), 1);
		assert_int_equal(capture_next(capture, &packet), end);
		assert_int_equal(capture_next(capture, &packet), end);
		assert_int_equal(capture_error(capture)[0] != '\0', end != 0);
		assert_int_equal(capture_counters(capture)->frames, whole);
		capture_close(capture);
	}
}

static void test_what_is_no_capture(void **state)
{
	/* Proves that files that are no captures are refused with a reason, and what is missing,
	 * too. */
	static const char *const texts[] = { "short",
					     "something else altogether, and long enough" };
	struct capture *capture = NULL;
	char why[CAPTURE_WHY_SIZE], bytes[64];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		FILE *stream;

		(void)snprintf(bytes, sizeof(bytes), "%s", texts[i]);
		stream = fmemopen(bytes, strlen(bytes), "rb");
		assert_non_null(stream);
		why[0] = '\0';
		assert_int_equal(capture_open_file(stream, &capture, why), -EBADMSG);
		assert_true(why[0] != '\0');
	}
	assert_int_equal(capture_open("/nonexistent/file.pcap", &capture, why), -ENOENT);
	assert_string_equal(why, "No such file or directory");
	assert_null(capture);
	capture_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcap_in_both_byte_orders),
		cmocka_unit_test(test_pcapng),
		cmocka_unit_test(test_counts_cut_and_broken),
		cmocka_unit_test(test_unread_link_types_are_counted),
		cmocka_unit_test(test_damage_is_told_after_what_was_good),
		cmocka_unit_test(test_what_is_no_capture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
