/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the keys of a file of cases: how each is read, and into what. Takes nodes from document.c
 * and gives cases to cases.c. The text is whoever wrote the cases'.
 */
#include "policy/case_private.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/mapping.h"
#include "policy/match_value.h"
#include "policy/rule.h"

#define TIMES_MAX 100000

/* Adds one text to those joined by commas. */
static int join_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	char **tags = field, *joined;
	const char *text;

	(void)key;
	text = mapping_scalar(document, value, "text");
	if (!text)
		return -EINVAL;
	if (asprintf(&joined, "%s%s%s", *tags ? *tags : "", *tags ? "," : "", text) < 0) {
		(void)document_fail(document, NULL, "out of memory");
		return -ENOMEM;
	}
	free(*tags);
	*tags = joined;
	return 0;
}

static int joined_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	return mapping_each(document, value, join_read, key, field);
}

static int ancestor_read(struct document *document, const struct document_node *value,
			 const struct mapping_key *key, void *field)
{
	struct case_event *event = field;
	int r;

	if (event->ancestors_count == PROCESS_ANCESTORS_MAX)
		return document_fail(document, value, "more than %d ancestors",
				     PROCESS_ANCESTORS_MAX);
	r = mapping_text(document, value, key, &event->ancestors[event->ancestors_count]);
	event->ancestors_count += r == 0;
	return r;
}

static int ancestors_read(struct document *document, const struct document_node *value,
			  const struct mapping_key *key, void *field)
{
	return mapping_each(document, value, ancestor_read, key, field);
}

/* Names and values; borrowed from the document. */
static int tags_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	struct run *run = field;

	(void)key;
	if (value->kind != DOCUMENT_MAPPING)
		return mapping_expected(document, value, "tags and their values");
	for (const struct document_node *tag = value->first; tag; tag = tag->next) {
		const char *text = mapping_scalar(document, tag, "text");

		if (!text)
			return -EINVAL;
		if (run->host.tags_count == CASE_TAGS_MAX)
			return document_fail(document, tag, "more than %d tags", CASE_TAGS_MAX);
		run->tags[run->host.tags_count++] = (struct policy_tag){ tag->key->text, text };
	}
	return 0;
}

/* A text that is borrowed from the document. */
static int borrowed_read(struct document *document, const struct document_node *value,
			 const struct mapping_key *key, void *field)
{
	const char *text = mapping_scalar(document, value, "text");

	(void)key;
	if (text)
		*(const char **)field = text;
	return text ? 0 : -EINVAL;
}

static int truth_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	bool truth;
	int r;

	r = mapping_boolean(document, value, key, &truth);
	if (r == 0)
		*(int *)field = truth;
	return r;
}

static int path_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	struct run *run = field;
	int r;

	if (run->paths_count >= POLICIES_MAX)
		return document_fail(document, value, "more than %d policies", POLICIES_MAX);
	r = mapping_path(document, value, key, &run->paths[run->paths_count]);
	run->paths_count += r == 0;
	return r;
}

static int paths_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	return mapping_each(document, value, path_read, key, field);
}

/* The cases are read one by one when the policy is there. */
static int cases_note(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	(void)key;
	if (value->kind != DOCUMENT_SEQUENCE || !value->first)
		return mapping_expected(document, value, "a list of cases");
	*(const struct document_node **)field = value;
	return 0;
}

static const struct mapping_word direction_words[] = {
	{ "out", EVENT_DIRECTION_OUT },
	{ "in", EVENT_DIRECTION_IN },
	{ "unknown", EVENT_DIRECTION_UNKNOWN },
};
static const struct mapping_words directions = { direction_words, ELEMENTS(direction_words) };

static const struct mapping_word entry_words[] = {
	{ "passes", POLICY_PASSES },
	{ "blocks", POLICY_BLOCKS },
	{ "depends", POLICY_DEPENDS },
};
static const struct mapping_words entries = { entry_words, ELEMENTS(entry_words) };

static const struct mapping_range uid_range = { 0, NOBODY - 1 };
static const struct mapping_range port_range = { 0, UINT16_MAX };

#define SCHEMA_TEXTS "{\"$ref\":\"#/$defs/texts\"}"
#define SCHEMA_TRUTH "{\"type\":\"boolean\"}"
#define EVENT(field) offsetof(struct case_event, field)
static const struct mapping_key event_keys[] = {
	{ "domain", mapping_text, .offset = EVENT(domain) },
	{ "detector", mapping_text, .offset = EVENT(detector) },
	{ "indicator", mapping_text, .offset = EVENT(indicator) },
	{ "feed", mapping_text, .offset = EVENT(feed) },
	{ "tag", joined_read, .offset = EVENT(tags), .schema = SCHEMA_TEXTS },
	{ "severity", mapping_severity, .offset = EVENT(severity) },
	{ "exe", mapping_text, .offset = EVENT(exe) },
	{ "comm", mapping_text, .offset = EVENT(comm) },
	{ "user", mapping_text, .offset = EVENT(user) },
	{ "uid", mapping_number, .offset = EVENT(uid), .detail = &uid_range },
	{ "unit", mapping_text, .offset = EVENT(unit) },
	{ "container", mapping_text, .offset = EVENT(container) },
	{ "cgroup", mapping_text, .offset = EVENT(cgroup) },
	{ "stub", mapping_boolean, .offset = EVENT(stub) },
	{ "foreign", mapping_boolean, .offset = EVENT(foreign) },
	{ "source", mapping_text, .offset = EVENT(source) },
	{ "address", mapping_text, .offset = EVENT(address) },
	{ "direction", mapping_choice, .offset = EVENT(direction), .detail = &directions },
	{ "kind", mapping_choice, .offset = EVENT(kind), .detail = &match_kinds },
	{ "protocol", mapping_choice, .offset = EVENT(protocol), .detail = &match_protocols },
	{ "port", mapping_number, .offset = EVENT(port), .detail = &port_range },
	{ "sni", mapping_text, .offset = EVENT(sni) },
	{ "host", mapping_text, .offset = EVENT(host) },
	{ "ja4", mapping_text, .offset = EVENT(ja4) },
	{ "alpn", mapping_text, .offset = EVENT(alpn) },
	{ "time", mapping_date, .offset = EVENT(time) },
	{ "method", mapping_text, .offset = EVENT(method) },
	{ "path", mapping_text, .offset = EVENT(path) },
	{ "rule", mapping_text, .offset = EVENT(rule) },
	{ "namespace", mapping_text, .offset = EVENT(namespace_) },
	{ "sha256", mapping_text, .offset = EVENT(sha256) },
	{ "args", mapping_text, .offset = EVENT(args) },
	{ "qtype", mapping_text, .offset = EVENT(qtype) },
	{ "title", mapping_text, .offset = EVENT(title) },
	{ "blocked", mapping_boolean, .offset = EVENT(blocked) },
	{ "source_port", mapping_number, .offset = EVENT(source_port), .detail = &port_range },
	{ .name = "ancestors", .read = ancestors_read, .schema = SCHEMA_TEXTS },
};
static const struct mapping_table event_table = { "an event", event_keys, ELEMENTS(event_keys) };

#define EXPECT(field) offsetof(struct case_expectation, field)
static const struct mapping_key expect_keys[] = {
	{ "severity", mapping_severity, .offset = EXPECT(severity) },
	{ "response", mapping_choice, .offset = EXPECT(response), .detail = &rule_responses },
	{ "excepted", truth_read, .offset = EXPECT(excepted), .schema = SCHEMA_TRUTH },
	{ "suppressed", truth_read, .offset = EXPECT(suppressed), .schema = SCHEMA_TRUTH },
	{ "raised", truth_read, .offset = EXPECT(raised), .schema = SCHEMA_TRUTH },
	{ "lowered", truth_read, .offset = EXPECT(lowered), .schema = SCHEMA_TRUTH },
	{ "sinks", joined_read, .offset = EXPECT(sinks), .schema = SCHEMA_TEXTS },
	{ "owner", mapping_label, .offset = EXPECT(owner) },
	{ "rule", mapping_label, .offset = EXPECT(rule) },
	{ "policy", mapping_label, .offset = EXPECT(policy) },
	{ "reason", mapping_label, .offset = EXPECT(reason) },
	{ "entry", mapping_choice, .offset = EXPECT(entry), .detail = &entries },
};
static const struct mapping_table expect_table = { "what is expected", expect_keys,
						   ELEMENTS(expect_keys) };

static int event_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	struct policy_case *policy_case = field;

	policy_case->has_event = true;
	return mapping_section(document, value, key, &policy_case->event);
}

static int expect_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	struct policy_case *policy_case = field;

	policy_case->expects = true;
	return mapping_section(document, value, key, &policy_case->expect);
}

/* The steps are read one by one when the policy is there. */
static int steps_note(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	(void)key;
	if (value->kind != DOCUMENT_SEQUENCE || !value->first)
		return mapping_expected(document, value, "a list of steps");
	*(const struct document_node **)field = value;
	return 0;
}

#define STEP(field) offsetof(struct case_step, field)
static const struct mapping_range times_range = { 1, TIMES_MAX };
static const struct mapping_key step_keys[] = {
	{ "after", rule_read_duration, .offset = STEP(after),
	  .schema = "{\"$ref\":\"#/$defs/duration\"}" },
	{ "times", mapping_number, .offset = STEP(times), .detail = &times_range },
	{ "every", rule_read_duration, .offset = STEP(every),
	  .schema = "{\"$ref\":\"#/$defs/duration\"}" },
	{ "expect", mapping_section, .offset = STEP(expect), .detail = &expect_table },
};
static const struct mapping_table step_table = { "a step", step_keys, ELEMENTS(step_keys) };

#define CASE(field) offsetof(struct policy_case, field)
static const struct mapping_key case_keys[] = {
	{ "name", mapping_label, .offset = CASE(name), .required = true },
	{ .name = "event",
	  .read = event_read,
	  .detail = &event_table,
	  .schema = "{\"$ref\":\"#/$defs/event\"}" },
	{ "finding", mapping_path, .offset = CASE(finding) },
	{ .name = "expect",
	  .read = expect_read,
	  .detail = &expect_table,
	  .schema = "{\"$ref\":\"#/$defs/expect\"}" },
	{ "steps", steps_note, .offset = CASE(steps),
	  .schema = "{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/$defs/step\"}}" },
};
static const struct mapping_table case_table = { "a case", case_keys, ELEMENTS(case_keys) };

static const struct mapping_key host_keys[] = {
	{ "hostname", borrowed_read, .offset = offsetof(struct run, host.hostname) },
	{ "instance", borrowed_read, .offset = offsetof(struct run, host.instance_id) },
	{ "region", borrowed_read, .offset = offsetof(struct run, host.region) },
	{ "account", borrowed_read, .offset = offsetof(struct run, host.account) },
	{ "image", borrowed_read, .offset = offsetof(struct run, host.image_id) },
	{ .name = "tags", .read = tags_read, .schema = "{\"type\":\"object\"}" },
};
static const struct mapping_table host_table = { "host", host_keys, ELEMENTS(host_keys) };

static const struct mapping_key file_keys[] = {
	{ .name = "policy", .read = paths_read, .required = true, .schema = SCHEMA_TEXTS },
	{ "now", mapping_date, .offset = offsetof(struct run, now) },
	{ "host", mapping_section, .detail = &host_table },
	{ .name = "cases",
	  .read = cases_note,
	  .offset = offsetof(struct run, cases),
	  .required = true,
	  .schema = "{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/$defs/case\"}}" },
};
static const struct mapping_table file_table = { "a policy test", file_keys, ELEMENTS(file_keys) };

const struct case_tables case_tables = { .file = &file_table,
					 .host = &host_table,
					 .policy_case = &case_table,
					 .event = &event_table,
					 .expect = &expect_table,
					 .step = &step_table };

void case_expectation_clear(struct case_expectation *expect)
{
	mapping_clear(&expect_table, expect);
	free(expect->sinks);
}

static void event_clear(struct case_event *event)
{
	mapping_clear(&event_table, event);
	free(event->tags);
	for (size_t i = 0; i < event->ancestors_count; i++)
		free(event->ancestors[i]);
}

void case_clear(struct policy_case *policy_case)
{
	free(policy_case->name);
	free(policy_case->finding);
	event_clear(&policy_case->event);
	case_expectation_clear(&policy_case->expect);
}

const char *case_entry_word(int entry)
{
	return entry_words[entry].word;
}
