/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the call that reads a parameter of Parameter Store. An entry is its name ("/cordon/policy",
 * with ":version" or ":label" as SSM has it); the value goes back as an answer.
 */
#include "cloud/parameter.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/sink.h"

#define NAME_MAX_BYTES ((size_t)2048)

static void get_done(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;
	CLEANUP(free_cleanup) char *answer = NULL;

	if (strcmp(result->code, "ParameterNotFound") == 0 ||
	    strcmp(result->code, "ParameterVersionNotFound") == 0) {
		sink_end_as(queue, MESSAGE_POISON, 0, "ssm:GetParameter: there is no such one");
		return;
	}
	if (result->failure != FAILURE_NONE) {
		sink_fail(queue, result, "ssm:GetParameter");
		return;
	}
	answer = parameter_answer(result->body, result->body_size);
	if (!answer ||
	    sink_answer(queue, sink_batch(queue)->entries[0], answer, strlen(answer)) < 0) {
		sink_end_as(queue, MESSAGE_RETRY, NS_PER_SECOND,
			    "the endpoint of SSM gives replies that are none");
		return;
	}
	sink_end_as(queue, MESSAGE_DELIVERED, 0, "");
}

static void deliver(struct sink_queue *queue)
{
	const struct batch_entry *entry = sink_batch(queue)->entries[0];
	CLEANUP(free_cleanup) char *body = parameter_request(entry->document, entry->size);

	sink_call_bytes(queue, "ssm", "GetParameter", body, get_done);
}

const struct cloud_sink parameter = {
	.name = "parameter",
	.limits = { .count = 1, .bytes = NAME_MAX_BYTES, .entry = NAME_MAX_BYTES },
	.deliver = deliver,
};
