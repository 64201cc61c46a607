/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/dns_answers.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/dns_message.h"

#define CLASS_IN 1

/* Type, class, TTL, length: what follows a record's owner. */
#define RECORD_HEAD 10

/* RFC 9460, 14.3.2. */
enum service_key {
	SERVICE_ALPN = 1,
	SERVICE_IPV4HINT = 4,
	SERVICE_ECH = 5,
	SERVICE_IPV6HINT = 6,
};

static const struct {
	uint16_t type;
	const char *name;
} type_names[] = {
	{ DNS_ANSWER_A, "A" },	       { DNS_ANSWER_CNAME, "CNAME" }, { DNS_ANSWER_AAAA, "AAAA" },
	{ DNS_ANSWER_DNAME, "DNAME" }, { DNS_ANSWER_SVCB, "SVCB" },   { DNS_ANSWER_HTTPS, "HTTPS" },
};

/* One record while it is read. */
struct reading {
	struct dns_message *message;
	struct dns_answers *answers;
	struct dns_answer record; /* what its values have in common */
	size_t end;		  /* of its data */
};

const char *dns_answer_type_name(uint16_t type)
{
	for (size_t i = 0; i < ELEMENTS(type_names); i++)
		if (type_names[i].type == type)
			return type_names[i].name;
	return "";
}

bool dns_answers_same_name(const struct domain_name *a, const struct domain_name *b)
{
	return a->length == b->length && domain_name_within(a, b);
}

static int answer_add(struct reading *reading, const struct dns_answer *answer)
{
	struct dns_answers *answers = reading->answers;

	if (answers->count == DNS_ANSWERS_MAX)
		return dns_message_fail(reading->message, -E2BIG, "more answers than are read");
	answers->answers[answers->count++] = *answer;
	return 0;
}

static int address_add(struct reading *reading, const uint8_t *bytes, bool ipv4)
{
	struct dns_answer answer = reading->record;

	answer.name.length = 0;
	if (ipv4)
		answer.address = address_from_ipv4(bytes);
	else
		memcpy(answer.address.bytes, bytes, sizeof(answer.address.bytes));
	return answer_add(reading, &answer);
}

static int address_read(struct reading *reading)
{
	bool ipv4 = reading->record.type == DNS_ANSWER_A;
	size_t at = reading->message->at;

	if (reading->end - at != (ipv4 ? 4 : 16))
		return dns_message_fail(reading->message, -EBADMSG, "an address of a wrong size");
	return address_add(reading, reading->message->bytes + at, ipv4);
}

static int target_read(struct reading *reading)
{
	bool compressed;
	int r = dns_message_name(reading->message, &reading->record.name, &compressed);

	if (r == 0 && reading->message->at > reading->end)
		r = dns_message_fail(reading->message, -EBADMSG,
				     "a name that is too long for its "
				     "record");
	return r;
}

static int name_answer_read(struct reading *reading)
{
	int r = target_read(reading);

	return r < 0 ? r : answer_add(reading, &reading->record);
}

/* Each protocol has its length before it. */
static void alpn_read(char *alpn, const uint8_t *bytes, size_t size)
{
	size_t used = 0;

	for (size_t at = 0; at < size; at += (size_t)bytes[at] + 1) {
		size_t length = bytes[at];

		if (length > size - at - 1 || used + length + 2 > DNS_ANSWERS_ALPN)
			break;
		if (used > 0)
			alpn[used++] = ',';
		for (size_t i = 0; i < length; i++) {
			uint8_t byte = bytes[at + 1 + i];

			alpn[used++] = (char)(byte > 0x20 && byte < 0x7f ? byte : '?');
		}
	}
	alpn[used] = '\0';
}

static int hints_add(struct reading *reading, const uint8_t *value, size_t length, bool ipv4)
{
	size_t size = ipv4 ? 4 : 16;
	int r = 0;

	for (size_t at = 0; r == 0 && at + size <= length; at += size)
		r = address_add(reading, value + at, ipv4);
	return r;
}

typedef int (*service_visit)(struct reading *reading, unsigned key, const uint8_t *value,
			     size_t length);

static int service_describe(struct reading *reading, unsigned key, const uint8_t *value,
			    size_t length)
{
	if (key == SERVICE_ECH)
		reading->record.ech = true;
	else if (key == SERVICE_ALPN)
		alpn_read(reading->record.alpn, value, length);
	return 0;
}

static int service_hints(struct reading *reading, unsigned key, const uint8_t *value, size_t length)
{
	if (key != SERVICE_IPV4HINT && key != SERVICE_IPV6HINT)
		return 0;
	return hints_add(reading, value, length, key == SERVICE_IPV4HINT);
}

static int service_each(struct reading *reading, size_t at, service_visit visit)
{
	const uint8_t *bytes = reading->message->bytes;
	int r = 0;

	while (r == 0 && at + 4 <= reading->end) {
		size_t length = dns_message_u16(bytes + at + 2);

		if (length > reading->end - at - 4)
			return dns_message_fail(reading->message, -EBADMSG,
						"a service parameter longer than its record");
		r = visit(reading, dns_message_u16(bytes + at), bytes + at + 4, length);
		at += 4 + length;
	}
	return r;
}

/* RFC 9460, 2.2. The target "." is the owner itself, except where the service is not there at all
 * (priority 0). */
static int service_read(struct reading *reading)
{
	struct dns_message *message = reading->message;
	size_t parameters;
	uint16_t priority;
	int r;

	if (reading->end - message->at < 3)
		return dns_message_fail(message, -EBADMSG, "a service record that is too short");
	priority = dns_message_u16(message->bytes + message->at);
	message->at += 2;
	r = target_read(reading);
	if (r < 0)
		return r;
	if (reading->record.name.length == 1 && priority > 0)
		reading->record.name = reading->record.owner;
	parameters = message->at;
	r = service_each(reading, parameters, service_describe);
	if (r == 0)
		r = answer_add(reading, &reading->record);
	return r < 0 ? r : service_each(reading, parameters, service_hints);
}

static int data_read(struct reading *reading)
{
	switch (reading->record.type) {
	case DNS_ANSWER_A:
	case DNS_ANSWER_AAAA:
		return address_read(reading);
	case DNS_ANSWER_CNAME:
	case DNS_ANSWER_DNAME:
		return name_answer_read(reading);
	case DNS_ANSWER_SVCB:
	case DNS_ANSWER_HTTPS:
		return service_read(reading);
	default:
		reading->answers->skipped++;
		return 0;
	}
}

/* The record at message->at, which is moved behind it. */
static int record_read(struct reading *reading)
{
	struct dns_message *message = reading->message;
	struct dns_answer *record = &reading->record;
	const uint8_t *head;
	bool compressed;
	size_t length;
	int r;

	memset(record, 0, sizeof(*record));
	r = dns_message_name(message, &record->owner, &compressed);
	if (r == 0)
		r = dns_message_need(message, message->at, RECORD_HEAD);
	if (r < 0)
		return r;
	head = message->bytes + message->at;
	record->type = dns_message_u16(head);
	record->ttl = (uint32_t)dns_message_u16(head + 4) << 16 | dns_message_u16(head + 6);
	if (record->ttl >> 31)
		record->ttl = 0;
	length = dns_message_u16(head + 8);
	message->at += RECORD_HEAD;
	r = dns_message_need(message, message->at, length);
	if (r < 0)
		return r;
	reading->end = message->at + length;
	if (dns_message_u16(head + 2) == CLASS_IN)
		r = data_read(reading);
	else
		reading->answers->skipped++;
	message->at = reading->end;
	return r;
}

struct chain {
	const struct domain_name *names[DNS_ANSWERS_CHAIN];
	size_t count;
};

static bool chain_has(const struct chain *chain, const struct domain_name *name)
{
	for (size_t i = 0; i < chain->count; i++)
		if (dns_answers_same_name(chain->names[i], name))
			return true;
	return false;
}

/* A DNAME leads on from each name below its owner. */
static bool chain_reaches(const struct chain *chain, const struct dns_answer *answer)
{
	if (answer->type != DNS_ANSWER_DNAME)
		return chain_has(chain, &answer->owner);
	for (size_t i = 0; i < chain->count; i++)
		if (domain_name_within(chain->names[i], &answer->owner))
			return true;
	return false;
}

/* Marks what belongs to the question. Records stand in order as a rule, so that one round finds all
 * of them; a chain that is turned upside down is followed for a few links only. A DNAME's target is
 * not a name that has addresses itself: the CNAME made from it, which comes along, leads on. */
static void chain_mark(const struct domain_name *question, struct dns_answers *answers)
{
	struct chain chain = { .names = { question }, .count = 1 };
	bool found = true;

	for (int round = 0; found && round < DNS_ANSWERS_ROUNDS; round++) {
		found = false;
		for (size_t i = 0; i < answers->count; i++) {
			struct dns_answer *answer = &answers->answers[i];

			if (answer->chained || !chain_reaches(&chain, answer))
				continue;
			answer->chained = true;
			if (answer->name.length == 0 || answer->type == DNS_ANSWER_DNAME ||
			    chain.count == DNS_ANSWERS_CHAIN || chain_has(&chain, &answer->name))
				continue;
			chain.names[chain.count++] = &answer->name;
			found = true;
		}
	}
}

int dns_answers_read(struct dns_message *message, const struct domain_name *question,
		     struct dns_answers *ret)
{
	struct reading reading = { .message = message, .answers = ret };
	int r = message->error;

	ret->count = 0;
	ret->skipped = 0;
	for (unsigned i = 0; r == 0 && i < message->answers; i++)
		r = record_read(&reading);
	ret->incomplete = r < 0;
	ret->reason = r < 0 ? message->reason : NULL;
	chain_mark(question, ret);
	return r;
}
