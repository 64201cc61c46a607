/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: DNS messages cut anywhere. Two bytes say how many are at hand; the rest is the
 * message.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const struct domain_name *name)
{
	struct domain_name again;
	char text[DOMAIN_NAME_TEXT_SIZE];

	assert(domain_name_read(name->wire, name->length, &again) == 0);
	assert(again.length == name->length);
	domain_name_format(name, text);
	assert(domain_name_parse(text, &again) == 0);
	assert(again.length == name->length && memcmp(again.wire, name->wire, name->length) == 0);
}

static void read_cut(const uint8_t *bytes, size_t available, size_t whole)
{
	/* A copy of its own, so that the sanitizer sees each read beyond what is at hand. */
	CLEANUP(free_cleanup) uint8_t *copy = malloc(available + 1);
	struct dns_message message;
	struct dns_question question;
	int r;

	if (!copy)
		return;
	memcpy(copy + 1, bytes, available);
	r = dns_message_open(copy + 1, available, whole, &message);
	for (unsigned i = 0; r == 0; i++) {
		r = dns_message_question(&message, &question);
		if (r == 0) {
			assert(i == message.questions);
			return;
		}
		if (r > 0) {
			check_name(&question.name);
			r = 0;
		}
	}
	assert(message.reason);
	assert(r == -EBADMSG || (r == -ENODATA && available < whole));
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
