/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the calls that say what this host is to SSM: inventory (PutInventory, type Custom:Cordon)
 * and compliance (PutComplianceItems, likewise). Both replace what was said before. An entry is
 * cordond's report: see report_inventory.c and report_compliance.c.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "cloud/sink.h"

#define TYPE_NAME      "Custom:Cordon"
/* Another set of attributes needs another version. */
#define SCHEMA_VERSION "1.0"
#define REPORT_MAX     ((size_t)256 * 1024)
/* Who is no managed node is not one in a minute. */
#define AFTER_UNKNOWN  (600 * NS_PER_SECOND)

/* sink_state() */
enum {
	SENT_CONTENT = 1,
};

CLEANUP_DEFINE(json_t *, json_decref)

/* The batch's one report, a reference of its own; NULL: the batch has ended. */
static json_t *report_of(struct sink_queue *queue)
{
	const struct batch_entry *entry = sink_batch(queue)->entries[0];
	json_t *object = json_loadb(entry->document, entry->size, 0, NULL);

	if (!object) {
		sink_end_as(queue, MESSAGE_RETRY, NS_PER_SECOND, "memory is short");
	} else if (!*sink_instance(queue)->id) {
		sink_end_as(queue, MESSAGE_DENIED, AFTER_UNKNOWN,
			    "SSM knows instances, and this host's id is not known");
		json_decref(object);
		object = NULL;
	}
	return object;
}

static time_t seconds_of(struct sink_queue *queue)
{
	return (time_t)(sink_batch(queue)->entries[0]->time / 1000);
}

static void put_done(struct sink_queue *queue, const struct client_result *result,
		     const char *action)
{
	struct sink_verdict verdict = { .outcome = MESSAGE_DENIED, .after = AFTER_UNKNOWN };

	if (result->failure == FAILURE_NONE) {
		sink_end_as(queue, MESSAGE_DELIVERED, 0, "");
	} else if (strcmp(result->code, "InvalidInstanceId") == 0 ||
		   strcmp(result->code, "InvalidResourceId") == 0) {
		(void)snprintf(verdict.text, sizeof(verdict.text),
			       "%s: %s: SSM does not manage this instance: is its agent running?",
			       action, result->code);
		sink_end(queue, &verdict);
	} else {
		sink_fail(queue, result, action);
	}
}

/* ---- inventory ---- */

static void inventory_put(struct sink_queue *queue, bool content);

static void inventory_done(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;

	/* SSM has forgotten what the hash was of. */
	if (strcmp(result->code, "ItemContentMismatchException") == 0 &&
	    !(*sink_state(queue) & SENT_CONTENT))
		inventory_put(queue, true);
	else
		put_done(queue, result, "ssm:PutInventory");
}

/* As the SSM agent makes it. "": there is no MD5 here; then the content always goes. */
static void hash_make(const json_t *content, char out[static MD5_SIZE * 2 + 1])
{
	CLEANUP(free_cleanup) char *text = json_dumps(content, JSON_COMPACT | JSON_SORT_KEYS);
	uint8_t digest[MD5_SIZE];

	out[0] = '\0';
	if (text && digest_md5(text, strlen(text), digest) == 0)
		digest_text(digest, sizeof(digest), out);
}

static json_t *inventory_body(struct sink_queue *queue, json_t *values, bool content)
{
	char hash[MD5_SIZE * 2 + 1], captured[sizeof("2026-11-21T15:01:50Z")];
	time_t seconds = seconds_of(queue);
	struct tm broken;
	json_t *item;

	if (!gmtime_r(&seconds, &broken) ||
	    strftime(captured, sizeof(captured), "%Y-%m-%dT%H:%M:%SZ", &broken) == 0)
		return NULL;
	hash_make(values, hash);
	item = json_pack("{s:s, s:s, s:s}", "TypeName", TYPE_NAME, "SchemaVersion", SCHEMA_VERSION,
			 "CaptureTime", captured);
	if (item && hash[0])
		(void)json_object_set_new(item, "ContentHash", json_string(hash));
	if (item && (content || !hash[0])) {
		(void)json_object_set_new(item, "Content", json_pack("[O]", values));
		*sink_state(queue) |= SENT_CONTENT;
	}
	return json_pack("{s:s, s:[o]}", "InstanceId", sink_instance(queue)->id, "Items", item);
}

static void inventory_put(struct sink_queue *queue, bool content)
{
	CLEANUP(json_decref_cleanup) json_t *report = report_of(queue);

	if (report)
		sink_call(queue, "ssm", "PutInventory",
			  inventory_body(queue, json_object_get(report, "content"), content),
			  inventory_done);
}

/* What SSM has by now is only named. */
static void inventory_deliver(struct sink_queue *queue)
{
	CLEANUP(json_decref_cleanup) json_t *report = report_of(queue);

	*sink_state(queue) = 0;
	if (report)
		inventory_put(queue, !json_is_true(json_object_get(report, "known")));
}

const struct cloud_sink inventory = {
	.name = "inventory",
	.limits = { .count = 1, .bytes = REPORT_MAX, .entry = REPORT_MAX },
	.deliver = inventory_deliver,
};

/* ---- compliance ---- */

static void compliance_done(const struct client_result *result, void *userdata)
{
	put_done(userdata, result, "ssm:PutComplianceItems");
}

static void compliance_deliver(struct sink_queue *queue)
{
	CLEANUP(json_decref_cleanup) json_t *report = report_of(queue);

	if (report)
		sink_call(queue, "ssm", "PutComplianceItems",
			  json_pack("{s:s, s:s, s:s, s:{s:I}, s:O}", "ResourceId",
				    sink_instance(queue)->id, "ResourceType", "ManagedInstance",
				    "ComplianceType", TYPE_NAME, "ExecutionSummary",
				    "ExecutionTime", (json_int_t)seconds_of(queue), "Items",
				    json_object_get(report, "items")),
			  compliance_done);
}

const struct cloud_sink compliance = {
	.name = "compliance",
	.limits = { .count = 1, .bytes = REPORT_MAX, .entry = REPORT_MAX },
	.deliver = compliance_deliver,
};
