/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how notices are published, and what SNS says of each. The reply is a stranger's XML: read
 * without entities, network and further memory than its own size asks for.
 */
#include "cloud/sns.h"

#include <errno.h>
#include <jansson.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/reply_xml.h"
#include "cloud/sink.h"

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(xmlDoc *, xmlFreeDoc)

/* ---- the form ---- */

/* "PublishBatchRequestEntries.member.3.", then the name of a member. */
static void put(FILE *out, size_t number, const char *name, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	(void)fprintf(out, "&PublishBatchRequestEntries.member.%zu.%s=", number + 1, name);
	for (; *value; value++)
		if (strchr(plain, *value))
			(void)fputc(*value, out);
		else
			(void)fprintf(out, "%%%02X", (unsigned char)*value);
}

static void put_attribute(FILE *out, size_t number, unsigned place, const char *name,
			  const char *value)
{
	char key[64];

	(void)snprintf(key, sizeof(key), "MessageAttributes.entry.%u.Name", place);
	put(out, number, key, name);
	(void)snprintf(key, sizeof(key), "MessageAttributes.entry.%u.Value.DataType", place);
	put(out, number, key, "String");
	(void)snprintf(key, sizeof(key), "MessageAttributes.entry.%u.Value.StringValue", place);
	put(out, number, key, value);
}

/* What a notice has: report/notice.h. */
static bool put_notice(FILE *out, size_t number, const json_t *notice, bool fifo)
{
	static const char *const keys[] = { "message",	"subject", "severity",
					    "detector", "uid",	   "delivery" };
	const char *text[ELEMENTS(keys)];
	char id[24];

	for (size_t i = 0; i < ELEMENTS(keys); i++) {
		text[i] = json_string_value(json_object_get(notice, keys[i]));
		if (!text[i])
			return false;
	}
	(void)snprintf(id, sizeof(id), "%zu", number);
	put(out, number, "Id", id);
	put(out, number, "Message", text[0]);
	put(out, number, "MessageStructure", "json");
	put(out, number, "Subject", text[1]);
	/* What filter policies of subscriptions look at. */
	put_attribute(out, number, 1, "severity", text[2]);
	put_attribute(out, number, 2, "detector", text[3]);
	if (fifo) {
		put(out, number, "MessageGroupId", text[4]);
		put(out, number, "MessageDeduplicationId", text[5]);
	}
	return true;
}

char *sns_body(const struct batch *batch, const char *topic)
{
	size_t length = strlen(topic), size;
	bool fifo = length > 5 && strcmp(topic + length - 5, ".fifo") == 0, sound = true;
	char *body = NULL;
	FILE *out = open_memstream(&body, &size);

	if (!out)
		return NULL;
	/* An ARN has nothing in it that is to be escaped, but for its colons, which may stand. */
	(void)fprintf(out, "TopicArn=%s", topic);
	for (size_t i = 0; sound && i < batch->count; i++) {
		const struct batch_entry *entry = batch->entries[i];
		CLEANUP(json_decref_cleanup)
		json_t *notice = json_loadb(entry->document, entry->size, 0, NULL);

		sound = put_notice(out, i, notice, fifo);
	}
	if (ferror(out))
		sound = false;
	if (fclose(out) != 0 || !sound) {
		free(body);
		return NULL;
	}
	return body;
}

/* ---- the reply ---- */

/* Id of a member is the place in the batch. */
static struct batch_entry *entry_of(const xmlNode *member, const struct batch *batch)
{
	const char *id = reply_xml_text(reply_xml_child(member, "Id"));
	char *end;
	unsigned long number;

	if (!id || *id < '0' || *id > '9')
		return NULL;
	number = strtoul(id, &end, 10);
	return *end == '\0' && number < batch->count ? batch->entries[number] : NULL;
}

static int failed_take(const xmlNode *member, struct batch *batch)
{
	struct batch_entry *entry = entry_of(member, batch);
	const char *code = reply_xml_text(reply_xml_child(member, "Code"));
	const char *sender = reply_xml_text(reply_xml_child(member, "SenderFault"));
	bool for_good = sender && strcmp(sender, "true") == 0;

	if (!entry || !code)
		return -EBADMSG;
	batch_entry_end(entry, for_good ? MESSAGE_POISON : MESSAGE_LATER, code,
			reply_xml_text(reply_xml_child(member, "Message")));
	return 0;
}

/* Each entry must be told of: one that is not is none that was published. */
int sns_reply(const char *body, size_t size, struct batch *batch)
{
	CLEANUP(xmlFreeDoc_cleanup) xmlDoc *document = reply_xml_read(body, size);
	const xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
	const xmlNode *result = reply_xml_child(root, "PublishBatchResult");
	const xmlNode *member = reply_xml_child(reply_xml_child(result, "Successful"), "member");
	size_t told = 0;

	for (; member; member = reply_xml_next(member), told++)
		if (!entry_of(member, batch))
			return -EBADMSG;
	member = reply_xml_child(reply_xml_child(result, "Failed"), "member");
	for (; member; member = reply_xml_next(member), told++)
		if (failed_take(member, batch) < 0)
			return -EBADMSG;
	return told == batch->count ? 0 : -EBADMSG;
}

/* ---- the call ---- */

bool sns_setting_is_wrong(struct sink_queue *queue, const struct client_result *result,
			  char text[static MESSAGE_TEXT_SIZE])
{
	(void)queue;
	/* One that is not there, or in another region. */
	if (strcmp(result->code, "NotFound") != 0 &&
	    (strcmp(result->code, "InvalidParameter") != 0 || !strstr(result->message, "TopicArn")))
		return false;
	(void)snprintf(text, MESSAGE_TEXT_SIZE, "report.sns.topic: %.60s: %.150s", result->code,
		       result->message);
	return true;
}

static void publish_done(const struct client_result *result, void *userdata)
{
	char text[MESSAGE_TEXT_SIZE];

	if (sns_setting_is_wrong(userdata, result, text))
		sink_fail_setting(userdata, text);
	else
		sink_judge(userdata, result, "sns:Publish", sns_reply);
}

/* A message by protocols that is no JSON is refused entry by entry, after the role was asked. */
void sns_try(struct sink_queue *queue, client_done done)
{
	static const char entry[] = "PublishBatchRequestEntries.member.1.Id=0"
				    "&PublishBatchRequestEntries.member.1.Message=preflight"
				    "&PublishBatchRequestEntries.member.1.MessageStructure=json";
	CLEANUP(free_cleanup) char *body = NULL;

	if (asprintf(&body, "TopicArn=%s&%s", sink_settings(queue)->topic, entry) < 0)
		body = NULL;
	sink_call_bytes(queue, "sns", "PublishBatch", body, done);
}

static void deliver(struct sink_queue *queue)
{
	CLEANUP(free_cleanup)
	char *body = sns_body(sink_batch(queue), sink_settings(queue)->topic);

	sink_call_bytes(queue, "sns", "PublishBatch", body, publish_done);
}

const struct cloud_sink sns = {
	.name = "SNS",
	.limits = { .count = SNS_MESSAGES_MAX,
		    .bytes = SNS_BYTES_MAX,
		    .overhead = SNS_MESSAGE_EXTRA,
		    .entry = SNS_BYTES_MAX },
	/* 300 messages a second, account and region, in the smallest regions. */
	.interval = NS_PER_SECOND,
	.burst = 10,
	.deliver = deliver,
};
