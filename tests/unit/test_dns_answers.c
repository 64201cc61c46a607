/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that every kind of answer is read as it was sent, with compression anywhere; that the
 * chain from the question is found in whatever order, and nothing beside it; that a message cut at
 * any byte gives what stood before the cut; and that hostile ones stay within their bounds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/dns_answers.h"
#include "sensor/dns_message.h"

struct built {
	size_t size;
	uint8_t bytes[65535];
};

static void put(struct built *built, const void *bytes, size_t size)
{
	assert_true(built->size + size <= sizeof(built->bytes));
	memcpy(built->bytes + built->size, bytes, size);
	built->size += size;
}

static void put_u16(struct built *built, unsigned value)
{
	put(built, (uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

/* "@12": a pointer to offset 12; "www@12": a label, then the pointer. */
static void put_name(struct built *built, const char *text)
{
	const char *at = strchr(text, '@');
	char labels[1024];
	struct domain_name name;

	(void)snprintf(labels, sizeof(labels), "%.*s", at ? (int)(at - text) : 1000, text);
	if (labels[0]) {
		assert_int_equal(domain_name_parse(labels, &name), 0);
		put(built, name.wire, at ? name.length - 1u : name.length);
	}
	if (at)
		put_u16(built, 0xc000 | (unsigned)atoi(at + 1));
}

static void answer_begin(struct built *built, const char *qname, unsigned answers)
{
	built->size = 0;
	put(built, (uint8_t[]){ 0x12, 0x34, 0x81, 0x80, 0, 1 }, 6);
	put_u16(built, answers);
	put(built, (uint8_t[]){ 0, 0, 0, 0 }, 4);
	put_name(built, qname);
	put(built, (uint8_t[]){ 0, 1, 0, 1 }, 4);
}

/* Returns where the length stands, for record_end(). */
static size_t record_begin(struct built *built, const char *owner, unsigned type, uint32_t ttl)
{
	put_name(built, owner);
	put_u16(built, type);
	put_u16(built, 1);
	put_u16(built, ttl >> 16);
	put_u16(built, ttl & 0xffff);
	put_u16(built, 0);
	return built->size - 2;
}

static void record_end(struct built *built, size_t length)
{
	size_t size = built->size - length - 2;

	built->bytes[length] = (uint8_t)(size >> 8);
	built->bytes[length + 1] = (uint8_t)size;
}

static void put_address(struct built *built, const char *owner, uint32_t ttl, const char *text)
{
	struct address address;
	size_t length;

	assert_int_equal(address_parse(text, &address), 0);
	length = record_begin(built, owner,
			      address_is_ipv4(&address) ? DNS_ANSWER_A : DNS_ANSWER_AAAA, ttl);
	if (address_is_ipv4(&address))
		put(built, address.bytes + 12, 4);
	else
		put(built, address.bytes, 16);
	record_end(built, length);
}

static void put_target(struct built *built, const char *owner, unsigned type, const char *target)
{
	size_t length = record_begin(built, owner, type, 300);

	put_name(built, target);
	record_end(built, length);
}

static int read_cut(const struct built *built, size_t available, struct dns_answers *answers)
{
	/* A copy of its own, for the sanitizer. */
	CLEANUP(free_cleanup) uint8_t *copy = malloc(available + 1);
	struct dns_question first = { 0 }, question;
	struct dns_message message;
	int r;

	assert_non_null(copy);
	memcpy(copy + 1, built->bytes, available);
	r = dns_message_open(copy + 1, available, built->size, &message);
	while (r == 0 && (r = dns_message_question(&message, &question)) > 0) {
		first = question;
		r = 0;
	}
	if (r < 0) {
		answers->count = 0;
		return r;
	}
	return dns_answers_read(&message, &first.name, answers);
}

static int read_all(const struct built *built, struct dns_answers *answers)
{
	return read_cut(built, built->size, answers);
}

static void assert_name(const struct domain_name *name, const char *expected)
{
	char text[DOMAIN_NAME_TEXT_SIZE];

	domain_name_format(name, text);
	assert_string_equal(text, expected);
}

static void assert_address(const struct dns_answer *answer, const char *owner, const char *expected)
{
	char text[ADDRESS_TEXT_SIZE];

	assert_name(&answer->owner, owner);
	assert_int_equal(answer->name.length, 0);
	address_format(&answer->address, text);
	assert_string_equal(text, expected);
}

static void test_addresses(void **state)
{
	static struct built built;
	static struct dns_answers answers;

	(void)state;
	answer_begin(&built, "Host.example", 4);
	put_address(&built, "@12", 60, "192.0.2.1");
	put_address(&built, "hOst.eXample", 0x80000001, "2001:db8::1");
	put_target(&built, "@12", 16, "text.is.skipped");
	put_address(&built, "@12", 7, "127.0.0.1");
	assert_int_equal(read_all(&built, &answers), 0);
	assert_int_equal(answers.count, 3);
	assert_int_equal(answers.skipped, 1);
	assert_false(answers.incomplete);
	assert_address(&answers.answers[0], "Host.example", "192.0.2.1");
	assert_int_equal(answers.answers[0].type, DNS_ANSWER_A);
	assert_int_equal(answers.answers[0].ttl, 60);
	assert_address(&answers.answers[1], "hOst.eXample", "2001:db8::1");
	assert_int_equal(answers.answers[1].ttl, 0);
	assert_address(&answers.answers[2], "Host.example", "127.0.0.1");
	for (size_t i = 0; i < answers.count; i++)
		assert_true(answers.answers[i].chained);
}

static void test_chain(void **state)
{
	/* In order, turned upside down, and with a stranger's record beside it. */
	static struct built built;
	static struct dns_answers answers;

	(void)state;
	answer_begin(&built, "www.a.example", 4);
	put_target(&built, "@12", DNS_ANSWER_CNAME, "b@16");
	put_target(&built, "b.A.example", DNS_ANSWER_CNAME, "c.test");
	put_address(&built, "C.test", 60, "192.0.2.1");
	put_address(&built, "stranger.test", 60, "192.0.2.2");
	assert_int_equal(read_all(&built, &answers), 0);
	assert_int_equal(answers.count, 4);
	assert_name(&answers.answers[0].name, "b.a.example");
	assert_name(&answers.answers[1].name, "c.test");
	assert_true(answers.answers[0].chained && answers.answers[1].chained &&
		    answers.answers[2].chained);
	assert_false(answers.answers[3].chained);

	answer_begin(&built, "a.example", 3);
	put_address(&built, "c.test", 60, "192.0.2.1");
	put_target(&built, "b.test", DNS_ANSWER_CNAME, "c.test");
	put_target(&built, "@12", DNS_ANSWER_CNAME, "b.test");
	assert_int_equal(read_all(&built, &answers), 0);
	for (size_t i = 0; i < 3; i++)
		assert_true(answers.answers[i].chained);
}

static void test_dname(void **state)
{
	static struct built built;
	static struct dns_answers answers;

	(void)state;
	answer_begin(&built, "x.old.example", 3);
	put_target(&built, "old.example", DNS_ANSWER_DNAME, "new.test");
	put_target(&built, "@12", DNS_ANSWER_CNAME, "x.new.test");
	put_address(&built, "x.new.test", 60, "192.0.2.1");
	assert_int_equal(read_all(&built, &answers), 0);
	assert_int_equal(answers.count, 3);
	assert_name(&answers.answers[0].name, "new.test");
	for (size_t i = 0; i < 3; i++)
		assert_true(answers.answers[i].chained);
}

/* RFC 9460, appendix D, in the main: target, ALPN, both hints, keys for ECH. */
static void test_service(void **state)
{
	static struct built built;
	static struct dns_answers answers;
	size_t length;

	(void)state;
	answer_begin(&built, "example.test", 2);
	length = record_begin(&built, "@12", DNS_ANSWER_HTTPS, 300);
	put_u16(&built, 1);
	put_name(&built, "");
	put(&built, "\0", 1);
	put(&built, (uint8_t[]){ 0, 1, 0, 6, 2, 'h', '2', 2, 'h', '\n' }, 10);
	put(&built, (uint8_t[]){ 0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2 }, 12);
	put(&built, (uint8_t[]){ 0, 5, 0, 3, 1, 2, 3 }, 7);
	put(&built, (uint8_t[]){ 0, 6, 0, 16, 0x20, 1, 0xd, 0xb8, [19] = 9 }, 20);
	record_end(&built, length);
	length = record_begin(&built, "@12", DNS_ANSWER_SVCB, 300);
	put_u16(&built, 0);
	put_name(&built, "pool.test");
	record_end(&built, length);
	assert_int_equal(read_all(&built, &answers), 0);
	assert_int_equal(answers.count, 5);
	assert_name(&answers.answers[0].name, "example.test");
	assert_string_equal(answers.answers[0].alpn, "h2,h?");
	assert_true(answers.answers[0].ech);
	assert_address(&answers.answers[1], "example.test", "192.0.2.1");
	assert_address(&answers.answers[2], "example.test", "192.0.2.2");
	assert_address(&answers.answers[3], "example.test", "2001:db8::9");
	assert_name(&answers.answers[4].name, "pool.test");
	assert_int_equal(answers.answers[4].type, DNS_ANSWER_SVCB);
}

static void test_broken_records(void **state)
{
	static struct built built;
	static struct dns_answers answers;
	size_t length;

	(void)state;
	/* An address of three bytes, behind a good one. */
	answer_begin(&built, "a.test", 2);
	put_address(&built, "@12", 60, "192.0.2.1");
	length = record_begin(&built, "@12", DNS_ANSWER_A, 60);
	put(&built, "abc", 3);
	record_end(&built, length);
	assert_int_equal(read_all(&built, &answers), -EBADMSG);
	assert_int_equal(answers.count, 1);
	assert_true(answers.incomplete && answers.reason);

	/* A target longer than its record. */
	answer_begin(&built, "a.test", 1);
	length = record_begin(&built, "@12", DNS_ANSWER_CNAME, 60);
	put_name(&built, "b.test");
	record_end(&built, length);
	built.bytes[length + 1]--;
	assert_int_equal(read_all(&built, &answers), -EBADMSG);
	assert_int_equal(answers.count, 0);

	/* A name that points to itself. */
	answer_begin(&built, "a.test", 1);
	length = record_begin(&built, "@12", DNS_ANSWER_CNAME, 60);
	put_u16(&built, 0xc000 | (unsigned)built.size);
	record_end(&built, length);
	assert_int_equal(read_all(&built, &answers), -EBADMSG);

	/* More records than there are. */
	answer_begin(&built, "a.test", 9);
	put_address(&built, "@12", 60, "192.0.2.1");
	assert_int_equal(read_all(&built, &answers), -EBADMSG);
	assert_int_equal(answers.count, 1);

	/* A service parameter that runs out of its record. */
	answer_begin(&built, "a.test", 1);
	length = record_begin(&built, "@12", DNS_ANSWER_HTTPS, 60);
	put(&built, (uint8_t[]){ 0, 1, 0, 0, 4, 0, 9, 1, 2, 3, 4 }, 11);
	record_end(&built, length);
	assert_int_equal(read_all(&built, &answers), -EBADMSG);
}

static void test_bounds(void **state)
{
	static struct built built;
	static struct dns_answers answers;
	char owner[32], target[32];

	(void)state;
	answer_begin(&built, "a.test", DNS_ANSWERS_MAX + 1);
	for (size_t i = 0; i < DNS_ANSWERS_MAX + 1; i++)
		put_address(&built, "@12", 60, "192.0.2.1");
	assert_int_equal(read_all(&built, &answers), -E2BIG);
	assert_int_equal(answers.count, DNS_ANSWERS_MAX);
	assert_true(answers.incomplete);

	/* A chain of fifty: followed as far as any resolver does. */
	answer_begin(&built, "n0.test", 50);
	for (int i = 0; i < 50; i++) {
		(void)snprintf(owner, sizeof(owner), "n%d.test", i);
		(void)snprintf(target, sizeof(target), "n%d.test", i + 1);
		put_target(&built, owner, DNS_ANSWER_CNAME, target);
	}
	assert_int_equal(read_all(&built, &answers), 0);
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(answers.answers[i].chained, i < DNS_ANSWERS_CHAIN);
}

static void test_every_cut(void **state)
{
	static struct built built;
	static struct dns_answers whole, cut;
	size_t count = 0;

	(void)state;
	answer_begin(&built, "www.a.example", 3);
	put_target(&built, "@12", DNS_ANSWER_CNAME, "b@16");
	put_address(&built, "b.a.example", 60, "2001:db8::1");
	put_address(&built, "b.a.example", 60, "192.0.2.1");
	assert_int_equal(read_all(&built, &whole), 0);
	for (size_t available = 0; available < built.size; available++) {
		assert_int_equal(read_cut(&built, available, &cut), -ENODATA);
		assert_true(cut.count >= count && cut.count <= count + 1);
		count = cut.count;
		for (size_t i = 0; i < count; i++)
			assert_true(dns_answers_same_name(&cut.answers[i].owner,
							  &whole.answers[i].owner));
	}
	assert_int_equal(count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),      cmocka_unit_test(test_chain),
		cmocka_unit_test(test_dname),	       cmocka_unit_test(test_service),
		cmocka_unit_test(test_broken_records), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
