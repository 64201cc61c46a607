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
	char name[16];

	ocsf_put_number(builder, object, "direction_id", direction_ids[event->direction]);
	ocsf_put_text(builder, object, "direction", directions[event->direction]);
	if (event->protocol) {
		ocsf_put_number(builder, object, "protocol_num", event->protocol);
		ocsf_put_text(builder, object, "protocol_name",
			      event_protocol_name(event->protocol, name));
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

	if (event->name.length == 0 ||
	    (event->kind != EVENT_QUESTION && event->kind != EVENT_ANSWER))
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

/* The other end, with the name by which it was reached where that is known. */
static json_t *destination(struct ocsf_builder *builder, const struct event *event)
{
	json_t *object = endpoint(builder, &event->destination, event->destination_port);
	char name[DOMAIN_NAME_TEXT_SIZE];

	if (event->kind != EVENT_CONNECTION || event->name.length == 0)
		return object;
	domain_name_format(&event->name, name);
	ocsf_put_text(builder, object, "hostname", name);
	return object;
}

json_t *ocsf_evidence(struct ocsf_builder *builder, const struct event *event)
{
	json_t *object = json_object();

	ocsf_put_filled(builder, object, "query", query(builder, event));
	ocsf_put_filled(builder, object, "process", ocsf_process(builder, event));
	ocsf_put_filled(builder, object, "src_endpoint",
			endpoint(builder, &event->source, event->source_port));
	ocsf_put_filled(builder, object, "dst_endpoint", destination(builder, event));
	if (event->file)
		ocsf_put(builder, object, "file", ocsf_file(builder, event->file));
	else
		ocsf_put(builder, object, "connection_info", ocsf_connection(builder, event));
	ocsf_put_filled(builder, object, "container", container(builder, event->process));
	if (event->flow)
		ocsf_put_flow(builder, object, event);
	return object;
}
