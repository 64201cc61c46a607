/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel side is taught while it runs: addresses that listed names resolved to, and which
 * resolvers are this host's own. And what it cannot see: connections that were begun before their
 * address was listed.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/host_cut.h"

static void address_learnt(const struct address *address, uint64_t expires,
			   const struct indicator *indicator, void *userdata)
{
	struct agent *agent = userdata;
	int r = sensor_learn(agent->sensor, address, expires, entry_kept(indicator, agent));

	if (r < 0)
		(void)log_errno(LOG_WARNING, r, "an address of listed name %s is not watched",
				indicator->text);
}

static void resolvers_changed(const struct resolvers *resolvers, void *userdata)
{
	struct agent *agent = userdata;
	size_t count, search_count;
	const struct address *addresses = resolvers_addresses(resolvers, &count);
	const struct domain_name *search = resolvers_search(resolvers, &search_count);
	int r = sensor_set_resolvers(agent->sensor, addresses, count);

	if (r < 0)
		(void)log_errno(LOG_WARNING, r,
				"lookups around this host's resolvers are not told of");
	detect_search(agent->detect, search, search_count);
	host_cut_configure(agent);
}

int teach_start(struct agent *agent)
{
	const struct resolvers_options options = {
		.configured = agent->config.sensor.resolvers,
		.configured_count = agent->config.sensor.resolvers_count,
		.interfaces = true,
	};
	int r = resolvers_new(&options, resolvers_changed, agent, &agent->resolvers);

	if (r < 0)
		return log_errno(LOG_ERR, r, "this host's resolvers cannot be read");
	detect_learn(agent->detect, address_learnt, agent);
	teach_tick(agent);
	return 0;
}

void teach_tick(struct agent *agent)
{
	(void)resolvers_refresh(agent->resolvers);
}

static bool address_listed(const struct address *address, void *userdata)
{
	const struct agent *agent = userdata;
	struct pack_match match;

	return pack_lookup_address(agent->pack, address, clock_realtime() / NS_PER_SECOND,
				   &match) == 1 &&
	       match.blocked;
}

void teach_sweep(struct agent *agent)
{
	int r = 0;

	if (agent->pack && agent->config.sensor.connections)
		r = sensor_sweep(agent->sensor, address_listed, agent);
	if (r < 0)
		(void)log_errno(LOG_WARNING, r,
				"connections that were open before are not looked at");
	pipeline_commit(agent);
}
