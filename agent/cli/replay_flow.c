/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the worker of one replay. Takes payload from the sensor's events, and gives events of what
 * it says to replay.c. Whoever recorded the packets controls the payload; it is read in the cage.
 */
#include "cli/replay_flow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/config.h"

/* For one packet's payload, a worker that is replaced included. */
#define SETTLE_TIMEOUT (60 * NS_PER_SECOND)

struct replay_flow {
	const struct config *config;
	flow_table_told told;
	void *userdata;
	struct pool *pool;	  /* NULL: no payload came so far */
	struct flow_table *table; /* NULL with pool */
	bool waiting;
};

int replay_flow_new(const struct config *config, flow_table_told told, void *userdata,
		    struct replay_flow **ret)
{
	struct replay_flow *flow = calloc(1, sizeof(*flow));

	if (!flow)
		return -ENOMEM;
	flow->config = config;
	flow->told = told;
	flow->userdata = userdata;
	*ret = flow;
	return 0;
}

void replay_flow_free(struct replay_flow *flow)
{
	if (!flow)
		return;
	pool_free(flow->pool);
	flow_table_free(flow->table);
	free(flow);
}

static void worker_broken(const char *reason, void *userdata)
{
	(void)userdata;
	log_warning("the worker was replaced: %s", reason);
}

static int worker_start(struct replay_flow *flow)
{
	/* One: the order of events is that of the packets. */
	const struct pool_options options = { .program = flow->config->scan.worker,
					      .workers = 1,
					      .memory = flow->config->scan.memory };
	int r = pool_new(NULL, &options, worker_broken, flow, &flow->pool);

	if (r == -EPERM)
		return log_errno(LOG_ERR, r, "cordon-scan may be written by others than root");
	if (r < 0)
		return log_errno(LOG_ERR, r, "cordon-scan cannot be run");
	r = flow_table_new(flow->pool, true, flow->told, flow->userdata, &flow->table);
	if (r < 0) {
		pool_free(flow->pool);
		flow->pool = NULL;
		return log_errno(LOG_ERR, r, "replay");
	}
	return 0;
}

int replay_flow_add(struct replay_flow *flow, const struct event *event)
{
	int r = flow->pool ? 0 : worker_start(flow);

	if (r < 0)
		return r;
	flow_table_expire(flow->table, event->time);
	flow_table_add(flow->table, event, event->time);
	flow->waiting = true;
	return 0;
}

int replay_flow_settle(struct replay_flow *flow)
{
	int r;

	if (!flow->waiting)
		return 0;
	flow->waiting = false;
	r = pool_wait(flow->pool, clock_boottime() + SETTLE_TIMEOUT);
	return r < 0 ? log_errno(LOG_ERR, r, "the worker does not read what it is given") : 0;
}

int replay_flow_finish(struct replay_flow *flow)
{
	if (!flow->pool)
		return 0;
	flow_table_finish(flow->table);
	flow->waiting = true;
	return replay_flow_settle(flow);
}

uint64_t replay_flow_unread(const struct replay_flow *flow)
{
	struct flow_table_statistics statistics;

	if (!flow->table)
		return 0;
	flow_table_statistics(flow->table, &statistics);
	return statistics.unread;
}
