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
#include "daemon/feed_update.h"

/* What could not be compiled is tried again by itself, or when something new comes. */
#define RETRY_TIME (300 * NS_PER_SECOND)

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

	feed_beside(config, ".previous", previous);
	feed_beside(config, ".previous.new", temporary);
	(void)unlink(temporary);
	if (link(config->intel.pack, temporary) == 0 && rename(temporary, previous) < 0)
		(void)unlink(temporary);
}

static void held_forget(struct feeds *feeds)
{
	char path[PATH_MAX];

	feed_beside(&feeds->agent->config, ".held", path);
	(void)unlink(path);
	feed_beside(&feeds->agent->config, ".held.feeds", path);
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

	feed_beside(config, ".held", path);
	if (rename(feeds->pack_temporary, path) < 0)
		log_warning("%s cannot be written", path);
	if (feeds->description)
		feed_lists_note(config, ".held.feeds", feeds->description);
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
		if (feed_lists_describe(feeds->agent, &feeds->description) == 0)
			feed_lists_note(config, ".feeds", feeds->description);
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

static int update_begin(struct feeds *feeds)
{
	struct agent *agent = feeds->agent;
	CLEANUP(feed_inputs_close) struct feed_inputs *inputs = calloc(1, sizeof(*inputs));
	int r;

	feeds->error[0] = '\0';
	if (!inputs)
		return -ENOMEM;
	r = feed_lists_describe(agent, &feeds->description);
	if (r == 0)
		r = feed_inputs_open(feeds, inputs);
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

static bool update_wanted(struct agent *agent)
{
	CLEANUP(free_cleanup) char *description = NULL;

	return feed_lists_present(agent) && agent->config.intel.feeds_count > 0 &&
	       !agent->config.intel.source.url &&
	       (agent->feeds->accepted || (feed_lists_describe(agent, &description) == 0 &&
					   feed_lists_changed(&agent->config, description)));
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
	CLEANUP(feed_inputs_close) struct feed_inputs *inputs = NULL;
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
	feed_inputs_compare(agent, inputs);
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

	feed_beside(&agent->config, ".held", held);
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

		if (feed_lists_describe(agent, &text) == 0)
			feed_lists_note(&agent->config, ".feeds", text);
	}
	(void)feed_store_save(&feeds->store);
	log_notice("the update that was held back is accepted");
	return indicators_load(agent, error);
}

int feeds_rollback(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	const char *pack = agent->config.intel.pack;
	char previous[PATH_MAX];

	feed_beside(&agent->config, ".previous", previous);
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
