/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a service of AWS is: host by region, partition and the FIPS and dual-stack choices, or the
 * override that an operator gave. A row in the table of services adds one. Input: configuration and
 * the environment of the unit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* How a service writes requests and replies. */
enum service_protocol {
	SERVICE_JSON,	   /* POST /, X-Amz-Target, JSON both ways */
	SERVICE_QUERY,	   /* POST /, a form; XML back */
	SERVICE_EC2,	   /* as QUERY, with other lists and errors */
	SERVICE_REST_JSON, /* method and path, JSON both ways */
	SERVICE_REST_XML,  /* method and path, bytes or XML */
};

enum service_id {
	SERVICE_AUTO_SCALING,
	SERVICE_CLOUDWATCH,
	SERVICE_INSTANCES,
	SERVICE_LOAD_BALANCING,
	SERVICE_EVENTBRIDGE,
	SERVICE_LOGS,
	SERVICE_S3,
	SERVICE_SECURITY_HUB,
	SERVICE_SNS,
	SERVICE_SSM,
	SERVICE_STS,
	SERVICES,
};

struct service {
	const char *name;	 /* in the host and in the credential scope: "logs" */
	const char *environment; /* of AWS_ENDPOINT_URL_...: "CLOUDWATCH_LOGS" */
	enum service_protocol protocol;
	const char *version; /* of the form protocols: "2016-11-15"; of JSON: "1.1" */
	const char *target;  /* before the operation in X-Amz-Target; or NULL */
};

extern const struct service service_table[SERVICES];

/* NULL: there is none of that name. */
const struct service *service_find(const char *name);

struct endpoint_options {
	const char *region;
	const char *partition; /* as the metadata service says; NULL: by the region's name */
	const char *domain;    /* likewise: "amazonaws.com"; NULL: the partition's */
	bool fips, dual_stack;
	/* The value of a variable of the unit's environment or of the aws.* key that stands over
	 * it, or NULL: AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_LOGS... NULL: there are no overrides. */
	const char *(*override)(const char *name, void *userdata);
	void *userdata;
};

#define ENDPOINT_URL_SIZE 512

/* The endpoint is another one than AWS's own. */
#define ENDPOINT_OVERRIDDEN 1

/* The service's base URL, without a slash at its end: "https://logs.eu-west-1.amazonaws.com". 0, or
 * ENDPOINT_OVERRIDDEN.
 * -EINVAL: the region is not one (empty, or bytes that are in no host name); -EPERM: an override is
 * plain http, and not to loopback; -EBADMSG: an override is no http or https URL, or has a query or
 * credentials in it; -ENAMETOOLONG; -EOPNOTSUPP: the partition has no dual-stack endpoints. */
int endpoint_url(const struct endpoint_options *options, const struct service *service,
		 char out[static ENDPOINT_URL_SIZE]);

/* What endpoint_url() makes of an override, and its errors. */
int endpoint_override(const char *url, char out[static ENDPOINT_URL_SIZE]);

/* The partition by the region's name ("aws" when nothing else fits), for ARNs. */
const char *endpoint_partition(const char *region);
