/* SPDX-License-Identifier: Apache-2.0
 *
 * What was done to the instance as a whole, as OCSF Network Remediation Activity: taken out of the
 * network, put back, or not.
 */
#include <stdio.h>

#include "base/clock.h"
#include "report/ocsf_private.h"

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
	const struct ocsf_measure measure = { input->why, "Isolate", "Network Isolation", "D3-NI" };
	json_t *object = json_object(), *connection = json_object();
	char command[96];

	(void)snprintf(command, sizeof(command), "%.60s-%.30s", input->uid, input->state);
	ocsf_put_remediation_class(&builder, object, OCSF_NETWORK_REMEDIATION,
				   input->restored ? OCSF_RESTORE : OCSF_ISOLATE);
	ocsf_put_message(&builder, object, input->time, input->title, (int)input->severity);
	ocsf_put_number(&builder, object, "status_id", input->done ? 1 : 2);
	ocsf_put_text(&builder, object, "status", input->done ? "Success" : "Failure");
	ocsf_put_text(&builder, object, "command_uid", command);
	ocsf_put(&builder, object, "metadata", ocsf_metadata(&builder, &base, command));
	/* Of the whole instance: both ways. */
	ocsf_put_number(&builder, connection, "direction_id", 0);
	ocsf_put_text(&builder, connection, "direction", "Unknown");
	ocsf_put(&builder, object, "connection_info", connection);
	ocsf_put_measure(&builder, object, &measure);
	ocsf_put_host(&builder, object, host, false);
	ocsf_put(&builder, object, "unmapped", unmapped(&builder, input));
	return ocsf_built(&builder, object);
}
