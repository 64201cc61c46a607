/* SPDX-License-Identifier: Apache-2.0
 *
 * What is loaded again while the agent runs: configuration and policy on SIGHUP and on request, the
 * policy and the pack when their files change. All or nothing: what is broken is refused with its
 * errors, and what was in force stays.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/policy_trust.h"
#include "daemon/host_cut.h"
#include "daemon/config_fixed.h"
#include "daemon/routes.h"

/* An editor writes a file in several steps, and somebody may put several files: the policy is read
 * when it has been quiet for so long. Microseconds. */
#define SETTLE_USEC (300 * 1000)

void reload_errors_log(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		log_error("%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void warning_log(const char *text, void *userdata)
{
	(void)userdata;
	log_warning("%s", text);
}

int reload_policy_open(const struct config *config, struct policy **ret,
		       struct policy_error *ret_error)
{
	int r = policy_load((const char *const *)config->policy.files, config->policy.count, ret,
			    ret_error);

	if (r == 0)
		(void)policy_warnings(*ret, clock_realtime(), warning_log, NULL);
	return r;
}

static void waiting_tell(const struct agent *agent)
{
	for (size_t i = 0; config_fixed_name(i); i++)
		if (agent->config_waiting >> i & 1)
			log_warning("%s changes with the next start only; until then its value is "
				    "the one before (cordon status)",
				    config_fixed_name(i));
}

/* Another pack at the configured path is taken up, whoever put it there. */
static int pack_moved(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct agent *agent = userdata;
	const char *slash = strrchr(agent->config.intel.pack, '/');
	char error[CONTROL_ERROR_SIZE];

	(void)source;
	if (!event->len || strcmp(event->name, slash ? slash + 1 : agent->config.intel.pack) != 0)
		return 0;
	/* A rename and a close may be told of the same file. */
	if (indicators_changed(agent) && indicators_load(agent, error) < 0)
		log_error("%s; the old one stays in force", error);
	return 0;
}

/* Watches the folder of the pack, and no other. */
static void pack_watch(struct agent *agent)
{
	char path[PATH_MAX], *slash;
	int r;

	agent->pack_watch = sd_event_source_disable_unref(agent->pack_watch);
	(void)snprintf(path, sizeof(path), "%s", agent->config.intel.pack);
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	r = sd_event_add_inotify(agent->loop, &agent->pack_watch, slash ? path : ".",
				 IN_MOVED_TO | IN_CLOSE_WRITE, pack_moved, agent);
	if (r < 0)
		(void)log_errno(LOG_WARNING, r, "%s cannot be watched for a new pack", path);
}

/* ---- the policy ---- */

/* Takes it, as the one in force. */
static void policy_use(struct agent *agent, struct policy *policy)
{
	policy_free(agent->policy);
	agent->policy = policy;
	memset(agent->routes, 0, sizeof(agent->routes));
	routes_make(policy, agent->routes);
	policy_host_set(agent);
	policy_endings_new(agent);
}

void reload_policy_first(struct agent *agent)
{
	policy_use(agent, take_ptr(agent->policy));
}

/* Only the policy: the configuration is read for which files there are by now. */
int reload_policy(struct agent *agent)
{
	struct document_error config_error;
	struct policy_error policy_error;
	char error[CONTROL_ERROR_SIZE];
	struct policy *policy;
	struct config config;

	if (config_load(agent->config_path, &config, &config_error) < 0) {
		reload_errors_log(config_error.text);
		return -EINVAL;
	}
	if (policy_trust_check(&config, &agent->feeds->store, error) < 0) {
		reload_errors_log(error);
		config_free(&config);
		return -EKEYREJECTED;
	}
	if (reload_policy_open(&config, &policy, &policy_error) < 0) {
		reload_errors_log(policy_error.text);
		config_free(&config);
		return -EINVAL;
	}
	config_swap_policy(&agent->config, &config);
	config_free(&config);
	policy_use(agent, policy);
	log_info("policy in force: %zu rules of %zu files", policy_rules(policy),
		 agent->config.policy.count);
	/* The marks in the kernel's table are the policy's. */
	if (indicators_load(agent, error) < 0)
		log_error("%s", error);
	policy_endings_tell(agent);
	return 0;
}

static void policy_watch(struct agent *agent);

static int policy_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	(void)usec;
	log_info("the policy's files have changed");
	if (reload_policy(agent) < 0)
		log_error("the policy in force stays the one before");
	policy_watch(agent);
	return 0;
}

static bool name_is_policy(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int policy_moved(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	if (!event->len || !name_is_policy(event->name))
		return 0;
	(void)sd_event_source_set_time_relative(agent->policy_settle, SETTLE_USEC);
	(void)sd_event_source_set_enabled(agent->policy_settle, SD_EVENT_ONESHOT);
	return 0;
}

static void policy_unwatch(struct agent *agent)
{
	for (size_t i = 0; i < agent->policy_watches_count; i++)
		(void)sd_event_source_disable_unref(agent->policy_watches[i]);
	agent->policy_watches_count = 0;
}

/* A folder may not be there (yet): what is put into it then counts from the next reload on. */
static void folder_watch(struct agent *agent, const char *folder)
{
	const uint32_t mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;
	sd_event_source **place = &agent->policy_watches[agent->policy_watches_count];

	if (agent->policy_watches_count < AGENT_POLICY_FOLDERS &&
	    sd_event_add_inotify(agent->loop, place, folder, mask, policy_moved, agent) >= 0)
		agent->policy_watches_count++;
}

/* The folders of all policy files, each once, and the one that files may be put into. Two watches
 * of one folder are one to the kernel, so the order does not matter. */
static void policy_watch(struct agent *agent)
{
	const struct config *config = &agent->config;
	char last[PATH_MAX] = "";

	policy_unwatch(agent);
	if (!agent->policy_settle &&
	    (sd_event_add_time_relative(agent->loop, &agent->policy_settle, CLOCK_MONOTONIC, 0, 1,
					policy_settled, agent) < 0 ||
	     sd_event_source_set_enabled(agent->policy_settle, SD_EVENT_OFF) < 0))
		return;
	for (size_t i = 0; i < config->policy.count; i++) {
		const char *path = config->policy.files[i], *slash = strrchr(path, '/');
		char folder[PATH_MAX];

		(void)snprintf(folder, sizeof(folder), "%.*s",
			       slash ? (int)(slash - path) + (slash == path) : 1,
			       slash ? path : ".");
		if (strcmp(folder, last) == 0)
			continue;
		folder_watch(agent, folder);
		memcpy(last, folder, sizeof(last));
	}
	folder_watch(agent, CONFIG_FOLDER "/policy.d");
}

void reload_watch(struct agent *agent)
{
	pack_watch(agent);
	policy_watch(agent);
}

void reload_unwatch(struct agent *agent)
{
	agent->pack_watch = sd_event_source_disable_unref(agent->pack_watch);
	agent->policy_settle = sd_event_source_disable_unref(agent->policy_settle);
	policy_unwatch(agent);
}

/* ---- all of it ---- */

int agent_reload(struct agent *agent, char error[static CONTROL_ERROR_SIZE])
{
	struct document_error config_error;
	struct policy_error policy_error;
	struct policy *policy;
	struct config config;
	bool moved;

	if (config_load(agent->config_path, &config, &config_error) < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "%.500s", config_error.text);
		return -EINVAL;
	}
	if (policy_trust_check(&config, &agent->feeds->store, error) < 0) {
		config_free(&config);
		return -EKEYREJECTED;
	}
	if (reload_policy_open(&config, &policy, &policy_error) < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "%.500s", policy_error.text);
		config_free(&config);
		return -EINVAL;
	}
	if (config_keep_fixed(&config, &agent->config, &agent->config_waiting) < 0) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "out of memory");
		policy_free(policy);
		config_free(&config);
		return -ENOMEM;
	}
	waiting_tell(agent);
	moved = strcmp(config.intel.pack, agent->config.intel.pack) != 0;
	log_set_level(config.log_level);
	policy_use(agent, policy);
	config_free(&agent->config);
	agent->config = config;
	host_cut_configure(agent);
	isolation_configure(agent);
	if (moved)
		pack_watch(agent);
	policy_watch(agent);
	feeds_reload(agent);
	for (size_t i = 0; i < agent->sinks_count; i++)
		sink_reopen(agent->sinks[i]);
	if (agent->names)
		sink_reopen(agent->names);
	file_guard_reload(agent);
	policy_endings_tell(agent);
	return indicators_load(agent, error);
}
