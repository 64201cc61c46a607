/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "scan/file_protocol.h"

static struct file_frame frame;

static void pair(int ends[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void messages_arrive(void **state)
{
	/* Proves: numbers, texts, a digest and descriptors come out as they went in. */
	struct file_message out = {
		.type = FILE_SCAN, .id = 7, .numbers = { 1 }, .texts = { "/a/b", "root" }
	};
	struct file_message in;
	const char *why;
	int ends[2];

	(void)state;
	pair(ends);
	out.descriptors[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	out.descriptors[1] = -1;
	assert_int_equal(file_message_send(ends[0], &out, false), 0);
	assert_int_equal(file_frame_receive(ends[1], &frame, false), 0);
	assert_int_equal(file_message_read(&frame, FILE_READER_WORKER, &in, &why), 0);
	assert_true(in.type == FILE_SCAN && in.id == 7 && in.numbers[0] == 1);
	assert_string_equal(in.texts[FILE_SCAN_PATH], "/a/b");
	assert_string_equal(in.texts[FILE_SCAN_OWNER], "root");
	assert_true(in.descriptors[0] >= 0 && in.descriptors[1] == -1);
	file_message_close(&in);
	file_message_close(&out);
	assert_int_equal(file_frame_receive(ends[1], &frame, false), -EAGAIN);
	(void)close(ends[0]);
	assert_int_equal(file_frame_receive(ends[1], &frame, false), -EPIPE);
	(void)close(ends[1]);
}

static void longest_fits(void **state)
{
	/* Proves: texts that are too long are cut, and the largest message is still one. */
	static char text[10000];
	struct file_message out = { .type = FILE_MATCH, .texts = { text, text, text, text, text } };
	struct file_message in;
	const char *why;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	frame.descriptors[0] = frame.descriptors[1] = -1;
	file_message_write(&out, &frame);
	assert_true(frame.size <= FILE_FRAME_MAX);
	assert_int_equal(file_message_read(&frame, FILE_READER_PARENT_WORKER, &in, &why), 0);
	assert_int_equal(strlen(in.texts[FILE_MATCH_NAMESPACE]), 4095);
}

static void wrong_ones_are_refused(void **state)
{
	/* Proves: the wrong reader, size, type or end of a text is a breach; descriptors that come
	 * with it are closed. */
	const struct file_message done = { .type = FILE_DONE, .id = 1, .texts = { "because" } };
	struct file_message in;
	const char *why;

	(void)state;
	frame.descriptors[0] = frame.descriptors[1] = -1;
	file_message_write(&done, &frame);
	assert_int_equal(file_message_read(&frame, FILE_READER_PARENT_WORKER, &in, &why), 0);
	assert_int_equal(file_message_read(&frame, FILE_READER_PARENT_UNGREETED, &in, &why),
			 -EBADMSG);
	assert_int_equal(file_message_read(&frame, FILE_READER_WORKER, &in, &why), -EBADMSG);
	frame.size--;
	assert_int_equal(file_message_read(&frame, FILE_READER_PARENT_WORKER, &in, &why), -EBADMSG);
	frame.size = 8;
	assert_int_equal(file_message_read(&frame, FILE_READER_PARENT_WORKER, &in, &why), -EBADMSG);
	file_message_write(&done, &frame);
	frame.bytes[0] = 99;
	assert_int_equal(file_message_read(&frame, FILE_READER_PARENT_WORKER, &in, &why), -EBADMSG);
	file_message_write(&done, &frame);
	frame.descriptors[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_message_read(&frame, FILE_READER_PARENT_WORKER, &in, &why), -EBADMSG);
	assert_int_equal(frame.descriptors[0], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive),
		cmocka_unit_test(longest_fits),
		cmocka_unit_test(wrong_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
