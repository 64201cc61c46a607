/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how findings become log events: the call, the group and stream that may be missing, and the
 * events that the service takes no more because of their age. The replies are a stranger's.
 */
#include "cloud/cloudwatch.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/sink.h"

/* Events may be 14 days old and 2 hours early; what is over is sent with the nearest time that is
 * taken for certain, for its document has the true one. */
#define OLD_MAX	  (UINT64_C(13) * 24 * 3600 * 1000)
#define EARLY_MAX (UINT64_C(60) * 60 * 1000)

/* sink_state(): what was made for this batch, so that nothing is made again and again. */
enum {
	MADE_STREAM = 1,
	MADE_GROUP = 2,
};

CLEANUP_DEFINE(json_t *, json_decref)

char *cloudwatch_body(const struct batch *batch, const char *group, const char *stream)
{
	CLEANUP(json_decref_cleanup)
	json_t *object = json_pack("{s:s, s:s, s:[]}", "logGroupName", group, "logStreamName",
				   stream, "logEvents");
	json_t *events = json_object_get(object, "logEvents");

	for (size_t i = 0; i < batch->count; i++) {
		const struct batch_entry *entry = batch->entries[i];
		json_t *event = json_pack("{s:I, s:s%}", "timestamp", (json_int_t)entry->time,
					  "message", entry->document, entry->size);

		if (json_array_append_new(events, event) < 0)
			return NULL;
	}
	return object ? json_dumps(object, JSON_COMPACT) : NULL;
}

static size_t index_read(const json_t *info, const char *name, size_t count, size_t unset)
{
	const json_t *value = json_object_get(info, name);
	json_int_t index = json_integer_value(value);

	if (!json_is_integer(value))
		return unset;
	if (index < 0)
		return 0;
	return (uint64_t)index > count ? count : (size_t)index;
}

int cloudwatch_reply(const char *body, size_t size, size_t count, size_t *ret_before,
		     size_t *ret_from)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(body, size, 0, NULL);
	const json_t *info = json_object_get(object, "rejectedLogEventsInfo");
	size_t old, expired;

	/* Somebody else's page is an object neither. */
	if (!json_is_object(object))
		return -EBADMSG;
	old = index_read(info, "tooOldLogEventEndIndex", count, 0);
	expired = index_read(info, "expiredLogEventEndIndex", count, 0);
	*ret_before = old > expired ? old : expired;
	*ret_from = index_read(info, "tooNewLogEventStartIndex", count, count);
	return 0;
}

static const char *group_name(struct sink_queue *queue)
{
	const struct settings *settings = sink_settings(queue);

	return sink_type(queue) == &agent_log ? settings->cloudwatch.agent_group
					      : settings->cloudwatch.group;
}

static const char *stream_name(struct sink_queue *queue)
{
	const char *stream = sink_settings(queue)->cloudwatch.stream;

	return *stream ? stream : sink_host(queue);
}

static void put_begin(struct sink_queue *queue);

/* ---- what is missing ---- */

static bool is_missing(const struct client_result *result)
{
	return strcmp(result->code, "ResourceNotFoundException") == 0;
}

static bool is_made(const struct client_result *result)
{
	return result->failure == FAILURE_NONE ||
	       strcmp(result->code, "ResourceAlreadyExistsException") == 0;
}

static void stream_made(const struct client_result *result, void *userdata);

static void stream_make(struct sink_queue *queue)
{
	sink_call(queue, "logs", "CreateLogStream",
		  json_pack("{s:s, s:s}", "logGroupName", group_name(queue), "logStreamName",
			    stream_name(queue)),
		  stream_made);
}

static void group_made(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;

	if (!is_made(result)) {
		sink_fail(queue, result, "logs:CreateLogGroup");
		return;
	}
	*sink_state(queue) |= MADE_GROUP;
	stream_make(queue);
}

static void group_make(struct sink_queue *queue)
{
	sink_call(queue, "logs", "CreateLogGroup",
		  json_pack("{s:s}", "logGroupName", group_name(queue)), group_made);
}

static void stream_made(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;

	if (is_missing(result) && !(*sink_state(queue) & MADE_GROUP)) {
		group_make(queue);
	} else if (is_made(result)) {
		*sink_state(queue) |= MADE_STREAM;
		put_begin(queue);
	} else {
		sink_fail(queue, result, "logs:CreateLogStream");
	}
}

/* ---- events ---- */

/* Those that were not taken as they are go once more, with the time of now. */
static void reject(struct batch_entry *entry)
{
	batch_entry_end(entry, entry->moved ? MESSAGE_POISON : MESSAGE_RETRY, NULL,
			"CloudWatch Logs refuses its time");
	entry->moved = true;
}

static int taken(const char *body, size_t size, struct batch *batch)
{
	size_t before, from;
	int r = cloudwatch_reply(body, size, batch->count, &before, &from);

	for (size_t i = 0; r == 0 && i < batch->count; i++)
		if (i < before || i >= from)
			reject(batch->entries[i]);
	return r;
}

static void put_done(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;

	if (is_missing(result) && !(*sink_state(queue) & MADE_STREAM))
		stream_make(queue);
	else
		sink_judge(queue, result, "logs:PutLogEvents", taken);
}

static void put_begin(struct sink_queue *queue)
{
	CLEANUP(free_cleanup)
	char *body = cloudwatch_body(sink_batch(queue), group_name(queue), stream_name(queue));

	sink_call_bytes(queue, "logs", "PutLogEvents", body, put_done);
}

static void deliver(struct sink_queue *queue)
{
	*sink_state(queue) = 0;
	put_begin(queue);
}

/* Within what the service takes. */
static uint64_t time_fit(uint64_t time, uint64_t now)
{
	if (time + OLD_MAX < now)
		return now - OLD_MAX;
	return time > now + EARLY_MAX ? now + EARLY_MAX : time;
}

#define LIMITS                                                                                     \
	{                                                                                          \
		.count = CLOUDWATCH_EVENTS_MAX, .bytes = CLOUDWATCH_BYTES_MAX,                     \
		.overhead = CLOUDWATCH_EVENT_EXTRA, .entry = CLOUDWATCH_BYTES_MAX,                 \
		.span = CLOUDWATCH_SPAN_MAX                                                        \
	}

/* The agent's own log: the same in another group. */
const struct cloud_sink agent_log = {
	.name = "agent-log",
	.limits = LIMITS,
	.time_fit = time_fit,
	.deliver = deliver,
};

const struct cloud_sink cloudwatch = {
	.name = "cloudwatch",
	.limits = LIMITS,
	/* 800 calls a second, account and region, in the smallest regions. */
	.burst = 100,
	.time_fit = time_fit,
	.deliver = deliver,
};
