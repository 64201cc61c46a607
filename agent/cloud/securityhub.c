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

#define BEGIN "{\"Findings\":["
#define END   "]}"

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

static void send(struct sink_queue *queue, const char *body, size_t size, client_done done)
{
	const struct client_request request = {
		.service = service_find("securityhub"),
		.operation = "BatchImportFindings",
		.path = "/findings/import",
		.body = body,
		.body_size = size,
	};

	sink_send(queue, &request, done);
}

bool securityhub_setting_is_wrong(struct sink_queue *queue, const struct client_result *result,
				  char text[static MESSAGE_TEXT_SIZE])
{
	(void)queue;
	if (strcmp(result->code, "InvalidAccessException") != 0)
		return false;
	(void)snprintf(text, MESSAGE_TEXT_SIZE,
		       "Security Hub is not turned on in this account and region");
	return true;
}

static void import_done(const struct client_result *result, void *userdata)
{
	char text[MESSAGE_TEXT_SIZE];

	if (securityhub_setting_is_wrong(userdata, result, text))
		sink_fail_setting(userdata, text);
	else
		sink_judge(userdata, result, "securityhub:BatchImportFindings", securityhub_reply);
}

static void deliver(struct sink_queue *queue)
{
	size_t size = 0;
	CLEANUP(free_cleanup) char *body = securityhub_body(sink_batch(queue), &size);

	send(queue, body, size, import_done);
}

/* As the daemon makes it for findings (report/asff.c). */
static bool product_arn(struct sink_queue *queue, const char **ret_account,
			char out[static SINK_ARN_SIZE])
{
	const struct message_instance *instance = sink_instance(queue);
	const struct settings *settings = sink_settings(queue);
	const char *region = *settings->region ? settings->region : instance->region;
	bool own = *instance->partition && strcmp(region, instance->region) == 0;

	*ret_account = *settings->account ? settings->account : instance->account;
	(void)snprintf(out, SINK_ARN_SIZE, "arn:%s:securityhub:%s:%s:product/%s/default",
		       own ? instance->partition : endpoint_partition(region), region, *ret_account,
		       *ret_account);
	return **ret_account != '\0';
}

/* A finding of no known schema, about nothing, is refused by itself, after the role was asked. */
void securityhub_try(struct sink_queue *queue, client_done done)
{
	static const char time[] = "2026-01-01T00:00:00Z";
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	CLEANUP(free_cleanup) char *body = NULL;
	char arn[SINK_ARN_SIZE];
	const char *account;

	if (!product_arn(queue, &account, arn)) {
		sink_end_as(queue, MESSAGE_POISON, 0,
			    "the account is not known: set report.security_hub.account");
		return;
	}
	object = json_pack("{s:[{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[]}]}", "Findings",
			   "SchemaVersion", "preflight", "Id", "cordon/preflight", "ProductArn",
			   arn, "GeneratorId", "cordon", "AwsAccountId", account, "CreatedAt", time,
			   "UpdatedAt", time, "Title", "preflight", "Description", "preflight",
			   "Resources");
	body = object ? json_dumps(object, JSON_COMPACT) : NULL;
	send(queue, body, body ? strlen(body) : 0, done);
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
