/* SPDX-License-Identifier: Apache-2.0
 *
 * The observables of a finding: the names, addresses and paths in its evidence, each with the place
 * where it stands there, for whoever searches by value. Takes them from the evidence's object,
 * whose texts are escaped already.
 */
#include "report/ocsf_private.h"

#include <stdio.h>

#include "base/cleanup.h"

/* observable.type_id */
enum {
	OBSERVABLE_HOSTNAME = 1,
	OBSERVABLE_IP_ADDRESS = 2,
	OBSERVABLE_USER_NAME = 4,
	OBSERVABLE_FILE_NAME = 7,
	OBSERVABLE_HASH = 8,
	OBSERVABLE_PROCESS_NAME = 9,
	OBSERVABLE_COMMAND_LINE = 13,
	OBSERVABLE_FINGERPRINT = 30,
	OBSERVABLE_PROCESS_ID = 15,
	OBSERVABLE_FILE_PATH = 45,
};

#define PATH_MAX_PARTS 4

struct observable_source {
	const char *path[PATH_MAX_PARTS]; /* below the evidence; "[0]": the first of an array */
	int type_id;
	const char *type;
	bool subject; /* what the evidence is of: told for each of a finding's evidences */
};

static const struct observable_source observable_sources[] = {
	{ { "query", "hostname" }, OBSERVABLE_HOSTNAME, "Hostname", true },
	{ { "tls", "sni" }, OBSERVABLE_HOSTNAME, "Hostname", true },
	{ { "url", "hostname" }, OBSERVABLE_HOSTNAME, "Hostname", true },
	{ { "dst_endpoint", "hostname" }, OBSERVABLE_HOSTNAME, "Hostname", true },
	{ { "ja4_fingerprint_list", "[0]", "value" }, OBSERVABLE_FINGERPRINT, "Fingerprint", true },
	{ { "file", "path" }, OBSERVABLE_FILE_PATH, "File Path", true },
	{ { "file", "name" }, OBSERVABLE_FILE_NAME, "File Name", false },
	{ { "file", "hashes", "[0]", "value" }, OBSERVABLE_HASH, "Hash", true },
	{ { "src_endpoint", "ip" }, OBSERVABLE_IP_ADDRESS, "IP Address", false },
	{ { "dst_endpoint", "ip" }, OBSERVABLE_IP_ADDRESS, "IP Address", false },
	{ { "process", "name" }, OBSERVABLE_PROCESS_NAME, "Process Name", false },
	{ { "process", "pid" }, OBSERVABLE_PROCESS_ID, "Process ID", false },
	{ { "process", "cmd_line" }, OBSERVABLE_COMMAND_LINE, "Command Line", false },
	{ { "process", "file", "name" }, OBSERVABLE_FILE_NAME, "File Name", false },
	{ { "process", "file", "path" }, OBSERVABLE_FILE_PATH, "File Path", false },
	{ { "process", "user", "name" }, OBSERVABLE_USER_NAME, "User Name", false },
	{ { "process", "parent_process", "name" }, OBSERVABLE_PROCESS_NAME, "Process Name", false },
};

static void put_observable(struct ocsf_builder *builder, json_t *array, const char *name,
			   const struct observable_source *source, const json_t *value)
{
	json_t *object = json_object();
	char number[24];

	ocsf_put_text(builder, object, "name", name);
	ocsf_put_number(builder, object, "type_id", (uint64_t)source->type_id);
	ocsf_put_text(builder, object, "type", source->type);
	if (json_is_integer(value)) {
		(void)snprintf(number, sizeof(number), "%lld",
			       (long long)json_integer_value(value));
		ocsf_put_text(builder, object, "value", number);
	} else {
		ocsf_put_text(builder, object, "value", json_string_value(value));
	}
	ocsf_append(builder, array, object);
}

/* What the evidence has of the source, if anything. */
static void put_source(struct ocsf_builder *builder, json_t *array, const json_t *evidence,
		       const char *prefix, const struct observable_source *source)
{
	const json_t *value = evidence;
	char name[128];
	size_t used = (size_t)snprintf(name, sizeof(name), "%s", prefix);

	for (size_t i = 0; i < PATH_MAX_PARTS && source->path[i]; i++) {
		bool first = source->path[i][0] == '[';

		value = first ? json_array_get(value, 0) : json_object_get(value, source->path[i]);
		used += (size_t)snprintf(name + used, sizeof(name) - used, "%s%s",
					 i && !first ? "." : "", source->path[i]);
	}
	if (value)
		put_observable(builder, array, name, source, value);
}

json_t *ocsf_observables(struct ocsf_builder *builder, const struct ocsf_finding *input,
			 const json_t *evidence, const char *prefix)
{
	static const struct observable_source host = {
		{ "device", "hostname" }, OBSERVABLE_HOSTNAME, "Hostname", false
	};
	json_t *array = json_array();

	for (size_t i = 0; i < ELEMENTS(observable_sources); i++)
		put_source(builder, array, evidence, prefix, &observable_sources[i]);
	if (input->host->hostname[0]) {
		json_t *value = ocsf_raw(input->host->hostname);

		put_observable(builder, array, "device.hostname", &host, value);
		json_decref(value);
	}
	return array;
}

void ocsf_observe_subject(struct ocsf_builder *builder, json_t *array, const json_t *evidence,
			  size_t number)
{
	char prefix[32];

	(void)snprintf(prefix, sizeof(prefix), "evidences[%zu].", number);
	for (size_t i = 0; i < ELEMENTS(observable_sources); i++)
		if (observable_sources[i].subject)
			put_source(builder, array, evidence, prefix, &observable_sources[i]);
}
