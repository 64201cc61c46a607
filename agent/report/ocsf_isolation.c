/* SPDX-License-Identifier: Apache-2.0
 *
 * What was done to the instance as a whole, as OCSF Network Remediation Activity: taken out of the
 * network, put back, or not.
 */
#include <stdio.h>

#include "base/clock.h"
#include "report/ocsf_private.h"

#define CLASS_UID 7004

static const char *const activities[] = { [1] = "Isolate", [3] = "Restore" };

static void put_class(struct ocsf_builder *builder, json_t *object, unsigned activity)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "Network Remediation Activity: %s",
		       activities[activity]);
	ocsf_put_number(builder, object, "activity_id", activity);
	ocsf_put_text(builder, object, "activity_name", activities[activity]);
	ocsf_put_number(builder, object, "category_uid", CLASS_UID / 1000);
	ocsf_put_text(builder, object, "category_name", "Remediation");
	ocsf_put_number(builder, object, "class_uid", CLASS_UID);
	ocsf_put_text(builder, object, "class_name", "Network Remediation Activity");
	ocsf_put_number(builder, object, "type_uid", CLASS_UID * 100 + activity);
	ocsf_put_text(builder, object, "type_name", name);
}

static json_t *countermeasures(struct ocsf_builder *builder)
{
	json_t *array = json_array(), *measure = json_object();
	json_t *tactic = json_object(), *technique = json_object();

	ocsf_put_text(builder, tactic, "name", "Isolate");
	ocsf_put_text(builder, technique, "name", "Network Isolation");
	ocsf_put_text(builder, technique, "uid", "D3-NI");
	ocsf_put(builder, measure, "d3f_tactic", tactic);
	ocsf_put(builder, measure, "d3f_technique", technique);
	ocsf_append(builder, array, measure);
	return array;
}

static json_t *unmapped(struct ocsf_builder *builder, const struct ocsf_isolation *input)
{
	json_t *object = json_object();

	ocsf_put_raw(builder, object, "isolation_uid", input->uid);
	ocsf_put_raw(builder, object, "isolation_state", input->state);
	ocsf_put_raw(builder, object, "finding_uid", input->finding);
	ocsf_put_raw(builder, object, "reason", input->reason);
	return object;
}

json_t *ocsf_isolation_activity(const struct ocsf_isolation *input, const struct ocsf_host *host)
{
	const struct event event = { .time = input->time };
	const struct finding finding = { .event = &event };
	const struct verdict verdict = { .severity = input->severity };
	const struct ocsf_finding base = { .finding = &finding, .verdict = &verdict, .host = host };
	struct ocsf_builder builder = { 0 };
	json_t *object = json_object(), *connection = json_object(), *remediation = json_object();
	char command[96];

	(void)snprintf(command, sizeof(command), "%.60s-%.30s", input->uid, input->state);
	put_class(&builder, object, input->restored ? 3 : 1);
	ocsf_put_message(&builder, object, input->time, input->title, (int)input->severity);
	ocsf_put_number(&builder, object, "status_id", input->done ? 1 : 2);
	ocsf_put_text(&builder, object, "status", input->done ? "Success" : "Failure");
	ocsf_put_text(&builder, object, "command_uid", command);
	ocsf_put(&builder, object, "metadata", ocsf_metadata(&builder, &base, command));
	/* Of the whole instance: both ways. */
	ocsf_put_number(&builder, connection, "direction_id", 0);
	ocsf_put_text(&builder, connection, "direction", "Unknown");
	ocsf_put(&builder, object, "connection_info", connection);
	ocsf_put(&builder, object, "countermeasures", countermeasures(&builder));
	ocsf_put_text(&builder, remediation, "desc", input->why);
	ocsf_put(&builder, object, "remediation", remediation);
	ocsf_put_host(&builder, object, host, false);
	ocsf_put(&builder, object, "unmapped", unmapped(&builder, input));
	if (builder.failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}
