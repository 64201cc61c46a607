/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/settings.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/endpoint.h"
#include "cloud/message.h"

CLEANUP_DEFINE(json_t *, json_decref)

const char *cloud_sink_name(unsigned id)
{
	static const char *const names[CLOUD_SINKS] = {
		[CLOUD_CLOUDWATCH] = "cloudwatch",
		[CLOUD_OPSITEMS] = "opsitems",
		[CLOUD_INVENTORY] = "inventory",
		[CLOUD_COMPLIANCE] = "compliance",
		[CLOUD_AGENT_LOG] = "agent-log",
		[CLOUD_PREFLIGHT] = "preflight",
		[CLOUD_METRICS] = "metrics",
		[CLOUD_TAGS] = "tags",
		[CLOUD_EVENTBRIDGE] = "eventbridge",
		[CLOUD_SECURITY_HUB] = "security_hub",
		[CLOUD_SNS] = "sns",
		[CLOUD_S3] = "s3",
	};

	return id < ELEMENTS(names) ? names[id] : NULL;
}

bool cloud_sink_answers(unsigned id)
{
	return id == CLOUD_TAGS;
}

#define FIELD(member) offsetof(struct settings, member)
static const struct {
	const char *name;
	size_t offset;
} texts[] = {
	{ "region", FIELD(region) },
	{ "proxy", FIELD(proxy) },
	{ "no_proxy", FIELD(no_proxy) },
	{ "ca_bundle", FIELD(ca_bundle) },
	{ "metadata", FIELD(metadata) },
	{ "access_key", FIELD(access_key) },
	{ "secret_key", FIELD(secret_key) },
	{ "session_token", FIELD(session_token) },
	{ "hostname", FIELD(hostname) },
	{ "user_agent", FIELD(user_agent) },
	{ "cloudwatch_group", FIELD(cloudwatch.group) },
	{ "cloudwatch_stream", FIELD(cloudwatch.stream) },
	{ "cloudwatch_agent_group", FIELD(cloudwatch.agent_group) },
	{ "event_bus", FIELD(event_bus) },
	{ "topic", FIELD(topic) },
	{ "account", FIELD(account) },
	{ "pointer", FIELD(pointer) },
	{ "s3_bucket", FIELD(s3.bucket) },
	{ "s3_prefix", FIELD(s3.prefix) },
	{ "s3_owner", FIELD(s3.owner) },
};

static const char **text_of(const struct settings *settings, size_t row)
{
	return (const char **)((char *)settings + texts[row].offset);
}

char *settings_write(const struct settings *settings)
{
	CLEANUP(json_decref_cleanup)
	json_t *object =
		json_pack("{s:b, s:b, s:I}", "fips", settings->fips, "dual_stack",
			  settings->dual_stack, "s3_interval", (json_int_t)settings->s3.interval);
	json_t *overrides = json_object();
	bool failed = !object || json_object_set_new(object, "overrides", overrides) < 0;

	for (size_t i = 0; !failed && i < ELEMENTS(texts); i++) {
		const char *text = *text_of(settings, i);

		failed = json_object_set_new(object, texts[i].name, json_string(text ? text : "")) <
			 0;
	}
	for (size_t i = 0; !failed && i < settings->override_count; i++)
		failed = json_object_set_new(overrides, settings->overrides[i].name,
					     json_string(settings->overrides[i].url)) < 0;
	return failed ? NULL : json_dumps(object, JSON_COMPACT);
}

int settings_read(const json_t *object, struct settings *ret)
{
	struct settings settings = {
		.fips = json_is_true(json_object_get(object, "fips")),
		.dual_stack = json_is_true(json_object_get(object, "dual_stack")),
	};
	const json_t *value = json_object_get(object, "s3_interval");
	const char *name;

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return -EBADMSG;
	settings.s3.interval = (uint64_t)json_integer_value(value);
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		*text_of(&settings, i) = json_string_value(json_object_get(object, texts[i].name));
		if (!*text_of(&settings, i))
			return -EBADMSG;
	}
	json_object_foreach(json_object_get(object, "overrides"), name, value)
	{
		if (settings.override_count == SETTINGS_OVERRIDES_MAX || !json_is_string(value))
			return -EBADMSG;
		settings.overrides[settings.override_count++] =
			(struct settings_override){ name, json_string_value(value) };
	}
	*ret = settings;
	return 0;
}

static const char *override_find(const char *name, void *userdata)
{
	const struct settings *settings = userdata;

	for (size_t i = 0; i < settings->override_count; i++)
		if (strcmp(settings->overrides[i].name, name) == 0)
			return settings->overrides[i].url;
	return NULL;
}

void settings_endpoint(const struct settings *settings, const struct message_instance *instance,
		       struct endpoint_options *ret)
{
	*ret = (struct endpoint_options){
		.region = *settings->region ? settings->region : instance->region,
		.fips = settings->fips,
		.dual_stack = settings->dual_stack,
		.override = override_find,
		.userdata = (void *)(uintptr_t)settings,
	};
	/* Partition and domain are the instance's own region's. */
	if (strcmp(ret->region, instance->region) == 0) {
		ret->partition = *instance->partition ? instance->partition : NULL;
		ret->domain = *instance->domain ? instance->domain : NULL;
	}
}
