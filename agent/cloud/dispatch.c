/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns cordon-cloud's side of the channel, its settings, and the client of AWS. Gets entries from
 * cordond, whom it trusts, and gives them to sink_queue.c.
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
#include "cloud/dispatch_private.h"

#define STATE_INTERVAL (5 * NS_PER_SECOND)
#define SEND_TIMEOUT   (30 * NS_PER_SECOND)

/* The table of sinks. */
static const struct cloud_sink *const sinks[CLOUD_SINKS] = {
	[CLOUD_CLOUDWATCH] = &cloudwatch,
	[CLOUD_OPSITEMS] = &opsitems,
	[CLOUD_INVENTORY] = &inventory,
	[CLOUD_COMPLIANCE] = &compliance,
	[CLOUD_AGENT_LOG] = &agent_log,
	[CLOUD_PREFLIGHT] = &preflight,
	[CLOUD_METRICS] = &metric_data,
	[CLOUD_TAGS] = &instance_tags,
	[CLOUD_EVENTBRIDGE] = &eventbridge,
	[CLOUD_SECURITY_HUB] = &security_hub,
	[CLOUD_SNS] = &sns,
	[CLOUD_S3] = &s3,
};

CLEANUP_DEFINE(struct dispatch *, dispatch_free)

/* ---- what is said ---- */

/* Results must not be lost while this process lives, and the parent reads: it is waited for. */
void dispatch_send(struct dispatch *dispatch, const struct message_frame *frame)
{
	uint64_t deadline = clock_boottime() + SEND_TIMEOUT;
	int r;

	do
		r = channel_send(dispatch->channel, frame->bytes, frame->size);
	while (r == -EAGAIN && channel_wait(dispatch->channel, POLLOUT, deadline) == 0);
	if (r < 0)
		(void)sd_event_exit(dispatch->loop, r);
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
	dispatch_send(dispatch, &frame);
	(void)sd_event_source_set_time_relative(source, STATE_INTERVAL / 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- settings, and who we are ---- */

static int client_begin(struct dispatch *dispatch)
{
	struct client_options options;

	settings_endpoint(&dispatch->settings, &dispatch->instance, &options.endpoint);
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
			sink_queue_turn(&dispatch->queues[i]);
}

/* What is known stays as it is: the client borrows from it. */
static void learn(struct message_instance *known, const struct message_instance *found)
{
#define FIELD(member) offsetof(struct message_instance, member)
	static const size_t fields[] = { FIELD(id),	 FIELD(region),	   FIELD(zone),
					 FIELD(account), FIELD(partition), FIELD(domain),
					 FIELD(image) };

	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		char *field = (char *)known + fields[i];

		if (!*field)
			memcpy(field, (const char *)found + fields[i], MESSAGE_NAME_SIZE);
	}
#undef FIELD
}

static void instance_found(const struct message_instance *found, enum imds_outcome outcome,
			   void *userdata)
{
	struct dispatch *dispatch = userdata;
	struct message_frame frame;

	learn(&dispatch->instance, found);
	if (outcome == IMDS_OK) {
		message_put_instance(&frame, found);
		dispatch_send(dispatch, &frame);
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
	sink_queue_add(&dispatch->queues[head.sink], entry);
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
	if (dispatch->gathered.type == MESSAGE_SETTINGS)
		r = settings_take(dispatch, (const char *)dispatch->gathered.bytes);
	else if (dispatch->gathered.type == MESSAGE_CALL)
		r = call_take(dispatch, dispatch->gathered.id,
			      (const char *)dispatch->gathered.bytes, dispatch->gathered.size);
	else
		r = entry_take(dispatch, &dispatch->gathered);
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
			sink_queue_turn(&dispatch->queues[i]);
	return 0;
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
		if (sinks[i])
			r = sink_queue_open(dispatch, sinks[i], &dispatch->queues[i]);
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

void dispatch_free(struct dispatch *dispatch)
{
	if (!dispatch)
		return;
	client_free(dispatch->client);
	calls_free(dispatch);
	instance_free(dispatch->asker);
	credentials_free(dispatch->credentials);
	imds_free(dispatch->imds);
	http_free(dispatch->http);
	for (size_t i = 0; i < CLOUD_SINKS; i++)
		sink_queue_close(&dispatch->queues[i]);
	message_long_clear(&dispatch->gathered);
	json_decref(dispatch->settings_json);
	(void)sd_event_source_disable_unref(dispatch->channel_source);
	(void)sd_event_source_disable_unref(dispatch->state_timer);
	(void)sd_event_unref(dispatch->loop);
	free(dispatch);
}
