/* SPDX-License-Identifier: Apache-2.0
 *
 * What a policy may ask of the host: who it is, as far as that is known. The instance's part comes
 * when the metadata service has answered.
 */
#include "daemon/agent.h"

void reload_host(struct agent *agent)
{
	const struct ocsf_host *host = &agent->host;

	agent->policy_host = (struct policy_host){ .hostname = host->hostname,
						   .instance_id = host->instance_id,
						   .region = host->region,
						   .account = host->account,
						   .image_id = host->image_id };
	/* It may be known before there is a policy. */
	if (agent->policy)
		policy_set_host(agent->policy, &agent->policy_host);
}
