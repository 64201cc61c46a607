/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a finding back from its OCSF object. The object is our own (report/ocsf.c makes it), but
 * comes out of a file, and its texts are an attacker's. What was escaped stays so: a path with
 * bytes that cannot be shown is another one here.
 */
#include "policy/case_ocsf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "policy/match_value.h"

#define CLASS_FINDING 2004

CLEANUP_DEFINE(struct document *, document_free)

/* A text by its path, "a.b.c"; a number picks from a list. NULL: there is none. */
static const json_t *at(const json_t *object, const char *path)
{
	while (object && *path) {
		size_t length = strcspn(path, ".");
		char key[64];

		(void)snprintf(key, sizeof(key), "%.*s", (int)length, path);
		if (json_is_array(object))
			object = json_array_get(object, (size_t)(*key - '0'));
		else
			object = json_object_get(object, key);
		path += length + (path[length] == '.');
	}
	return object;
}

/* Not owned by the event: texts are the object's, and case_ocsf_clear() leaves them. */
static char *text_at(const json_t *object, const char *path)
{
	const char *text = json_string_value(at(object, path));

	return (char *)(uintptr_t)(text && *text ? text : NULL);
}

static uint64_t number_at(const json_t *object, const char *path, uint64_t otherwise)
{
	const json_t *number = at(object, path);

	return json_is_integer(number) && json_integer_value(number) >= 0
		       ? (uint64_t)json_integer_value(number)
		       : otherwise;
}

/* A list of texts as one, joined by commas; free it. */
static char *joined_at(const json_t *object, const char *path)
{
	const json_t *list = at(object, path);
	char *text = NULL;
	size_t size;
	FILE *out = json_array_size(list) > 0 ? open_memstream(&text, &size) : NULL;

	if (!out)
		return NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *item = json_string_value(json_array_get(list, i));

		(void)fprintf(out, "%s%s", i ? "," : "", item ? item : "");
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int word_number(const struct mapping_words *words, const char *word)
{
	for (size_t i = 0; word && i < words->count; i++)
		if (strcmp(words->words[i].word, word) == 0)
			return words->words[i].value;
	return UNSAID;
}

static void read_process(const json_t *evidence, const json_t *object, struct case_event *ret)
{
	const json_t *process = json_object_get(evidence, "process"), *parent;
	const char *uid = text_at(process, "user.uid"), *role;

	ret->exe = text_at(process, "path");
	ret->comm = text_at(process, "name");
	ret->args = text_at(process, "cmd_line");
	ret->user = text_at(process, "user.name");
	if (!uid || parse_u64(uid, NOBODY - 1, &ret->uid) < 0)
		ret->uid = NOBODY;
	ret->container = text_at(process, "container.uid");
	ret->unit = text_at(object, "unmapped.unit");
	ret->cgroup = text_at(object, "unmapped.cgroup");
	role = text_at(object, "unmapped.process_role");
	ret->stub = role && strcmp(role, process_role_name(PROCESS_ROLE_STUB)) == 0;
	if (json_is_true(at(object, "unmapped.path_truncated")))
		ret->exe = NULL;
	for (parent = at(process, "parent_process");
	     parent && ret->ancestors_count < PROCESS_ANCESTORS_MAX;
	     parent = at(parent, "parent_process")) {
		char *path = text_at(parent, "path");

		if (path)
			ret->ancestors[ret->ancestors_count++] = path;
	}
}

static void read_event(const json_t *evidence, const json_t *object, struct case_event *ret)
{
	static const char *const transports[] = { "tcp", "udp" };
	const char *kind = text_at(object, "unmapped.kind"), *direction, *transport;

	direction = text_at(evidence, "connection_info.direction");
	transport = text_at(evidence, "connection_info.protocol_name");
	ret->kind = word_number(&match_kinds, kind);
	ret->direction = direction && strcmp(direction, "Inbound") == 0 ? EVENT_DIRECTION_IN
									: EVENT_DIRECTION_OUT;
	for (size_t i = 0; transport && i < ELEMENTS(transports); i++)
		if (strcmp(transports[i], transport) == 0)
			ret->protocol = word_number(&match_protocols, transport);
	ret->domain = text_at(evidence, "query.hostname");
	if (!ret->domain)
		ret->domain = text_at(evidence, "dst_endpoint.hostname");
	ret->qtype = text_at(evidence, "query.type");
	ret->source = text_at(evidence, "src_endpoint.ip");
	ret->address = text_at(evidence, "dst_endpoint.ip");
	ret->port = number_at(evidence, "dst_endpoint.port", UNSAID_PORT);
	ret->source_port = number_at(evidence, "src_endpoint.port", UNSAID_PORT);
	if (text_at(object, "disposition"))
		ret->blocked = strcmp(text_at(object, "disposition"), "Blocked") == 0;
}

static void read_flow(const json_t *evidence, const json_t *object, struct case_event *ret)
{
	const char *protocol = text_at(object, "unmapped.flow.protocol");

	if (!protocol)
		return;
	ret->protocol = word_number(&match_protocols, protocol);
	ret->sni = text_at(evidence, "tls.sni");
	ret->host = ret->sni ? NULL : text_at(evidence, "url.hostname");
	ret->ja4 = text_at(evidence, "ja4_fingerprint_list.0.value");
	ret->method = text_at(evidence, "http_request.http_method");
	ret->alpn = joined_at(evidence, "tls.tls_extension_list.0.data.protocols");
}

static void read_file(const json_t *evidence, const json_t *object, struct case_event *ret)
{
	ret->path = text_at(evidence, "file.path");
	ret->sha256 = text_at(evidence, "file.hashes.0.value");
	ret->rule = text_at(object, "unmapped.yara.rule");
	ret->namespace_ = text_at(object, "unmapped.yara.namespace");
	if (!ret->rule)
		return;
	/* The analytic is the rule, and its namespace. */
	ret->detector = text_at(object, "finding_info.types.0");
	ret->feed = NULL;
}

int case_ocsf_read(const json_t *object, struct case_event *ret)
{
	const json_t *evidence = at(object, "evidences.0");
	struct case_event event = CASE_EVENT_UNSAID;
	const char *severity;

	if (number_at(object, "class_uid", 0) != CLASS_FINDING ||
	    !text_at(object, "finding_info.uid"))
		return -EINVAL;
	event.uid_text = text_at(object, "finding_info.uid");
	event.title = text_at(object, "finding_info.title");
	event.detector = text_at(object, "finding_info.analytic.name");
	event.feed = text_at(object, "finding_info.analytic.uid");
	event.indicator = text_at(object, "osint.0.value");
	event.severity = (enum severity)number_at(object, "osint.0.severity_id", SEVERITY_NONE);
	severity = text_at(object, "unmapped.default_severity");
	if (severity)
		(void)severity_parse(severity, &event.severity);
	event.time = number_at(object, "time", 0) * NS_PER_MILLISECOND;
	event.tags = joined_at(object, "osint.0.labels");
	read_process(evidence, object, &event);
	read_event(evidence, object, &event);
	read_flow(evidence, object, &event);
	read_file(evidence, object, &event);
	*ret = event;
	return 0;
}

void case_ocsf_clear(struct case_event *event)
{
	free(event->tags);
	free(event->alpn);
	*event = (struct case_event)CASE_EVENT_UNSAID;
}

int case_ocsf_make(const struct case_event *event, struct case_finding *ret,
		   struct document_error *ret_error)
{
	CLEANUP(document_free_cleanup) struct document *document = NULL;
	/* Errors of a document have a place in it; this one is a finding, whole. */
	int r = document_parse(event->uid_text, "", 0, ret_error, &document);

	return r < 0 ? r : case_finding_make(document, NULL, event, ret);
}
