/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: replies of SSM as cordon-cloud reads them, and what it hands on to cordond, who
 * takes it as hostile again. Whatever comes: an id is one that may stand in a request, a value
 * ends, and what is handed on is what was read.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/opsitem.h"
#include "cloud/parameter.h"
#include "cloud/tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void id_check(const char *id)
{
	assert(strlen(id) == OPSITEM_ID_SIZE - 1 && strncmp(id, "oi-", 3) == 0);
	assert(strspn(id + 3, "0123456789abcdef") == OPSITEM_ID_SIZE - 4);
}

static void finding_take(const char *body, size_t size)
{
	static const struct opsitem_host host = {
		.name = "h", .instance = "i", .region = "r", .account = "1", .partition = "aws"
	};
	json_t *object = json_loadb(body, size, 0, NULL);
	struct opsitem_finding finding;

	if (object && opsitem_read(object, &finding) == 0) {
		json_decref(opsitem_create(&finding, &host));
		json_decref(opsitem_update(&finding, &host, "oi-000000000000", "Open"));
		json_decref(opsitem_find(&finding, &host));
	}
	json_decref(object);
}

#define VALUE_MAX 64

static void parameter_take(const char *body, size_t size)
{
	struct parameter parameter;

	if (parameter_reply(body, size, VALUE_MAX, &parameter) < 0)
		return;
	assert(strlen(parameter.value) <= VALUE_MAX);
	parameter_clear(&parameter);
}

static void tags_take(const char *body, size_t size)
{
	bool metadata;
	json_t *tags = tags_read(body, size, &metadata);
	char *answer = tags ? tags_answer(tags, metadata) : NULL;
	json_t *again = answer ? tags_read(answer, strlen(answer), &metadata) : NULL;

	assert(!tags || (again && json_equal(tags, again)));
	json_decref(again);
	free(answer);
	json_decref(tags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char id[OPSITEM_ID_SIZE], *body = malloc(size + 1);
	bool ended;

	if (!body)
		return 0;
	memcpy(body, data, size);
	body[size] = '\0';
	if (opsitem_reply_id(body, size, id) == 0)
		id_check(id);
	if (opsitem_reply_found(body, size, id, &ended) == 1)
		id_check(id);
	parameter_take(body, size);
	tags_take(body, size);
	finding_take(body, size);
	free(body);
	return 0;
}
