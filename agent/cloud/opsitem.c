/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/opsitem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/text.h"

/* CreateOpsItem: Title, Description, a value of OperationalData (20 KB). */
#define TITLE_MAX	1024
#define TITLE_OWN_MAX	700 /* of the finding's, so that the host is named behind it */
#define DESCRIPTION_MAX 2048
#define VALUE_MAX	20000
/* Of what names the finding: host and uid, both short. */
#define NAME_SIZE	512
#define FOUND_MAX	10

/* OCSF: activity_id of a finding that is closed; status_id Resolved. */
#define ACTIVITY_CLOSE	3
#define STATUS_RESOLVED 4

CLEANUP_DEFINE(json_t *, json_decref)

int opsitem_read(json_t *object, struct opsitem_finding *ret)
{
	const json_t *info = json_object_get(object, "finding_info");
	const char *uid = json_string_value(json_object_get(info, "uid"));

	if (!uid || !*uid)
		return -EBADMSG;
	*ret = (struct opsitem_finding){
		.object = object,
		.uid = uid,
		.closed =
			json_integer_value(json_object_get(object, "activity_id")) ==
				ACTIVITY_CLOSE ||
			json_integer_value(json_object_get(object, "status_id")) == STATUS_RESOLVED,
		.first = json_integer_value(json_object_get(object, "count")) <= 1,
	};
	return 0;
}

/* One finding of one host: uids are the same on hosts that were cloned. */
static void name_make(const struct opsitem_finding *finding, const struct opsitem_host *host,
		      char out[static NAME_SIZE])
{
	(void)snprintf(out, NAME_SIZE, "cordon-%.255s-%.200s", host->name, finding->uid);
}

/* ---- operational data ---- */

static void data_put(json_t *data, const char *key, const char *type, const char *text)
{
	/* A value without a letter is refused. */
	if (!text || text[strspn(text, " \t\r\n")] == '\0')
		return;
	(void)json_object_set_new(
		data, key,
		json_pack("{s:s, s:o}", "Type", type, "Value", text_json(text, VALUE_MAX)));
}

/* The string at a path of keys, the first one of a list; NULL: there is none. */
static const char *text_at(const json_t *value, const char *path)
{
	char key[64];

	while (value && *path) {
		size_t length = strcspn(path, ".");

		(void)snprintf(key, sizeof(key), "%.*s", (int)length, path);
		value = json_object_get(value, key);
		if (json_is_array(value))
			value = json_array_get(value, 0);
		path += length + (path[length] == '.');
	}
	return json_string_value(value);
}

/* Members of the finding that people look for first. */
static void data_put_facts(json_t *data, const json_t *finding)
{
	static const struct {
		const char *key, *path;
	} facts[] = {
		{ "cordon.detector", "finding_info.analytic.name" },
		{ "cordon.feed", "finding_info.analytic.uid" },
		{ "cordon.rule", "policy.uid" },
		{ "cordon.indicator", "osint.value" },
		{ "cordon.hostname", "evidences.query.hostname" },
		{ "cordon.address", "evidences.dst_endpoint.ip" },
		{ "cordon.process", "evidences.process.file.path" },
		{ "cordon.command", "evidences.process.cmd_line" },
		{ "cordon.user", "evidences.process.user.name" },
		{ "cordon.disposition", "disposition" },
		{ "cordon.first_seen", "finding_info.first_seen_time_dt" },
	};
	char number[32];

	for (size_t i = 0; i < ELEMENTS(facts); i++)
		data_put(data, facts[i].key, "String", text_at(finding, facts[i].path));
	(void)snprintf(number, sizeof(number), "%lld",
		       (long long)json_integer_value(json_object_get(finding, "count")));
	data_put(data, "cordon.count", "String", number);
	(void)snprintf(number, sizeof(number), "%lld",
		       (long long)json_integer_value(json_object_get(finding, "time")));
	data_put(data, "cordon.last_seen_ms", "String", number);
}

static void data_put_investigation(json_t *data, const struct opsitem_finding *finding,
				   const struct opsitem_host *host)
{
	CLEANUP(free_cleanup) char *line = json_dumps(finding->object, JSON_COMPACT);
	char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"On %.255s, as root: `cordon findings %.200s` shows the finding with its "
		"history, `cordon findings --json %.200s` all of it, `cordon status` how the "
		"agent is. The finding as OCSF is in cordon.finding, or where it is too "
		"long, in the log group of findings.",
		host->name, finding->uid, finding->uid);
	data_put(data, "cordon.investigation", "String", text);
	/* Half an object is none. */
	if (line && strlen(line) <= VALUE_MAX)
		data_put(data, "cordon.finding", "String", line);
}

static json_t *data_make(const struct opsitem_finding *finding, const struct opsitem_host *host)
{
	json_t *data = json_object();
	char name[NAME_SIZE];

	name_make(finding, host, name);
	data_put(data, "cordon.id", "SearchableString", name);
	data_put(data, "cordon.uid", "SearchableString", finding->uid);
	data_put(data, "cordon.host", "SearchableString", host->name);
	data_put_facts(data, finding->object);
	data_put_investigation(data, finding, host);
	return data;
}

static void data_put_object(json_t *data, const char *key, const char *type, json_t *object)
{
	CLEANUP(json_decref_cleanup) json_t *owned = object;
	CLEANUP(free_cleanup) char *text = owned ? json_dumps(owned, JSON_COMPACT) : NULL;

	data_put(data, key, type, text);
}

/* What only CreateOpsItem takes: neither changes afterwards. */
static void data_put_fixed(json_t *data, const struct opsitem_finding *finding,
			   const struct opsitem_host *host)
{
	char name[NAME_SIZE], arn[NAME_SIZE];

	name_make(finding, host, name);
	data_put_object(data, "/aws/dedup", "SearchableString",
			json_pack("{s:s}", "dedupString", name));
	if (!*host->instance || !*host->account || !*host->region)
		return;
	(void)snprintf(arn, sizeof(arn), "arn:%.32s:ec2:%.64s:%.64s:instance/%.64s",
		       host->partition, host->region, host->account, host->instance);
	data_put_object(data, "/aws/resources", "SearchableString",
			json_pack("[{s:s}]", "arn", arn));
}

/* ---- requests ---- */

/* OpsItems count from 1, the worst. */
static const char *severity_of(const json_t *finding)
{
	static const char *const severities[] = { "4", "4", "4", "3", "2", "1" };
	json_int_t id = json_integer_value(json_object_get(finding, "severity_id"));

	return id >= 0 && (size_t)id < ELEMENTS(severities) ? severities[id] : "1";
}

static json_t *title_of(const struct opsitem_finding *finding, const struct opsitem_host *host)
{
	const char *title = text_at(finding->object, "finding_info.title");
	char text[TITLE_MAX];

	if (!title || !*title)
		title = "a finding";
	(void)snprintf(text, sizeof(text), "cordon: %.*s (%.255s)",
		       (int)text_fit(title, TITLE_OWN_MAX), title, host->name);
	return text_json(text, TITLE_MAX);
}

static json_t *description_of(const struct opsitem_finding *finding)
{
	const char *why = text_at(finding->object, "finding_info.desc");
	const char *title = text_at(finding->object, "finding_info.title");

	if (!why || why[strspn(why, " \t\r\n")] == '\0')
		why = title && *title ? title : finding->uid;
	return text_json(why, DESCRIPTION_MAX);
}

json_t *opsitem_create(const struct opsitem_finding *finding, const struct opsitem_host *host)
{
	json_t *data = data_make(finding, host);

	data_put_fixed(data, finding, host);
	return json_pack("{s:o, s:o, s:s, s:s, s:s, s:o}", "Title", title_of(finding, host),
			 "Description", description_of(finding), "Source", "cordon", "Category",
			 "Security", "Severity", severity_of(finding->object), "OperationalData",
			 data);
}

json_t *opsitem_update(const struct opsitem_finding *finding, const struct opsitem_host *host,
		       const char *id, const char *status)
{
	json_t *body = json_pack("{s:s, s:o, s:s, s:o}", "OpsItemId", id, "Description",
				 description_of(finding), "Severity", severity_of(finding->object),
				 "OperationalData", data_make(finding, host));

	if (body && status)
		(void)json_object_set_new(body, "Status", json_string(status));
	return body;
}

json_t *opsitem_find(const struct opsitem_finding *finding, const struct opsitem_host *host)
{
	CLEANUP(json_decref_cleanup) json_t *pair = NULL;
	CLEANUP(free_cleanup) char *text = NULL;
	char name[NAME_SIZE];

	name_make(finding, host, name);
	pair = json_pack("{s:s, s:s}", "key", "cordon.id", "value", name);
	text = pair ? json_dumps(pair, JSON_COMPACT) : NULL;
	if (!text)
		return NULL;
	return json_pack("{s:[{s:s, s:[s], s:s}], s:i}", "OpsItemFilters", "Key", "OperationalData",
			 "Values", text, "Operator", "Equal", "MaxResults", FOUND_MAX);
}

/* ---- replies ---- */

/* It goes into the next request. */
static int id_take(const char *text, char ret_id[static OPSITEM_ID_SIZE])
{
	if (!text || strlen(text) != OPSITEM_ID_SIZE - 1 || strncmp(text, "oi-", 3) != 0 ||
	    strspn(text + 3, "0123456789abcdef") != OPSITEM_ID_SIZE - 4)
		return -EBADMSG;
	memcpy(ret_id, text, OPSITEM_ID_SIZE);
	return 0;
}

int opsitem_reply_id(const char *body, size_t size, char ret_id[static OPSITEM_ID_SIZE])
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(body, size, 0, NULL);

	return id_take(json_string_value(json_object_get(object, "OpsItemId")), ret_id);
}

static bool status_ended(const char *status)
{
	return status && (strcmp(status, "Resolved") == 0 || strcmp(status, "Closed") == 0);
}

int opsitem_reply_found(const char *body, size_t size, char ret_id[static OPSITEM_ID_SIZE],
			bool *ret_ended)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(body, size, 0, NULL);
	const json_t *all = json_object_get(object, "OpsItemSummaries"), *item;
	char id[OPSITEM_ID_SIZE];
	bool found = false, open = false;
	double newest = -1;
	size_t i;

	if (!json_is_object(object) || (all && !json_is_array(all)))
		return -EBADMSG;
	json_array_foreach(all, i, item)
	{
		const char *status = json_string_value(json_object_get(item, "Status"));
		double created = json_number_value(json_object_get(item, "CreatedTime"));

		if (open || (status_ended(status) && found && created <= newest))
			continue;
		if (id_take(json_string_value(json_object_get(item, "OpsItemId")), id) < 0)
			return -EBADMSG;
		open = !status_ended(status);
		found = true;
		newest = created;
	}
	if (!found)
		return 0;
	memcpy(ret_id, id, sizeof(id));
	*ret_ended = !open;
	return 1;
}
