/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the Detection Finding object: made from a finding and its verdict, brought up to date from
 * its stored line. What OCSF 1.8.0 has no home for goes into `unmapped`.
 */
#include "report/ocsf_private.h"

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/file_facts.h"
#include "sensor/flow_facts.h"

#define CLASS_UID    2004
#define CATEGORY_UID 2

static const char *const activity_names[] = { "Unknown", "Create", "Update", "Close" };

static const struct ocsf_outcome outcomes[] = {
	{ 2, 2, 1, "Denied", "Blocked", "New", NULL },
	{ 1, 1, 3, "Allowed", "Allowed", "Suppressed", NULL }, /* an exception */
	{ 3, 17, 1, "Observed", "Logged", "New", "would_have" },
	{ 3, 17, 1, "Observed", "Logged", "New", "missed" },
	{ 3, 19, 1, "Observed", "Alert", "New", NULL },
	{ 3, 17, 1, "Observed", "Logged", "New", "ordered" }, /* an activity tells how it ended */
};

const struct ocsf_outcome *ocsf_outcome(const struct ocsf_finding *input)
{
	if (input->finding->event->disposition == EVENT_BLOCKED)
		return &outcomes[0];
	if (input->verdict->excepted)
		return &outcomes[1];
	/* An isolation is told of apart: what came of it is known later. */
	if (input->verdict->response == RESPONSE_NONE ||
	    (input->finding->detector && strcmp(input->finding->detector, "isolation") == 0) ||
	    (input->enforce && response_isolates(input->verdict->response)))
		return &outcomes[4];
	if (input->enforce && input->verdict->response != RESPONSE_BLOCK &&
	    input->verdict->response != RESPONSE_CONTAIN)
		return &outcomes[5];
	return input->enforce ? &outcomes[3] : &outcomes[2];
}

unsigned ocsf_finding_state(const struct ocsf_finding *input)
{
	return (unsigned)(ocsf_outcome(input) - outcomes) |
	       (unsigned)input->verdict->suppressed << 17 |
	       (unsigned)input->verdict->response << 8 | (unsigned)input->enforce << 16;
}

const char *ocsf_severity_caption(int severity)
{
	static const char *const captions[] = { "Unknown", "Informational", "Low",
						"Medium",  "High",	    "Critical" };

	return severity >= 0 && (size_t)severity < ELEMENTS(captions) ? captions[severity]
								      : captions[0];
}

void ocsf_put_message(struct ocsf_builder *builder, json_t *object, uint64_t time,
		      const char *message, int severity)
{
	ocsf_put_number(builder, object, "time", time / NS_PER_MILLISECOND);
	ocsf_put_text(builder, object, "message", message);
	ocsf_put_number(builder, object, "severity_id", (uint64_t)severity);
	ocsf_put_text(builder, object, "severity", ocsf_severity_caption(severity));
}

static json_t *profiles(struct ocsf_builder *builder, const struct ocsf_finding *input)
{
	const struct process *process = input->finding->event->process;
	json_t *array = json_array();

	ocsf_append(builder, array, json_string("security_control"));
	if (ocsf_host_is_known(input->host))
		ocsf_append(builder, array, json_string("host"));
	if (ocsf_host_is_cloud(input->host))
		ocsf_append(builder, array, json_string("cloud"));
	if (process && process->container[0])
		ocsf_append(builder, array, json_string("container"));
	if (input->finding->indicator)
		ocsf_append(builder, array, json_string("osint"));
	return array;
}

json_t *ocsf_metadata(struct ocsf_builder *builder, const struct ocsf_finding *input,
		      const char *uid)
{
	json_t *metadata = json_object(), *product = json_object();

	ocsf_put_text(builder, metadata, "version", OCSF_VERSION);
	ocsf_put_text(builder, product, "name", "cordon");
	ocsf_put_text(builder, product, "vendor_name", "cordon");
	ocsf_put_text(builder, product, "version", PACKAGE_VERSION);
	ocsf_put(builder, metadata, "product", product);
	ocsf_put(builder, metadata, "profiles", profiles(builder, input));
	ocsf_put_text(builder, metadata, "uid", uid);
	return metadata;
}

json_t *ocsf_policy(struct ocsf_builder *builder, const struct ocsf_finding *input)
{
	const struct verdict *verdict = input->verdict;
	json_t *policy = json_object();

	ocsf_put_raw(builder, policy, "name", verdict->policy);
	ocsf_put_raw(builder, policy, "uid", verdict->rule);
	if (json_object_size(policy) == 0)
		return policy;
	ocsf_put_raw(builder, policy, "desc", verdict->reason);
	/* Whether what the rule asks for was done, not only told. */
	ocsf_put(builder, policy, "is_applied", json_boolean(!ocsf_outcome(input)->unmapped));
	return policy;
}

static json_t *analytic(struct ocsf_builder *builder, const struct finding *finding)
{
	const struct file_facts *file = finding->event->file;
	json_t *object = json_object();

	ocsf_put_raw(builder, object, "name",
		     file && file->match ? file->match->rule : finding->detector);
	if (file && file->match)
		ocsf_put_raw(builder, object, "uid", file->match->namespace_);
	if (finding->indicator)
		ocsf_put_raw(builder, object, "uid", finding->indicator->feed);
	ocsf_put_number(builder, object, "type_id", 1);
	ocsf_put_text(builder, object, "type", "Rule");
	return object;
}

static const char *source_name(const struct event *event)
{
	static const char *const names[] = {
		[EVENT_QUESTION] = "DNS traffic",
		[EVENT_ANSWER] = "DNS traffic",
		[EVENT_CONNECTION] = "Connections",
		[EVENT_PAYLOAD] = "First bytes of connections",
		[EVENT_FLOW] = "First bytes of connections",
		[EVENT_FILE] = "Files",
	};

	return names[event->kind];
}

static json_t *finding_info(struct ocsf_builder *builder, const struct ocsf_finding *input)
{
	const struct finding *finding = input->finding;
	json_t *info = json_object(), *types = json_array(), *sources = json_array();

	ocsf_put_text(builder, info, "uid", finding->uid);
	ocsf_put_text(builder, info, "title", finding->title);
	ocsf_put_text(builder, info, "desc", finding->why);
	ocsf_put(builder, info, "analytic", analytic(builder, finding));
	ocsf_put_time(builder, info, "first_seen_time", input->first_seen);
	ocsf_put_time(builder, info, "last_seen_time", input->last_seen);
	ocsf_put_time(builder, info, "created_time", input->first_seen);
	ocsf_put_time(builder, info, "modified_time", input->last_seen);
	ocsf_append(builder, types, ocsf_raw(finding->detector));
	ocsf_put(builder, info, "types", types);
	ocsf_append(builder, sources,
		    json_string(finding->event->frame ? "Recorded packets"
						      : source_name(finding->event)));
	ocsf_put(builder, info, "data_sources", sources);
	return info;
}

/* osint.labels: the tags, which a list gives separated by commas. */
static json_t *labels(struct ocsf_builder *builder, const char *tags)
{
	CLEANUP(free_cleanup) char *copy = strdup(tags);
	json_t *array = json_array();
	char *rest = NULL;

	if (!copy)
		builder->failed = true;
	for (char *tag = copy ? strtok_r(copy, ",", &rest) : NULL; tag;
	     tag = strtok_r(NULL, ",", &rest))
		ocsf_append(builder, array, ocsf_raw(tag));
	return array;
}

static json_t *osint(struct ocsf_builder *builder, const struct indicator *indicator)
{
	static const struct {
		unsigned id;
		const char *name;
	} types[INDICATOR_KINDS] = {
		[INDICATOR_DOMAIN] = { 2, "Domain" },
		[INDICATOR_ADDRESS] = { 1, "IP Address" },
		[INDICATOR_HASH] = { 4, "Hash" },
		[INDICATOR_JA4] = { 99, "JA4 Fingerprint" },
	};
	json_t *array = json_array(), *object = json_object();

	ocsf_put_number(builder, object, "type_id", types[indicator->kind].id);
	ocsf_put_text(builder, object, "type", types[indicator->kind].name);
	ocsf_put(builder, object, "value", ocsf_raw(indicator->text));
	ocsf_put_raw(builder, object, "vendor_name", indicator->feed);
	if (indicator->severity) {
		ocsf_put_number(builder, object, "severity_id", indicator->severity);
		ocsf_put_text(builder, object, "severity",
			      ocsf_severity_caption(indicator->severity));
	}
	ocsf_put_filled(builder, object, "labels", labels(builder, indicator->tags));
	/* Expiry is in seconds, and a list may say anything. */
	if (indicator->expiry && indicator->expiry < INT64_MAX / 1000)
		ocsf_put_number(builder, object, "expiration_time", indicator->expiry * 1000);
	ocsf_append(builder, array, object);
	return array;
}

static void put_unmapped_process(struct ocsf_builder *builder, json_t *object,
				 const struct process *process)
{
	ocsf_put_text(builder, object, "process_source", process_source_name(process->source));
	if (process->role != PROCESS_ROLE_NONE)
		ocsf_put_text(builder, object, "process_role", process_role_name(process->role));
	ocsf_put_raw(builder, object, "unit", process->unit);
	ocsf_put_raw(builder, object, "cgroup", process->cgroup);
	ocsf_put_true(builder, object, "path_truncated", process->exe_truncated);
	ocsf_put_true(builder, object, "cmd_line_truncated", process->arguments_truncated);
}

static json_t *unmapped(struct ocsf_builder *builder, const struct ocsf_finding *input)
{
	const struct event *event = input->finding->event;
	const struct ocsf_outcome *outcome = ocsf_outcome(input);
	const char *response = response_name(input->verdict->response);
	json_t *object = json_object();

	ocsf_put_text(builder, object, "mode", input->enforce ? "enforce" : "audit");
	ocsf_put_text(builder, object, "response", response);
	/* Who answers for an exception, and until when it holds. */
	ocsf_put_raw(builder, object, "owner", input->verdict->owner);
	if (input->verdict->owner && input->verdict->until && input->verdict->until != UINT64_MAX)
		ocsf_put_number(builder, object, "until",
				input->verdict->until / NS_PER_MILLISECOND);
	ocsf_put_true(builder, object, "raised", input->verdict->raised);
	ocsf_put_true(builder, object, "lowered", input->verdict->lowered);
	if (outcome->unmapped)
		ocsf_put_text(builder, object, outcome->unmapped, response);
	/* What a changed policy would have begun with. */
	if (input->finding->default_severity != SEVERITY_NONE)
		ocsf_put_text(builder, object, "default_severity",
			      severity_name(input->finding->default_severity));
	ocsf_put_text(builder, object, "kind", event_kind_name(event->kind));
	if (event->watch != EVENT_WATCH_NONE)
		ocsf_put_text(builder, object, "watch", event_watch_name(event->watch));
	ocsf_put_text(builder, object, "trigger", event->trigger);
	if (event->flow)
		ocsf_put(builder, object, "flow", ocsf_flow_unmapped(builder, event->flow));
	if (event->file && event->file->match)
		ocsf_put(builder, object, "yara", ocsf_file_unmapped(builder, event->file->match));
	ocsf_put_text(builder, object, "attribution", event_attribution_name(event->attribution));
	if (event->process)
		put_unmapped_process(builder, object, event->process);
	if (event->opener_pid > 0)
		ocsf_put_number(builder, object, "opener_pid", (uint64_t)event->opener_pid);
	if (event->socket_cookie)
		ocsf_put_number(builder, object, "socket_cookie", event->socket_cookie);
	if (event->cgroup_id)
		ocsf_put_number(builder, object, "cgroup_id", event->cgroup_id);
	if (event->frame)
		ocsf_put_number(builder, object, "frame", event->frame);
	ocsf_put_true(builder, object, "dns_response", event->response);
	ocsf_put_true(builder, object, "unreadable", event->unreadable);
	ocsf_put_text(builder, object, "reason", event->reason);
	if (input->finding->indicator && input->finding->indicator->line)
		ocsf_put_number(builder, object, "indicator_line", input->finding->indicator->line);
	return object;
}

/* Unique to this delivery of the finding: a sink that gets it twice can tell. */
static void metadata_uid(const char *uid, uint64_t count, char out[static 96])
{
	(void)snprintf(out, 96, "%.63s-%llu", uid, (unsigned long long)count);
}

void ocsf_put_class(struct ocsf_builder *builder, json_t *object, int activity_id)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "Detection Finding: %s", activity_names[activity_id]);
	ocsf_put_number(builder, object, "activity_id", (uint64_t)activity_id);
	ocsf_put_text(builder, object, "activity_name", activity_names[activity_id]);
	ocsf_put_number(builder, object, "category_uid", CATEGORY_UID);
	ocsf_put_text(builder, object, "category_name", "Findings");
	ocsf_put_number(builder, object, "class_uid", CLASS_UID);
	ocsf_put_text(builder, object, "class_name", "Detection Finding");
	ocsf_put_number(builder, object, "type_uid", CLASS_UID * 100 + (unsigned)activity_id);
	ocsf_put_text(builder, object, "type_name", name);
}

static void put_last_time(struct ocsf_builder *builder, json_t *object, uint64_t count,
			  uint64_t last_seen)
{
	ocsf_put_number(builder, object, "time", last_seen / NS_PER_MILLISECOND);
	ocsf_put_number(builder, object, "end_time", last_seen / NS_PER_MILLISECOND);
	ocsf_put_number(builder, object, "count", count);
}

static void put_outcome(struct ocsf_builder *builder, json_t *object,
			const struct ocsf_finding *input)
{
	const struct ocsf_outcome *outcome = ocsf_outcome(input);
	int severity = (int)input->verdict->severity;

	ocsf_put_number(builder, object, "severity_id", (uint64_t)severity);
	ocsf_put_text(builder, object, "severity", ocsf_severity_caption(severity));
	ocsf_put_number(builder, object, "status_id",
			input->verdict->suppressed ? OCSF_SUPPRESSED
						   : (uint64_t)outcome->status_id);
	ocsf_put_text(builder, object, "status",
		      input->verdict->suppressed ? "Suppressed" : outcome->status);
	ocsf_put_number(builder, object, "action_id", (uint64_t)outcome->action_id);
	ocsf_put_text(builder, object, "action", outcome->action);
	ocsf_put_number(builder, object, "disposition_id", (uint64_t)outcome->disposition_id);
	ocsf_put_text(builder, object, "disposition", outcome->disposition);
	ocsf_put(builder, object, "is_alert",
		 json_boolean(!input->verdict->excepted && !input->verdict->suppressed &&
			      severity > SEVERITY_INFORMATIONAL));
	/* The exact name was compared with the entry: the match itself is certain. */
	if (input->finding->indicator) {
		ocsf_put_number(builder, object, "confidence_id", 3);
		ocsf_put_text(builder, object, "confidence", "High");
	}
}

json_t *ocsf_finding(const struct ocsf_finding *input, int activity_id)
{
	const struct finding *finding = input->finding;
	struct ocsf_builder builder = { 0 };
	json_t *object = json_object(), *evidences = json_array(), *evidence;
	char uid[96];

	metadata_uid(finding->uid, input->count, uid);
	ocsf_put_class(&builder, object, activity_id);
	put_last_time(&builder, object, input->count, input->last_seen);
	ocsf_put_number(&builder, object, "start_time", input->first_seen / NS_PER_MILLISECOND);
	ocsf_put_text(&builder, object, "message", finding->title);
	put_outcome(&builder, object, input);
	ocsf_put(&builder, object, "metadata", ocsf_metadata(&builder, input, uid));
	ocsf_put(&builder, object, "finding_info", finding_info(&builder, input));
	evidence = ocsf_evidence(&builder, finding->event);
	ocsf_put(&builder, object, "observables",
		 ocsf_observables(&builder, input, evidence, "evidences[0]."));
	ocsf_append(&builder, evidences, evidence);
	ocsf_put(&builder, object, "evidences", evidences);
	ocsf_put_filled(&builder, object, "policy", ocsf_policy(&builder, input));
	if (finding->indicator)
		ocsf_put(&builder, object, "osint", osint(&builder, finding->indicator));
	ocsf_put_host(&builder, object, input->host, true);
	ocsf_put(&builder, object, "unmapped", unmapped(&builder, input));
	return ocsf_built(&builder, object);
}

int ocsf_finding_amend(json_t *object, uint64_t count, uint64_t last_seen)
{
	json_t *info = json_object_get(object, "finding_info");
	json_t *metadata = json_object_get(object, "metadata");
	const char *uid = json_string_value(json_object_get(info, "uid"));
	struct ocsf_builder builder = { 0 };
	char delivery[96];

	if (!uid || !json_is_object(metadata) ||
	    json_integer_value(json_object_get(object, "class_uid")) != CLASS_UID)
		return -EINVAL;
	if (count > 1 && json_integer_value(json_object_get(object, "activity_id")) == 1)
		ocsf_put_class(&builder, object, 2);
	put_last_time(&builder, object, count, last_seen);
	ocsf_put_time(&builder, info, "last_seen_time", last_seen);
	ocsf_put_time(&builder, info, "modified_time", last_seen);
	metadata_uid(uid, count, delivery);
	/* Its end is told with the count that was told before. */
	if (json_integer_value(json_object_get(object, "activity_id")) == OCSF_CLOSE)
		(void)strncat(delivery, "-closed", sizeof(delivery) - strlen(delivery) - 1);
	ocsf_put_text(&builder, metadata, "uid", delivery);
	return builder.failed ? -ENOMEM : 0;
}

/* What an evidence is of: the name asked or said, else the address. */
static const char *evidence_subject(const json_t *evidence)
{
	static const char *const paths[][2] = {
		{ "query", "hostname" },	{ "tls", "sni" },	  { "url", "hostname" },
		{ "dst_endpoint", "hostname" }, { "dst_endpoint", "ip" },
	};

	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		const json_t *part = json_object_get(evidence, paths[i][0]);
		const char *text = json_string_value(json_object_get(part, paths[i][1]));

		if (text)
			return text;
	}
	return "";
}

/* Adds the evidence (a reference of its own) with its name among the observables, unless there is
 * one of the same: 1, 0 or -ENOMEM. */
static int evidence_add(json_t *object, json_t *evidence)
{
	json_t *evidences = json_object_get(object, "evidences");
	struct ocsf_builder builder = { 0 };
	size_t number = json_array_size(evidences);
	const char *subject = evidence_subject(evidence);

	if (number >= OCSF_EVIDENCES_MAX)
		return 0;
	for (size_t i = 0; i < number; i++)
		if (strcasecmp(evidence_subject(json_array_get(evidences, i)), subject) == 0)
			return 0;
	ocsf_append(&builder, evidences, json_incref(evidence));
	ocsf_observe_subject(&builder, json_object_get(object, "observables"), evidence, number);
	return builder.failed ? -ENOMEM : 1;
}

int ocsf_finding_witness(json_t *object, const struct event *event)
{
	struct ocsf_builder builder = { 0 };
	json_t *evidence;
	int r;

	if (json_array_size(json_object_get(object, "evidences")) >= OCSF_EVIDENCES_MAX)
		return 0;
	evidence = ocsf_evidence(&builder, event);
	r = builder.failed ? -ENOMEM : evidence_add(object, evidence);
	json_decref(evidence);
	return r;
}

int ocsf_finding_inherit(json_t *object, const char *before)
{
	json_t *old = json_loads(before, 0, NULL);
	const json_t *evidences = json_object_get(old, "evidences");
	int r = json_is_array(evidences) ? 0 : -EINVAL;

	for (size_t i = 0; r >= 0 && i < json_array_size(evidences); i++)
		r = evidence_add(object, json_array_get(evidences, i));
	json_decref(old);
	return r < 0 ? r : 0;
}

json_t *ocsf_sighting(const struct ocsf_finding *input)
{
	const struct event *event = input->finding->event;
	struct ocsf_builder builder = { 0 };
	char name[DOMAIN_NAME_TEXT_SIZE], text[16], address[ADDRESS_TEXT_SIZE];
	json_t *object = json_object();

	if (event->name.length > 0) {
		domain_name_format(&event->name, name);
		ocsf_put_text(&builder, object, "hostname", name);
	} else if (event->flow) {
		ocsf_put_raw(&builder, object, "hostname", event->flow->name);
	}
	if (event->kind == EVENT_QUESTION && event->name.length > 0)
		ocsf_put_text(&builder, object, "type", event_qtype_name(event->qtype, text));
	if (event->kind != EVENT_QUESTION && event->kind != EVENT_ANSWER) {
		address_format(&event->destination, address);
		ocsf_put_text(&builder, object, "kind", event_kind_name(event->kind));
		ocsf_put_text(&builder, object, "ip", address);
		ocsf_put_number(&builder, object, "port", event->destination_port);
	}
	if (event->process) {
		ocsf_put_number(&builder, object, "pid", (uint64_t)event->process->pid);
		ocsf_put_raw(&builder, object, "path", event->process->exe);
	}
	if (event->frame)
		ocsf_put_number(&builder, object, "frame", event->frame);
	ocsf_put_text(&builder, object, "disposition", ocsf_outcome(input)->disposition);
	return ocsf_built(&builder, object);
}

char *ocsf_line(const json_t *object)
{
	/* Members stay in the order in which they were put. */
	return json_dumps(object, JSON_COMPACT);
}
