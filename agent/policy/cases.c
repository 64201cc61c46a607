/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns policy tests: makes findings of cases (case_read.c), asks the policy, compares. Gives
 * results to `cordon policy test` and the unit tests. The text is
 * whoever wrote the cases'.
 */
#include "policy/case_private.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "policy/case_ocsf.h"
#include "policy/mapping.h"
#include "policy/rule.h"
#include "policy/threshold.h"

CLEANUP_DEFINE(struct document *, document_free)

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
		differ(&trial->difference, "entry", case_entry_word(expect->entry),
		       case_entry_word(
			       (int)policy_entry(policy, &trial->made->indicator, trial->time)));
}

static int step_run(struct document *document, const struct document_node *node,
		    const struct mapping_key *key, void *field)
{
	struct trial *trial = field;
	struct case_step step = { .times = 1,
				  .every = NS_PER_SECOND,
				  .expect = EXPECTATION_UNSAID };
	int r = mapping_read(document, node, case_tables.step, &step);

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
	case_expectation_clear(&step.expect);
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
	r = mapping_read(document, node, case_tables.policy_case, &policy_case);
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
	r = mapping_read(document, root, case_tables.file, run);
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
