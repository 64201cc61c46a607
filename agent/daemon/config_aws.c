/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the keys of aws. The text is the administrator's.
 */
#include "daemon/config_aws.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cloud/endpoint.h"
#include "daemon/config.h"

static const struct mapping_word truth_words[] = {
	{ "yes", CONFIG_YES }, { "true", CONFIG_YES }, { "no", CONFIG_NO }, { "false", CONFIG_NO }
};
static const struct mapping_words truths = { truth_words, ELEMENTS(truth_words) };

/* What is signed with the host's role goes there: told now, not with the first call. */
static int endpoint_read(struct document *document, const struct document_node *value,
			 const struct mapping_key *key, void *field)
{
	char url[ENDPOINT_URL_SIZE];
	int r = mapping_label(document, value, key, field);

	if (r == 0 && endpoint_override(*(char **)field, url) < 0)
		return mapping_expected(document, value,
					"https://HOST, or http:// to this host's loopback");
	return r;
}

#define SCHEMA_LABEL  "{\"$ref\":\"#/$defs/label\"}"
#define FIELD(member) offsetof(struct config, aws.member)
#define ENDPOINT(key, service)                                                                     \
	{                                                                                          \
		key, endpoint_read, .offset = FIELD(endpoints[service]), .schema = SCHEMA_LABEL    \
	}

static const struct mapping_key endpoints_keys[] = {
	ENDPOINT("autoscaling", SERVICE_AUTO_SCALING),
	ENDPOINT("ec2", SERVICE_INSTANCES),
	ENDPOINT("elasticloadbalancing", SERVICE_LOAD_BALANCING),
	ENDPOINT("events", SERVICE_EVENTBRIDGE),
	ENDPOINT("logs", SERVICE_LOGS),
	ENDPOINT("monitoring", SERVICE_CLOUDWATCH),
	ENDPOINT("s3", SERVICE_S3),
	ENDPOINT("securityhub", SERVICE_SECURITY_HUB),
	ENDPOINT("sns", SERVICE_SNS),
	ENDPOINT("ssm", SERVICE_SSM),
	ENDPOINT("sts", SERVICE_STS),
};
_Static_assert(ELEMENTS(endpoints_keys) == SERVICES, "each service has its key");
static const struct mapping_table endpoints_table = { "aws.endpoints", endpoints_keys,
						      ELEMENTS(endpoints_keys) };

static const struct mapping_key keys[] = {
	{ "region", mapping_label, .offset = FIELD(region) },
	{ "endpoint", endpoint_read, .offset = FIELD(endpoint), .schema = SCHEMA_LABEL },
	{ "endpoints", mapping_section, .detail = &endpoints_table },
	{ "fips", mapping_choice, .offset = FIELD(fips), .detail = &truths },
	{ "dual_stack", mapping_choice, .offset = FIELD(dual_stack), .detail = &truths },
	{ "proxy", mapping_label, .offset = FIELD(proxy) },
	{ "no_proxy", mapping_label, .offset = FIELD(no_proxy) },
	{ "ca_file", mapping_path, .offset = FIELD(ca_file) },
	{ "metadata", mapping_label, .offset = FIELD(metadata) },
};
const struct mapping_table config_aws_table = { "aws", keys, ELEMENTS(keys) };

void config_aws_clear(struct config *config)
{
	free(config->aws.endpoint);
	for (size_t i = 0; i < SERVICES; i++)
		free(config->aws.endpoints[i]);
}
