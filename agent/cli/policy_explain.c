/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon policy explain`: which rule decides a finding of the journal, or of a case, and why the
 * others do not.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/journal_place.h"
#include "cli/policy.h"
#include "journal/journal.h"
#include "policy/case_ocsf.h"
#include "policy/cases.h"

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(struct policy *, policy_free)
CLEANUP_DEFINE(struct journal *, journal_close)

struct explain {
	const char *config, *state_dir, *cases;
	char **policies; /* as long as there are arguments */
	size_t policies_count;
	json_t *object; /* NULL: text */
	const struct policy *policy;
	bool found;
};

static int usage(FILE *file)
{
	(void)fputs("usage: cordon policy explain [--json] [--policy FILE]... [--config FILE]\n"
		    "                             [--state-dir DIR] UID\n"
		    "       cordon policy explain [--json] --cases FILE [NAME]\n",
		    file);
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

static void step_text(const struct policy_step *step, char *out, size_t size)
{
	switch (step->kind) {
	case STEP_DECIDED:
		(void)snprintf(out, size, "decides: %s", severity_name(step->severity));
		return;
	case STEP_ADJUSTED:
		(void)snprintf(out, size, "makes it %s, and the rules below go on",
			       severity_name(step->severity));
		return;
	case STEP_DIFFERS:
		(void)snprintf(out, size, "does not match: %s", step->key ? step->key : "");
		return;
	case STEP_ENDED:
		(void)snprintf(out, size, "its exception is over");
		return;
	case STEP_DECEIVED:
		(void)snprintf(out, size,
			       "matches, but would excuse a path that the process can make up: "
			       "it must name the container");
		return;
	case STEP_UNREACHED:
		(void)snprintf(out, size, "not reached");
		return;
	}
}

static void step_told(const struct policy_step *step, void *userdata)
{
	static const char *const words[] = { "decided", "adjusted", "differs",
					     "ended",	"deceived", "unreached" };
	struct explain *explain = userdata;
	char text[256];

	step_text(step, text, sizeof(text));
	if (!explain->object) {
		(void)printf("%c %s (%s:%u): %s\n",
			     step->kind == STEP_DECIDED	   ? '*'
			     : step->kind == STEP_ADJUSTED ? '+'
							   : ' ',
			     step->rule, step->file, step->line, text);
		return;
	}
	(void)json_array_append_new(json_object_get(explain->object, "rules"),
				    json_pack("{s:s, s:s, s:i, s:s, s:s*, s:s}", "rule", step->rule,
					      "file", step->file, "line", (int)step->line, "result",
					      words[step->kind], "key", step->key, "text", text));
}

static void finding_explain(const struct policy *policy, const struct finding *finding,
			    uint64_t now, void *userdata)
{
	struct explain *explain = userdata;
	struct verdict verdict;
	char shown[512];

	explain->found = true;
	policy_explain(policy, finding, now, step_told, explain, &verdict);
	policy_verdict_show(policy, &verdict, shown, sizeof(shown));
	if (!explain->object) {
		(void)printf("verdict: %s%s%s\n", shown, *verdict.reason ? ": " : "",
			     verdict.reason);
		return;
	}
	(void)json_object_set_new(explain->object, "verdict",
				  json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s}", "severity",
					    severity_name(verdict.severity), "response",
					    response_name(verdict.response), "rule", verdict.rule,
					    "policy", verdict.policy, "excepted", verdict.excepted,
					    "suppressed", verdict.suppressed, "reason",
					    verdict.reason, "owner", verdict.owner));
}

static int entry_explain(const struct journal_entry *entry, void *userdata)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(entry->document, 0, NULL);
	struct document_error error = { .count = 0 };
	struct explain *explain = userdata;
	struct case_event event;
	struct case_finding made;
	int r = object ? case_ocsf_read(object, &event) : -EINVAL;

	if (r < 0) {
		log_error("%s: what is stored is not a finding", entry->uid);
		return r;
	}
	r = case_ocsf_make(&event, &made, &error);
	if (r < 0)
		log_error("%s", error.text);
	else
		finding_explain(explain->policy, &made.finding, clock_realtime(), explain);
	case_ocsf_clear(&event);
	return r;
}

static int uid_explain(struct explain *explain, const char *uid)
{
	CLEANUP(policy_free_cleanup)
	struct policy *policy =
		policy_read(explain->config, explain->policies, explain->policies_count, NULL);
	CLEANUP(journal_close_cleanup) struct journal *journal = NULL;
	CLEANUP(free_cleanup) char *path = NULL;
	const struct journal_query query = { .uid = uid };
	int r;

	if (!policy || journal_place(explain->config, explain->state_dir, &path) < 0)
		return COMMAND_FAILED;
	explain->policy = policy;
	r = journal_open_reader(path, &journal);
	if (r < 0) {
		(void)log_errno(LOG_ERR, r, "cannot read %s", path);
		return COMMAND_FAILED;
	}
	r = journal_read(journal, &query, entry_explain, explain);
	if (r == 0 && !explain->found)
		log_error("no finding has the uid %s", uid);
	return r < 0 || !explain->found ? COMMAND_FAILED : COMMAND_FINE;
}

static int cases_explained(struct explain *explain, const char *name)
{
	struct policy_error error;

	if (cases_explain(explain->cases, name, finding_explain, explain, &error) == 0)
		return COMMAND_FINE;
	policy_errors_tell(NULL, error.text);
	return COMMAND_FAILED;
}

static int explain_run(struct explain *explain, char **arguments, int count)
{
	int r;

	if (count > 1 || (!explain->cases && count == 0))
		return usage(stderr);
	r = explain->cases ? cases_explained(explain, count ? arguments[0] : NULL)
			   : uid_explain(explain, arguments[0]);
	if (explain->object && r == COMMAND_FINE) {
		(void)json_dumpf(explain->object, stdout, JSON_COMPACT);
		(void)putchar('\n');
	}
	return r;
}

int policy_explain_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "config", required_argument, NULL, 'c' },
		{ "state-dir", required_argument, NULL, 'd' },
		{ "cases", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	CLEANUP(free_cleanup) char **policies = calloc((size_t)argc, sizeof(*policies));
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	struct explain explain = { .policies = policies };
	int option;

	if (!policies)
		return COMMAND_FAILED;
	/* 0 makes getopt begin anew: the program's own options were read with it. */
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			policies[explain.policies_count++] = optarg;
		else if (option == 'c')
			explain.config = optarg;
		else if (option == 'd')
			explain.state_dir = optarg;
		else if (option == 'f')
			explain.cases = optarg;
		else if (option == 'j' && !object)
			explain.object = object = json_pack("{s:[]}", "rules");
		else if (option != 'j')
			return usage(option == 'h' ? stdout : stderr);
	}
	return explain_run(&explain, argv + optind, argc - optind);
}
