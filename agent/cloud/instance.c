/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/instance.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Until the metadata service is there: soon when the host has just started and has no network yet,
 * and less and less often, for off EC2 it never is. */
#define AGAIN_MIN NS_PER_SECOND
#define AGAIN_MAX (60 * NS_PER_SECOND)

struct instance {
	sd_event *loop;
	sd_event_source *timer;
	struct imds *imds;
	instance_told told;
	void *userdata;
	struct message_instance found;
	size_t row;
	bool lacking; /* one failed that others go on without */
	uint64_t pause;
};

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(struct instance *, instance_free)

#define FIELD(member) offsetof(struct message_instance, member)
/* The first two are what every instance has, and nothing goes without. */
#define ROWS_NEEDED   2
static const struct {
	const char *path;
	const char *key; /* of the JSON that the path gives; NULL: the text itself */
	size_t offset;
} rows[] = {
	{ "meta-data/instance-id", NULL, FIELD(id) },
	{ "meta-data/placement/region", NULL, FIELD(region) },
	{ "meta-data/placement/availability-zone", NULL, FIELD(zone) },
	{ "meta-data/services/partition", NULL, FIELD(partition) },
	{ "meta-data/services/domain", NULL, FIELD(domain) },
	{ "meta-data/ami-id", NULL, FIELD(image) },
	{ "dynamic/instance-identity/document", "accountId", FIELD(account) },
};

/* What is no name is not taken: it goes into host names, and to the parent, who checks it. */
static void value_take(struct instance *instance, const char *text, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._";
	char *field = (char *)&instance->found + rows[instance->row].offset;

	if (size >= MESSAGE_NAME_SIZE || strspn(text, letters) != size)
		return;
	memset(field, 0, MESSAGE_NAME_SIZE);
	memcpy(field, text, size);
}

static int again(sd_event_source *source, uint64_t usec, void *userdata);

static void row_answered(enum imds_outcome outcome, const char *body, size_t size, void *userdata)
{
	struct instance *instance = userdata;
	bool failed;

	if (outcome == IMDS_OK && rows[instance->row].key) {
		CLEANUP(json_decref_cleanup) json_t *object = json_loadb(body, size, 0, NULL);
		const json_t *value = json_object_get(object, rows[instance->row].key);

		if (json_is_string(value))
			value_take(instance, json_string_value(value), json_string_length(value));
	} else if (outcome == IMDS_OK) {
		value_take(instance, body, size);
	}
	/* Some instances have some of them not; one that fails is asked for again, after the
	 * others. */
	failed = outcome == IMDS_FAILED && instance->row >= ROWS_NEEDED;
	instance->lacking |= failed;
	if ((failed || outcome == IMDS_OK || outcome == IMDS_NOT_FOUND) &&
	    ++instance->row < ELEMENTS(rows)) {
		if (imds_get(instance->imds, rows[instance->row].path, row_answered, instance) == 0)
			return;
		outcome = IMDS_FAILED;
	}
	if ((failed || outcome == IMDS_NOT_FOUND) && instance->found.id[0])
		outcome = IMDS_OK;
	if (outcome != IMDS_OK || instance->lacking) {
		(void)sd_event_source_set_time_relative(instance->timer, instance->pause / 1000);
		(void)sd_event_source_set_enabled(instance->timer, SD_EVENT_ONESHOT);
	}
	instance->pause = instance->pause < AGAIN_MAX / 2 ? instance->pause * 2 : AGAIN_MAX;
	instance->told(&instance->found, outcome, instance->userdata);
}

static int again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct instance *instance = userdata;

	(void)source;
	(void)usec;
	instance->row = 0;
	instance->lacking = false;
	if (imds_get(instance->imds, rows[0].path, row_answered, instance) < 0)
		row_answered(IMDS_FAILED, "", 0, instance);
	return 0;
}

int instance_new(sd_event *loop, struct imds *imds, instance_told told, void *userdata,
		 struct instance **ret)
{
	CLEANUP(instance_free_cleanup) struct instance *instance = calloc(1, sizeof(*instance));
	int r;

	if (!instance)
		return -ENOMEM;
	*instance = (struct instance){ .loop = sd_event_ref(loop),
				       .imds = imds,
				       .told = told,
				       .userdata = userdata,
				       .pause = AGAIN_MIN };
	r = sd_event_add_time_relative(loop, &instance->timer, CLOCK_MONOTONIC, 0, 1, again,
				       instance);
	if (r < 0)
		return r;
	*ret = take_ptr(instance);
	return 0;
}

void instance_free(struct instance *instance)
{
	if (!instance)
		return;
	(void)sd_event_source_disable_unref(instance->timer);
	(void)sd_event_unref(instance->loop);
	free(instance);
}
