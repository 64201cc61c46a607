/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon policy test --against-journal`: what another policy would have said of the findings that
 * this host has had. Each is read back out of its document, judged, and compared with what was said
 * then. What the policy of then excepted was not recorded, and cannot be told; thresholds are not
 * counted.
 */
#include <errno.h>
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
#include "report/screen.h"
#include "report/view.h"

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(struct policy *, policy_free)
CLEANUP_DEFINE(struct journal *, journal_close)

struct comparison {
	const struct policy_against *against;
	const struct policy *policy;
	json_t *list; /* of differences; NULL: they are printed */
	uint64_t same, different, unread;
};

/* What was said then. */
struct said {
	const char *severity, *response, *rule;
	bool excepted;
};

static void difference_tell(const struct comparison *comparison, const struct view *view,
			    const struct said *then, const struct verdict *now)
{
	const char *what = now->excepted ? "excepted" : now->suppressed ? "suppressed" : "told";
	char title[512];

	if (comparison->list) {
		(void)json_array_append_new(
			comparison->list,
			json_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s}}", "uid",
				  view->uid, "title", view->title, "before", "severity",
				  then->severity, "response", then->response, "rule", then->rule,
				  "after", "severity", severity_name(now->severity), "response",
				  response_name(now->response), "rule", now->rule, "becomes",
				  what));
		return;
	}
	screen_text(view->title, title, sizeof(title));
	(void)printf("%s  %s\n  - %s, %s by %s\n  + %s, %s%s%s by %s\n", view->uid, title,
		     then->severity, then->response, then->rule, severity_name(now->severity),
		     response_name(now->response), now->excepted ? ", excepted" : "",
		     now->suppressed ? ", suppressed" : "", now->rule);
}

static const char *severity_then(int id)
{
	return severity_name((enum severity)id);
}

static void finding_compare(struct comparison *comparison, const json_t *object,
			    const struct finding *finding)
{
	struct said then = { 0 };
	struct verdict now;
	struct view view;

	view_read(object, &view);
	then.severity = severity_then(view.severity_id);
	then.response =
		json_string_value(json_object_get(json_object_get(object, "unmapped"), "response"));
	then.response = then.response ? then.response : "none";
	then.rule = view.rule;
	policy_evaluate(comparison->policy, finding, clock_realtime(), &now);
	if (!now.excepted && !now.suppressed &&
	    strcmp(then.severity, severity_name(now.severity)) == 0 &&
	    strcmp(then.response, response_name(now.response)) == 0) {
		comparison->same++;
		return;
	}
	comparison->different++;
	difference_tell(comparison, &view, &then, &now);
}

static int entry_found(const struct journal_entry *entry, void *userdata)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(entry->document, 0, NULL);
	struct document_error error = { .count = 0 };
	struct comparison *comparison = userdata;
	struct case_event event;
	struct case_finding made;
	int r = object ? case_ocsf_read(object, &event) : -EINVAL;

	if (r < 0) {
		comparison->unread++;
		return 0;
	}
	r = case_ocsf_make(&event, &made, &error);
	if (r == 0)
		finding_compare(comparison, object, &made.finding);
	else
		comparison->unread++;
	case_ocsf_clear(&event);
	return 0;
}

static void totals_print(const struct comparison *comparison)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;

	if (!comparison->list) {
		(void)printf("%llu the same, %llu different, %llu not read\n",
			     (unsigned long long)comparison->same,
			     (unsigned long long)comparison->different,
			     (unsigned long long)comparison->unread);
		return;
	}
	object = json_pack("{s:O, s:I, s:I, s:I}", "differences", comparison->list, "same",
			   (json_int_t)comparison->same, "different",
			   (json_int_t)comparison->different, "unread",
			   (json_int_t)comparison->unread);
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
}

int policy_against_run(const struct policy_against *against)
{
	CLEANUP(policy_free_cleanup)
	struct policy *policy = policy_read(NULL, against->paths, against->count, NULL);
	CLEANUP(journal_close_cleanup) struct journal *journal = NULL;
	CLEANUP(json_decref_cleanup) json_t *list = against->json ? json_array() : NULL;
	CLEANUP(free_cleanup) char *path = NULL;
	struct comparison comparison = { .against = against, .policy = policy, .list = list };
	const struct journal_query query = { .since = against->since };
	int r;

	if (!policy || journal_place(against->config, against->state_dir, &path) < 0)
		return COMMAND_FAILED;
	r = journal_open_reader(path, &journal);
	if (r == 0)
		r = journal_read(journal, &query, entry_found, &comparison);
	if (r < 0) {
		(void)log_errno(LOG_ERR, r, "cannot read %s", path);
		return COMMAND_FAILED;
	}
	totals_print(&comparison);
	return comparison.different > 0 ? COMMAND_FOUND : COMMAND_FINE;
}
