/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how each call that the agent may need is tried without changing anything. An entry is the
 * name of a row, as "ssm:CreateOpsItem"; its result says whether the role may make the call.
 *
 * AWS decides about permissions before it looks at what a request wants, so a request that cannot
 * succeed for a reason of its own tells: it is refused with that reason by who would be let in, and
 * with "access denied" otherwise. Anything else that is said leaves it open.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/eventbridge.h"
#include "cloud/s3.h"
#include "cloud/securityhub.h"
#include "cloud/sink.h"
#include "cloud/sns.h"

#define NAME_MAX_BYTES ((size_t)256)
#define FINE_MAX       4
/* Nobody has this one. */
#define NO_SUCH_STREAM "cordon-preflight-no-such-stream"
#define NO_SUCH_ITEM   "oi-000000000000"
/* Of no content: SSM would have to have it already. */
#define NO_SUCH_HASH   "00000000000000000000000000000000"

struct trial {
	const char *name;
	const char *service, *operation;
	bool instance;		       /* it is about the instance, whose id must be known */
	const char *fine[FINE_MAX];    /* refusals by who would let us in */
	const char *missing, *instead; /* with this code, that row tells */
	json_t *(*body)(struct sink_queue *queue);
	const char *form; /* in its place, for services of forms */
	/* In the place of all that, where a sink knows how. */
	void (*send)(struct sink_queue *queue, client_done done);
	bool (*setting)(struct sink_queue *queue, const struct client_result *result,
			char text[static MESSAGE_TEXT_SIZE]);
};

/* ---- requests ---- */

static const char *stream_of(struct sink_queue *queue)
{
	const char *stream = sink_settings(queue)->cloudwatch.stream;

	return *stream ? stream : sink_host(queue);
}

static json_t *events_body(struct sink_queue *queue, const char *group)
{
	const json_int_t time = (json_int_t)sink_batch(queue)->entries[0]->time;

	return json_pack("{s:s, s:s, s:[{s:I, s:s}]}", "logGroupName", group, "logStreamName",
			 NO_SUCH_STREAM, "logEvents", "timestamp", time, "message", "preflight");
}

static json_t *findings_events(struct sink_queue *queue)
{
	return events_body(queue, sink_settings(queue)->cloudwatch.group);
}

static json_t *agent_events(struct sink_queue *queue)
{
	return events_body(queue, sink_settings(queue)->cloudwatch.agent_group);
}

static json_t *stream_body(struct sink_queue *queue, const char *group)
{
	return json_pack("{s:s, s:s}", "logGroupName", group, "logStreamName", stream_of(queue));
}

static json_t *findings_stream(struct sink_queue *queue)
{
	return stream_body(queue, sink_settings(queue)->cloudwatch.group);
}

static json_t *agent_stream(struct sink_queue *queue)
{
	return stream_body(queue, sink_settings(queue)->cloudwatch.agent_group);
}

static json_t *findings_group(struct sink_queue *queue)
{
	return json_pack("{s:s}", "logGroupName", sink_settings(queue)->cloudwatch.group);
}

static json_t *agent_group(struct sink_queue *queue)
{
	return json_pack("{s:s}", "logGroupName", sink_settings(queue)->cloudwatch.agent_group);
}

/* A hash without content changes nothing, whether it is known or not. */
static json_t *inventory_body(struct sink_queue *queue)
{
	return json_pack("{s:s, s:[{s:s, s:s, s:s, s:s}]}", "InstanceId", sink_instance(queue)->id,
			 "Items", "TypeName", "Custom:Cordon", "SchemaVersion", "1.0",
			 "CaptureTime", "2026-01-01T00:00:00Z", "ContentHash", NO_SUCH_HASH);
}

/* Adding nothing; and only associations may add. */
static json_t *compliance_body(struct sink_queue *queue)
{
	return json_pack("{s:s, s:s, s:s, s:{s:i}, s:[], s:s}", "ResourceId",
			 sink_instance(queue)->id, "ResourceType", "ManagedInstance",
			 "ComplianceType", "Custom:Cordon", "ExecutionSummary", "ExecutionTime", 0,
			 "Items", "UploadType", "PARTIAL");
}

/* A source with "aws" in it is refused. */
static json_t *create_body(struct sink_queue *queue)
{
	(void)queue;
	return json_pack("{s:s, s:s, s:s}", "Title", "cordon preflight", "Description",
			 "cordon preflight", "Source", "aws");
}

static json_t *update_body(struct sink_queue *queue)
{
	(void)queue;
	return json_pack("{s:s}", "OpsItemId", NO_SUCH_ITEM);
}

static json_t *describe_body(struct sink_queue *queue)
{
	(void)queue;
	return json_pack("{s:[{s:s, s:[s], s:s}], s:i}", "OpsItemFilters", "Key", "Source",
			 "Values", "cordon", "Operator", "Equal", "MaxResults", 1);
}

static json_t *pointer_body(struct sink_queue *queue)
{
	return json_pack("{s:s, s:b}", "Name", sink_settings(queue)->pointer, "WithDecryption", 1);
}

/* The stream is made where it is missing, as it would be with the first event. */
static const struct trial trials[] = {
	{ .name = "sts:GetCallerIdentity",
	  .service = "sts",
	  .operation = "GetCallerIdentity",
	  .form = "" },
	{ .name = "cloudwatch:PutMetricData",
	  .service = "monitoring",
	  .operation = "PutMetricData",
	  .fine = { "InvalidParameterValue", "ValidationError" },
	  /* What is no number is no value. */
	  .form = "Namespace=Cordon&MetricData.member.1.MetricName=Preflight"
		  "&MetricData.member.1.Value=NaN" },
	{ .name = "logs:PutLogEvents",
	  .service = "logs",
	  .operation = "PutLogEvents",
	  .fine = { "ResourceNotFoundException" },
	  .body = findings_events },
	{ .name = "logs:CreateLogStream",
	  .service = "logs",
	  .operation = "CreateLogStream",
	  .fine = { "ResourceAlreadyExistsException" },
	  .missing = "ResourceNotFoundException",
	  .instead = "logs:CreateLogGroup",
	  .body = findings_stream },
	{ .name = "logs:CreateLogGroup",
	  .service = "logs",
	  .operation = "CreateLogGroup",
	  .fine = { "ResourceAlreadyExistsException" },
	  .body = findings_group },
	{ .name = "agent:logs:PutLogEvents",
	  .service = "logs",
	  .operation = "PutLogEvents",
	  .fine = { "ResourceNotFoundException" },
	  .body = agent_events },
	{ .name = "agent:logs:CreateLogStream",
	  .service = "logs",
	  .operation = "CreateLogStream",
	  .fine = { "ResourceAlreadyExistsException" },
	  .missing = "ResourceNotFoundException",
	  .instead = "agent:logs:CreateLogGroup",
	  .body = agent_stream },
	{ .name = "agent:logs:CreateLogGroup",
	  .service = "logs",
	  .operation = "CreateLogGroup",
	  .fine = { "ResourceAlreadyExistsException" },
	  .body = agent_group },
	{ .name = "ssm:PutInventory",
	  .service = "ssm",
	  .operation = "PutInventory",
	  .instance = true,
	  .fine = { "ItemContentMismatchException" },
	  .body = inventory_body },
	{ .name = "ssm:PutComplianceItems",
	  .service = "ssm",
	  .operation = "PutComplianceItems",
	  .instance = true,
	  .fine = { "InvalidItemContentException", "ValidationException" },
	  .body = compliance_body },
	{ .name = "ssm:CreateOpsItem",
	  .service = "ssm",
	  .operation = "CreateOpsItem",
	  .fine = { "OpsItemInvalidParameterException", "ValidationException" },
	  .body = create_body },
	{ .name = "ssm:UpdateOpsItem",
	  .service = "ssm",
	  .operation = "UpdateOpsItem",
	  .fine = { "OpsItemNotFoundException" },
	  .body = update_body },
	{ .name = "ssm:DescribeOpsItems",
	  .service = "ssm",
	  .operation = "DescribeOpsItems",
	  .body = describe_body },
	{ .name = "ssm:GetParameter",
	  .service = "ssm",
	  .operation = "GetParameter",
	  .body = pointer_body },
	{ .name = "events:PutEvents", .send = eventbridge_try },
	{ .name = "securityhub:BatchImportFindings",
	  .fine = { "InvalidInputException" },
	  .send = securityhub_try,
	  .setting = securityhub_setting_is_wrong },
	{ .name = "sns:Publish",
	  .fine = { "InvalidParameter" },
	  .send = sns_try,
	  .setting = sns_setting_is_wrong },
	{ .name = "s3:PutObject",
	  .fine = { "BadDigest", "XAmzContentChecksumMismatch" },
	  .send = s3_try,
	  .setting = s3_setting_is_wrong },
};

/* ---- the call ---- */

/* sink_state(): which row is being tried. */
static const struct trial *trial_of(struct sink_queue *queue)
{
	return &trials[*sink_state(queue)];
}

static int trial_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(trials); i++)
		if (strcmp(trials[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void trial_begin(struct sink_queue *queue, const char *name);

static bool is_fine(const struct trial *trial, const struct client_result *result)
{
	if (result->failure == FAILURE_NONE)
		return true;
	for (size_t i = 0; i < FINE_MAX && trial->fine[i]; i++)
		if (result->status >= 400 && result->status < 500 &&
		    strcmp(trial->fine[i], result->code) == 0)
			return true;
	return false;
}

static void trial_done(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;
	const struct trial *trial = trial_of(queue);
	const char *what = strchr(trial->name, ':');
	char text[MESSAGE_TEXT_SIZE];

	if (trial->missing && strcmp(trial->missing, result->code) == 0) {
		trial_begin(queue, trial->instead);
		return;
	}
	if (trial->setting && trial->setting(queue, result, text)) {
		sink_end_as(queue, MESSAGE_POISON, 0, text);
		return;
	}
	if (is_fine(trial, result)) {
		sink_end_as(queue, MESSAGE_DELIVERED, 0, "");
		return;
	}
	/* The action itself: "agent:logs:..." is our name for a second use of it. */
	what = what && strchr(what + 1, ':') ? what + 1 : trial->name;
	sink_fault(result, what, text);
	/* Alone: what is refused here says nothing of the next row. */
	sink_end_as(queue, result->failure == FAILURE_DENIED ? MESSAGE_DENIED : MESSAGE_POISON, 0,
		    text);
}

static void trial_begin(struct sink_queue *queue, const char *name)
{
	int row = trial_find(name);

	if (row < 0) {
		sink_end_as(queue, MESSAGE_POISON, 0, "nobody knows how to try it");
		return;
	}
	*sink_state(queue) = (unsigned)row;
	if (trials[row].instance && !*sink_instance(queue)->id)
		sink_end_as(queue, MESSAGE_POISON, 0,
			    "SSM knows instances, and this host's id is not known");
	else if (trials[row].send)
		trials[row].send(queue, trial_done);
	else if (trials[row].body)
		sink_call(queue, trials[row].service, trials[row].operation,
			  trials[row].body(queue), trial_done);
	else
		sink_call_bytes(queue, trials[row].service, trials[row].operation, trials[row].form,
				trial_done);
}

static void deliver(struct sink_queue *queue)
{
	trial_begin(queue, sink_batch(queue)->entries[0]->document);
}

const struct cloud_sink preflight = {
	.name = "preflight",
	.limits = { .count = 1, .bytes = NAME_MAX_BYTES, .entry = NAME_MAX_BYTES },
	.deliver = deliver,
};
