/* SPDX-License-Identifier: Apache-2.0
 *
 * What a policy may ask of the host: who it is, as far as that is known, and its instance's tags,
 * which are asked for again now and then as long as the policy looks at them.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"

struct agent;

#define HOST_TAGS_ERROR_SIZE 512

struct host_tags {
	bool wanted;		 /* the policy looks at tags */
	bool instance_wanted;	 /* or at anything that only AWS can say */
	json_t *object;		 /* name to value; NULL: none are known */
	struct policy_tag *rows; /* of the object, for the policy */
	uint64_t next;		 /* boot clock; 0: at once */
	uint64_t pause;		 /* ns, after failures */
	uint64_t told;		 /* ns since the epoch: when they were said last; 0: never */
	bool metadata;		 /* who said them: else EC2 */
	bool asking;
	char error[HOST_TAGS_ERROR_SIZE]; /* why they are not known, or not anew; "" */
};

/* When there is another policy. */
void policy_host_set(struct agent *agent);
/* When more is known of the host than before: what the kernel side may drop is gone through again.
 */
void policy_host_changed(struct agent *agent);
/* Whether the policy asks what only AWS can say. */
bool policy_host_asks(const struct agent *agent);
/* Once a second. */
void policy_host_tick(struct agent *agent);
void policy_host_clear(struct agent *agent);
/* For status: null when the policy does not look at tags. */
json_t *policy_host_json(const struct agent *agent);
