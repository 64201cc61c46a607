/* SPDX-License-Identifier: Apache-2.0
 *
 * What was done about a finding, as OCSF Remediation Activity objects. Today the one response is a
 * block: Network Remediation Activity.
 */
#include "report/ocsf_private.h"

#include <stdio.h>

#include "base/clock.h"

#define CLASS_UID 7004

/* What was done, by the kind of event, with its countermeasure in MITRE D3FEND. */
static const struct block_words {
	const char *done, *technique, *uid;
} block_words[] = {
	[EVENT_QUESTION] = { "The lookup is dropped on the host", "DNS Denylisting", "D3-DNSDL" },
	[EVENT_ANSWER] = { "The answer is dropped on the host", "DNS Denylisting", "D3-DNSDL" },
	[EVENT_CONNECTION] = { "The connection is refused on the host",
			       "Outbound Traffic Filtering", "D3-OTF" },
	[EVENT_PAYLOAD] = { "The flow is cut on the host", "Outbound Traffic Filtering", "D3-OTF" },
	[EVENT_FILE] = { "The file stays as it is", "File Eviction", "D3-FEV" },
	[EVENT_FLOW] = { "The flow is cut on the host: what it sends from here on is dropped",
			 "Outbound Traffic Filtering", "D3-OTF" },
};

static json_t *countermeasures(struct ocsf_builder *builder, const struct block_words *words)
{
	json_t *array = json_array(), *measure = json_object();
	json_t *tactic = json_object(), *technique = json_object();

	ocsf_put_text(builder, tactic, "name", "Isolate");
	ocsf_put_text(builder, technique, "name", words->technique);
	ocsf_put_text(builder, technique, "uid", words->uid);
	ocsf_put(builder, measure, "d3f_tactic", tactic);
	ocsf_put(builder, measure, "d3f_technique", technique);
	ocsf_append(builder, array, measure);
	return array;
}

static json_t *block_unmapped(struct ocsf_builder *builder, const struct ocsf_finding *input,
			      json_t *evidence)
{
	json_t *object = json_object();

	ocsf_put_text(builder, object, "finding_uid", input->finding->uid);
	ocsf_put_text(builder, object, "kind", event_kind_name(input->finding->event->kind));
	ocsf_put(builder, object, "mode", json_string(input->enforce ? "enforce" : "audit"));
	ocsf_put(builder, object, "evidence", evidence);
	return object;
}

static void put_class(struct ocsf_builder *builder, json_t *object)
{
	ocsf_put_number(builder, object, "activity_id", 1);
	ocsf_put_text(builder, object, "activity_name", "Isolate");
	ocsf_put_number(builder, object, "category_uid", CLASS_UID / 1000);
	ocsf_put_text(builder, object, "category_name", "Remediation");
	ocsf_put_number(builder, object, "class_uid", CLASS_UID);
	ocsf_put_text(builder, object, "class_name", "Network Remediation Activity");
	ocsf_put_number(builder, object, "type_uid", CLASS_UID * 100 + 1);
	ocsf_put_text(builder, object, "type_name", "Network Remediation Activity: Isolate");
}

json_t *ocsf_block_activity(const struct ocsf_finding *input)
{
	const struct finding *finding = input->finding;
	const struct ocsf_outcome *outcome = ocsf_outcome(input);
	bool blocked = finding->event->disposition == EVENT_BLOCKED;
	const struct block_words *words = &block_words[finding->event->kind];
	struct ocsf_builder builder = { 0 };
	json_t *object = json_object(), *remediation = json_object();
	json_t *evidence = ocsf_evidence(&builder, finding->event);
	char command[96];

	(void)snprintf(command, sizeof(command), "%s-%llu", finding->uid,
		       (unsigned long long)(finding->event->time / NS_PER_MILLISECOND));
	put_class(&builder, object);
	ocsf_put_message(&builder, object, finding->event->time, finding->title,
			 (int)input->verdict->severity);
	ocsf_put_number(&builder, object, "status_id", blocked ? 1 : 2);
	ocsf_put_text(&builder, object, "status", blocked ? "Success" : "Failure");
	ocsf_put_number(&builder, object, "action_id", (uint64_t)outcome->action_id);
	ocsf_put_text(&builder, object, "action", outcome->action);
	ocsf_put_number(&builder, object, "disposition_id", (uint64_t)outcome->disposition_id);
	ocsf_put_text(&builder, object, "disposition", outcome->disposition);
	ocsf_put_text(&builder, object, "command_uid", command);
	ocsf_put(&builder, object, "metadata", ocsf_metadata(&builder, input, command));
	ocsf_put(&builder, object, "connection_info", ocsf_connection(&builder, finding->event));
	ocsf_put(&builder, object, "countermeasures", countermeasures(&builder, words));
	ocsf_put_text(&builder, remediation, "desc", words->done);
	ocsf_put(&builder, object, "remediation", remediation);
	ocsf_put(&builder, object, "observables",
		 ocsf_observables(&builder, input, evidence, "unmapped.evidence."));
	ocsf_put_filled(&builder, object, "policy", ocsf_policy(&builder, input));
	ocsf_put_host(&builder, object, input->host, false);
	ocsf_put(&builder, object, "unmapped", block_unmapped(&builder, input, evidence));
	if (builder.failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}
