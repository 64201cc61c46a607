/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns policy tests: reads cases, makes findings of them, asks the policy, compares. Takes nodes
 * from document.c and gives results to `cordon policy test` and the unit tests. The text is
 * whoever wrote the cases'.
 */
#include "policy/cases.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "policy/case_finding.h"
#include "policy/mapping.h"
#include "policy/match_value.h"
#include "policy/rule.h"

#define POLICIES_MAX 64

struct case_expectation {
	char *rule, *policy, *reason;
	enum severity severity;
	int response, excepted, entry;
};

struct policy_case {
	char *name;
	struct case_event event;
	struct case_expectation expect;
};

/* A file while it is run. */
struct run {
	char *paths[POLICIES_MAX];
	size_t paths_count;
	const struct document_node *cases;
	uint64_t now; /* of cases that give no time */
	struct policy *policy;
	case_tell tell;
	void *userdata;
	struct case_totals *totals;
};

CLEANUP_DEFINE(struct document *, document_free)

/* ---- reading ---- */

static int tag_read(struct document *document, const struct document_node *value,
		    const struct mapping_key *key, void *field)
{
	char **tags = field, *joined;
	const char *text;

	(void)key;
	text = mapping_scalar(document, value, "a tag");
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

static int tags_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	return mapping_each(document, value, tag_read, key, field);
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

#define EVENT(field) offsetof(struct case_event, field)
static const struct mapping_key event_keys[] = {
	{ "domain", mapping_text, .offset = EVENT(domain) },
	{ "detector", mapping_text, .offset = EVENT(detector) },
	{ "indicator", mapping_text, .offset = EVENT(indicator) },
	{ "feed", mapping_text, .offset = EVENT(feed) },
	{ "tag", tags_read, .offset = EVENT(tags) },
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
};
static const struct mapping_table event_table = { "an event", event_keys, ELEMENTS(event_keys) };

#define EXPECT(field) offsetof(struct case_expectation, field)
static const struct mapping_key expect_keys[] = {
	{ "severity", mapping_severity, .offset = EXPECT(severity) },
	{ "response", mapping_choice, .offset = EXPECT(response), .detail = &rule_responses },
	{ "excepted", truth_read, .offset = EXPECT(excepted) },
	{ "rule", mapping_label, .offset = EXPECT(rule) },
	{ "policy", mapping_label, .offset = EXPECT(policy) },
	{ "reason", mapping_label, .offset = EXPECT(reason) },
	{ "entry", mapping_choice, .offset = EXPECT(entry), .detail = &entries },
};
static const struct mapping_table expect_table = { "what is expected", expect_keys,
						   ELEMENTS(expect_keys) };

static const struct mapping_key case_keys[] = {
	{ "name", mapping_label, .offset = offsetof(struct policy_case, name), .required = true },
	{ "event", mapping_section, .offset = offsetof(struct policy_case, event),
	  .detail = &event_table, .required = true },
	{ "expect", mapping_section, .offset = offsetof(struct policy_case, expect),
	  .detail = &expect_table, .required = true },
};
static const struct mapping_table case_table = { "a case", case_keys, ELEMENTS(case_keys) };

static const struct mapping_key file_keys[] = {
	{ "policy", paths_read, .required = true },
	{ "now", mapping_date, .offset = offsetof(struct run, now) },
	{ "cases", cases_note, .offset = offsetof(struct run, cases), .required = true },
};
static const struct mapping_table file_table = { "a policy test", file_keys, ELEMENTS(file_keys) };

static void case_clear(struct policy_case *policy_case)
{
	mapping_clear(&case_table, policy_case);
	free(policy_case->event.tags);
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

static void verdict_compare(const struct case_expectation *expect, const struct verdict *verdict,
			    struct difference *difference)
{
	static const char *const truth[] = { "no", "yes" };

	if (expect->severity != SEVERITY_NONE)
		differ(difference, "severity", severity_name(expect->severity),
		       severity_name(verdict->severity));
	if (expect->response != UNSAID)
		differ(difference, "response", response_name((enum response)expect->response),
		       response_name(verdict->response));
	if (expect->excepted != UNSAID)
		differ(difference, "excepted", truth[expect->excepted], truth[verdict->excepted]);
	if (expect->rule)
		differ(difference, "rule", expect->rule, verdict->rule);
	if (expect->policy)
		differ(difference, "policy", expect->policy, verdict->policy);
	if (expect->reason)
		differ(difference, "reason", expect->reason, verdict->reason);
}

static int case_try(struct run *run, struct document *document, const struct document_node *node,
		    const struct policy_case *policy_case)
{
	struct difference difference = { 0 };
	struct case_finding made;
	struct case_result result;
	struct verdict verdict;
	enum policy_entry_answer entry;
	int r;

	r = case_finding_make(document, node, &policy_case->event, &made);
	if (r < 0)
		return r;
	policy_evaluate(run->policy, &made.finding, policy_case->event.time, &verdict);
	verdict_compare(&policy_case->expect, &verdict, &difference);
	entry = policy_entry(run->policy, &made.indicator, policy_case->event.time);
	if (policy_case->expect.entry != UNSAID)
		differ(&difference, "entry", entry_words[policy_case->expect.entry].word,
		       entry_words[entry].word);
	result = (struct case_result){ .name = policy_case->name,
				       .line = node->line,
				       .passed = difference.used == 0,
				       .difference = difference.text };
	run->totals->passed += result.passed;
	run->totals->failed += !result.passed;
	run->tell(&result, run->userdata);
	return 0;
}

static int case_run(struct document *document, const struct document_node *node,
		    const struct mapping_key *key, void *field)
{
	struct run *run = field;
	struct policy_case policy_case = {
		.event = { .direction = EVENT_DIRECTION_OUT,
			   .uid = NOBODY,
			   .time = run->now,
			   .kind = UNSAID,
			   .protocol = UNSAID,
			   .port = UNSAID_PORT },
		.expect = { .response = UNSAID, .excepted = UNSAID, .entry = UNSAID },
	};
	int r;

	(void)key;
	r = mapping_read(document, node, &case_table, &policy_case);
	if (r == 0)
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
	return mapping_each(document, run->cases, case_run, NULL, run);
}

int cases_run(const char *path, case_tell tell, void *userdata, struct case_totals *totals,
	      struct policy_error *ret_error)
{
	CLEANUP(document_free_cleanup) struct document *document = NULL;
	struct run run = {
		.now = clock_realtime(), .tell = tell, .userdata = userdata, .totals = totals
	};
	struct document_error error = { 0 };
	int r;

	r = document_load(path, &error, &document);
	if (r == 0)
		r = run_document(&run, document, ret_error);
	for (size_t i = 0; i < run.paths_count; i++)
		free(run.paths[i]);
	policy_free(run.policy);
	if (r == 0)
		return 0;
	if (r < 0)
		memcpy(ret_error->text, error.text, sizeof(error.text));
	return r == -ENOMEM ? r : -EINVAL;
}
