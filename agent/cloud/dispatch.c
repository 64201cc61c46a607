/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the queues of cordon-cloud and its side of the channel. Gets entries from cordond, whom it
 * trusts; gives batches to the sinks, and their results back. What cannot be delivered now goes
 * back at once: cordond has it on disk, and decides when to try again.
 */
#include "cloud/dispatch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/instance.h"
#include "cloud/sink.h"

/* An entry that is not urgent waits so long for others. */
#define FLUSH_AGE	  NS_PER_SECOND
/* Between two calls of one sink, unless an entry is urgent: five a second, so that a fleet that
 * catches up after an outage stays far below what a service takes. */
#define CALL_INTERVAL	  (NS_PER_SECOND / 5)
#define STATE_INTERVAL	  (5 * NS_PER_SECOND)
#define SEND_TIMEOUT	  (30 * NS_PER_SECOND)
/* How long to stay away after what does not mend itself in a moment. */
#define AFTER_DENIED	  (300 * NS_PER_SECOND)
#define AFTER_CREDENTIALS (10 * NS_PER_SECOND)
#define AFTER_PERMANENT	  (60 * NS_PER_SECOND)
#define AFTER_TRANSIENT	  NS_PER_SECOND

struct sink_queue {
	struct dispatch *dispatch;
	const struct cloud_sink *type;
	struct batch_list waiting;
	size_t waiting_count, waiting_bytes;
	struct batch batch;
	bool busy;
	size_t count_max; /* entries in the next batch: fewer while a wrong one is looked for */
	uint64_t called;  /* boot clock, when the last call began */
	unsigned state;
	sd_event_source *timer;
};

struct dispatch {
	sd_event *loop;
	int channel;
	sd_event_source *channel_source, *state_timer;
	struct message_long gathered;
	json_t *settings_json;
	struct settings settings;
	struct message_instance instance;
	bool started; /* the client is there: region and instance are as known as they get */
	char why_not[MESSAGE_TEXT_SIZE];
	struct http *http;
	struct imds *imds;
	struct credentials *credentials;
	struct instance *asker;
	struct client *client;
	struct sink_queue queues[CLOUD_SINKS];
	uint64_t number;
	size_t entries;
};

/* The table of sinks. */
static const struct cloud_sink *const sinks[CLOUD_SINKS] = {
	[CLOUD_CLOUDWATCH] = &cloudwatch,
};

CLEANUP_DEFINE(struct dispatch *, dispatch_free)

static void queue_turn(struct sink_queue *queue);

/* ---- what sinks use ---- */

struct client *sink_client(struct sink_queue *queue)
{
	return queue->dispatch->client;
}

const struct settings *sink_settings(struct sink_queue *queue)
{
	return &queue->dispatch->settings;
}

struct batch *sink_batch(struct sink_queue *queue)
{
	return &queue->batch;
}

unsigned *sink_state(struct sink_queue *queue)
{
	return &queue->state;
}

const char *sink_host(struct sink_queue *queue)
{
	const struct dispatch *dispatch = queue->dispatch;

	return dispatch->instance.id[0] ? dispatch->instance.id : dispatch->settings.hostname;
}

/* ---- what is said ---- */

/* Results must not be lost while this process lives, and the parent reads: it is waited for. */
static void frame_send(struct dispatch *dispatch, const struct message_frame *frame)
{
	uint64_t deadline = clock_boottime() + SEND_TIMEOUT;
	int r;

	do
		r = channel_send(dispatch->channel, frame->bytes, frame->size);
	while (r == -EAGAIN && channel_wait(dispatch->channel, POLLOUT, deadline) == 0);
	if (r < 0)
		(void)sd_event_exit(dispatch->loop, r);
}

static void result_send(struct dispatch *dispatch, struct message_result *result)
{
	struct message_frame frame;

	if (result->count == 0)
		return;
	message_put_result(&frame, result);
	frame_send(dispatch, &frame);
	result->count = 0;
}

static void result_add(struct dispatch *dispatch, struct message_result *result, uint64_t id)
{
	result->ids[result->count++] = id;
	dispatch->entries--;
	if (result->count == MESSAGE_RESULTS_MAX)
		result_send(dispatch, result);
}

static void result_begin(struct message_result *result, enum message_outcome outcome,
			 uint64_t after, const char *text)
{
	result->outcome = outcome;
	result->after = after;
	result->count = 0;
	memset(result->text, 0, sizeof(result->text));
	(void)snprintf(result->text, sizeof(result->text), "%s", text ? text : "");
}

static int state_send(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct dispatch *dispatch = userdata;
	struct message_state state = { .queue = dispatch->entries };
	struct client_statistics statistics = { 0 };
	struct message_frame frame;

	(void)usec;
	if (dispatch->client)
		client_statistics(dispatch->client, &statistics);
	state.calls = statistics.calls;
	state.succeeded = statistics.succeeded;
	state.failed = statistics.failed;
	state.retries = statistics.retries;
	state.throttled = statistics.throttled;
	state.skewed = statistics.skewed;
	state.skew = statistics.skew;
	message_put_state(&frame, &state);
	frame_send(dispatch, &frame);
	(void)sd_event_source_set_time_relative(source, STATE_INTERVAL / 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- batches ---- */

static void waiting_add(struct sink_queue *queue, struct batch_entry *entry)
{
	TAILQ_INSERT_TAIL(&queue->waiting, entry, next);
	queue->waiting_count++;
	queue->waiting_bytes += entry->size + queue->type->limits.overhead;
}

/* Everything of this sink goes back, with one outcome. */
static void queue_answer_all(struct sink_queue *queue, enum message_outcome outcome, uint64_t after,
			     const char *text)
{
	struct message_result result;
	struct batch_entry *entry;

	result_begin(&result, outcome, after, text);
	for (size_t i = 0; i < queue->batch.count; i++) {
		result_add(queue->dispatch, &result, queue->batch.entries[i]->id);
		batch_entry_free(queue->batch.entries[i]);
	}
	queue->batch.count = 0;
	while ((entry = TAILQ_FIRST(&queue->waiting))) {
		TAILQ_REMOVE(&queue->waiting, entry, next);
		result_add(queue->dispatch, &result, entry->id);
		batch_entry_free(entry);
	}
	queue->waiting_count = queue->waiting_bytes = 0;
	result_send(queue->dispatch, &result);
}

static uint64_t realtime_ms(const struct dispatch *dispatch)
{
	struct client_statistics statistics = { 0 };

	if (dispatch->client)
		client_statistics(dispatch->client, &statistics);
	return (uint64_t)((int64_t)clock_realtime() + statistics.skew) / NS_PER_MILLISECOND;
}

/* Each entry of a batch that the service took has its own outcome. */
static void batch_answer(struct sink_queue *queue)
{
	struct message_result delivered, poison;

	result_begin(&delivered, MESSAGE_DELIVERED, 0, NULL);
	for (size_t i = 0; i < queue->batch.count; i++) {
		struct batch_entry *entry = queue->batch.entries[i];

		if (entry->outcome == MESSAGE_RETRY) {
			entry->outcome = MESSAGE_DELIVERED;
			entry->time = realtime_ms(queue->dispatch);
			waiting_add(queue, entry);
			continue;
		}
		if (entry->outcome == MESSAGE_POISON) {
			result_begin(&poison, MESSAGE_POISON, 0, entry->why);
			result_add(queue->dispatch, &poison, entry->id);
			result_send(queue->dispatch, &poison);
		} else {
			result_add(queue->dispatch, &delivered, entry->id);
		}
		batch_entry_free(entry);
	}
	queue->batch.count = 0;
	result_send(queue->dispatch, &delivered);
}

/* Half as many the next time, until the wrong one stands alone. */
static void batch_split(struct sink_queue *queue)
{
	queue->count_max = (queue->batch.count + 1) / 2;
	for (size_t i = 0; i < queue->batch.count; i++) {
		queue->waiting_count++;
		queue->waiting_bytes +=
			queue->batch.entries[i]->size + queue->type->limits.overhead;
	}
	batch_return(&queue->batch, &queue->waiting);
}

void sink_end(struct sink_queue *queue, const struct sink_verdict *verdict)
{
	struct message_result poison;

	queue->busy = false;
	if (verdict->outcome == MESSAGE_DELIVERED) {
		batch_answer(queue);
		if (queue->count_max < queue->type->limits.count)
			queue->count_max *= 2;
	} else if (verdict->split && queue->batch.count > 1) {
		batch_split(queue);
	} else if (verdict->split && queue->batch.count == 1) {
		result_begin(&poison, MESSAGE_POISON, 0, verdict->text);
		result_add(queue->dispatch, &poison, queue->batch.entries[0]->id);
		result_send(queue->dispatch, &poison);
		batch_entry_free(queue->batch.entries[0]);
		queue->batch.count = 0;
	} else {
		queue_answer_all(queue, verdict->outcome, verdict->after, verdict->text);
	}
	queue_turn(queue);
}

/* Codes that say that an entry is wrong, and not the call, the keys or the place: only these set an
 * entry aside. Whatever else an endpoint may say, the entry stays where it is. */
static bool entry_is_wrong(const struct client_result *result)
{
	static const char *const codes[] = { "InvalidParameterException", "ValidationException",
					     "ValidationError", "InvalidParameterValue" };

	for (size_t i = 0; result->status == 400 && i < ELEMENTS(codes); i++)
		if (strcmp(result->code, codes[i]) == 0)
			return true;
	return false;
}

void sink_fail(struct sink_queue *queue, const struct client_result *result, const char *action)
{
	static const uint64_t afters[] = {
		[FAILURE_THROTTLED] = AFTER_TRANSIENT, [FAILURE_TRANSIENT] = AFTER_TRANSIENT,
		[FAILURE_SKEW] = AFTER_CREDENTIALS,    [FAILURE_CREDENTIALS] = AFTER_CREDENTIALS,
		[FAILURE_DENIED] = AFTER_DENIED,       [FAILURE_PERMANENT] = AFTER_PERMANENT,
	};
	struct sink_verdict verdict = {
		.outcome = result->failure == FAILURE_DENIED ? MESSAGE_DENIED : MESSAGE_RETRY,
		.after = afters[result->failure],
		.split = result->failure == FAILURE_PERMANENT && entry_is_wrong(result),
	};

	(void)snprintf(verdict.text, sizeof(verdict.text), "%s: %.100s%s%.110s", action,
		       *result->code ? result->code : failure_name(result->failure),
		       *result->message ? ": " : "", result->message);
	sink_end(queue, &verdict);
}

/* Boot clock when the queue is to be delivered; UINT64_MAX: nothing waits. */
static uint64_t queue_due(const struct sink_queue *queue)
{
	const struct batch_entry *oldest = TAILQ_FIRST(&queue->waiting), *entry;
	const struct batch_limits *limits = &queue->type->limits;
	uint64_t due, paced = queue->called + CALL_INTERVAL;

	if (!oldest)
		return UINT64_MAX;
	due = oldest->came + FLUSH_AGE;
	TAILQ_FOREACH(entry, &queue->waiting, next)
	if (entry->urgent)
		return 0;
	if (queue->waiting_count >= limits->count || queue->waiting_bytes >= limits->bytes ||
	    queue->count_max < limits->count)
		due = 0;
	return due > paced ? due : paced;
}

static int queue_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	queue_turn(userdata);
	return 0;
}

static void queue_deliver(struct sink_queue *queue)
{
	struct message_result result;
	struct batch_entry *entry;
	uint64_t now = realtime_ms(queue->dispatch);

	TAILQ_FOREACH(entry, &queue->waiting, next)
	entry->time = queue->type->time_fit(entry->time, now);
	if (batch_fill(&queue->batch, &queue->waiting, &queue->type->limits, queue->count_max) <
	    0) {
		queue_answer_all(queue, MESSAGE_RETRY, AFTER_TRANSIENT, "memory is short");
		return;
	}
	for (size_t i = 0; i < queue->batch.count; i++)
		queue->waiting_bytes -=
			queue->batch.entries[i]->size + queue->type->limits.overhead;
	queue->waiting_count -= queue->batch.count;
	if (queue->batch.count > 0) {
		queue->busy = true;
		queue->called = clock_boottime();
		queue->type->deliver(queue);
		return;
	}
	entry = TAILQ_FIRST(&queue->waiting);
	TAILQ_REMOVE(&queue->waiting, entry, next);
	queue->waiting_count--;
	queue->waiting_bytes -= entry->size + queue->type->limits.overhead;
	result_begin(&result, MESSAGE_POISON, 0, "larger than the service takes");
	result_add(queue->dispatch, &result, entry->id);
	result_send(queue->dispatch, &result);
	batch_entry_free(entry);
}

static void queue_turn(struct sink_queue *queue)
{
	uint64_t due;

	while (!queue->busy && (due = queue_due(queue)) != UINT64_MAX) {
		if (!queue->dispatch->started) {
			/* Before the instance is known nothing can be said, but soon. */
			if (queue->dispatch->why_not[0])
				queue_answer_all(queue, MESSAGE_RETRY, AFTER_TRANSIENT,
						 queue->dispatch->why_not);
			return;
		}
		if (due > clock_boottime()) {
			(void)sd_event_source_set_time(queue->timer, due / 1000 + 1);
			(void)sd_event_source_set_enabled(queue->timer, SD_EVENT_ONESHOT);
			return;
		}
		queue_deliver(queue);
	}
}

/* ---- settings, and who we are ---- */

static const char *override_find(const char *name, void *userdata)
{
	const struct settings *settings = userdata;

	for (size_t i = 0; i < settings->override_count; i++)
		if (strcmp(settings->overrides[i].name, name) == 0)
			return settings->overrides[i].url;
	return NULL;
}

static int client_begin(struct dispatch *dispatch)
{
	const struct message_instance *instance = &dispatch->instance;
	const struct settings *settings = &dispatch->settings;
	const bool given = *settings->region != '\0';
	struct client_options options = {
		.endpoint = { .region = given ? settings->region : instance->region,
			      .fips = settings->fips,
			      .dual_stack = settings->dual_stack,
			      .override = override_find,
			      .userdata = &dispatch->settings },
	};

	/* Partition and domain are the instance's own region's. */
	if (strcmp(options.endpoint.region, instance->region) == 0) {
		options.endpoint.partition = instance->partition[0] ? instance->partition : NULL;
		options.endpoint.domain = instance->domain[0] ? instance->domain : NULL;
	}
	return client_new(dispatch->loop, dispatch->http, dispatch->credentials, &options,
			  &dispatch->client);
}

/* Starts when the region is known; what the instance is may be learnt later. */
static void begin(struct dispatch *dispatch, const char *why_not)
{
	if (!dispatch->started) {
		bool region = *dispatch->settings.region || dispatch->instance.region[0];

		if (!region)
			(void)snprintf(dispatch->why_not, sizeof(dispatch->why_not),
				       "no region: aws.region is not set, and %s", why_not);
		else if (client_begin(dispatch) == 0)
			dispatch->started = true;
	}
	for (size_t i = 0; i < CLOUD_SINKS; i++)
		if (dispatch->queues[i].type)
			queue_turn(&dispatch->queues[i]);
}

static void instance_found(const struct message_instance *found, enum imds_outcome outcome,
			   void *userdata)
{
	struct dispatch *dispatch = userdata;
	struct message_frame frame;

	/* The client borrows from it: once it is there, only what it does not look at changes. */
	if (!dispatch->started)
		dispatch->instance = *found;
	else
		memcpy(dispatch->instance.id, found->id, sizeof(found->id));
	if (outcome == IMDS_OK) {
		message_put_instance(&frame, found);
		frame_send(dispatch, &frame);
	}
	begin(dispatch, imds_outcome_text(outcome));
}

static int keys_begin(struct dispatch *dispatch)
{
	const struct settings *settings = &dispatch->settings;
	struct credentials_keys keys = { 0 };
	int r;

	(void)snprintf(keys.access_key, sizeof(keys.access_key), "%s", settings->access_key);
	(void)snprintf(keys.secret_key, sizeof(keys.secret_key), "%s", settings->secret_key);
	(void)snprintf(keys.session_token, sizeof(keys.session_token), "%s",
		       settings->session_token);
	r = credentials_new(dispatch->imds, *keys.access_key ? &keys : NULL,
			    &dispatch->credentials);
	explicit_bzero(&keys, sizeof(keys));
	return r;
}

static int settings_take(struct dispatch *dispatch, const char *text)
{
	const struct settings *settings = &dispatch->settings;
	struct http_options options;
	bool off;
	int r;

	if (dispatch->settings_json)
		return -EBADMSG;
	dispatch->settings_json = json_loads(text, 0, NULL);
	r = dispatch->settings_json ? settings_read(dispatch->settings_json, &dispatch->settings)
				    : -EBADMSG;
	if (r < 0)
		return r;
	options = (struct http_options){
		.proxy = settings->proxy,
		.no_proxy = settings->no_proxy,
		.ca_bundle = *settings->ca_bundle ? settings->ca_bundle : NULL,
		.ca_bundle_size = strlen(settings->ca_bundle),
		.user_agent = settings->user_agent,
	};
	off = strcmp(settings->metadata, "off") == 0;
	r = http_new(dispatch->loop, &options, &dispatch->http);
	if (r == 0)
		r = imds_new(dispatch->loop, dispatch->http,
			     *settings->metadata && !off ? settings->metadata : NULL,
			     &dispatch->imds);
	if (r == 0)
		r = keys_begin(dispatch);
	if (r == 0 && !off)
		r = instance_new(dispatch->loop, dispatch->imds, instance_found, dispatch,
				 &dispatch->asker);
	if (r == 0 && off)
		begin(dispatch, "the metadata service is turned off by aws.metadata");
	return r;
}

/* ---- what is read ---- */

static int entry_take(struct dispatch *dispatch, const struct message_long *whole)
{
	struct message_entry head;
	struct batch_entry *entry;
	size_t size;

	if (whole->size <= sizeof(head))
		return -EBADMSG;
	memcpy(&head, whole->bytes, sizeof(head));
	if (head.sink >= CLOUD_SINKS || !dispatch->queues[head.sink].type)
		return -EBADMSG;
	size = whole->size - sizeof(head);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->document = malloc(size + 1);
	if (!entry->document) {
		free(entry);
		return -ENOMEM;
	}
	memcpy(entry->document, whole->bytes + sizeof(head), size + 1);
	entry->id = whole->id;
	entry->size = size;
	entry->time = head.time;
	entry->urgent = head.urgent;
	entry->came = clock_boottime();
	entry->number = dispatch->number++;
	dispatch->entries++;
	waiting_add(&dispatch->queues[head.sink], entry);
	return 0;
}

static int frame_take(struct dispatch *dispatch, const struct message_frame *frame)
{
	struct message message;
	const char *why;
	int r = message_read(frame, MESSAGE_CHILD, &message, &why);

	if (r == 0)
		r = message_long_add(&dispatch->gathered, &message);
	if (r <= 0)
		return r;
	r = dispatch->gathered.type == MESSAGE_SETTINGS
		    ? settings_take(dispatch, (const char *)dispatch->gathered.bytes)
		    : entry_take(dispatch, &dispatch->gathered);
	message_long_clear(&dispatch->gathered);
	return r;
}

static int channel_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct dispatch *dispatch = userdata;
	struct message_frame frame;
	ssize_t size;
	int r = 0;

	(void)source;
	(void)events;
	while (r == 0 && (size = channel_receive(fd, frame.bytes, sizeof(frame.bytes))) > 0) {
		frame.size = (size_t)size;
		r = frame_take(dispatch, &frame);
	}
	if (r == 0 && size != -EAGAIN)
		r = (int)size;
	/* -EPIPE: the parent has gone. */
	if (r < 0)
		return sd_event_exit(dispatch->loop, r);
	for (size_t i = 0; i < CLOUD_SINKS; i++)
		if (dispatch->queues[i].type)
			queue_turn(&dispatch->queues[i]);
	return 0;
}

static int queue_open(struct dispatch *dispatch, unsigned id)
{
	struct sink_queue *queue = &dispatch->queues[id];
	int r;

	if (!sinks[id])
		return 0;
	queue->dispatch = dispatch;
	queue->type = sinks[id];
	queue->count_max = queue->type->limits.count;
	TAILQ_INIT(&queue->waiting);
	r = sd_event_add_time_relative(dispatch->loop, &queue->timer, CLOCK_BOOTTIME, 0, 1,
				       queue_timer, queue);
	return r < 0 ? r : sd_event_source_set_enabled(queue->timer, SD_EVENT_OFF);
}

int dispatch_new(sd_event *loop, int channel, struct dispatch **ret)
{
	CLEANUP(dispatch_free_cleanup) struct dispatch *dispatch = calloc(1, sizeof(*dispatch));
	int r = 0;

	if (!dispatch)
		return -ENOMEM;
	dispatch->loop = sd_event_ref(loop);
	dispatch->channel = channel;
	for (unsigned i = 0; r >= 0 && i < CLOUD_SINKS; i++)
		r = queue_open(dispatch, i);
	if (r >= 0)
		r = sd_event_add_io(loop, &dispatch->channel_source, channel, EPOLLIN,
				    channel_ready, dispatch);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &dispatch->state_timer, CLOCK_MONOTONIC, 0, 1,
					       state_send, dispatch);
	if (r < 0)
		return r;
	*ret = take_ptr(dispatch);
	return 0;
}

static void queue_close(struct sink_queue *queue)
{
	struct batch_entry *entry;

	if (!queue->type)
		return;
	for (size_t i = 0; i < queue->batch.count; i++)
		batch_entry_free(queue->batch.entries[i]);
	batch_clear(&queue->batch);
	while ((entry = TAILQ_FIRST(&queue->waiting))) {
		TAILQ_REMOVE(&queue->waiting, entry, next);
		batch_entry_free(entry);
	}
	(void)sd_event_source_disable_unref(queue->timer);
}

void dispatch_free(struct dispatch *dispatch)
{
	if (!dispatch)
		return;
	client_free(dispatch->client);
	instance_free(dispatch->asker);
	credentials_free(dispatch->credentials);
	imds_free(dispatch->imds);
	http_free(dispatch->http);
	for (size_t i = 0; i < CLOUD_SINKS; i++)
		queue_close(&dispatch->queues[i]);
	message_long_clear(&dispatch->gathered);
	json_decref(dispatch->settings_json);
	(void)sd_event_source_disable_unref(dispatch->channel_source);
	(void)sd_event_source_disable_unref(dispatch->state_timer);
	(void)sd_event_unref(dispatch->loop);
	free(dispatch);
}
