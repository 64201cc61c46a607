/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns which keys of the configuration count from the next start on: what is open, loaded or sized
 * by then. A reload keeps their values and names them; status shows those in force. Takes both
 * configurations from agent.c.
 */
#include "daemon/config_fixed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum form {
	FORM_TEXT, /* char *, may be NULL */
	FORM_NUMBER,
	FORM_TRUTH,
	FORM_MODE,
	FORM_UNATTENDED,
	FORM_CHOICE,	/* enum config_choice */
	FORM_METRICS,	/* enum config_metrics */
	FORM_INVENTORY, /* enum config_inventory */
	FORM_SEVERITY,	/* enum severity, none for off */
	FORM_PORTS,	/* the array; its count beside it */
	FORM_ENDPOINTS, /* texts, one a service */
};

struct fixed_key {
	const char *name;
	enum form form;
	size_t offset;
};

#define FIELD(member) offsetof(struct config, member)
static const struct fixed_key fixed_keys[] = {
	{ "mode", FORM_MODE, FIELD(mode) },
	{ "state_dir", FORM_TEXT, FIELD(state_dir) },
	{ "runtime_dir", FORM_TEXT, FIELD(runtime_dir) },
	{ "sensor.cgroup", FORM_TEXT, FIELD(sensor.cgroup) },
	{ "sensor.ports", FORM_PORTS, FIELD(sensor) },
	{ "sensor.ring_size", FORM_NUMBER, FIELD(sensor.ring_size) },
	{ "sensor.processes", FORM_NUMBER, FIELD(sensor.processes) },
	{ "sensor.unseen_rate", FORM_NUMBER, FIELD(sensor.unseen_rate) },
	{ "sensor.responses", FORM_TRUTH, FIELD(sensor.responses) },
	{ "sensor.flows", FORM_TRUTH, FIELD(sensor.flows) },
	{ "scan.worker", FORM_TEXT, FIELD(scan.worker) },
	{ "scan.workers", FORM_NUMBER, FIELD(scan.workers) },
	{ "scan.memory", FORM_NUMBER, FIELD(scan.memory) },
	{ "scan.exec_limit", FORM_NUMBER, FIELD(scan.exec_limit) },
	{ "scan.settle", FORM_NUMBER, FIELD(scan.settle) },
	{ "scan.file_workers", FORM_NUMBER, FIELD(scan.file_workers) },
	{ "scan.containers", FORM_TRUTH, FIELD(scan.containers) },
	{ "sensor.pin", FORM_TRUTH, FIELD(sensor.pin) },
	{ "sensor.pin_dir", FORM_TEXT, FIELD(sensor.pin_dir) },
	{ "sensor.unattended", FORM_UNATTENDED, FIELD(sensor.unattended) },
	{ "sensor.unattended_after", FORM_NUMBER, FIELD(sensor.unattended_after) },
	{ "journal.max_findings", FORM_NUMBER, FIELD(journal.max_findings) },
	{ "journal.sightings", FORM_NUMBER, FIELD(journal.sightings) },
	{ "aws.region", FORM_TEXT, FIELD(aws.region) },
	{ "aws.endpoint", FORM_TEXT, FIELD(aws.endpoint) },
	{ "aws.endpoints", FORM_ENDPOINTS, FIELD(aws.endpoints) },
	{ "aws.fips", FORM_CHOICE, FIELD(aws.fips) },
	{ "aws.dual_stack", FORM_CHOICE, FIELD(aws.dual_stack) },
	{ "aws.proxy", FORM_TEXT, FIELD(aws.proxy) },
	{ "aws.no_proxy", FORM_TEXT, FIELD(aws.no_proxy) },
	{ "aws.ca_file", FORM_TEXT, FIELD(aws.ca_file) },
	{ "aws.metadata", FORM_TEXT, FIELD(aws.metadata) },
	{ "report.cloudwatch.group", FORM_TEXT, FIELD(report.cloudwatch.group) },
	{ "report.cloudwatch.stream", FORM_TEXT, FIELD(report.cloudwatch.stream) },
	{ "report.cloudwatch.agent_group", FORM_TEXT, FIELD(report.cloudwatch.agent_group) },
	{ "report.cloudwatch.metrics", FORM_METRICS, FIELD(report.cloudwatch.metrics) },
	{ "report.ssm.inventory", FORM_INVENTORY, FIELD(report.ssm.inventory) },
	{ "report.ssm.compliance", FORM_TRUTH, FIELD(report.ssm.compliance) },
	{ "report.ssm.opsitems", FORM_SEVERITY, FIELD(report.ssm.opsitems) },
	{ "report.cloudwatch.severity", FORM_SEVERITY, FIELD(report.cloudwatch.severity) },
	{ "report.eventbridge.bus", FORM_TEXT, FIELD(report.eventbridge.bus) },
	{ "report.eventbridge.severity", FORM_SEVERITY, FIELD(report.eventbridge.severity) },
	{ "report.security_hub.enabled", FORM_TRUTH, FIELD(report.security_hub.on) },
	{ "report.security_hub.account", FORM_TEXT, FIELD(report.security_hub.account) },
	{ "report.security_hub.severity", FORM_SEVERITY, FIELD(report.security_hub.severity) },
	{ "report.sns.topic", FORM_TEXT, FIELD(report.sns.topic) },
	{ "report.sns.severity", FORM_SEVERITY, FIELD(report.sns.severity) },
	{ "report.s3.bucket", FORM_TEXT, FIELD(report.s3.bucket) },
	{ "report.s3.prefix", FORM_TEXT, FIELD(report.s3.prefix) },
	{ "report.s3.owner", FORM_TEXT, FIELD(report.s3.owner) },
	{ "report.s3.interval", FORM_NUMBER, FIELD(report.s3.interval) },
	{ "report.s3.severity", FORM_SEVERITY, FIELD(report.s3.severity) },
	{ "report.outbox.max_entries", FORM_NUMBER, FIELD(report.outbox.max_entries) },
	{ "report.outbox.max_size", FORM_NUMBER, FIELD(report.outbox.max_size) },
	{ "report.outbox.max_age", FORM_NUMBER, FIELD(report.outbox.max_age) },
	{ "report.file.path", FORM_TEXT, FIELD(report.file.path) },
	{ "report.file.max_size", FORM_NUMBER, FIELD(report.file.max_size) },
	{ "report.file.keep", FORM_NUMBER, FIELD(report.file.keep) },
	{ "report.journald", FORM_TRUTH, FIELD(report.journald) },
	{ "report.screen", FORM_TRUTH, FIELD(report.screen) },
};
_Static_assert(ELEMENTS(fixed_keys) <= CONFIG_FIXED_MAX, "a bit for each");

static void *field_of(struct config *config, const struct fixed_key *key)
{
	return (char *)config + key->offset;
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Puts running's value into next, and next's into running. Returns whether they differ. */
static bool ports_keep(struct config *next, const struct config *running)
{
	size_t size = sizeof(next->sensor.ports);
	bool differ = next->sensor.ports_count != running->sensor.ports_count ||
		      memcmp(next->sensor.ports, running->sensor.ports,
			     next->sensor.ports_count * sizeof(next->sensor.ports[0])) != 0;

	memcpy(next->sensor.ports, running->sensor.ports, size);
	next->sensor.ports_count = running->sensor.ports_count;
	return differ;
}

static bool text_keep(char **next, char **running)
{
	bool differ = !text_equal(*next, *running);
	char *text = *next;

	*next = *running;
	*running = text;
	return differ;
}

static bool key_keep(const struct fixed_key *key, struct config *next, struct config *running)
{
	void *ours = field_of(next, key), *theirs = field_of(running, key);
	static const size_t sizes[] = { [FORM_NUMBER] = sizeof(uint64_t),
					[FORM_TRUTH] = sizeof(bool),
					[FORM_MODE] = sizeof(enum config_mode),
					[FORM_UNATTENDED] = sizeof(enum config_unattended),
					[FORM_CHOICE] = sizeof(enum config_choice),
					[FORM_METRICS] = sizeof(enum config_metrics),
					[FORM_INVENTORY] = sizeof(enum config_inventory),
					[FORM_SEVERITY] = sizeof(enum severity) };
	bool differ;

	if (key->form == FORM_PORTS)
		return ports_keep(next, running);
	if (key->form == FORM_TEXT)
		return text_keep(ours, theirs);
	if (key->form == FORM_ENDPOINTS) {
		differ = false;
		for (size_t i = 0; i < SERVICES; i++)
			differ |= text_keep((char **)ours + i, (char **)theirs + i);
		return differ;
	}
	differ = memcmp(ours, theirs, sizes[key->form]) != 0;
	memcpy(ours, theirs, sizes[key->form]);
	return differ;
}

static int default_pack(const struct config *config, char **ret)
{
	if (asprintf(ret, "%s/intel.pack", config->state_dir) >= 0)
		return 0;
	*ret = NULL;
	return -ENOMEM;
}

/* A pack that is where it is by default stays in the folder that stays. */
static int pack_keep(struct config *next, const struct config *running)
{
	CLEANUP(free_cleanup) char *here = NULL;
	CLEANUP(free_cleanup) char *there = NULL;
	int r = default_pack(next, &here);

	if (r == 0)
		r = default_pack(running, &there);
	if (r < 0 || strcmp(next->intel.pack, here) != 0)
		return r;
	free(next->intel.pack);
	next->intel.pack = take_ptr(there);
	return 0;
}

int config_keep_fixed(struct config *next, struct config *running, uint64_t *ret_differ)
{
	uint64_t differ = 0;
	int r = pack_keep(next, running);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTS(fixed_keys); i++)
		if (key_keep(&fixed_keys[i], next, running))
			differ |= UINT64_C(1) << i;
	*ret_differ = differ;
	return 0;
}

const char *config_fixed_name(size_t i)
{
	return i < ELEMENTS(fixed_keys) ? fixed_keys[i].name : NULL;
}

static void ports_show(const struct config *config, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "53");

	for (size_t i = 0; i < config->sensor.ports_count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, ", %u", config->sensor.ports[i]);
}

static void endpoints_show(const struct config *config, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < SERVICES && used < size; i++)
		if (config->aws.endpoints[i])
			used += (size_t)snprintf(out + used, size - used, "%s%s=%s",
						 used ? ", " : "", service_table[i].name,
						 config->aws.endpoints[i]);
}

/* Forms that have a word for each value. */
static const char *word_of(enum form form, const void *field)
{
	static const char *const choices[] = {
		[CONFIG_UNSET] = "", [CONFIG_NO] = "no", [CONFIG_YES] = "yes"
	};
	static const char *const inventories[] = { [CONFIG_INVENTORY_OFF] = "off",
						   [CONFIG_INVENTORY_CALL] = "call",
						   [CONFIG_INVENTORY_FILE] = "file" };
	static const char *const metrics[] = { [CONFIG_METRICS_OFF] = "no",
					       [CONFIG_METRICS_LINE] = "yes",
					       [CONFIG_METRICS_CALL] = "call" };
	enum severity severity;

	switch (form) {
	case FORM_TRUTH:
		return *(const bool *)field ? "yes" : "no";
	case FORM_MODE:
		return *(const enum config_mode *)field == CONFIG_ENFORCE ? "enforce" : "audit";
	case FORM_UNATTENDED:
		return *(const enum config_unattended *)field == CONFIG_UNATTENDED_OBSERVE
			       ? "observe"
			       : "enforce";
	case FORM_CHOICE:
		return choices[*(const enum config_choice *)field];
	case FORM_METRICS:
		return metrics[*(const enum config_metrics *)field];
	case FORM_INVENTORY:
		return inventories[*(const enum config_inventory *)field];
	case FORM_SEVERITY:
		severity = *(const enum severity *)field;
		return severity == SEVERITY_NONE ? "off" : severity_name(severity);
	case FORM_TEXT:
	case FORM_NUMBER:
	case FORM_PORTS:
	case FORM_ENDPOINTS:
		break;
	}
	return "";
}

void config_fixed_show(const struct config *config, size_t i, char out[static CONFIG_SHOWN_SIZE])
{
	const struct fixed_key *key = &fixed_keys[i];
	const void *field = (const char *)config + key->offset;
	const char *text;

	switch (key->form) {
	case FORM_TEXT:
		text = *(char *const *)field;
		(void)snprintf(out, CONFIG_SHOWN_SIZE, "%s", text ? text : "");
		break;
	case FORM_NUMBER:
		(void)snprintf(out, CONFIG_SHOWN_SIZE, "%llu",
			       (unsigned long long)*(const uint64_t *)field);
		break;
	case FORM_PORTS:
		ports_show(config, out, CONFIG_SHOWN_SIZE);
		break;
	case FORM_ENDPOINTS:
		endpoints_show(config, out, CONFIG_SHOWN_SIZE);
		break;
	default:
		(void)snprintf(out, CONFIG_SHOWN_SIZE, "%s", word_of(key->form, field));
		break;
	}
}
