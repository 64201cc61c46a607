/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/agent.h"
#include "daemon/brake.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/control_request.h"
#include <config.h>
#include "daemon/control_request.h"
#include "daemon/policy_trust.h"
#include "daemon/routes.h"
#include "daemon/preflight.h"
#include "daemon/control_request.h"
#include "daemon/identity.h"
#include "daemon/host_cut.h"
#include "daemon/status.h"

/* Records taken in one turn of the loop, so that signals and the control socket get theirs. */
#define AGENT_RECORDS_A_TURN 1024
/* Half a second, in microseconds; another daemon has it for longer. */
#define JOURNAL_ATTEMPTS     25
#define JOURNAL_PAUSE	     20000
#define AGENT_TICK	     (NS_PER_SECOND / 1000) /* microseconds, as sd-event counts */

static int sinks_open(struct agent *agent)
{
	const struct config *config = &agent->config;
	struct sink_options options = {
		.file = { .path = config->report.file.path,
			  .max_bytes = config->report.file.max_size,
			  .keep = (unsigned)config->report.file.keep },
		.screen = { .fd = STDOUT_FILENO },
		.repeat_interval = SINK_REPEAT_INTERVAL,
		.journal = agent->journal,
	};
	const struct {
		const char *name;
		bool wanted;
	} rows[SINK_TYPES_MAX] = {
		{ "file", config->report.file.path[0] != '\0' },
		{ "journald", config->report.journald },
		{ "screen", agent->foreground || config->report.screen },
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		int r;

		if (!rows[i].wanted)
			continue;
		r = sink_open(rows[i].name, &options, &agent->sinks[agent->sinks_count]);
		if (r < 0)
			return log_errno(LOG_ERR, r, "sink %s cannot be opened", rows[i].name);
		agent->sink_bits[agent->sinks_count++] = routes_bit(rows[i].name);
	}
	return 0;
}

/* Names never seen before are no findings: they have a file of their own. */
#define NAMES_FILE "names.jsonl"

static int names_open(struct agent *agent)
{
	const struct config *config = &agent->config;
	char path[PATH_MAX];
	struct sink_options options = {
		.file = { .path = path,
			  .max_bytes = config->report.file.max_size,
			  .keep = (unsigned)config->report.file.keep },
		.journal = agent->journal,
	};
	int r;

	if (config->sensor.unseen_rate == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/" NAMES_FILE, config->state_dir);
	r = sink_open("file", &options, &agent->names);
	return r < 0 ? log_errno(LOG_ERR, r, "%s cannot be opened", path) : 0;
}

static int journal_start(struct agent *agent)
{
	const struct config *config = &agent->config;
	struct journal_limits limits = {
		.findings = config->journal.max_findings,
		.sightings = config->journal.sightings,
	};
	char path[PATH_MAX];
	bool damaged;
	int r;

	(void)snprintf(path, sizeof(path), "%s/" JOURNAL_FILE, config->state_dir);
	r = journal_open(path, &limits, &agent->journal, &damaged);
	/* Of a daemon that was killed as it started a worker: that has the journal open until it
	 * has become another program. */
	for (int i = 0; r == -EBUSY && i < JOURNAL_ATTEMPTS; i++) {
		(void)usleep(JOURNAL_PAUSE);
		r = journal_open(path, &limits, &agent->journal, &damaged);
	}
	if (r == -EBUSY)
		return log_errno(LOG_ERR, r, "another cordond has the journal %s", path);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the journal %s cannot be opened", path);
	if (damaged)
		log_error("the journal %s was damaged: it was set aside, and a new one begun",
			  path);
	journal_listen(agent->journal, pipeline_changed, agent);
	return 0;
}

static void findings_commit(void *userdata)
{
	pipeline_commit(userdata);
}

static int sensor_start(struct agent *agent)
{
	const struct config *config = &agent->config;
	struct sensor_options options = {
		.cgroup = config->sensor.cgroup,
		.enforce = config->mode == CONFIG_ENFORCE,
		.ring_bytes = config->sensor.ring_size,
		.processes = config->sensor.processes,
		.unseen_rate = brake_unseen_rate(config),
		.responses = config->sensor.responses,
		.pin_dir = config->sensor.pin ? config->sensor.pin_dir : NULL,
		.hold = true,
		.commit = findings_commit,
		.answers = config->sensor.answers,
		.answers_rate = (unsigned)config->sensor.answers_rate,
		.no_connections = !config->sensor.connections,
		.flows = config->sensor.flows,
	};
	int r;

	if (config->sensor.unattended == CONFIG_UNATTENDED_OBSERVE)
		options.unattended_after = config->sensor.unattended_after * NS_PER_SECOND;
	for (size_t i = 0; i < config->sensor.ports_count; i++)
		options.ports[i] = config->sensor.ports[i];
	if (config->sensor.cgroup) {
		agent->cgroup = strdup(config->sensor.cgroup);
		r = agent->cgroup ? 0 : -ENOMEM;
	} else {
		r = sensor_cgroup_root(&agent->cgroup);
	}
	if (r < 0)
		return log_errno(LOG_ERR, r, "no cgroup v2 hierarchy");
	return sensor_open(&options, pipeline_event, agent, &agent->sensor);
}

/* One turn: as many records as the budget allows, and what is new of them on disk. */
static int records_take(struct agent *agent)
{
	int r = sensor_dispatch(agent->sensor, AGENT_RECORDS_A_TURN);
	uint64_t until = sensor_poll(agent->sensor);

	if (until == 0)
		return r;
	(void)sd_event_source_set_time(agent->poll, until / 1000 + 1);
	(void)sd_event_source_set_enabled(agent->poll, SD_EVENT_ONESHOT);
	return r;
}

/* Programs see packets from here on, with the block list in force: nothing passes before it. */
static int sensor_take(struct agent *agent)
{
	struct sensor_pins pins;
	struct ledger ledger;
	int r = sensor_attach(agent->sensor);

	if (r < 0)
		return r;
	sensor_pins(agent->sensor, &pins);
	(void)sensor_ledger(agent->sensor, &ledger);
	agent->ring_full = ledger_lost(&ledger);
	agent->ring_full_before = agent->ring_full - pins.absence.lost;
	if (pins.absence.lost)
		pipeline_loss(agent, pins.absence.lost, pins.absence.time);
	return 0;
}

static int records_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	int r = records_take(userdata);

	(void)source;
	(void)fd;
	(void)events;
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "the ring buffer cannot be read");
	return 0;
}

static int records_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)usec;
	return records_ready(source, -1, 0, userdata);
}

/* Lost records are told as a finding, whenever more were lost. */
static void loss_tell(struct agent *agent)
{
	struct ledger ledger;
	uint64_t full;

	if (sensor_ledger(agent->sensor, &ledger) < 0)
		return;
	full = ledger_lost(&ledger);
	if (full > agent->ring_full)
		pipeline_loss(agent, full - agent->ring_full, 0);
	agent->ring_full = full;
}

static int tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct agent *agent = userdata;
	char error[CONTROL_ERROR_SIZE];

	(void)usec;
	/* The edge of an epoll event may have passed while the budget of a turn was used up. */
	(void)records_take(agent);
	payload_tick(agent);
	file_guard_tick(agent);
	teach_tick(agent);
	host_cut_tick(agent);
	pipeline_flush(agent);
	life_tick(agent);
	feeds_tick(agent);
	delivery_tick(agent);
	policy_host_tick(agent);
	isolation_tick(agent);
	loss_tell(agent);
	if (clock_realtime() >= agent->next_change) {
		policy_endings_tell(agent);
		if (indicators_load(agent, error) < 0)
			log_error("%s", error);
	}
	(void)sd_event_source_set_time_relative(source, AGENT_TICK);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int control_reload(void *userdata, char error[static CONTROL_ERROR_SIZE])
{
	int r = agent_reload(userdata, error);

	if (r < 0)
		reload_errors_log(error);
	return r;
}

static int hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	char error[CONTROL_ERROR_SIZE];

	(void)source;
	(void)info;
	(void)control_reload(userdata, error);
	return 0;
}

static int control_close_finding(void *userdata, const char *uid, const char *comment,
				 char error[static CONTROL_ERROR_SIZE])
{
	return life_close(userdata, uid, comment, error);
}

static json_t *control_status(void *userdata)
{
	return agent_status(userdata);
}

static json_t *control_act(void *userdata, int request, const json_t *arguments, uid_t uid,
			   char error[static CONTROL_ERROR_SIZE])
{
	if (request == CONTROL_UPDATE || request == CONTROL_ACCEPT || request == CONTROL_ROLLBACK)
		return feeds_act(userdata, request, uid, error);
	if (request >= CONTROL_ISOLATION)
		return isolation_act(userdata, request, arguments, error);
	return host_cut_act(userdata, request, arguments, uid, error);
}

static int loop_fill(struct agent *agent)
{
	static const struct control_handlers handlers = { .status = control_status,
							  .reload = control_reload,
							  .close = control_close_finding,
							  .preflight = preflight_ask,
							  .act = control_act };
	char path[PATH_MAX];
	int r;

	r = sd_event_add_io(agent->loop, NULL, sensor_fd(agent->sensor), EPOLLIN, records_ready,
			    agent);
	if (r >= 0)
		r = sd_event_add_time(agent->loop, &agent->poll, CLOCK_BOOTTIME, 0, 1, records_due,
				      agent);
	if (r >= 0)
		r = sd_event_source_set_enabled(agent->poll, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(agent->loop, NULL, CLOCK_MONOTONIC, AGENT_TICK, 0,
					       tick, agent);
	if (r >= 0)
		r = sd_event_add_signal(agent->loop, NULL, SIGHUP, hangup, agent);
	if (r >= 0)
		r = sd_event_add_signal(agent->loop, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(agent->loop, NULL, SIGINT, NULL, NULL);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the event loop cannot be set up");
	reload_watch(agent);
	(void)snprintf(path, sizeof(path), "%s/control", agent->config.runtime_dir);
	r = control_open(agent->loop, path, &handlers, agent, &agent->control);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the control socket %s cannot be opened", path);
	(void)sd_event_set_watchdog(agent->loop, true);
	return 0;
}

static int signals_block(void)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)signal(SIGPIPE, SIG_IGN);
	return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
}

static int folders_make(const struct config *config)
{
	int r = fd_make_folders(config->state_dir, 0750);

	if (r < 0)
		return log_errno(LOG_ERR, r, "state_dir %s cannot be made", config->state_dir);
	r = fd_make_folders(config->runtime_dir, 0755);
	if (r < 0)
		return log_errno(LOG_ERR, r, "runtime_dir %s cannot be made", config->runtime_dir);
	return 0;
}

static int settings_read(struct agent *agent)
{
	struct document_error config_error;
	struct policy_error policy_error;

	if (config_load(agent->config_path, &agent->config, &config_error) < 0) {
		reload_errors_log(config_error.text);
		return -EINVAL;
	}
	log_set_level(agent->config.log_level);
	if (reload_policy_open(&agent->config, &agent->policy, &policy_error) < 0) {
		reload_errors_log(policy_error.text);
		return -EINVAL;
	}
	return folders_make(&agent->config);
}

/* What the agent is told and knows before it touches anything of the host. */
static int basics_start(struct agent *agent)
{
	int r = settings_read(agent);

	agent->started = clock_realtime();
	/* Why was said. */
	if (r < 0)
		return r;
	if (identity_check(IDENTITY_TAG, agent->config.state_dir) < 0)
		return -EINVAL;
	r = signals_block();
	if (r >= 0)
		r = sd_event_default(&agent->loop);
	if (r >= 0)
		r = ocsf_host_read(&agent->host);
	if (r >= 0)
		r = threshold_table_new(&agent->thresholds);
	if (r >= 0)
		r = detect_new(agent->host.machine_id, &agent->detect);
	return r < 0 ? log_errno(LOG_ERR, r, "start") : 0;
}

int agent_start(struct agent *agent)
{
	char error[CONTROL_ERROR_SIZE];
	int r = basics_start(agent);

	if (r < 0)
		return r;
	reload_policy_first(agent);
	r = journal_start(agent);
	/* Whatever else fails: a host that was contained is, before its network is up. */
	if (r != -EBUSY)
		host_cut_open(agent);
	if (r >= 0)
		isolation_open(agent);
	if (r >= 0)
		r = sinks_open(agent);
	if (r >= 0)
		r = names_open(agent);
	if (r >= 0)
		r = delivery_open(agent);
	if (r >= 0)
		r = feeds_open(agent);
	if (r >= 0 && policy_trust_check(&agent->config, &agent->feeds->store, error) < 0) {
		reload_errors_log(error);
		return -EKEYREJECTED;
	}
	if (r >= 0)
		payload_open(agent);
	if (r >= 0)
		r = sensor_start(agent);
	if (r < 0)
		return r;
	/* Without indicators the agent still runs: a pack may come any time. */
	if (indicators_load(agent, error) < 0)
		log_error("%s; running without indicators until there is a pack", error);
	responses_open(agent);
	r = teach_start(agent);
	if (r >= 0)
		r = sensor_take(agent);
	if (r < 0)
		return r;
	teach_sweep(agent);
	r = loop_fill(agent);
	if (r < 0)
		return r;
	policy_endings_tell(agent);
	isolation_resume(agent);
	file_guard_open(agent);
	log_info("watching %s in %s mode", agent->cgroup,
		 agent->config.mode == CONFIG_ENFORCE ? "enforce" : "audit");
	(void)sd_notify(0, "READY=1");
	return 0;
}

int agent_run(struct agent *agent)
{
	int r = sd_event_loop(agent->loop);

	(void)sd_notify(0, "STOPPING=1");
	if (r < 0)
		return log_errno(LOG_ERR, r, "the event loop");
	/* What is in the ring by now was seen, and is told. */
	while (records_take(agent) > 0)
		;
	payload_finish(agent);
	return 0;
}

void agent_stop(struct agent *agent)
{
	control_close(agent->control);
	reload_unwatch(agent);
	payload_close(agent);
	file_guard_close(agent);
	responses_close(agent);
	resolvers_free(agent->resolvers);
	sensor_close(agent->sensor);
	if (agent->journal)
		pipeline_flush(agent);
	feeds_close(agent);
	isolation_close(agent);
	delivery_close(agent);
	for (size_t i = 0; i < agent->sinks_count; i++)
		sink_close(agent->sinks[i]);
	agent->sinks_count = 0;
	sink_close(agent->names);
	journal_close(agent->journal);
	detect_free(agent->detect);
	pack_close(agent->pack);
	policy_free(agent->policy);
	policy_host_clear(agent);
	threshold_table_free(agent->thresholds);
	ocsf_host_free(&agent->host);
	config_free(&agent->config);
	free(agent->cgroup);
	sd_event_source_disable_unref(agent->poll);
	sd_event_unref(agent->loop);
}
