/* SPDX-License-Identifier: Apache-2.0
 *
 * Gathers what the agent's parts say of themselves, for status.c.
 */
#include <config.h>

#include "daemon/agent.h"
#include "daemon/file_guard.h"
#include "daemon/host_cut.h"
#include "daemon/isolation.h"
#include "daemon/status.h"

static void policy_add(const struct agent *agent, json_t *policy)
{
	(void)json_object_set_new(policy, "endings", policy_endings_json(agent));
	(void)json_object_set_new(policy, "instance_tags", policy_host_json(agent));
}

json_t *agent_status(struct agent *agent)
{
	struct status status = {
		.version = PACKAGE_VERSION,
		.enforce = agent->config.mode == CONFIG_ENFORCE,
		.started = agent->started,
		.cgroup = agent->cgroup,
		.pack_path = agent->config.intel.pack,
		.pack_error = agent->pack_error[0] ? agent->pack_error : NULL,
		.pack = agent->pack,
		.policy_files = (const char *const *)agent->config.policy.files,
		.policy_file_count = agent->config.policy.count,
		.policy_rules = policy_rules(agent->policy),
		.excepted = agent->excepted,
		.config = &agent->config,
		.config_waiting = agent->config_waiting,
		.ring_full_before = agent->ring_full_before,
	};
	json_t *reply;

	status.program_count = sensor_programs(agent->sensor, status.programs);
	(void)sensor_ledger(agent->sensor, &status.ledger);
	status.table_count = sensor_tables(agent->sensor, status.tables);
	sensor_pins(agent->sensor, &status.pins);
	(void)sensor_memory(agent->sensor, &status.maps, &status.table);
	journal_statistics(agent->journal, &status.findings);
	if (agent->block)
		block_statistics(agent->block, &status.block);
	if (agent->cut)
		cut_statistics(agent->cut, &status.cut);
	detect_statistics(agent->detect, &status.detect);
	for (size_t i = 0; i < agent->sinks_count; i++)
		sink_statistics(agent->sinks[i], &status.sinks[status.sink_count++]);
	control_statistics(agent->control, &status.control);
	if (agent->pool)
		status_workers(&status, agent->pool, agent->flows);
	status.contain = host_cut_json(agent);
	status.isolation = isolation_json(agent);
	status.deliveries = delivery_json(agent);
	status.feeds = feeds_json(agent);
	status.deliveries_failing = delivery_failing(agent);
	status.deliveries_dropped = delivery_dropped(agent);
	status.deliveries_poison = delivery_poison(agent);
	status_measure(&status);
	reply = status_json(&status);
	file_guard_status(agent, reply);
	policy_add(agent, json_object_get(reply, "policy"));
	json_decref(status.deliveries);
	json_decref(status.feeds);
	json_decref(status.contain);
	json_decref(status.isolation);
	return reply;
}
