/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the keys of the configuration: a row each, and readers for those with a form of their own.
 * Takes nodes from policy/document.c and fills struct config for config.c. The text is the
 * administrator's.
 */
#include "daemon/config_keys.h"
#include "daemon/config_aws.h"
#include "daemon/config_ssm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "daemon/config_report.h"
#include "daemon/config_scan.h"
#include "daemon/config_intel.h"
#include "policy/mapping.h"
#include "policy/schema.h"
#include "scan/pool.h"

static int out_of_memory(struct document *document)
{
	(void)document_fail(document, NULL, "out of memory");
	return -ENOMEM;
}

/* ---- readers of keys with a form of their own ---- */

static int port_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	static const struct mapping_range range = { 1, UINT16_MAX };
	const struct mapping_key bounds = { .name = key->name, .detail = &range };
	struct config *config = field;
	uint64_t port;
	int r;

	r = mapping_number(document, value, &bounds, &port);
	if (r < 0)
		return r;
	for (size_t i = 0; i < config->sensor.ports_count; i++)
		if (config->sensor.ports[i] == port)
			return document_fail(document, value, "a port that is given twice");
	/* The probes always look at port 53. */
	if (port == 53)
		return 0;
	if (config->sensor.ports_count >= CONFIG_PORTS_MAX)
		return document_fail(document, value, "more than %d ports", CONFIG_PORTS_MAX);
	config->sensor.ports[config->sensor.ports_count++] = (uint16_t)port;
	return 0;
}

static int ports_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	struct config *config = field;

	config->sensor.ports_count = 0;
	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	return mapping_each(document, value, port_read, key, field);
}

static int resolver_read(struct document *document, const struct document_node *value,
			 const struct mapping_key *key, void *field)
{
	struct config *config = field;
	char *text = NULL;
	struct address address;
	int r = mapping_label(document, value, key, &text);

	if (r < 0)
		return r;
	r = address_parse(text, &address);
	free(text);
	if (r < 0)
		return mapping_expected(document, value, "an address (10.0.0.2)");
	if (config->sensor.resolvers_count >= CONFIG_RESOLVERS_MAX)
		return document_fail(document, value, "more than %d resolvers",
				     CONFIG_RESOLVERS_MAX);
	config->sensor.resolvers[config->sensor.resolvers_count++] = address;
	return 0;
}

static int resolvers_read(struct document *document, const struct document_node *value,
			  const struct mapping_key *key, void *field)
{
	struct config *config = field;

	config->sensor.resolvers_count = 0;
	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	return mapping_each(document, value, resolver_read, key, field);
}

/* The kernel takes only powers of two for a ring buffer. */
static int ring_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	uint64_t size;
	int r;

	r = mapping_size(document, value, key, &size);
	if (r < 0)
		return r;
	if (size & (size - 1))
		return mapping_expected(document, value, "a power of two (512K, 1M, 2M)");
	*(uint64_t *)field = size;
	return 0;
}

static void policies_clear(struct config *config)
{
	for (size_t i = 0; i < config->policy.count; i++)
		free(config->policy.files[i]);
	free(config->policy.files);
	config->policy.files = NULL;
	config->policy.count = 0;
}

int config_keys_add_policy(struct config *config, char *path)
{
	char **files;

	if (!path)
		return -ENOMEM;
	files = reallocarray(config->policy.files, config->policy.count + 1, sizeof(*files));
	if (!files) {
		free(path);
		return -ENOMEM;
	}
	config->policy.files = files;
	files[config->policy.count++] = path;
	return 0;
}

static int policy_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	struct config *config = field;
	char *path = NULL;
	int r;

	if (config->policy.count >= CONFIG_FILES_MAX)
		return document_fail(document, value, "more than %d policies", CONFIG_FILES_MAX);
	r = mapping_path(document, value, key, &path);
	if (r < 0)
		return r;
	return config_keys_add_policy(config, path) < 0 ? out_of_memory(document) : 0;
}

static int policies_read(struct document *document, const struct document_node *value,
			 const struct mapping_key *key, void *field)
{
	policies_clear(field);
	return mapping_each(document, value, policy_read, key, field);
}

/* "" turns the file off. */
static int report_path_read(struct document *document, const struct document_node *value,
			    const struct mapping_key *key, void *field)
{
	bool off = value->kind == DOCUMENT_SCALAR && !value->nothing && value->length == 0;

	return (off ? mapping_text : mapping_path)(document, value, key, field);
}

/* ---- keys ---- */

static const struct mapping_word mode_words[] = { { "audit", CONFIG_AUDIT },
						  { "enforce", CONFIG_ENFORCE } };
static const struct mapping_words modes = { mode_words, ELEMENTS(mode_words) };
/* No word for the other way round: what is locked stays so. */
static const struct mapping_word lock_words[] = { { "audit", CONFIG_MODE_LOCKED } };
static const struct mapping_words locks = { lock_words, ELEMENTS(lock_words) };

static const struct mapping_word unattended_words[] = {
	{ "enforce", CONFIG_UNATTENDED_ENFORCE },
	{ "observe", CONFIG_UNATTENDED_OBSERVE },
};
static const struct mapping_words unattended = { unattended_words, ELEMENTS(unattended_words) };

static const struct mapping_word exec_words[] = { { "after", CONFIG_EXEC_AFTER },
						  { "before", CONFIG_EXEC_BEFORE },
						  { "off", CONFIG_EXEC_OFF } };
static const struct mapping_words exec_moments = { exec_words, ELEMENTS(exec_words) };

static const struct mapping_word level_words[] = {
	{ "error", LOG_ERR }, { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
	{ "info", LOG_INFO }, { "debug", LOG_DEBUG },
};
static const struct mapping_words levels = { level_words, ELEMENTS(level_words) };

/* A page on every kernel divides the least ring; a map of the largest still is one allocation. */
static const struct mapping_range ring_range = { 64u << 10, 256u << 20 };
static const struct mapping_range processes_range = { 256, 1u << 20 };
static const struct mapping_range rate_range = { 0, 1000000 };
/* As many as the pool takes. Below the least memory the worker's own libraries do not fit. */
static const struct mapping_range workers_range = { 1, POOL_WORKERS_MAX };
static const struct mapping_range memory_range = { 32u << 20, UINT64_C(64) << 30 };
/* A month: who is gone for longer has been forgotten. */
static const struct mapping_range unattended_range = { 0, UINT64_C(30) * 86400 };
static const struct mapping_range answers_range = { 1, 1000000 };
/* Longer than an execution should ever wait, and shorter than what watches over services does. */
static const struct mapping_range limit_range = { 10, 10000 };
static const struct mapping_range settle_range = { 10, 60000 };
static const struct mapping_range hours_range = { 0, UINT64_C(24) * 366 };
static const struct mapping_range findings_range = { 100, 100000000 };
static const struct mapping_range sightings_range = { 0, 10000 };
static const struct mapping_range file_range = { 64u << 10, UINT64_C(1) << 40 };
/* What no row holds is dropped: below a thousand, an hour's outage may lose findings. */
static const struct mapping_range entries_range = { 1000, 10000000 };
static const struct mapping_range outbox_range = { 1u << 20, UINT64_C(1) << 40 };
static const struct mapping_range age_range = { 1, 365 };
static const struct mapping_range keep_range = { 0, 1000 };

#define FIELD(name)  offsetof(struct config, name)
#define SCHEMA_TEXTS "{\"$ref\":\"#/$defs/texts\"}"
static const struct mapping_key sensor_keys[] = {
	{ "cgroup", mapping_path, .offset = FIELD(sensor.cgroup) },
	{ .name = "ports", .read = ports_read, .schema = SCHEMA_TEXTS },
	{ "ring_size", ring_read, .offset = FIELD(sensor.ring_size), .detail = &ring_range },
	{ "processes", mapping_number, .offset = FIELD(sensor.processes),
	  .detail = &processes_range },
	{ "unseen_rate", mapping_number, .offset = FIELD(sensor.unseen_rate),
	  .detail = &rate_range },
	{ "responses", mapping_boolean, .offset = FIELD(sensor.responses) },
	{ "pin", mapping_boolean, .offset = FIELD(sensor.pin) },
	{ "pin_dir", mapping_path, .offset = FIELD(sensor.pin_dir) },
	{ "unattended", mapping_choice, .offset = FIELD(sensor.unattended), .detail = &unattended },
	{ "unattended_after", mapping_number, .offset = FIELD(sensor.unattended_after),
	  .detail = &unattended_range },
	{ "answers", mapping_boolean, .offset = FIELD(sensor.answers) },
	{ "answers_rate", mapping_number, .offset = FIELD(sensor.answers_rate),
	  .detail = &answers_range },
	{ .name = "resolvers", .read = resolvers_read, .schema = SCHEMA_TEXTS },
	{ "connections", mapping_boolean, .offset = FIELD(sensor.connections) },
	{ "flows", mapping_boolean, .offset = FIELD(sensor.flows) },
};
static const struct mapping_table sensor_table = { "sensor", sensor_keys, ELEMENTS(sensor_keys) };

static const struct mapping_key scan_keys[] = {
	{ "worker", mapping_path, .offset = FIELD(scan.worker) },
	{ "workers", mapping_number, .offset = FIELD(scan.workers), .detail = &workers_range },
	{ "memory", mapping_size, .offset = FIELD(scan.memory), .detail = &memory_range },
	{ .name = "rules", .read = config_scan_rules },
	{ "watch", config_scan_paths, .offset = FIELD(scan.watch) },
	{ "exclude", config_scan_paths, .offset = FIELD(scan.exclude) },
	{ "on_exec", mapping_choice, .offset = FIELD(scan.on_exec), .detail = &exec_moments },
	{ "exec_limit", mapping_number, .offset = FIELD(scan.exec_limit), .detail = &limit_range },
	{ "settle", mapping_number, .offset = FIELD(scan.settle), .detail = &settle_range },
	{ "file_workers", mapping_number, .offset = FIELD(scan.file_workers),
	  .detail = &workers_range },
	{ "containers", mapping_boolean, .offset = FIELD(scan.containers) },
	{ "on_finding", mapping_boolean, .offset = FIELD(scan.on_finding) },
	{ "full_every", mapping_number, .offset = FIELD(scan.full_every), .detail = &hours_range },
	{ "changed_every", mapping_number, .offset = FIELD(scan.changed_every),
	  .detail = &hours_range },
};
static const struct mapping_table scan_table = { "scan", scan_keys, ELEMENTS(scan_keys) };

static const struct mapping_key policy_keys[] = {
	{ .name = "files", .read = policies_read, .schema = SCHEMA_TEXTS },
	{ "keys", config_signers_read, .offset = FIELD(policy.signers), .schema = SCHEMA_TEXTS },
	{ "url", config_url_read, .offset = FIELD(policy.source.url) },
	{ "interval", config_duration_read, .offset = FIELD(policy.source.interval),
	  .detail = &config_interval_range },
};
static const struct mapping_table policy_table = { "policy", policy_keys, ELEMENTS(policy_keys) };

static const struct mapping_key journal_keys[] = {
	{ "max_findings", mapping_number, .offset = FIELD(journal.max_findings),
	  .detail = &findings_range },
	{ "sightings", mapping_number, .offset = FIELD(journal.sightings),
	  .detail = &sightings_range },
};
static const struct mapping_table journal_table = { "journal", journal_keys,
						    ELEMENTS(journal_keys) };

static const struct mapping_key file_keys[] = {
	{ "path", report_path_read, .offset = FIELD(report.file.path) },
	{ "max_size", mapping_size, .offset = FIELD(report.file.max_size), .detail = &file_range },
	{ "keep", mapping_number, .offset = FIELD(report.file.keep), .detail = &keep_range },
};
static const struct mapping_table file_table = { "report.file", file_keys, ELEMENTS(file_keys) };

static const struct mapping_key outbox_keys[] = {
	{ "max_entries", mapping_number, .offset = FIELD(report.outbox.max_entries),
	  .detail = &entries_range },
	{ "max_size", mapping_size, .offset = FIELD(report.outbox.max_size),
	  .detail = &outbox_range },
	{ "max_age", mapping_number, .offset = FIELD(report.outbox.max_age), .detail = &age_range },
};
static const struct mapping_table outbox_table = { "report.outbox", outbox_keys,
						   ELEMENTS(outbox_keys) };

static const struct mapping_key report_keys[] = {
	{ "cloudwatch", mapping_section, .detail = &config_cloudwatch },
	{ "eventbridge", mapping_section, .detail = &config_eventbridge },
	{ "security_hub", mapping_section, .detail = &config_security_hub },
	{ "sns", mapping_section, .detail = &config_sns },
	{ "s3", mapping_section, .detail = &config_s3 },
	{ "ssm", mapping_section, .detail = &config_ssm_table },
	{ "outbox", mapping_section, .detail = &outbox_table },
	{ "file", mapping_section, .detail = &file_table },
	{ "journald", mapping_boolean, .offset = FIELD(report.journald) },
	{ "screen", mapping_boolean, .offset = FIELD(report.screen) },
};
static const struct mapping_table report_table = { "report", report_keys, ELEMENTS(report_keys) };

static const struct mapping_key config_keys[] = {
	{ "mode", mapping_choice, .offset = FIELD(mode), .detail = &modes },
	{ "mode_lock", mapping_choice, .offset = FIELD(mode_lock), .detail = &locks },
	{ "state_dir", mapping_path, .offset = FIELD(state_dir) },
	{ "runtime_dir", mapping_path, .offset = FIELD(runtime_dir) },
	{ "log_level", mapping_choice, .offset = FIELD(log_level), .detail = &levels },
	{ "sensor", mapping_section, .detail = &sensor_table },
	{ "contain", mapping_section, .detail = &config_contain_table },
	{ "intel", mapping_section, .detail = &config_intel_table },
	{ "scan", mapping_section, .detail = &scan_table },
	{ "policy", mapping_section, .detail = &policy_table },
	{ "journal", mapping_section, .detail = &journal_table },
	{ "isolation", mapping_section, .offset = FIELD(isolation),
	  .detail = &config_isolation_table },
	{ "aws", mapping_section, .detail = &config_aws_table },
	{ "report", mapping_section, .detail = &report_table },
};
static const struct mapping_table config_table = { "the configuration", config_keys,
						   ELEMENTS(config_keys) };

int config_keys_read(struct document *document, struct config *config)
{
	const struct document_node *root = document_root(document);

	return root ? mapping_read(document, root, &config_table, config) : 0;
}

json_t *config_keys_schema(void)
{
	return schema_file(&config_table, "The configuration of cordon");
}

void config_keys_clear(struct config *config)
{
	mapping_clear(&config_table, config);
	config_isolation_clear(&config->isolation);
	free(config->report.file.path);
	config_aws_clear(config);
	config_report_clear(config);
	config_intel_clear(config);
	config_paths_clear(&config->scan.rules);
	config_paths_clear(&config->scan.watch);
	config_paths_clear(&config->scan.exclude);
	policies_clear(config);
	config_contain_clear(config);
	*config = (struct config){ 0 };
}
