/* SPDX-License-Identifier: Apache-2.0
 *
 * The responses of enforce mode are opened and closed here. What one cannot do is logged, and the
 * agent runs on without it.
 */
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/freeze.h"
#include "daemon/host_cut.h"

void responses_open(struct agent *agent)
{
	int r;

	if (agent->config.mode != CONFIG_ENFORCE)
		return;
	r = block_open(agent->loop, &agent->block);
	if (r < 0)
		(void)log_errno(LOG_WARNING, r,
				"programs whose lookups are blocked may wait for their timeout");
	r = cut_open(agent->loop, agent->sensor, &agent->cut);
	if (r < 0)
		(void)log_errno(LOG_WARNING, r,
				"flows to listed names are told, but cannot be cut");
}

void responses_close(struct agent *agent)
{
	block_close(agent->block);
	cut_close(agent->cut);
	freeze_close(agent);
	host_cut_close(agent);
}
