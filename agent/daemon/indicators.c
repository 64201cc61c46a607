/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading indicators: pack to kernel. Whatever is wrong with a new pack, the one in
 * force stays.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/brake.h"
#include "intel/never_block.h"

CLEANUP_DEFINE(struct pack *, pack_close)

/* A pack that was refused is looked at again, for what an expiry or the end of an exception asks.
 */
#define RETRY_TIME (60 * NS_PER_SECOND)

static int pack_check(const struct agent *agent, const struct pack *pack,
		      char error[static CONTROL_ERROR_SIZE])
{
	char indicator[INDICATOR_TEXT_SIZE];
	int r = pack_check_never_block(pack, agent->config.intel.never_block, indicator);

	if (r == 0)
		return 0;
	if (r > 0)
		(void)snprintf(
			error, CONTROL_ERROR_SIZE,
			"the pack %.200s would block %.200s, which the never-block list covers",
			agent->config.intel.pack, indicator);
	else
		(void)snprintf(error, CONTROL_ERROR_SIZE, "the never-block list cannot be read: %s",
			       strerror(-r));
	return r > 0 ? -EPERM : r;
}

bool entry_kept(const struct indicator *indicator, void *userdata)
{
	const struct agent *agent = userdata;

	return policy_entry(agent->policy, indicator, clock_realtime()) != POLICY_BLOCKS;
}

static void next_change_set(struct agent *agent, uint64_t next_expiry)
{
	agent->next_change = policy_next_change(agent->policy, clock_realtime());
	if (next_expiry && next_expiry < agent->next_change / NS_PER_SECOND)
		agent->next_change = next_expiry * NS_PER_SECOND;
}

/* Puts the pack's table into the kernel, as policy and time want it by now. */
static int pack_install(struct agent *agent, const struct pack *pack)
{
	struct sensor_pins pins;
	bool drops;
	uint64_t next_expiry = 0;
	int r;

	/* Programs that drop may be in force from the daemon before, and read the same table. */
	sensor_pins(agent->sensor, &pins);
	drops = agent->config.mode == CONFIG_ENFORCE || pins.taken_over;
	r = sensor_set_pack(agent->sensor, pack, clock_realtime() / NS_PER_SECOND,
			    drops ? entry_kept : NULL, agent, &next_expiry);
	if (r == 0)
		next_change_set(agent, next_expiry);
	return r;
}

static int pack_put(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	const char *path = agent->config.intel.pack, *why;
	struct pack_info info;
	struct stat file = { 0 };
	int r;

	(void)stat(path, &file);
	r = pack_open_private(path, agent->config.state_dir, &pack, &why);
	if (r < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "pack %.300s: %.100s", path, why);
		return r;
	}
	r = feed_update_verify(agent, pack, error);
	if (r == 0)
		r = pack_check(agent, pack, error);
	if (r < 0)
		return r;
	r = pack_install(agent, pack);
	if (r < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "the table cannot be loaded: %s",
			       strerror(-r));
		return r;
	}
	pack_info(pack, &info);
	log_info("pack in force: %llu domains, %llu addresses, %llu hashes of %zu feeds",
		 (unsigned long long)info.domains, (unsigned long long)info.addresses,
		 (unsigned long long)info.hashes, info.feeds);
	pack_close(agent->pack);
	agent->pack = take_ptr(pack);
	agent->pack_file = file;
	brake_pack(agent);
	teach_sweep(agent);
	return 0;
}

int indicators_load(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	char pack_error[CONTROL_ERROR_SIZE] = "";
	int r, put;

	error[0] = '\0';
	r = feed_update_now(agent, error);
	/* Feeds that cannot be compiled do not make the pack that there is worse. */
	put = pack_put(agent, pack_error);
	if (put < 0) {
		agent->next_change = clock_realtime() + RETRY_TIME;
		/* The policy may be another one. */
		if (agent->pack)
			(void)pack_install(agent, agent->pack);
	}
	if (r >= 0) {
		r = put;
		(void)snprintf(error, CONTROL_ERROR_SIZE, "%s", pack_error);
	}
	(void)snprintf(agent->pack_error, sizeof(agent->pack_error), "%s", r < 0 ? error : "");
	return r;
}

bool indicators_changed(const struct agent *agent)
{
	const struct stat *known = &agent->pack_file;
	struct stat file;

	return stat(agent->config.intel.pack, &file) == 0 &&
	       (file.st_dev != known->st_dev || file.st_ino != known->st_ino ||
		file.st_size != known->st_size || file.st_mtim.tv_sec != known->st_mtim.tv_sec ||
		file.st_mtim.tv_nsec != known->st_mtim.tv_nsec);
}
