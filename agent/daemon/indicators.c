/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading indicators: feeds to pack, pack to kernel. Whatever is wrong with a new pack, the one in
 * force stays.
 */
#include <config.h>

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
#include "intel/compile.h"
#include "intel/never_block.h"

CLEANUP_DEFINE(struct pack *, pack_close)

/* A pack that was refused is looked at again, for what an expiry or the end of an exception asks.
 */
#define RETRY_TIME (60 * NS_PER_SECOND)

/* What a pack was compiled from, as a text to compare: lists and what the configuration says of
 * them. Kept beside the pack. */
#define FEEDS_TEXT_MAX (256 << 10)

static int feeds_describe(const struct config *config, char **ret)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < config->intel.feeds_count; i++) {
		const struct config_feed *feed = &config->intel.feeds[i];
		struct stat list = { 0 };

		(void)stat(feed->path, &list);
		(void)fprintf(out,
			      "%s %s tags=%s severity=%d action=%d inode=%llu size=%lld "
			      "time=%lld.%09ld\n",
			      feed->name, feed->path, feed->tags, (int)feed->severity, feed->action,
			      (unsigned long long)list.st_ino, (long long)list.st_size,
			      (long long)list.st_mtim.tv_sec, list.st_mtim.tv_nsec);
	}
	if (config->intel.builtin_resolvers)
		(void)fprintf(out, "built-in resolvers of " PACKAGE_VERSION "\n");
	if (fclose(out) != 0)
		return -ENOMEM;
	*ret = take_ptr(text);
	return 0;
}

static void feeds_path(const struct config *config, char out[static PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s.feeds", config->intel.pack);
}

static bool feeds_changed(const struct config *config, const char *description)
{
	CLEANUP(free_cleanup) char *before = NULL;
	char path[PATH_MAX];
	size_t size;

	feeds_path(config, path);
	return access(config->intel.pack, R_OK) < 0 ||
	       fd_read_file(path, FEEDS_TEXT_MAX, &before, &size) < 0 ||
	       strcmp(before, description) != 0;
}

static void feeds_remember(const struct config *config, const char *description)
{
	CLEANUP(free_cleanup) char *temporary = NULL;
	CLEANUP(close_cleanup) int fd = -1;
	char path[PATH_MAX];

	feeds_path(config, path);
	fd = fd_open_temporary(path, 0640, &temporary);
	if (fd < 0 || fd_write_all(fd, description, strlen(description)) < 0 ||
	    fd_replace(fd, temporary, path) < 0)
		log_warning("%s cannot be written: feeds are compiled again at each start", path);
}

static int feeds_compile(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	const struct config *config = &agent->config;
	CLEANUP(free_cleanup)
	struct compile_feed *feeds = calloc(config->intel.feeds_count, sizeof(*feeds));
	struct compile_options options = {
		.never_block = config->intel.never_block,
		.builtin_resolvers = config->intel.builtin_resolvers,
	};
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
	teach_sweep(agent);
	return 0;
}

static int feeds_update(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	CLEANUP(free_cleanup) char *description = NULL;
	int r;

	if (agent->config.intel.feeds_count == 0)
		return 0;
	r = feeds_describe(&agent->config, &description);
	if (r < 0 || !feeds_changed(&agent->config, description))
		return r;
	r = feeds_compile(agent, error);
	if (r == 0)
		feeds_remember(&agent->config, description);
	return r;
}

int indicators_load(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	char pack_error[CONTROL_ERROR_SIZE] = "";
	int r, put;

	error[0] = '\0';
	r = feeds_update(agent, error);
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
