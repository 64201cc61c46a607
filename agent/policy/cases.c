/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns policy tests: reads cases, makes findings of them, asks the policy, compares. Takes nodes
 * from document.c and gives results to `cordon policy test` and the unit tests. The text is
 * whoever wrote the cases'.
 */
#include "policy/cases.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "policy/case_finding.h"
#include "policy/case_ocsf.h"
#include "policy/mapping.h"
#include "policy/match_value.h"
#include "policy/rule.h"
#include "policy/threshold.h"

#define POLICIES_MAX  64
#define CASE_TAGS_MAX 50 /* of an instance; AWS allows no more */
#define TIMES_MAX     100000

struct case_expectation {
	char *rule, *policy, *reason, *owner;
	char *sinks; /* joined by commas */
	enum severity severity;
	int response, excepted, suppressed, raised, lowered, entry;
};
#define EXPECTATION_UNSAID                                                                         \
	{                                                                                          \
		.response = UNSAID, .excepted = UNSAID, .suppressed = UNSAID, .raised = UNSAID,    \
		.lowered = UNSAID, .entry = UNSAID                                                 \
	}

/* So many sightings of the case's event, each of which is as expected. */
struct case_step {
	uint64_t after; /* ns since the sighting before */
	uint64_t times, every;
	struct case_expectation expect;
};

struct policy_case {
	char *name;
	struct case_event event;
	char *finding; /* path of an OCSF object, in the place of an event */
	bool has_event;
	struct case_expectation expect;
	bool expects;
	const struct document_node *steps;
};

/* A file while it is run. */
struct run {
	char *paths[POLICIES_MAX];
	size_t paths_count;
	const struct document_node *cases;
	uint64_t now; /* of cases that give no time */
	struct policy_host host;
	struct policy_tag tags[CASE_TAGS_MAX];
	struct policy *policy;
	case_tell tell;
	void *userdata;
	struct case_totals *totals;
	const char *only; /* the case to be explained; NULL: cases are run */
	case_explain explain;
	bool explained;
};

CLEANUP_DEFINE(struct document *, document_free)

/* ---- reading ---- */

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

static void expectation_clear(struct case_expectation *expect)
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

static void case_clear(struct policy_case *policy_case)
{
	free(policy_case->name);
	free(policy_case->finding);
	event_clear(&policy_case->event);
	expectation_clear(&policy_case->expect);
}

/* ---- comparing ---- */

struct difference {
	char text[1024];
	size_t used;
};

static void differ(struct difference *difference, const char *what, const char *expected,
		   const char *got)
{
	int n;

	if (strcmp(expected, got) == 0 || difference->used >= sizeof(difference->text))
		return;
	n = snprintf(difference->text + difference->used,
		     sizeof(difference->text) - difference->used, "%s%s: expected %s, got %s",
		     difference->used ? "; " : "", what, expected, got);
	difference->used += n > 0 ? (size_t)n : 0;
}

static void truth_differ(struct difference *difference, const char *what, int expected, bool got)
{
	static const char *const truth[] = { "no", "yes" };

	if (expected != UNSAID)
		differ(difference, what, truth[expected], truth[got]);
}

/* "all" when none is named. */
static void sinks_text(const struct policy *policy, uint32_t sinks, char *out, size_t size)
{
	size_t used = 0;

	(void)snprintf(out, size, "all");
	for (size_t i = 0; policy_sink_name(policy, i); i++)
		if (sinks >> i & 1 && used < size)
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? "," : "",
						 policy_sink_name(policy, i));
}

static void verdict_compare(const struct policy *policy, const struct case_expectation *expect,
			    const struct verdict *verdict, struct difference *difference)
{
	char sinks[256];

	if (expect->severity != SEVERITY_NONE)
		differ(difference, "severity", severity_name(expect->severity),
		       severity_name(verdict->severity));
	if (expect->response != UNSAID)
		differ(difference, "response", response_name((enum response)expect->response),
		       response_name(verdict->response));
	truth_differ(difference, "excepted", expect->excepted, verdict->excepted);
	truth_differ(difference, "suppressed", expect->suppressed, verdict->suppressed);
	truth_differ(difference, "raised", expect->raised, verdict->raised);
	truth_differ(difference, "lowered", expect->lowered, verdict->lowered);
	sinks_text(policy, verdict->sinks, sinks, sizeof(sinks));
	if (expect->sinks)
		differ(difference, "sinks", expect->sinks, sinks);
	if (expect->rule)
		differ(difference, "rule", expect->rule, verdict->rule);
	if (expect->policy)
		differ(difference, "policy", expect->policy, verdict->policy);
	if (expect->reason)
		differ(difference, "reason", expect->reason, verdict->reason);
	if (expect->owner)
		differ(difference, "owner", expect->owner, verdict->owner);
}

/* A case on its way: its finding, and what was counted. */
struct trial {
	struct run *run;
	struct case_finding *made;
	struct threshold_table *thresholds;
	struct difference difference;
	uint64_t time;
};

static void trial_judge(struct trial *trial, const struct case_expectation *expect)
{
	const struct policy *policy = trial->run->policy;
	struct verdict verdict;

	trial->made->event.time = trial->time;
	policy_judge(policy, trial->thresholds, &trial->made->finding, trial->time, &verdict);
	verdict_compare(policy, expect, &verdict, &trial->difference);
	if (expect->entry != UNSAID)
		differ(&trial->difference, "entry", entry_words[expect->entry].word,
		       entry_words[policy_entry(policy, &trial->made->indicator, trial->time)]
			       .word);
}

static int step_run(struct document *document, const struct document_node *node,
		    const struct mapping_key *key, void *field)
{
	struct trial *trial = field;
	struct case_step step = { .times = 1,
				  .every = NS_PER_SECOND,
				  .expect = EXPECTATION_UNSAID };
	int r = mapping_read(document, node, &step_table, &step);

	(void)key;
	trial->time += step.after;
	for (uint64_t i = 0; r == 0 && i < step.times; i++) {
		size_t before = trial->difference.used;

		trial->time += i > 0 ? step.every : 0;
		trial_judge(trial, &step.expect);
		/* The first one that differs says it. */
		if (trial->difference.used != before)
			break;
	}
	expectation_clear(&step.expect);
	return r;
}

/* All of a case, its finding made. */
static int case_judge(struct run *run, struct document *document, const struct document_node *node,
		      const struct policy_case *policy_case, struct case_finding *made)
{
	struct trial trial = { .run = run, .made = made };
	struct case_result result;
	int r;

	if (run->explain) {
		run->explained = true;
		run->explain(run->policy, &made->finding, run->now, run->userdata);
		return 0;
	}
	r = threshold_table_new(&trial.thresholds);
	if (r < 0)
		return document_fail(document, NULL, "out of memory");
	trial.time = made->event.time ? made->event.time : run->now;
	if (policy_case->expects)
		trial_judge(&trial, &policy_case->expect);
	if (policy_case->steps)
		r = mapping_each(document, policy_case->steps, step_run, NULL, &trial);
	threshold_table_free(trial.thresholds);
	if (r < 0)
		return r;
	result = (struct case_result){ .name = policy_case->name,
				       .line = node->line,
				       .passed = trial.difference.used == 0,
				       .difference = trial.difference.text };
	run->totals->passed += result.passed;
	run->totals->failed += !result.passed;
	run->tell(&result, run->userdata);
	return 0;
}

/* A finding as `cordon findings --json` prints it. */
static int case_try_finding(struct run *run, struct document *document,
			    const struct document_node *node, const struct policy_case *policy_case)
{
	struct case_event event = CASE_EVENT_UNSAID;
	json_t *object = json_load_file(policy_case->finding, 0, NULL);
	struct case_finding made;
	int r = case_ocsf_read(object, &event);

	if (r < 0)
		r = document_fail(document, node, "%s holds no finding", policy_case->finding);
	else
		r = case_finding_make(document, node, &event, &made);
	if (r == 0)
		r = case_judge(run, document, node, policy_case, &made);
	case_ocsf_clear(&event);
	json_decref(object);
	return r;
}

static int case_try(struct run *run, struct document *document, const struct document_node *node,
		    const struct policy_case *policy_case)
{
	struct case_finding made;
	int r;

	if (policy_case->has_event == (policy_case->finding != NULL))
		return document_fail(document, node, "a case has either \"event\" or \"finding\"");
	if (!policy_case->expects && !policy_case->steps)
		return document_fail(document, node, "a case without \"expect\" or \"steps\"");
	if (policy_case->finding)
		return case_try_finding(run, document, node, policy_case);
	r = case_finding_make(document, node, &policy_case->event, &made);
	return r < 0 ? r : case_judge(run, document, node, policy_case, &made);
}

static int case_run(struct document *document, const struct document_node *node,
		    const struct mapping_key *key, void *field)
{
	struct run *run = field;
	struct policy_case policy_case = { .event = CASE_EVENT_UNSAID,
					   .expect = EXPECTATION_UNSAID };
	int r;

	(void)key;
	policy_case.event.time = run->now;
	r = mapping_read(document, node, &case_table, &policy_case);
	if (r == 0 && (!run->only || strcmp(run->only, policy_case.name) == 0))
		r = case_try(run, document, node, &policy_case);
	case_clear(&policy_case);
	return r;
}

static int run_document(struct run *run, struct document *document, struct policy_error *ret_error)
{
	const struct document_node *root = document_root(document);
	int r;

	if (!root)
		return document_fail(document, NULL, "nothing in it; expected a policy test");
	r = mapping_read(document, root, &file_table, run);
	if (r < 0)
		return r;
	/* Errors of the policy are told as such: *ret_error is filled there. */
	if (policy_load((const char *const *)run->paths, run->paths_count, &run->policy,
			ret_error) < 0)
		return 1;
	run->host.tags = run->tags;
	policy_set_host(run->policy, &run->host);
	return mapping_each(document, run->cases, case_run, NULL, run);
}

static int run_file(struct run *run, const char *path, struct policy_error *ret_error)
{
	CLEANUP(document_free_cleanup) struct document *document = NULL;
	struct document_error error = { 0 };
	int r;

	r = document_load(path, &error, &document);
	if (r == 0)
		r = run_document(run, document, ret_error);
	for (size_t i = 0; i < run->paths_count; i++)
		free(run->paths[i]);
	policy_free(run->policy);
	if (r == 0)
		return 0;
	if (r < 0)
		memcpy(ret_error->text, error.text, sizeof(error.text));
	return r == -ENOMEM ? r : -EINVAL;
}

int cases_run(const char *path, case_tell tell, void *userdata, struct case_totals *totals,
	      struct policy_error *ret_error)
{
	struct run run = {
		.now = clock_realtime(), .tell = tell, .userdata = userdata, .totals = totals
	};

	return run_file(&run, path, ret_error);
}

int cases_explain(const char *path, const char *name, case_explain explain, void *userdata,
		  struct policy_error *ret_error)
{
	struct run run = {
		.now = clock_realtime(), .only = name, .explain = explain, .userdata = userdata
	};
	int r = run_file(&run, path, ret_error);

	if (r == 0 && !run.explained) {
		(void)snprintf(ret_error->text, sizeof(ret_error->text), "%.200s has no such case",
			       path);
		return -ENOENT;
	}
	return r;
}
