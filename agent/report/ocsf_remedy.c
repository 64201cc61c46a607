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
	unsigned class_uid, activity_id;
	struct ocsf_measure measure;
	unsigned disposition_id;
	const char *disposition;
} remedies[] = {
	[OCSF_REMEDY_QUARANTINE] = { OCSF_FILE_REMEDIATION,
				     OCSF_ISOLATE,
				     { "The file is moved into quarantine", "Evict",
				       "File Eviction", "D3-FEV" },
				     3,
				     "Quarantined" },
	[OCSF_REMEDY_REFUSE] = { OCSF_FILE_REMEDIATION,
				 OCSF_ISOLATE,
				 { "The execution is refused", "Isolate", "Executable Denylisting",
				   "D3-EDL" },
				 2,
				 "Blocked" },
	[OCSF_REMEDY_KILL] = { OCSF_PROCESS_REMEDIATION,
			       OCSF_EVICT,
			       { "The processes that run it are killed", "Evict",
				 "Process Termination", "D3-PT" },
			       2,
			       "Blocked" },
	[OCSF_REMEDY_STOP] = { OCSF_PROCESS_REMEDIATION,
			       OCSF_ISOLATE,
			       { "The processes that run it are stopped", "Evict",
				 "Process Suspension", "D3-PS" },
			       2,
			       "Blocked" },
	[OCSF_REMEDY_FREEZE] = { OCSF_PROCESS_REMEDIATION,
				 OCSF_ISOLATE,
				 { "The process is frozen with its cgroup", "Evict",
				   "Process Suspension", "D3-PS" },
				 2,
				 "Blocked" },
};

/* What it is done to: each class has one, and must have it. */
static void put_subject(struct ocsf_builder *builder, json_t *object,
			const struct ocsf_finding *input, const struct remedy_words *words)
{
	const struct event *event = input->finding->event;

	if (words->class_uid == OCSF_FILE_REMEDIATION && event->file)
		ocsf_put(builder, object, "file", ocsf_file(builder, event->file));
	else
		ocsf_put(builder, object, "process", ocsf_process(builder, event));
}

json_t *ocsf_remedy_activity(const struct ocsf_finding *input, enum ocsf_remedy remedy)
{
	const struct remedy_words *words = &remedies[remedy];
	const struct finding *finding = input->finding;
	struct ocsf_builder builder = { 0 };
	json_t *object = json_object();
	char command[96];

	(void)snprintf(command, sizeof(command), "%s-%u-%llu", finding->uid, (unsigned)remedy,
		       (unsigned long long)(finding->event->time / NS_PER_MILLISECOND));
	ocsf_put_remediation_class(&builder, object, words->class_uid, words->activity_id);
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
	ocsf_put_measure(&builder, object, &words->measure);
	ocsf_put_cause(&builder, object, input);
	return ocsf_built(&builder, object);
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
