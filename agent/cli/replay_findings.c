/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay_findings.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "detect/finding.h"
#include "report/ocsf.h"

struct entry {
	json_t *object;
	uint64_t questions, last_question; /* times: ns since the epoch */
	uint64_t answers, last_answer;
};

struct replay_findings {
	struct entry *entries;
	size_t count, room;
	json_t *numbers; /* uid to number of the entry */
	uint64_t unkept;
};

int replay_findings_new(struct replay_findings **ret)
{
	struct replay_findings *findings = calloc(1, sizeof(*findings));

	if (!findings)
		return -ENOMEM;
	findings->numbers = json_object();
	if (!findings->numbers) {
		free(findings);
		return -ENOMEM;
	}
	*ret = findings;
	return 0;
}

void replay_findings_free(struct replay_findings *findings)
{
	if (!findings)
		return;
	for (size_t i = 0; i < findings->count; i++)
		json_decref(findings->entries[i].object);
	free(findings->entries);
	json_decref(findings->numbers);
	free(findings);
}

static struct entry *entry_find(const struct replay_findings *findings, const char *uid)
{
	json_t *number = json_object_get(findings->numbers, uid);

	return number ? &findings->entries[json_integer_value(number)] : NULL;
}

/* In which file: OCSF has no attribute for it. The frame stands there already. */
static int object_place(json_t *object, const char *file)
{
	CLEANUP(free_cleanup) char *name = escape_text_dup(file, strlen(file));
	json_t *unmapped = json_object_get(object, "unmapped");

	if (!name || json_object_set_new(unmapped, "file", json_string(name)) < 0)
		return -ENOMEM;
	return 0;
}

static int entry_new(struct replay_findings *findings, json_t *object, const char *uid,
		     struct entry **ret)
{
	if (findings->count == findings->room) {
		size_t room = findings->room ? findings->room * 2 : 16;
		struct entry *entries = realloc(findings->entries, room * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		findings->entries = entries;
		findings->room = room;
	}
	if (json_object_set_new(findings->numbers, uid, json_integer((json_int_t)findings->count)) <
	    0)
		return -ENOMEM;
	*ret = &findings->entries[findings->count++];
	**ret = (struct entry){ .object = json_incref(object) };
	return 0;
}

static int entry_add(struct replay_findings *findings, const struct ocsf_finding *input,
		     const char *file, struct entry **ret)
{
	const struct finding *finding = input->finding;
	json_t *object = ocsf_finding(input, 1);
	int r = object ? object_place(object, file) : -ENOMEM;

	if (r == 0)
		r = entry_new(findings, object, finding->uid, ret);
	json_decref(object);
	return r;
}

int replay_findings_add(struct replay_findings *findings, const struct finding *finding,
			const struct verdict *verdict, const struct ocsf_host *host,
			const char *file)
{
	const struct event *event = finding->event;
	struct entry *entry = entry_find(findings, finding->uid);

	if (!entry && findings->count == REPLAY_FINDINGS_MAX) {
		findings->unkept++;
		return 0;
	}
	if (!entry) {
		struct ocsf_finding input = { .finding = finding,
					      .verdict = verdict,
					      .host = host,
					      .count = 1,
					      .first_seen = event->time,
					      .last_seen = event->time };
		int r = entry_add(findings, &input, file, &entry);

		if (r < 0)
			return r;
	} else {
		int r = ocsf_finding_witness(entry->object, event);

		if (r < 0)
			return r;
	}
	if (event->response) {
		entry->answers++;
		entry->last_answer = event->time;
	} else {
		entry->questions++;
		entry->last_question = event->time;
	}
	return 0;
}

size_t replay_findings_count(const struct replay_findings *findings)
{
	return findings->count;
}

uint64_t replay_findings_unkept(const struct replay_findings *findings)
{
	return findings->unkept;
}

static int entry_print(struct entry *entry, FILE *out)
{
	CLEANUP(free_cleanup) char *line = NULL;
	bool asked = entry->questions > 0;
	int r = ocsf_finding_amend(entry->object, asked ? entry->questions : entry->answers,
				   asked ? entry->last_question : entry->last_answer);

	if (r < 0)
		return r;
	line = ocsf_line(entry->object);
	if (!line)
		return -ENOMEM;
	(void)fprintf(out, "%s\n", line);
	return 0;
}

int replay_findings_print(struct replay_findings *findings, FILE *out)
{
	for (size_t i = 0; i < findings->count; i++) {
		int r = entry_print(&findings->entries[i], out);

		if (r < 0)
			return r;
	}
	return 0;
}
