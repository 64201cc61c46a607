/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what SSM's compliance says of this host, type Custom:Cordon: a table of what must hold for
 * the agent to protect it. The whole list goes each time: what is not in it is forgotten there. A
 * daemon that does not run says nothing, which shows in the time of the last report.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include <config.h>
#include "daemon/agent.h"
#include "daemon/delivery_private.h"
#include "daemon/reports.h"

#define WHY_SIZE 256

CLEANUP_DEFINE(json_t *, json_decref)

/* Whether it holds; why: what was found, in words that change only when that does. */
typedef bool (*compliance_check)(struct agent *agent, char why[static WHY_SIZE]);

static bool running(struct agent *agent, char why[static WHY_SIZE])
{
	(void)snprintf(why, WHY_SIZE, "version %s, mode %s", PACKAGE_VERSION,
		       agent->config.mode == CONFIG_ENFORCE ? "enforce" : "audit");
	return true;
}

/* What was installed is what runs. */
static bool up_to_date(struct agent *agent, char why[static WHY_SIZE])
{
	static const char gone[] = " (deleted)";
	char path[512];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	if (length >= (ssize_t)sizeof(gone) &&
	    strcmp(path + length - (sizeof(gone) - 1), gone) == 0)
		(void)snprintf(why, WHY_SIZE, "another cordond is installed than the one running");
	else if (agent->config_waiting)
		(void)snprintf(why, WHY_SIZE, "settings in the file wait for a restart");
	else
		return true;
	return false;
}

static bool probes_attached(struct agent *agent, char why[static WHY_SIZE])
{
	struct sensor_program programs[SENSOR_PROGRAMS_MAX];
	size_t count = sensor_programs(agent->sensor, programs), attached = 0;

	for (size_t i = 0; i < count; i++)
		attached += programs[i].attached;
	(void)snprintf(why, WHY_SIZE, "%zu of %zu programs are attached", attached, count);
	return count > 0 && attached == count;
}

static bool pack_fresh(struct agent *agent, char why[static WHY_SIZE])
{
	uint64_t most = agent->config.report.ssm.pack_age * 86400, now;
	struct pack_info info;
	char created[CLOCK_TEXT_SIZE];

	if (!agent->pack) {
		(void)snprintf(why, WHY_SIZE, "no indicators are loaded");
		return false;
	}
	pack_info(agent->pack, &info);
	clock_format(info.created * NS_PER_SECOND, created);
	(void)snprintf(why, WHY_SIZE, "made %s; may be %" PRIu64 " days old", created,
		       agent->config.report.ssm.pack_age);
	now = clock_realtime() / NS_PER_SECOND;
	return now < info.created || now - info.created <= most;
}

static bool findings_delivered(struct agent *agent, char why[static WHY_SIZE])
{
	struct delivery *delivery = agent->delivery;

	why[0] = '\0';
	for (unsigned id = 0; id < CLOUD_SINKS; id++) {
		if (!delivery->sinks[id].wanted || !delivery->sinks[id].error[0])
			continue;
		(void)snprintf(why, WHY_SIZE, "sink %s fails", cloud_sink_name(id));
		return false;
	}
	if (delivery->dropped > 0)
		(void)snprintf(why, WHY_SIZE, "findings were dropped: sinks were away too long");
	return delivery->dropped == 0;
}

static bool calls_allowed(struct agent *agent, char why[static WHY_SIZE])
{
	return preflight_sound(&agent->delivery->preflight, why, WHY_SIZE);
}

static bool isolation_is_ready(struct agent *agent, char why[static WHY_SIZE])
{
	return isolation_ready(agent, why, WHY_SIZE);
}

/* A row adds an item. */
static const struct {
	const char *id, *title, *severity;
	compliance_check check;
} items[] = {
	{ "running", "cordond runs", "CRITICAL", running },
	{ "up-to-date", "cordond runs as it was installed and configured", "MEDIUM", up_to_date },
	{ "probes", "All probes are attached", "CRITICAL", probes_attached },
	{ "pack", "Indicators are loaded and fresh", "HIGH", pack_fresh },
	{ "findings", "Findings reach their sinks", "HIGH", findings_delivered },
	{ "preflight", "AWS allows the calls that are configured", "HIGH", calls_allowed },
	{ "isolation", "This instance is ready to isolate itself", "HIGH", isolation_is_ready },
};

static json_t *item_make(struct agent *agent, size_t number)
{
	char why[WHY_SIZE] = "";
	bool holds = items[number].check(agent, why);
	json_t *item = json_pack("{s:s, s:s, s:s, s:s}", "Id", items[number].id, "Title",
				 items[number].title, "Severity", items[number].severity, "Status",
				 holds ? "COMPLIANT" : "NON_COMPLIANT");

	if (why[0])
		(void)json_object_set_new(item, "Details", json_pack("{s:s}", "found", why));
	return item;
}

char *report_compliance(struct agent *agent, bool known)
{
	CLEANUP(json_decref_cleanup) json_t *report = json_pack("{s:[]}", "items");
	json_t *list = json_object_get(report, "items");

	(void)known;
	for (size_t i = 0; i < ELEMENTS(items); i++)
		if (json_array_append_new(list, item_make(agent, i)) < 0)
			return NULL;
	return report ? json_dumps(report, JSON_COMPACT) : NULL;
}
