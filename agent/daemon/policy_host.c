/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what a policy may ask of the host. The instance's part comes from delivery.c when the
 * metadata service has answered, its tags from cordon-cloud (cloud/instance_tags.c); whoever may
 * tag the instance says what is in them.
 */
#include "daemon/policy_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud/settings.h"
#include "cloud/tags.h"
#include "daemon/agent.h"
#include "daemon/delivery_private.h"

/* The metadata service is the own hypervisor, and free. EC2 limits how often an account's hosts
 * may ask, all together. */
#define AGAIN_METADATA (300 * NS_PER_SECOND)
#define AGAIN_EC2      (3600 * NS_PER_SECOND)
/* After a failure, and longer each time. Without the permission each try is an entry in
 * somebody's audit log. */
#define PAUSE_MIN      NS_PER_SECOND
#define PAUSE_MAX      (300 * NS_PER_SECOND)

CLEANUP_DEFINE(json_t *, json_decref)

/* Gone through once, and not in each tick: there may be thousands of rules. */
static bool instance_used(const struct policy *policy)
{
	static const char *const keys[] = { "instance", "region", "account", "image",
					    "instance_tag" };

	for (size_t i = 0; i < ELEMENTS(keys); i++)
		if (policy_uses(policy, keys[i]))
			return true;
	return false;
}

void policy_host_set(struct agent *agent)
{
	const struct ocsf_host *host = &agent->host;

	agent->policy_host =
		(struct policy_host){ .hostname = host->hostname,
				      .instance_id = host->instance_id,
				      .region = host->region,
				      .account = host->account,
				      .image_id = host->image_id,
				      .tags = agent->tags.rows,
				      .tags_count = json_object_size(agent->tags.object) };
	/* It may be known before there is a policy. */
	if (!agent->policy)
		return;
	policy_set_host(agent->policy, &agent->policy_host);
	agent->tags.wanted = policy_uses(agent->policy, "instance_tag");
	agent->tags.instance_wanted = instance_used(agent->policy);
}

bool policy_host_asks(const struct agent *agent)
{
	return agent->tags.instance_wanted;
}

void policy_host_changed(struct agent *agent)
{
	policy_host_set(agent);
	/* The marks in the kernel's table are the policy's word, and made anew in the next tick. */
	if (policy_host_asks(agent))
		agent->next_change = 0;
}

/* ---- tags ---- */

/* Takes the object. 0, or -ENOMEM and nothing has changed. */
static int tags_use(struct agent *agent, json_t *object)
{
	struct policy_tag *rows = calloc(json_object_size(object) + 1, sizeof(*rows));
	const char *name;
	json_t *value;
	size_t count = 0;

	if (!rows) {
		json_decref(object);
		return -ENOMEM;
	}
	json_object_foreach(object, name, value) rows[count++] =
		(struct policy_tag){ name, json_string_value(value) };
	policy_host_clear(agent);
	agent->tags.object = object;
	agent->tags.rows = rows;
	return 0;
}

static void tags_came(struct agent *agent, json_t *object, bool metadata)
{
	struct host_tags *tags = &agent->tags;

	tags->metadata = metadata;
	tags->told = clock_realtime();
	tags->error[0] = '\0';
	tags->pause = 0;
	tags->next = clock_boottime() + (metadata ? AGAIN_METADATA : AGAIN_EC2);
	tags->next += delivery_chance((tags->next - clock_boottime()) / 8);
	if (tags->object && json_equal(tags->object, object)) {
		json_decref(object);
		return;
	}
	if (tags_use(agent, object) < 0)
		return;
	log_info("the policy knows %zu tags of this instance, from %s", json_object_size(object),
		 metadata ? "the metadata service" : "EC2");
	policy_host_changed(agent);
}

/* Those that are known stay. */
static void tags_failed(struct host_tags *tags, bool denied, const char *text)
{
	if (!tags->error[0])
		log_warning("the policy asks for this instance's tags, and they are not to be had: "
			    "%s%s",
			    text,
			    denied ? "; allow tags in its metadata options, or ec2:DescribeTags"
				   : "");
	(void)snprintf(tags->error, sizeof(tags->error), "%s", text);
	tags->pause = tags->pause ? tags->pause * 2 : PAUSE_MIN;
	if (tags->pause > PAUSE_MAX)
		tags->pause = PAUSE_MAX;
	tags->next = clock_boottime() + (denied ? AGAIN_EC2 : tags->pause);
	tags->next += delivery_chance((tags->next - clock_boottime()) / 8);
}

static void tags_answered(const struct ask_result *result, void *userdata)
{
	struct agent *agent = userdata;
	bool metadata;
	json_t *object =
		result->answer ? tags_read(result->answer, result->answer_size, &metadata) : NULL;

	agent->tags.asking = false;
	if (result->outcome == MESSAGE_DELIVERED && object) {
		tags_came(agent, object, metadata);
		return;
	}
	json_decref(object);
	tags_failed(&agent->tags, result->outcome == MESSAGE_DENIED,
		    result->outcome == MESSAGE_DELIVERED ? "what came are no tags" : result->text);
}

void policy_host_tick(struct agent *agent)
{
	struct host_tags *tags = &agent->tags;
	int r;

	if (tags->asking || clock_boottime() < tags->next)
		return;
	/* Nothing else goes to AWS: cordon-cloud was not started for it. */
	if (!agent->delivery && policy_host_asks(agent) && delivery_open(agent) < 0)
		tags->next = clock_boottime() + PAUSE_MAX;
	if (!tags->wanted)
		return;
	r = delivery_ask(agent, CLOUD_TAGS, true, TAGS_ENTRY, tags_answered, agent);
	/* No room, or not yet there: in the next tick. */
	tags->asking = r == 0;
	if (r == -ENOTCONN)
		tags_failed(tags, false, "cordon-cloud cannot be had");
}

void policy_host_clear(struct agent *agent)
{
	json_decref(agent->tags.object);
	free(agent->tags.rows);
	agent->tags.object = NULL;
	agent->tags.rows = NULL;
}

json_t *policy_host_json(const struct agent *agent)
{
	const struct host_tags *tags = &agent->tags;
	char time[CLOCK_TEXT_SIZE] = "";

	if (!tags->wanted)
		return json_null();
	if (tags->told)
		clock_format(tags->told, time);
	return json_pack(
		"{s:i, s:s?, s:s?, s:s?}", "count", (int)json_object_size(tags->object), "source",
		!tags->told	 ? NULL
		: tags->metadata ? "metadata"
				 : "ec2",
		"time", tags->told ? time : NULL, "error", tags->error[0] ? tags->error : NULL);
}
