/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how documents become events of EventBridge, and what its reply says of each. The reply is a
 * stranger's.
 */
#include "cloud/eventbridge.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/sink.h"

#define SOURCE "cordon"

CLEANUP_DEFINE(json_t *, json_decref)

/* detail-type: the document's class, so that rules can tell findings from what was done. */
static json_t *entry_make(const struct batch_entry *entry, const char *bus, const char *arn)
{
	CLEANUP(json_decref_cleanup)
	json_t *document = json_loadb(entry->document, entry->size, 0, NULL);
	const char *class = json_string_value(json_object_get(document, "class_name"));
	json_t *object;

	if (!class)
		return NULL;
	object = json_pack("{s:I, s:s, s:s, s:s%, s:s}", "Time", (json_int_t)(entry->time / 1000),
			   "Source", SOURCE, "DetailType", class, "Detail", entry->document,
			   entry->size, "EventBusName", bus);
	if (object && *arn && json_object_set_new(object, "Resources", json_pack("[s]", arn)) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

char *eventbridge_body(const struct batch *batch, const char *bus, const char *arn)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_pack("{s:[]}", "Entries");
	json_t *entries = json_object_get(object, "Entries");

	for (size_t i = 0; i < batch->count; i++)
		if (json_array_append_new(entries, entry_make(batch->entries[i], bus, arn)) < 0)
			return NULL;
	return object ? json_dumps(object, JSON_COMPACT) : NULL;
}

/* These will be said of the entry each time. */
static bool is_for_good(const char *code)
{
	static const char *const codes[] = { "MalformedDetail", "InvalidArgument",
					     "ValidationException" };

	for (size_t i = 0; i < ELEMENTS(codes); i++)
		if (strcmp(codes[i], code) == 0)
			return true;
	return false;
}

int eventbridge_reply(const char *body, size_t size, struct batch *batch)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(body, size, 0, NULL);
	const json_t *failed = json_object_get(object, "FailedEntryCount");
	const json_t *entries = json_object_get(object, "Entries");

	/* Both are optional: who says that none failed has said enough. */
	if (!entries && json_is_integer(failed) && json_integer_value(failed) == 0)
		return 0;
	if (json_array_size(entries) != batch->count)
		return -EBADMSG;
	for (size_t i = 0; i < batch->count; i++) {
		const json_t *entry = json_array_get(entries, i);
		const char *code = json_string_value(json_object_get(entry, "ErrorCode"));
		const char *text = json_string_value(json_object_get(entry, "ErrorMessage"));

		if (code)
			batch_entry_end(batch->entries[i],
					is_for_good(code) ? MESSAGE_POISON : MESSAGE_LATER, code,
					text);
		else if (!json_is_string(json_object_get(entry, "EventId")))
			return -EBADMSG;
	}
	return 0;
}

static void put_done(const struct client_result *result, void *userdata)
{
	sink_judge(userdata, result, "events:PutEvents", eventbridge_reply);
}

static void deliver(struct sink_queue *queue)
{
	CLEANUP(free_cleanup) char *body = NULL;
	char arn[SINK_ARN_SIZE];

	sink_instance_arn(queue, arn);
	body = eventbridge_body(sink_batch(queue), sink_settings(queue)->event_bus, arn);
	sink_call_bytes(queue, "events", "PutEvents", body, put_done);
}

/* Details that are no JSON are refused entry by entry, after the role was asked. */
void eventbridge_try(struct sink_queue *queue, client_done done)
{
	sink_call(queue, "events", "PutEvents",
		  json_pack("{s:[{s:s, s:s, s:s, s:s}]}", "Entries", "Source", SOURCE, "DetailType",
			    "Preflight", "Detail", "preflight", "EventBusName",
			    sink_settings(queue)->event_bus),
		  done);
}

const struct cloud_sink eventbridge = {
	.name = "EventBridge",
	.limits = { .count = EVENTBRIDGE_ENTRIES_MAX,
		    .bytes = EVENTBRIDGE_BYTES_MAX,
		    .overhead = EVENTBRIDGE_ENTRY_EXTRA,
		    .entry = EVENTBRIDGE_BYTES_MAX },
	/* 400 entries a second, account and region, in the smallest regions. */
	.interval = NS_PER_SECOND / 5,
	.burst = 20,
	.deliver = deliver,
};
