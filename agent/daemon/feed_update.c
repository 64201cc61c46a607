/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists to a pack, and the pack into force: in a worker, which is handed the lists. Whatever goes
 * wrong, what is in force stays; a list that cannot be read gives way to the one before it.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/brake.h"
#include "daemon/feeds.h"
#include "intel/never_block.h"
#include "intel/resolver_list.h"

/* What a pack was compiled from, as a text to compare: lists and what the configuration says of
 * them. Kept beside the pack. */
#define FEEDS_TEXT_MAX (256 << 10)
/* What could not be compiled is tried again by itself, or when something new comes. */
#define RETRY_TIME     (300 * NS_PER_SECOND)

/* ---- lists ---- */

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

/* The file that a feed's list is in now; false: there is none yet. */
static bool list_path(const struct agent *agent, const struct config_feed *feed,
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

static int feeds_describe(const struct agent *agent, char **ret)
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

		if (list_path(agent, feed, path))
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

static void beside(const struct config *config, const char *ending, char out[static PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%.4000s%s", config->intel.pack, ending);
}

static bool feeds_changed(const struct config *config, const char *description)
{
	CLEANUP(free_cleanup) char *before = NULL;
	CLEANUP(free_cleanup) char *held = NULL;
	char path[PATH_MAX];
	size_t size;

	/* What is held back is not compiled again and again. */
	beside(config, ".held.feeds", path);
	if (fd_read_file(path, FEEDS_TEXT_MAX, &held, &size) == 0 && strcmp(held, description) == 0)
		return false;
	beside(config, ".feeds", path);
	return access(config->intel.pack, R_OK) < 0 ||
	       fd_read_file(path, FEEDS_TEXT_MAX, &before, &size) < 0 ||
	       strcmp(before, description) != 0;
}

static void description_write(const struct config *config, const char *ending,
			      const char *description)
{
	char path[PATH_MAX];

	beside(config, ending, path);
	if (fd_write_file(path, 0640, description, strlen(description)) < 0)
		log_warning("%s cannot be written: feeds are compiled again at each start", path);
}

/* ---- into force ---- */

static void records_update(struct feeds *feeds, const struct compile_result *result)
{
	for (size_t i = 0; i < result->feeds_count && i < feeds->numbers_count; i++) {
		const struct config_feed *feed =
			&feeds->agent->config.intel.feeds[feeds->numbers[i]];
		const struct compile_feed_report *report = &result->feeds[i];
		struct feed_record *record = feed_store_record(&feeds->store, feed->name);

		if (!record)
			continue;
		record->items = report->items;
		record->entries = report->entries;
		record->never_blocked = report->rejected[LIST_NEVER_BLOCK];
		record->rejected = 0;
		for (size_t k = 0; k < LIST_REASONS; k++)
			record->rejected += report->rejected[k];
		if (feed->path) {
			record->checked = record->fetched = clock_realtime() / NS_PER_SECOND;
			record->error[0] = '\0';
		}
	}
}

/* Candidates of all feeds become what to says. */
static void candidates_move(struct feeds *feeds, enum feed_file from, enum feed_file to)
{
	for (size_t i = 0; i < feeds->store.count; i++)
		(void)feed_store_move(&feeds->store, feeds->store.records[i].name, from, to);
}

/* Those that were compiled: others may wait for their day. */
static void candidates_settle(struct feeds *feeds, enum feed_file to)
{
	const struct config *config = &feeds->agent->config;

	for (size_t i = 0; i < feeds->numbers_count; i++) {
		const char *name = config->intel.feeds[feeds->numbers[i]].name;

		if (feed_update_due(feeds->agent, name))
			(void)feed_store_move(&feeds->store, name, FEED_NEW, to);
	}
}

/* The pack in force stays at hand, for one command to go back to. */
static void previous_keep(const struct config *config)
{
	char previous[PATH_MAX], temporary[PATH_MAX];

	beside(config, ".previous", previous);
	beside(config, ".previous.new", temporary);
	(void)unlink(temporary);
	if (link(config->intel.pack, temporary) == 0 && rename(temporary, previous) < 0)
		(void)unlink(temporary);
}

static void held_forget(struct feeds *feeds)
{
	char path[PATH_MAX];

	beside(&feeds->agent->config, ".held", path);
	(void)unlink(path);
	beside(&feeds->agent->config, ".held.feeds", path);
	(void)unlink(path);
	feeds->store.held[0] = '\0';
	feeds->store.held_since = 0;
}

static int pack_replace(struct feeds *feeds, const char *from)
{
	const struct config *config = &feeds->agent->config;
	CLEANUP(close_cleanup) int fd = open(from, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	previous_keep(config);
	return fd_replace(fd, from, config->intel.pack);
}

static void update_hold(struct feeds *feeds, const char *why)
{
	const struct config *config = &feeds->agent->config;
	char path[PATH_MAX];

	beside(config, ".held", path);
	if (rename(feeds->pack_temporary, path) < 0)
		log_warning("%s cannot be written", path);
	if (feeds->description)
		description_write(config, ".held.feeds", feeds->description);
	candidates_settle(feeds, FEED_HELD);
	(void)snprintf(feeds->store.held, sizeof(feeds->store.held), "%s", why);
	feeds->store.held_since = clock_realtime() / NS_PER_SECOND;
	log_warning("an update is held back: %s; cordon intel accept puts it in force", why);
	pipeline_update(feeds->agent, true, why);
	(void)snprintf(feeds->error, sizeof(feeds->error), "the update is held back: %.400s", why);
	feeds->result = -EPERM;
}

static void update_take(struct feeds *feeds, const struct compile_result *result)
{
	const struct config *config = &feeds->agent->config;
	int r = pack_replace(feeds, feeds->pack_temporary);

	if (r < 0) {
		(void)snprintf(feeds->error, sizeof(feeds->error), "%.300s: %s", config->intel.pack,
			       strerror(-r));
		feeds->result = r;
		return;
	}
	records_update(feeds, result);
	candidates_settle(feeds, FEED_GOOD);
	held_forget(feeds);
	if (feeds->description) {
		/* Files have other names by now, and are otherwise the same. */
		free(take_ptr(feeds->description));
		if (feeds_describe(feeds->agent, &feeds->description) == 0)
			description_write(config, ".feeds", feeds->description);
	}
	log_info("feeds compiled: %llu domains, %llu addresses, %llu hashes, %llu rejected",
		 (unsigned long long)result->done->done.domains,
		 (unsigned long long)result->done->done.addresses,
		 (unsigned long long)result->done->done.hashes,
		 (unsigned long long)result->done->done.rejected);
	feeds->result = 0;
}

/* A list that cannot be read, and came just now, gives way to the one before. */
static bool candidate_drop(struct feeds *feeds, const struct compile_result *result)
{
	const struct config *config = &feeds->agent->config;
	struct feed_record *record;
	const char *name;

	if (result->feed >= feeds->numbers_count)
		return false;
	name = config->intel.feeds[feeds->numbers[result->feed]].name;
	record = feed_store_record(&feeds->store, name);
	if (record)
		(void)snprintf(record->error, sizeof(record->error), "cannot be read: %s",
			       result->error == -EBADMSG ? "damaged or truncated"
							 : strerror(-result->error));
	if (!feed_update_due(feeds->agent, name))
		return false;
	log_warning("feed %s: what came cannot be read (%s); the list before stays", name,
		    strerror(-result->error));
	feed_store_remove(&feeds->store, name, FEED_NEW);
	/* So that it is sent again. */
	if (record)
		record->etag[0] = record->modified[0] = '\0';
	return true;
}

/* A pack that came as a whole. */
static void pack_drop(struct feeds *feeds, const char *why)
{
	struct feed_record *record = feed_store_record(&feeds->store, FEEDS_PACK);

	feed_store_remove(&feeds->store, FEEDS_PACK, FEED_NEW);
	if (record) {
		(void)snprintf(record->error, sizeof(record->error), "%s", why);
		/* So that it is sent again. */
		record->etag[0] = record->modified[0] = '\0';
	}
	pipeline_update(feeds->agent, false, why);
}

/* What came is a list that says nothing: none of those that were read. */
static void records_empty(struct feeds *feeds)
{
	const struct config *config = &feeds->agent->config;

	for (size_t i = 0; i < feeds->numbers_count; i++) {
		const char *name = config->intel.feeds[feeds->numbers[i]].name;
		struct feed_record *record = feed_store_record(&feeds->store, name);

		if (record)
			(void)snprintf(record->error, sizeof(record->error),
				       "nothing of what came is an entry");
	}
}

static void update_fail(struct feeds *feeds, const struct compile_result *result)
{
	const struct config *config = &feeds->agent->config;
	const char *name = result->feed < feeds->numbers_count
				   ? config->intel.feeds[feeds->numbers[result->feed]].name
				   : "";
	const char *why = result->error == -ENODATA   ? "no list has an entry"
			  : result->error == -EBADMSG ? "damaged or truncated"
						      : strerror(-result->error);

	(void)snprintf(feeds->error, sizeof(feeds->error),
		       "feeds cannot be compiled: %s%s%s%s%.200s", name, *name ? ": " : "", why,
		       *result->text ? ": " : "", result->text);
	feeds->result = result->error;
	if (config->intel.source.url)
		pack_drop(feeds, why);
	if (result->error == -ENODATA)
		records_empty(feeds);
	if (result->broken)
		pipeline_worker_broken(feeds->agent, result->text);
}

static void update_clear(struct feeds *feeds)
{
	if (feeds->pack_temporary)
		(void)unlink(feeds->pack_temporary);
	free(take_ptr(feeds->pack_temporary));
	free(take_ptr(feeds->description));
	free(take_ptr(feeds->numbers));
	feeds->numbers_count = 0;
}

static int update_begin(struct feeds *feeds);

static void update_done(const struct compile_result *result, void *userdata)
{
	struct feeds *feeds = userdata;
	struct agent *agent = feeds->agent;
	char why[FEED_ERROR_SIZE], error[CONTROL_ERROR_SIZE];
	bool again = false;

	feeds->compile = NULL;
	if (result->error < 0) {
		again = candidate_drop(feeds, result);
		update_fail(feeds, result);
	} else if (feed_check(feeds, result, why)) {
		update_hold(feeds, why);
	} else {
		update_take(feeds, result);
	}
	update_clear(feeds);
	if (feed_store_save(&feeds->store) < 0)
		log_warning("%s cannot be written", feeds->store.folder);
	if (again) {
		int r = update_begin(feeds);

		feeds->result = r < 0 ? r : 1;
		return;
	}
	feeds->accepted = false;
	if (feeds->wait)
		return;
	if (feeds->result < 0)
		feeds->retry_at = clock_boottime() + RETRY_TIME;
	if (feeds->result < 0)
		log_error("%s; the old ones stay in force", feeds->error);
	else if (indicators_changed(agent) && indicators_load(agent, error) < 0)
		log_error("%s; the old one stays in force", error);
}

/* ---- the job ---- */

struct inputs {
	struct compile_job_feed feeds[COMPILE_FEEDS_MAX];
	size_t count;
	struct compile_job_options options;
};

static void fd_give_back(int fd)
{
	if (fd > 0)
		(void)close(fd);
}

static void inputs_close(struct inputs **inputs)
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

static int feed_hand(struct feeds *feeds, struct inputs *inputs, size_t number)
{
	const struct config_feed *feed = &feeds->agent->config.intel.feeds[number];
	struct compile_job_feed *to = &inputs->feeds[inputs->count];
	char path[PATH_MAX];
	struct stat file;

	/* One that never came is told by its record. */
	if (!list_path(feeds->agent, feed, path))
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

/* What every update is compared with. */
static void comparison_open(const struct agent *agent, struct inputs *inputs)
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

static int inputs_open(struct feeds *feeds, struct inputs *inputs)
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
	comparison_open(feeds->agent, inputs);
	inputs->options.output =
		fd_open_temporary(config->intel.pack, 0640, &feeds->pack_temporary);
	if (inputs->options.output < 0)
		(void)snprintf(feeds->error, sizeof(feeds->error), "%.300s: %s", config->intel.pack,
			       strerror(-inputs->options.output));
	return inputs->options.output < 0 ? inputs->options.output : 0;
}

static int update_begin(struct feeds *feeds)
{
	struct agent *agent = feeds->agent;
	CLEANUP(inputs_close) struct inputs *inputs = calloc(1, sizeof(*inputs));
	int r;

	feeds->error[0] = '\0';
	if (!inputs)
		return -ENOMEM;
	r = feeds_describe(agent, &feeds->description);
	if (r == 0)
		r = inputs_open(feeds, inputs);
	if (r == 0) {
		r = compile_job_start(feeds->wait ? NULL : agent->loop, &inputs->options,
				      inputs->feeds, inputs->count, update_done, feeds,
				      &feeds->compile);
		if (r < 0)
			(void)snprintf(feeds->error, sizeof(feeds->error),
				       "feeds cannot be compiled: %s",
				       r == -ENOENT  ? "cordon-scan is not there"
				       : r == -EPERM ? "cordon-scan may be written by others than "
						       "root"
						     : strerror(-r));
	}
	if (r < 0)
		update_clear(feeds);
	return r;
}

/* Before the first download there is nothing to compile. */
static bool lists_present(const struct agent *agent)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < agent->config.intel.feeds_count; i++)
		if (list_path(agent, &agent->config.intel.feeds[i], path))
			return true;
	return false;
}

static bool update_wanted(struct agent *agent)
{
	CLEANUP(free_cleanup) char *description = NULL;

	return lists_present(agent) && agent->config.intel.feeds_count > 0 &&
	       !agent->config.intel.source.url &&
	       (agent->feeds->accepted || (feeds_describe(agent, &description) == 0 &&
					   feeds_changed(&agent->config, description)));
}

int feed_update_now(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	struct feeds *feeds = agent->feeds;
	int r;

	if (!feeds || !update_wanted(agent))
		return 0;
	/* One that is under way knows less. */
	compile_job_free(take_ptr(feeds->compile));
	update_clear(feeds);
	feeds->wait = true;
	r = update_begin(feeds);
	while (r == 0 && feeds->compile)
		compile_job_wait(feeds->compile);
	feeds->wait = false;
	if (r == 0)
		r = feeds->result;
	(void)snprintf(error, CONTROL_ERROR_SIZE, "%s", r < 0 ? feeds->error : "");
	return r;
}

void feed_update_start(struct agent *agent)
{
	struct feeds *feeds = agent->feeds;

	if (feeds->compile || !update_wanted(agent))
		return;
	if (update_begin(feeds) == 0)
		return;
	feeds->retry_at = clock_boottime() + RETRY_TIME;
	log_error("%s; the old ones stay in force", feeds->error);
}

/* ---- a pack from elsewhere ---- */

static void pack_refuse(struct feeds *feeds, const char *why)
{
	log_error("the pack that came was refused: %s; the old one stays in force", why);
	pack_drop(feeds, why);
	(void)feed_store_save(&feeds->store);
}

static int signature_check(const struct agent *agent, int fd, struct signature *ret)
{
	const struct config_signers *signers = &agent->config.intel.signers;

	if (signers->count == 0)
		return 0;
	return signature_verify(fd, "pack", signers->keys, signers->count,
				clock_realtime() / NS_PER_SECOND,
				agent->feeds ? agent->feeds->store.pack_version : 0, ret);
}

void feed_update_pack(struct agent *agent)
{
	struct feeds *feeds = agent->feeds;
	CLEANUP(inputs_close) struct inputs *inputs = NULL;
	struct signature signature = { 0 };
	char path[PATH_MAX];
	int r;

	if (feeds->compile || !feed_update_due(agent, FEEDS_PACK))
		return;
	inputs = calloc(1, sizeof(*inputs));
	feed_store_path(&feeds->store, FEEDS_PACK, FEED_NEW, path);
	if (!inputs)
		return;
	inputs->options.ready = open(path, O_RDONLY | O_CLOEXEC);
	if (inputs->options.ready < 0)
		return;
	r = signature_check(agent, inputs->options.ready, &signature);
	if (r < 0) {
		pack_refuse(feeds, signature_error(r));
		return;
	}
	comparison_open(agent, inputs);
	feeds->pack_temporary = strdup(path);
	feeds->numbers_count = 0;
	if (!feeds->pack_temporary || compile_job_start(agent->loop, &inputs->options, NULL, 0,
							update_done, feeds, &feeds->compile) < 0) {
		free(take_ptr(feeds->pack_temporary));
		log_error("the pack that came cannot be looked at by a worker");
	}
}

int feed_update_verify(struct agent *agent, const struct pack *pack,
		       char error[static CONTROL_ERROR_SIZE])
{
	struct signature signature = { 0 };
	uint64_t offset;
	int fd, r;

	/* One that we made ourselves is as good as we are. */
	if (agent->config.intel.signers.count == 0 ||
	    (agent->config.intel.feeds_count > 0 && !agent->config.intel.source.url))
		return 0;
	(void)pack_table(pack, &fd, &offset);
	r = signature_check(agent, fd, &signature);
	if (r < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "pack %.300s: %s",
			       agent->config.intel.pack, signature_error(r));
		return r;
	}
	if (agent->feeds && signature.version > agent->feeds->store.pack_version) {
		agent->feeds->store.pack_version = signature.version;
		(void)feed_store_save(&agent->feeds->store);
	}
	return 0;
}

/* ---- by hand ---- */

int feeds_accept(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	struct feeds *feeds = agent->feeds;
	char held[PATH_MAX];
	int r;

	beside(&agent->config, ".held", held);
	if (!feeds || access(held, F_OK) < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "no update is held back");
		return -ENOENT;
	}
	r = pack_replace(feeds, held);
	if (r < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "%.300s: %s", held, strerror(-r));
		return r;
	}
	candidates_move(feeds, FEED_HELD, FEED_GOOD);
	held_forget(feeds);
	if (agent->config.intel.feeds_count > 0) {
		CLEANUP(free_cleanup) char *text = NULL;

		if (feeds_describe(agent, &text) == 0)
			description_write(&agent->config, ".feeds", text);
	}
	(void)feed_store_save(&feeds->store);
	log_notice("the update that was held back is accepted");
	return indicators_load(agent, error);
}

int feeds_rollback(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	const char *pack = agent->config.intel.pack;
	char previous[PATH_MAX];

	beside(&agent->config, ".previous", previous);
	/* The one in force becomes the previous one: a second rollback undoes the first. */
	if (renameat2(AT_FDCWD, previous, AT_FDCWD, pack, RENAME_EXCHANGE) < 0) {
		int r = -errno;

		(void)snprintf(error, CONTROL_ERROR_SIZE, "there is no pack before: %s",
			       strerror(-r));
		return r;
	}
	/* Somebody with the right to do so wants an older one. */
	if (agent->feeds)
		agent->feeds->store.pack_version = 0;
	log_notice("back to the pack before, as asked for");
	return indicators_load(agent, error);
}
