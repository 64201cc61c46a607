/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: replies of EventBridge, Security Hub, SNS and S3, as cordon-cloud reads them.
 * Whatever comes: each entry has an outcome and a text that ends, and a reply that is none changes
 * no count.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/eventbridge.h"
#include "cloud/s3.h"
#include "cloud/securityhub.h"
#include "cloud/sns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COUNT 3

typedef int reader(const char *body, size_t size, struct batch *batch);

static void reply_check(reader *read, const char *body, size_t size)
{
	static char documents[COUNT][16] = { "{\"Id\":\"a\"}", "{\"Id\":\"b\"}", "{\"Id\":\"c\"}" };
	struct batch_entry entries[COUNT] = { 0 }, *pointers[COUNT];
	struct batch batch = { .entries = pointers, .count = COUNT };

	for (size_t i = 0; i < COUNT; i++) {
		entries[i].document = documents[i];
		entries[i].size = strlen(documents[i]);
		pointers[i] = &entries[i];
	}
	(void)read(body, size, &batch);
	assert(batch.count == COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert(entries[i].outcome == MESSAGE_DELIVERED ||
		       entries[i].outcome == MESSAGE_LATER || entries[i].outcome == MESSAGE_POISON);
		assert(memchr(entries[i].why, '\0', sizeof(entries[i].why)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char region[S3_REGION_SIZE];
	/* As from http.c: a NUL stands behind it. */
	char *body = malloc(size + 1);

	if (!body)
		return 0;
	memcpy(body, data, size);
	body[size] = '\0';
	reply_check(eventbridge_reply, body, size);
	reply_check(securityhub_reply, body, size);
	reply_check(sns_reply, body, size);
	if (s3_error_region(body, size, region))
		assert(memchr(region, '\0', sizeof(region)) && region[0]);
	free(body);
	return 0;
}
