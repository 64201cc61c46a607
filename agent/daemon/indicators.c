/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading indicators: feeds to pack, pack to kernel. Whatever is wrong with a new pack, the one in
 * force stays.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "intel/compile.h"
#include "intel/never_block.h"

CLEANUP_DEFINE(struct pack *, pack_close)

/* A pack that was refused is looked at again, for what an expiry or the end of an exception asks. */
#define RETRY_TIME (60 * NS_PER_SECOND)

static bool newer(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec > b->st_mtim.tv_sec ||
	       (a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec > b->st_mtim.tv_nsec);
}

static bool feeds_changed(const struct config *config)
{
	struct stat pack, feed;

	if (stat(config->intel.pack, &pack) < 0)
		return true;
	for (size_t i = 0; i < config->intel.feeds_count; i++)
		if (stat(config->intel.feeds[i].path, &feed) < 0 || newer(&feed, &pack))
			return true;
	return false;
}

static int feeds_compile(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	const struct config *config = &agent->config;
	CLEANUP(free_cleanup) struct compile_feed *feeds =
		calloc(config->intel.feeds_count, sizeof(*feeds));
	struct compile_options options = { .never_block = config->intel.never_block };
	struct compile_report report;
	uint64_t rejected = 0;
	int r;

	if (!feeds)
		return -ENOMEM;
	for (size_t i = 0; i < config->intel.feeds_count; i++) {
		const struct config_feed *feed = &config->intel.feeds[i];

		feeds[i] = (struct compile_feed){
			.path = feed->path,
			.name = feed->name,
			.tags = feed->tags,
			.severity = (uint8_t)feed->severity,
			.allow = feed->action == INDICATOR_ALLOW,
		};
	}
	r = compile_feeds(feeds, config->intel.feeds_count, &options, config->intel.pack, &report);
	if (r < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "feeds cannot be compiled: %s%s%s",
			       report.failed_path ? report.failed_path : "",
			       report.failed_path ? ": " : "", strerror(-r));
		return r;
	}
	for (size_t i = 0; i < LIST_REASONS; i++)
		rejected += report.rejected[i];
	log_info("feeds compiled: %llu domains, %llu addresses, %llu hashes, %llu lines rejected",
		 (unsigned long long)report.domains, (unsigned long long)report.addresses,
		 (unsigned long long)report.hashes, (unsigned long long)rejected);
	return 0;
}

static int pack_check(const struct agent *agent, const struct pack *pack,
		      char error[static CONTROL_ERROR_SIZE])
{
	char indicator[INDICATOR_TEXT_SIZE];
	int r = pack_check_never_block(pack, agent->config.intel.never_block, indicator);

	if (r == 0)
		return 0;
	if (r > 0)
		(void)snprintf(error, CONTROL_ERROR_SIZE,
			       "the pack %.200s would block %.200s, which is on the never-block list",
			       agent->config.intel.pack, indicator);
	else
		(void)snprintf(error, CONTROL_ERROR_SIZE, "the never-block list cannot be read: %s",
			       strerror(-r));
	return r > 0 ? -EPERM : r;
}

static bool entry_kept(const struct indicator *indicator, void *userdata)
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

static int pack_put(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	bool enforce = agent->config.mode == CONFIG_ENFORCE;
	struct pack_info info;
	uint64_t next_expiry;
	const char *why;
	int r = pack_open_private(agent->config.intel.pack, agent->config.state_dir, &pack, &why);

	if (r < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "pack %.300s: %.100s",
			       agent->config.intel.pack, why);
		return r;
	}
	r = pack_check(agent, pack, error);
	if (r < 0)
		return r;
	r = sensor_set_pack(agent->sensor, pack, clock_realtime() / NS_PER_SECOND,
			    enforce ? entry_kept : NULL, agent, &next_expiry);
	if (r < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "the table cannot be loaded: %s",
			       strerror(-r));
		return r;
	}
	next_change_set(agent, next_expiry);
	pack_info(pack, &info);
	log_info("pack in force: %llu domains, %llu addresses, %llu hashes of %zu feeds",
		 (unsigned long long)info.domains, (unsigned long long)info.addresses,
		 (unsigned long long)info.hashes, info.feeds);
	pack_close(agent->pack);
	agent->pack = take_ptr(pack);
	return 0;
}

int indicators_load(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	int r = 0;

	error[0] = '\0';
	if (agent->config.intel.feeds_count > 0 && feeds_changed(&agent->config))
		r = feeds_compile(agent, error);
	if (r == 0)
		r = pack_put(agent, error);
	(void)snprintf(agent->pack_error, sizeof(agent->pack_error), "%s", r < 0 ? error : "");
	if (r < 0)
		agent->next_change = clock_realtime() + RETRY_TIME;
	return r;
}
