/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the calls that keep one OpsItem for each finding: opened when it is new, updated while it
 * goes on, resolved when it is closed, opened again when it comes back. Nothing is remembered
 * between two deliveries: SSM is asked, so that it holds after a restart, and when people resolve
 * OpsItems by hand.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/endpoint.h"
#include "cloud/opsitem.h"
#include "cloud/sink.h"

/* Until somebody resolves some. */
#define AFTER_LIMIT   (300 * NS_PER_SECOND)
#define AFTER_GARBAGE NS_PER_SECOND
/* Title and values are cut; the line itself is parsed. */
#define FINDING_MAX   ((size_t)512 * 1024)

/* sink_state() */
enum {
	ASKED_TO_CREATE = 1,
	ASKED_TO_FIND = 2,
};

CLEANUP_DEFINE(json_t *, json_decref)

static struct opsitem_host host_of(struct sink_queue *queue)
{
	const struct message_instance *instance = sink_instance(queue);
	const struct settings *settings = sink_settings(queue);
	struct opsitem_host host = {
		.name = sink_host(queue),
		.instance = instance->id,
		.region = instance->region,
		.account = instance->account,
		.partition = instance->partition,
	};

	if (!*host.partition)
		host.partition = endpoint_partition(*host.region ? host.region : settings->region);
	return host;
}

/* The batch's one finding; object is the caller's to release. */
static bool finding_of(struct sink_queue *queue, json_t **ret_object,
		       struct opsitem_finding *ret_finding)
{
	const struct batch_entry *entry = sink_batch(queue)->entries[0];
	json_t *object = json_loadb(entry->document, entry->size, 0, NULL);

	*ret_object = object;
	return object && opsitem_read(object, ret_finding) == 0;
}

static void garbage(struct sink_queue *queue)
{
	sink_end_as(queue, MESSAGE_RETRY, AFTER_GARBAGE,
		    "the endpoint of SSM gives replies that are none");
}

static void create(struct sink_queue *queue);

static void update_done(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;

	if (result->failure == FAILURE_NONE)
		sink_end_as(queue, MESSAGE_DELIVERED, 0, "");
	else if (strcmp(result->code, "OpsItemNotFoundException") == 0 &&
		 !(*sink_state(queue) & ASKED_TO_CREATE))
		create(queue);
	else
		sink_fail(queue, result, "ssm:UpdateOpsItem");
}

/* ended: it was resolved or closed. */
static void update(struct sink_queue *queue, const char *id, bool ended)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	const struct opsitem_host host = host_of(queue);
	struct opsitem_finding finding;
	const char *status = NULL;

	if (!finding_of(queue, &object, &finding)) {
		sink_end_as(queue, MESSAGE_RETRY, AFTER_GARBAGE, "memory is short");
		return;
	}
	if (finding.closed && !ended)
		status = "Resolved";
	if (!finding.closed && ended)
		status = "Open";
	sink_call(queue, "ssm", "UpdateOpsItem", opsitem_update(&finding, &host, id, status),
		  update_done);
}

static void find(struct sink_queue *queue);

/* Its id is not needed, and may be left out; a page of somebody else's is no object. */
static void created(struct sink_queue *queue, const struct client_result *result)
{
	CLEANUP(json_decref_cleanup)
	json_t *object = json_loadb(result->body, result->body_size, 0, NULL);

	if (json_is_object(object))
		sink_end_as(queue, MESSAGE_DELIVERED, 0, "");
	else
		garbage(queue);
}

static void create_done(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;
	bool exists = strcmp(result->code, "OpsItemAlreadyExistsException") == 0;
	char id[OPSITEM_ID_SIZE];

	if (strcmp(result->code, "OpsItemLimitExceededException") == 0) {
		sink_end_as(queue, MESSAGE_RETRY, AFTER_LIMIT,
			    "ssm:CreateOpsItem: there are too many OpsItems: resolve some");
	} else if (result->failure != FAILURE_NONE && !exists) {
		sink_fail(queue, result, "ssm:CreateOpsItem");
	} else if (!exists) {
		created(queue, result);
	} else if (opsitem_reply_id(result->body, result->body_size, id) == 0) {
		update(queue, id, false);
	} else if (*sink_state(queue) & ASKED_TO_FIND) {
		garbage(queue);
	} else {
		find(queue);
	}
}

static void create(struct sink_queue *queue)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	const struct opsitem_host host = host_of(queue);
	struct opsitem_finding finding;

	*sink_state(queue) |= ASKED_TO_CREATE;
	if (!finding_of(queue, &object, &finding)) {
		sink_end_as(queue, MESSAGE_RETRY, AFTER_GARBAGE, "memory is short");
	} else if (finding.closed) {
		/* There is none to resolve. */
		sink_end_as(queue, MESSAGE_DELIVERED, 0, "");
	} else {
		sink_call(queue, "ssm", "CreateOpsItem", opsitem_create(&finding, &host),
			  create_done);
	}
}

static void find_done(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;
	char id[OPSITEM_ID_SIZE];
	bool ended;
	int r;

	if (result->failure != FAILURE_NONE) {
		sink_fail(queue, result, "ssm:DescribeOpsItems");
		return;
	}
	r = opsitem_reply_found(result->body, result->body_size, id, &ended);
	if (r < 0 || (r == 0 && *sink_state(queue) & ASKED_TO_CREATE))
		garbage(queue);
	else if (r == 0)
		create(queue);
	else
		update(queue, id, ended);
}

static void find(struct sink_queue *queue)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	const struct opsitem_host host = host_of(queue);
	struct opsitem_finding finding;

	*sink_state(queue) |= ASKED_TO_FIND;
	if (finding_of(queue, &object, &finding))
		sink_call(queue, "ssm", "DescribeOpsItems", opsitem_find(&finding, &host),
			  find_done);
	else
		sink_end_as(queue, MESSAGE_RETRY, AFTER_GARBAGE, "memory is short");
}

static void deliver(struct sink_queue *queue)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	struct opsitem_finding finding;

	*sink_state(queue) = 0;
	if (!finding_of(queue, &object, &finding))
		sink_end_as(queue, MESSAGE_POISON, 0, "it is no finding");
	else if (finding.first && !finding.closed)
		create(queue);
	else
		find(queue);
}

const struct cloud_sink opsitems = {
	.name = "opsitems",
	.limits = { .count = 1, .bytes = FINDING_MAX, .entry = FINDING_MAX },
	.deliver = deliver,
};
