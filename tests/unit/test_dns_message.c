/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS messages in user space: what is read, what is told as cut, what as malformed, and the answer
 * that we make.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/dns_message.h"

#define HEADER(questions) 0x12, 0x34, 0x01, 0x00, 0, questions, 0, 0, 0, 0, 0, 0
#define NAME_EXAMPLE	  7, 'E', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0
#define TAIL_A		  0, 1, 0, 1

static const uint8_t plain[] = { HEADER(1), NAME_EXAMPLE, TAIL_A };

static void assert_name(const struct dns_question *question, const char *expected)
{
	char text[DOMAIN_NAME_TEXT_SIZE];

	domain_name_format(&question->name, text);
	assert_string_equal(text, expected);
}

static void test_reads_header_and_question(void **state)
{
	/* Proves that every header field and the question come out as they were sent. */
	static const uint8_t bytes[] = { 0xab, 0xcd, 0xab, 0x03,	 0, 1,	0, 2, 0,
					 3,    0,    4,	   NAME_EXAMPLE, 0, 28, 0, 3 };
	struct dns_message message;
	struct dns_question question;

	(void)state;
	assert_int_equal(dns_message_open(bytes, sizeof(bytes), sizeof(bytes), &message), 0);
	assert_int_equal(message.id, 0xabcd);
	assert_true(message.response);
	assert_int_equal(message.opcode, 5);
	assert_true(message.truncated);
	assert_true(message.recursion_desired);
	assert_int_equal(message.rcode, 3);
	assert_int_equal(message.answers, 2);
	assert_int_equal(message.authorities, 3);
	assert_int_equal(message.additionals, 4);
	assert_int_equal(dns_message_question(&message, &question), 1);
	assert_name(&question, "Example.com");
	assert_int_equal(question.qtype, 28);
	assert_int_equal(question.qclass, 3);
	assert_false(question.compressed);
	assert_int_equal(dns_message_question(&message, &question), 0);
	assert_null(message.reason);
}

static void test_every_cut_is_told(void **state)
{
	/* Proves that a message cut anywhere says so, and one that ends there is malformed. */
	struct dns_message message;
	struct dns_question question;

	(void)state;
	for (size_t size = 0; size < sizeof(plain); size++) {
		for (int whole = 0; whole < 2; whole++) {
			int expected = whole ? -ENODATA : -EBADMSG;
			int r = dns_message_open(plain, size, whole ? sizeof(plain) : size,
						 &message);

			assert_int_equal(r, size < DNS_HEADER_SIZE ? expected : 0);
			if (r == 0)
				r = dns_message_question(&message, &question);
			assert_int_equal(r, expected);
			assert_non_null(message.reason);
			/* It stays so. */
			assert_int_equal(dns_message_question(&message, &question), expected);
		}
	}
}

static void test_several_questions_with_pointers(void **state)
{
	/* Proves that pointers to earlier places are followed, in questions after the first, too.
	 */
	static const uint8_t bytes[] = {
		HEADER(4), NAME_EXAMPLE, TAIL_A, 3, 'w',    'w', 'w', 0xc0, 12, TAIL_A, /* at 29 */
		0xc0,	   29,		 TAIL_A, 0, TAIL_A,
	};
	static const char *const names[] = { "Example.com", "www.Example.com", "www.Example.com",
					     "." };
	struct dns_message message;
	struct dns_question question;

	(void)state;
	assert_int_equal(dns_message_open(bytes, sizeof(bytes), sizeof(bytes), &message), 0);
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		assert_int_equal(dns_message_question(&message, &question), 1);
		assert_name(&question, names[i]);
		assert_int_equal(question.compressed, i == 1 || i == 2);
	}
	assert_int_equal(dns_message_question(&message, &question), 0);
}

static void test_pointer_into_the_header(void **state)
{
	/* Proves that a pointer into the header is read as servers read it: id 0x0161, flags 0. */
	static const uint8_t bytes[] = { 1, 'a', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0, TAIL_A };
	struct dns_message message;
	struct dns_question question;

	(void)state;
	assert_int_equal(dns_message_open(bytes, sizeof(bytes), sizeof(bytes), &message), 0);
	assert_int_equal(dns_message_question(&message, &question), 1);
	assert_name(&question, "a");
}

struct malformed {
	const char *reason;
	size_t size;
	uint8_t bytes[40];
};

static void test_malformed_names(void **state)
{
	/* Proves that each kind of bad name is refused, with its own reason. */
	static const struct malformed cases[] = {
		{ "a compression pointer that leads forwards",
		  18,
		  { HEADER(1), 0xc0, 12, TAIL_A } },
		{ "a compression pointer that leads forwards",
		  20,
		  { HEADER(1), 1, 'a', 0xc0, 12, TAIL_A } },
		{ "a compression pointer that leads forwards",
		  18,
		  { HEADER(1), 0xc0, 14, 0, 0, 1, 0 } },
		{ "a label of an unknown type", 18, { HEADER(1), 0x40, 0, TAIL_A } },
		{ "a label of an unknown type", 18, { HEADER(1), 0x80, 0, TAIL_A } },
		{ "runs past the end of the message", 16, { HEADER(1), 9, 'a', 'b', 'c' } },
		{ "runs past the end of the message", 13, { HEADER(1), 0xc0 } },
		{ "runs past the end of the message", 15, { HEADER(1), 0, 0, 1 } },
		{ "shorter than a DNS header", 11, { HEADER(1) } },
	};
	struct dns_message message;
	struct dns_question question;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		int r = dns_message_open(cases[i].bytes, cases[i].size, cases[i].size, &message);

		if (r == 0)
			r = dns_message_question(&message, &question);
		assert_int_equal(r, -EBADMSG);
		assert_string_equal(message.reason, cases[i].reason);
	}
}

/* A header with one question, and a name of labels with length bytes each, without its zero. */
static size_t long_name(uint8_t *bytes, size_t labels, uint8_t length)
{
	static const uint8_t header[] = { HEADER(1) };
	size_t at = sizeof(header);

	memcpy(bytes, header, sizeof(header));
	for (size_t i = 0; i < labels; i++) {
		bytes[at] = length;
		memset(bytes + at + 1, 'x', length);
		at += (size_t)length + 1;
	}
	return at;
}

static void test_name_lengths(void **state)
{
	/* Proves that 255 bytes are a name, that 256 are none, and that 127 labels are read. */
	uint8_t bytes[600] = { 0 };
	struct dns_message message;
	struct dns_question question;
	size_t size;

	(void)state;
	for (uint8_t last = 61; last <= 62; last++) {
		memset(bytes, 0, sizeof(bytes));
		size = long_name(bytes, 3, 63);
		bytes[size] = last;
		memset(bytes + size + 1, 'y', last);
		size += (size_t)last + 1 + 1 + 4;
		assert_int_equal(dns_message_open(bytes, size, size, &message), 0);
		assert_int_equal(dns_message_question(&message, &question),
				 last == 61 ? 1 : -EBADMSG);
	}
	assert_int_equal(question.name.length, 255);
	assert_string_equal(message.reason, "a name over 255 bytes");

	for (size_t labels = 127; labels <= 128; labels++) {
		memset(bytes, 0, sizeof(bytes));
		size = long_name(bytes, labels, 1) + 1 + 4;
		assert_int_equal(dns_message_open(bytes, size, size, &message), 0);
		assert_int_equal(dns_message_question(&message, &question),
				 labels == 127 ? 1 : -EBADMSG);
	}
}

static void test_pointer_chain_is_bounded(void **state)
{
	/* Proves that a long chain of pointers, each leading backwards, ends in an error. */
	uint8_t bytes[2048] = { HEADER(2), 0, TAIL_A };
	struct dns_message message;
	struct dns_question question;
	size_t at = 17;

	(void)state;
	bytes[5] = 60;
	for (size_t i = 0; i < 59; i++) {
		/* A question whose name is a pointer to the one before. */
		size_t target = i == 0 ? 12 : at - 6;

		bytes[at] = (uint8_t)(0xc0 | target >> 8);
		bytes[at + 1] = (uint8_t)target;
		memcpy(bytes + at + 2, "\0\1\0\1", 4);
		at += 6;
	}
	assert_int_equal(dns_message_open(bytes, at, at, &message), 0);
	for (size_t i = 0; i < 60; i++)
		assert_int_equal(dns_message_question(&message, &question), 1);
	assert_int_equal(dns_message_question(&message, &question), 0);

	/* 300 pointers in a row, hidden where no question is read, and one question at the end. */
	bytes[5] = 2;
	bytes[12] = 0;
	memcpy(bytes + 13, "\0\1\0\1", 4);
	for (at = 18; at < 618; at += 2) {
		bytes[at] = (uint8_t)(0xc0 | (at - 2) >> 8);
		bytes[at + 1] = (uint8_t)(at - 2);
	}
	assert_int_equal(dns_message_open(bytes, 640, 640, &message), 0);
	message.at = 616;
	assert_int_equal(dns_message_question(&message, &question), -EBADMSG);
	assert_string_equal(message.reason, "too many compression pointers");
}

static void test_questions_are_bounded(void **state)
{
	/* Proves that the most questions are read, and that one more is told, not passed over. */
	uint8_t bytes[DNS_HEADER_SIZE + 5 * (DNS_MESSAGE_QUESTIONS_MAX + 1)] = { 0 };
	struct dns_message message;
	struct dns_question question;

	(void)state;
	bytes[5] = DNS_MESSAGE_QUESTIONS_MAX + 1;
	assert_int_equal(dns_message_open(bytes, sizeof(bytes), sizeof(bytes), &message), 0);
	for (int i = 0; i < DNS_MESSAGE_QUESTIONS_MAX; i++)
		assert_int_equal(dns_message_question(&message, &question), 1);
	assert_int_equal(dns_message_question(&message, &question), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_header_and_question),
		cmocka_unit_test(test_every_cut_is_told),
		cmocka_unit_test(test_several_questions_with_pointers),
		cmocka_unit_test(test_pointer_into_the_header),
		cmocka_unit_test(test_malformed_names),
		cmocka_unit_test(test_name_lengths),
		cmocka_unit_test(test_pointer_chain_is_bounded),
		cmocka_unit_test(test_questions_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
