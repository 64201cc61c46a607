/* SPDX-License-Identifier: Apache-2.0
 *
 * What was done to files and processes, as OCSF File Remediation (7002) and Process Remediation
 * (7003) Activity objects. Paths in them were chosen by whoever made the files.
 */
#include "report/ocsf_private.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/file_facts.h"

static const struct remedy_words {
	unsigned class_uid;
	const char *class_name;
	unsigned activity_id;
	const char *activity, *done, *tactic, *technique, *technique_uid;
	unsigned disposition_id;
	const char *disposition;
} remedies[] = {
	[OCSF_REMEDY_QUARANTINE] = { 7002, "File Remediation Activity", 1, "Isolate",
				     "The file is moved into quarantine", "Evict", "File Eviction",
				     "D3-FEV", 3, "Quarantined" },
	[OCSF_REMEDY_REFUSE] = { 7002, "File Remediation Activity", 1, "Isolate",
				 "The execution is refused", "Isolate", "Executable Denylisting",
				 "D3-EDL", 2, "Blocked" },
	[OCSF_REMEDY_KILL] = { 7003, "Process Remediation Activity", 2, "Evict",
			       "The processes that run it are killed", "Evict",
			       "Process Termination", "D3-PT", 2, "Blocked" },
	[OCSF_REMEDY_STOP] = { 7003, "Process Remediation Activity", 1, "Isolate",
			       "The processes that run it are stopped", "Evict",
			       "Process Suspension", "D3-PS", 2, "Blocked" },
	[OCSF_REMEDY_FREEZE] = { 7003, "Process Remediation Activity", 1, "Isolate",
				 "The process is frozen with its cgroup", "Evict",
				 "Process Suspension", "D3-PS", 2, "Blocked" },
};

static json_t *countermeasures(struct ocsf_builder *builder, const struct remedy_words *words)
{
	json_t *array = json_array(), *measure = json_object();
	json_t *tactic = json_object(), *technique = json_object();

	ocsf_put_text(builder, tactic, "name", words->tactic);
	ocsf_put_text(builder, technique, "name", words->technique);
	ocsf_put_text(builder, technique, "uid", words->technique_uid);
	ocsf_put(builder, measure, "d3f_tactic", tactic);
	ocsf_put(builder, measure, "d3f_technique", technique);
	ocsf_append(builder, array, measure);
	return array;
}

static void put_class(struct ocsf_builder *builder, json_t *object,
		      const struct remedy_words *words)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "%s: %s", words->class_name, words->activity);
	ocsf_put_number(builder, object, "activity_id", words->activity_id);
	ocsf_put_text(builder, object, "activity_name", words->activity);
	ocsf_put_number(builder, object, "category_uid", words->class_uid / 1000);
	ocsf_put_text(builder, object, "category_name", "Remediation");
	ocsf_put_number(builder, object, "class_uid", words->class_uid);
	ocsf_put_text(builder, object, "class_name", words->class_name);
	ocsf_put_number(builder, object, "type_uid", words->class_uid * 100 + words->activity_id);
	ocsf_put_text(builder, object, "type_name", name);
}

static json_t *remedy_unmapped(struct ocsf_builder *builder, const struct ocsf_finding *input,
			       json_t *evidence)
{
	json_t *object = json_object();

	ocsf_put_text(builder, object, "finding_uid", input->finding->uid);
	ocsf_put_text(builder, object, "kind", event_kind_name(input->finding->event->kind));
	ocsf_put(builder, object, "mode", json_string(input->enforce ? "enforce" : "audit"));
	ocsf_put(builder, object, "evidence", evidence);
	return object;
}

/* What it is done to: each class has one, and must have it. */
static void put_subject(struct ocsf_builder *builder, json_t *object,
			const struct ocsf_finding *input, const struct remedy_words *words)
{
	const struct event *event = input->finding->event;

	if (words->class_uid == 7002 && event->file)
		ocsf_put(builder, object, "file", ocsf_file(builder, event->file));
	else
		ocsf_put(builder, object, "process", ocsf_process(builder, event));
}

json_t *ocsf_remedy_activity(const struct ocsf_finding *input, enum ocsf_remedy remedy)
{
	const struct remedy_words *words = &remedies[remedy];
	const struct finding *finding = input->finding;
	struct ocsf_builder builder = { 0 };
	json_t *object = json_object(), *remediation = json_object();
	json_t *evidence = ocsf_evidence(&builder, finding->event);
	char command[96];

	(void)snprintf(command, sizeof(command), "%s-%u-%llu", finding->uid, (unsigned)remedy,
		       (unsigned long long)(finding->event->time / NS_PER_MILLISECOND));
	put_class(&builder, object, words);
	ocsf_put_message(&builder, object, finding->event->time, finding->title,
			 (int)input->verdict->severity);
	ocsf_put_number(&builder, object, "status_id", 1);
	ocsf_put_text(&builder, object, "status", "Success");
	ocsf_put_number(&builder, object, "action_id", 2);
	ocsf_put_text(&builder, object, "action", "Denied");
	ocsf_put_number(&builder, object, "disposition_id", words->disposition_id);
	ocsf_put_text(&builder, object, "disposition", words->disposition);
	ocsf_put_text(&builder, object, "command_uid", command);
	ocsf_put(&builder, object, "metadata", ocsf_metadata(&builder, input, command));
	put_subject(&builder, object, input, words);
	ocsf_put(&builder, object, "countermeasures", countermeasures(&builder, words));
	ocsf_put_text(&builder, remediation, "desc", words->done);
	ocsf_put(&builder, object, "remediation", remediation);
	ocsf_put(&builder, object, "observables",
		 ocsf_observables(&builder, input, evidence, "unmapped.evidence."));
	ocsf_put_filled(&builder, object, "policy", ocsf_policy(&builder, input));
	ocsf_put_host(&builder, object, input->host, false);
	ocsf_put(&builder, object, "unmapped", remedy_unmapped(&builder, input, evidence));
	if (builder.failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}

void ocsf_remedy_end(json_t *object, int error, const char *quarantine)
{
	struct ocsf_builder builder = { 0 };

	if (quarantine)
		ocsf_put_text(&builder, json_object_get(object, "unmapped"), "quarantine_id",
			      quarantine);
	if (error >= 0)
		return;
	ocsf_put_number(&builder, object, "status_id", 2);
	ocsf_put_text(&builder, object, "status", "Failure");
	ocsf_put_text(&builder, object, "status_detail", strerror(-error));
	ocsf_put_number(&builder, object, "action_id", 3);
	ocsf_put_text(&builder, object, "action", "Observed");
	ocsf_put_number(&builder, object, "disposition_id", 17);
	ocsf_put_text(&builder, object, "disposition", "Logged");
}
