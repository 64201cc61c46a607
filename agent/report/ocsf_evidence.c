/* SPDX-License-Identifier: Apache-2.0
 *
 * The evidence in a finding: what was asked, by which process, from where to where. From an event
 * (sensor/event.h), whose texts are raw bytes that an outsider chose.
 */
#include "report/ocsf_private.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* observable.type_id */
enum {
	OBSERVABLE_HOSTNAME = 1,
	OBSERVABLE_IP_ADDRESS = 2,
	OBSERVABLE_USER_NAME = 4,
	OBSERVABLE_FILE_NAME = 7,
	OBSERVABLE_PROCESS_NAME = 9,
	OBSERVABLE_COMMAND_LINE = 13,
	OBSERVABLE_PROCESS_ID = 15,
	OBSERVABLE_FILE_PATH = 45,
};

static bool address_known(const struct address *address)
{
	static const struct address none;

	return !address_equal(address, &none);
}

static json_t *endpoint(struct ocsf_builder *builder, const struct address *address, uint16_t port)
{
	json_t *object = json_object();
	char text[ADDRESS_TEXT_SIZE];

	if (!address_known(address))
		return object;
	address_format(address, text);
	ocsf_put_text(builder, object, "ip", text);
	if (port)
		ocsf_put_number(builder, object, "port", port);
	return object;
}

json_t *ocsf_connection(struct ocsf_builder *builder, const struct event *event)
{
	static const char *const directions[] = { "Unknown", "Outbound", "Inbound" };
	static const unsigned direction_ids[] = { 0, 2, 1 };
	json_t *object = json_object();

	ocsf_put_number(builder, object, "direction_id", direction_ids[event->direction]);
	ocsf_put_text(builder, object, "direction", directions[event->direction]);
	if (event->protocol) {
		ocsf_put_number(builder, object, "protocol_num", event->protocol);
		ocsf_put_text(builder, object, "protocol_name",
			      event->protocol == IPPROTO_TCP   ? "tcp"
			      : event->protocol == IPPROTO_UDP ? "udp"
							       : NULL);
	}
	if (address_known(&event->source))
		ocsf_put_number(builder, object, "protocol_ver_id",
				address_is_ipv4(&event->source) ? 4 : 6);
	return object;
}

static const char *qclass_name(uint16_t qclass, char out[static 16])
{
	switch (qclass) {
	case 1:
		return "IN";
	case 3:
		return "CH";
	case 4:
		return "HS";
	case 255:
		return "ANY";
	default:
		(void)snprintf(out, 16, "CLASS%u", qclass);
		return out;
	}
}

static json_t *query(struct ocsf_builder *builder, const struct event *event)
{
	/* dns_query.opcode_id is DNS's own number up to 6. */
	static const char *const opcodes[] = { "Query",	 "Inverse Query", "Status",	"Reserved",
					       "Notify", "Update",	  "DSO Message" };
	char name[DOMAIN_NAME_TEXT_SIZE], number[16];
	json_t *object = json_object();

	if (event->name.length == 0)
		return object;
	domain_name_format(&event->name, name);
	ocsf_put_text(builder, object, "hostname", name);
	ocsf_put_text(builder, object, "type", event_qtype_name(event->qtype, number));
	ocsf_put_text(builder, object, "class", qclass_name(event->qclass, number));
	if (event->opcode < ELEMENTS(opcodes)) {
		ocsf_put_number(builder, object, "opcode_id", event->opcode);
		ocsf_put_text(builder, object, "opcode", opcodes[event->opcode]);
	} else {
		(void)snprintf(number, sizeof(number), "OPCODE%u", event->opcode);
		ocsf_put_number(builder, object, "opcode_id", 99);
		ocsf_put_text(builder, object, "opcode", number);
	}
	ocsf_put_number(builder, object, "packet_uid", event->dns_id);
	return object;
}

static json_t *executable(struct ocsf_builder *builder, const struct process *process)
{
	const char *slash = strrchr(process->exe, '/');
	const char *name = slash && slash[1] ? slash + 1 : process->exe;
	json_t *object = json_object();

	if (!process->exe[0])
		return object;
	ocsf_put_raw(builder, object, "name", name);
	ocsf_put_number(builder, object, "type_id", 1);
	ocsf_put_text(builder, object, "type", "Regular File");
	ocsf_put_raw(builder, object, "path", process->exe);
	ocsf_put_true(builder, object, "is_deleted", process->exe_deleted);
	return object;
}

static json_t *user(struct ocsf_builder *builder, uid_t uid, const char *name)
{
	json_t *object = json_object();
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", (unsigned)uid);
	ocsf_put_raw(builder, object, "name", name);
	ocsf_put_text(builder, object, "uid", number);
	return object;
}

static json_t *container(struct ocsf_builder *builder, const struct process *process)
{
	json_t *object = json_object();

	if (process)
		ocsf_put_raw(builder, object, "uid", process->container);
	return object;
}

static json_t *process_object(struct ocsf_builder *builder, const struct process *process,
			      int depth)
{
	json_t *object = json_object();
	char uid[48];

	ocsf_put_number(builder, object, "pid", (uint64_t)process->pid);
	/* A pid is used again, a pid and its start are not. */
	if (process->start_boottime) {
		(void)snprintf(uid, sizeof(uid), "%ld-%llu", (long)process->pid,
			       (unsigned long long)process->start_boottime);
		ocsf_put_text(builder, object, "uid", uid);
	}
	ocsf_put_raw(builder, object, "name", process->comm);
	ocsf_put_raw(builder, object, "path", process->exe);
	ocsf_put_filled(builder, object, "file", executable(builder, process));
	ocsf_put_raw(builder, object, "cmd_line", process->arguments);
	/* Of a process that only pid and comm are known of, the user is not. */
	if (process->source != PROCESS_SOURCE_NONE)
		ocsf_put(builder, object, "user", user(builder, process->uid, process->user));
	ocsf_put_time(builder, object, "created_time", process->start_time);
	ocsf_put_filled(builder, object, "container", container(builder, process));
	if (process->parent && depth < OCSF_ANCESTORS) {
		ocsf_put(builder, object, "parent_process",
			 process_object(builder, process->parent, depth + 1));
	} else if (process->parent_pid > 0) {
		json_t *parent = json_object();

		ocsf_put_number(builder, parent, "pid", (uint64_t)process->parent_pid);
		ocsf_put(builder, object, "parent_process", parent);
	}
	return object;
}

json_t *ocsf_process(struct ocsf_builder *builder, const struct event *event)
{
	json_t *object;

	if (!event->process)
		return json_object();
	object = process_object(builder, event->process, 0);
	if (event->tid > 0)
		ocsf_put_number(builder, object, "tid", (uint64_t)event->tid);
	return object;
}

json_t *ocsf_evidence(struct ocsf_builder *builder, const struct event *event)
{
	json_t *object = json_object();

	ocsf_put_filled(builder, object, "query", query(builder, event));
	ocsf_put_filled(builder, object, "process", ocsf_process(builder, event));
	ocsf_put_filled(builder, object, "src_endpoint",
			endpoint(builder, &event->source, event->source_port));
	ocsf_put_filled(builder, object, "dst_endpoint",
			endpoint(builder, &event->destination, event->destination_port));
	ocsf_put(builder, object, "connection_info", ocsf_connection(builder, event));
	ocsf_put_filled(builder, object, "container", container(builder, event->process));
	return object;
}

struct observable_source {
	const char *path[4]; /* below the evidence */
	int type_id;
	const char *type;
};

static const struct observable_source observable_sources[] = {
	{ { "query", "hostname" }, OBSERVABLE_HOSTNAME, "Hostname" },
	{ { "src_endpoint", "ip" }, OBSERVABLE_IP_ADDRESS, "IP Address" },
	{ { "dst_endpoint", "ip" }, OBSERVABLE_IP_ADDRESS, "IP Address" },
	{ { "process", "name" }, OBSERVABLE_PROCESS_NAME, "Process Name" },
	{ { "process", "pid" }, OBSERVABLE_PROCESS_ID, "Process ID" },
	{ { "process", "cmd_line" }, OBSERVABLE_COMMAND_LINE, "Command Line" },
	{ { "process", "file", "name" }, OBSERVABLE_FILE_NAME, "File Name" },
	{ { "process", "file", "path" }, OBSERVABLE_FILE_PATH, "File Path" },
	{ { "process", "user", "name" }, OBSERVABLE_USER_NAME, "User Name" },
	{ { "process", "parent_process", "name" }, OBSERVABLE_PROCESS_NAME, "Process Name" },
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

json_t *ocsf_observables(struct ocsf_builder *builder, const struct ocsf_finding *input,
			 const json_t *evidence, const char *prefix)
{
	static const struct observable_source host = { { "device", "hostname" },
						       OBSERVABLE_HOSTNAME,
						       "Hostname" };
	json_t *array = json_array();

	for (size_t i = 0; i < ELEMENTS(observable_sources); i++) {
		const struct observable_source *source = &observable_sources[i];
		const json_t *value = evidence;
		char name[128];
		size_t used = (size_t)snprintf(name, sizeof(name), "%s", prefix);

		for (size_t k = 0; source->path[k]; k++) {
			value = json_object_get(value, source->path[k]);
			used += (size_t)snprintf(name + used, sizeof(name) - used, "%s%s",
						 k ? "." : "", source->path[k]);
		}
		if (value)
			put_observable(builder, array, name, source, value);
	}
	if (input->host->hostname[0]) {
		json_t *value = ocsf_raw(input->host->hostname);

		put_observable(builder, array, "device.hostname", &host, value);
		json_decref(value);
	}
	return array;
}
