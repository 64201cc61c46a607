/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns where the configuration comes from: its files, their order, and the defaults of what they
 * leave out. Takes what config_keys.c read and gives struct config to the daemon and the commands.
 * The files are the administrator's.
 */
#include "daemon/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "daemon/config_intel.h"
#include "daemon/config_keys.h"
#include "daemon/config_scan.h"
#include "sensor/sensor.h"

#define SUFFIX ".yaml"

CLEANUP_DEFINE(struct document *, document_free)

static int config_begin(struct config *config)
{
	*config = (struct config){
		.mode = CONFIG_AUDIT,
		.state_dir = strdup(CORDON_STATEDIR),
		.runtime_dir = strdup("/run/cordon"),
		.log_level = LOG_INFO,
		.scan = { .workers = 1,
			  .memory = 256u << 20,
			  .on_exec = CONFIG_EXEC_AFTER,
			  .exec_limit = 500,
			  .settle = 200,
			  .file_workers = 1,
			  .containers = true,
			  .on_finding = true,
			  .changed_every = 24 },
		.sensor = { .ring_size = 1u << 20,
			    .processes = 4096,
			    .pin = true,
			    .pin_dir = strdup(SENSOR_PIN_DIR),
			    .answers = true,
			    .answers_rate = 1000,
			    .connections = true,
			    .flows = true },
		.contain = { .ntp = true },
		.journal = { .max_findings = 20000, .sightings = 32 },
		.report = { .file = { .max_size = 64u << 20, .keep = 4 },
			    .journald = true,
			    .ssm = { .folder = strdup("/var/lib/amazon/ssm"),
				     .interval = 300,
				     .pack_age = 7 },
			    .cloudwatch = { .severity = SEVERITY_INFORMATIONAL },
			    .eventbridge = { .severity = SEVERITY_INFORMATIONAL },
			    .security_hub = { .severity = SEVERITY_LOW },
			    .sns = { .severity = SEVERITY_HIGH },
			    .s3 = { .severity = SEVERITY_INFORMATIONAL, .interval = 60 },
			    .outbox = { .max_entries = 100000,
					.max_size = UINT64_C(512) << 20,
					.max_age = 14 } },
	};
	if (config_isolation_begin(&config->isolation) < 0)
		return -ENOMEM;
	config_intel_defaults(config);
	if (!config->state_dir || !config->runtime_dir || !config->sensor.pin_dir ||
	    !config->report.ssm.folder)
		return -ENOMEM;
	return config_scan_defaults(config);
}

/* What came from elsewhere is asked after this host's own files, and in the place of the default.
 */
static int policies_finish(struct config *config, const char *default_policy)
{
	int r = 0;

	if (config->policy.source.url &&
	    asprintf(&config->policy.fetched, "%s/policy.fetched", config->state_dir) < 0) {
		config->policy.fetched = NULL;
		return -ENOMEM;
	}
	if (config->policy.fetched && access(config->policy.fetched, F_OK) == 0)
		r = config_keys_add_policy(config, strdup(config->policy.fetched));
	if (r < 0 || config->policy.count > 0)
		return r;
	return config_keys_add_policy(config, strdup(default_policy));
}

/* Fills in what depends on other keys. */
static int config_finish(struct config *config, const char *default_policy)
{
	if (config->mode_lock == CONFIG_MODE_LOCKED)
		config->mode = CONFIG_AUDIT;
	if (!config->intel.pack &&
	    asprintf(&config->intel.pack, "%s/intel.pack", config->state_dir) < 0)
		config->intel.pack = NULL;
	if (!config->report.file.path &&
	    asprintf(&config->report.file.path, "%s/findings.jsonl", config->state_dir) < 0)
		config->report.file.path = NULL;
	if (!config->intel.pack || !config->report.file.path || config_contain_finish(config) < 0)
		return -ENOMEM;
	return policies_finish(config, default_policy);
}

/* Hands a configuration that is complete to the caller, or clears what there is of it. */
static int config_end(int r, struct config *config, struct config *ret,
		      struct document_error *error)
{
	if (r == 0) {
		*ret = *config;
		return 0;
	}
	if (error->count == 0)
		(void)document_error_add(error, "%s", strerror(-r));
	config_keys_clear(config);
	return r == -ENOMEM ? r : -EINVAL;
}

int config_from_text(const char *name, const char *text, size_t size, struct config *ret,
		     struct document_error *ret_error)
{
	CLEANUP(document_free_cleanup) struct document *document = NULL;
	struct config config;
	int r;

	*ret_error = (struct document_error){ 0 };
	r = config_begin(&config);
	if (r == 0)
		r = document_parse(name, text, size, ret_error, &document);
	if (r == 0)
		r = config_keys_read(document, &config);
	if (r == 0)
		r = config_finish(&config, CORDON_DATADIR "/default.yaml");
	return config_end(r, &config, ret, ret_error);
}

static int file_read(const char *path, struct config *config, struct document_error *error)
{
	CLEANUP(document_free_cleanup) struct document *document = NULL;
	int r;

	r = document_load(path, error, &document);
	return r < 0 ? r : config_keys_read(document, config);
}

static int entry_is_yaml(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > strlen(SUFFIX) &&
	       strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

/* By bytes: the order must not depend on a locale. */
static int entry_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

typedef int (*folder_visit)(const char *path, struct config *config, struct document_error *error);

static int entries_visit(const char *folder, struct dirent **entries, size_t count,
			 folder_visit visit, struct config *config, struct document_error *error)
{
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		char *path = NULL;
		int r = -ENOMEM;

		if (asprintf(&path, "%s/%s", folder, entries[i]->d_name) >= 0) {
			r = visit(path, config, error);
			free(path);
		}
		if (r < 0 && result == 0)
			result = r;
	}
	return result;
}

/* Visits the .yaml files of a folder, which need not exist, in the order of their names. */
static int folder_walk(const char *folder, folder_visit visit, struct config *config,
		       struct document_error *error)
{
	struct dirent **entries = NULL;
	char shown[256];
	int count, r;

	count = scandir(folder, &entries, entry_is_yaml, entry_order);
	if (count < 0 && errno == ENOENT)
		return 0;
	(void)escape_text(folder, strlen(folder), shown, sizeof(shown));
	if (count < 0)
		return document_error_add(error, "%s: cannot be read: %s", shown, strerror(errno));
	if (count > CONFIG_FILES_MAX)
		r = document_error_add(error, "%s: more than %d files", shown, CONFIG_FILES_MAX);
	else
		r = entries_visit(folder, entries, (size_t)count, visit, config, error);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return r;
}

static int policy_visit(const char *path, struct config *config, struct document_error *error)
{
	(void)error;
	return config_keys_add_policy(config, strdup(path));
}

int config_load_places(const struct config_places *places, struct config *ret,
		       struct document_error *ret_error)
{
	struct config config;
	int r, drop_ins;

	*ret_error = (struct document_error){ 0 };
	r = config_begin(&config);
	if (r == 0 && (places->required || access(places->file, F_OK) == 0 || errno != ENOENT))
		r = file_read(places->file, &config, ret_error);
	drop_ins = folder_walk(places->drop_ins, file_read, &config, ret_error);
	r = r < 0 ? r : drop_ins;
	if (r == 0 && config.policy.count == 0)
		r = folder_walk(places->policies, policy_visit, &config, ret_error);
	if (r == 0)
		r = config_finish(&config, places->policy);
	return config_end(r, &config, ret, ret_error);
}

int config_load(const char *path, struct config *ret, struct document_error *ret_error)
{
	struct config_places places = {
		.file = path ? path : CONFIG_FOLDER "/cordon.yaml",
		.required = path != NULL,
		.policies = CONFIG_FOLDER "/policy.d",
		.policy = CORDON_DATADIR "/default.yaml",
	};
	CLEANUP(free_cleanup) char *drop_ins = NULL;
	size_t length = strlen(places.file);

	if (length > strlen(SUFFIX) && strcmp(places.file + length - strlen(SUFFIX), SUFFIX) == 0)
		length -= strlen(SUFFIX);
	if (asprintf(&drop_ins, "%.*s.d", (int)length, places.file) < 0) {
		drop_ins = NULL;
		*ret_error = (struct document_error){ 0 };
		(void)document_error_add(ret_error, "out of memory");
		return -ENOMEM;
	}
	places.drop_ins = drop_ins;
	return config_load_places(&places, ret, ret_error);
}

void config_free(struct config *config)
{
	config_keys_clear(config);
}

void config_swap_policy(struct config *a, struct config *b)
{
	struct config_policy policy = a->policy;

	a->policy = b->policy;
	b->policy = policy;
}
