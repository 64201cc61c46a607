/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of sinks of AWS as the daemon has it: what turns each on, from which severity, and what
 * it is sent for a finding. How it is sent is cordon-cloud's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/endpoint.h"
#include "daemon/agent.h"
#include "daemon/delivery_private.h"
#include "report/asff.h"
#include "report/notice.h"

CLEANUP_DEFINE(json_t *, json_decref)

/* ---- what each takes ---- */

static bool asff_place_of(const struct delivery *delivery, struct asff_place *ret)
{
	const struct agent *agent = delivery->agent;
	const char *account = agent->config.report.security_hub.account;
	const char *region = delivery_region(&agent->config);

	if (!*region)
		region = agent->host.region;
	*ret = (struct asff_place){
		/* The instance's, where its own region is called. */
		.partition = delivery->partition[0] && strcmp(region, agent->host.region) == 0
				     ? delivery->partition
				     : endpoint_partition(region),
		.region = region,
		.account = account && *account ? account : agent->host.account,
		.instance_id = agent->host.instance_id,
		.hostname = agent->host.hostname,
	};
	return *ret->region && *ret->account;
}

static const char *security_hub_lacks(const struct delivery *delivery)
{
	struct asff_place place;

	if (asff_place_of(delivery, &place))
		return NULL;
	return *place.region ? "the account is not known: set report.security_hub.account"
			     : "the region is not known: set aws.region";
}

static char *security_hub_render(const struct delivery *delivery, const json_t *object,
				 const char *line)
{
	struct asff_place place;

	(void)line;
	return asff_place_of(delivery, &place) ? asff_finding(object, &place) : NULL;
}

static char *sns_render(const struct delivery *delivery, const json_t *object, const char *line)
{
	(void)delivery;
	return notice_finding(object, line);
}

/* ---- the table ---- */

#define FIELD(member) offsetof(struct config, report.member)
static const struct delivery_sink {
	unsigned id;
	size_t text;	 /* the key that turns it on */
	size_t truth;	 /* likewise, where that is a yes */
	size_t severity; /* of at least this */
	bool documents;	 /* it takes what was done as well */
	const char *(*lacks)(const struct delivery *delivery);
	/* NULL: it takes OCSF. */
	char *(*render)(const struct delivery *delivery, const json_t *object, const char *line);
} sinks[] = {
	{ .id = CLOUD_CLOUDWATCH,
	  .text = FIELD(cloudwatch.group),
	  .severity = FIELD(cloudwatch.severity),
	  .documents = true },
	/* On by its severity. */
	{ .id = CLOUD_OPSITEMS, .severity = FIELD(ssm.opsitems) },
	{ .id = CLOUD_EVENTBRIDGE,
	  .text = FIELD(eventbridge.bus),
	  .severity = FIELD(eventbridge.severity),
	  .documents = true },
	{ .id = CLOUD_SECURITY_HUB,
	  .truth = FIELD(security_hub.on),
	  .severity = FIELD(security_hub.severity),
	  .lacks = security_hub_lacks,
	  .render = security_hub_render },
	{ .id = CLOUD_SNS,
	  .text = FIELD(sns.topic),
	  .severity = FIELD(sns.severity),
	  .render = sns_render },
	{ .id = CLOUD_S3,
	  .text = FIELD(s3.bucket),
	  .severity = FIELD(s3.severity),
	  .documents = true },
};
_Static_assert(ELEMENTS(sinks) <= OUTBOX_SINKS_MAX, "the outbox has room for all");

static enum severity severity_of(const struct delivery_sink *sink, const struct config *config)
{
	return *(const enum severity *)(const void *)((const char *)config + sink->severity);
}

static bool is_wanted(const struct delivery_sink *sink, const struct config *config)
{
	const char *fields = (const char *)config;
	const char *text = sink->text ? *(char *const *)(const void *)(fields + sink->text) : NULL;

	if (!sink->text && !sink->truth)
		return severity_of(sink, config) != SEVERITY_NONE;
	return (text && *text) || (sink->truth && *(const bool *)(fields + sink->truth));
}

static const struct delivery_sink *sink_find(unsigned id)
{
	for (size_t i = 0; i < ELEMENTS(sinks); i++)
		if (sinks[i].id == id)
			return &sinks[i];
	return NULL;
}

bool delivery_sinks_wanted(const struct config *config)
{
	for (size_t i = 0; i < ELEMENTS(sinks); i++)
		if (is_wanted(&sinks[i], config))
			return true;
	return false;
}

void delivery_sinks_choose(struct delivery *delivery, struct outbox_options *options)
{
	const struct config *config = &delivery->agent->config;

	for (size_t i = 0; i < ELEMENTS(sinks); i++) {
		if (!is_wanted(&sinks[i], config))
			continue;
		delivery->sinks[sinks[i].id].wanted = true;
		options->sinks[options->sinks_count++] =
			(struct outbox_sink){ .id = sinks[i].id,
					      .severity = (int)severity_of(&sinks[i], config),
					      .documents = sinks[i].documents };
	}
}

const char *delivery_sink_lacks(const struct delivery *delivery, unsigned id)
{
	const struct delivery_sink *sink = sink_find(id);

	return sink && sink->lacks ? sink->lacks(delivery) : NULL;
}

int delivery_render(const struct delivery *delivery, const struct outbox_delivery *owed, char **ret)
{
	const struct delivery_sink *sink = sink_find(owed->sink);
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(owed->document, 0, NULL);
	CLEANUP(free_cleanup) char *line = NULL;
	int r;

	if (!sink || !object)
		return -EBADMSG;
	r = ocsf_finding_amend(object, owed->count, owed->last_seen);
	if (r == -ENOMEM)
		return r;
	/* What is no finding is as it was when it was done. */
	line = r == 0 ? ocsf_line(object) : strdup(owed->document);
	if (!line)
		return -ENOMEM;
	*ret = sink->render ? sink->render(delivery, object, line) : take_ptr(line);
	return *ret ? 0 : -EBADMSG;
}
