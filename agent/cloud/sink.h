/* SPDX-License-Identifier: Apache-2.0
 *
 * A sink of AWS, in cordon-cloud: a row in the table of dispatch.c, and a file that makes the
 * calls. sink_queue.c queues entries, makes batches of them and answers the parent; the sink
 * delivers one batch at a time.
 */
#pragma once

#include <jansson.h>

#include "base/clock.h"
#include "cloud/batch.h"
#include "cloud/client.h"
#include "cloud/imds.h"
#include "cloud/settings.h"

struct dispatch;
struct sink_queue;

/* How a call ended that was made for a batch. */
struct sink_verdict {
	enum message_outcome outcome; /* of all; MESSAGE_DELIVERED: each entry has its own */
	uint64_t after;		      /* ns */
	bool split; /* one of them is wrong, and it is not known which: smaller batches tell */
	char text[MESSAGE_TEXT_SIZE];
};

/* Where a sink says nothing else. */
#define SINK_HOLD     NS_PER_SECOND
#define SINK_INTERVAL (NS_PER_SECOND / 5)
#define SINK_BURST    20

struct cloud_sink {
	const char *name;
	struct batch_limits limits;
	/* Pace: ns between two calls, so that a fleet that catches up after an outage stays far
	 * below what a service takes; so many calls ahead of it for entries that are urgent. 0: as
	 * above. */
	uint64_t interval;
	unsigned burst;
	/* ns that an entry waits for others; NULL: SINK_HOLD. */
	uint64_t (*hold)(const struct settings *settings);
	bool patient; /* urgent entries wait as well */
	/* The nearest time that the service takes, ms; now: as AWS has it. NULL: any. */
	uint64_t (*time_fit)(uint64_t time, uint64_t now);
	/* Delivers queue's batch; ends with sink_end(). */
	void (*deliver)(struct sink_queue *queue);
};

/* What a sink may use. */
struct client *sink_client(struct sink_queue *queue);
const struct settings *sink_settings(struct sink_queue *queue);
struct batch *sink_batch(struct sink_queue *queue);
/* Where the sink keeps what it knows of the service; 0 at first. */
unsigned *sink_state(struct sink_queue *queue);
/* What it puts together over several calls of a batch; NULL at first. Owned by the queue. */
json_t **sink_gathered(struct sink_queue *queue);
struct imds *sink_imds(struct sink_queue *queue);
/* The instance's id, else the host's name. */
const char *sink_host(struct sink_queue *queue);
/* What is known of it: fields are "" else. */
const struct message_instance *sink_instance(struct sink_queue *queue);
/* Its ARN; "" where it is not known. */
#define SINK_ARN_SIZE 320
void sink_instance_arn(struct sink_queue *queue, char out[static SINK_ARN_SIZE]);
/* Which row of the table this is. */
const struct cloud_sink *sink_type(struct sink_queue *queue);

/* What the entry asked for; its result still comes with sink_end(). -EMSGSIZE: it is more than
 * MESSAGE_ANSWER_MAX. */
int sink_answer(struct sink_queue *queue, const struct batch_entry *entry, const void *bytes,
		size_t size);

void sink_end(struct sink_queue *queue, const struct sink_verdict *verdict);
/* The verdict on a call that failed, but for what the sink knows better. action: "logs:Put...". */
void sink_fail(struct sink_queue *queue, const struct client_result *result, const char *action);

/* sink_call.c: a call for queue's batch; how it is counted and bounded is set here. Without a body
 * memory is short. When the call cannot even be made, the batch ends. */
void sink_send(struct sink_queue *queue, const struct client_request *request, client_done done);
/* The same of a JSON service. Takes body. */
void sink_call(struct sink_queue *queue, const char *service, const char *operation, json_t *body,
	       client_done done);
/* The same with a body in the service's own form, "" for none. */
void sink_call_bytes(struct sink_queue *queue, const char *service, const char *operation,
		     const char *body, client_done done);
/* Ends the batch by its reply: as delivered, but for what read() (NULL: nothing is read) says of
 * single entries by batch_entry_end(); it fails when the reply is none of the service's. */
void sink_judge(struct sink_queue *queue, const struct client_result *result, const char *action,
		int (*read)(const char *body, size_t size, struct batch *batch));
/* What went wrong with the call, for people. */
void sink_fault(const struct client_result *result, const char *action,
		char text[static MESSAGE_TEXT_SIZE]);
/* Ends the batch with one outcome for all of it. */
void sink_end_as(struct sink_queue *queue, enum message_outcome outcome, uint64_t after,
		 const char *text);

/* The call cannot even be made: memory, or an endpoint that is none. */
void sink_fail_early(struct sink_queue *queue, int error);
/* The reply is none of the service's. */
void sink_fail_reply(struct sink_queue *queue);
/* Nothing is delivered until something changes in AWS or in the configuration, which text names. */
void sink_fail_setting(struct sink_queue *queue, const char *text);

extern const struct cloud_sink eventbridge, security_hub, sns, s3;
extern const struct cloud_sink cloudwatch;
extern const struct cloud_sink agent_log;
extern const struct cloud_sink opsitems;
extern const struct cloud_sink inventory;
extern const struct cloud_sink compliance;
extern const struct cloud_sink preflight;
extern const struct cloud_sink metric_data;
extern const struct cloud_sink instance_tags;
