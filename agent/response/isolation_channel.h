/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the agent still reaches AWS once the instance is in quarantine: the rules of the
 * quarantine group against those of the VPC's endpoints. Pure; the facts are a stranger's.
 */
#pragma once

#include <jansson.h>

#include "response/isolation_facts.h"

struct channel_facts {
	const char *quarantine;
	const json_t *endpoints;  /* of DescribeVpcEndpoints */
	const json_t *groups;	  /* of DescribeSecurityGroups: the quarantine's, the endpoints' */
	const json_t *interfaces; /* of DescribeNetworkInterfaces: the endpoints' */
	const struct isolation_facts *own;
};

/* {"service": "ec2", "open": true|false, "why": "text"}; a new reference, or NULL. */
json_t *channel_check(const struct channel_facts *facts, const char *service);
