/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a finding of what a policy test says of it: process, flow, entry, and where it goes. Takes
 * what cases.c has read; the text is whoever wrote the cases'.
 */
#include "policy/case_finding.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "policy/case_file.h"
#include "policy/match_value.h"

/* Copies text, which may be NULL, into a field of the process or indicator. */
static int field_set(struct document *document, const struct document_node *node, const char *name,
		     const char *text, char *field, size_t size)
{
	if (!text)
		text = "";
	if (strlen(text) >= size)
		return document_fail(document, node, "%s of more than %zu bytes", name, size - 1);
	memcpy(field, text, strlen(text) + 1);
	return 0;
}

/* Those that started it, as far as they are told. */
static int ancestors_make(struct document *document, const struct document_node *node,
			  const struct case_event *from, struct case_finding *ret)
{
	const struct process **link = &ret->process.parent;

	for (size_t i = 0; i < from->ancestors_count; i++) {
		struct process *process = &ret->ancestors[i];
		const char *exe = from->ancestors[i], *slash = strrchr(exe, '/');
		int r = field_set(document, node, "ancestors", exe, process->exe,
				  sizeof(process->exe));

		if (r < 0)
			return r;
		(void)snprintf(process->comm, sizeof(process->comm), "%s", slash ? slash + 1 : exe);
		process->pid = 1;
		*link = process;
		link = &process->parent;
	}
	return 0;
}

static int process_make(struct document *document, const struct document_node *node,
			const struct case_event *from, struct process *ret)
{
	const struct {
		const char *name, *text;
		char *field;
		size_t size;
	} fields[] = {
		{ "exe", from->exe, ret->exe, sizeof(ret->exe) },
		{ "comm", from->comm, ret->comm, sizeof(ret->comm) },
		{ "user", from->user, ret->user, sizeof(ret->user) },
		{ "unit", from->unit, ret->unit, sizeof(ret->unit) },
		{ "container", from->container, ret->container, sizeof(ret->container) },
		{ "cgroup", from->cgroup, ret->cgroup, sizeof(ret->cgroup) },
		{ "args", from->args, ret->arguments, sizeof(ret->arguments) },
	};
	uint64_t uid = from->uid;

	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		int r = field_set(document, node, fields[i].name, fields[i].text, fields[i].field,
				  fields[i].size);

		if (r < 0)
			return r;
	}
	/* A user given as a number has no name. */
	if (from->user && parse_u64(from->user, NOBODY - 1, &uid) == 0)
		ret->user[0] = '\0';
	ret->pid = 1;
	ret->uid = (uid_t)uid;
	ret->mounts_foreign = from->foreign;
	ret->role = from->stub ? PROCESS_ROLE_STUB : PROCESS_ROLE_NONE;
	return 0;
}

static int address_make(struct document *document, const struct document_node *node,
			const char *text, struct address *ret)
{
	if (text && address_parse(text, ret) < 0)
		return document_fail(document, node, "source and address must be IP addresses");
	return 0;
}

/* What the flow says, if there is one. */
static int flow_make(struct document *document, const struct document_node *node,
		     const struct case_event *from, struct flow_facts *ret)
{
	static const enum flow_protocol protocols[] = {
		[MATCH_TLS] = FLOW_TLS, [MATCH_HTTP] = FLOW_HTTP, [MATCH_QUIC] = FLOW_QUIC
	};
	const struct {
		const char *name, *text;
		char *field;
		size_t size;
	} fields[] = {
		{ "a name", from->sni ? from->sni : from->host, ret->name, sizeof(ret->name) },
		{ "ja4", from->ja4, ret->ja4, sizeof(ret->ja4) },
		{ "alpn", from->alpn, ret->alpn, sizeof(ret->alpn) },
		{ "method", from->method, ret->method, sizeof(ret->method) },
	};

	if (from->sni && from->host)
		return document_fail(document, node, "a flow has either sni or host");
	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		int r = field_set(document, node, fields[i].name, fields[i].text, fields[i].field,
				  fields[i].size);

		if (r < 0)
			return r;
	}
	ret->protocol = from->host ? FLOW_HTTP : FLOW_TLS;
	if (from->protocol >= MATCH_TLS && (size_t)from->protocol < ELEMENTS(protocols))
		ret->protocol = protocols[from->protocol];
	return 0;
}

static bool event_is_flow(const struct case_event *from)
{
	return from->kind == EVENT_FLOW ||
	       (from->kind == UNSAID &&
		(from->sni || from->host || from->ja4 || from->alpn || from->method));
}

/* Kind, protocols and ports, and what the flow says. */
static int event_make_kind(struct document *document, const struct document_node *node,
			   const struct case_event *from, struct case_finding *ret)
{
	struct event *event = &ret->event;
	bool udp = from->protocol == MATCH_UDP || from->protocol == MATCH_QUIC;
	uint16_t port = 53;
	int r = 0;

	if (from->kind != UNSAID)
		event->kind = (enum event_kind)from->kind;
	if (event_is_flow(from)) {
		event->kind = EVENT_FLOW;
		event->flow = &ret->flow;
		r = flow_make(document, node, from, &ret->flow);
		port = ret->flow.protocol == FLOW_HTTP ? 80 : 443;
	}
	if (case_file_is(from))
		return case_file_make(document, node, from, ret);
	if (from->protocol == UNSAID || from->protocol == MATCH_DNS)
		udp = event->kind == EVENT_QUESTION || event->kind == EVENT_ANSWER;
	event->protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
	if (from->port != UNSAID_PORT)
		port = (uint16_t)from->port;
	event->source_port = event->destination_port = port;
	if (from->source_port != UNSAID_PORT)
		event->source_port = (uint16_t)from->source_port;
	return r;
}

/* The number behind a name, found by asking for the names of all; those that are called by their
 * number have no other. */
static int qtype_parse(const char *text, uint16_t *ret)
{
	char name[16];

	for (unsigned type = 0; type <= UINT16_MAX; type++)
		if (strcmp(event_qtype_name((uint16_t)type, name), text) == 0) {
			*ret = (uint16_t)type;
			return 0;
		}
	return -EINVAL;
}

static int event_make(struct document *document, const struct document_node *node,
		      const struct case_event *from, struct case_finding *ret)
{
	bool process = from->exe || from->comm || from->user || from->unit || from->container ||
		       from->cgroup || from->stub || from->foreign || from->uid != NOBODY ||
		       from->args || from->ancestors_count > 0;
	struct event *event = &ret->event;
	int r;

	event->time = from->time;
	event->direction = (enum event_direction)from->direction;
	event->qclass = 1;
	event->disposition = from->blocked ? EVENT_BLOCKED : EVENT_PASSED;
	if (from->qtype && qtype_parse(from->qtype, &event->qtype) < 0)
		return document_fail(document, node,
				     "qtype must be a type of DNS records (A, TXT)");
	if (!from->qtype)
		event->qtype = 1;
	if (from->domain && domain_name_parse(from->domain, &event->name) < 0)
		return document_fail(document, node, "domain must be a domain name");
	r = event_make_kind(document, node, from, ret);
	if (r == 0)
		r = address_make(document, node, from->source, &event->source);
	if (r == 0)
		r = address_make(document, node, from->address, &event->destination);
	if (r < 0 || !process)
		return r;
	event->process = &ret->process;
	event->attribution = EVENT_ATTRIBUTION_SEND;
	r = process_make(document, node, from, &ret->process);
	return r < 0 ? r : ancestors_make(document, node, from, ret);
}

int case_finding_make(struct document *document, const struct document_node *node,
		      const struct case_event *from, struct case_finding *ret)
{
	struct indicator *indicator = &ret->indicator;
	const char *text = from->indicator ? from->indicator : from->domain;
	struct domain_name name;
	struct address prefix;
	unsigned length;
	int r;

	*ret = (struct case_finding){
		.finding = { .detector = from->detector ? from->detector : "indicator",
			     .default_severity = from->severity,
			     .event = &ret->event },
		.indicator = { .feed = from->feed ? from->feed : "",
			       .tags = from->tags ? from->tags : "",
			       .severity = (uint8_t)from->severity },
	};
	if (strcmp(ret->finding.detector, "indicator") == 0 || from->feed || from->tags ||
	    from->indicator)
		ret->finding.indicator = indicator;
	r = field_set(document, node, "indicator", text, indicator->text, sizeof(indicator->text));
	if (r == 0)
		r = field_set(document, node, "title", from->title, ret->finding.title,
			      sizeof(ret->finding.title));
	if (r == 0)
		r = field_set(document, node, "uid", from->uid_text, ret->finding.uid,
			      sizeof(ret->finding.uid));
	if (r < 0)
		return r;
	if (text && address_parse_prefix(text, &prefix, &length) != -EINVAL)
		indicator->kind = INDICATOR_ADDRESS;
	else if (text && domain_name_parse(text, &name) < 0)
		indicator->kind = INDICATOR_HASH;
	return event_make(document, node, from, ret);
}
