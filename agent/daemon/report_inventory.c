/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what SSM's inventory says of this host, as attributes of the type Custom:Cordon: text that
 * changes only when something has changed. Names of findings in it are strangers' choice.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include <config.h>
#include "daemon/agent.h"
#include "daemon/reports.h"

/* SSM takes 4096. */
#define VALUE_SIZE  512
#define FILE_NAME   "Cordon.json"
/* SSM's agent looks at *.json only. */
#define FILE_BEFORE FILE_NAME ".new"

CLEANUP_DEFINE(json_t *, json_decref)

__attribute__((format(printf, 3, 4))) static void put(json_t *values, const char *name,
						      const char *format, ...)
{
	char text[VALUE_SIZE], shown[VALUE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)escape_text(text, strlen(text), shown, sizeof(shown));
	(void)json_object_set_new(values, name, json_string(shown));
}

static void put_time(json_t *values, const char *name, uint64_t time)
{
	char text[CLOCK_TEXT_SIZE] = "";

	if (time)
		clock_format(time, text);
	put(values, name, "%s", text);
}

static void put_pack(json_t *values, struct agent *agent)
{
	struct pack_info info = { 0 };

	if (agent->pack)
		pack_info(agent->pack, &info);
	put(values, "Pack", "%s", agent->pack ? info.sha256 : "none");
	put_time(values, "PackTime", info.created * NS_PER_SECOND);
	put(values, "Indicators", "%" PRIu64, info.domains + info.addresses + info.hashes);
}

static void put_hooks(json_t *values, struct agent *agent)
{
	struct sensor_program programs[SENSOR_PROGRAMS_MAX];
	size_t count = sensor_programs(agent->sensor, programs), attached = 0;

	for (size_t i = 0; i < count; i++)
		attached += programs[i].attached;
	put(values, "Hooks", "%zu of %zu", attached, count);
}

static int newest_put(const struct journal_entry *entry, void *userdata)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(entry->document, 0, NULL);
	const char *title = json_string_value(
		json_object_get(json_object_get(object, "finding_info"), "title"));
	json_t *values = userdata;

	put(values, "LastFinding", "%s", title ? title : entry->detector);
	put(values, "LastFindingUid", "%s", entry->uid);
	put(values, "LastFindingSeverity", "%s", severity_name((enum severity)entry->severity));
	put_time(values, "LastFindingTime", entry->first_seen);
	return 0;
}

static void put_last_finding(json_t *values, struct agent *agent)
{
	static const char *const names[] = { "LastFinding", "LastFindingUid", "LastFindingSeverity",
					     "LastFindingTime" };

	/* The same attributes always: they are the schema. */
	for (size_t i = 0; i < ELEMENTS(names); i++)
		put(values, names[i], "%s", "");
	(void)journal_newest(agent->journal, newest_put, values);
}

static json_t *values_make(struct agent *agent)
{
	json_t *values = json_object();

	put(values, "Version", "%s", PACKAGE_VERSION);
	put(values, "Mode", "%s", agent->config.mode == CONFIG_ENFORCE ? "enforce" : "audit");
	put(values, "ModeLock", "%s", agent->config.mode_lock ? "audit" : "none");
	put_time(values, "Started", agent->started);
	put(values, "Kernel", "%s", agent->host.kernel);
	put(values, "Rules", "%" PRIu64, (uint64_t)policy_rules(agent->policy));
	put_pack(values, agent);
	put_hooks(values, agent);
	put_last_finding(values, agent);
	return values;
}

char *report_inventory(struct agent *agent, bool known)
{
	CLEANUP(json_decref_cleanup)
	json_t *report = json_pack("{s:o, s:b}", "content", values_make(agent), "known", known);

	return report ? json_dumps(report, JSON_COMPACT) : NULL;
}

char *report_inventory_file(struct agent *agent, bool known)
{
	CLEANUP(json_decref_cleanup)
	json_t *report = json_pack("{s:s, s:s, s:o}", "SchemaVersion", "1.0", "TypeName",
				   "Custom:Cordon", "Content", values_make(agent));

	(void)known;
	return report ? json_dumps(report, JSON_INDENT(1)) : NULL;
}

static int file_write(int folder, const char *text)
{
	CLEANUP(close_cleanup)
	int fd = openat(folder, FILE_BEFORE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0600);
	size_t length = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, length);
	if (n != (ssize_t)length)
		return n < 0 ? -errno : -ENOSPC;
	return renameat(folder, FILE_BEFORE, folder, FILE_NAME) < 0 ? -errno : 0;
}

int report_inventory_write(struct agent *agent, const char *text)
{
	const char *instance = agent->host.instance_id;
	CLEANUP(close_cleanup) int folder = -1;
	char path[PATH_MAX];
	size_t length;
	int r;

	if (!*instance)
		return -EAGAIN;
	length = (size_t)snprintf(path, sizeof(path), "%s/%s", agent->config.report.ssm.folder,
				  instance);
	if (length + sizeof("/inventory/custom") > sizeof(path))
		return -ENAMETOOLONG;
	/* Made by SSM's agent when it registers: without it nobody would read the file. */
	if (access(path, F_OK) < 0)
		return -errno;
	(void)strcpy(path + length, "/inventory/custom");
	r = fd_make_folders(path, 0700);
	if (r < 0)
		return r;
	folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return folder < 0 ? -errno : file_write(folder, text);
}
