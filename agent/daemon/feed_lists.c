/* SPDX-License-Identifier: Apache-2.0
 *
 * The lists that a pack is made of, and what they were when it was made: a text beside the pack, to
 * be compared. Gets the lists' files from feed_store.c and from the configuration; reads none.
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/feed_update.h"

#define FEEDS_TEXT_MAX (256 << 10)

bool feed_update_due(const struct agent *agent, const char *name)
{
	const struct config *config = &agent->config;
	const char *id = agent->host.instance_id ? agent->host.instance_id : agent->host.machine_id;
	uint8_t digest[SHA256_SIZE];
	struct stat file;
	char path[PATH_MAX];

	feed_store_path(&agent->feeds->store, name, FEED_NEW, path);
	if (stat(path, &file) < 0)
		return false;
	/* Of packs: what a policy excepts must hold everywhere. */
	if (strcmp(name, FEEDS_POLICY) == 0)
		return true;
	if (config->intel.canary >= 100 || agent->feeds->accepted || !id ||
	    digest_sha256(id, strlen(id), digest) < 0)
		return true;
	/* The share of hosts that go first. */
	if ((uint64_t)(digest[0] << 8 | digest[1]) * 100 < config->intel.canary * 65536)
		return true;
	return clock_realtime() / NS_PER_SECOND >=
	       (uint64_t)file.st_mtim.tv_sec + config->intel.canary_delay / NS_PER_SECOND;
}

bool feed_list_path(const struct agent *agent, const struct config_feed *feed,
		    char out[static PATH_MAX])
{
	if (feed->path) {
		(void)snprintf(out, PATH_MAX, "%s", feed->path);
		return true;
	}
	feed_store_path(&agent->feeds->store, feed->name,
			feed_update_due(agent, feed->name) ? FEED_NEW : FEED_GOOD, out);
	return access(out, F_OK) == 0;
}

int feed_lists_describe(const struct agent *agent, char **ret)
{
	const struct config *config = &agent->config;
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < config->intel.feeds_count; i++) {
		const struct config_feed *feed = &config->intel.feeds[i];
		struct stat list = { 0 };
		char path[PATH_MAX];

		if (feed_list_path(agent, feed, path))
			(void)stat(path, &list);
		(void)fprintf(out,
			      "%s %s tags=%s severity=%d action=%d format=%d expires=%llu "
			      "inode=%llu size=%lld time=%lld.%09ld\n",
			      feed->name, feed->path ? feed->path : feed->url, feed->tags,
			      (int)feed->severity, feed->action, (int)feed->format,
			      (unsigned long long)feed->expires, (unsigned long long)list.st_ino,
			      (long long)list.st_size, (long long)list.st_mtim.tv_sec,
			      list.st_mtim.tv_nsec);
	}
	if (config->intel.builtin_resolvers)
		(void)fprintf(out, "built-in resolvers of " PACKAGE_VERSION "\n");
	if (fclose(out) != 0)
		return -ENOMEM;
	*ret = take_ptr(text);
	return 0;
}

void feed_beside(const struct config *config, const char *ending, char out[static PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%.4000s%s", config->intel.pack, ending);
}

bool feed_lists_changed(const struct config *config, const char *description)
{
	CLEANUP(free_cleanup) char *before = NULL;
	CLEANUP(free_cleanup) char *held = NULL;
	char path[PATH_MAX];
	size_t size;

	/* What is held back is not compiled again and again. */
	feed_beside(config, ".held.feeds", path);
	if (fd_read_file(path, FEEDS_TEXT_MAX, &held, &size) == 0 && strcmp(held, description) == 0)
		return false;
	feed_beside(config, ".feeds", path);
	return access(config->intel.pack, R_OK) < 0 ||
	       fd_read_file(path, FEEDS_TEXT_MAX, &before, &size) < 0 ||
	       strcmp(before, description) != 0;
}

void feed_lists_note(const struct config *config, const char *ending, const char *description)
{
	char path[PATH_MAX];

	feed_beside(config, ending, path);
	if (fd_write_file(path, 0640, description, strlen(description)) < 0)
		log_warning("%s cannot be written: feeds are compiled again at each start", path);
}

bool feed_lists_present(const struct agent *agent)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < agent->config.intel.feeds_count; i++)
		if (feed_list_path(agent, &agent->config.intel.feeds[i], path))
			return true;
	return false;
}
