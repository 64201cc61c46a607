/* SPDX-License-Identifier: Apache-2.0
 *
 * What cordon-cloud is told once: where AWS is, who it is there, and what goes where. cordond makes
 * it of its configuration and its unit's environment; cordon-cloud has neither. As JSON on the
 * channel.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Sinks, as deliveries in the journal know them: the numbers stay what they are. */
enum cloud_sink_id {
	CLOUD_CLOUDWATCH = 1,
	CLOUD_OPSITEMS = 2,
	/* What cordond says or asks itself: never in the journal. */
	CLOUD_INVENTORY = 3,
	CLOUD_COMPLIANCE = 4,
	CLOUD_AGENT_LOG = 5,
	CLOUD_PREFLIGHT = 7,
	CLOUD_METRICS = 8,
	CLOUD_TAGS = 9,
	/* Of findings. */
	CLOUD_EVENTBRIDGE = 10,
	CLOUD_SECURITY_HUB = 11,
	CLOUD_SNS = 12,
	CLOUD_S3 = 13,
	CLOUD_SINKS, /* one more than the last */
};

/* NULL: there is none of that number. */
const char *cloud_sink_name(unsigned id);
/* Whether what is sent there asks for an answer (MESSAGE_ANSWER) beside its result. */
bool cloud_sink_answers(unsigned id);

#define SETTINGS_OVERRIDES_MAX 16

/* Borrowed; "" for what is not given. */
struct settings {
	const char *region;
	struct settings_override {
		const char *name; /* "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS" */
		const char *url;
	} overrides[SETTINGS_OVERRIDES_MAX];
	size_t override_count;
	bool fips, dual_stack;
	const char *proxy, *no_proxy;
	const char *ca_bundle; /* PEM; "": the system's */
	const char *metadata;  /* URL of the metadata service; "off": it is not asked */
	const char *access_key, *secret_key, *session_token;
	const char *hostname; /* stream where there is no instance id */
	const char *user_agent;
	struct {
		const char *group; /* "": no such sink */
		const char *stream;
		const char *agent_group; /* of the agent's own log; "": no such sink */
	} cloudwatch;
	const char *event_bus; /* name or ARN; "": no such sink */
	const char *topic;     /* ARN; "": no such sink */
	const char *account;   /* for Security Hub, in the place of the instance's; "": that one */
	const char *pointer;   /* a parameter that is read (fetch_worker.h); "": none */
	struct {
		const char *bucket; /* "": no such sink */
		const char *prefix; /* before each key */
		const char *owner;  /* account that the bucket must be of; "": any */
		uint64_t interval;  /* seconds for which lines are gathered */
	} s3;
};

/* JSON text, the caller's to clear and free; NULL: no memory, or text that is not UTF-8. */
char *settings_write(const struct settings *settings);
/* Borrows from object. -EBADMSG. */
int settings_read(const json_t *object, struct settings *ret);

struct endpoint_options;
struct message_instance;

/* Where AWS is: the region that was given, or else the instance's. Borrows from both. */
void settings_endpoint(const struct settings *settings, const struct message_instance *instance,
		       struct endpoint_options *ret);
