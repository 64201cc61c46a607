/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the process cordon-cloud as its parent sees it: its life, its channel, and which entries it
 * has. Gets entries from the daemon, gives it their results.
 */
#include "cloud/courier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "cloud/courier_private.h"
#include "cloud/settings.h"

/* Frames read in one turn, so that one that floods does not keep the loop. */
#define RECEIVED_A_TURN 64
/* Setting up its cage takes milliseconds. */
#define HELLO_TIMEOUT	(20 * NS_PER_SECOND)
/* One that lived for so long is replaced at once, almost; others less and less often. */
#define HEALTHY		(60 * NS_PER_SECOND)
#define BACKOFF_MIN	(NS_PER_SECOND / 4)
#define BACKOFF_MAX	(30 * NS_PER_SECOND)

CLEANUP_DEFINE(struct courier *, courier_free)

static void courier_turn(struct courier *courier);

/* ---- its place in the loop ---- */

static int channel_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	courier_turn(userdata);
	return 0;
}

static void courier_unwatch(struct courier *courier)
{
	courier->channel_source = sd_event_source_disable_unref(courier->channel_source);
	/* The end of one that dies is still to be heard of. */
	if (courier->state != STATE_DYING || courier->process.pid == 0)
		courier->process_source = sd_event_source_disable_unref(courier->process_source);
}

static int courier_watch(struct courier *courier)
{
	uint32_t events = EPOLLIN | (courier->stuck ? EPOLLOUT : 0u);
	int r;

	if (courier->channel_source)
		return sd_event_source_set_io_events(courier->channel_source, events);
	r = sd_event_add_io(courier->loop, &courier->channel_source, courier->process.channel,
			    events, channel_ready, courier);
	if (r >= 0)
		r = sd_event_add_io(courier->loop, &courier->process_source, courier->process.pidfd,
				    EPOLLIN, channel_ready, courier);
	return r < 0 ? r : 0;
}

static uint64_t courier_deadline(const struct courier *courier)
{
	switch (courier->state) {
	case STATE_DOWN:
		return courier->restart_at;
	case STATE_STARTING:
		return courier->started + HELLO_TIMEOUT;
	case STATE_READY:
		return courier->heard + COURIER_SILENCE;
	case STATE_DYING:
		break;
	}
	return UINT64_MAX;
}

static void timer_arm(struct courier *courier)
{
	uint64_t at = courier_deadline(courier);

	if (!courier->timer)
		return;
	if (at == UINT64_MAX) {
		(void)sd_event_source_set_enabled(courier->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(courier->timer, at / 1000 + 1);
	(void)sd_event_source_set_enabled(courier->timer, SD_EVENT_ONESHOT);
}

static int timer_fired(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	courier_turn(userdata);
	return 0;
}

/* ---- life and death ---- */

/* reason NULL: what it died of will tell. The rest is done when it is reaped. */
static void courier_break(struct courier *courier, const char *reason)
{
	if (courier->state == STATE_DYING || courier->state == STATE_DOWN)
		return;
	courier->state = STATE_DYING;
	(void)snprintf(courier->pending, sizeof(courier->pending), "%s", reason ? reason : "");
	worker_process_kill(&courier->process);
	courier_unwatch(courier);
}

static void sending_clear(struct courier *courier)
{
	if (courier->sending)
		explicit_bzero(courier->sending, courier->sending_size);
	free(courier->sending);
	courier->sending = NULL;
	courier->stuck = false;
}

static void courier_down(struct courier *courier, const char *death)
{
	uint64_t now = clock_boottime();
	const char *why = courier->pending[0] ? courier->pending : death;

	if (courier->backoff == 0 || now - courier->started >= HEALTHY)
		courier->backoff = BACKOFF_MIN;
	else if (courier->backoff < BACKOFF_MAX)
		courier->backoff *= 2;
	courier->restart_at =
		now + (courier->backoff < BACKOFF_MAX ? courier->backoff : BACKOFF_MAX);
	courier->state = STATE_DOWN;
	courier_unwatch(courier);
	(void)escape_text(why, strlen(why), courier->reason, sizeof(courier->reason));
	courier->broken++;
	sending_clear(courier);
	places_clear(&courier->places);
	courier_calls_clear(&courier->calls);
	courier->said.queue = 0;
	if (courier->handlers.broken)
		courier->handlers.broken(courier->reason, courier->userdata);
}

static int sending_begin(struct courier *courier, enum message_type type, uint64_t id, size_t size)
{
	courier->sending = malloc(size ? size : 1);
	if (!courier->sending)
		return -ENOMEM;
	courier->sending_type = type;
	courier->sending_id = id;
	courier->sending_size = size;
	courier->sent = 0;
	return 0;
}

static void courier_start(struct courier *courier)
{
	char text[COURIER_REASON_SIZE];
	int r;

	courier->pending[0] = '\0';
	courier->started = clock_boottime();
	r = worker_process_start(&courier->program, courier->memory, &courier->process);
	if (r == 0) {
		courier->state = STATE_STARTING;
		r = courier_watch(courier);
		if (r == 0)
			return;
		worker_process_end(&courier->process);
	}
	(void)snprintf(text, sizeof(text), "cannot be started: %s", strerror(-r));
	courier_down(courier, text);
}

/* ---- what it is sent ---- */

/* When nothing is being sent, calls go before entries. */
static bool sending_next(struct courier *courier)
{
	struct courier_call *call;

	if (courier->sending)
		return true;
	call = courier_calls_next(&courier->calls);
	if (!call)
		return false;
	courier->sending = (uint8_t *)take_ptr(call->text);
	courier->sending_type = MESSAGE_CALL;
	courier->sending_id = call->number;
	courier->sending_size = call->size;
	courier->sent = 0;
	return true;
}

static void courier_write(struct courier *courier)
{
	bool stuck = courier->stuck;

	courier->stuck = false;
	while (courier->state == STATE_READY && sending_next(courier)) {
		struct message_frame frame;
		size_t size =
			message_put_part(&frame, courier->sending_type, courier->sending_id,
					 courier->sending, courier->sending_size, courier->sent);
		int r = channel_send(courier->process.channel, frame.bytes, frame.size);

		if (r == -EAGAIN) {
			courier->stuck = true;
			break;
		}
		if (r < 0) {
			courier_break(courier, NULL);
			return;
		}
		courier->sent += size;
		if (courier->sent == courier->sending_size)
			sending_clear(courier);
	}
	if (courier->stuck != stuck && courier->state == STATE_READY && courier_watch(courier) < 0)
		courier_break(courier, "cannot be watched");
}

bool courier_has_room(const struct courier *courier, unsigned sink, size_t size)
{
	const struct places_share *share = &courier->places.shares[sink];

	return courier->state == STATE_READY && !courier->sending &&
	       courier->places.free_count > 0 && share->entries < PLACES_SINK_MAX &&
	       (share->bytes + size <= COURIER_BYTES || share->bytes == 0);
}

int courier_send(struct courier *courier, uint64_t id, const struct message_entry *entry,
		 const char *document, size_t size)
{
	int r;

	if (size == 0 || size > MESSAGE_LONG_MAX - sizeof(*entry))
		return -EMSGSIZE;
	if (entry->sink >= CLOUD_SINKS)
		return -EINVAL;
	if (!courier_has_room(courier, entry->sink, size))
		return -EAGAIN;
	r = sending_begin(courier, MESSAGE_ENTRY, 0, sizeof(*entry) + size);
	if (r < 0)
		return r;
	memcpy(courier->sending, entry, sizeof(*entry));
	memcpy(courier->sending + sizeof(*entry), document, size);
	courier->sending_id = places_take(&courier->places, id, entry->sink,
					  cloud_sink_answers(entry->sink), size);
	courier_write(courier);
	return 0;
}

int courier_call(struct courier *courier, uint64_t id, const char *text, size_t size)
{
	int r;

	if (courier->state != STATE_READY)
		return -EAGAIN;
	r = courier_calls_add(&courier->calls, id, text, size);
	if (r == 0)
		courier_write(courier);
	return r;
}

/* ---- what it says ---- */

static const char *hello_take(struct courier *courier, const struct message *message)
{
	courier->hello = message->hello;
	courier->state = STATE_READY;
	if (sending_begin(courier, MESSAGE_SETTINGS, 0, courier->settings_size) < 0)
		return "there is no memory for its settings";
	memcpy(courier->sending, courier->settings, courier->settings_size);
	return NULL;
}

/* It cannot have been read, let alone delivered. */
static bool is_unsent(const struct courier *courier, uint64_t name)
{
	return courier->sending && courier->sending_id == name &&
	       courier->sending_type == MESSAGE_ENTRY;
}

static const char *result_take(struct courier *courier, const struct message *message)
{
	const struct message_result *result = &message->result;
	char text[MESSAGE_TEXT_SIZE * 2];

	(void)escape_text(result->text, strlen(result->text), text, sizeof(text));
	for (size_t i = 0; i < result->count; i++) {
		struct place *place = places_find(&courier->places, result->ids[i]);

		if (!place)
			return "a result that nobody waits for";
		if (is_unsent(courier, result->ids[i]))
			return "a result of what it was not given yet";
		places_return(&courier->places, place);
		courier->handlers.result(place->id, place->sink, result->outcome, result->after,
					 text, courier->userdata);
	}
	return NULL;
}

static const char *answer_take(struct courier *courier, const struct message *message)
{
	struct place *place = places_find(&courier->places, message->id);

	if (!place || !place->answers || is_unsent(courier, message->id))
		return "an answer that nobody asked for";
	place->answers = false;
	courier->handlers.answer(place->id, place->sink, message->answer.bytes,
				 message->answer.size, courier->userdata);
	return NULL;
}

static const char *reply_take(struct courier *courier, const struct message *message)
{
	struct courier_calls *calls = &courier->calls;
	struct message_long whole;
	bool is_whole = false;
	uint64_t id = 0;
	const char *why = courier_calls_hear(calls, message, &is_whole, &id);

	if (why || !is_whole)
		return why;
	/* Whoever is told may ask for the next call. */
	whole = calls->heard;
	calls->heard = (struct message_long){ 0 };
	if (courier->handlers.replied)
		courier->handlers.replied(id, (const char *)whole.bytes, whole.size,
					  courier->userdata);
	message_long_clear(&whole);
	return NULL;
}

static const char *message_take(struct courier *courier, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_HELLO:
		return hello_take(courier, message);
	case MESSAGE_INSTANCE:
		courier->handlers.instance(&message->instance, courier->userdata);
		return NULL;
	case MESSAGE_STATE:
		courier->said = message->state;
		return NULL;
	case MESSAGE_RESULT:
		return result_take(courier, message);
	case MESSAGE_ANSWER:
		return answer_take(courier, message);
	case MESSAGE_REPLY:
		return reply_take(courier, message);
	case MESSAGE_FAILED:
		return message->text;
	case MESSAGE_SETTINGS:
	case MESSAGE_ENTRY:
	case MESSAGE_CALL:
	case MESSAGE_TYPES:
		break;
	}
	return "a request";
}

bool courier_take(struct courier *courier, const struct message_frame *frame)
{
	bool greeted = courier->state == STATE_READY;
	struct message message = { .type = MESSAGE_TYPES };
	char reason[COURIER_REASON_SIZE];
	const char *why;

	if (message_read(frame, greeted ? MESSAGE_PARENT_GREETED : MESSAGE_PARENT_UNGREETED,
			 &message, &why) == 0)
		why = message_take(courier, &message);
	courier->heard = clock_boottime();
	if (!why)
		return true;
	(void)snprintf(reason, sizeof(reason), "%s: %s",
		       message.type == MESSAGE_FAILED ? "gave up" : "broke the rules", why);
	courier_break(courier, reason);
	return false;
}

static void courier_read(struct courier *courier)
{
	struct message_frame frame;

	for (int i = 0; i < RECEIVED_A_TURN; i++) {
		ssize_t size;

		if (courier->state != STATE_STARTING && courier->state != STATE_READY)
			return;
		size = channel_receive(courier->process.channel, frame.bytes, sizeof(frame.bytes));
		if (size == -EAGAIN)
			return;
		if (size < 0) {
			courier_break(courier,
				      size == -EMSGSIZE
					      ? "broke the rules: a frame that is too large"
					      : NULL);
			return;
		}
		frame.size = (size_t)size;
		(void)courier_take(courier, &frame);
	}
}

/* ---- turns ---- */

static void courier_judge(struct courier *courier)
{
	if (courier->state == STATE_DYING || clock_boottime() < courier_deadline(courier))
		return;
	if (courier->state == STATE_DOWN)
		courier_start(courier);
	else
		courier_break(courier, courier->state == STATE_STARTING
					       ? "did not say hello in time"
					       : "has said nothing for a minute");
}

static void courier_turn(struct courier *courier)
{
	char death[WORKER_DEATH_MAX];

	/* What it said before it died, or before its time was up, counts. */
	courier_read(courier);
	if (courier->state != STATE_DOWN && worker_process_reap(&courier->process, death) > 0)
		courier_down(courier, death);
	courier_judge(courier);
	courier_write(courier);
	timer_arm(courier);
	if (courier->handlers.turned)
		courier->handlers.turned(courier->userdata);
}

struct courier *courier_make(const struct courier_handlers *handlers, void *userdata)
{
	struct courier *courier = calloc(1, sizeof(*courier));

	if (!courier)
		return NULL;
	courier->program.fd = -1;
	courier->process = (struct worker_process){ .pidfd = -1, .channel = -1 };
	courier->handlers = *handlers;
	courier->userdata = userdata;
	places_clear(&courier->places);
	return courier;
}

int courier_new(sd_event *loop, const struct courier_options *options,
		const struct courier_handlers *handlers, void *userdata, struct courier **ret)
{
	CLEANUP(courier_free_cleanup) struct courier *courier = courier_make(handlers, userdata);
	int r;

	if (!courier)
		return -ENOMEM;
	courier->loop = sd_event_ref(loop);
	courier->memory = options->memory;
	courier->settings = strdup(options->settings);
	if (!courier->settings)
		return -ENOMEM;
	courier->settings_size = strlen(courier->settings);
	if (courier->settings_size > MESSAGE_LONG_MAX)
		return -EMSGSIZE;
	r = worker_program_open(COURIER_PROGRAM, options->program, &courier->program);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(loop, &courier->timer, CLOCK_BOOTTIME, 0, 1, timer_fired,
				       courier);
	if (r < 0)
		return r;
	*ret = take_ptr(courier);
	return 0;
}

void courier_free(struct courier *courier)
{
	if (!courier)
		return;
	courier->channel_source = sd_event_source_disable_unref(courier->channel_source);
	courier->process_source = sd_event_source_disable_unref(courier->process_source);
	courier->timer = sd_event_source_disable_unref(courier->timer);
	worker_process_end(&courier->process);
	worker_program_close(&courier->program);
	sending_clear(courier);
	courier_calls_clear(&courier->calls);
	if (courier->settings)
		explicit_bzero(courier->settings, courier->settings_size);
	free(courier->settings);
	(void)sd_event_unref(courier->loop);
	free(courier);
}
