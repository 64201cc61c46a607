/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: answer sections cut anywhere. Two bytes say how many are at hand; the rest is the
 * message.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/dns_answers.h"
#include "sensor/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const struct domain_name *name)
{
	struct domain_name again;

	assert(domain_name_read(name->wire, name->length, &again) == 0);
	assert(again.length == name->length);
}

static void check_answer(const struct dns_answer *answer)
{
	check_name(&answer->owner);
	if (answer->name.length > 0)
		check_name(&answer->name);
	assert(dns_answer_type_name(answer->type)[0]);
	assert(answer->ttl >> 31 == 0);
	for (size_t i = 0; i < strnlen(answer->alpn, sizeof(answer->alpn)); i++)
		assert(answer->alpn[i] > 0x20 && answer->alpn[i] < 0x7f);
	assert(memchr(answer->alpn, 0, sizeof(answer->alpn)));
}

static void read_cut(const uint8_t *bytes, size_t available, size_t whole)
{
	/* A copy of its own, so that the sanitizer sees each read beyond what is at hand. */
	CLEANUP(free_cleanup) uint8_t *copy = malloc(available + 1);
	static struct dns_answers answers;
	struct dns_question first = { 0 }, question;
	struct dns_message message;
	int r;

	if (!copy)
		return;
	memcpy(copy + 1, bytes, available);
	r = dns_message_open(copy + 1, available, whole, &message);
	while (r == 0 && (r = dns_message_question(&message, &question)) > 0) {
		first = question;
		r = 0;
	}
	if (r < 0)
		return;
	r = dns_answers_read(&message, &first.name, &answers);
	assert(r == 0 || r == -EBADMSG || r == -E2BIG || (r == -ENODATA && available < whole));
	assert(answers.incomplete == (r < 0) && (!answers.incomplete || answers.reason));
	assert(answers.count <= DNS_ANSWERS_MAX);
	for (size_t i = 0; i < answers.count; i++)
		check_answer(&answers.answers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t available;

	if (size < 2)
		return 0;
	available = (size_t)data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	read_cut(data, available < size ? available : size, size);
	read_cut(data, size, size);
	return 0;
}
