/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how findings are imported into Security Hub, and what its reply says of each. The reply is a
 * stranger's.
 */
#include "cloud/securityhub.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/sink.h"

/* A hundred identifiers with what is wrong about each. */
#define REPLY_MAX ((size_t)512 * 1024)
#define BEGIN	  "{\"Findings\":["
#define END	  "]}"

CLEANUP_DEFINE(json_t *, json_decref)

char *securityhub_body(const struct batch *batch, size_t *ret_size)
{
	size_t size = sizeof(BEGIN) + sizeof(END), used = sizeof(BEGIN) - 1;
	char *body;

	for (size_t i = 0; i < batch->count; i++)
		size += batch->entries[i]->size + 1;
	body = malloc(size);
	if (!body)
		return NULL;
	memcpy(body, BEGIN, used);
	for (size_t i = 0; i < batch->count; i++) {
		if (i > 0)
			body[used++] = ',';
		memcpy(body + used, batch->entries[i]->document, batch->entries[i]->size);
		used += batch->entries[i]->size;
	}
	memcpy(body + used, END, sizeof(END));
	*ret_size = used + sizeof(END) - 1;
	return body;
}

static bool entry_is(const struct batch_entry *entry, const char *id)
{
	CLEANUP(json_decref_cleanup)
	json_t *document = json_loadb(entry->document, entry->size, 0, NULL);
	const char *own = json_string_value(json_object_get(document, "Id"));

	return own && strcmp(own, id) == 0;
}

/* One that failed, found by its Id. False: it is none that was sent. */
static bool failed_take(const json_t *failed, struct batch *batch)
{
	const char *id = json_string_value(json_object_get(failed, "Id"));
	const char *code = json_string_value(json_object_get(failed, "ErrorCode"));
	const char *text = json_string_value(json_object_get(failed, "ErrorMessage"));
	bool for_good = code && strcmp(code, "InvalidInput") == 0;

	for (size_t i = 0; id && i < batch->count; i++)
		if (entry_is(batch->entries[i], id)) {
			batch_entry_end(batch->entries[i],
					for_good ? MESSAGE_POISON : MESSAGE_LATER,
					code ? code : "failed", text);
			return true;
		}
	return false;
}

int securityhub_reply(const char *body, size_t size, struct batch *batch)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(body, size, 0, NULL);
	const json_t *failed = json_object_get(object, "FailedFindings");
	json_int_t count = json_integer_value(json_object_get(object, "FailedCount"));

	if (!json_is_integer(json_object_get(object, "SuccessCount")) || count < 0 ||
	    (uint64_t)count > batch->count || json_array_size(failed) != (size_t)count)
		return -EBADMSG;
	for (size_t i = 0; i < (size_t)count; i++)
		if (!failed_take(json_array_get(failed, i), batch))
			return -EBADMSG;
	return 0;
}

static void import_done(const struct client_result *result, void *userdata)
{
	static const struct sink_verdict verdict = { .outcome = MESSAGE_DELIVERED };
	struct sink_queue *queue = userdata;

	if (strcmp(result->code, "InvalidAccessException") == 0)
		sink_fail_setting(queue,
				  "Security Hub is not turned on in this account and region");
	else if (result->failure != FAILURE_NONE)
		sink_fail(queue, result, "securityhub:BatchImportFindings");
	else if (securityhub_reply(result->body, result->body_size, sink_batch(queue)) < 0)
		sink_fail_reply(queue);
	else
		sink_end(queue, &verdict);
}

static void deliver(struct sink_queue *queue)
{
	CLEANUP(free_cleanup) char *body = NULL;
	struct client_request request = {
		.service = service_find("securityhub"),
		.operation = "BatchImportFindings",
		.path = "/findings/import",
		.bucket = CLIENT_TELEMETRY,
		.reply_max = REPLY_MAX,
	};
	int r = -ENOMEM;

	body = securityhub_body(sink_batch(queue), &request.body_size);
	if (body) {
		request.body = body;
		r = client_call(sink_client(queue), &request, import_done, queue, NULL);
	}
	if (r < 0)
		sink_fail_early(queue, r);
}

const struct cloud_sink security_hub = {
	.name = "Security Hub",
	.limits = { .count = SECURITYHUB_FINDINGS_MAX,
		    .bytes = SECURITYHUB_BYTES_MAX,
		    .overhead = 1,
		    .entry = SECURITYHUB_FINDING_BYTES },
	/* Ten calls a second, with bursts of thirty, for all hosts of an account and region. */
	.interval = NS_PER_SECOND,
	.burst = 5,
	.deliver = deliver,
};
