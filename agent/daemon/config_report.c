/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the keys of the sinks of AWS, and what their names may be made of: each stands in a request
 * that is signed with the host's role. Input: the configuration.
 */
#include "daemon/config_report.h"
#include "daemon/config_ssm.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

/* CloudWatch Logs, CreateLogGroup and CreateLogStream: what names may be made of. */
#define LOG_NAME_MAX 512

static int group_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_/#";
	bool sound = value->kind == DOCUMENT_SCALAR && !value->nothing && value->length > 0 &&
		     value->length <= LOG_NAME_MAX && strspn(value->text, letters) == value->length;

	if (!sound)
		return mapping_expected(document, value, "a log group (/cordon/findings)");
	return mapping_text(document, value, key, field);
}

static int stream_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	bool sound = value->kind == DOCUMENT_SCALAR && !value->nothing && value->length > 0 &&
		     value->length <= LOG_NAME_MAX && strcspn(value->text, ":*") == value->length;

	if (!sound)
		return mapping_expected(document, value, "a log stream, without : and *");
	return mapping_label(document, value, key, field);
}

/* A text of so many characters at most, made of these. */
static bool text_is(const struct document_node *value, size_t min, size_t max, const char *letters)
{
	return value->kind == DOCUMENT_SCALAR && !value->nothing && value->length >= min &&
	       value->length <= max && strspn(value->text, letters) == value->length;
}

/* EventBridge, PutEvents: EventBusName. */
static int bus_read(struct document *document, const struct document_node *value,
		    const struct mapping_key *key, void *field)
{
	if (!text_is(value, 1, 1600, LETTERS DIGITS "/.-_:"))
		return mapping_expected(document, value, "an event bus, by name or ARN (default)");
	return mapping_text(document, value, key, field);
}

static int account_read(struct document *document, const struct document_node *value,
			const struct mapping_key *key, void *field)
{
	if (!text_is(value, 12, 12, DIGITS))
		return mapping_expected(document, value,
					"an account (twelve digits, in quotes: they are a text)");
	return mapping_text(document, value, key, field);
}

/* arn:PARTITION:sns:REGION:ACCOUNT:NAME */
static int topic_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	bool sound = text_is(value, 1, 512, LETTERS DIGITS ":-_.") &&
		     strncmp(value->text, "arn:", 4) == 0 && strstr(value->text, ":sns:");
	unsigned colons = 0;

	for (size_t i = 0; sound && i < value->length; i++)
		colons += value->text[i] == ':';
	if (!sound || colons != 5)
		return mapping_expected(
			document, value,
			"a topic's ARN (arn:aws:sns:eu-west-1:123456789012:alerts)");
	return mapping_text(document, value, key, field);
}

/* S3, "Bucket naming rules". */
static int bucket_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	bool sound = text_is(value, 3, 63, "abcdefghijklmnopqrstuvwxyz" DIGITS ".-");

	if (!sound || strchr(".-", value->text[0]) ||
	    strchr(".-", value->text[value->length - 1]) || strstr(value->text, ".."))
		return mapping_expected(document, value, "the name of a bucket");
	return mapping_text(document, value, key, field);
}

/* A key has 1,024 bytes, of which date, host and digest need some. Segments of dots alone would be
 * taken for folders on the way. */
#define PREFIX_MAX 512

static bool segments_are_sound(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "/");

		if ((length == 1 && text[0] == '.') || (length == 2 && strncmp(text, "..", 2) == 0))
			return false;
		text += length;
		text += *text == '/';
	}
	return true;
}

static int prefix_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	bool sound = value->kind == DOCUMENT_SCALAR && !value->nothing &&
		     value->length <= PREFIX_MAX && value->text[0] != '/' &&
		     strlen(value->text) == value->length && segments_are_sound(value->text);

	for (size_t i = 0; sound && i < value->length; i++)
		sound = (unsigned char)value->text[i] >= 0x20 && value->text[i] != 0x7f;
	if (!sound)
		return mapping_expected(document, value, "what keys begin with (cordon/)");
	return mapping_text(document, value, key, field);
}

/* ---- keys ---- */

#define FIELD(name) offsetof(struct config, report.name)
#define SEVERITY(sink)                                                                             \
	{                                                                                          \
		"severity", mapping_severity, .offset = FIELD(sink.severity)                       \
	}
#define TABLE(sink)                                                                                \
	const struct mapping_table config_##sink = { "report." #sink, sink##_keys,                 \
						     ELEMENTS(sink##_keys) }

static const struct mapping_key cloudwatch_keys[] = {
	{ "group", group_read, .offset = FIELD(cloudwatch.group) },
	{ "stream", stream_read, .offset = FIELD(cloudwatch.stream) },
	{ "metrics", mapping_choice, .offset = FIELD(cloudwatch.metrics),
	  .detail = &config_metrics_words },
	{ "agent_group", group_read, .offset = FIELD(cloudwatch.agent_group) },
	SEVERITY(cloudwatch),
};
TABLE(cloudwatch);

static const struct mapping_key eventbridge_keys[] = {
	{ "bus", bus_read, .offset = FIELD(eventbridge.bus) },
	SEVERITY(eventbridge),
};
TABLE(eventbridge);

static const struct mapping_key security_hub_keys[] = {
	{ "enabled", mapping_boolean, .offset = FIELD(security_hub.on) },
	{ "account", account_read, .offset = FIELD(security_hub.account) },
	SEVERITY(security_hub),
};
TABLE(security_hub);

static const struct mapping_key sns_keys[] = {
	{ "topic", topic_read, .offset = FIELD(sns.topic) },
	SEVERITY(sns),
};
TABLE(sns);

/* Until they have gone, lines are on this host only. */
static const struct mapping_range interval_range = { 1, 3600 };

static const struct mapping_key s3_keys[] = {
	{ "bucket", bucket_read, .offset = FIELD(s3.bucket) },
	{ "prefix", prefix_read, .offset = FIELD(s3.prefix) },
	{ "interval", mapping_number, .offset = FIELD(s3.interval), .detail = &interval_range },
	{ "owner", account_read, .offset = FIELD(s3.owner) },
	SEVERITY(s3),
};
TABLE(s3);

void config_report_clear(struct config *config)
{
	char **const texts[] = {
		&config->report.cloudwatch.group,
		&config->report.cloudwatch.stream,
		&config->report.cloudwatch.agent_group,
		&config->report.eventbridge.bus,
		&config->report.security_hub.account,
		&config->report.sns.topic,
		&config->report.s3.bucket,
		&config->report.s3.prefix,
		&config->report.s3.owner,
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		free(*texts[i]);
		*texts[i] = NULL;
	}
}
