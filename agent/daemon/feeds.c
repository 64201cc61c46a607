/* SPDX-License-Identifier: Apache-2.0
 *
 * When feeds are asked, and their downloads: one after the other, by a process that is started for
 * the round. A feed that fails is asked again after a while, longer each time; its last good list
 * stays in force.
 */
#include "daemon/feeds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/control_request.h"
#include "daemon/policy_trust.h"

/* The first try again, in seconds; then twice as long each time, up to the feed's interval. */
#define RETRY_MIN    30
/* Of a process that downloads: curl, TLS, threads that resolve names; the reply comes on top. */
#define FETCH_MEMORY (UINT64_C(1) << 30)

static uint64_t now_seconds(void)
{
	return clock_realtime() / NS_PER_SECOND;
}

static uint64_t chance(uint64_t below)
{
	uint64_t bits = 0;

	(void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK);
	return below ? bits % below : 0;
}

/* ---- the configuration's feeds ---- */

/* Feed i of those that are downloaded; NULL: there are no more. */
static struct config_feed *source_at(struct config *config, size_t i, const char **ret_name)
{
	if (config->policy.source.url && i-- == 0) {
		*ret_name = FEEDS_POLICY;
		return &config->policy.source;
	}
	if (config->intel.source.url) {
		*ret_name = FEEDS_PACK;
		return i == 0 ? &config->intel.source : NULL;
	}
	for (size_t k = 0; k < config->intel.feeds_count; k++) {
		struct config_feed *feed = &config->intel.feeds[k];

		*ret_name = feed->name;
		if (feed->url && i-- == 0)
			return feed;
	}
	return NULL;
}

static bool name_configured(const char *name, const void *data)
{
	const struct config *config = data;

	/* Versions that were in force are kept: a policy that comes back is no new one. */
	if (strncmp(name, POLICY_RECORD, strlen(POLICY_RECORD)) == 0)
		return true;
	if (strcmp(name, FEEDS_POLICY) == 0)
		return config->policy.source.url != NULL;
	if (config->intel.source.url)
		return strcmp(name, FEEDS_PACK) == 0;
	for (size_t i = 0; i < config->intel.feeds_count; i++)
		if (strcmp(config->intel.feeds[i].name, name) == 0)
			return true;
	return false;
}

/* What came and waits for its day (canaries go first) is not replaced: else no day would come. */
static bool waits(const struct feeds *feeds, const char *name)
{
	char path[PATH_MAX];

	feed_store_path(&feeds->store, name, FEED_NEW, path);
	return access(path, F_OK) == 0 && !feed_update_due(feeds->agent, name);
}

/* ---- one download ---- */

static void ask_end(struct feeds *feeds)
{
	if (feeds->temporary)
		(void)unlink(feeds->temporary);
	free(take_ptr(feeds->temporary));
	close_cleanup(&feeds->output);
	feeds->output = -1;
	feeds->asked = NULL;
}

static void record_next(struct feed_record *record, const struct config_feed *feed)
{
	uint64_t interval = feed->interval / NS_PER_SECOND, wait = interval;

	/* A fleet does not ask all at once: up to a tenth earlier. */
	if (record->failures == 0) {
		record->next = now_seconds() + interval - chance(interval / 10 + 1);
		return;
	}
	if (record->failures < 16 && (uint64_t)RETRY_MIN << (record->failures - 1) < interval)
		wait = (uint64_t)RETRY_MIN << (record->failures - 1);
	record->next = now_seconds() + wait / 2 + chance(wait / 2 + 1);
}

static void record_fail(struct feeds *feeds, struct feed_record *record,
			const struct config_feed *feed, const char *why)
{
	if (record->failures++ == 0)
		log_warning("feed %s cannot be updated: %s; the last good list stays",
			    feeds->asked_name, why);
	(void)snprintf(record->error, sizeof(record->error), "%s", why);
	record_next(record, feed);
}

/* The download becomes the candidate. */
static int candidate_put(struct feeds *feeds)
{
	char path[PATH_MAX];
	int r;

	feed_store_path(&feeds->store, feeds->asked_name, FEED_NEW, path);
	r = fd_replace(feeds->output, feeds->temporary, path);
	if (r == 0)
		free(take_ptr(feeds->temporary));
	return r;
}

/* The list is the same, and holds for longer. */
static void list_refresh(struct feeds *feeds, const struct config_feed *feed)
{
	struct stat file;
	char path[PATH_MAX];

	feed_store_path(&feeds->store, feeds->asked_name, FEED_GOOD, path);
	if (feed->expires && stat(path, &file) == 0 &&
	    now_seconds() - (uint64_t)file.st_mtim.tv_sec > feed->expires / NS_PER_SECOND / 2 &&
	    utimensat(AT_FDCWD, path, NULL, 0) == 0)
		feeds->changed = true;
}

static void record_came(struct feeds *feeds, struct feed_record *record,
			const struct config_feed *feed, const struct fetch_result *result)
{
	record->checked = now_seconds();
	if (record->failures > 0)
		log_notice("feed %s can be updated again", feeds->asked_name);
	record->failures = 0;
	record->error[0] = '\0';
	record_next(record, feed);
	if (result->outcome == FETCH_SAME) {
		list_refresh(feeds, feed);
		return;
	}
	record->fetched = record->checked;
	record->bytes = result->size;
	(void)snprintf(record->etag, sizeof(record->etag), "%s", result->etag);
	(void)snprintf(record->modified, sizeof(record->modified), "%s", result->modified);
	feeds->changed = true;
}

static void round_continue(struct feeds *feeds);

static void fetch_done(const struct fetch_result *result, void *userdata)
{
	struct feeds *feeds = userdata;
	struct feed_record *record = feed_store_record(&feeds->store, feeds->asked_name);
	struct config_feed *feed = feeds->asked;
	const char *why = result->text;
	int r = 0;

	if (feed && record) {
		bool failed = result->outcome == FETCH_FAILED;

		if (result->outcome == FETCH_NEW && result->size == 0) {
			failed = true;
			why = "an empty reply";
		} else if (result->outcome == FETCH_NEW) {
			r = candidate_put(feeds);
			failed = r < 0;
			why = failed ? strerror(-r) : why;
		}
		if (failed)
			record_fail(feeds, record, feed, why);
		else
			record_came(feeds, record, feed, result);
	}
	ask_end(feeds);
	if (result->broken) {
		log_warning("cordon-cloud, which downloads feeds, was replaced: %s", result->text);
		pipeline_worker_broken(feeds->agent, result->text);
		fetch_job_free(take_ptr(feeds->fetch));
	}
	round_continue(feeds);
}

static int ask_begin(struct feeds *feeds, struct config_feed *feed, const char *name,
		     const struct feed_record *record)
{
	struct fetch_ask ask = { .size_max = feed->max_size, .timeout = feed->timeout };
	char path[PATH_MAX];
	int r;

	feed_store_path(&feeds->store, name, FEED_GOOD, path);
	(void)snprintf(ask.url, sizeof(ask.url), "%s", feed->url);
	/* Only what we still have may be the same. */
	if (strcmp(name, FEEDS_POLICY) == 0)
		(void)snprintf(path, sizeof(path), "%s", feeds->agent->config.policy.fetched);
	if (access(path, F_OK) == 0 || strcmp(name, FEEDS_PACK) == 0) {
		(void)snprintf(ask.etag, sizeof(ask.etag), "%s", record->etag);
		(void)snprintf(ask.modified, sizeof(ask.modified), "%s", record->modified);
	}
	(void)snprintf(feeds->asked_name, sizeof(feeds->asked_name), "%s", name);
	feeds->output = fd_open_temporary(path, 0640, &feeds->temporary);
	if (feeds->output < 0)
		return feeds->output;
	feeds->asked = feed;
	r = fetch_job_ask(feeds->fetch, &ask, feeds->output);
	if (r < 0)
		ask_end(feeds);
	return r;
}

/* ---- rounds ---- */

static struct config_feed *source_due(struct feeds *feeds, const char **ret_name,
				      struct feed_record **ret_record)
{
	struct config_feed *feed;

	for (size_t i = 0; (feed = source_at(&feeds->agent->config, i, ret_name)); i++) {
		*ret_record = feed_store_record(&feeds->store, *ret_name);
		if (*ret_record && (*ret_record)->next <= now_seconds() && !waits(feeds, *ret_name))
			return feed;
	}
	return NULL;
}

static void round_end(struct feeds *feeds)
{
	fetch_job_free(take_ptr(feeds->fetch));
	if (feed_store_save(&feeds->store) < 0)
		log_warning("%s cannot be written", feeds->store.folder);
	feeds->changed = false;
	policy_fetch_settle(feeds->agent);
	if (feeds->agent->config.intel.source.url)
		feed_update_pack(feeds->agent);
	else
		feed_update_start(feeds->agent);
}

static void round_continue(struct feeds *feeds)
{
	struct feed_record *record;
	struct config_feed *feed;
	const char *name;
	int r;

	while (feeds->fetch && (feed = source_due(feeds, &name, &record))) {
		r = ask_begin(feeds, feed, name, record);
		if (r == 0)
			return;
		(void)snprintf(feeds->asked_name, sizeof(feeds->asked_name), "%s", name);
		record_fail(feeds, record, feed, strerror(-r));
	}
	round_end(feeds);
}

static int round_begin(struct feeds *feeds)
{
	const struct agent *agent = feeds->agent;
	char *settings = delivery_settings(&agent->config, agent->host.hostname);
	struct fetch_job_options options = { .settings = settings };
	uint64_t largest = 0;
	const struct config_feed *feed;
	const char *name;
	int r;

	if (!settings)
		return -EINVAL;
	for (size_t i = 0; (feed = source_at(&feeds->agent->config, i, &name)); i++)
		largest = feed->max_size > largest ? feed->max_size : largest;
	/* A buffer that grows is twice as large at times, and copied. */
	options.memory = FETCH_MEMORY + 3 * largest;
	r = fetch_job_new(agent->loop, &options, fetch_done, feeds, &feeds->fetch);
	explicit_bzero(settings, strlen(settings));
	free(settings);
	return r;
}

/* What stops all of them is told once, and tried again as each of them is. */
static void round_fail(struct feeds *feeds, int error)
{
	struct feed_record *record;
	struct config_feed *feed;
	const char *name;

	while ((feed = source_due(feeds, &name, &record))) {
		(void)snprintf(feeds->asked_name, sizeof(feeds->asked_name), "%s", name);
		record_fail(feeds, record, feed,
			    error == -ENOENT  ? "cordon-cloud is not there"
			    : error == -EPERM ? "cordon-cloud may be written by others than root"
					      : strerror(-error));
	}
}

/* A candidate whose day has come, without a download. */
static bool candidate_due(struct feeds *feeds)
{
	const char *name;

	for (size_t i = 0; source_at(&feeds->agent->config, i, &name); i++)
		if (feed_update_due(feeds->agent, name))
			return true;
	return false;
}

void feeds_tick(struct agent *agent)
{
	struct feeds *feeds = agent->feeds;
	struct feed_record *record;
	const char *name;
	int r;

	if (!feeds || feeds->fetch || feeds->compile)
		return;
	if (source_due(feeds, &name, &record)) {
		r = round_begin(feeds);
		if (r < 0)
			round_fail(feeds, r);
		else
			round_continue(feeds);
	} else if (clock_boottime() >= feeds->retry_at && candidate_due(feeds)) {
		round_end(feeds);
	}
}

int feeds_ask_now(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	struct feeds *feeds = agent->feeds;
	const char *name;
	size_t count = 0;

	for (; feeds && source_at(&agent->config, count, &name); count++) {
		struct feed_record *record = feed_store_record(&feeds->store, name);

		if (record)
			record->next = 0;
	}
	if (count > 0) {
		feeds_tick(agent);
		return 0;
	}
	/* Lists in files: those that are newer. */
	return indicators_load(agent, error);
}

json_t *feeds_act(struct agent *agent, int request, uid_t uid,
		  char error[static CONTROL_ERROR_SIZE])
{
	int r = request == CONTROL_ACCEPT     ? feeds_accept(agent, error)
		: request == CONTROL_ROLLBACK ? feeds_rollback(agent, error)
					      : feeds_ask_now(agent, error);

	log_info("%s asked for over the control socket by uid %u",
		 control_request_name((enum control_request)request), uid);
	if (r < 0 && !error[0])
		(void)snprintf(error, CONTROL_ERROR_SIZE, "%s", strerror(-r));
	return r < 0 ? NULL : json_pack("{s:b}", "done", 1);
}

int feeds_open(struct agent *agent)
{
	struct feeds *feeds = calloc(1, sizeof(*feeds));
	int r;

	if (!feeds)
		return -ENOMEM;
	feeds->agent = agent;
	feeds->output = -1;
	r = feed_store_open(agent->config.state_dir, &feeds->store);
	if (r < 0) {
		free(feeds);
		return log_errno(LOG_ERR, r, "the folder of feeds cannot be made");
	}
	feed_store_prune(&feeds->store, name_configured, &agent->config);
	agent->feeds = feeds;
	return 0;
}

void feeds_close(struct agent *agent)
{
	struct feeds *feeds = agent->feeds;

	if (!feeds)
		return;
	fetch_job_free(feeds->fetch);
	compile_job_free(feeds->compile);
	ask_end(feeds);
	if (feeds->pack_temporary)
		(void)unlink(feeds->pack_temporary);
	free(feeds->pack_temporary);
	free(feeds->description);
	free(feeds->numbers);
	feed_store_close(&feeds->store);
	free(feeds);
	agent->feeds = NULL;
}

void feeds_reload(struct agent *agent)
{
	struct feeds *feeds = agent->feeds;

	if (!feeds)
		return;
	/* What is under way borrows from the configuration that goes. */
	fetch_job_free(take_ptr(feeds->fetch));
	ask_end(feeds);
	compile_job_free(take_ptr(feeds->compile));
	feed_store_prune(&feeds->store, name_configured, &agent->config);
}

/* ---- what is said of them ---- */

static json_t *age_json(uint64_t time)
{
	uint64_t now = now_seconds();

	return time ? json_integer((json_int_t)(now > time ? now - time : 0)) : json_null();
}

/* What is wrong with it, in the buffer where it must be made; NULL: nothing. */
static const char *feed_wrong(const struct feed_record *record, char text[static FEED_ERROR_SIZE])
{
	if (record->error[0])
		return record->error;
	if (record->items == 0 || record->entries > 0)
		return NULL;
	(void)snprintf(text, FEED_ERROR_SIZE, "none of its %llu lines is an entry",
		       (unsigned long long)record->items);
	return text;
}

static json_t *feed_json(struct feeds *feeds, const char *name, const char *source,
			 const char *format)
{
	struct feed_record *record = feed_store_record(&feeds->store, name);
	char wrong[FEED_ERROR_SIZE];

	if (!record)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:b, s:s?}", "name", name,
			 "source", source, "format", format, "age", age_json(record->fetched),
			 "checked", age_json(record->checked), "bytes", (json_int_t)record->bytes,
			 "items", (json_int_t)record->items, "entries", (json_int_t)record->entries,
			 "rejected", (json_int_t)record->rejected, "waiting", waits(feeds, name),
			 "error", feed_wrong(record, wrong));
}

json_t *feeds_json(struct agent *agent)
{
	const struct config *config = &agent->config;
	struct feeds *feeds = agent->feeds;
	json_t *list = json_array();

	if (!feeds) {
		json_decref(list);
		return NULL;
	}
	if (config->policy.source.url)
		(void)json_array_append_new(
			list, feed_json(feeds, FEEDS_POLICY, config->policy.source.url, "policy"));
	if (config->intel.source.url)
		(void)json_array_append_new(
			list, feed_json(feeds, FEEDS_PACK, config->intel.source.url, "pack"));
	for (size_t i = 0; i < config->intel.feeds_count && !config->intel.source.url; i++) {
		const struct config_feed *feed = &config->intel.feeds[i];

		(void)json_array_append_new(list, feed_json(feeds, feed->name,
							    feed->path ? feed->path : feed->url,
							    list_format_name(feed->format)));
	}
	return json_pack("{s:b, s:s?, s:o, s:o}", "busy", feeds->fetch || feeds->compile, "held",
			 feeds->store.held[0] ? feeds->store.held : NULL, "held_age",
			 age_json(feeds->store.held_since), "feeds", list);
}
