/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/cleanup.h"

const struct service service_table[SERVICES] = {
	[SERVICE_AUTO_SCALING] = { "autoscaling", "AUTO_SCALING", SERVICE_QUERY, "2011-01-01",
				   NULL },
	[SERVICE_INSTANCES] = { "ec2", "EC2", SERVICE_EC2, "2016-11-15", NULL },
	[SERVICE_LOAD_BALANCING] = { "elasticloadbalancing", "ELASTIC_LOAD_BALANCING_V2",
				     SERVICE_QUERY, "2015-12-01", NULL },
	[SERVICE_EVENTBRIDGE] = { "events", "EVENTBRIDGE", SERVICE_JSON, "1.1", "AWSEvents" },
	[SERVICE_LOGS] = { "logs", "CLOUDWATCH_LOGS", SERVICE_JSON, "1.1", "Logs_20140328" },
	[SERVICE_CLOUDWATCH] = { "monitoring", "CLOUDWATCH", SERVICE_QUERY, "2010-08-01", NULL },
	[SERVICE_S3] = { "s3", "S3", SERVICE_REST_XML, NULL, NULL },
	[SERVICE_SECURITY_HUB] = { "securityhub", "SECURITYHUB", SERVICE_REST_JSON, NULL, NULL },
	[SERVICE_SNS] = { "sns", "SNS", SERVICE_QUERY, "2010-03-31", NULL },
	[SERVICE_SSM] = { "ssm", "SSM", SERVICE_JSON, "1.1", "AmazonSSM" },
	[SERVICE_STS] = { "sts", "STS", SERVICE_QUERY, "2011-06-15", NULL },
};

struct partition {
	const char *name;
	const char *prefix; /* of its regions' names */
	const char *domain;
	const char *dual_stack; /* domain; NULL: it has none */
	bool plain_is_fips;	/* most services' plain hosts are the FIPS ones */
};

/* The last row is for every other region, as the SDKs have it. */
static const struct partition partitions[] = {
	{ "aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", false },
	{ "aws-us-gov", "us-gov-", "amazonaws.com", "api.aws", true },
	{ "aws-iso", "us-iso-", "c2s.ic.gov", NULL, false },
	{ "aws-iso-b", "us-isob-", "sc2s.sgov.gov", NULL, false },
	{ "aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu", false },
	{ "aws", "", "amazonaws.com", "api.aws", false },
};

/* Those whose FIPS hosts have a name of their own also where plain ones are FIPS. */
static const char *const fips_named[] = { "s3", "securityhub" };

const struct service *service_find(const char *name)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (strcmp(service_table[i].name, name) == 0)
			return &service_table[i];
	return NULL;
}

static const struct partition *partition_find(const char *region, const char *name)
{
	for (size_t i = 0; i < ELEMENTS(partitions) - 1; i++)
		if (name ? strcmp(name, partitions[i].name) == 0
			 : strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) == 0)
			return &partitions[i];
	return &partitions[ELEMENTS(partitions) - 1];
}

const char *endpoint_partition(const char *region)
{
	return partition_find(region, NULL)->name;
}

static bool fips_has_name(const struct partition *partition, const struct service *service)
{
	if (!partition->plain_is_fips)
		return true;
	for (size_t i = 0; i < ELEMENTS(fips_named); i++)
		if (strcmp(service->name, fips_named[i]) == 0)
			return true;
	return false;
}

/* Where every byte may stand in a host name: what comes from outside is put into one. */
static bool region_is_sound(const char *region)
{
	return region && *region &&
	       region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int host_url(const struct endpoint_options *options, const struct service *service,
		    char out[static ENDPOINT_URL_SIZE])
{
	const struct partition *partition;
	const char *domain, *fips = "", *dual = "";
	bool s3 = strcmp(service->name, "s3") == 0;
	int length;

	if (!region_is_sound(options->region))
		return -EINVAL;
	partition = partition_find(options->region, options->partition);
	domain = options->domain ? options->domain : partition->domain;
	if (options->dual_stack) {
		if (!partition->dual_stack)
			return -EOPNOTSUPP;
		/* S3 had dual stack before there was a domain for it. */
		if (s3)
			dual = "dualstack.";
		else
			domain = partition->dual_stack;
	}
	if (options->fips && (options->dual_stack || fips_has_name(partition, service)))
		fips = "-fips";
	length = snprintf(out, ENDPOINT_URL_SIZE, "https://%s%s.%s%s.%s", service->name, fips, dual,
			  options->region, domain);
	return length >= ENDPOINT_URL_SIZE ? -ENAMETOOLONG : 0;
}

/* Whether "host", "host:port" or "[v6]:port" is this host's loopback. */
static bool authority_is_loopback(const char *authority, size_t length)
{
	struct address address;
	char host[64];
	size_t size;

	if (length && authority[0] == '[') {
		authority++;
		size = strcspn(authority, "]");
	} else {
		size = strcspn(authority, ":/");
	}
	if (size >= sizeof(host))
		return false;
	memcpy(host, authority, size);
	host[size] = '\0';
	return strcmp(host, "localhost") == 0 ||
	       (address_parse(host, &address) == 0 && address_is_loopback(&address));
}

int endpoint_override(const char *url, char out[static ENDPOINT_URL_SIZE])
{
	bool secure = strncmp(url, "https://", 8) == 0;
	const char *authority = url + (secure ? 8 : 7);
	size_t length;

	if (!secure && strncmp(url, "http://", 7) != 0)
		return -EBADMSG;
	length = strcspn(authority, "/");
	if (length == 0 || authority[strcspn(authority, "?#@\\ \t\r\n")] != '\0')
		return -EBADMSG;
	if (!secure && !authority_is_loopback(authority, length))
		return -EPERM;
	length = strlen(url);
	while (url[length - 1] == '/')
		length--;
	if (length >= ENDPOINT_URL_SIZE)
		return -ENAMETOOLONG;
	memcpy(out, url, length);
	out[length] = '\0';
	return 0;
}

int endpoint_url(const struct endpoint_options *options, const struct service *service,
		 char out[static ENDPOINT_URL_SIZE])
{
	char name[64];
	const char *url = NULL;
	int r;

	if (options->override) {
		(void)snprintf(name, sizeof(name), "AWS_ENDPOINT_URL_%s", service->environment);
		url = options->override(name, options->userdata);
		if (!url || !*url)
			url = options->override("AWS_ENDPOINT_URL", options->userdata);
	}
	if (!url || !*url)
		return host_url(options, service, out);
	r = endpoint_override(url, out);
	return r < 0 ? r : ENDPOINT_OVERRIDDEN;
}
