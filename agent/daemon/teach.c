/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel side is taught while it runs: addresses that listed names resolved to, and which
 * resolvers are this host's own.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/agent.h"

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
