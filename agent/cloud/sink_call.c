/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sinks share: how a call is made for a batch, and how the batch ends by its reply.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/sink.h"

/* The longest is Security Hub's: a hundred identifiers, with what is wrong about each. A call of
 * each sink is under way at a time. */
#define REPLY_MAX	 ((size_t)512 * 1024)
/* Nothing about it mends itself in a moment. */
#define AFTER_IMPOSSIBLE (60 * NS_PER_SECOND)
#define AFTER_GARBAGE	 NS_PER_SECOND
#define AFTER_SETTING	 (300 * NS_PER_SECOND)

void sink_fault(const struct client_result *result, const char *action,
		char text[static MESSAGE_TEXT_SIZE])
{
	char status[24] = "";

	/* Somebody else's page says nothing more. */
	if (result->status && !*result->code)
		(void)snprintf(status, sizeof(status), " (HTTP %u)", result->status);
	(void)snprintf(text, MESSAGE_TEXT_SIZE, "%s: %.90s%s%s%.100s", action,
		       *result->code ? result->code : failure_name(result->failure), status,
		       *result->message ? ": " : "", result->message);
}

void sink_end_as(struct sink_queue *queue, enum message_outcome outcome, uint64_t after,
		 const char *text)
{
	struct sink_verdict verdict = { .outcome = outcome,
					.after = after,
					/* Others in the queue have nothing to do with it. */
					.split = outcome == MESSAGE_POISON };

	(void)snprintf(verdict.text, sizeof(verdict.text), "%s", text);
	sink_end(queue, &verdict);
}

void sink_fail_early(struct sink_queue *queue, int error)
{
	char text[MESSAGE_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "%s cannot be asked: %s%s", sink_type(queue)->name,
		       strerror(-error),
		       error == -EINVAL	   ? " (is aws.region right?)"
		       : error == -EPERM   ? " (its endpoint is plain http, and not on loopback)"
		       : error == -EBADMSG ? " (its endpoint is no URL of a service)"
					   : "");
	sink_end_as(queue, MESSAGE_RETRY, AFTER_IMPOSSIBLE, text);
}

void sink_fail_reply(struct sink_queue *queue)
{
	char text[MESSAGE_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "the endpoint of %s gives replies that are none",
		       sink_type(queue)->name);
	sink_end_as(queue, MESSAGE_RETRY, AFTER_GARBAGE, text);
}

void sink_fail_setting(struct sink_queue *queue, const char *text)
{
	sink_end_as(queue, MESSAGE_RETRY, AFTER_SETTING, text);
}

void sink_send(struct sink_queue *queue, const struct client_request *request, client_done done)
{
	struct client_request whole = *request;
	int r = -ENOMEM;

	whole.bucket = CLIENT_TELEMETRY;
	whole.reply_max = REPLY_MAX;
	if (request->body)
		r = client_call(sink_client(queue), &whole, done, queue, NULL);
	if (r < 0)
		sink_fail_early(queue, r);
}

void sink_call_bytes(struct sink_queue *queue, const char *service, const char *operation,
		     const char *body, client_done done)
{
	const struct client_request request = {
		.service = service_find(service),
		.operation = operation,
		.body = body,
		.body_size = body ? strlen(body) : 0,
	};

	sink_send(queue, &request, done);
}

void sink_call(struct sink_queue *queue, const char *service, const char *operation, json_t *body,
	       client_done done)
{
	CLEANUP(free_cleanup) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	sink_call_bytes(queue, service, operation, text, done);
}

void sink_judge(struct sink_queue *queue, const struct client_result *result, const char *action,
		int (*read)(const char *body, size_t size, struct batch *batch))
{
	static const struct sink_verdict verdict = { .outcome = MESSAGE_DELIVERED };

	if (result->failure != FAILURE_NONE)
		sink_fail(queue, result, action);
	else if (read && read(result->body, result->body_size, sink_batch(queue)) < 0)
		sink_fail_reply(queue);
	else
		sink_end(queue, &verdict);
}
