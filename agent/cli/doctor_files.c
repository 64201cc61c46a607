/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of the files that the agent reads and writes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/doctor.h"
#include "intel/pack.h"
#include "policy/policy.h"

CLEANUP_DEFINE(struct policy *, policy_free)
CLEANUP_DEFINE(struct pack *, pack_close)

/* Feeds are refreshed daily or more often; indicators of a week ago miss most of what is new. */
#define PACK_AGE_DAYS 7

/* The journal at its default size and a file of findings with its rotations, and the least that
 * one transaction needs. */
#define DISK_WANTED (UINT64_C(256) << 20)
#define DISK_NEEDED (UINT64_C(16) << 20)

#define SECONDS_A_DAY 86400

/* What needs the configuration says so, once for each. */
static bool configuration_missing(const struct doctor *doctor, struct doctor_result *result)
{
	if (doctor->configured)
		return false;
	doctor_found(result, DOCTOR_WARN, "not looked at: the configuration cannot be read");
	return true;
}

void doctor_configuration(const struct doctor *doctor, struct doctor_result *result)
{
	const struct config *config = &doctor->config;

	if (!doctor->configured) {
		doctor_found(result, DOCTOR_FAIL, "%s", doctor->config_error);
		doctor_remedy(result, "correct it; the daemon does not start with it");
		return;
	}
	doctor_found(result, DOCTOR_OK, "mode %s, %zu feeds",
		     config->mode == CONFIG_ENFORCE ? "enforce" : "audit",
		     config->intel.feeds_count);
}

void doctor_policy(const struct doctor *doctor, struct doctor_result *result)
{
	const struct config *config = &doctor->config;
	CLEANUP(free_cleanup) struct policy_error *error = calloc(1, sizeof(*error));
	CLEANUP(policy_free_cleanup) struct policy *policy = NULL;

	if (configuration_missing(doctor, result) || !error)
		return;
	if (policy_load((const char *const *)config->policy.files, config->policy.count, &policy,
			error) < 0) {
		doctor_found(result, DOCTOR_FAIL, "%.*s", (int)strcspn(error->text, "\n"),
			     error->text);
		doctor_remedy(result, "cordon policy check FILE...");
		return;
	}
	doctor_found(result, DOCTOR_OK, "%zu rules in %zu files", policy_rules(policy),
		     config->policy.count);
}

void doctor_pack(const struct doctor *doctor, struct doctor_result *result)
{
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	struct pack_info info;
	const char *why = "";
	uint64_t now = clock_realtime() / NS_PER_SECOND, days;
	int r;

	if (configuration_missing(doctor, result))
		return;
	r = pack_open(doctor->config.intel.pack, &pack, &why);
	if (r < 0) {
		doctor_found(result, DOCTOR_FAIL, "%s: %s", doctor->config.intel.pack, why);
		doctor_remedy(result, "cordon intel compile -o %s LIST...",
			      doctor->config.intel.pack);
		return;
	}
	pack_info(pack, &info);
	days = now > info.created ? (now - info.created) / SECONDS_A_DAY : 0;
	doctor_found(result, days >= PACK_AGE_DAYS ? DOCTOR_WARN : DOCTOR_OK,
		     "%" PRIu64 " domains, %" PRIu64 " addresses, %" PRIu64 " days old",
		     info.domains, info.addresses, days);
	if (days >= PACK_AGE_DAYS)
		doctor_remedy(result, "compile it anew from fresh lists");
	if (!info.never_block) {
		doctor_found(result, DOCTOR_WARN, "without the never-block list");
		doctor_remedy(result, "compile it with the list");
	}
}

/* Nobody but root may change what the agent goes by. */
static void path_check(const char *path, struct doctor_result *result)
{
	struct stat status;

	if (stat(path, &status) < 0) {
		/* What is not there yet is another check's. */
		if (errno != ENOENT)
			doctor_found(result, DOCTOR_WARN, "%s: %s", path, strerror(errno));
		return;
	}
	if (status.st_uid != 0) {
		doctor_found(result, DOCTOR_FAIL, "%s belongs to uid %u", path, status.st_uid);
		doctor_remedy(result, "chown root %s", path);
	}
	/* A folder with the sticky bit lets nobody replace what is another's. */
	if (status.st_mode & (S_IWGRP | S_IWOTH) &&
	    !(S_ISDIR(status.st_mode) && status.st_mode & S_ISVTX)) {
		doctor_found(result, DOCTOR_FAIL, "%s may be written to by others", path);
		doctor_remedy(result, "chmod go-w %s", path);
	}
}

static void path_and_folder_check(const char *path, struct doctor_result *result)
{
	CLEANUP(free_cleanup) char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	path_check(path, result);
	if (!slash || slash == folder)
		return;
	*slash = '\0';
	path_check(folder, result);
}

void doctor_permissions(const struct doctor *doctor, struct doctor_result *result)
{
	const struct config *config = &doctor->config;
	struct stat status;

	if (configuration_missing(doctor, result))
		return;
	path_check(config->state_dir, result);
	path_check(config->runtime_dir, result);
	path_and_folder_check(config->intel.pack, result);
	for (size_t i = 0; i < config->policy.count; i++)
		path_and_folder_check(config->policy.files[i], result);
	for (size_t i = 0; i < config->intel.feeds_count; i++)
		path_and_folder_check(config->intel.feeds[i].path, result);
	if (stat(config->state_dir, &status) == 0 && status.st_mode & S_IRWXO) {
		doctor_found(result, DOCTOR_WARN, "everybody may read the findings in %s",
			     config->state_dir);
		doctor_remedy(result, "chmod o-rwx %s", config->state_dir);
	}
	if (result->state == DOCTOR_OK)
		doctor_found(result, DOCTOR_OK, "only root may change what the agent goes by");
}

void doctor_disk(const struct doctor *doctor, struct doctor_result *result)
{
	const char *folder = doctor->config.state_dir;
	enum doctor_state state = DOCTOR_OK;
	struct statvfs status;
	uint64_t free_bytes;

	if (configuration_missing(doctor, result))
		return;
	if (statvfs(folder, &status) < 0) {
		doctor_found(result, errno == ENOENT ? DOCTOR_OK : DOCTOR_WARN, "%s: %s", folder,
			     errno == ENOENT ? "made when the daemon starts" : strerror(errno));
		return;
	}
	free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
	if (free_bytes < DISK_WANTED)
		state = free_bytes < DISK_NEEDED ? DOCTOR_FAIL : DOCTOR_WARN;
	doctor_found(result, state, "%" PRIu64 " MiB free in %s", free_bytes >> 20, folder);
	if (state != DOCTOR_OK)
		doctor_remedy(result, "free space: findings that find no room are lost");
}
