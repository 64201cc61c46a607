/* SPDX-License-Identifier: Apache-2.0
 *
 * What dispatch.c (the channel, settings, who we are) and sink_queue.c (queues and batches) share.
 */
#pragma once

#include "cloud/call.h"
#include "cloud/dispatch.h"
#include "cloud/instance.h"
#include "cloud/sink.h"

struct sink_queue {
	struct dispatch *dispatch;
	const struct cloud_sink *type;
	struct batch_list waiting;
	size_t waiting_count, waiting_bytes;
	struct batch batch;
	bool busy;
	size_t count_max; /* entries in the next batch: fewer while a wrong one is looked for */
	uint64_t paced;	  /* boot clock, when the next call may begin that is not urgent */
	unsigned state;
	json_t *gathered;
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
	struct call *calls; /* for responses (call.h) */
	uint64_t number;
	size_t entries;
};

/* Says it to the parent, who reads. */
void dispatch_send(struct dispatch *dispatch, const struct message_frame *frame);

int sink_queue_open(struct dispatch *dispatch, const struct cloud_sink *type,
		    struct sink_queue *queue);
void sink_queue_close(struct sink_queue *queue);
/* Takes the entry. */
void sink_queue_add(struct sink_queue *queue, struct batch_entry *entry);
/* Begins what is due. */
void sink_queue_turn(struct sink_queue *queue);
