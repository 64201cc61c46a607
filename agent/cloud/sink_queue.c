/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the entries of each sink between the channel and its calls: when a batch of them goes, and
 * what becomes of each when the call has ended. What cannot be delivered now goes back at
 * once: cordond has it on disk, and decides when to try again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/dispatch_private.h"

/* How long to stay away after what does not mend itself in a moment. */
#define AFTER_DENIED	  (300 * NS_PER_SECOND)
#define AFTER_CREDENTIALS (10 * NS_PER_SECOND)
#define AFTER_PERMANENT	  (60 * NS_PER_SECOND)
#define AFTER_TRANSIENT	  NS_PER_SECOND
/* One entry that the service did not take, with others that it took. */
#define AFTER_ENTRY	  (60 * NS_PER_SECOND)

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

json_t **sink_gathered(struct sink_queue *queue)
{
	return &queue->gathered;
}

struct imds *sink_imds(struct sink_queue *queue)
{
	return queue->dispatch->imds;
}

const char *sink_host(struct sink_queue *queue)
{
	const struct dispatch *dispatch = queue->dispatch;

	return dispatch->instance.id[0] ? dispatch->instance.id : dispatch->settings.hostname;
}

const struct message_instance *sink_instance(struct sink_queue *queue)
{
	return &queue->dispatch->instance;
}

const struct cloud_sink *sink_type(struct sink_queue *queue)
{
	return queue->type;
}

int sink_answer(struct sink_queue *queue, const struct batch_entry *entry, const void *bytes,
		size_t size)
{
	struct message_frame frame;

	if (size > MESSAGE_ANSWER_MAX)
		return -EMSGSIZE;
	message_put_answer(&frame, entry->id, bytes, size);
	dispatch_send(queue->dispatch, &frame);
	return 0;
}

void sink_instance_arn(struct sink_queue *queue, char out[static SINK_ARN_SIZE])
{
	const struct message_instance *instance = &queue->dispatch->instance;
	const char *partition =
		instance->partition[0] ? instance->partition : endpoint_partition(instance->region);

	out[0] = '\0';
	if (instance->id[0] && instance->region[0] && instance->account[0])
		(void)snprintf(out, SINK_ARN_SIZE, "arn:%s:ec2:%s:%s:instance/%s", partition,
			       instance->region, instance->account, instance->id);
}

static void result_send(struct dispatch *dispatch, struct message_result *result)
{
	struct message_frame frame;

	if (result->count == 0)
		return;
	message_put_result(&frame, result);
	dispatch_send(dispatch, &frame);
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

/* ---- batches ---- */

void sink_queue_add(struct sink_queue *queue, struct batch_entry *entry)
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

static void entry_answer(struct dispatch *dispatch, const struct batch_entry *entry)
{
	struct message_result result;

	result_begin(&result, entry->outcome, entry->outcome == MESSAGE_POISON ? 0 : AFTER_ENTRY,
		     entry->why);
	result_add(dispatch, &result, entry->id);
	result_send(dispatch, &result);
}

/* Each entry of a batch that the service took has its own outcome. */
static void batch_answer(struct sink_queue *queue)
{
	struct message_result delivered;

	result_begin(&delivered, MESSAGE_DELIVERED, 0, NULL);
	for (size_t i = 0; i < queue->batch.count; i++) {
		struct batch_entry *entry = queue->batch.entries[i];

		if (entry->outcome == MESSAGE_RETRY) {
			entry->outcome = MESSAGE_DELIVERED;
			entry->time = realtime_ms(queue->dispatch);
			sink_queue_add(queue, entry);
			continue;
		}
		if (entry->outcome == MESSAGE_DELIVERED)
			result_add(queue->dispatch, &delivered, entry->id);
		else
			entry_answer(queue->dispatch, entry);
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
	sink_queue_turn(queue);
}

/* Codes that say that an entry is wrong, and not the call, the keys or the place: only these set an
 * entry aside. Whatever else an endpoint may say, the entry stays where it is. */
static bool entry_is_wrong(const struct client_result *result)
{
	static const char *const codes[] = { "InvalidParameterException",
					     "ValidationException",
					     "ValidationError",
					     "InvalidParameterValue",
					     "OpsItemInvalidParameterException",
					     "InvalidInputException",
					     "InvalidParameter" };

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

	sink_fault(result, action, verdict.text);
	sink_end(queue, &verdict);
}

static uint64_t interval_of(const struct sink_queue *queue)
{
	return queue->type->interval ? queue->type->interval : SINK_INTERVAL;
}

/* What waits is of several: nothing more comes to the first. */
static bool period_is_over(const struct sink_queue *queue)
{
	const struct batch_entry *first = TAILQ_FIRST(&queue->waiting);
	const struct batch_entry *last = TAILQ_LAST(&queue->waiting, batch_list);
	uint64_t period = queue->type->limits.period;

	return period && first && first->time / period != last->time / period;
}

/* Boot clock when the queue is to be delivered; UINT64_MAX: nothing waits. */
static uint64_t queue_due(const struct sink_queue *queue)
{
	const struct batch_entry *oldest = TAILQ_FIRST(&queue->waiting), *entry;
	const struct batch_limits *limits = &queue->type->limits;
	const unsigned burst = queue->type->burst ? queue->type->burst : SINK_BURST;
	const uint64_t ahead = burst * interval_of(queue);
	uint64_t due;

	if (!oldest)
		return UINT64_MAX;
	due = oldest->came +
	      (queue->type->hold ? queue->type->hold(&queue->dispatch->settings) : SINK_HOLD);
	TAILQ_FOREACH(entry, &queue->waiting, next)
	if (entry->urgent && !queue->type->patient)
		return ahead > queue->paced ? 0 : queue->paced - ahead;
	if (period_is_over(queue))
		due = 0;
	if (queue->waiting_count >= limits->count || queue->waiting_bytes >= limits->bytes ||
	    queue->count_max < limits->count)
		due = 0;
	return due > queue->paced ? due : queue->paced;
}

static int queue_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	sink_queue_turn(userdata);
	return 0;
}

static void pace(struct sink_queue *queue)
{
	uint64_t now = clock_boottime();

	queue->paced = (queue->paced > now ? queue->paced : now) + interval_of(queue);
}

static void queue_deliver(struct sink_queue *queue)
{
	struct message_result result;
	struct batch_entry *entry;
	uint64_t now = realtime_ms(queue->dispatch);

	TAILQ_FOREACH(entry, &queue->waiting, next)
	if (queue->type->time_fit)
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
		pace(queue);
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

void sink_queue_turn(struct sink_queue *queue)
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

int sink_queue_open(struct dispatch *dispatch, const struct cloud_sink *type,
		    struct sink_queue *queue)
{
	int r;

	queue->dispatch = dispatch;
	queue->type = type;
	queue->count_max = type->limits.count;
	TAILQ_INIT(&queue->waiting);
	r = sd_event_add_time_relative(dispatch->loop, &queue->timer, CLOCK_BOOTTIME, 0, 1,
				       queue_timer, queue);
	return r < 0 ? r : sd_event_source_set_enabled(queue->timer, SD_EVENT_OFF);
}

void sink_queue_close(struct sink_queue *queue)
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
	json_decref(queue->gathered);
	(void)sd_event_source_disable_unref(queue->timer);
}
