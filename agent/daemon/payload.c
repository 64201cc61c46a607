/* SPDX-License-Identifier: Apache-2.0
 *
 * Payload on its way through the sandboxed workers, between two events of the pipeline: first bytes
 * of a flow go in, and what they say comes out. This process looks at none of them.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/agent.h"

/* At the end of the daemon, for what the workers are still reading. */
#define FINISH_TIMEOUT NS_PER_SECOND

static void worker_broken(const char *reason, void *userdata)
{
	log_warning("a worker was replaced: %s", reason);
	pipeline_worker_broken(userdata, reason);
}

/* What workers said comes in turns of their own, each ended by one commit. */
static void flow_told(const struct event *event, void *userdata)
{
	struct agent *agent = userdata;

	pipeline_flow(event, agent);
	(void)sd_event_source_set_enabled(agent->payload_told, SD_EVENT_ONESHOT);
}

static int flows_commit(sd_event_source *source, void *userdata)
{
	(void)source;
	pipeline_commit(userdata);
	return 0;
}

static void failure_explain(int error)
{
	if (error == -ENOENT)
		log_error("cordon-scan is not there: what TLS, QUIC and HTTP name is not read");
	else if (error == -EPERM)
		log_error("cordon-scan may be written by others than root, and is not run: what "
			  "TLS, QUIC and HTTP name is not read");
	else
		(void)log_errno(LOG_ERR, error, "workers cannot be had; payload is not read");
}

void payload_open(struct agent *agent)
{
	const struct pool_options options = {
		.program = agent->config.scan.worker,
		.workers = (unsigned)agent->config.scan.workers,
		.memory = agent->config.scan.memory,
	};
	int r = pool_new(agent->loop, &options, worker_broken, agent, &agent->pool);

	if (r == 0)
		r = flow_table_new(agent->pool, false, flow_told, agent, &agent->flows);
	if (r == 0)
		r = sd_event_add_defer(agent->loop, &agent->payload_told, flows_commit, agent);
	if (r >= 0)
		r = sd_event_source_set_enabled(agent->payload_told, SD_EVENT_OFF);
	if (r >= 0)
		return;
	failure_explain(r);
	payload_close(agent);
}

void payload_take(struct agent *agent, const struct event *event)
{
	if (agent->flows)
		flow_table_add(agent->flows, event, clock_boottime());
}

void payload_tick(struct agent *agent)
{
	if (agent->flows)
		flow_table_expire(agent->flows, clock_boottime());
}

void payload_finish(struct agent *agent)
{
	if (!agent->flows)
		return;
	flow_table_finish(agent->flows);
	if (pool_wait(agent->pool, clock_boottime() + FINISH_TIMEOUT) < 0)
		log_warning("the workers did not end in time: some payload was not read");
	pipeline_commit(agent);
}

void payload_close(struct agent *agent)
{
	pool_free(agent->pool);
	flow_table_free(agent->flows);
	agent->payload_told = sd_event_source_disable_unref(agent->payload_told);
	agent->pool = NULL;
	agent->flows = NULL;
}
