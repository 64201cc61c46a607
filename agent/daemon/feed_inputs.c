/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker is handed to compile the lists, or to compare a pack with the one in force:
 * descriptors of files that nobody here looks into.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/brake.h"
#include "daemon/feed_update.h"
#include "intel/never_block.h"
#include "intel/resolver_list.h"

static void fd_give_back(int fd)
{
	if (fd > 0)
		(void)close(fd);
}

void feed_inputs_close(struct feed_inputs **inputs)
{
	if (!*inputs)
		return;
	for (size_t i = 0; i < (*inputs)->count; i++)
		(void)close((*inputs)->feeds[i].fd);
	fd_give_back((*inputs)->options.never_block);
	fd_give_back((*inputs)->options.resolvers);
	fd_give_back((*inputs)->options.before);
	fd_give_back((*inputs)->options.popular);
	fd_give_back((*inputs)->options.in_use);
	fd_give_back((*inputs)->options.output);
	fd_give_back((*inputs)->options.ready);
	free(*inputs);
}

static int feed_hand(struct feeds *feeds, struct feed_inputs *inputs, size_t number)
{
	const struct config_feed *feed = &feeds->agent->config.intel.feeds[number];
	struct compile_job_feed *to = &inputs->feeds[inputs->count];
	char path[PATH_MAX];
	struct stat file;

	/* One that never came is told by its record. */
	if (!feed_list_path(feeds->agent, feed, path))
		return 0;
	to->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (to->fd < 0 || fstat(to->fd, &file) < 0) {
		int error = -errno;

		(void)snprintf(feeds->error, sizeof(feeds->error),
			       "feeds cannot be compiled: %.300s: %s", path, strerror(-error));
		return error;
	}
	to->hand = (struct compile_hand){
		.role = COMPILE_FEED,
		.severity = (uint8_t)feed->severity,
		.allow = feed->action == INDICATOR_ALLOW,
		.format = (uint8_t)feed->format,
		.expiry = feed->expires
				  ? (uint64_t)file.st_mtim.tv_sec + feed->expires / NS_PER_SECOND
				  : 0,
	};
	(void)snprintf(to->hand.name, sizeof(to->hand.name), "%s", feed->name);
	(void)snprintf(to->hand.tags, sizeof(to->hand.tags), "%s", feed->tags);
	if (strlen(feed->name) >= sizeof(to->hand.name) ||
	    strlen(feed->tags) >= sizeof(to->hand.tags)) {
		(void)close(to->fd);
		(void)snprintf(feeds->error, sizeof(feeds->error),
			       "feeds cannot be compiled: the name or the tags of %.200s are too "
			       "long",
			       feed->name);
		return -EINVAL;
	}
	feeds->numbers[feeds->numbers_count++] = number;
	inputs->count++;
	return 0;
}

void feed_inputs_compare(const struct agent *agent, struct feed_inputs *inputs)
{
	const struct config *config = &agent->config;
	uint64_t offset;
	int fd = -1;

	inputs->options.program = config->scan.worker;
	inputs->options.memory = config->intel.memory;
	if (agent->pack) {
		(void)pack_table(agent->pack, &fd, &offset);
		inputs->options.before = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	inputs->options.popular = config->intel.popular
					  ? open(config->intel.popular, O_RDONLY | O_CLOEXEC)
					  : popular_list_open();
	if (inputs->options.popular < 0)
		log_warning("the list of popular names cannot be read: updates are not compared "
			    "with it");
	inputs->options.in_use = brake_names_open(agent);
	if (inputs->options.in_use < 0)
		(void)log_errno(LOG_WARNING, inputs->options.in_use,
				"an update is not compared with the names in use");
}

int feed_inputs_open(struct feeds *feeds, struct feed_inputs *inputs)
{
	const struct config *config = &feeds->agent->config;
	const char *path;
	int r = 0;

	feeds->numbers = calloc(config->intel.feeds_count + 1, sizeof(*feeds->numbers));
	if (!feeds->numbers)
		return -ENOMEM;
	for (size_t i = 0; i < config->intel.feeds_count && r == 0; i++)
		r = feed_hand(feeds, inputs, i);
	if (r < 0)
		return r;
	inputs->options.never_block = never_block_open(config->intel.never_block, &path);
	if (inputs->options.never_block < 0) {
		(void)snprintf(feeds->error, sizeof(feeds->error), "%.300s: %s", path,
			       strerror(-inputs->options.never_block));
		return inputs->options.never_block;
	}
	if (config->intel.builtin_resolvers)
		inputs->options.resolvers = resolver_list_open();
	feed_inputs_compare(feeds->agent, inputs);
	inputs->options.output =
		fd_open_temporary(config->intel.pack, 0640, &feeds->pack_temporary);
	if (inputs->options.output < 0)
		(void)snprintf(feeds->error, sizeof(feeds->error), "%.300s: %s", config->intel.pack,
			       strerror(-inputs->options.output));
	return inputs->options.output < 0 ? inputs->options.output : 0;
}
