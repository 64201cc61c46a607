/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns `cordon replay`: recorded packets go through the probes' own code, and what becomes of them
 * is printed as the daemon would have told it. Takes packets from sensor/capture, gives them to the
 * sensor, and its events to the detectors. Nothing is attached, journalled or acted on. Whoever
 * recorded the packets controls every byte of them.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/replay_event.h"
#include "cli/replay_findings.h"
#include "cli/replay_flow.h"
#include "cli/replay_intel.h"
#include "cli/replay_summary.h"
#include "daemon/config.h"
#include "detect/detect.h"
#include "policy/policy.h"
#include "policy/threshold.h"
#include "report/ocsf.h"
#include "sensor/capture.h"
#include "sensor/sensor.h"

struct options {
	const char *config;
	bool events, json;
	const char **intel, **policies; /* each as long as there are arguments */
	size_t intel_count, policy_count;
	char **files;
	size_t file_count;
};

struct replay {
	const struct options *options;
	struct config config;
	struct replay_intel intel;
	struct policy *policy;
	struct threshold_table *thresholds;
	struct detect *detect;
	struct sensor *sensor;
	struct replay_flow *flow;
	struct ocsf_host host;
	struct replay_findings *findings;
	struct replay_summary summary;
	uint64_t now;	  /* when it began: lists and exceptions count as they are today */
	const char *file; /* being read */
	int error;	  /* of a callback: ends the replay */
};

CLEANUP_DEFINE(struct capture *, capture_close)

static int usage(FILE *out, int r)
{
	(void)fputs(
		"Usage: cordon replay [OPTION...] FILE.pcap...\n"
		"\n"
		"Runs recorded packets (pcap, pcapng, also packed by gzip; \"-\": standard input)\n"
		"through the probes.\n"
		"Prints findings as lines of OCSF, and what was not read on standard error.\n"
		"\n"
		"      --intel FILE    a pack or a list (again for more); else this host's pack,\n"
		"                      or the list that comes with cordon\n"
		"      --policy FILE   instead of the configuration's (again for more)\n"
		"      --config FILE   for its DNS ports and policies\n"
		"      --events        print what was asked and named instead of the findings\n"
		"      --json          the summary as one line of JSON\n",
		out);
	return r;
}

/* 0, OPTIONS_HELP when all was said, or -EINVAL. */
#define OPTIONS_HELP 1
static int options_parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "intel", required_argument, NULL, 'i' },
		{ "policy", required_argument, NULL, 'p' },
		{ "events", no_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	/* 0 makes getopt begin anew: the program's own options were read with it. */
	optind = 0;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case 'i':
			options->intel[options->intel_count++] = optarg;
			break;
		case 'p':
			options->policies[options->policy_count++] = optarg;
			break;
		case 'e':
			options->events = true;
			break;
		case 'j':
			options->json = true;
			break;
		case 'h':
			return usage(stdout, OPTIONS_HELP);
		default:
			return usage(stderr, -EINVAL);
		}
	}
	options->files = argv + optind;
	options->file_count = (size_t)(argc - optind);
	return options->file_count > 0 ? 0 : usage(stderr, -EINVAL);
}

/* Events alone need neither lists nor a policy. */
static bool options_find(const struct options *options)
{
	return !options->events || options->intel_count > 0 || options->policy_count > 0;
}

static int finding_met(const struct finding *finding, void *userdata)
{
	struct replay *replay = userdata;
	struct verdict verdict;

	policy_judge(replay->policy, replay->thresholds, finding, replay->now, &verdict);
	if (verdict.excepted) {
		replay->summary.excepted++;
		return 0;
	}
	return replay_findings_add(replay->findings, finding, &verdict, &replay->host,
				   replay->file);
}

static void event_met(const struct event *event, void *userdata)
{
	struct replay *replay = userdata;
	int r = 0;

	if (event->kind == EVENT_PAYLOAD) {
		r = replay_flow_add(replay->flow, event);
		if (r < 0 && replay->error == 0)
			replay->error = r;
		return;
	}
	if (event->unreadable) {
		replay->summary.unreadable++;
		return;
	}
	replay->summary.questions += event->kind == EVENT_QUESTION;
	if (replay->options->events)
		r = replay_event_print(event, stdout);
	for (size_t i = 0; i < replay->intel.count && r >= 0; i++)
		r = detect_event(replay->detect, event, replay->intel.packs[i], replay->now,
				 finding_met, replay);
	if (r < 0 && replay->error == 0)
		replay->error = r;
}

/* 0 or the error of a callback; packets that the probes can't be run on are told, once a file. */
static int packets_run(struct replay *replay, struct capture *capture)
{
	uint64_t failed = replay->summary.failed;
	struct capture_packet packet;
	int r;

	while ((r = capture_next(capture, &packet)) == 1) {
		int run = sensor_replay(replay->sensor, packet.ip.data, packet.ip.size,
					packet.frame, packet.time);
		int read = replay_flow_settle(replay->flow);

		if (read < 0 && replay->error == 0)
			replay->error = read;
		if (replay->error < 0)
			return log_errno(LOG_ERR, replay->error, "%s: frame %" PRIu64, replay->file,
					 packet.frame);
		if (run < 0 && replay->summary.failed++ == failed)
			(void)log_errno(LOG_ERR, run, "%s: frame %" PRIu64 " can't be run",
					replay->file, packet.frame);
	}
	if (r < 0) {
		log_error("%s: damaged after frame %" PRIu64 ": %s", replay->file,
			  capture_counters(capture)->frames, capture_error(capture));
		replay->summary.damaged_files++;
	}
	return replay_flow_finish(replay->flow);
}

static int file_replay(struct replay *replay, const char *path)
{
	CLEANUP(capture_close_cleanup) struct capture *capture = NULL;
	char why[CAPTURE_WHY_SIZE];
	const char *link;
	bool read;
	int r;

	replay->file = path;
	r = capture_open(path, &capture, why);
	if (r < 0) {
		log_error("%s: %s", path, why);
		return r;
	}
	r = packets_run(replay, capture);
	replay_summary_add(&replay->summary, capture_counters(capture));
	link = capture_link_type(capture, &read);
	if (!read)
		log_warning("%s: %" PRIu64 " frames of link type %s, which is not read", path,
			    capture_counters(capture)->skipped, link);
	return r;
}

/* One error a line. */
static int errors_tell(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		log_error("%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
	return -EINVAL;
}

static int policy_open(struct replay *replay)
{
	const struct options *options = replay->options;
	const char *const *paths = options->policies;
	size_t count = options->policy_count;
	struct policy_error error;

	if (count == 0) {
		paths = (const char *const *)replay->config.policy.files;
		count = replay->config.policy.count;
	}
	return policy_load(paths, count, &replay->policy, &error) < 0 ? errors_tell(error.text) : 0;
}

static int sensor_start(struct replay *replay)
{
	const struct config *config = &replay->config;
	struct sensor_options options = {
		.ring_bytes = config->sensor.ring_size,
		.processes = config->sensor.processes,
		.responses = true,
		.answers = true,
		.flows = true,
		.replay = true,
	};
	uint64_t next;
	int r;

	_Static_assert(CONFIG_PORTS_MAX <= SENSOR_PORTS_MAX, "the ports of a configuration fit");
	for (size_t i = 0; i < config->sensor.ports_count; i++)
		options.ports[i] = config->sensor.ports[i];
	r = sensor_open(&options, event_met, replay, &replay->sensor);
	if (r == 0 && replay->intel.count > 0)
		r = sensor_set_pack(replay->sensor, replay->intel.packs[0],
				    replay->now / NS_PER_SECOND, NULL, NULL, &next);
	return r;
}

/* All that stands ready before the first packet. What fails has told why. */
static int replay_open(struct replay *replay)
{
	const struct options *options = replay->options;
	struct document_error error = { 0 };
	int r;

	if (config_load(options->config, &replay->config, &error) < 0)
		return errors_tell(error.text);
	if (options_find(options)) {
		r = policy_open(replay);
		if (r == 0)
			r = replay_intel_open(options->intel, options->intel_count, &replay->config,
					      &replay->intel);
		if (r < 0)
			return r;
	}
	r = replay_findings_new(&replay->findings);
	if (r == 0)
		r = threshold_table_new(&replay->thresholds);
	if (r == 0)
		r = ocsf_host_read(&replay->host);
	if (r == 0)
		r = detect_new("", &replay->detect);
	if (r == 0)
		r = replay_flow_new(&replay->config, event_met, replay, &replay->flow);
	if (r < 0)
		return log_errno(LOG_ERR, r, "replay");
	return sensor_start(replay);
}

static void replay_close(struct replay *replay)
{
	replay_flow_free(replay->flow);
	sensor_close(replay->sensor);
	detect_free(replay->detect);
	ocsf_host_free(&replay->host);
	replay_findings_free(replay->findings);
	replay_intel_close(&replay->intel);
	policy_free(replay->policy);
	threshold_table_free(replay->thresholds);
	config_free(&replay->config);
}

/* Findings and summary. */
static int replay_tell(struct replay *replay)
{
	int r = 0;

	replay->summary.findings = replay_findings_count(replay->findings);
	replay->summary.unkept = replay_findings_unkept(replay->findings);
	replay->summary.unread_flows = replay_flow_unread(replay->flow);
	if (!replay->options->events)
		r = replay_findings_print(replay->findings, stdout);
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = -EIO;
	if (r == 0)
		r = sensor_ledger(replay->sensor, &replay->summary.ledger);
	if (r == 0)
		r = replay_summary_print(&replay->summary, replay->options->json, stderr);
	return r < 0 ? log_errno(LOG_ERR, r, "replay") : 0;
}

static int replay_run(struct replay *replay)
{
	bool failed = false;

	if (replay_open(replay) < 0)
		return COMMAND_FAILED;
	for (size_t i = 0; i < replay->options->file_count && replay->error == 0; i++)
		failed |= file_replay(replay, replay->options->files[i]) < 0;
	failed |= replay_tell(replay) < 0;
	if (failed || replay->summary.damaged_files > 0 || replay->summary.failed > 0)
		return COMMAND_FAILED;
	return replay->summary.findings > 0 ? COMMAND_FOUND : COMMAND_FINE;
}

int command_replay(int argc, char **argv)
{
	CLEANUP(free_cleanup) const char **intel = calloc((size_t)argc, sizeof(*intel));
	CLEANUP(free_cleanup) const char **policies = calloc((size_t)argc, sizeof(*policies));
	struct options options = { .intel = intel, .policies = policies };
	struct replay replay = { .options = &options, .now = clock_realtime() };
	int r;

	if (!intel || !policies)
		return COMMAND_FAILED;
	r = options_parse(argc, argv, &options);
	if (r != 0)
		return r < 0 ? COMMAND_FAILED : COMMAND_FINE;
	r = replay_run(&replay);
	replay_close(&replay);
	return r;
}
