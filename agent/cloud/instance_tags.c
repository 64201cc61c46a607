/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the asking for this instance's tags. The metadata service has them where the instance allows
 * it (a list of names, then each value); else EC2 is asked, whose permission to describe tags knows
 * no resources: who may ask sees those of all.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/sink.h"
#include "cloud/tags.h"
#include "cloud/xml_facts.h"

#define PATH "meta-data/tags/instance"
/* Names that the metadata service gives are of these. */
#define LETTERS                                                                                    \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"                                     \
	"0123456789+-=._:,@"
#define NAME_MAX_BYTES ((size_t)128)
#define ENTRY_MAX      ((size_t)64)
/* A service that fails is asked again then. */
#define AFTER_FAIL     (5 * NS_PER_SECOND)

CLEANUP_DEFINE(json_t *, json_decref)

static const struct xml_field tag[] = { { "key", XML_TEXT, NULL },
					{ "value", XML_TEXT, NULL },
					{ NULL, XML_TEXT, NULL } };
static const struct xml_field described[] = { { "tagSet", XML_LIST, tag },
					      { NULL, XML_TEXT, NULL } };

static void tags_tell(struct sink_queue *queue, const json_t *tags, bool metadata)
{
	CLEANUP(free_cleanup) char *answer = tags_answer(tags, metadata);

	if (!answer ||
	    sink_answer(queue, sink_batch(queue)->entries[0], answer, strlen(answer)) < 0)
		sink_end_as(queue, MESSAGE_RETRY, AFTER_FAIL, "the tags are more than fit");
	else
		sink_end_as(queue, MESSAGE_DELIVERED, 0, "");
}

/* ---- EC2 ---- */

static void described_came(const struct client_result *result, void *userdata)
{
	struct sink_queue *queue = userdata;
	CLEANUP(json_decref_cleanup) json_t *facts = NULL;
	CLEANUP(json_decref_cleanup) json_t *tags = json_object();
	json_t *one;
	size_t i;

	if (result->failure != FAILURE_NONE) {
		sink_fail(queue, result, "ec2:DescribeTags");
		return;
	}
	facts = xml_facts(result->body, result->body_size, described);
	if (!facts) {
		sink_fail_reply(queue);
		return;
	}
	json_array_foreach(json_object_get(facts, "tagSet"), i, one)
	{
		const char *name = json_string_value(json_object_get(one, "key"));
		json_t *value = json_object_get(one, "value");

		if (name && json_object_size(tags) < TAGS_MAX)
			(void)json_object_set_new(tags, name,
						  value ? json_incref(value) : json_string(""));
	}
	tags_tell(queue, tags, false);
}

/* outcome: of asking the metadata service. */
static void describe(struct sink_queue *queue, enum imds_outcome outcome)
{
	const char *instance = sink_instance(queue)->id;
	char form[256];

	if (!*instance) {
		sink_end_as(queue, MESSAGE_RETRY, AFTER_FAIL, imds_outcome_text(outcome));
		return;
	}
	(void)snprintf(form, sizeof(form),
		       "Filter.1.Name=resource-id&Filter.1.Value.1=%.63s&"
		       "Filter.2.Name=resource-type&Filter.2.Value.1=instance",
		       instance);
	sink_call_bytes(queue, "ec2", "DescribeTags", form, described_came);
}

/* ---- the metadata service ---- */

/* The first tag whose value was not asked for yet; NULL: all were. */
static const char *tag_open(json_t *tags)
{
	const char *name;
	json_t *value;

	json_object_foreach(tags, name, value) if (json_is_null(value)) return name;
	return NULL;
}

static void value_came(enum imds_outcome outcome, const char *body, size_t size, void *userdata);

static void value_ask(struct sink_queue *queue)
{
	json_t *tags = *sink_gathered(queue);
	const char *name = tag_open(tags);
	char path[sizeof(PATH) + NAME_MAX_BYTES + 1];

	if (!name) {
		tags_tell(queue, tags, true);
		return;
	}
	(void)snprintf(path, sizeof(path), PATH "/%.128s", name);
	if (imds_get(sink_imds(queue), path, value_came, queue) < 0)
		value_came(IMDS_FAILED, "", 0, queue);
}

static void value_came(enum imds_outcome outcome, const char *body, size_t size, void *userdata)
{
	struct sink_queue *queue = userdata;
	json_t *tags = *sink_gathered(queue), *value = NULL;
	const char *name = tag_open(tags);

	if (outcome != IMDS_OK && outcome != IMDS_NOT_FOUND) {
		sink_end_as(queue, MESSAGE_RETRY, AFTER_FAIL, imds_outcome_text(outcome));
		return;
	}
	if (outcome == IMDS_OK && size <= TAG_VALUE_MAX)
		value = json_stringn(body, size);
	/* It was taken off meanwhile, or is no text. */
	if (!value || json_object_set_new(tags, name, value) < 0)
		(void)json_object_del(tags, name);
	value_ask(queue);
}

/* One a line. */
static json_t *names_read(const char *body)
{
	json_t *tags = json_object();

	while (*body) {
		size_t length = strcspn(body, "\r\n");
		char name[NAME_MAX_BYTES + 1];

		if (length > 0 && length <= NAME_MAX_BYTES && strspn(body, LETTERS) >= length &&
		    json_object_size(tags) < TAGS_MAX) {
			memcpy(name, body, length);
			name[length] = '\0';
			(void)json_object_set_new(tags, name, json_null());
		}
		body += length;
		body += strspn(body, "\r\n");
	}
	return tags;
}

static void names_came(enum imds_outcome outcome, const char *body, size_t size, void *userdata)
{
	struct sink_queue *queue = userdata;
	json_t **gathered = sink_gathered(queue);

	(void)size;
	if (outcome != IMDS_OK) {
		describe(queue, outcome);
		return;
	}
	json_decref(*gathered);
	*gathered = names_read(body);
	if (*gathered)
		value_ask(queue);
	else
		sink_end_as(queue, MESSAGE_RETRY, AFTER_FAIL, "memory is short");
}

static void deliver(struct sink_queue *queue)
{
	if (imds_get(sink_imds(queue), PATH, names_came, queue) < 0)
		names_came(IMDS_FAILED, "", 0, queue);
}

const struct cloud_sink instance_tags = {
	.name = "tags",
	.limits = { .count = 1, .bytes = ENTRY_MAX, .entry = ENTRY_MAX },
	.deliver = deliver,
};
